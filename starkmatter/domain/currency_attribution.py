"""What each currency brought to a book's return: by prices in that currency, and by its exchange rate.

One day, for each currency with the weight w at the day's start, the return r of what is held in it in its own terms and
its rate's return e: price w r, and currency w (1 + r) e, so that the cross term is a part of the currency's, as in
`domain.symbol_gains`; together w ((1 + r)(1 + e) - 1), the return in the book's currency. Cash has r = 0. By what the
day's return differs from the sum over all currencies (trades within the day, fees, income) is `trading`. Days are
linked after Cariño (1999, "Combining attribution effects over time"): each day's parts count by k = ln(1 + R) / R of
the day over that of the whole period, so that they sum to the compounded return exactly. Results have ten decimals, and
their sum is the rounded return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from starkmatter.domain.attribution import DECIMALS, DIGITS, NO_DAYS, ONE
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable

NOTHING_LEFT = "On one of these days nothing was left of the book."


@dataclass(frozen=True, slots=True)
class CurrencyDay:
    """What is held in a currency at a day's start: its weight, `local` what that brought in its own terms as a part of
    the whole book (w r, of everything held in it together), and the return of its rate.
    """

    weight: Decimal
    local: Decimal
    rate_ratio: Decimal

    @property
    def currency_part(self) -> Decimal:
        return (self.weight + self.local) * self.rate_ratio


@dataclass(frozen=True, slots=True)
class Day:
    """One day's currencies, whose weights sum to one, and what the book really returned."""

    currencies: Mapping[str, CurrencyDay]
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class CurrencyEffect:
    """What one currency brought; ratios. The weight is a mean over the days."""

    name: str
    weight: Decimal
    price: Decimal
    currency: Decimal

    @property
    def total(self) -> Decimal:
        return self.price + self.currency


@dataclass(frozen=True, slots=True)
class CurrencyContribution:
    """Effects and `trading` sum to `ratio`, the compounded return of these days, exactly."""

    effects: list[CurrencyEffect]
    trading: Decimal
    ratio: Decimal


def contribute(days: Sequence[Day]) -> CurrencyContribution | Unmeasurable:
    """The parts over these days, currencies in the order of their names; Unmeasurable when there is no such figure."""
    if not days:
        return Unmeasurable(NO_DAYS)
    with localcontext() as context:
        context.prec = DIGITS
        if any(1 + day.ratio <= 0 for day in days):
            return Unmeasurable(NOTHING_LEFT)
        grown = ONE
        for day in days:
            grown *= 1 + day.ratio
        whole = _factor(grown - 1)
        sums = {name: [ZERO, ZERO, ZERO] for name in sorted({name for day in days for name in day.currencies})}
        trading = ZERO
        for day in days:
            share = _factor(day.ratio) / whole
            told = ZERO
            for name, one in day.currencies.items():
                found = sums[name]
                found[0] += one.weight
                found[1] += share * one.local
                found[2] += share * one.currency_part
                told += one.local + one.currency_part
            trading += share * (day.ratio - told)
        return _rounded(sums, trading, grown - 1, len(days))


def _factor(ratio: Decimal) -> Decimal:
    """Cariño's k of a return; its limit where there is none."""
    return (1 + ratio).ln() / ratio if ratio else ONE


def _rounded(sums: Mapping[str, list[Decimal]], trading: Decimal, grown: Decimal, days: int) -> CurrencyContribution:
    """Running sums are rounded and parts are their differences; the last one, `trading`, takes what is left."""
    ratio = grown.quantize(DECIMALS)
    effects, exact, told = [], ZERO, ZERO
    for name, (weight, *parts) in sums.items():
        shown = []
        for value in parts:
            exact += value
            part = exact.quantize(DECIMALS) - told
            shown.append(part)
            told += part
        effects.append(CurrencyEffect(name, (weight / days).quantize(DECIMALS), *shown))
    left = ratio - told
    assert abs(left - trading) < 4 * DECIMALS, "the parts do not sum to the return"
    return CurrencyContribution(effects, left, ratio)
