"""What an account earned: time-weighted, money-weighted and simple return, drawdown and calendar grid; Decimal only.

A return is a ratio (0.0123 is 1.23 %). What cannot be said is an `Unmeasurable` with its reason, never NaN or zero.

Conventions, after the GIPS standards (2020, time-weighted returns and external cash flows): the account is valued at
every session's close and on both sides of every flow; between two valuations what was paid in counts from the first
one and what was taken out until the second; sub-periods are linked by multiplication. Years have 365 days (ACT/365);
nothing shorter than a year is annualized.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

from starkmatter.domain.money import ZERO

ONE = Decimal(1)
HALF = Decimal("0.5")
YEAR = timedelta(days=365)
SOLVER_DIGITS = 24
RATE_DECIMALS = Decimal("1e-15")
SOLVER_WIDTH = Decimal("1e-18")
MAX_LOG_GROWTH = Decimal(12)  # a factor of 160,000 in either direction
SCAN_COARSE, SCAN_FINE, SCAN_FINE_WITHIN = Decimal("0.5"), Decimal("0.0625"), Decimal(2)


@dataclass(frozen=True, slots=True)
class Valuation:
    """What the account was worth at `at`, and what had been paid in by then, less what had been taken out."""

    at: datetime
    value: Decimal
    paid_in: Decimal


@dataclass(frozen=True, slots=True)
class Unmeasurable:
    """There is no such figure; `reason` is a sentence for a person."""

    reason: str


Ratio = Decimal | Unmeasurable


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of an index below its former peak: `depth` in [-1, 0]; `recovered_on` None while below it."""

    depth: Decimal
    peak_on: date
    trough_on: date
    recovered_on: date | None


@dataclass(frozen=True, slots=True)
class MonthReturn:
    """The return of one calendar month, or of the part of it that lies in the period (`whole` False)."""

    year: int
    month: int
    ratio: Decimal
    whole: bool


def factor(before: Valuation, after: Valuation) -> Ratio:
    """Growth between two valuations, one for none: (value after + taken out) / (value before + paid in).

    Unmeasurable when nothing was there to grow, or when what was left is less than nothing.
    """
    flow = after.paid_in - before.paid_in
    base = before.value + max(flow, ZERO)
    result = after.value - min(flow, ZERO)
    if base <= 0:
        return ONE if base == 0 == result else Unmeasurable("The account had a value without any capital.")
    return result / base if result >= 0 else Unmeasurable("The account lost more than its capital.")


def link(ratios: Iterable[Decimal]) -> Decimal:
    """Returns of following periods as the return of all of them: (1 + a)(1 + b)... - 1."""
    grown = ONE
    for ratio in ratios:
        grown *= ONE + ratio
    return grown - ONE


def growth_index(valuations: Sequence[Valuation]) -> list[Decimal] | Unmeasurable:
    """How one unit invested at the first valuation grew, flows aside; as long as `valuations`, beginning with 1."""
    index = [ONE]
    for before, after in pairwise(valuations):
        grown = factor(before, after)
        if isinstance(grown, Unmeasurable):
            return Unmeasurable(f"{grown.reason[:-1]} on {after.at:%Y-%m-%d}.")
        index.append(index[-1] * grown)
    return index


def time_weighted(valuations: Sequence[Valuation]) -> Ratio:
    """The return of the account's investments, whenever money came or went: linked sub-periods."""
    if not _had_capital(valuations):
        return Unmeasurable("Nothing was invested in this period.")
    index = growth_index(valuations)
    return index if isinstance(index, Unmeasurable) else index[-1] - ONE


def without_earned(valuations: Sequence[Valuation], earned: Sequence[tuple[datetime, Decimal]]) -> Ratio:
    """The time-weighted return as it were without these: income (positive) and costs (negative), in any order.

    Without all of them it is that of prices (and exchange rates) alone, after the price return of an index; without the
    costs the return before costs. Income counts as if it were paid in and costs as if they were taken out, each in the
    sub-period it falls into.
    """
    came = sorted(earned, key=lambda one: one[0])
    number, total, adjusted = 0, ZERO, []
    for one in valuations:
        while number < len(came) and came[number][0] <= one.at:
            total += came[number][1] if came[number][0] > valuations[0].at else ZERO
            number += 1
        adjusted.append(Valuation(one.at, one.value, one.paid_in + total))
    return time_weighted(adjusted)


def simple(valuations: Sequence[Valuation]) -> Ratio:
    """Profit divided by the value at the start and everything that was paid in afterwards."""
    put_in = valuations[0].value + sum((max(flow, ZERO) for _, flow in flows_of(valuations)), ZERO)
    if put_in <= 0:
        return Unmeasurable("Nothing was invested in this period.")
    return profit(valuations) / put_in


def profit(valuations: Sequence[Valuation]) -> Decimal:
    """What the value changed by, less what was paid in, plus what was taken out; in the account's currency."""
    first, last = valuations[0], valuations[-1]
    return last.value - first.value - (last.paid_in - first.paid_in)


def flows_of(valuations: Sequence[Valuation]) -> list[tuple[datetime, Decimal]]:
    """External flows, paid in positive, at the end of the sub-period they fall into."""
    return [
        (after.at, after.paid_in - before.paid_in)
        for before, after in pairwise(valuations)
        if after.paid_in != before.paid_in
    ]


