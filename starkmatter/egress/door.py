"""The way out of SDKs that bring an httpx2 client of their own: to one vendor and nowhere else, through the guard.

Their hard-coded address leads to where the operator says the vendor is. Imported where an SDK is opened, never before.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from starkmatter.egress.exchange import exchange
from starkmatter.egress.failures import VendorFailure

PASSED_ON = frozenset({"content-type", "location", "retry-after"})
MAX_BYTES = 5_000_000


class VendorDoor(httpx2.AsyncBaseTransport):
    """`ways`: where a request goes whose address begins so, as the SDK believes; any other address is refused."""

    def __init__(
        self, vendor: str, ways: Mapping[str, str], *, timeout_secs: float, max_bytes: int = MAX_BYTES
    ) -> None:
        self._vendor = vendor
        self._ways = dict(ways)
        self._timeout_secs = timeout_secs
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """One request, sent once."""
        asked = str(request.url)
        origin = next((one for one in self._ways if asked.startswith(f"{one}/")), None)
        if origin is None:
            raise VendorFailure(self._vendor, "garbage", f"{self._vendor} sends us to another address.")
        at = self._ways[origin]
        try:
            answer = await exchange(
                request.method,
                at + asked.removeprefix(origin),
                headers=dict(request.headers),
                content=await request.aread(),
                allowed=destination_of(at) if at != origin else frozenset(),
                max_bytes=self._max_bytes,
                timeout_secs=self._timeout_secs,
            )
        except VendorFailure as failure:
            raise named(self._vendor, failure) from None
        passed = {name: text for name, text in answer.headers.items() if name in PASSED_ON}
        return httpx2.Response(answer.status, headers=passed, content=answer.body)


def destination_of(url: str) -> frozenset[tuple[str, int]]:
    """The host and port of an address the operator chose, for the guard."""
    parts = urlsplit(url)
    return frozenset({((parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80))})


def named(vendor: str, failure: VendorFailure) -> VendorFailure:
    """The same failure under the name people know instead of the host's."""
    words = {
        "unreachable": f"{vendor} cannot be reached or did not answer in time.",
        "garbage": f"{vendor} sent something that is not an answer.",
    }
    text = words.get(failure.kind, failure.text.replace(failure.vendor, vendor))
    return VendorFailure(vendor, failure.kind, text, unsent=failure.unsent)
