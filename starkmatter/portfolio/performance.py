"""How an account did over a period: its daily value on venue time, its returns, and a benchmark on the same days.

Values are what the worker recorded at each session's close and around each flow, plus the newest one. What was not
recorded is named, never filled in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import performance as returns
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable, Valuation
from starkmatter.domain.quotes import VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput
from starkmatter.market.clocks import EXCHANGE
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.benchmark import BenchmarkLine, load_benchmark
from starkmatter.portfolio.records import AccountView, BenchmarkView, DayValue, FlowView, Performance
from starkmatter.portfolio.tracked import unpriced_days
from starkmatter.portfolio.valuation import clock_or_none, list_positions

NAMED_DAYS = 5
ALL_LOST = (
    "Everything had been lost before money came back by {:%Y-%m-%d}: the time-weighted return of the period stays "
    "at -100 % whatever came after. Choose a period that begins later to measure that."
)


@dataclass(frozen=True, slots=True)
class _Close:
    session_on: date
    closes_at: datetime
    at: datetime | None
    value: Decimal | None
    paid_in: Decimal | None


@dataclass(frozen=True, slots=True)
class _Mark:
    """The newest valuation of a day."""

    on: date
    valuation: Valuation


@dataclass(frozen=True, slots=True)
class _Line:
    """Everything known of an account's value: marks in order of days, the first one its opening."""

    marks: list[_Mark]
    edges: list[Valuation]
    closes: list[_Close]


@dataclass(frozen=True, slots=True)
class Period:
    """Which recorded values a period runs from and to. `newest`: this moment's, None when it cannot be said."""

    account: AccountView
    clock: VenueClock | None
    newest: Valuation | None
    line: _Line
    base: _Mark
    marks: list[_Mark]
    missing: list[str]

    @property
    def last(self) -> Valuation:
        return self.marks[-1].valuation if self.marks else self.base.valuation

    @property
    def since_opening(self) -> bool:
        return self.base is self.line.marks[0]

    @property
    def ends_now(self) -> bool:
        return self.newest is not None and self.last is self.newest


async def find_period(b: Backends, caller: Caller, account_id: UUID, start: date | None, end: date | None) -> Period:
    """From the close before `start` to that of `end`, as `measure_performance` has it; raises what that raises."""
    if start is not None and end is not None and start > end:
        raise InvalidInput("start: must not be later than end.")
    account = await get_account(b, caller, account_id)
    clock = await clock_or_none(b, account.venue)
    missing: list[str] = []
    missing += await unpriced_days(b, account)
    newest = await _newest(b, caller, account, clock, missing)
    line = await _read_line(b, caller, account_id, newest, clock)
    if start is not None and start > line.marks[-1].on:
        raise InvalidInput(f"start: the account's newest day is {line.marks[-1].on}.")
    if end is not None and end < line.marks[0].on:
        raise InvalidInput(f"end: the account was opened on {line.marks[0].on}.")
    base, marks = _choose(line, start, end)
    return Period(account, clock, newest, line, base, marks, missing)


async def measure_performance(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    start: date | None = None,
    end: date | None = None,
    benchmark: str | None = None,
) -> Performance:
    """The account from the close before `start` (its opening when None) to the close of `end` (now when None).

    Days are the exchange's. `benchmark` is a symbol with daily bars: None takes the venue's index, "" none at all.
    NotFound for an account that is not the caller's or an unknown benchmark, InvalidInput when start is after end.
    """
    period = await find_period(b, caller, account_id, start, end)
    account, clock, newest, line = period.account, period.clock, period.newest, period.line
    base, marks, missing, last = period.base, period.marks, period.missing, period.last
    inside = {one for one in line.edges if base.valuation.at <= one.at <= last.at}
    inside |= {one.valuation for one in (base, *marks)}
    # While the clock is paused money can move at the very instant of the last point: this moment comes after it.
    valuations = sorted(inside, key=lambda one: (one.at, one == newest))
    missing += _unrecorded(line.closes, base, last.at)
    since_opening = period.since_opening
    held_against = await load_benchmark(
        b,
        account.venue,
        benchmark,
        base.on,
        with_base_day=not since_opening or _after_close(base, line.closes),
        until=newest.at if newest else last.at,
    )
    params = {"account": account_id, "user": caller.user_id, "after": base.valuation.at, "until": last.at}
    ((fees, dividends),) = await b.db.tuples(queries.COSTS_AND_INCOME, params)
    # Finding a rate takes milliseconds of pure arithmetic per hundred flows: not on the loop that serves everybody.
    return await asyncio.to_thread(
        _measure,
        account,
        [base, *marks],
        valuations,
        held_against,
        since_opening=since_opening,
        fees=fees,
        dividends=dividends,
        missing=missing,
        clock=clock,
    )