def money_weighted(valuations: Sequence[Valuation]) -> Ratio:
    """The one rate at which the start value and every flow grow to the end value, for the whole period (not annual).

    The internal rate of return (the XIRR equation, ACT/365) of start value, flows at their instants and end value;
    `annualized` makes it a yearly rate. Unmeasurable when no rate, or more than one, satisfies the flows.
    """
    first, last = valuations[0], valuations[-1]
    length = last.at - first.at
    flows = flows_of(valuations)
    if not _had_capital(valuations):
        return Unmeasurable("Nothing was invested in this period.")
    if not flows:
        return last.value / first.value - ONE
    if not length:
        return Unmeasurable("Money moved, but no time has passed yet.")
    # Share of the period that had passed at each flow: start and end stand at 0 and 1.
    paid = [(ZERO, first.value), *((_share(at - first.at, length), flow) for at, flow in flows), (ONE, -last.value)]
    paid = [(share, amount) for share, amount in paid if amount != 0]
    if all(amount > 0 for _, amount in paid):
        return -ONE
    with localcontext() as context:
        context.prec = SOLVER_DIGITS
        solved = _solve(paid)
        rate = solved if isinstance(solved, Unmeasurable) else solved.exp() - ONE
    return rate if isinstance(rate, Unmeasurable) else rate.quantize(RATE_DECIMALS)


def annualized(ratio: Decimal, length: timedelta) -> Decimal | None:
    """The yearly rate of a return over `length` (ACT/365); None for less than a year, and for a total loss -1."""
    if length < YEAR:
        return None
    if ratio <= -ONE:
        return -ONE
    return ((ONE + ratio).ln() * _share(YEAR, length)).exp() - ONE


def present_value(paid: Sequence[tuple[Decimal, Decimal]], log_growth: Decimal) -> Decimal:
    """What (share of the period, amount) pairs are worth at its start when money grows by exp(log_growth) in it."""
    return sum((amount * (-log_growth * share).exp() for share, amount in paid), ZERO)


def _solve(paid: Sequence[tuple[Decimal, Decimal]]) -> Ratio:
    """The root in the logarithm of growth. With one change of sign there is at most one (Descartes)."""
    changes = sum((one > 0) != (two > 0) for (_, one), (_, two) in pairwise(paid))
    at = [-MAX_LOG_GROWTH, MAX_LOG_GROWTH] if changes <= 1 else _scan()
    worth = [present_value(paid, one) for one in at]
    exact = [one for one, value in zip(at, worth, strict=True) if value == 0]
    brackets = [(at[n], at[n + 1]) for n in range(len(at) - 1) if worth[n] * worth[n + 1] < 0]
    if len(exact) + len(brackets) > 1:
        return Unmeasurable("More than one rate satisfies these flows, so none is the money-weighted return.")
    if exact:
        return exact[0]
    if not brackets:
        return Unmeasurable("No one rate satisfies these flows.")
    return _bisect(paid, *brackets[0])


def _scan() -> list[Decimal]:
    """Where to look for changes of sign: closely where accounts live, coarsely far out."""
    at = [-MAX_LOG_GROWTH]
    while at[-1] < MAX_LOG_GROWTH:
        fine = -SCAN_FINE_WITHIN <= at[-1] < SCAN_FINE_WITHIN
        at.append(at[-1] + (SCAN_FINE if fine else SCAN_COARSE))
    return at


def _bisect(paid: Sequence[tuple[Decimal, Decimal]], low: Decimal, high: Decimal) -> Decimal:
    rising = present_value(paid, low) < 0
    while high - low > SOLVER_WIDTH:
        middle = (low + high) * HALF
        if (present_value(paid, middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return (low + high) * HALF


def _share(part: timedelta, whole: timedelta) -> Decimal:
    microsecond = timedelta(microseconds=1)
    return Decimal(part // microsecond) / Decimal(whole // microsecond)


def _had_capital(valuations: Sequence[Valuation]) -> bool:
    return any(one.value > 0 for one in valuations) or any(flow > 0 for _, flow in flows_of(valuations))


def below_peak(index: Sequence[Decimal]) -> list[Decimal]:
    """How far each value of an index lies below the highest so far: 0 at a peak, -0.25 a quarter below."""
    peak, depths = ZERO, []
    for value in index:
        peak = max(peak, value)
        depths.append(value / peak - ONE if peak else ZERO)
    return depths


def worst_drawdown(days: Sequence[date], index: Sequence[Decimal]) -> Drawdown | None:
    """The deepest one, the first of equals; None when the index never fell."""
    depths = below_peak(index)
    if not depths or min(depths) == 0:
        return None
    trough = depths.index(min(depths))
    peak = max(number for number in range(trough) if depths[number] == 0)
    recovered = next((number for number in range(trough, len(depths)) if depths[number] == 0), None)
    return Drawdown(depths[trough], days[peak], days[trough], None if recovered is None else days[recovered])


def monthly_returns(days: Sequence[date], index: Sequence[Decimal], last_session_of_month: bool) -> list[MonthReturn]:
    """The return of each month of an index that stands at the closes of `days`; the first day is only the base.

    The first month is whole when the base is the last day of the month before, the last one when
    `last_session_of_month` says that no session of it is still to come.
    """
    found: list[MonthReturn] = []
    begun = 0
    for number in range(1, len(days)):
        ends = number + 1 == len(days) or _month(days[number + 1]) != _month(days[number])
        if not ends:
            continue
        whole = _month(days[begun]) != _month(days[number]) and (number + 1 < len(days) or last_session_of_month)
        base = index[begun]
        if base:
            found.append(MonthReturn(days[number].year, days[number].month, index[number] / base - ONE, whole))
        begun = number
    return found


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month
