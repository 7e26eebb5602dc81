"""Targets for the parts of an account, how far it is from them, and the trades that bring it there.

Parts are values in one currency; targets are percentages of the whole and, with cash, add up to 100. A trade moves
value between cash and a part that is out of its band, never past that part's target, so that no drift grows before
costs. It never spends what is not there and keeps the cash that is to be kept. Accounts that owe shares are not for it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import Side

CASH = "Cash"
HUNDRED = Decimal(100)
# Sums of products of quantities (nine decimals) and prices (six) are kept exact.
DIGITS = 60
# `(symbol, qty)`: what a purchase sets aside, and `(symbol, side, qty)`: what a trade costs besides its value.
NeedOf = Callable[[str, Decimal], Decimal]
CostOf = Callable[[str, Side, Decimal], Decimal]


class TargetError(ValueError):
    """Targets that cannot be, in a sentence."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is held of a symbol (`qty` zero: only to be bought), the part it belongs to, and its price a share.

    Quantities are traded in steps of `step` shares and not below `least` in value.
    """

    symbol: str
    part: str
    qty: Decimal
    price: Decimal
    step: Decimal
    least: Decimal = ZERO

    @property
    def value(self) -> Decimal:
        return self.qty * self.price


@dataclass(frozen=True, slots=True)
class Targets:
    """Percent of the whole by part, and of cash. A part within `tolerance_pct` points of its target stays as it is."""

    percents: Mapping[str, Decimal]
    cash_pct: Decimal = ZERO
    tolerance_pct: Decimal = ZERO

    def check(self) -> None:
        """TargetError when they do not add up to 100 or one is out of range."""
        for name, pct in [*self.percents.items(), (CASH, self.cash_pct)]:
            if not pct.is_finite() or not 0 <= pct <= HUNDRED:
                raise TargetError(f"{name}: a target is between 0 and 100 percent.")
        if not self.tolerance_pct.is_finite() or not 0 <= self.tolerance_pct <= 50:
            raise TargetError("The band is between 0 and 50 points wide to either side.")
        if CASH in self.percents:
            raise TargetError("Cash has a field of its own.")
        total = sum(self.percents.values(), self.cash_pct)
        if total != HUNDRED:
            raise TargetError(f"The targets and the cash add up to {plain(total)} %, not to 100 %.")


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a part is from its target: `excess` is value minus target value (negative: too little)."""

    part: str
    value: Decimal
    target_value: Decimal
    target_pct: Decimal
    total: Decimal
    outside: bool

    @property
    def excess(self) -> Decimal:
        return self.value - self.target_value

    @property
    def actual_pct(self) -> Decimal | None:
        """None when the account is worth nothing."""
        return self.value / self.total * HUNDRED if self.total > 0 else None


@dataclass(frozen=True, slots=True)
class Trade:
    """`value` at the price of the plan; `cost` is what it takes besides: fees and half of the spread."""

    symbol: str
    part: str
    side: Side
    qty: Decimal
    value: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """The trades, sales first. `left_out` names parts that stay out of their band, and why."""

    trades: list[Trade]
    left_out: list[str]

    @property
    def cost(self) -> Decimal:
        return sum((one.cost for one in self.trades), ZERO)


def drifts_of(assets: Sequence[Asset], cash: Decimal, targets: Targets) -> list[Drift]:
    """Every part that is held or has a target, and cash, the furthest off first; the excesses add up to zero."""
    targets.check()
    with localcontext(prec=DIGITS):
        values: dict[str, Decimal] = defaultdict(Decimal, dict.fromkeys(targets.percents, ZERO))
        for one in assets:
            values[one.part] += one.value
        total = sum(values.values(), cash)
        band = total * targets.tolerance_pct / HUNDRED
        found = []
        for part, value, pct in [
            *[(part, value, targets.percents.get(part, ZERO)) for part, value in values.items()],
            (CASH, cash, targets.cash_pct),
        ]:
            wanted = total * pct / HUNDRED
            found.append(Drift(part, value, wanted, pct, total, abs(value - wanted) > band))
        return sorted(found, key=lambda one: (-abs(one.excess), one.part))


