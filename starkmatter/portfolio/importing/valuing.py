"""Tells the values of a tracked account's former days: at each close and around each flow, from stored bars.

History that is imported today lies in the past, so that points that were recorded meanwhile know nothing of it. They
are all told anew, at closes of the stored daily bars in shares of their day, in another currency than the account's at
the rate of each day. What has no price there stands at its last close before; what has none, or no rate, at its cost.
Either is named.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection, Database
from starkmatter.domain.actions import Split
from starkmatter.domain.adjusting import split_factor
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.clocks import EXCHANGE
from starkmatter.market.errands import ask
from starkmatter.market.fx.service import rates_between
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.booking import json_text, standing
from starkmatter.portfolio.importing.folding import Standing

if TYPE_CHECKING:
    from starkmatter.portfolio.importing.line import Line, RateOn, Value

# A price this old stands in for days without one (a holiday elsewhere, a halt); an older one stands in too, by name.
GOOD_FOR = timedelta(days=7)
ONE_DAY = timedelta(days=1)
ASK_SECS = 20.0
MOST_ASKED = 200
AT_ONCE = 250
SYMBOLS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Stale:
    """An account whose values do not know all of its entries."""

    account_id: UUID
    currency: str
    venue: Venue
    stale_since: datetime


async def next_stale(b: Backends) -> Stale | None:
    """The account that waits longest."""
    return await b.db.one(Stale, queries.STALE)


async def tell_values(b: Backends, stale: Stale) -> int:
    """Write the whole value line of the account anew; how many points. It is tried again when its books went on."""
    now = utc_now()
    async with b.db.connection() as connection:
        entries, newest = await _entries(connection, stale.account_id)
        line = await _line(b.db, connection, stale, entries, now)
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_ACCOUNT, (stale.account_id,))
        row = await (await connection.execute(queries.LAST_ENTRY, (stale.account_id,))).fetchone()
        if row is not None and row[0] != newest:
            return 0
        for statement in queries.CLEAR_VALUES:
            await connection.execute(statement, (stale.account_id,))
        await _write(connection, stale.account_id, line)
        told = {"account": stale.account_id, "now": now, "since": stale.stale_since}
        await connection.execute(queries.VALUED, told | {"unpriced": unpriced_words(line)})
    return len(line.values)


async def rates_came(b: Backends) -> None:
    """The first exchange rates are stored: what stood at cost without them is told anew."""
    await b.db.run(queries.TELL_ANEW, {"now": utc_now()})


def unpriced_words(line: "Line") -> list[str]:
    """One sentence for each symbol that stood at its cost, or at a price of long before."""
    at_cost = [
        f"{symbol} has no stored {'price or exchange rate' if symbol in line.foreign else 'price'} on {count:,} of the "
        f"days from {first} to {last} and stands at its cost there."
        for symbol, (first, last, count) in line.unpriced.items()
    ]
    return at_cost + [
        f"{symbol} has no stored price on {count:,} of the days from {first} to {last} and stands at its last close "
        "before them."
        for symbol, (first, last, count) in line.stale.items()
    ]


async def fetch_history(b: Backends, account_id: UUID) -> int:
    """Ask the market's sources for days of symbols that have none stored; how many answered. None has to."""
    async with b.db.connection() as connection:
        entries, _ = await _entries(connection, account_id)
    symbols = sorted({symbol for one in entries for symbol in one.symbols})[:MOST_ASKED]
    if not symbols:
        return 0
    asked = {"venue": "market", "symbols": symbols, "until": utc_now(), "after": entries[0].venue_at}
    asked["zone"] = EXCHANGE_ZONE.key
    have = {row[0] for row in await b.db.tuples(queries.CLOSES, asked)}
    answered = 0
    for symbol in symbols:
        if symbol in have:
            continue
        try:
            await ask(b.cache, {"kind": "add", "symbol": symbol}, within_secs=ASK_SECS)
            await ask(b.cache, {"kind": "bars", "symbol": symbol, "interval": "1d"}, within_secs=ASK_SECS)
            answered += 1
        except InvalidInput:
            continue
        except Unavailable:
            break
    return answered


