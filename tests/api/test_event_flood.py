"""Events of a page pass at their rate; what is too much waits, and who never stops is shown out."""

from typing import Any

import pytest

from starkmatter.api.event_flood import MAX_SOCKETS_PER_ADDRESS, MAX_SOCKETS_PER_PERSON, Crowd, Seat
from starkmatter.api.event_wall import EventWall
from starkmatter.settings import load_settings
from tests.api.conftest import ORIGIN, _sign_in
from tests.builders import Desk

EVENT = '42/_event,["event",{"name":"a.b","payload":{}}]'


class Seconds:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, secs: float) -> None:
        self.now += secs


async def passed(seat: Seat, clock: Seconds, events: int) -> int:
    """How many of so many events that come as fast as they can pass before the socket is closed."""
    for number in range(events):
        if not await seat.may_send(clock, clock.sleep):
            return number
    return events


def scope(cookie: str = "", address: str = "203.0.113.7") -> dict[str, Any]:
    headers = [(b"origin", ORIGIN.encode()), (b"cookie", cookie.encode())]
    return {"type": "websocket", "path": "/_event/", "headers": headers, "client": (address, 1)}


async def seat_of(crowd: Crowd, **where: str) -> Seat:
    seat = await crowd.enter(scope(**where))
    assert seat is not None
    return seat


async def test_forty_pass_at_once_and_twenty_a_second_after_them(desk: Desk) -> None:
    clock, seat = Seconds(), await seat_of(Crowd(load_settings({})))
    assert await passed(seat, clock, 40) == 40
    assert clock.now == 50.0
    assert await passed(seat, clock, 20) == 20
    assert clock.now == pytest.approx(51.0)


async def test_a_flood_is_closed_within_five_seconds_and_a_pause_makes_good(desk: Desk) -> None:
    clock, seat = Seconds(), await seat_of(Crowd(load_settings({})))
    for _ in range(4):
        assert await passed(seat, clock, 100) == 100
        clock.now += 10
    assert await passed(seat, clock, 5_000) < 150
    assert clock.now < 50 + 4 * 13 + 5


async def test_all_sockets_of_a_person_share_a_rate_and_strangers_do_not(desk: Desk) -> None:
    crowd, clock = Crowd(load_settings({})), Seconds()
    cookie = f"starkmatter_session={await _sign_in(desk)}"
    seats = [await seat_of(crowd, cookie=cookie) for _ in range(8)]
    for seat in seats[:5]:
        assert await passed(seat, clock, 40) == 40
    assert clock.now == 50.0
    await passed(seats[5], clock, 1)
    assert clock.now == pytest.approx(50.01)
    other = await seat_of(crowd, cookie=f"starkmatter_session={await _sign_in(await desk.person())}")
    assert await passed(other, clock, 40) == 40
    assert clock.now == pytest.approx(50.01)


async def test_so_many_sockets_a_person_and_an_address_and_a_closed_one_makes_room(desk: Desk) -> None:
    crowd = Crowd(load_settings({}))
    cookie = f"starkmatter_session={await _sign_in(desk)}"
    again = f"starkmatter_session={await _sign_in(desk)}"
    mine = [await seat_of(crowd, cookie=cookie, address=f"203.0.113.{n}") for n in range(MAX_SOCKETS_PER_PERSON)]
    assert await crowd.enter(scope(again)) is None
    crowd.leave(mine.pop())
    assert await crowd.enter(scope(again)) is not None
    crowd = Crowd(load_settings({}))
    for number in range(MAX_SOCKETS_PER_ADDRESS):
        await seat_of(crowd, address=f"2001:db8::{number:x}")
    assert await crowd.enter(scope(address="2001:db8::ffff")) is None
    assert await crowd.enter(scope(address="2001:db8:1::1")) is not None


async def test_the_wall_closes_the_socket_and_the_seat_is_free_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on, sent = [], []

    async def page(_: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            passed_on.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "text": EVENT}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def may_send(self: Seat) -> bool:
        return len(passed_on) < 3

    monkeypatch.setattr(Seat, "may_send", may_send)
    wall = EventWall(page, load_settings({}))
    await wall(scope(), receive, send)
    assert (len(passed_on), sent) == (3, [{"type": "websocket.close", "code": 1008}])
    assert not wall._crowd._of_address
