"""A client for addresses that come from people or feeds: it connects only where it has checked that it may.

Every address a name resolves to must be public; the connection goes to the checked address, so a name that changes its
mind between check and use gains nothing. Redirects are followed here, each one checked again. What the environment says
of proxies is ignored. The operator may name private destinations in STARKMATTER_EGRESS_ALLOW.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx

from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.errors import InvalidInput

MAX_BYTES = 2_000_000
MAX_REDIRECTS = 3
TIMEOUT_SECS = 5.0
PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Special-purpose blocks (IANA registries) that some Python versions call global.
SPECIAL = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64", "3fff::/20", "5f00::/16", "fec0::/10")
)
USER_AGENT = "StarkMatter (self-hosted; one reader)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer within the limits: `status` 200 or 304, headers in lower case, the decoded body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


def allowed_destinations(text: str) -> frozenset[tuple[str, int]]:
    """`host:port, host:port` as set by the operator."""
    pairs = [part.strip().rpartition(":") for part in text.split(",") if part.strip()]
    return frozenset((host.strip("[]").lower(), int(port)) for host, _, port in pairs)


@cache
def authorities() -> ssl.SSLContext:
    """Whom our clients believe: read once in a process, since reading it stops everything else for 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves, checks every address, connects to the checked one; refuses anything but plain http(s) to the public."""

    def __init__(self, allowed: frozenset[tuple[str, int]] = frozenset()) -> None:
        self._allowed = allowed
        self._inner = httpx.AsyncHTTPTransport(verify=authorities(), trust_env=False, retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, port = request.url.host, request.url.port or PORTS.get(request.url.scheme, 0)
        address = await self._checked_address(request.url.scheme, host, port)
        target = request.url.copy_with(host=address)
        extensions = {**request.extensions, "sni_hostname": host}
        return await self._inner.handle_async_request(
            httpx.Request(request.method, target, headers=request.headers, stream=request.stream, extensions=extensions)
        )

    async def _checked_address(self, scheme: str, host: str, port: int) -> str:
        if scheme not in PORTS:
            raise InvalidInput("Only http and https addresses can be fetched.")
        free = (host.lower(), port) in self._allowed
        if port != PORTS[scheme] and not free:
            raise InvalidInput("Only the usual ports, 80 and 443, can be fetched.")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            words = f"There is no host called {host[:80]}."
            raise VendorFailure(host[:80], "unreachable", words, unsent=True) from None
        addresses = [str(entry[4][0]) for entry in found]
        if not free and not all(is_public(address) for address in addresses):
            raise InvalidInput("This address leads into a private network and is not fetched.")
        return addresses[0]

    async def aclose(self) -> None:
        await self._inner.aclose()


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; forms that hide an IPv4 address are judged by it."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _nat64(ip)
        if hidden is not None:
            return is_public(str(hidden))
    special = any(ip.version == block.version and ip in block for block in SPECIAL)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or special)


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    inside = ip in ipaddress.ip_network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if inside else None


async def fetch(
    url: str,
    *,
    allowed: frozenset[tuple[str, int]] = frozenset(),
    headers: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    timeout_secs: float = TIMEOUT_SECS,
) -> Fetched:
    """GET one address within the limits. InvalidInput when it may not be fetched, VendorFailure when it cannot."""
    vendor = (urlsplit(url).hostname or url)[:80]
    try:
        async with (
            asyncio.timeout(timeout_secs * 2),
            httpx.AsyncClient(
                transport=GuardedTransport(allowed), timeout=timeout_secs, trust_env=False, follow_redirects=False
            ) as client,
        ):
            for _ in range(MAX_REDIRECTS + 1):
                answer = await _once(client, url, {"User-Agent": USER_AGENT, **(headers or {})}, max_bytes, vendor)
                if answer.status not in REDIRECTS:
                    return answer
                url = urljoin(url, answer.headers.get("location", ""))
                headers = None
    except httpx.InvalidURL:
        raise InvalidInput("This is not an address that can be fetched.") from None
    except (httpx.TransportError, TimeoutError, OSError):
        raise VendorFailure(vendor, "unreachable", f"{vendor} cannot be reached or is too slow.") from None
    raise VendorFailure(vendor, "garbage", f"{vendor} sends us from one address to the next.")


async def post(
    url: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    allowed: frozenset[tuple[str, int]] = frozenset(),
    timeout_secs: float = TIMEOUT_SECS,
) -> None:
    """POST to one address within the same limits; the answer's body is not read and no redirect is followed.

    InvalidInput when it may not be asked, VendorFailure when it does not take it.
    """
    vendor = (urlsplit(url).hostname or url)[:80]
    try:
        async with (
            asyncio.timeout(timeout_secs * 2),
            httpx.AsyncClient(transport=GuardedTransport(allowed), timeout=timeout_secs, trust_env=False) as client,
            client.stream("POST", url, content=body, headers={"User-Agent": USER_AGENT, **headers}) as response,
        ):
            if not response.is_success:
                raise failure_of_status(vendor, response.status_code)
    except httpx.InvalidURL:
        raise InvalidInput("This is not an address that can be asked.") from None
    except (httpx.TransportError, TimeoutError, OSError):
        raise VendorFailure(vendor, "unreachable", f"{vendor} cannot be reached or is too slow.") from None


async def _once(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], max_bytes: int, vendor: str
) -> Fetched:
    async with client.stream("GET", url, headers=dict(headers)) as response:
        if response.status_code in REDIRECTS:
            return Fetched(url, response.status_code, dict(response.headers), b"")
        if response.status_code not in {200, 304}:
            raise failure_of_status(vendor, response.status_code, retry_after_secs=retry_after_secs(response.headers))
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > max_bytes:
                raise VendorFailure(vendor, "garbage", f"{vendor} sends more than {max_bytes:,} bytes.")
        return Fetched(url, response.status_code, dict(response.headers), bytes(body))


def retry_after_secs(headers: Mapping[str, str]) -> float | None:
    """Seconds a vendor asks us to wait (Retry-After as a number); None when it does not say."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isdigit() else None