def _measure(
    account: AccountView,
    marks: Sequence[_Mark],
    valuations: Sequence[Valuation],
    benchmark: BenchmarkLine | None,
    *,
    since_opening: bool,
    fees: Decimal,
    dividends: Decimal,
    missing: list[str],
    clock: VenueClock | None,
) -> Performance:
    length = valuations[-1].at - valuations[0].at
    if len(valuations) == 1:
        twr = mwr = simple = None
        missing.append("There is only one value yet: a return needs two.")
    else:
        twr = _said("Time-weighted return", returns.time_weighted(valuations), missing)
        mwr = _said("Money-weighted return", returns.money_weighted(valuations), missing)
        simple = _said("Simple return", returns.simple(valuations), missing)
    index = returns.growth_index(valuations)
    days: list[DayValue] = []
    flow_list: list[FlowView] = []
    drawdown, months = None, []
    if not isinstance(index, Unmeasurable):
        growth_of = dict(zip(valuations, index, strict=True))
        days = _days(marks, valuations, growth_of, benchmark)
        if lost := [one for one, grown in growth_of.items() if not grown and one.value > 0]:
            missing.append(ALL_LOST.format(lost[0].at))
        drawdown = returns.worst_drawdown([day.on for day in days], [day.growth for day in days])
        months = returns.monthly_returns(
            [day.on for day in days], [day.growth for day in days], _month_is_over(days[-1].on, clock)
        )
        flow_list = [
            FlowView(
                after.at,
                after.paid_in - before.paid_in,
                growth_of[after] - 1,
                index[-1] / growth_of[after] - 1 if growth_of[after] else ZERO,
            )
            for before, after in pairwise(valuations)
            if after.paid_in != before.paid_in
        ]
    flows = [flow for _, flow in returns.flows_of(valuations)]
    if benchmark is not None:
        missing += _without_price(benchmark, days)
    return Performance(
        account_id=account.id,
        currency=account.currency,
        since_opening=since_opening,
        start_at=valuations[0].at,
        end_at=valuations[-1].at,
        start_value=valuations[0].value,
        end_value=valuations[-1].value,
        twr=twr,
        mwr=mwr,
        simple=simple,
        twr_annual=None if twr is None else returns.annualized(twr, length),
        mwr_annual=None if mwr is None else returns.annualized(mwr, length),
        pl=returns.profit(valuations),
        flows=sum(flows, ZERO),
        deposits=sum((flow for flow in flows if flow > 0), ZERO),
        withdrawals=-sum((flow for flow in flows if flow < 0), ZERO),
        fees=fees,
        dividends=dividends,
        benchmark=_benchmark_view(benchmark, days),
        drawdown=drawdown,
        days=days,
        months=months,
        flow_list=flow_list,
        missing=missing,
    )


def _said(name: str, ratio: returns.Ratio, missing: list[str]) -> Decimal | None:
    if isinstance(ratio, Unmeasurable):
        missing.append(f"{name}: {ratio.reason}")
        return None
    return ratio


async def _newest(
    b: Backends, caller: Caller, account: AccountView, clock: VenueClock | None, missing: list[str]
) -> Valuation | None:
    """This moment's value of an account that lives; None when it cannot be said, with the reason in `missing`."""
    if account.read_only:
        return None
    if clock is None:
        missing.append("The market's clock does not answer: the period ends at the last recorded value.")
        return None
    paid_in = await _paid_in(b, account.id)
    valued = await get_account(b, caller, account.id)
    if await _paid_in(b, account.id) != paid_in:
        missing.append("Money moved while this was read: the period ends at the last recorded value.")
        return None
    unpriced = [one.symbol for one in await list_positions(b, caller, account.id) if one.qty and one.last is None]
    missing += [f"{symbol} has no quote now and stands at its cost." for symbol in unpriced]
    return Valuation(clock.venue_now, valued.equity, paid_in)


async def _paid_in(b: Backends, account_id: UUID) -> Decimal:
    deposited: dict[UUID, Decimal] = dict(await b.db.tuples(queries.DEPOSITED, ([account_id],)))
    return deposited.get(account_id, ZERO)


async def _read_line(
    b: Backends, caller: Caller, account_id: UUID, newest: Valuation | None, clock: VenueClock | None
) -> _Line:
    params = {"account": account_id, "user": caller.user_id, "until": newest.at if newest else "infinity"}
    edges = await b.db.all(Valuation, queries.EDGES, params)
    latest = newest or edges[-1]
    closes = await b.db.all(_Close, queries.CLOSES, params | {"until": latest.at, "exchange": EXCHANGE})
    marks = {
        one.session_on: _Mark(one.session_on, Valuation(one.at, one.value, one.paid_in))
        for one in closes
        if one.at is not None and one.value is not None and one.paid_in is not None
    }
    opening = _Mark(exchange_day(edges[0].at), edges[0])
    on = _day_of(latest, closes, clock if newest else None)
    if on not in marks or marks[on].valuation.at <= latest.at:
        marks[on] = _Mark(on, latest)
    return _Line([opening, *(marks[day] for day in sorted(marks))], edges, closes)


