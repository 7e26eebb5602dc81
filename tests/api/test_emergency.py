"""The page for when much is broken: plain forms over PostgreSQL alone, with Valkey killed and no worker."""

import asyncio
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.sessions import cookie_name
from starkmatter.api.app import Front, build_api
from starkmatter.backends import Backends, open_cache, set_backends
from starkmatter.db.database import Database
from starkmatter.domain.orders import OPEN
from starkmatter.jobs.leader import Leadership
from starkmatter.ops.health import beat
from starkmatter.trading.guarding.stops import list_stops
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from tests.api.conftest import Api
from tests.builders import ALL_READ, Desk, order
from tests.engines import own_valkey

PASSPHRASE = "correct horse battery"


class Forms(HTMLParser):
    """The forms of a page by the label of their button, each with its hidden fields; and the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.scripts = 0
        self._fields: dict[str, str] = {}
        self._in_button = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script" or any(name.startswith("on") for name in named)
        if tag == "form":
            self._fields = {}
        elif tag == "input":
            self._fields[named["name"]] = named.get("value", "")
        self._in_button = tag == "button"

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.found.setdefault(data, self._fields)
            self._in_button = False


async def read(api: Api) -> tuple[str, dict[str, dict[str, str]]]:
    answer = await api.http.get("/emergency")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    forms = Forms(answer.text)
    assert forms.scripts == 0
    return answer.text, forms.found


async def press(api: Api, label: str) -> str:
    """The page after pressing that button."""
    _, forms = await read(api)
    answer = await api.http.post("/emergency", data=forms[label])
    assert answer.status_code == 303, answer.text
    return (await api.http.get(answer.headers["location"])).text


async def rest(desk: Desk, key: str, text: str = "buy 10 AAPL @ 90.00 gtc") -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
    await desk.broker.drain()


async def states(desk: Desk) -> list[str]:
    return [one.status for one in await list_orders(desk.b, desk.caller)]


async def test_it_shows_what_stands_and_escapes_what_people_wrote(api: Api, desk: Desk) -> None:
    await desk.b.db.run("UPDATE account SET name = '<b>&Mine' WHERE id = %s", (desk.account_id,))
    await rest(desk, "resting-0001")
    await rest(desk, "bought-00001", "buy 7 AAPL")
    text, forms = await read(api)
    assert "&lt;b&gt;&amp;Mine" in text
    assert "<b>" not in text
    for part in ("AAPL", "buy limit", "90.00", "working", "700.35", "Paper", "Cancel all open orders (1)"):
        assert part in text, part
    assert {"Stop all my accounts", "Stop everybody", "Pause it", "Cancel its orders", "Stop it"} <= set(forms)


async def test_its_buttons_cancel_stop_and_pause(api: Api, desk: Desk) -> None:
    await rest(desk, "resting-0001")
    assert "1 open orders were asked back." in await press(api, "Cancel all open orders (1)")
    assert await states(desk) == ["pending_cancel"]
    await desk.broker.drain()
    await rest(desk, "resting-0002")
    assert "The broker is paused" in await press(api, "Pause it")
    assert (await list_orders(desk.b, desk.caller, statuses=OPEN))[0].status == "working"
    assert "The kill switch is on. 1 open orders were asked back." in await press(api, "Stop it")
    await press(api, "Stop all my accounts")
    await press(api, "Stop everybody")
    await desk.broker.drain()
    assert {one.scope for one in await list_stops(desk.b, desk.caller)} == {"account", "mine", "everybody"}
    refused = await submit_order(
        desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"), "refused-0001", acknowledged=ALL_READ
    )
    assert refused.status == "risk_rejected"
    text, _ = await read(api)
    assert "Switches that are on" in text
    assert "No order is open." in text


async def test_who_is_no_admin_stops_only_their_own(api: Api, desk: Desk) -> None:
    other = await api.as_person(await desk.person("trader"))
    text, forms = await read(other)
    assert "Stop everybody" not in forms
    forged = {**forms["Stop all my accounts"], "scope": "everybody"}
    answer = await other.http.post("/emergency", data=forged)
    assert (answer.status_code, "Only an admin stops everybody" in answer.text) == (403, True)
    forged = {**forms["Cancel all open orders (0)"], "account_id": str(desk.account_id)}
    assert (await other.http.post("/emergency", data=forged)).status_code == 404
    assert str(desk.account_id) not in text
    assert await list_stops(desk.b, desk.caller) == []


async def test_a_form_from_elsewhere_does_nothing(api: Api, desk: Desk) -> None:
    await rest(desk, "resting-0001")
    other = await api.as_person(await desk.person("trader"))
    _, forms = await read(api)
    _, theirs = await read(other)
    good = forms["Cancel all open orders (1)"]
    for data, headers in (
        (good, {"origin": "https://evil.test"}),
        (good, {"origin": "null"}),
        ({**good, "word": theirs["Cancel all open orders (0)"]["word"]}, {}),
        ({"action": "cancel"}, {}),
        ({**good, "action": "turn_off"}, {}),
    ):
        answer = await api.http.post("/emergency", data=data, headers=headers)
        assert answer.status_code in {403, 422}, (data, headers)
    assert (await api.http.post("/emergency", json=good)).status_code == 422
    assert await states(desk) == ["working"]
    assert "done" not in (await api.http.get("/emergency?done=<script>&orders=1")).text
    assert "were asked back" not in (await api.http.get("/emergency?done=canceled&orders=<b>")).text


async def test_without_a_session_it_is_a_door_that_needs_no_script(api: Api, anonymous: httpx.AsyncClient) -> None:
    caller = api.desk.caller
    hashed = await hash_passphrase(PASSPHRASE)
    await api.desk.b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, caller.user_id))
    door = await anonymous.get("/emergency")
    assert (door.status_code, Forms(door.text).scripts) == (401, 0)
    assert (await anonymous.post("/emergency", data={"action": "stop"})).status_code == 401
    wrong = await anonymous.post("/emergency/sign-in", data={"email": caller.email, "password": "not this one"})
    assert (wrong.status_code, cookie_name(api.desk.b.settings) in anonymous.cookies) == (401, False)
    foreign = {"origin": "https://evil.test"}
    fields = {"email": caller.email, "password": PASSPHRASE}
    assert (await anonymous.post("/emergency/sign-in", data=fields, headers=foreign)).status_code == 403
    right = await anonymous.post("/emergency/sign-in", data=fields)
    assert (right.status_code, right.headers["location"]) == (303, "/emergency")
    assert "httponly" in right.headers["set-cookie"].lower()
    assert "Stop all my accounts" in (await anonymous.get("/emergency")).text


async def test_it_says_whether_a_worker_is_at_work(api: Api, desk: Desk, database_url: str) -> None:
    assert "No worker is at work." in (await read(api))[0]
    leadership = Leadership(database_url)
    assert await leadership.win(asyncio.Event())
    assert "No worker is at work." in (await read(api))[0], "it leads and has not spoken"
    await beat(desk.b.cache)
    assert "The worker, the database and the cache answer." in (await read(api))[0]
    await leadership.resign()
    for _ in range(100):  # its lock goes with its connection, which the database ends when it gets to it
        if "No worker is at work." in (said := (await read(api))[0]):
            break
        await asyncio.sleep(0.05)
    assert "No worker is at work." in said


@pytest.fixture
async def without_cache(desk: Desk, database: Database) -> AsyncIterator[Api]:
    """The same person after the cache of the web process was killed."""
    with own_valkey() as valkey:
        b = Backends(desk.b.settings, database, open_cache(valkey.url))
        set_backends(b)
        transport = httpx.ASGITransport(Front(build_api(), b.settings), raise_app_exceptions=False)
        origin = "http://127.0.0.1:3000"
        async with httpx.AsyncClient(transport=transport, base_url=origin, headers={"origin": origin}) as client:
            person = await Api(client, desk).as_person(desk)
            assert "(Valkey) does not answer" not in (await read(person))[0]
            valkey.kill()
            yield person
            await person.http.aclose()
        await b.cache.aclose()


async def test_with_valkey_killed_and_no_worker_everything_is_still_stopped(without_cache: Api, desk: Desk) -> None:
    await rest(desk, "resting-0001")
    text, _ = await read(without_cache)
    assert "The cache (Valkey) does not answer." in text
    assert "No worker is at work." in text
    assert "cancels are queued" in text
    assert "The kill switch is on. 1 open orders were asked back." in await press(without_cache, "Stop all my accounts")
    assert "1 cancels are queued and not confirmed yet." in (await read(without_cache))[0]
    assert await states(desk) == ["pending_cancel"]
    refused = await submit_order(
        desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"), "refused-0001", acknowledged=ALL_READ
    )
    assert refused.status == "risk_rejected"
    await desk.broker.drain()
    assert await states(desk) == ["risk_rejected", "canceled"]


async def test_without_a_database_it_says_what_to_do(api: Api, desk: Desk, cache: Redis) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:9/none", name="gone", max_size=1)
    await read(api)  # who it is, is remembered for a moment
    set_backends(Backends(desk.b.settings, gone, cache))
    answer = await api.http.get("/emergency")
    assert answer.status_code == 503
    assert re.search("cancel them in the broker's own application", answer.text)
