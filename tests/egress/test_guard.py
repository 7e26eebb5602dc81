"""The guarded client against a canary on loopback, which must never hear from it unless the operator said so."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer

from starkmatter.egress import guard
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.guard import allowed_destinations, fetch, is_public, post
from starkmatter.errors import InvalidInput, StarkMatterError

PRIVATE = [
    "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
    "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "fe80::1%eth0", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def canary() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/").respond_with_data("secret of the inside")
        server.expect_request("/feed").respond_with_data(b"<rss/>", headers={"ETag": '"1"'})
        yield server


# Hosts of the inside in every spelling that some resolver, browser or library takes.
INSIDE_V4 = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001",
    "0X7F000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0x7f.1", "017700000001", "0177.0.0.1", "0177.0.0.01", "0177.1",
    "00000177.0.0.1", "127.0.0.0x1", "0x7f.0.0.01", "10.0.0.1", "172.16.0.1", "192.168.0.1", "0xa9fea9fe", "2852039166",
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "100.64.0.1", "192.0.0.192", "198.18.0.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
INSIDE_V6 = [
    "::1", "::", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:0001", "::127.0.0.1",
    "2002:7f00:1::", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2001:0:7f00:1::", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:a9fe:a9fe",
]  # fmt: skip
INSIDE_NAMES = [
    "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "127．0．0．1", "①②⑦.0.0.1",
    "127.0.0.1%00", "127.0.0.1%2f", "user@127.0.0.1", "user:pw@127.0.0.1", "1.1.1.1@127.0.0.1", "1.1.1.1%40@127.0.0.1",
]  # fmt: skip
LEADS_INSIDE = {
    "inside.example.org": ["127.0.0.1"],
    "metadata.example.org": ["169.254.169.254"],
    "127.0.0.1.example.org": ["127.0.0.1"],
    "hidden.example.org": ["::ffff:127.0.0.1"],
    "rebind.example.org": ["1.1.1.1", "127.0.0.1"],
    "rebinds-late.example.org": ["1.1.1.1", "1.1.1.1", "127.0.0.1"],
}
STRANGE = [
    "HTTP://127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/", "http:/\\127.0.0.1:{port}/", "http:127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@1.1.1.1/", "http://127.0.0.1:{port}?@1.1.1.1/", "http://1.1.1.1\\@127.0.0.1:{port}/",
    "http://1.1.1.1#@127.0.0.1:{port}/", " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/\r\nHost: x",
    "http://127.0.0.1\t:{port}/", "https://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http:///", "http://", "",
    "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_GET%20/", "dict://127.0.0.1:{port}/info",
    "ldap://127.0.0.1:{port}/", "tftp://127.0.0.1:{port}/x", "ws://127.0.0.1:{port}/", "unix://127.0.0.1:{port}/",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "data:text/plain,x", "javascript:alert(1)",
    "jar:http://127.0.0.1:{port}!/", "http://example.org:22/",
]  # fmt: skip


CODES = (301, 302, 303, 307, 308)


def forms(port: int) -> list[str]:
    hosts = [*INSIDE_V4, *(f"[{host}]" for host in INSIDE_V6), *INSIDE_NAMES, *LEADS_INSIDE]
    return [*(f"http://{host}:{port}/" for host in hosts), *(strange.format(port=port) for strange in STRANGE)]


@asynccontextmanager
async def loopback_ears() -> AsyncIterator[tuple[int, list[str]]]:
    """A port on both loopback addresses, and every connection that came to it, whatever it says."""
    heard: list[str] = []

    async def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(str(writer.get_extra_info("peername")))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
        await writer.drain()
        writer.close()

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(await asyncio.start_server(hear, "127.0.0.1", 0))
        port = int(first.sockets[0].getsockname()[1])
        with suppress(OSError):  # a machine without IPv6
            await stack.enter_async_context(await asyncio.start_server(hear, "::1", port))
        yield port, heard


def pull_the_plug(monkeypatch: pytest.MonkeyPatch, port: int) -> list[str]:
    """No internet but the names of LEADS_INSIDE, and `port` is as usual as 80; the public addresses tried meanwhile."""
    tried: list[str] = []
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo
    asked: dict[str, int] = {}

    async def getaddrinfo(host: str, at: int, **more: Any) -> list[Any]:
        if (listed := LEADS_INSIDE.get(host)) is None:
            return list(await resolve(host, at, **more))
        turn = asked[host] = asked.get(host, 0) + 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (listed[min(turn, len(listed)) - 1], at))]

    class Unplugged(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if is_public(request.url.host):
                tried.append(request.url.host)
                raise httpx.ConnectError("The plug is out.", request=request)
            return await super().handle_async_request(request)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(guard.httpx, "AsyncHTTPTransport", Unplugged)
    monkeypatch.setattr(guard, "PORTS", dict.fromkeys(guard.PORTS, port))
    return tried


async def test_no_form_of_an_inside_address_reaches_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback_ears() as (port, heard):
        tried = pull_the_plug(monkeypatch, port)
        urls = forms(port)
        assert len(set(urls)) == len(urls) >= 100
        for url in urls:
            with pytest.raises(StarkMatterError):
                await fetch(url, timeout_secs=2)
            with pytest.raises(StarkMatterError):
                await post(url, b"secret", headers={}, timeout_secs=2)
        assert heard == []
        assert set(tried) == {"1.1.1.1"}, "what looked public was tried where it was looked up"
        at_home = allowed_destinations(f"127.0.0.1:{port}")
        assert (await fetch(f"http://127.0.0.1:{port}/", allowed=at_home)).body == b"secret"
        assert len(heard) == 1


@contextmanager
def names(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]]) -> Iterator[dict[str, int]]:
    """A resolver that knows these names only; each further question gets the next answer."""
    asked: dict[str, int] = {}

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host not in answers:
            raise socket.gaierror
        turn = asked[host] = asked.get(host, 0) + 1
        listed = answers[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (listed[min(turn, len(listed)) - 1], port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    yield asked


async def test_a_name_that_leads_inside_is_refused(canary: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_inside = names(monkeypatch, {"feeds.example.org": ["127.0.0.1"]})
    with leads_inside, pytest.raises(InvalidInput, match="private network"):
        await fetch("http://feeds.example.org/")
    assert canary.log == []


@asynccontextmanager
async def recorded(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """Where connections would have gone, without making any."""
    went: list[str] = []

    async def handle(_: object, request: Any) -> Any:
        went.append(request.url.host)
        return guard.httpx.Response(200, content=b"ok", request=request)

    monkeypatch.setattr(guard.httpx.AsyncHTTPTransport, "handle_async_request", handle)
    yield went


async def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recorded(monkeypatch) as went:
        with names(monkeypatch, {"rebind.example.org": ["1.1.1.1", "127.0.0.1"]}) as asked:
            assert (await fetch("http://rebind.example.org/")).body == b"ok"
            assert asked == {"rebind.example.org": 1}
            with pytest.raises(InvalidInput):
                await fetch("http://rebind.example.org/")
        assert went == ["1.1.1.1"]


@pytest.mark.parametrize("code", CODES)
async def test_a_redirect_to_the_inside_is_refused(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    async with loopback_ears() as (port, heard):
        pull_the_plug(monkeypatch, port)
        targets = [*forms(port), "http://169.254.169.254/", f"http://127.0.0.1:{port}/again?to=1"]
        with HTTPServer(host="127.0.0.1") as outside:
            allowed = allowed_destinations(f"127.0.0.1:{outside.port}")
            for n, target in enumerate(one for one in targets if one.isascii() and one.isprintable() and one):
                outside.expect_request(f"/{n}").respond_with_data("", code, headers={"Location": target})
                with pytest.raises(StarkMatterError):
                    await fetch(outside.url_for(f"/{n}"), allowed=allowed, timeout_secs=2)
            assert len(outside.log) > 90
        assert heard == []


async def test_what_the_operator_allowed_is_fetched_with_its_headers(canary: HTTPServer) -> None:
    answer = await fetch(
        canary.url_for("/feed"), allowed=allowed_destinations(f"{canary.host}:{canary.port}, 10.0.0.1:1")
    )
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"<rss/>", '"1"')


async def test_an_endless_chain_of_redirects_ends(canary: HTTPServer) -> None:
    canary.expect_request("/again").respond_with_data("", 302, headers={"Location": canary.url_for("/again")})
    with pytest.raises(VendorFailure) as failed:
        await fetch(canary.url_for("/again"), allowed=allowed_destinations(f"{canary.host}:{canary.port}"))
    assert failed.value.kind == "garbage"
    assert len(canary.log) == guard.MAX_REDIRECTS + 1


@pytest.mark.parametrize(("packed", "size"), [(False, 3_000_000), (True, 60_000_000)])
async def test_what_is_too_big_is_dropped_packed_or_not(canary: HTTPServer, packed: bool, size: int) -> None:
    import gzip

    body = b"\0" * size
    headers = {"Content-Encoding": "gzip"} if packed else {}
    canary.expect_request("/big").respond_with_data(gzip.compress(body, 1) if packed else body, headers=headers)
    with pytest.raises(VendorFailure) as failed:
        await fetch(canary.url_for("/big"), allowed=allowed_destinations(f"{canary.host}:{canary.port}"))
    assert failed.value.kind == "garbage"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limited"), (401, "refused"), (403, "refused"), (500, "broken"), (503, "broken"), (404, "garbage")],
)
async def test_a_status_becomes_a_failure_of_its_kind(canary: HTTPServer, status: int, kind: str) -> None:
    canary.expect_request("/odd").respond_with_data("", status, headers={"Retry-After": "7"})
    with pytest.raises(VendorFailure) as failed:
        await fetch(canary.url_for("/odd"), allowed=allowed_destinations(f"{canary.host}:{canary.port}"))
    assert failed.value.kind == kind
    assert failed.value.retry_after_secs == (7.0 if status == 429 else None)
