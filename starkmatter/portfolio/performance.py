"""How a book did over a period: its daily value on venue time, its returns, and a benchmark on the same days.

Values are what the worker recorded at each session's close and around each flow, plus the newest one. What was not
recorded is named, never filled in.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import performance as returns
from starkmatter.domain.ledger import DIVIDENDS, INTEREST, WITHHELD
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.performance import Unmeasurable, Valuation
from starkmatter.domain.quotes import Venue, VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio import queries
from starkmatter.portfolio.benchmark import BenchmarkLine, load_benchmark
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.explaining import explain_period
from starkmatter.portfolio.periods import Close, Mark, Period, find_period, named, unrecorded
from starkmatter.portfolio.records import BenchmarkView, DayValue, FlowView, Performance, RateUsed

EXPENSES = "expenses:"
ALL_LOST = (
    "Everything had been lost before money came back by {:%Y-%m-%d}: the time-weighted return of the period stays "
    "at -100 % whatever came after. Choose a period that begins later to measure that."
)
FX_NOT_TOLD = "What exchange rates brought could not be told: an account was traded on while this was read."


async def measure_performance(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    start: date | None = None,
    end: date | None = None,
    benchmark: str | None = None,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Performance:
    """The account from the close before `start` (its opening when None) to the close of `end` (now when None).

    Without an `account_id` all of the caller's own accounts of a market as one book; `currency` and `venue` as
    `find_book` takes them. Days are the exchange's. `benchmark` is a symbol with daily bars: None takes the venue's
    index, "" none at all. NotFound for an account that is not the caller's or an unknown benchmark, InvalidInput when
    start is after end.
    """
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    period = await find_period(b, caller, book, start, end)
    found = await measure_period(b, caller, period, benchmark)
    asked = {"account": book.accounts[0].id, "user": caller.user_id}
    if not book.converts and not await b.db.value(queries.HOLDS_FOREIGN, asked):
        return found
    told = await explain_period(b, caller, period)
    if told is None:
        return replace(found, fx=None, missing=[*found.missing, FX_NOT_TOLD])
    return replace(found, fx=next(one.value for one in told.steps if one.key == "fx"))


async def measure_period(b: Backends, caller: Caller, period: Period, benchmark: str | None = None) -> Performance:
    """The same of a period that was found already."""
    newest, line, base, marks, last = period.newest, period.line, period.base, period.marks, period.last
    inside = {one for one in line.edges if base.valuation.at <= one.at <= last.at}
    inside |= {one.valuation for one in (base, *marks)}
    # While the clock is paused money can move at the very instant of the last point: this moment comes after it.
    valuations = sorted(inside, key=lambda one: (one.at, one == newest))
    missing = [*period.missing, *unrecorded(period)]
    held_against = await load_benchmark(
        b,
        period.book.venue,
        benchmark,
        base.on,
        with_base_day=not period.since_opening or _after_close(base, line.closes),
        until=newest.at if newest else last.at,
        currency=period.book.currency,
    )
    ids = [one.account.id for one in period.members]
    params = {"accounts": ids, "user": caller.user_id, "after": base.valuation.at, "until": last.at}
    rows = await b.db.tuples(queries.EARNED, params)
    # Finding a rate takes milliseconds of pure arithmetic per hundred flows: not on the loop that serves everybody.
    return await asyncio.to_thread(_measure, period, valuations, held_against, _earned(rows, period), missing=missing)


def _earned(rows: Sequence[tuple[UUID, datetime, str, Decimal]], period: Period) -> list[tuple[datetime, str, Decimal]]:
    """Income and costs in the book's currency, each at the rate of its day, in whole cents where that converts."""
    currency_of = {one.account.id: one.account.currency for one in period.members}
    found = []
    for account_id, at, name, amount in rows:
        if currency_of[account_id] != period.book.currency:
            amount = to_cents(amount * period.rate_or_last(currency_of[account_id], exchange_day(at)))
        found.append((at, name, amount))
    return found


