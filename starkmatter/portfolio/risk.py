"""How risky an account was over a period: the figures of `domain.ratios` over its closed days, and their windows.

A day's return is the time-weighted one of the performance page, so that money that came or went is no risk. The day
that still runs is left out. A figure that cannot be told has its reason in place of a value.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import ratios
from starkmatter.domain.performance import Unmeasurable
from starkmatter.domain.quotes import Venue, VenueClock
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.performance import measure_period
from starkmatter.portfolio.periods import find_period
from starkmatter.portfolio.records import DayValue, Performance
from starkmatter.portfolio.valuation import clock_or_none

WINDOW_DAYS = 63
WINDOWS = (10, 252)
RISK_FREE = (Decimal("-0.05"), Decimal("0.5"))
FEW_DAYS = 60
SHOWN_FALLS = 5
LARGEST = 1e9
DECIMALS = Decimal("1e-10")
NO_BENCHMARK = "There is no benchmark with a price on these days."


@dataclass(frozen=True, slots=True)
class RiskFigure:
    """`value` is a ratio or a plain number, None with its `reason`; `reason` is empty beside a value."""

    name: str
    value: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class FallView:
    """A fall below a former high. `days` are those from the high to the low, `days_back` from the low to the high."""

    depth: Decimal
    peak_on: date
    trough_on: date
    recovered_on: date | None
    days: int
    days_back: int | None


@dataclass(frozen=True, slots=True)
class WindowView:
    """Figures of the window of days that ends on that day; None where they cannot be told."""

    on: date
    volatility: Decimal | None
    sharpe: Decimal | None
    beta: Decimal | None


@dataclass(frozen=True, slots=True)
class Risk:
    """The risk of a period. `days` counts its returns, `against_days` those on which the benchmark has one too."""

    account_id: UUID | None
    start_on: date
    end_on: date
    days: int
    benchmark: str | None
    against_days: int
    risk_free: Decimal
    window_days: int
    figures: list[RiskFigure]
    falls: list[FallView]
    windows: list[WindowView]
    notes: list[str]


async def measure_risk(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    start: date | None = None,
    end: date | None = None,
    benchmark: str | None = None,
    risk_free: Decimal = Decimal(0),
    window_days: int = WINDOW_DAYS,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Risk:
    """The figures of a period as `measure_performance` takes it; `risk_free` is a yearly rate (0.04 is 4 %).

    Raises what that raises, and InvalidInput for a rate or a window out of bounds.
    """
    if not RISK_FREE[0] <= risk_free <= RISK_FREE[1]:
        raise InvalidInput("risk_free: a yearly rate from -0.05 to 0.5, such as 0.04.")
    if not WINDOWS[0] <= window_days <= WINDOWS[1]:
        raise InvalidInput(f"window: {WINDOWS[0]} to {WINDOWS[1]} days.")
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    found = await measure_period(b, caller, await find_period(b, caller, book, start, end), benchmark)
    clock = None if book.accounts[0].read_only else await clock_or_none(b, book.venue)
    return await asyncio.to_thread(risk_of, found, clock, risk_free=risk_free, window_days=window_days)


def risk_of(
    found: Performance,
    clock: VenueClock | None,
    *,
    risk_free: Decimal = Decimal(0),
    window_days: int = WINDOW_DAYS,
) -> Risk:
    """The same of a period that was measured already. `clock` tells which day still runs; None: none does."""
    days = _closed(found.days, clock)
    returns = [float(day.ratio) for day in days[1:]]
    market = _market(days)
    daily = ratios.daily_rate(float(risk_free))
    deepest = ratios.falls(returns)
    both = [(mine, theirs) for mine, theirs in zip(returns, market, strict=True) if theirs is not None]
    windows = ratios.rolling(returns, market, window_days, daily)
    return Risk(
        account_id=found.account_id,
        start_on=days[0].on if days else found.start_at.date(),
        end_on=days[-1].on if days else found.end_at.date(),
        days=len(returns),
        benchmark=found.benchmark.symbol if found.benchmark else None,
        against_days=len(both),
        risk_free=risk_free,
        window_days=window_days,
        figures=[
            _figure(name, figure)
            for name, figure in {**_alone(returns, daily, deepest), **_against(both, daily)}.items()
        ],
        falls=[_fall(one, days) for one in deepest[:SHOWN_FALLS]],
        windows=[
            WindowView(days[one.at + 1].on, _value(one.volatility), _value(one.sharpe), _value(one.beta))
            for one in windows
        ],
        notes=_notes(found, len(returns), len(both)),
    )


def _alone(returns: Sequence[float], daily: float, deepest: Sequence[ratios.Fall]) -> Mapping[str, ratios.Figure]:
    return {
        "volatility": ratios.volatility(returns),
        "downside_deviation": ratios.downside_deviation(returns, daily),
        "max_drawdown": deepest[0].depth if deepest else 0.0 if returns else ratios.TOO_FEW,
        "sharpe": ratios.sharpe(returns, daily),
        "sortino": ratios.sortino(returns, daily),
        "calmar": ratios.calmar(returns),
        "value_at_risk": ratios.value_at_risk(returns),
        "expected_shortfall": ratios.expected_shortfall(returns),
        "parametric_value_at_risk": ratios.parametric_value_at_risk(returns),
        "parametric_shortfall": ratios.parametric_shortfall(returns),
    }


def _against(both: Sequence[tuple[float, float]], daily: float) -> Mapping[str, ratios.Figure]:
    names = ("beta", "alpha", "correlation", "tracking_error")
    if not both:
        return dict.fromkeys(names, Unmeasurable(NO_BENCHMARK))
    mine, theirs = [one for one, _ in both], [one for _, one in both]
    figures = (
        ratios.beta(mine, theirs, daily),
        ratios.alpha(mine, theirs, daily),
        ratios.correlation(mine, theirs),
        ratios.tracking_error(mine, theirs),
    )
    return dict(zip(names, figures, strict=True))


def _closed(days: Sequence[DayValue], clock: VenueClock | None) -> Sequence[DayValue]:
    running = clock is not None and clock.state == "open" and bool(days) and days[-1].on == clock.session_on
    return days[:-1] if running and len(days) > 1 else days


def _market(days: Sequence[DayValue]) -> list[float | None]:
    """The benchmark's return of each day but the first; None where it, or the day before, has no price."""
    growth = [day.benchmark_growth for day in days]
    return [float(after / before - 1) if before and after is not None else None for before, after in pairwise(growth)]


