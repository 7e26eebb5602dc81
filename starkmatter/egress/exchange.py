"""One request with any method through the guard: no redirect is followed, nothing is unpacked, the body has a cap."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.guard import REDIRECTS, TIMEOUT_SECS, USER_AGENT, GuardedTransport
from starkmatter.errors import InvalidInput

MAX_BYTES = 200_000
# No connection was made, so nothing of a request can have gone over it.
NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# The client's own affair: it connects to the address that was checked, and takes nothing packed.
OURS = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "user-agent"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status: headers in lower case, the body as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    allowed: frozenset[tuple[str, int]] = frozenset(),
    max_bytes: int = MAX_BYTES,
    timeout_secs: float = TIMEOUT_SECS,
) -> Answer:
    """Send it once. InvalidInput when the address may not be asked, VendorFailure when it cannot or goes elsewhere.

    A failure is `unsent` when no connection could be made for it.
    """
    vendor = (urlsplit(url).hostname or url)[:80]
    sent = {name: text for name, text in (headers or {}).items() if name.lower() not in OURS}
    sent |= {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(timeout_secs * 2),
            httpx.AsyncClient(
                transport=GuardedTransport(allowed), timeout=timeout_secs, trust_env=False, follow_redirects=False
            ) as client,
            client.stream(method, url, headers=sent, content=content) as response,
        ):
            if response.status_code in REDIRECTS:
                raise VendorFailure(vendor, "garbage", f"{vendor} sends us to another address.")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise VendorFailure(vendor, "garbage", f"{vendor} packs an answer that was asked for plain.")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > max_bytes:
                    raise VendorFailure(vendor, "garbage", f"{vendor} sends more than {max_bytes:,} bytes.")
            return Answer(response.status_code, dict(response.headers), bytes(body))
    except httpx.InvalidURL:
        raise InvalidInput("This is not an address that can be asked.") from None
    except (httpx.TransportError, TimeoutError, OSError) as error:
        words, unsent = f"{vendor} cannot be reached or is too slow.", isinstance(error, NEVER_CONNECTED)
        raise VendorFailure(vendor, "unreachable", words, unsent=unsent) from None