def _day_of(latest: Valuation, closes: Sequence[_Close], clock: VenueClock | None) -> date:
    """The trading day the latest value belongs to: the running one, else the last one that closed."""
    if clock is not None and clock.state == "open" and clock.session_on is not None:
        return clock.session_on
    if clock is None and (not closes or exchange_day(latest.at) > closes[-1].session_on):
        return exchange_day(latest.at)
    return closes[-1].session_on if closes else exchange_day(latest.at)


def _choose(line: _Line, start: date | None, end: date | None) -> tuple[_Mark, list[_Mark]]:
    """The mark the period begins from and those inside it."""
    before = [number for number, mark in enumerate(line.marks) if number and start is not None and mark.on < start]
    number = before[-1] if before else 0
    base = line.marks[number]
    inside = [mark for mark in line.marks[number + 1 :] if end is None or mark.on <= end]
    return base, [mark for mark in inside if mark.valuation != base.valuation]


def _days(
    chosen: Sequence[_Mark],
    valuations: Sequence[Valuation],
    growth_of: dict[Valuation, Decimal],
    benchmark: BenchmarkLine | None,
) -> list[DayValue]:
    growth = [growth_of[mark.valuation] for mark in chosen]
    depths = returns.below_peak(growth)
    found = []
    for number, mark in enumerate(chosen):
        before = chosen[number - 1] if number else mark
        grown_before = growth[number - 1] if number else growth[0]
        found.append(
            DayValue(
                on=mark.on,
                at=mark.valuation.at,
                value=mark.valuation.value,
                flow=mark.valuation.paid_in - before.valuation.paid_in,
                ratio=growth[number] / grown_before - 1
                if grown_before
                else _anew(valuations, before.valuation, mark.valuation),
                growth=growth[number],
                below_peak=depths[number],
                benchmark_growth=benchmark.growth_on(mark.on, is_base=not number) if benchmark else None,
            )
        )
    return found


def _anew(valuations: Sequence[Valuation], before: Valuation, after: Valuation) -> Decimal:
    """A day's own return after everything was lost, when the index of the period stays at zero."""
    index = returns.growth_index([one for one in valuations if before.at <= one.at <= after.at])
    return ZERO if isinstance(index, Unmeasurable) else index[-1] - 1


def _benchmark_view(benchmark: BenchmarkLine | None, days: Sequence[DayValue]) -> BenchmarkView | None:
    if benchmark is None:
        return None
    priced = [(day.on, day.benchmark_growth) for day in days if day.benchmark_growth is not None]
    complete = bool(priced) and bool(days) and priced[0][0] == days[0].on and priced[-1][0] == days[-1].on
    return BenchmarkView(
        symbol=benchmark.symbol,
        name=benchmark.name,
        twr=priced[-1][1] - 1 if complete else None,
        drawdown=returns.worst_drawdown([on for on, _ in priced], [growth for _, growth in priced]),
    )


def _without_price(benchmark: BenchmarkLine, days: Sequence[DayValue]) -> list[str]:
    unpriced = [day.on for day in days if day.benchmark_growth is None]
    if not unpriced:
        return []
    if benchmark.base_close is None:
        return [f"{benchmark.symbol} has no close at or before the start of this period."]
    return [f"{benchmark.symbol} has no price on {_named(unpriced)}."]


def _unrecorded(closes: Sequence[_Close], base: _Mark, until: datetime) -> list[str]:
    inside = [one for one in closes if base.valuation.at < one.closes_at <= until]
    found = []
    if absent := [one.session_on for one in inside if one.at is None]:
        found.append(f"No value was recorded on {_named(absent)}: these days are part of the next one.")
    if early := [one.session_on for one in inside if one.at is not None and one.at < one.closes_at]:
        found.append(f"No value was recorded at the close of {_named(early)}: the last one before it is used.")
    return found


def _named(days: Sequence[date]) -> str:
    if len(days) <= NAMED_DAYS:
        return ", ".join(day.isoformat() for day in days)
    return f"{len(days)} days from {days[0].isoformat()} to {days[-1].isoformat()}"


def _after_close(base: _Mark, closes: Sequence[_Close]) -> bool:
    """Whether an opening came after its day's close: then that session is none of the account's life."""
    return all(one.session_on != base.on for one in closes)


def _month_is_over(on: date, clock: VenueClock | None) -> bool:
    """Whether no session of the month of `on` is still to come or running, as far as the venue's clock tells."""
    if clock is None:
        return False
    following = exchange_day(clock.next_open) if clock.next_open else None
    running = clock.state == "open" and clock.session_on == on
    later = following if following is not None and following > on else on + timedelta(days=31)
    return not running and (later.year, later.month) != (on.year, on.month)
