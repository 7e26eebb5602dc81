"""Signing in at Schwab: OAuth with a code, by a browser that ends at an address only its owner sees.

Schwab sends browsers back to an https address registered with the app, which a house without a public one does not
have: the person copies the address they end at. The code in it is redeemed once; what is kept, sealed, is the refresh
token, which dies after seven days whatever one does.
"""

import base64
import secrets as random
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from starkmatter.accounts.connections import ConnectionField, ConnectionKind, SignIn, SignInStart
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.egress.exchange import Answer, exchange
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.line import Line
from starkmatter.errors import InvalidInput
from starkmatter.settings import Settings
from starkmatter.trading.brokers.schwab_words import ANSWERS, VENDOR, positions_of
from starkmatter.trading.ports import SignInEnded

KIND = "schwab"
ORIGIN = "https://api.schwabapi.com"
CALLBACK = "https://127.0.0.1"
SIGN_IN_LASTS = timedelta(days=7)
PER_MIN = 60.0
READ_SECS = 10.0
MAX_TOKEN_CHARS = 4_096


def url_of(settings: Settings) -> str:
    """Where Schwab is."""
    return settings.vendor_urls.get("schwab", ORIGIN).rstrip("/")


def sign_in_ended(*, first: bool = False) -> SignInEnded:
    """The words for a sign-in that is over, or was never made."""
    where = "under Settings, Connections. Nothing is lost meanwhile."
    if first:
        return SignInEnded(VENDOR, f"{VENDOR} is connected but nobody has signed in there yet: do it {where}")
    return SignInEnded(VENDOR, f"The sign-in at {VENDOR} has ended, as it does after 7 days: sign in again {where}")


def chosen_account(raw: Any, ending: str) -> tuple[str, str]:
    """Number and hash (its name there) of the account meant, of those the person may see; InvalidInput when none is."""
    found = [(ANSWERS.text(one, "accountNumber"), ANSWERS.text(one, "hashValue")) for one in ANSWERS.items(raw)]
    meant = [one for one in found if one[0].endswith(ending)] if ending else found
    if len(meant) == 1:
        return meant[0]
    there = ", ".join(f"…{number[-4:]}" for number, _ in found)
    if not found:
        raise InvalidInput(f"{VENDOR} shows no account to this app: allow one while you sign in.")
    raise InvalidInput(f"Say which account is meant by its last digits; {VENDOR} shows {there}.")


def number_of(account_number: str) -> str:
    """What the books keep of an account's number: enough to know it again, and not the number."""
    return sha256(f"{KIND}:{account_number}".encode()).hexdigest()[:32]


async def begin(_: Backends, secrets: Secrets) -> SignInStart:
    """Where the browser goes, with a state that is good for one sign-in."""
    state = random.token_urlsafe(24)
    asked = {
        "response_type": "code",
        "client_id": secrets["key"],
        "redirect_uri": secrets["callback"],
        "state": state,
    }
    # The person's browser goes there, so the operator's address for our own requests does not count.
    return SignInStart(f"{ORIGIN}/v1/oauth/authorize?{urlencode(asked, quote_via=quote)}", {"state": state})


async def finish(b: Backends, secrets: Secrets, kept: Mapping[str, str], answer: str) -> dict[str, str]:
    """Redeem the code of the address the person ended at: the refresh token, and until when it is good."""
    query = parse_qs(urlsplit(answer.strip()).query)
    code, state = query.get("code", [""])[0], query.get("state", [""])[0]
    if not code:
        raise InvalidInput(f"This is not the address {VENDOR} sent you to: it has a code in it.")
    if not random.compare_digest(state, kept["state"]):
        raise InvalidInput("This address belongs to another sign-in: begin again.")
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": secrets["callback"]}
    now = utc_now()
    token = await _token(b.settings, secrets, asked)
    refresh = token.get("refresh_token")
    if not isinstance(refresh, str) or not refresh.isprintable() or not 0 < len(refresh) <= MAX_TOKEN_CHARS:
        raise ANSWERS.garbage("token")
    return {"refresh_token": refresh, "signed_in_until": (now + SIGN_IN_LASTS).isoformat(timespec="seconds")}


