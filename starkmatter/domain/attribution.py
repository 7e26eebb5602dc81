"""Why an account did better or worse than a market, by group: Brinson and Fachler's effects, linked over days.

One day (Brinson, Hood and Beebower, 1986; the allocation effect of Brinson and Fachler, 1985): for each group with the
weights w, W of account and market at the day's start and their returns r, R, and the market's whole return M,

* allocation  (w - W) (R - M): more of what did better than the market,
* selection   W (r - R): better ones within the group,
* interaction (w - W) (r - R): both at once.

Over all groups they sum to the account's return less the market's, as long as weights sum to one. By what the day's
return differs from that of what was held at its start (trades within the day, fees, income) is `trading`. Days are
linked after Cariño (1999, "Combining attribution effects over time"): each day's effects are weighted by its
k = (ln(1 + a) - ln(1 + m)) / (a - m) over that of the whole period, so that they sum to the difference of the
compounded returns exactly. Results have ten decimals, and their sum is the rounded difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable

DIGITS = 40
DECIMALS = Decimal("1e-10")
ONE = Decimal(1)
NO_LOGARITHM = "On one of these days nothing was left of the account or the market."
NO_DAYS = "There is no day to compare yet."


@dataclass(frozen=True, slots=True)
class Group:
    """A group's share of account and market at the day's start, and what it returned in each. A side that has nothing
    of it gets the other's return, so that the whole effect is allocation.
    """

    name: str
    weight: Decimal
    market_weight: Decimal
    ratio: Decimal
    market_ratio: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """One day's groups, whose weights sum to one on each side, and what the account really returned."""

    groups: Sequence[Group]
    ratio: Decimal

    @property
    def market_ratio(self) -> Decimal:
        return sum((one.market_weight * one.market_ratio for one in self.groups), ZERO)

    @property
    def held_ratio(self) -> Decimal:
        """Of what was held at the day's start."""
        return sum((one.weight * one.ratio for one in self.groups), ZERO)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one group brought of the difference; ratios. The weights are means over the days."""

    name: str
    weight: Decimal
    market_weight: Decimal
    allocation: Decimal
    selection: Decimal
    interaction: Decimal

    @property
    def total(self) -> Decimal:
        return self.allocation + self.selection + self.interaction


@dataclass(frozen=True, slots=True)
class Attribution:
    """Effects and `trading` sum to `excess` = `ratio` - `market_ratio` exactly."""

    effects: list[Effect]
    trading: Decimal
    ratio: Decimal
    market_ratio: Decimal

    @property
    def excess(self) -> Decimal:
        return self.ratio - self.market_ratio


def attribute(days: Sequence[Day]) -> Attribution | Unmeasurable:
    """The effects over these days, groups in the order of their names; Unmeasurable when there is no such figure."""
    if not days:
        return Unmeasurable(NO_DAYS)
    with localcontext() as context:
        context.prec = DIGITS
        if any(1 + ratio <= 0 for day in days for ratio in (day.ratio, day.market_ratio)):
            return Unmeasurable(NO_LOGARITHM)
        own = market = ONE
        for day in days:
            own, market = own * (1 + day.ratio), market * (1 + day.market_ratio)
        whole = _factor(own - 1, market - 1)
        names = sorted({one.name for day in days for one in day.groups})
        sums = {name: [ZERO] * 5 for name in names}
        trading = ZERO
        for day in days:
            share, level = _factor(day.ratio, day.market_ratio) / whole, day.market_ratio
            trading += share * (day.ratio - day.held_ratio)
            for one in day.groups:
                _add(sums[one.name], one, level, share)
        return _rounded(names, sums, trading, own - 1, market - 1, len(days))


def _factor(ratio: Decimal, market_ratio: Decimal) -> Decimal:
    """Cariño's k: the difference of logarithms for each point of difference; its limit where there is none."""
    if ratio == market_ratio:
        return 1 / (1 + ratio)
    return ((1 + ratio).ln() - (1 + market_ratio).ln()) / (ratio - market_ratio)


def _add(sums: list[Decimal], one: Group, level: Decimal, share: Decimal) -> None:
    over = one.weight - one.market_weight
    better = one.ratio - one.market_ratio
    sums[0] += one.weight
    sums[1] += one.market_weight
    sums[2] += share * over * (one.market_ratio - level)
    sums[3] += share * one.market_weight * better
    sums[4] += share * over * better


def _rounded(
    names: Sequence[str], sums: dict[str, list[Decimal]], trading: Decimal, own: Decimal, market: Decimal, days: int
) -> Attribution:
    """Running sums are rounded and parts are their differences; the last one, `trading`, takes what is left."""
    ratio, market_ratio = own.quantize(DECIMALS), market.quantize(DECIMALS)
    effects, exact, told = [], ZERO, ZERO
    for name in names:
        parts = []
        for value in sums[name][2:]:
            exact += value
            part = exact.quantize(DECIMALS) - told
            parts.append(part)
            told += part
        weights = [(value / days).quantize(DECIMALS) for value in sums[name][:2]]
        effects.append(Effect(name, *weights, *parts))
    left = ratio - market_ratio - told
    assert abs(left - trading) < 4 * DECIMALS, "the effects do not sum to the difference"
    return Attribution(effects, left, ratio, market_ratio)