def drift_of(drifts: Sequence[Drift]) -> Decimal:
    """How much of the whole lies in the wrong place: half of what all parts are off by, cash included."""
    with localcontext(prec=DIGITS):
        return sum((abs(one.excess) for one in drifts), ZERO) / 2


def plan_trades(
    assets: Sequence[Asset],
    cash: Decimal,
    targets: Targets,
    *,
    need_of: NeedOf,
    cost_of: CostOf,
    only_buy: bool = False,
    spend_at_most: Decimal | None = None,
) -> Plan:
    """The fewest trades towards the targets: parts within their band are left alone, of a part its largest position
    is traded first, and purchases go to what is furthest below its target first.

    `only_buy` sells nothing; `spend_at_most` bounds what purchases set aside in all. `need_of` a purchase is at least
    its value and cost. ValueError for a position below zero.
    """
    if any(one.qty < 0 or one.price <= 0 or one.step <= 0 for one in assets):
        raise ValueError("Quantities are not negative, prices and steps positive.")
    with localcontext(prec=DIGITS):
        drifts = drifts_of(assets, cash, targets)
        of_part: dict[str, list[Asset]] = defaultdict(list)
        for one in sorted(assets, key=lambda one: (-one.value, one.symbol)):
            of_part[one.part].append(one)
        parts = [one for one in drifts if one.part != CASH and one.outside]
        trades: list[Trade] = []
        if not only_buy:
            for over in parts:
                if over.excess > 0:
                    trades += _sales(of_part[over.part], over.excess, over.target_pct == 0, cost_of)
        kept = sum((one.target_value for one in drifts if one.part == CASH), ZERO)
        proceeds = sum((one.value - one.cost for one in trades), ZERO)
        budget = max(ZERO, cash + proceeds - kept)
        if spend_at_most is not None:
            budget = min(budget, max(ZERO, spend_at_most))
        left_out: list[str] = []
        for under in parts:
            if under.excess >= 0:
                if only_buy:
                    left_out.append(f"{under.part} is above its band, and nothing is sold.")
                continue
            bought, budget, why = _purchase(of_part[under.part], -under.excess, budget, need_of, cost_of)
            trades += bought
            if why:
                left_out.append(f"{under.part} stays below its band: {why}")
        return Plan(trades, left_out)


def _sales(assets: Sequence[Asset], excess: Decimal, all_of_it: bool, cost_of: CostOf) -> list[Trade]:
    """Sell `excess` worth, the largest position first; whole positions when nothing of the part is to be kept."""
    found = []
    for one in assets:
        qty = one.qty if all_of_it else min(one.qty, _floor(excess / one.price, one.step))
        if qty <= 0 or (qty < one.qty and qty * one.price < one.least):
            continue
        trade = _trade(one, "sell", qty, cost_of)
        if trade.cost >= trade.value:
            continue  # It would bring nothing.
        found.append(trade)
        excess -= trade.value
    return found


def _purchase(
    assets: Sequence[Asset], missing: Decimal, budget: Decimal, need_of: NeedOf, cost_of: CostOf
) -> tuple[list[Trade], Decimal, str]:
    """Buy up to `missing` worth of the part's largest position; what is left of the budget, and why it is not all."""
    if not assets:
        return [], budget, "nothing of it is held, so it is not known what to buy. Buy something of it first."
    one = assets[0]
    wanted = qty = _floor(missing / one.price, one.step)
    while qty > 0 and need_of(one.symbol, qty) > budget:
        # What is set aside grows with the quantity, so a step below its share of the budget is found in a few turns.
        qty = min(_floor(qty * budget / need_of(one.symbol, qty), one.step), qty - one.step)
    if qty <= 0 or qty * one.price < one.least:
        why = "there is not enough cash for it." if wanted > 0 else "one step of it is more than what is missing."
        return [], budget, why
    left = budget - need_of(one.symbol, qty)
    return [_trade(one, "buy", qty, cost_of)], left, "" if qty == wanted else "there is not enough cash for all of it."


def _trade(one: Asset, side: Side, qty: Decimal, cost_of: CostOf) -> Trade:
    return Trade(one.symbol, one.part, side, qty, qty * one.price, cost_of(one.symbol, side, qty))


def _floor(qty: Decimal, step: Decimal) -> Decimal:
    return (qty / step).to_integral_value(ROUND_FLOOR) * step if qty > 0 else ZERO
