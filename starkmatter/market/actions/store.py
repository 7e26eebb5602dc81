"""Fetches and keeps corporate actions: all of a symbol's at once, so that whatever a source corrects is corrected.

A row of the past that a source no longer tells stays; one that it only announced goes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

import orjson
import structlog

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, Split
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import Unavailable
from starkmatter.market.actions import queries
from starkmatter.market.actions.telling import tell_what_changed
from starkmatter.market.failover import Failover, NoSource

WAITING_MAX = 200
# Quotes and bars go first: what a company did years ago can wait for a moment.
AFTER_FAILURE_SECS = 60.0

log = structlog.get_logger("market")


@dataclass(frozen=True, slots=True)
class ActionCoverage:
    """When a symbol's actions were asked for last and which adapters told them; `earnings_by` empty: none did."""

    symbol: str
    fetched_at: datetime
    provider: str
    earnings_by: str


class ActionStore:
    """One for the feed. `saw` is told of every symbol somebody looks at; `serve_until` back-fills new ones."""

    def __init__(self, db: Database, pace_secs: float = 6.0) -> None:
        self._db = db
        self._pace_secs = pace_secs
        # What was looked at last is what somebody waits for.
        self._waiting: asyncio.LifoQueue[str] = asyncio.LifoQueue(WAITING_MAX)
        self._seen: set[str] = set()

    def saw(self, symbol: str) -> None:
        """Somebody looks at it: what it has been through is fetched soon, unless it is known."""
        if symbol not in self._seen and not symbol.startswith("^"):
            with suppress(asyncio.QueueFull):
                self._waiting.put_nowait(symbol)
                self._seen.add(symbol)

    async def serve_until(self, stop: asyncio.Event, sources: Callable[[], Awaitable[Failover]]) -> None:
        """Back-fill what was seen, one symbol after the other and slowly; what fails has its turn again later."""
        while not stop.is_set():
            symbol = await self._waiting.get()
            try:
                if await self.coverage(symbol) is not None:
                    continue
                await asyncio.sleep(self._pace_secs)
                await self.fetch(await sources(), symbol, clock.utc_now())
            except Unavailable as error:
                log.info("actions wait", symbol=symbol, reason=error.text)
                self._seen.discard(symbol)
                self.saw(symbol)
                await asyncio.sleep(AFTER_FAILURE_SECS)

    async def coverage(self, symbol: str) -> ActionCoverage | None:
        """None when nobody has asked for this symbol yet."""
        return await self._db.one(ActionCoverage, queries.COVERAGE, {"symbol": symbol})

    async def fetch(self, failover: Failover, symbol: str, now: datetime) -> int:
        """Ask for all actions of a symbol and keep them; how many rows are new or changed. NoSource when none answers.

        Dates of earnings are a gift: a source of them that fails spoils nothing. Where anything was refused, nothing is
        forgotten: what is missing may be what could not be read.
        """
        told = await failover.actions(symbol)
        reports = None
        with suppress(NoSource):
            reports = await failover.earnings(symbol)
        splits = [one for one in told.rows if isinstance(one, Split)]
        paid = self._merged(failover, [one for one in told.rows if isinstance(one, Dividend)], now)
        about = {"symbol": symbol, "now": now, "today": exchange_day(now), "provider": told.adapter}
        async with self._db.transaction() as connection:
            if told.whole:
                await connection.execute(queries.FORGET_SPLITS, about | {"days": [one.ex_on for one in splits]})
                await connection.execute(queries.FORGET_DIVIDENDS, about | {"days": [one.ex_on for one in paid]})
            changed = (await connection.execute(queries.PUT_SPLITS, about | {"rows": _json(splits)})).rowcount
            changed += (await connection.execute(queries.PUT_DIVIDENDS, about | {"rows": _json(paid)})).rowcount
            await tell_what_changed(connection, symbol, exchange_day(now), now)
            if reports is not None:
                days = {"days": [one.reports_on for one in reports.rows], "provider": reports.adapter}
                if reports.whole:
                    await connection.execute(queries.FORGET_EARNINGS, about | days)
                rows = about | {"rows": _json(reports.rows)}
                changed += (await connection.execute(queries.PUT_EARNINGS, rows)).rowcount
            earnings_by = reports.adapter if reports is not None else ""
            await connection.execute(queries.PUT_COVERAGE, about | {"earnings_by": earnings_by})
        return changed

    def _merged(self, failover: Failover, dividends: Iterable[Dividend], now: datetime) -> list[Dividend]:
        """One for each ex-date: an ordinary and a special one of the same day are paid for the same share."""
        found: dict[date, Dividend] = {}
        for one in dividends:
            first = found.get(one.ex_on)
            if first is None:
                found[one.ex_on] = one
            elif first.currency == one.currency:
                found[one.ex_on] = replace(first, amount=first.amount + one.amount, pay_on=first.pay_on or one.pay_on)
            else:
                failover.health.refuse_action(one.provider, one, "a second currency of the same day", now)
        return list(found.values())

    async def refresh(self, failover: Failover, symbols: Sequence[str], now: datetime) -> tuple[int, int, int]:
        """Ask for each anew, slowly: how many symbols were told, how many rows changed, and how many symbols failed."""
        told = changed = failed = 0
        for number, symbol in enumerate(symbols):
            await asyncio.sleep(self._pace_secs if number else 0)
            try:
                changed += await self.fetch(failover, symbol, now)
                told += 1
            except NoSource:
                failed += 1
        return told, changed, failed


def _json(rows: Sequence[CorporateAction | EarningsDate]) -> str:
    unique = {tuple(str(value) for value in asdict(one).values())[:2]: asdict(one) for one in rows}
    return orjson.dumps(list(unique.values()), default=str).decode()
