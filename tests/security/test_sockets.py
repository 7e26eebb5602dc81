"""Who may open the two sockets, whose state a tab token gives, and when a session is over."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.security.conftest import CANARY, Estate
from tests.security.product import Product, tracebacks
from tests.security.wire import Wire, event_url, wire

pytestmark = pytest.mark.process

STATES = "reflex___state____state.starkmatter___ui___state___"
SETTINGS = f"{STATES}settings____settings_state"
FRAME = f"{STATES}frame____frame_state"
ORDERS = f"{STATES}pages____orders_state"
ROOT = "reflex___state____state"
FIRST_EVENTS = (
    f"{ROOT}.hydrate",
    f"{ROOT}.hydrate_and_load",
    f"{ROOT}.set_is_hydrated",
    f"{FRAME}.refresh",
    f"{ORDERS}.close",
)
TRIES = 8
REVOKED_WITHIN_SECS = 1.0


def bad_origins(product: Product) -> dict[str, str | None]:
    """Twelve ways not to be our own page."""
    port = product.instance.port
    return {
        "another site": "http://evil.test",
        "a sandbox": "null",
        "our name as a suffix": f"http://evil127.0.0.1:{port}",
        "our name as a prefix": f"http://127.0.0.1.evil.test:{port}",
        "another port": f"http://127.0.0.1:{port + 1}",
        "another scheme": f"https://127.0.0.1:{port}",
        "a subdomain": f"http://sub.localhost:{port}",
        "none at all": None,
        "upper case": f"HTTP://LOCALHOST:{port}",
        "a trailing dot": f"http://localhost.:{port}",
        "a user before an at sign": f"http://localhost:{port}@evil.test",
        "a look-alike": f"http://lоcalhost:{port}".encode().decode("latin-1"),
    }


BAD = (
    "another site",
    "a sandbox",
    "our name as a suffix",
    "our name as a prefix",
    "another port",
    "another scheme",
    "a subdomain",
    "none at all",
    "upper case",
    "a trailing dot",
    "a user before an at sign",
    "a look-alike",
)


async def handshake(url: str, origin: str | None, cookie: str) -> int:
    """The status of a websocket handshake."""
    headers = {"cookie": cookie, **({} if origin is None else {"origin": origin})}
    try:
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            return int(socket.response.status_code) if socket.response else 0
    except InvalidStatus as refusal:
        return int(refusal.response.status_code)


@pytest.mark.parametrize("kind", BAD)
async def test_a_signed_in_browser_on_a_foreign_page_gets_neither_socket(
    product: Product, estate: Estate, kind: str
) -> None:
    origin = bad_origins(product)[kind]
    stream = f"ws://127.0.0.1:{product.instance.port}/api/v1/stream"
    assert await handshake(event_url(product, str(uuid4())), origin, estate.owner.cookie) in {400, 403}
    assert await handshake(stream, origin, estate.owner.cookie) in {401, 403}


async def test_our_own_page_gets_both_sockets(product: Product, estate: Estate) -> None:
    for name in ("127.0.0.1", "localhost"):
        origin = f"http://{name}:{product.instance.port}"
        assert await handshake(event_url(product, str(uuid4())), origin, estate.owner.cookie) == 101
        stream = f"ws://127.0.0.1:{product.instance.port}/api/v1/stream"
        assert await handshake(stream, origin, estate.owner.cookie) == 101


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "a look-alike"])
def test_no_answer_lets_a_foreign_page_read_it(product: Product, estate: Estate, kind: str) -> None:
    origin = bad_origins(product)[kind]
    with product.client(estate.owner, origin=origin) as http:
        for method, path in (
            ("GET", "/"),
            ("GET", "/login"),
            ("GET", "/ping"),
            ("GET", "/app.css"),
            ("GET", "/fonts/inter.woff2"),
            ("GET", "/favicon.ico"),
            ("GET", "/api/v1/auth/me"),
            ("GET", "/api/v1/openapi.json"),
            ("OPTIONS", "/api/v1/orders"),
            ("GET", "/_event/?EIO=4&transport=polling"),
        ):
            asked = {"access-control-request-method": "POST"} if method == "OPTIONS" else {}
            answer = http.request(method, path, headers=asked)
            assert "access-control-allow-origin" not in answer.headers, (path, dict(answer.headers))


def test_a_foreign_page_changes_nothing_over_rest(product: Product, estate: Estate) -> None:
    before = product.tables()
    for origin in bad_origins(product).values():
        if origin is None or origin.isascii():
            with product.client(estate.owner, origin=origin) as http:
                assert http.delete(f"/api/v1/orders/{estate.working_id}").status_code == 403
                assert http.post("/api/v1/auth/logout").status_code == 403
                assert http.post("/api/v1/replay", json={"paused": True}).status_code == 403
    assert product.tables() == before


def test_the_event_socket_has_no_other_transport_and_no_upload(product: Product, estate: Estate) -> None:
    with product.client(estate.owner) as http:
        assert http.get("/_event/?EIO=4&transport=polling").status_code == 400
        assert http.post("/_event/?EIO=4&transport=polling", content="40").status_code == 400
        assert http.post("/_upload", files={"files": b"x"}).status_code in {404, 405}
        assert http.get("/_all_routes").status_code == 404


async def filled_tab(product: Product, estate: Estate, token: str, *, in_flight: bool = False) -> None:
    """The owner's tab, with their name, account and orders in its state; then the window is closed.

    With `in_flight` it is closed while the server still works for it.
    """
    async with wire(product, product.again(estate.owner), token=token) as line:
        for handler in (f"{FRAME}.load", f"{SETTINGS}.load", f"{ORDERS}.load") * (5 if in_flight else 1):
            await line.call(handler)
        if not in_flight:
            await line.settled_twice()
        await line.until(lambda frame: CANARY in frame, "the owner's data")


@pytest.mark.parametrize("in_flight", [False, True], ids=["at rest", "with events in flight"])
@pytest.mark.parametrize("who", ["nobody", "somebody else"])
async def test_a_stolen_tab_token_gives_no_state_but_ones_own(
    product: Product, estate: Estate, who: str, in_flight: bool
) -> None:
    thief = None if who == "nobody" else product.person("trader")
    for number in range(TRIES):
        token = "1" if number == 0 else f"tab-{number}-{uuid4()}"
        await filled_tab(product, estate, token, in_flight=in_flight)
        async with wire(product, thief, token=token) as line:
            first = ("hydrate", "hydrate_and_load", "set_is_hydrated", f"{FRAME}.refresh", f"{ORDERS}.close")[
                number % 5
            ]
            name = first if "." in first else f"reflex___state____state.{first}"
            await line.call(name, {"value": True} if first == "set_is_hydrated" else {})
            await line.settled_twice()
            seen = "".join(line.frames)
        assert [secret for secret in estate.secrets if secret in seen] == []


async def test_two_windows_with_one_tab_token_do_not_share_a_state(product: Product, estate: Estate) -> None:
    token = str(uuid4())
    async with wire(product, product.again(estate.owner), token=token) as owner:
        await owner.call(f"{SETTINGS}.load")
        await owner.settled()
        for thief in (None, product.person("viewer")):
            async with wire(product, thief, token=token) as line:
                await line.settled()
                assert any("new_token" in frame for frame in line.frames)
                assert CANARY not in "".join(line.frames)
        await owner.settled()
        assert CANARY in owner.frames[-1]


async def test_a_chosen_tab_token_is_no_way_into_a_later_session(product: Product, estate: Estate) -> None:
    token = "fixed-by-the-attacker"
    async with wire(product, token=token) as line:
        await line.settled()
    await filled_tab(product, estate, token)
    async with wire(product, token=token) as line:
        await line.settled_twice()
        assert CANARY not in "".join(line.frames)


async def answers(line: Wire) -> bool:
    """Whether an event that needs a person is still carried out."""
    mark = len(line.frames)
    await line.call(f"{SETTINGS}.load")
    await line.settled()
    return not any("_redirect" in frame for frame in line.frames[mark:])


@asynccontextmanager
async def stream_of(product: Product, cookie: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{product.instance.port}/api/v1/stream"
    headers = {"cookie": cookie}
    async with connect(url, additional_headers=headers, origin=product.origin, proxy=None) as socket:
        yield socket


async def drained(stream: ClientConnection) -> None:
    """Until the server has closed it."""
    with suppress(ConnectionClosed):
        while True:
            await stream.recv()


@pytest.mark.parametrize("how", ["revoked elsewhere", "signed out", "taken out in the database", "person disabled"])
async def test_the_end_of_a_session_reaches_every_open_door_within_a_second(
    product: Product, estate: Estate, how: str
) -> None:
    person = product.person("trader") if how == "person disabled" else product.again(estate.owner)
    other = product.again(person)
    async with wire(product, person) as line, stream_of(product, person.cookie) as stream:
        assert await answers(line)
        with product.client(person) as http, product.client(other) as elsewhere:
            assert http.get("/api/v1/auth/me").status_code == 200
            if how == "revoked elsewhere":
                assert elsewhere.delete(f"/api/v1/auth/sessions/{product.session_id(person)}").status_code == 204
            elif how == "signed out":
                assert http.post("/api/v1/auth/logout", headers={"cookie": person.cookie}).status_code == 204
            else:
                statement, value = {
                    "person disabled": ("UPDATE app_user SET disabled_at = now() WHERE id = %s", person.id),
                }.get(how, ("UPDATE user_session SET revoked_at = now() WHERE id = %s", product.session_id(person)))
                with product.database() as connection:
                    connection.execute(statement, (value,))
            ended_at = time.monotonic()
            if how in {"revoked elsewhere", "signed out"}:
                assert http.get("/api/v1/auth/me", headers={"cookie": person.cookie}).status_code == 401
                assert not await answers(line)
            await asyncio.sleep(max(0.0, ended_at + REVOKED_WITHIN_SECS - time.monotonic()))
            assert http.get("/api/v1/auth/me", headers={"cookie": person.cookie}).status_code == 401
            assert not await answers(line)
        mark = len(line.frames)
        await line.call(f"{ORDERS}.load")
        await line.settled()
        assert CANARY not in "".join(line.frames[mark:])
        await asyncio.wait_for(drained(stream), 3)


async def test_a_hundred_kilobytes_close_the_socket_and_stay_out_of_the_log(product: Product) -> None:
    mark = product.log_mark
    for name in ("reflex___state____state.hydrate", "nobody.handles_this"):
        async with wire(product) as line:
            await line.call(name, {"a": "heavy-3d7a" * 10_000})
            await line.ended()
    log = product.log_since(mark)
    assert "heavy-3d7a" not in log
    assert tracebacks(log) == []
    assert len(log) < 2_000


async def test_a_flood_of_refused_events_is_a_handful_of_lines(product: Product) -> None:
    mark = product.log_mark
    person = product.person("viewer")
    async with wire(product, person) as line:
        for number in range(3_000):
            name = ("nobody.handles_this", f"{SETTINGS}.setvar", f"{ORDERS}.cancel", f"{ORDERS}.open")[number % 4]
            await line.call(name, {"order_id": ["flood-8e11" * 20]})
        await line.settled()
    log = product.log_since(mark)
    assert "flood-8e11" not in log
    assert tracebacks(log) == []
    assert len(log) < 20_000


def test_a_cookie_of_another_shape_is_nobody(product: Product) -> None:
    for cookie in ("starkmatter_session=", "starkmatter_session=x", 'starkmatter_session="\\"', "=", "a" * 4_000):
        answer = httpx.get(f"{product.origin}/api/v1/auth/me", headers={"cookie": cookie})
        assert answer.status_code == 401