def _measure(
    period: Period,
    valuations: Sequence[Valuation],
    benchmark: BenchmarkLine | None,
    earned: Sequence[tuple[datetime, str, Decimal]],
    *,
    missing: list[str],
) -> Performance:
    book, marks = period.book, [period.base, *period.marks]
    fees = -sum((amount for _, name, amount in earned if name.startswith(EXPENSES)), ZERO)
    dividends = sum((amount for _, name, amount in earned if name == DIVIDENDS), ZERO)
    price_only: Decimal | None
    gross: Decimal | None
    length = valuations[-1].at - valuations[0].at
    if len(valuations) == 1:
        twr = mwr = simple = price_only = gross = None
        missing.append("There is only one value yet: a return needs two.")
    else:
        twr = _said("Time-weighted return", returns.time_weighted(valuations), missing)
        mwr = _said("Money-weighted return", returns.money_weighted(valuations), missing)
        simple = _said("Simple return", returns.simple(valuations), missing)
        amounts = [(at, amount) for at, _, amount in earned]
        price_only = _said("Price return", returns.without_earned(valuations, amounts), missing)
        costs = [(at, amount) for at, name, amount in earned if name.startswith(EXPENSES)]
        gross = _said("Return before costs", returns.without_earned(valuations, costs), missing)
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
            [day.on for day in days], [day.growth for day in days], _month_is_over(days[-1].on, period.clock)
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
        account_id=book.account_id,
        account_ids=[one.account.id for one in period.members],
        name=book.name,
        currency=book.currency,
        since_opening=period.since_opening,
        start_at=valuations[0].at,
        end_at=valuations[-1].at,
        start_value=valuations[0].value,
        end_value=valuations[-1].value,
        twr=twr,
        mwr=mwr,
        simple=simple,
        price_only=price_only,
        gross=gross,
        twr_annual=None if twr is None else returns.annualized(twr, length),
        mwr_annual=None if mwr is None else returns.annualized(mwr, length),
        pl=returns.profit(valuations),
        flows=sum(flows, ZERO),
        deposits=sum((flow for flow in flows if flow > 0), ZERO),
        withdrawals=-sum((flow for flow in flows if flow < 0), ZERO),
        fees=fees,
        taxes=-sum((amount for _, name, amount in earned if name == WITHHELD), ZERO),
        dividends=dividends,
        interest=sum((amount for _, name, amount in earned if name == INTEREST), ZERO),
        benchmark=_benchmark_view(benchmark, days),
        drawdown=drawdown,
        days=days,
        months=months,
        flow_list=flow_list,
        missing=missing,
        rates=_rates_used(period),
    )


def _rates_used(period: Period) -> list[RateUsed]:
    """What each other currency of the accounts costs at both ends of the period."""
    first, last = exchange_day(period.base.valuation.at), exchange_day(period.last.at)
    currencies = sorted({one.account.currency for one in period.members} - {period.book.currency})
    return [RateUsed(one, period.rate_of(one, first), period.rate_of(one, last)) for one in currencies]


def _said(name: str, ratio: returns.Ratio, missing: list[str]) -> Decimal | None:
    if isinstance(ratio, Unmeasurable):
        missing.append(f"{name}: {ratio.reason}")
        return None
    return ratio


def _days(
    chosen: Sequence[Mark],
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
        same_flows=_on_the_same_flows(days) if complete else None,
    )


def _on_the_same_flows(days: Sequence[DayValue]) -> Decimal | None:
    """The value at the end of as much in the benchmark, each day's flow at that day's close."""
    value, before = days[0].value, days[0].benchmark_growth
    for day in days[1:]:
        if day.benchmark_growth is None:
            if day.flow:
                return None
            continue
        if not before:
            return None
        value, before = value * day.benchmark_growth / before + day.flow, day.benchmark_growth
    return to_cents(value)


def _without_price(benchmark: BenchmarkLine, days: Sequence[DayValue]) -> list[str]:
    unpriced = [day.on for day in days if day.benchmark_growth is None]
    if not unpriced:
        return []
    if benchmark.base_close is None:
        return [f"{benchmark.symbol} has no close at or before the start of this period."]
    return [f"{benchmark.symbol} has no price on {named(unpriced)}."]


def _after_close(base: Mark, closes: Sequence[Close]) -> bool:
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
