"""Attribution by sector over days that were really recorded: what was held, what the market did, what is left out."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.attribution import Effect
from starkmatter.domain.quotes import Quote
from starkmatter.errors import NotFound
from starkmatter.portfolio.attribution import CASH, SectorAttribution, attribute_by_sector
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, make_desk, order, quote
from tests.portfolio.days import tell
from tests.portfolio.history import give_bars
from tests.portfolio.test_explaining import SESSION, after_close, on_day, play

D = Decimal
CLOSES = (("100.00", "50.00"), ("110.00", "50.00"), ("110.00", "55.00"))


@pytest.fixture
async def desk(database: Database, cache: Redis, database_url: str) -> Desk:
    """AAPL is technology and rises on the second day, MSFT is energy and rises on the third."""
    made = await make_desk(database, cache)
    await database.run("UPDATE instrument SET sector = 'Energy' WHERE symbol = 'MSFT'")
    with psycopg.connect(database_url, autocommit=True) as stored:
        for place, symbol in enumerate(("AAPL", "MSFT")):
            rows = [f"{day_of(number)} {prices[place]}" for number, prices in enumerate(CLOSES)]
            give_bars(stored, symbol, *rows)
    return made


def day_of(number: int) -> date:
    return (OPENS_AT + timedelta(days=number)).date()


async def live_through(desk: Desk, *orders: str) -> None:
    """Three days with these closes; the orders are placed on the first one."""
    recorder = EquityRecorder(desk.b.db, "replay")
    for number, prices in enumerate(CLOSES):
        if number > 1:
            shift = timedelta(days=number)
            await desk.b.db.run(SESSION, (day_of(number), OPENS_AT + shift, CLOSES_AT + shift))
        quotes = [at_the_last(symbol, last) for symbol, last in zip(("AAPL", "MSFT"), prices, strict=True)]
        await tell(desk, recorder, *quotes, clock=on_day(number, 10))
        for place, text in enumerate(orders if number == 0 else ()):
            key = f"attribution-{place}"
            await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
            await desk.broker.drain()
        await tell(desk, recorder, *quotes, clock=on_day(number, 389))
        await tell(desk, recorder, clock=after_close(number))


def at_the_last(symbol: str, last: str) -> Quote:
    return replace(quote(f"{symbol} {last}/{last}", size="5000"), last=D(last))


async def attributed(desk: Desk) -> tuple[SectorAttribution, dict[str, Effect]]:
    found = await attribute_by_sector(desk.b, desk.caller, desk.account_id, start=day_of(1), end=day_of(2))
    assert found.trading is not None
    assert sum((one.total for one in found.effects), D(0)) + found.trading == found.excess
    return found, {one.name: one for one in found.effects}


async def test_cash_alone_misses_what_the_market_made(desk: Desk) -> None:
    await live_through(desk)
    found, effects = await attributed(desk)
    assert (found.days, found.stocks, found.ratio, found.trading) == (2, 2, 0, 0)
    assert found.market_ratio == D("1.05") ** 2 - 1
    assert {one.name: (one.weight, one.market_weight) for one in effects.values()} == {
        CASH: (D(1), D(0)),
        "Energy": (D(0), D("0.5")),
        "Technology": (D(0), D("0.5")),
    }
    assert all(one.selection == one.interaction == 0 for one in effects.values())
    assert effects[CASH].allocation < 0


async def test_what_is_held_is_credited_to_its_sector_and_nothing_to_trading(desk: Desk) -> None:
    await live_through(desk, "buy 500 AAPL")
    found, effects = await attributed(desk)
    measured = await measure_performance(
        desk.b, desk.caller, desk.account_id, start=day_of(1), end=day_of(2), benchmark=""
    )
    assert measured.twr is not None
    assert found.ratio is not None
    assert abs(found.ratio - measured.twr) < D("1e-9")
    assert abs(found.trading or D(0)) < D("1e-9")
    assert effects["Technology"].selection == 0
    assert effects["Technology"].weight > effects["Technology"].market_weight
    assert found.notes == []


async def test_days_whose_start_was_not_kept_are_left_out_and_counted(desk: Desk) -> None:
    await live_through(desk, "buy 500 AAPL")
    await desk.b.db.run("DELETE FROM account_close WHERE account_id = %s AND venue_at < %s",
                        (desk.account_id, CLOSES_AT + timedelta(hours=1)))  # fmt: skip
    found = await attribute_by_sector(desk.b, desk.caller, desk.account_id, start=day_of(1), end=day_of(2))
    assert (found.days, found.start_on, found.end_on) == (1, day_of(1), day_of(2))
    assert found.notes[0].startswith("1 of 2 days are left out")


async def test_without_stocks_or_days_there_is_a_reason_instead(desk: Desk) -> None:
    fresh = await attribute_by_sector(desk.b, desk.caller, desk.account_id)
    assert (fresh.excess, fresh.effects) == (None, [])
    assert fresh.notes
    await desk.b.db.run("UPDATE instrument SET sector = ''")
    await live_through(desk)
    none = await attribute_by_sector(desk.b, desk.caller, desk.account_id)
    assert none.excess is None
    assert "no stock with a sector" in none.notes[0]
    stranger = await desk.person()
    with pytest.raises(NotFound):
        await attribute_by_sector(desk.b, stranger.caller, desk.account_id)


@pytest.mark.parametrize("seed", [3, 4])
async def test_a_played_account_adds_up_whatever_it_did(desk: Desk, seed: int) -> None:
    await play(desk, 3, seed)
    found, _ = await attributed(desk)
    assert found.excess is not None