async def test_keys(b: Backends, secrets: Secrets) -> str:
    """Look at the account, without the SDK: the web process stays small."""
    refresh = secrets.get("refresh_token")
    if not refresh:
        raise InvalidInput(f"The keys are kept. Now sign in at {VENDOR}, below.")
    token = await _token(b.settings, secrets, {"grant_type": "refresh_token", "refresh_token": refresh})
    access = ANSWERS.text(token, "access_token")
    number, account_hash = chosen_account(
        await _get(b.settings, access, "/trader/v1/accounts/accountNumbers"), secrets.get("account", "")
    )
    raw = await _get(b.settings, access, f"/trader/v1/accounts/{quote(account_hash)}?fields=positions")
    account = ANSWERS.fields(ANSWERS.fields(raw).get("securitiesAccount"), "account")
    cash = ANSWERS.number(ANSWERS.fields(account.get("currentBalances"), "balances"), "cashBalance")
    count = len(positions_of(account))
    positions = "1 position" if count == 1 else f"{count} positions"
    return f"Account …{number[-4:]} with {cash:,.2f} USD in cash and {positions}. It is real money."


async def _token(settings: Settings, secrets: Secrets, asked: Mapping[str, str]) -> Mapping[str, Any]:
    basic = base64.b64encode(f"{secrets['key']}:{secrets['secret']}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = await _ask(settings, "POST", "/v1/oauth/token", headers, urlencode(asked).encode())
    if answer.status == 200:
        return ANSWERS.fields(ANSWERS.parsed(answer.body))
    if answer.status in {400, 401}:
        said = ANSWERS.fields(ANSWERS.parsed(answer.body)).get("error")
        if said == "invalid_client":
            raise VendorFailure(VENDOR, "refused", f"{VENDOR} does not accept the app key and its secret.")
        if asked["grant_type"] == "authorization_code":
            raise InvalidInput(f"{VENDOR} does not take this code: it is good once, for half a minute. Begin again.")
        raise sign_in_ended()
    raise failure_of_status(VENDOR, answer.status)


async def _get(settings: Settings, access: str, path: str) -> Any:
    answer = await _ask(settings, "GET", path, {"Authorization": f"Bearer {access}", "Accept": "application/json"})
    if answer.status == 401:
        raise sign_in_ended()
    if answer.status != 200:
        raise failure_of_status(VENDOR, answer.status)
    return ANSWERS.parsed(answer.body)


async def _ask(settings: Settings, method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> Answer:
    """One request, once: a code and a token are good for one."""
    from starkmatter.egress.door import destination_of, named

    at = url_of(settings)
    allowed = destination_of(at) if at != ORIGIN else frozenset()

    async def ask() -> Answer:
        try:
            return await exchange(
                method, f"{at}{path}", headers=headers, content=content, allowed=allowed, timeout_secs=READ_SECS
            )
        except VendorFailure as failure:
            raise named(VENDOR, failure) from None

    return await Line(VENDOR, per_min=PER_MIN, tries=1).send(ask)


def check(values: Mapping[str, str]) -> None:
    """InvalidInput for what cannot be an app's callback or the end of an account's number."""
    parts = urlsplit(values["callback"])
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise InvalidInput(f"Callback address: the https address registered with the app at {VENDOR}.")
    if values["account"] and not (values["account"].isdigit() and values["account"].isascii()):
        raise InvalidInput("Account: its last digits, or nothing.")


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Schwab",
    scope="person",
    adds="Shows your account at Schwab (also one that came from TD Ameritrade) beside the others: cash, positions, "
    "orders and dividends, held against its own book. It is real money: orders for it are refused until "
    "you turn live trading on under Settings, Limits.",
    fields=(
        ConnectionField("key", "App key"),
        ConnectionField("secret", "App secret"),
        ConnectionField(
            "callback", "Callback address", secret=False, default=CALLBACK, hint="as registered with the app"
        ),
        ConnectionField("account", "Account, last digits", secret=False, required=False, hint="if you have several"),
    ),
    test=test_keys,
    check=check,
    where="developer.schwab.com: an app of your own with Accounts and Trading Production, once it is ready for use.",
    sign_in=SignIn(
        begin=begin,
        finish=finish,
        keeps=frozenset({"refresh_token"}),
        bound_to=frozenset({"key", "secret", "callback"}),
        answer="Address you ended at",
        words="Schwab asks you to sign in and to allow the account, then sends your browser to the callback address. "
        "Nothing may open there; that is fine. Copy the whole address out of the browser and enter it here within half "
        "a minute. The sign-in lasts 7 days, then the account says that it is signed out and you repeat this.",
    ),
)