async def _entries(connection: Connection, account_id: UUID) -> tuple[list[Standing], int]:
    async with connection.transaction():
        row = await (await connection.execute(queries.LAST_ENTRY, (account_id,))).fetchone()
        return await standing(connection, account_id), int(row[0]) if row else 0


async def _line(db: Database, connection: Connection, stale: Stale, entries: list[Standing], now: datetime) -> "Line":
    symbols = sorted({symbol for one in entries for symbol in one.symbols})
    after = entries[0].venue_at if entries else now
    sessions = {"exchange": EXCHANGE, "after": after, "until": now}
    closes = await (await connection.execute(queries.SESSIONS, sessions)).fetchall()
    asked = {"venue": stale.venue, "symbols": symbols}
    told: dict[str, str] = dict(await (await connection.execute(queries.QUOTED_IN, asked)).fetchall())
    of_days = {"venue": stale.venue, "zone": EXCHANGE_ZONE.key, "until": now, "after": after - GOOD_FOR}
    bars: list[tuple[str, list[date], list[Decimal]]] = []
    priced = sorted(told)
    for start in range(0, len(priced), SYMBOLS_AT_ONCE):
        some = priced[start : start + SYMBOLS_AT_ONCE]
        bars += await (await connection.execute(queries.CLOSES, of_days | {"symbols": some})).fetchall()
    splits: dict[str, list[Split]] = defaultdict(list)
    for row in await (await connection.execute(queries.SPLITS, (sorted(told),))).fetchall():
        splits[row[0]].append(Split(*row))
    foreign = {symbol: currency for symbol, currency in told.items() if currency != stale.currency}
    currencies = {*foreign.values(), stale.currency} if foreign else set[str]()
    rates = await rates_between(db, currencies, exchange_day(after) - ONE_DAY, exchange_day(now))
    in_books = {symbol: partial(rates.rate, currency, stale.currency) for symbol, currency in foreign.items()}
    # Years of days of many symbols are a good part of a second of arithmetic: not on the loop that serves everybody.
    return await asyncio.to_thread(_told, entries, closes, bars, splits, in_books, now)


def _told(
    entries: list[Standing],
    closes: list[tuple[date, datetime]],
    bars: list[tuple[str, list[date], list[Decimal]]],
    splits: dict[str, list[Split]],
    in_books: "Mapping[str, RateOn]",
    now: datetime,
) -> "Line":
    from starkmatter.portfolio.importing.line import Prices, closes_of, value_line  # it loads numpy

    today = exchange_day(now)
    prices = {
        symbol: closes_of(days, told, split_factor(splits[symbol], today) if symbol in splits else None)
        for symbol, days, told in bars
    }
    return value_line(entries, closes, Prices(prices, GOOD_FOR, in_books), now)


async def _write(connection: Connection, account_id: UUID, line: "Line") -> None:
    for start in range(0, len(line.values), AT_ONCE):
        values, closes = await asyncio.to_thread(_as_json, line.values[start : start + AT_ONCE])
        await connection.execute(queries.PUT_VALUES, {"account": account_id, "rows": values})
        await connection.execute(queries.PUT_CLOSES, {"account": account_id, "rows": closes})


def _as_json(part: "Sequence[Value]") -> tuple[str, str]:
    """Points of the line, and what was held at those of them that are closes, with exact figures as texts."""
    values = [
        {"at": one.at, "equity": str(one.equity), "cash": str(one.cash), "paid_in": str(one.paid_in)} for one in part
    ]
    closes = [
        {
            "at": one.at,
            "entry_id": one.entry_id,
            "symbols": one.positions.symbols,
            "qtys": [str(qty) for qty in one.positions.qtys],
            "worth_micros": one.positions.worth_micros,
        }
        for one in part
        if one.positions is not None
    ]
    return json_text(values), json_text(closes)
