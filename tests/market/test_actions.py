"""Corporate actions kept, corrected and called off; bars in raw, split-adjusted and fully adjusted prices."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.actions import Dividend, EarningsDate, Split
from starkmatter.domain.indicators.catalog import read_asked
from starkmatter.errors import InvalidInput
from starkmatter.market.actions.reading import bars_json, load_actions, load_adjusted
from starkmatter.market.actions.store import ActionStore
from starkmatter.market.errands import ask
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.health import keep_refusals, newest_refusals
from starkmatter.market.indicators import indicators_json
from starkmatter.market.listing import FIRST, add_instruments
from starkmatter.market.lookup import first_look_at_bars
from starkmatter.market.providers.alpaca import AlpacaProvider
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.market.service import load_bars, load_bars_json
from tests.market.test_market_feed import KEYS, WIDE, running, until
from tests.market.test_rolled_bars import FOREVER, Store, days
from tests.market_hours import Vendors, open_now, vendors_at

NOW = datetime(2026, 7, 20, 15, 0, tzinfo=UTC)


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[Vendors]:
    with vendors_at(tmp_path) as started:
        yield started


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url)


def _failover(vendors: Vendors, *, alpaca: bool = False) -> Failover:
    yahoo = YahooProvider(vendors.settings, tries=1, read_secs=8.0, plan=WIDE)
    first = [AlpacaProvider(vendors.settings, KEYS, tries=1, read_secs=8.0, plan=WIDE)] if alpaca else []
    return Failover([*first, yahoo])


async def _observed(db: Database, table: str) -> list[datetime]:
    return [at for (at,) in await db.tuples(f"SELECT observed_at FROM {table} ORDER BY 1")]  # type: ignore[arg-type]


async def test_what_a_source_tells_is_kept_and_told_again_changes_nothing(database: Database, vendors: Vendors) -> None:
    vendors.yahoo.splits = {"AAPL": [("2020-08-31", 4, 1)]}
    vendors.yahoo.dividends = {"AAPL": [("2020-05-08", None, 0.82), ("2026-05-11", None, 0.27)]}
    vendors.yahoo.earnings = {"AAPL": [("2026-07-30", "amc")]}
    actions, failover = ActionStore(database), _failover(vendors)
    assert await actions.fetch(failover, "AAPL", NOW) == 4
    known = await load_actions(database, "market", "AAPL")
    assert known.splits == [Split("AAPL", date(2020, 8, 31), Decimal(4), Decimal(1), "yahoo")]
    assert [(one.ex_on.year, one.amount) for one in known.dividends] == [
        (2020, Decimal("0.82")),
        (2026, Decimal("0.27")),
    ]
    assert known.earnings == [EarningsDate("AAPL", date(2026, 7, 30), "after_close", True, "yahoo")]
    assert known.asked_at == NOW
    assert await actions.fetch(failover, "AAPL", NOW + timedelta(days=1)) == 0
    assert await _observed(database, "corporate_dividend") == [NOW, NOW]
    assert (await load_actions(database, "replay", "AAPL")).splits == []


async def test_a_correction_replaces_the_row_and_a_row_of_the_past_is_never_lost(
    database: Database, vendors: Vendors
) -> None:
    vendors.yahoo.dividends = {"AAPL": [("2020-05-08", None, 0.82), ("2026-05-11", None, 0.27)]}
    actions, failover = ActionStore(database), _failover(vendors)
    await actions.fetch(failover, "AAPL", NOW)
    vendors.yahoo.dividends = {"AAPL": [("2026-05-11", None, 0.28)]}
    later = NOW + timedelta(days=1)
    assert await actions.fetch(failover, "AAPL", later) == 1
    known = await load_actions(database, "market", "AAPL")
    assert [one.amount for one in known.dividends] == [Decimal("0.82"), Decimal("0.28")]
    assert await _observed(database, "corporate_dividend") == [NOW, later]


async def test_what_was_announced_may_move_or_be_called_off(database: Database, vendors: Vendors) -> None:
    ahead = [("2026-08-10", "2026-08-13", 0.27)]
    vendors.alpaca.dividends = {"AAPL": [("2026-05-11", "2026-05-14", 0.27), *ahead]}
    vendors.yahoo.earnings = {"AAPL": [("2026-07-30", "amc")]}
    actions, failover = ActionStore(database), _failover(vendors, alpaca=True)
    await actions.fetch(failover, "AAPL", NOW)
    vendors.alpaca.dividends = {"AAPL": [("2026-05-11", "2026-05-14", 0.27), ("2026-08-11", "2026-08-14", 0.27)]}
    vendors.yahoo.earnings = {"AAPL": [("2026-08-04", "amc")]}
    await actions.fetch(failover, "AAPL", NOW)
    known = await load_actions(database, "market", "AAPL")
    assert [one.ex_on for one in known.dividends] == [date(2026, 5, 11), date(2026, 8, 11)]
    assert [one.reports_on for one in known.earnings] == [date(2026, 8, 4)]


async def test_an_ordinary_and_a_special_dividend_of_a_day_are_one_row(database: Database, vendors: Vendors) -> None:
    vendors.alpaca.dividends = {"AAPL": [("2026-05-11", "2026-05-14", 0.27), ("2026-05-11", "2026-06-01", 5.0)]}
    await ActionStore(database).fetch(_failover(vendors, alpaca=True), "AAPL", NOW)
    [one] = (await load_actions(database, "market", "AAPL")).dividends
    assert (one.amount, one.pay_on) == (Decimal("5.27"), date(2026, 5, 14))


async def test_a_stand_in_that_knows_no_pay_date_leaves_the_one_that_is_known(
    database: Database, vendors: Vendors
) -> None:
    told = [("2026-05-11", "2026-05-14", 0.27)]
    vendors.alpaca.dividends = vendors.yahoo.dividends = {"AAPL": told}
    actions = ActionStore(database)
    await actions.fetch(_failover(vendors, alpaca=True), "AAPL", NOW)
    vendors.alpaca.fault = 500
    await actions.fetch(_failover(vendors, alpaca=True), "AAPL", NOW)
    [one] = (await load_actions(database, "market", "AAPL")).dividends
    assert (one.provider, one.pay_on) == ("yahoo", date(2026, 5, 14))


async def test_what_cannot_be_is_refused_and_counted_and_the_rest_comes_in(
    database: Database, vendors: Vendors
) -> None:
    vendors.alpaca.splits = {"AAPL": [("2014-06-09", 0, 1), ("2020-08-31", 4, 1)]}
    vendors.alpaca.dividends = {"AAPL": [("2026-05-11", None, -0.27), ("1926-05-11", None, 0.27)]}
    failover = _failover(vendors, alpaca=True)
    await ActionStore(database).fetch(failover, "AAPL", NOW)
    known = await load_actions(database, "market", "AAPL")
    assert [one.ex_on for one in known.splits] == [date(2020, 8, 31)]
    assert known.dividends == []
    assert failover.health.of("alpaca").refused == 3
    await keep_refusals(database, failover.health.take_refusals())
    kept = await newest_refusals(database)
    assert {(one.symbol, one.what) for one in kept} == {("AAPL", "action")}
    assert {one.reason for one in kept} == {
        "ratio … is none",
        "amount … is no dividend",
        "… is no day of such a thing",
    }


async def test_what_cannot_be_read_makes_nothing_forgotten(database: Database, vendors: Vendors) -> None:
    vendors.alpaca.dividends = {"AAPL": [("2026-08-10", "2026-08-13", 0.27)]}
    actions, failover = ActionStore(database), _failover(vendors, alpaca=True)
    await actions.fetch(failover, "AAPL", NOW)
    vendors.alpaca.dividends = {"AAPL": [("2026-05-11", None, 0.27), ("2026-13-10", "2026-08-13", 0.27)]}
    await actions.fetch(failover, "AAPL", NOW)
    known = await load_actions(database, "market", "AAPL")
    assert [one.ex_on for one in known.dividends] == [date(2026, 5, 11), date(2026, 8, 10)]


async def test_a_plan_that_does_not_include_actions_is_not_asked_for_every_symbol(
    database: Database, vendors: Vendors
) -> None:
    vendors.yahoo.splits = {"AAPL": [("2020-08-31", 4, 1)]}
    vendors.alpaca.fault = 403
    actions, failover = ActionStore(database, 0.0), _failover(vendors, alpaca=True)
    assert await actions.refresh(failover, ["AAPL", "MSFT", "NVDA"], NOW) == (3, 1, 0)
    assert vendors.alpaca.asked.count("/v1/corporate-actions") == 1


async def test_a_source_that_fails_loses_nothing(database: Database, vendors: Vendors) -> None:
    vendors.yahoo.splits = {"AAPL": [("2020-08-31", 4, 1)]}
    actions, failover = ActionStore(database), _failover(vendors)
    await actions.fetch(failover, "AAPL", NOW)
    vendors.yahoo.fault = "garbage"
    with pytest.raises(NoSource):
        await actions.fetch(failover, "AAPL", NOW + timedelta(days=1))
    assert await actions.refresh(failover, ["AAPL"], NOW) == (0, 0, 1)
    known = await load_actions(database, "market", "AAPL")
    assert (len(known.splits), known.asked_at) == (1, NOW)


async def test_the_feed_back_fills_what_somebody_looks_at_and_answers_the_daily_errand(
    database: Database, cache: Redis, vendors: Vendors
) -> None:
    opened = await open_now(database)
    vendors.trade_on(opened)
    vendors.yahoo.splits = {"AAPL": [("2020-08-31", 4, 1)], "MSFT": [("2003-02-18", 2, 1)]}
    async with running(database, cache, vendors):
        await first_look_at_bars(cache, "AAPL", "1d")

        async def told() -> bool:
            return (await load_actions(database, "market", "AAPL")).asked_at is not None

        await until(told, "the back-fill")
        assert len((await load_actions(database, "market", "AAPL")).splits) == 1
        answer = await ask(cache, {"kind": "actions", "symbols": ["MSFT", "AAPL"]}, within_secs=20)
        assert answer == {"told": 2, "changed": 1, "failed": 0}


# --- the three series -------------------------------------------------------------------------------------------------


async def _put(db: Database, *actions: Split | Dividend) -> None:
    for one in actions:
        if isinstance(one, Split):
            row = (one.symbol, one.ex_on, one.numerator, one.denominator, NOW)
            await db.run("INSERT INTO corporate_split VALUES (%s, %s, %s, %s, 'test', %s)", row)
        else:
            row = (one.symbol, one.ex_on, one.amount, one.currency, NOW)
            await db.run("INSERT INTO corporate_dividend VALUES (%s, %s, %s, %s, NULL, 'test', %s)", row)


async def _closes(db: Database, interval: str, adjustment: str, **asked: object) -> list[Decimal]:
    found = await load_adjusted(
        db,
        "market",
        "AAPL",
        interval,
        **({"until": FOREVER, "adjustment": adjustment} | asked),  # type: ignore[arg-type]
    )
    return [one.close for one in found]


async def test_days_in_three_series(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 1), [100, 102, 104, 106, 108])
    four_to_one = Split("AAPL", date(2026, 6, 3), Decimal(4), Decimal(1), "test")
    # Half a dollar for a share of four times as much, before the split; the close before it was 100.
    await _put(database, four_to_one, Dividend("AAPL", date(2026, 6, 2), Decimal(2), "USD", None, "test"))
    assert await _closes(database, "1d", "splits") == [100, 102, 104, 106, 108]
    assert await _closes(database, "1d", "raw") == [400, 408, 104, 106, 108]
    assert await _closes(database, "1d", "all") == [Decimal("99.5"), 102, 104, 106, 108]
    [first] = await load_adjusted(database, "market", "AAPL", "1d", limit=1, end=datetime(2026, 6, 2, tzinfo=UTC),
                                  until=FOREVER, adjustment="raw")  # fmt: skip
    assert (first.open, first.high, first.low, first.volume) == (396, 408, 388, 25)


async def test_nothing_is_undone_that_the_stored_bars_do_not_have_yet(database: Database, store: Store) -> None:
    """Bars that were fetched before the ex-date are in shares of before."""
    days(store, date(2026, 6, 1), [100, 102])
    await _put(database, Split("AAPL", date(2026, 6, 3), Decimal(4), Decimal(1), "test"))
    cover = "INSERT INTO bar_coverage VALUES ('AAPL', '1d', %s, %s, 'test')"
    fetched_at = datetime(2026, 6, 2, 21, tzinfo=UTC)
    await database.run(cover, (fetched_at, fetched_at))
    assert await _closes(database, "1d", "raw") == [100, 102]
    await database.run("UPDATE bar_coverage SET fetched_at = %s", (fetched_at + timedelta(days=1),))
    assert await _closes(database, "1d", "raw") == [400, 408]


async def test_a_week_with_an_ex_date_is_made_of_adjusted_days(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 1), [100, 102, 104, 106, 108, 110])
    await _put(database, Split("AAPL", date(2026, 6, 3), Decimal(2), Decimal(1), "test"))
    asked = {"until": FOREVER, "adjustment": "raw"}
    week, _ = await load_adjusted(database, "market", "AAPL", "1w", **asked)  # type: ignore[arg-type]
    # The highest was on the second day, in shares of which there were half as many.
    assert (week.open, week.high, week.low, week.close) == (198, 208, 101, 108)
    [only] = await load_adjusted(database, "market", "AAPL", "1w", limit=1, **asked)  # type: ignore[arg-type]
    assert only.close == 110
    plain = await load_bars(database, "market", "AAPL", "1w", until=FOREVER)
    await database.run("DELETE FROM corporate_split")
    assert await load_adjusted(database, "market", "AAPL", "1w", **asked) == plain  # type: ignore[arg-type]


async def test_hours_take_the_factor_of_their_day(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 1), [100, 102])
    for day in (1, 2):
        store.put("1h", datetime(2026, 6, day, 13, 30, tzinfo=UTC), 100)
    await _put(database, Dividend("AAPL", date(2026, 6, 2), Decimal(1), "USD", None, "test"))
    assert await _closes(database, "1h", "all") == [99, 100]
    assert await _closes(database, "4h", "all") == [99, 100]


async def test_a_dividend_in_another_currency_or_without_a_close_before_it_changes_nothing(
    database: Database, store: Store
) -> None:
    days(store, date(2026, 6, 1), [100, 102])
    await _put(
        database,
        Dividend("AAPL", date(2026, 6, 2), Decimal(1), "CHF", None, "test"),
        Dividend("AAPL", date(2026, 6, 1), Decimal(1), "USD", None, "test"),
    )
    assert await _closes(database, "1d", "all") == [100, 102]


async def test_json_and_indicators_are_those_of_the_series(database: Database, store: Store) -> None:
    days(store, date(2026, 6, 1), [100, 102, 104, 106])
    await _put(database, Split("AAPL", date(2026, 6, 3), Decimal(2), Decimal(1), "test"))
    text = bars_json(await load_adjusted(database, "market", "AAPL", "1d", until=FOREVER, adjustment="splits"))
    assert orjson.loads(text) == orjson.loads(await load_bars_json(database, "market", "AAPL", "1d", until=FOREVER))
    asked = (database, "market", "AAPL", "1d", read_asked("sma:2"))
    body = orjson.loads(await indicators_json(*asked, until=FOREVER, adjustment="raw"))  # type: ignore[arg-type]
    assert body["items"][0]["lines"][0]["values"] == [None, 202.0, 154.0, 105.0]


async def test_the_replay_has_one_series_and_says_why(database: Database) -> None:
    with pytest.raises(InvalidInput, match="names none"):
        await load_adjusted(database, "replay", "AAPL", "1d", until=FOREVER, adjustment="raw")


async def test_what_is_due_is_what_is_held_watched_or_stored(database: Database, store: Store) -> None:
    from starkmatter.market.actions import queries

    await add_instruments(database, FIRST)
    cover = "INSERT INTO bar_coverage VALUES (%s, '1d', now(), now(), 'test')"
    for symbol in ("AAPL", "^GSPC", "GONE"):
        await database.run(cover, (symbol,))
    asked = {"held": ["MSFT"], "before": utc_now(), "limit": 10}
    assert [one for (one,) in await database.tuples(queries.DUE_SYMBOLS, asked)] == ["AAPL", "MSFT"]
    await database.run("INSERT INTO action_coverage VALUES ('AAPL', now() - interval '1 minute', 'test', '')")
    lately = asked | {"before": utc_now() - timedelta(hours=1)}
    assert [one for (one,) in await database.tuples(queries.DUE_SYMBOLS, lately)] == ["MSFT"]
