"""Signing in at E*TRADE: OAuth 1.0a with a code that its page shows, good until midnight in New York."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, quote

from starkmatter.accounts.connections import ConnectionField, ConnectionKind, SignIn, SignInStart
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.egress.line import Line
from starkmatter.errors import InvalidInput
from starkmatter.trading.brokers.etrade_session import (
    ORIGIN,
    answer_in,
    failure_of,
    open_client,
    origin_of,
    sign_in_ended,
    translated,
)
from starkmatter.trading.brokers.etrade_words import ANSWERS, NEW_YORK, VENDOR

KIND = "etrade"
AUTHORIZE = "https://us.etrade.com/e/t/etws/authorize"
ENVIRONMENTS = ("sandbox", "live")
PER_MIN = 60.0
MAX_TOKEN_CHARS = 512


def chosen_account(raw: Any, ending: str) -> tuple[str, str]:
    """Number and key (its name there) of the account meant, of those the person has; InvalidInput when it is none."""
    listed = ANSWERS.items(ANSWERS.fields(ANSWERS.fields(raw).get("Accounts"), "Accounts").get("Account"))
    found = [
        (ANSWERS.text(one, "accountId"), ANSWERS.text(one, "accountIdKey"))
        for one in listed
        if one.get("accountStatus") != "CLOSED" and one.get("institutionType", "BROKERAGE") == "BROKERAGE"
    ]
    meant = [one for one in found if one[0].endswith(ending)] if ending else found
    if len(meant) == 1:
        return meant[0]
    if not found:
        raise InvalidInput(f"{VENDOR} shows no open brokerage account.")
    there = ", ".join(f"…{number[-4:]}" for number, _ in found)
    raise InvalidInput(f"Say which account is meant by its last digits; {VENDOR} shows {there}.")


def number_of(account_number: str, environment: str) -> str:
    """What the books keep of an account's number: enough to know it again, and not the number."""
    return sha256(f"{KIND}:{environment}:{account_number}".encode()).hexdigest()[:32]


def next_midnight(now: datetime) -> datetime:
    """When every token dies."""
    tomorrow = now.astimezone(NEW_YORK).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), NEW_YORK)


async def begin(b: Backends, secrets: Secrets) -> SignInStart:
    """A request token of five minutes, and E*TRADE's page for it."""
    token, token_secret = await _token(b, "/oauth/request_token", secrets, redirect_uri="oob")
    url = f"{AUTHORIZE}?key={quote(secrets['key'], safe='')}&token={quote(token, safe='')}"
    return SignInStart(url, {"request_token": token, "request_secret": token_secret})


async def finish(b: Backends, secrets: Secrets, kept: Mapping[str, str], answer: str) -> dict[str, str]:
    """Exchange the code for the day's token."""
    if not (answer.isascii() and answer.isalnum() and len(answer) <= 32):
        raise InvalidInput(f"This is not a code of {VENDOR}: its page shows a few letters and digits.")
    now = utc_now()
    token, token_secret = await _token(
        b,
        "/oauth/access_token",
        secrets,
        token=kept["request_token"],
        token_secret=kept["request_secret"],
        verifier=answer,
    )
    until = next_midnight(now).isoformat(timespec="seconds")
    return {"token": token, "token_secret": token_secret, "signed_in_until": until}


async def test_keys(b: Backends, secrets: Secrets) -> str:
    """Look at the account."""
    if not secrets.get("token"):
        raise InvalidInput(f"The keys are kept. Now sign in at {VENDOR}, below.")
    raw = await _get(b, secrets, "/v1/accounts/list.json", "AccountListResponse")
    number, account_key = chosen_account(raw, secrets.get("account", ""))
    path = f"/v1/accounts/{quote(account_key, safe='')}/balance.json?instType=BROKERAGE&realTimeNAV=true"
    balance = ANSWERS.fields(await _get(b, secrets, path, "BalanceResponse"))
    cash = ANSWERS.number(ANSWERS.fields(balance.get("Computed"), "Computed"), "netCash")
    use = "Its sandbox answers with samples." if secrets["environment"] == "sandbox" else "It is real money."
    return f"Account …{number[-4:]} with {cash:,.2f} USD in cash. {use}"


async def _token(b: Backends, path: str, secrets: Secrets, **tokens: str) -> tuple[str, str]:
    async def ask() -> tuple[str, str]:
        async with open_client(b.settings, secrets["key"], secrets["secret"], **tokens) as client:
            response = await translated(lambda: client.get(f"{ORIGIN}{path}"))
        if response.status_code in {400, 401} and "verifier" in tokens and b"consumer_key" not in response.content:
            raise InvalidInput(f"{VENDOR} does not take this code: it is good once, for five minutes. Begin again.")
        if response.status_code != 200:
            raise failure_of(response)
        said = parse_qs(response.content.decode("ascii", "replace"))
        found = [said.get(name, [""])[0] for name in ("oauth_token", "oauth_token_secret")]
        if not all(0 < len(one) <= MAX_TOKEN_CHARS and one.isprintable() and one.isascii() for one in found):
            raise ANSWERS.garbage("token")
        return found[0], found[1]

    return await Line(VENDOR, per_min=PER_MIN, tries=1).send(ask)


async def _get(b: Backends, secrets: Secrets, path: str, name: str) -> Any:
    async def ask() -> Any:
        tokens = {"token": secrets["token"], "token_secret": secrets["token_secret"]}
        async with open_client(b.settings, secrets["key"], secrets["secret"], **tokens) as client:
            response = await translated(lambda: client.get(f"{origin_of(secrets)}{path}"))
        if response.status_code == 401 and b"token" in response.content:
            raise sign_in_ended()
        if response.status_code != 200:
            raise failure_of(response)
        return answer_in(response, name)

    return await Line(VENDOR, per_min=PER_MIN, tries=1).read(ask)


def check(values: Mapping[str, str]) -> None:
    """InvalidInput for what cannot be the end of an account's number."""
    if values["account"] and not (values["account"].isdigit() and values["account"].isascii()):
        raise InvalidInput("Account: its last digits, or nothing.")


CONNECTION = ConnectionKind(
    kind=KIND,
    title="E*TRADE",
    scope="person",
    adds="Opens E*TRADE's sandbox to try orders on, or shows your account there beside the others, held against its "
    "own book. A live account is real money: orders for it are refused until you turn live trading on under "
    "Settings, Limits.",
    fields=(
        ConnectionField("key", "Consumer key"),
        ConnectionField("secret", "Consumer secret"),
        ConnectionField("environment", "Keys are for", secret=False, default="sandbox", choices=ENVIRONMENTS),
        ConnectionField("account", "Account, last digits", secret=False, required=False, hint="if you have several"),
    ),
    test=test_keys,
    check=check,
    where="developer.etrade.com: a consumer key for the sandbox, or for your own account after its agreements.",
    sign_in=SignIn(
        begin=begin,
        finish=finish,
        keeps=frozenset({"token", "token_secret"}),
        bound_to=frozenset({"key", "secret", "environment"}),
        answer="Code that its page shows",
        words="E*TRADE asks you to sign in and to accept, then shows a code of a few letters and digits. Enter it here "
        "within five minutes. The sign-in ends at midnight in New York, then the account says that it is signed out "
        "and you repeat this.",
    ),
)
