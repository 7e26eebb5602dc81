"""The performance page: which period against which benchmark, and what came of it."""

import asyncio
from datetime import date, datetime, timedelta
from typing import TypedDict
from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocation import allocate
from starkmatter.portfolio.benchmark import list_benchmarks
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.reporting.wishes import MAX_BENCHMARK_CHARS
from starkmatter.portfolio.risk import Risk, risk_of
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.ui.figures import return_figure, value_figure, windows_figure
from starkmatter.ui.state.frame import chosen_account, chosen_venue
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.returns import NO_RETURNS, csv_address, day_rows, month_rows, parts_of, returns_row
from starkmatter.ui.state.risk import BAD_RATE, fall_rows, rate_of, risk_head, risk_rows
from starkmatter.ui.state.rows import Row
from starkmatter.ui.why import why_they_differ

ONE, ALL = "one", "all"
PERIODS = ("1W", "1M", "3M", "YTD", "1Y", "All")
MONTHS_BACK = {"1M": 1, "3M": 3, "1Y": 12}
DATE_CHARS = 10
ONE_DAY = timedelta(days=1)


class Book(TypedDict):
    """As the services take it; `account_id` is None for all accounts."""

    account_id: UUID | None
    currency: str | None
    venue: Venue | None


class PerformanceState(rx.State):
    """Returns, charts, months and parts of the chosen account."""

    ready: bool = False
    asked: Row = {"period": "All", "start": "", "end": "", "benchmark": "", "rate": "0", "whose": ONE, "in": ""}
    benchmarks: list[Row] = []
    figures: Row = NO_RETURNS
    why: list[str] = []
    charts: dict[str, dict] = {"value": {}, "returns": {}, "windows": {}}
    months: list[Row] = []
    days: list[Row] = []
    symbols: list[Row] = []
    sectors: list[Row] = []
    risk: list[Row] = []
    falls: list[Row] = []
    risk_notes: list[str] = []
    missing: list[str] = []
    problem: str = ""
    _benchmarks_of: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read everything the page shows."""
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_period(self, period: str) -> None:
        """One of the usual periods, up to now."""
        if period in PERIODS:
            self.asked = {**self.asked, "period": period, "start": "", "end": ""}
            await self._read()

    @rx.event
    @allow("user")
    async def choose_dates(self, form: dict[str, str]) -> None:
        """From one day to another; an empty field leaves that side open."""
        start, end = (form.get(name, "")[:DATE_CHARS] for name in ("start", "end"))
        if any(text and _day(text) is None for text in (start, end)):
            self.problem = "Give the dates as year, month and day."
            return
        self.asked = {**self.asked, "period": "Custom" if start or end else "All", "start": start, "end": end}
        await self._read()

    @rx.event
    @allow("user")
    async def choose_blend(self, form: dict[str, str]) -> None:
        """Hold the account against several instruments, written as 60 SPY, 40 AGG."""
        text = str(form.get("blend", "")).strip()[:MAX_BENCHMARK_CHARS]
        if text:
            self.asked = {**self.asked, "benchmark": text}
            await self._read()

    @rx.event
    @allow("user")
    async def choose_benchmark(self, symbol: str) -> None:
        """Hold the account against another instrument, or none."""
        if symbol in {"", *(one["symbol"] for one in self.benchmarks)}:
            self.asked = {**self.asked, "benchmark": symbol}
            await self._read()

    @rx.event
    @allow("user")
    async def choose_book(self, whose: str) -> None:
        """The chosen account, or all of the person's own of its market together, in the base currency."""
        if whose in {ONE, ALL}:
            self.asked = {**self.asked, "whose": whose, "in": ""}
            await self._read()

    @rx.event
    @allow("user")
    async def choose_currency(self, currency: str) -> None:
        """Show the book in another currency."""
        if currency in BOOK_CURRENCIES:
            self.asked = {**self.asked, "in": currency}
            await self._read()

    @rx.event
    @allow("user")
    async def choose_rate(self, form: dict[str, str]) -> None:
        """Measure risk against another yearly risk-free rate, in percent."""
        text = str(form.get("rate", "")).strip()
        if rate_of(text) is None:
            self.problem = BAD_RATE
            return
        self.asked = {**self.asked, "rate": text or "0"}
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            venue = await chosen_venue(self)
            if not self.benchmarks or venue != self._benchmarks_of:
                await self._read_benchmarks(venue)
            book = await self._book()
            start, end = await self._dates(caller)
            benchmark = self.asked["benchmark"]
            found = await measure_performance(b, caller, **book, start=start, end=end, benchmark=benchmark)
            parts = await allocate(b, caller, **book)
            clock = await clock_or_none(b, venue)
            rate = rate_of(self.asked["rate"]) or ZERO
            risk = await asyncio.to_thread(risk_of, found, clock, risk_free=rate)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self._show(found, clock.next_close if clock else None)
        self._show_risk(risk)
        days = {"start": start, "end": end, "benchmark": benchmark}
        self.figures["csv"] = csv_address(book | {"account_id": book["account_id"] or ALL} | days)
        self.symbols, self.sectors = parts_of(parts, {one["symbol"]: one["name"] for one in self.benchmarks})
        self.missing = list(dict.fromkeys([*found.missing, *parts.missing]))
        self.problem = ""

    async def _read_benchmarks(self, venue: Venue) -> None:
        found = await list_benchmarks(backends(), venue)
        self._benchmarks_of = venue
        self.benchmarks = [{"symbol": one.symbol, "name": one.name} for one in found]
        self.asked = {**self.asked, "benchmark": next((one.symbol for one in found if one.kind == "index"), "")}

    async def _book(self) -> Book:
        """Of which accounts and in which currency everything on the page is."""
        account_id = await chosen_account(self)
        currency = self.asked["in"] or None
        if self.asked["whose"] == ALL:
            return {"account_id": None, "currency": currency, "venue": await chosen_venue(self)}
        return {"account_id": account_id, "currency": currency, "venue": None}

    async def _dates(self, caller: Caller) -> tuple[date | None, date | None]:
        period = self.asked["period"]
        if period in {"All", "Custom"}:
            return _day(self.asked["start"]), _day(self.asked["end"])
        b = backends()
        account = await get_account(b, caller, await chosen_account(self))
        clock = await clock_or_none(b, account.venue)
        if clock is not None and not account.read_only:
            return first_day_of(period, exchange_day(clock.venue_now)), None
        # An account of a former run lives in another time: its newest day is its own.
        whole = await measure_performance(b, caller, **await self._book(), benchmark="")
        return first_day_of(period, exchange_day(whole.end_at)), None

    def _show_risk(self, risk: Risk) -> None:
        self.risk, self.falls = risk_rows(risk), fall_rows(risk)
        self.risk_notes = [risk_head(risk), *risk.notes] if risk.days else risk.notes
        self.charts = {**self.charts, "windows": windows_figure(risk) if len(risk.windows) > 1 else {}}

    def _show(self, found: Performance, next_close: datetime | None) -> None:
        # The opening and this moment alone: no day has closed yet.
        fresh = found.since_opening and len(found.days) <= 2 and next_close is not None
        self.figures = returns_row(found, next_close if fresh else None)
        self.why = why_they_differ(found)
        self.months, self.days = month_rows(found.months), day_rows(found)
        drawn = len(found.days) > 1
        against = found.benchmark.symbol if found.benchmark else None
        self.charts = {
            "value": value_figure(found.days) if drawn else {},
            "returns": return_figure(found.days, against) if drawn else {},
            "windows": {},
        }


def first_day_of(period: str, newest: date) -> date:
    """The first day of a period that ends with `newest`: a month begins the day after the same day a month before."""
    if period == "1W":
        return newest - 6 * ONE_DAY
    if period == "YTD":
        return date(newest.year, 1, 1)
    months = newest.year * 12 + newest.month - 1 - MONTHS_BACK[period]
    first = date(months // 12, months % 12 + 1, 1)
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return min(first + (newest.day - 1) * ONE_DAY, following - ONE_DAY) + ONE_DAY


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
