"""Keys of Alpaca: of its paper market or of real money, never one for the other, and how they are tried."""

from collections.abc import Mapping

import httpx

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import authorities
from starkmatter.egress.line import Line
from starkmatter.errors import InvalidInput
from starkmatter.settings import Settings
from starkmatter.trading.brokers.alpaca_words import KIND, VENDOR, blocked_words, garbage, number_of, object_of, text_of

PAPER, LIVE = "paper", "live"
REST_URL, STREAM_URL = "https://paper-api.alpaca.markets", "wss://paper-api.alpaca.markets/stream"
LIVE_REST_URL, LIVE_STREAM_URL = "https://api.alpaca.markets", "wss://api.alpaca.markets/stream"
# What its keys begin with, of either kind.
PREFIXES = {PAPER: "PK", LIVE: "AK"}
PER_MIN = 150.0
READ_SECS = 10.0


def environment_of(values: Mapping[str, str]) -> str:
    """What the keys are for; those that were kept before there was a choice are for paper."""
    return values.get("environment", PAPER)


def rest_url(settings: Settings, values: Mapping[str, str]) -> str:
    """Where orders of these keys go."""
    if environment_of(values) == LIVE:
        return settings.vendor_urls.get("alpaca-live-trading", LIVE_REST_URL).rstrip("/")
    return settings.vendor_urls.get("alpaca-trading", REST_URL).rstrip("/")


def stream_url(settings: Settings, values: Mapping[str, str]) -> str:
    """Where the account's stream is heard."""
    if environment_of(values) == LIVE:
        return settings.vendor_urls.get("alpaca-live-trading-stream", LIVE_STREAM_URL)
    return settings.vendor_urls.get("alpaca-trading-stream", STREAM_URL)


def check_keys(values: Mapping[str, str]) -> None:
    """InvalidInput for keys of the other kind than was said: nothing is kept of them."""
    said = environment_of(values)
    if said not in PREFIXES:
        raise InvalidInput("environment: paper or live.")
    other = LIVE if said == PAPER else PAPER
    if values["key_id"].upper().startswith(PREFIXES[other]):
        words = {
            PAPER: f"These are keys of a live account: real money. Enter those of {VENDOR}'s paper account, which begin"
            " with PK, or say that they are for the live one.",
            LIVE: f"These are keys of {VENDOR}'s paper account. Enter those of the live account, which begin with AK, "
            "or say that they are for the paper one.",
        }
        raise InvalidInput(words[said])


async def test_keys(b: Backends, secrets: Secrets) -> str:
    """Ask for the account, without the SDK: the web process stays small."""
    check_keys(secrets)
    url = rest_url(b.settings, secrets)
    headers = {"APCA-API-KEY-ID": secrets["key_id"], "APCA-API-SECRET-KEY": secrets["secret"]}

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(verify=authorities(), timeout=READ_SECS, trust_env=False) as client:
            try:
                return await client.get(f"{url}/v2/account", headers=headers)
            except httpx.TransportError:
                raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None

    answer = await Line(VENDOR, per_min=PER_MIN, tries=1).read(ask)
    if answer.status_code != 200:
        raise failure_of_status(VENDOR, answer.status_code)
    try:
        account = object_of(answer.json())
    except ValueError:
        raise garbage("content") from None
    blocked = blocked_words(account)
    if blocked:
        raise InvalidInput(blocked)
    what = "Account of real money" if environment_of(secrets) == LIVE else "Paper account"
    return f"{what} with {number_of(account, 'cash'):,.2f} {text_of(account, 'currency')} in cash."


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Alpaca (trading)",
    scope="person",
    adds="With Alpaca's keys you can open its account here: orders go to a real broker's paper market. A live account "
    "is real money: orders for it are refused until you turn live trading on under Settings, Limits.",
    fields=(
        ConnectionField("environment", "Keys are for", secret=False, default=PAPER, choices=(PAPER, LIVE)),
        ConnectionField("key_id", "Key ID", hint="PK…, or AK…"),
        ConnectionField("secret", "Secret key"),
    ),
    test=test_keys,
    check=check_keys,
    where="Alpaca's dashboard, paper or live account, API keys.",
)
