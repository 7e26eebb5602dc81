"""Requests to E*TRADE, signed by OAuth 1.0a, through our guarded way out: for the adapter and for signing in."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs
from starkmatter.settings import Settings
from starkmatter.trading.brokers.etrade_words import ANSWERS, VENDOR
from starkmatter.trading.ports import CancelRefused, OrderRefused, SignInEnded

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth1Client

# Signing in is done at the same place for both; what is asked for afterward is not.
ORIGIN = "https://api.etrade.com"
SANDBOX = "https://apisb.etrade.com"
READ_SECS = 10.0
UNCERTAIN = frozenset({401, 408, 425, 429})
NOTHING = 204


def sign_in_ended(*, first: bool = False) -> SignInEnded:
    """The words for a sign-in that is over, or was never made."""
    where = "under Settings, Connections. Nothing is lost meanwhile."
    if first:
        return SignInEnded(VENDOR, f"{VENDOR} is connected but nobody has signed in there yet: do it {where}")
    return SignInEnded(
        VENDOR, f"The sign-in at {VENDOR} has ended, as it does at midnight in New York: sign in again {where}"
    )


def origin_of(values: Mapping[str, str]) -> str:
    """Where the account is asked for: the sandbox, or the real one."""
    return ORIGIN if values["environment"] == "live" else SANDBOX


def open_client(settings: Settings, key: str, secret: str, **tokens: str) -> "AsyncOAuth1Client":
    """A client that signs every request; `tokens` as its library names them."""
    from authlib.integrations.httpx_client import AsyncOAuth1Client

    from starkmatter.egress.door import VendorDoor

    elsewhere = settings.vendor_urls.get("etrade", "").rstrip("/")
    ways = {one: elsewhere or one for one in (ORIGIN, SANDBOX)}
    door = VendorDoor(VENDOR, ways, timeout_secs=READ_SECS)
    return AsyncOAuth1Client(key, secret, transport=door, trust_env=False, **tokens)


async def translated(ask: Callable[[], Awaitable[Any]]) -> Any:
    """One call of the client; what the library says becomes one of our errors."""
    import httpx2

    try:
        return await ask()
    except (httpx2.TransportError, OSError):
        raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None


async def send_json(client: "AsyncOAuth1Client", method: str, url: str, body: Mapping[str, Any]) -> Any:
    """A signed request with a body, which no signature covers (RFC 5849, 3.4.1.3.1): the library would leave it out."""
    _, headers, _ = client.auth.sign(method, url, {"Content-Type": "application/json"}, b"")
    return await client.request(method, url, headers=headers, content=json.dumps(body).encode(), auth=None)


def is_idle(response: Any) -> bool:
    """Whether the token only sleeps after two hours without a request, and can be woken."""
    return response.status_code == 401 and b"token_expired" in response.content


def failure_of(response: Any, *, placing: bool = False, canceling: bool = False) -> Exception:
    """What a status and body mean: certain only when the vendor's own words came with it."""
    status, words = response.status_code, ANSWERS.words_of(response.content)
    if status == 401:
        if b"consumer_key" in response.content or b"signature_invalid" in response.content:
            return VendorFailure(VENDOR, "refused", f"{VENDOR} does not accept the consumer key and its secret.")
        return sign_in_ended()
    if words is not None and 400 <= status < 500 and status not in UNCERTAIN:
        if placing:
            return OrderRefused(f"{VENDOR} refused the order: {words}")
        if canceling:
            return CancelRefused(f"{VENDOR}: {words}")
    return failure_of_status(VENDOR, status, retry_after_secs=retry_after_secs(response.headers))


def answer_in(response: Any, name: str) -> Mapping[str, Any] | None:
    """The answer under its name; None when E*TRADE says that there is nothing."""
    if response.status_code == NOTHING:
        return None
    return ANSWERS.fields(ANSWERS.fields(ANSWERS.parsed(response.content)).get(name), name)
