"""What was told of actions, revision by revision; the replay's dividends as its adjusted closes tell them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.actions import Dividend
from starkmatter.domain.adjusting import dividend_factor, dividends_told_by
from starkmatter.domain.corporate.terms import CashDividend, Splitting, Terms, Told
from starkmatter.market.actions.reading import load_dividends
from starkmatter.market.actions.store import ActionStore
from starkmatter.market.actions.telling import OPERATOR, ToldRow, newest_telling, tell_actions, told_of_symbols
from starkmatter.market.failover import Failover
from starkmatter.market.providers.replay import load_history
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.market.replay_runs import prepare_market
from tests.market.test_market_feed import WIDE
from tests.market_hours import Vendors, vendors_at

NOW = datetime(2026, 7, 20, 15, 0, tzinfo=UTC)
LONG_AGO = date(1900, 1, 1)


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[Vendors]:
    with vendors_at(tmp_path) as started:
        yield started


async def told(db: Database, symbol: str = "AAPL") -> list[ToldRow]:
    async with db.connection() as connection:
        return await told_of_symbols(connection, "market", [symbol], LONG_AGO)


def said(rows: list[ToldRow]) -> list[tuple[str, int, Terms | None]]:
    return [(one.action_id, one.revision, one.told.terms) for one in rows]


async def test_each_thing_a_source_says_anew_is_the_next_revision(database: Database, vendors: Vendors) -> None:
    failover = Failover([YahooProvider(vendors.settings, tries=1, read_secs=8.0, plan=WIDE)])
    store = ActionStore(database)
    vendors.yahoo.splits = {"AAPL": [("2026-09-01", 4, 1)]}
    vendors.yahoo.dividends = {"AAPL": [("2026-05-11", None, 0.27)]}
    for _ in range(2):
        await store.fetch(failover, "AAPL", NOW)
    assert said(await told(database)) == [
        ("split/AAPL/2026-09-01", 1, Splitting(Decimal(4), Decimal(1))),
        ("dividend/AAPL/2026-05-11", 1, CashDividend(Decimal("0.27"))),
    ]
    vendors.yahoo.dividends = {"AAPL": [("2026-05-11", None, 0.26)]}
    vendors.yahoo.splits = {"AAPL": [("2026-09-02", 4, 1)]}
    await store.fetch(failover, "AAPL", NOW + timedelta(days=1))
    assert said(await told(database))[2:] == [
        ("split/AAPL/2026-09-02", 1, Splitting(Decimal(4), Decimal(1))),
        ("dividend/AAPL/2026-05-11", 2, CashDividend(Decimal("0.26"))),
        ("split/AAPL/2026-09-01", 2, None),
    ]


async def test_an_operators_word_stands_until_the_source_says_something_new(
    database: Database, vendors: Vendors
) -> None:
    failover = Failover([YahooProvider(vendors.settings, tries=1, read_secs=8.0, plan=WIDE)])
    store = ActionStore(database)
    vendors.yahoo.dividends = {"AAPL": [("2026-05-11", None, 0.27)]}
    await store.fetch(failover, "AAPL", NOW)
    terms, ex_on = CashDividend(Decimal("0.25")), date(2026, 5, 11)
    right = Told("dividend/AAPL/2026-05-11", 2, "AAPL", ex_on, "USD", terms, OPERATOR)
    async with database.transaction() as connection:
        assert await tell_actions(connection, "market", [right], NOW) == 1
        assert await tell_actions(connection, "market", [right], NOW) == 0
    await store.fetch(failover, "AAPL", NOW + timedelta(days=1))
    assert [one.revision for one in await told(database)] == [1, 2]
    vendors.yahoo.dividends = {"AAPL": [("2026-05-11", None, 0.24)]}
    await store.fetch(failover, "AAPL", NOW + timedelta(days=2))
    assert said(await told(database))[-1] == ("dividend/AAPL/2026-05-11", 3, CashDividend(Decimal("0.24")))


def test_the_replays_dividends_are_those_its_adjusted_closes_tell() -> None:
    paid = {symbol: one.dividends for symbol, one in load_history().symbols.items() if one.dividends}
    assert {symbol: len(found) for symbol, found in paid.items()} == {"AAPL": 43, "NVDA": 43}
    for known in ((date(2021, 5, 7), Decimal("0.2200")), (date(2020, 8, 7), Decimal("0.2050"))):
        assert known in paid["AAPL"]
    assert (date(2018, 11, 29), Decimal("0.0400")) in paid["NVDA"]


def test_a_series_adjusted_by_dividends_tells_them_again() -> None:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(40)]
    closes = [Decimal(100 + number % 7) for number in range(40)]
    paid = ((9, "0.5"), (30, "1.25"))
    dividends = [Dividend("X", days[at], Decimal(amount), "USD", None, "t") for at, amount in paid]
    before = {one.ex_on: closes[days.index(one.ex_on) - 1] for one in dividends}
    factor = dividend_factor(dividends, before, lambda _: 1, days[-1])  # type: ignore[arg-type, return-value]
    adjusted = [
        (close * factor(day).numerator / factor(day).denominator).quantize(Decimal("0.000001"))
        for day, close in zip(days, closes, strict=True)
    ]
    assert dividends_told_by(days, closes, adjusted) == [(one.ex_on, one.amount) for one in dividends]


async def test_the_replay_tells_them_once_and_only_up_to_its_day(database: Database) -> None:
    history = load_history()
    await prepare_market(database, history, utc_now())
    count = await newest_telling(database)
    await prepare_market(database, history, utc_now())
    assert await database.value("SELECT count(*) FROM action_told") == 86
    assert count >= 86
    found = await load_dividends(database, "replay", ["AAPL", "GOOG"], date(2021, 5, 7))
    assert [found["AAPL"][-1].ex_on, found["AAPL"][-1].amount] == [date(2021, 5, 7), Decimal("0.2200")]
    assert "GOOG" not in found
    assert await load_dividends(database, "replay", ["AAPL"], date(2013, 1, 2)) == {}
