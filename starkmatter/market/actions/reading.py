"""Corporate actions as pages, charts and programs read them, and bars in raw, split-adjusted and adjusted prices.

The replay's history came adjusted for splits (where it has closes alone, for dividends too) and names none of them: it
has no actions, and one series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from starkmatter.db.database import Database
from starkmatter.domain.actions import Dividend, EarningsDate, Split
from starkmatter.domain.adjusting import (
    Adjustment,
    dividend_factor,
    in_raw_shares,
    rolled_days,
    split_factor,
    with_dividends,
)
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import Bar, ShownInterval, Venue, base_of
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput
from starkmatter.market.actions import queries
from starkmatter.market.actions.store import ActionCoverage
from starkmatter.market.records import BarColumns
from starkmatter.market.service import MAX_BARS, bar_range, load_bars
from starkmatter.market.wire import iso

ONE_SERIES = "The replay's history is adjusted for splits by its source, which names none: other prices are not known."
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Actions:
    """What is known of a symbol in order of time, also what is announced; `asked_at` is None before anybody asked."""

    splits: list[Split]
    dividends: list[Dividend]
    earnings: list[EarningsDate]
    asked_at: datetime | None


async def load_actions(db: Database, venue: Venue, symbol: str) -> Actions:
    """The splits, dividends and dates of earnings of a symbol; the replay knows none."""
    if venue != "market":
        return Actions([], [], [], None)
    asked = {"symbol": symbol}
    coverage = await db.one(ActionCoverage, queries.COVERAGE, asked)
    return Actions(
        await db.all(Split, queries.SPLITS, asked),
        await db.all(Dividend, queries.DIVIDENDS, asked),
        await db.all(EarningsDate, queries.EARNINGS, asked),
        coverage.fetched_at if coverage else None,
    )


async def load_dividends(db: Database, venue: Venue, symbols: Sequence[str], today: date) -> dict[str, list[Dividend]]:
    """The known dividends of several symbols, oldest first: on the market also those announced, on the replay those up
    to its `today`.
    """
    if not symbols:
        return {}
    found: dict[str, list[Dividend]] = {}
    statement = queries.DIVIDENDS_OF if venue == "market" else queries.TOLD_DIVIDENDS
    for one in await db.all(Dividend, statement, {"symbols": list(symbols), "venue": venue, "today": today}):
        found.setdefault(one.symbol, []).append(one)
    return found


async def load_adjusted(
    db: Database,
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    *,
    until: datetime,
    adjustment: Adjustment,
) -> list[Bar]:
    """What `load_bars` gives, in the prices that are asked for. InvalidInput where the venue has one series only.

    Stored bars are in shares of the day they were fetched on. A dividend in another currency than the instrument's
    prices, the dollar, changes nothing.
    """
    if adjustment == "splits":
        return await load_bars(db, venue, symbol, interval, start, end, limit, until=until)
    if venue != "market":
        raise InvalidInput(f"adjustment: {ONE_SERIES}")
    if interval not in {"1w", "1mo"}:
        bars = await load_bars(db, venue, symbol, interval, start, end, limit, until=until)
        return await _adjusted(db, symbol, bars, interval, until, adjustment)
    # Days are adjusted before they are joined: a week may have an ex-date in it.
    first, before, count = bar_range(interval, start, end, limit)
    days = await load_bars(db, venue, symbol, "1d", first, before, count, until=until)
    rolled = rolled_days(await _adjusted(db, symbol, days, interval, until, adjustment), interval)
    shown = [
        one for one in rolled if (start is None or one.starts_at >= start) and (end is None or one.starts_at < end)
    ]
    return shown[-max(1, min(limit, MAX_BARS)) :]


async def _adjusted(
    db: Database, symbol: str, bars: list[Bar], interval: ShownInterval, until: datetime, adjustment: Adjustment
) -> list[Bar]:
    if not bars:
        return bars
    asked = {"symbol": symbol, "interval": base_of(interval)}
    known_on = exchange_day(await db.value(queries.BARS_FETCHED_AT, asked) or until)
    shares = split_factor(await db.all(Split, queries.SPLITS, asked), known_on)
    if adjustment == "raw":
        return in_raw_shares(bars, shares)
    first = exchange_day(bars[0].starts_at)
    paid = [one for one in await db.all(Dividend, queries.DIVIDENDS, asked) if one.ex_on > first]
    paid = [one for one in paid if one.currency == "USD"]
    days = {"symbol": symbol, "days": [one.ex_on for one in paid]}
    closes = {ex_on: close for ex_on, close in await db.tuples(queries.CLOSES_BEFORE, days) if close is not None}
    # Prices are adjusted for dividends up to now, whenever the shares were counted.
    return with_dividends(bars, dividend_factor(paid, closes, shares, exchange_day(until)))


def bars_json(bars: Sequence[Bar]) -> str:
    """The bars as the JSON array that `load_bars_json` gives."""
    rows = [
        {
            "symbol": one.symbol,
            "interval": one.interval,
            "starts_at": iso(one.starts_at),
            **{name: plain(getattr(one, name)) for name in ("open", "high", "low", "close")},
            "volume": None if one.volume is None else plain(one.volume),
            "provider": one.provider,
            "note": one.note,
        }
        for one in bars
    ]
    return orjson.dumps(rows).decode()


def columns_of_bars(bars: Sequence[Bar]) -> BarColumns:
    """The bars as `load_bar_columns` gives them."""
    return BarColumns(
        [one.starts_at.timestamp() for one in bars],
        [float(one.open) for one in bars],
        [float(one.high) for one in bars],
        [float(one.low) for one in bars],
        [float(one.close) for one in bars],
        [None if one.volume is None else float(one.volume) for one in bars],
        [(exchange_day(one.starts_at) - EPOCH).days for one in bars],
    )
