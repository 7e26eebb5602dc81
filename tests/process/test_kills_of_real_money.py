"""The worker is killed while it sends orders of real money to Interactive Brokers: each is there once or never.

What was allowed stays allowed over a kill, and what was turned off meanwhile is not sent by the next worker.
"""

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.live.switch import turn_off_live
from tests.process.seats import Seat, seated
from tests.standins.ib import Tws, tws

pytestmark = pytest.mark.process

# Where a second factor is not what is looked at: a limit that no order of this test reaches.
LIVE_ON = """
INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since, most) VALUES (%s, %s, now(), now(), 100000)
"""


@pytest.fixture
def there() -> Iterator[Tws]:
    with tws(number="U8400123") as broker:
        yield broker


@pytest.fixture
async def seat(database_url: str, redis_url: str, cache: Redis, tmp_path: Path, there: Tws) -> AsyncIterator[Seat]:
    keys = there.keys | {"mode": "live"}
    async with seated(Seat, there, "ib", keys, set(), tmp_path / "home", (database_url, redis_url)) as made:
        await made.b.db.run(LIVE_ON, (made.account_id, made.caller.user_id))
        yield made


@pytest.mark.nightly
async def test_a_worker_killed_while_it_sends_real_money_doubles_and_loses_nothing(seat: Seat) -> None:
    there = seat.there
    taken = await seat.killed_while_it_sends("taken", None)
    lost = await seat.killed_while_it_sends("lost", "drop")
    async with seat.start("last"):
        ours = await seat.quiet()
    assert ours[int(taken.qty)].status in {"accepted", "working"}
    assert ours[int(lost.qty)].status == "not_sent"
    assert {one.filled_qty for one in ours.values()} == {0}
    assert [one.qty for one in there.orders.values()] == [taken.qty]
    assert len(there.posts) == 2, "nothing is sent twice"
    assert await check_books(seat.b.db) == []


async def test_what_waits_when_live_trading_is_turned_off_is_not_sent_by_the_next_worker(seat: Seat) -> None:
    async with seat.start("first"):
        pass  # It has read the book, so that orders are taken.
    waits = await seat.send()
    await turn_off_live(seat.b, seat.caller, seat.account_id)
    async with seat.start("next"):
        ended = (await seat.quiet())[int(waits.qty)]
    assert ended.status == "not_sent"
    assert "turned off" in (ended.reject_reason or "")
    assert seat.there.posts == []
    assert (await seat.b.db.value("SELECT reserved FROM account WHERE id = %s", (seat.account_id,))) == Decimal(0)
    assert await check_books(seat.b.db) == []
