"""The same prices in shares of the day, in shares of today, or as if every dividend had been reinvested.

Bars are kept adjusted for splits, as the sources give them; the other two series are computed from those on reading.

* Splits: a price before the ex-date is divided by numerator / denominator of every split since, a volume multiplied by
  it. What is kept is such a series, so `raw` undoes it.
* Dividends: a price before the ex-date is multiplied by 1 - D / C, where D is the dividend and C the close of the day
  before the ex-date, both in the same shares: the multipliers of CRSP's standards, which Yahoo Finance's help names for
  its adjusted close. The return over such a series is that of somebody who bought shares for each dividend at C - D,
  the price without it.

Factors are exact fractions; prices are rounded once, to a millionth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Literal, cast

from starkmatter.domain.actions import Dividend, Split
from starkmatter.domain.money import to_micros
from starkmatter.domain.quotes import Bar, Interval, ShownInterval
from starkmatter.domain.sessions import exchange_day

Adjustment = Literal["raw", "splits", "all"]
Factor = Callable[[date], Fraction]
LEAST_DIVIDEND, DIVIDEND_STEP = Decimal("0.001"), Decimal("0.0001")


def split_factor(splits: Iterable[Split], known_on: date) -> Factor:
    """How many shares of `known_on` one share of a day is: the product of all ratios after that day up to `known_on`.

    A split that is announced for later is left out.
    """
    happened = sorted((one for one in splits if one.ex_on <= known_on), key=lambda one: one.ex_on, reverse=True)
    return _steps([(one.ex_on, Fraction(one.numerator) / Fraction(one.denominator)) for one in happened])


def dividend_factor(
    dividends: Iterable[Dividend], closes_before: Mapping[date, Decimal], shares: Factor, known_on: date
) -> Factor:
    """What a price of a day is multiplied by for all dividends after it up to `known_on`: 1 or less, never 0.

    `closes_before` has the close of the day before each ex-date in shares of `known_on`, `shares` is `split_factor`. A
    dividend without such a close, or that is not below it, changes nothing.
    """
    steps = []
    for one in sorted(dividends, key=lambda one: one.ex_on, reverse=True):
        close = closes_before.get(one.ex_on)
        if close is None or one.ex_on > known_on:
            continue
        amount = Fraction(one.amount) / shares(one.ex_on)
        if amount < close:
            steps.append((one.ex_on, 1 - amount / Fraction(close)))
    return _steps(steps)


def _steps(newest_first: Sequence[tuple[date, Fraction]]) -> Factor:
    """The product of the factors of all days after the one that is asked for."""
    products, product = [], Fraction(1)
    for ex_on, factor in newest_first:
        product *= factor
        products.append((ex_on, product))

    def factor_of(day: date) -> Fraction:
        found = Fraction(1)
        for ex_on, product in products:
            if ex_on <= day:
                break
            found = product
        return found

    return factor_of


def in_raw_shares(bars: Iterable[Bar], shares: Factor) -> list[Bar]:
    """Bars that are adjusted for splits, as they were traded; the volume in whole shares of that day."""
    return _scaled(bars, shares, lambda day: 1 / shares(day))


def in_shares_of_today(bars: Iterable[Bar], shares: Factor) -> list[Bar]:
    """Bars as they were traded, adjusted for splits: undoes `in_raw_shares`."""
    return _scaled(bars, lambda day: 1 / shares(day), shares)


def with_dividends(bars: Iterable[Bar], paid: Factor) -> list[Bar]:
    """Bars that are adjusted for splits, adjusted for dividends as well; the volume stays."""
    return _scaled(bars, paid, lambda day: Fraction(1))


def _scaled(bars: Iterable[Bar], prices: Factor, volumes: Factor) -> list[Bar]:
    scaled = []
    for day, of_day in groupby(bars, key=lambda bar: exchange_day(bar.starts_at)):
        price, volume = prices(day), volumes(day)
        for bar in of_day:
            traded = bar.volume
            if traded is not None and volume != 1:
                traded = Decimal(round(Fraction(traded) * volume))
            if price == 1:
                scaled.append(bar._replace(volume=traded))
                continue
            opened, high, low, close = (_times(one, price) for one in (bar.open, bar.high, bar.low, bar.close))
            scaled.append(bar._replace(open=opened, high=high, low=low, close=close, volume=traded))
    return scaled


def _times(price: Decimal, factor: Fraction) -> Decimal:
    return to_micros(price * factor.numerator / factor.denominator)


def dividends_told_by(
    days: Sequence[date], closes: Sequence[Decimal], adjusted: Sequence[Decimal]
) -> list[tuple[date, Decimal]]:
    """The dividends (ex-date, cash per share) that a series adjusted for them tells: `dividend_factor` undone.

    The multiplier of a day is adjusted / close; where it grows from C's day to the next by m, D = C x (1 - 1 / m) was
    paid. To a hundredth of a cent, which is what a series of six digits carries; steps below a tenth of a cent are its
    rounding.
    """
    found = []
    for number in range(1, len(days)):
        close = closes[number - 1]
        grown = (adjusted[number] / closes[number]) / (adjusted[number - 1] / close)
        paid = close * (1 - 1 / grown)
        if paid >= LEAST_DIVIDEND:
            found.append((days[number], paid.quantize(DIVIDEND_STEP)))
    return found


def rolled_days(days: Iterable[Bar], interval: ShownInterval) -> list[Bar]:
    """Weeks from Monday, or months, made of days in order: a bar whose days do not all have a volume has none."""

    def bucket(bar: Bar) -> tuple[int, int]:
        day = exchange_day(bar.starts_at)
        return day.isocalendar()[:2] if interval == "1w" else (day.year, day.month)

    rolled = []
    for _, group in groupby(days, key=bucket):
        parts = list(group)
        volumes = [one.volume for one in parts if one.volume is not None]
        rolled.append(
            parts[-1]._replace(
                interval=cast("Interval", interval),
                starts_at=parts[0].starts_at,
                open=parts[0].open,
                high=max(one.high for one in parts),
                low=min(one.low for one in parts),
                volume=sum(volumes, Decimal(0)) if len(volumes) == len(parts) else None,
                note=max((one.note for one in parts if one.note is not None), default=None),
            )
        )
    return rolled