def _fall(one: ratios.Fall, days: Sequence[DayValue]) -> FallView:
    recovered = None if one.recovered is None else days[one.recovered].on
    return FallView(
        depth=_exact(one.depth),
        peak_on=days[one.peak].on,
        trough_on=days[one.trough].on,
        recovered_on=recovered,
        days=one.trough - one.peak,
        days_back=None if one.recovered is None else one.recovered - one.trough,
    )


def _figure(name: str, figure: ratios.Figure) -> RiskFigure:
    if isinstance(figure, Unmeasurable):
        return RiskFigure(name, None, figure.reason)
    if abs(figure) > LARGEST:
        return RiskFigure(name, None, "The figure is too large to mean anything.")
    return RiskFigure(name, _exact(figure), "")


def _value(figure: ratios.Figure) -> Decimal | None:
    return _figure("", figure).value


def _exact(figure: float) -> Decimal:
    """A statistic on its way out, at ten decimals."""
    return Decimal(repr(figure)).quantize(DECIMALS)


def _notes(found: Performance, days: int, both: int) -> list[str]:
    notes = []
    if 0 < days < FEW_DAYS:
        notes.append(f"{days} days say little: figures of risk settle after a few months.")
    if found.benchmark is not None and both < days:
        notes.append(f"{found.benchmark.symbol} has a return on {both} of these {days} days.")
    return notes
