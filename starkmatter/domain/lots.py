"""Tax lots: shares of one trade with what they had cost, which of them a closing trade takes, and what that brings.

One sign serves both sides: a long lot has a positive quantity and basis, a short one both negative (its basis is what
the sale brought in), and a gain is always closing cash minus basis. Terms are those of US tax law: a holding is
long-term after more than a year (26 USC 1222), a short sale is always short-term here (26 USC 1233 without its
exceptions).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Literal

from starkmatter.domain.actions import Split
from starkmatter.domain.money import MICRO, ZERO, plain, to_micros

LotMethod = Literal["fifo", "lifo", "hifo", "average", "specific"]
QTY_STEP = Decimal("1E-9")


class LotError(ValueError):
    """A trade or transfer that does not fit what is held, in a sentence."""


@dataclass(frozen=True, slots=True)
class LotPick:
    """`qty` (positive) of the lot with that id."""

    lot_id: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class LotTrade:
    """A purchase (positive quantity, negative cash) or sale (the reverse); fees are in the cash.

    `method` overrides the account's for this trade alone; `picks` belong to `specific` and cover what is closed.
    Shares that became worthless are a sale without cash, cash in lieu of a fraction is a sale of the fraction.
    """

    id: str
    account: str
    symbol: str
    traded_on: date
    signed_qty: Decimal
    cash: Decimal
    method: LotMethod | None = None
    picks: tuple[LotPick, ...] = ()


@dataclass(frozen=True, slots=True)
class LotTransfer:
    """`qty` shares (positive) from one account to another; lots keep what they cost and when they began.

    Which lots go is said by `picks`, else by `method`, else by the account's own; nothing is averaged for it.
    """

    account: str
    to_account: str
    symbol: str
    qty: Decimal
    picks: tuple[LotPick, ...] = ()
    method: LotMethod | None = None


@dataclass(frozen=True, slots=True)
class LotArrival:
    """Shares that came without a trade of ours, with what they had cost (`basis` has the sign of `signed_qty`).

    When they were bought is not known: they count from the day they came, and replace no shares of a wash sale.
    """

    id: str
    account: str
    symbol: str
    arrived_on: date
    signed_qty: Decimal
    basis: Decimal


@dataclass(frozen=True, slots=True)
class LotRename:
    """From now on the shares trade under another symbol."""

    symbol: str
    to_symbol: str


@dataclass(frozen=True, slots=True)
class LotSpinOff:
    """For `denominator` shares of `symbol` come `numerator` of `to_symbol` with `cost_ratio` (0..1) of the cost.

    What comes is as old as the shares it comes from (26 USC 1223(1), 26 CFR 1.358-2).
    """

    symbol: str
    to_symbol: str
    numerator: Decimal
    denominator: Decimal
    cost_ratio: Decimal


@dataclass(frozen=True, slots=True)
class LotAction:
    """A split, another symbol or a spin-off that counts for the lots of these accounts alone."""

    event: "Split | LotRename | LotSpinOff"
    accounts: frozenset[str]


LotEvent = LotAction | LotTrade | LotTransfer | LotArrival | LotRename | LotSpinOff | Split


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares of one trade that are still open. `held_since` is earlier than `opened_on` after a wash sale.

    `washed` is the loss that waits in the basis; such shares replace no others. `number` counts trades: who came first.
    `arrived`: they came without a trade, and nobody here knows when they were bought.
    """

    id: str
    trade_id: str
    number: int
    account: str
    symbol: str
    opened_on: date
    held_since: date
    signed_qty: Decimal
    basis: Decimal
    washed: Decimal = ZERO
    arrived: bool = False

    @property
    def side(self) -> int:
        return 1 if self.signed_qty > 0 else -1

    @property
    def unit_basis(self) -> Decimal:
        """Per share; negative for a short lot."""
        return self.basis / abs(self.signed_qty)


@dataclass(frozen=True, slots=True)
class RealizedLot:
    """What closing (a part of) one lot brought. `cash` is negative when a short lot was bought back.

    `disallowed` (not negative) is the part of a loss that waits because of a wash sale.
    """

    trade_id: str
    lot: Lot
    closed_on: date
    cash: Decimal
    disallowed: Decimal = ZERO

    @property
    def gain(self) -> Decimal:
        """Negative for a loss, whatever the tax office says about it."""
        return self.cash - self.lot.basis

    @property
    def taxable_gain(self) -> Decimal:
        return self.gain + self.disallowed

    @property
    def is_long_term(self) -> bool:
        return self.lot.side > 0 and self.closed_on > a_year_after(self.lot.held_since)


def a_year_after(day: date) -> date:
    """The same day of the next year; the 28th of February after a 29th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def without_sale(method: LotMethod) -> LotMethod:
    """The order in which lots leave without a sale: nothing was picked, and nothing is averaged."""
    return "fifo" if method in ("average", "specific") else method


def take(lots: Sequence[Lot], qty: Decimal, method: LotMethod, picks: Sequence[LotPick]) -> list[tuple[Lot, Decimal]]:
    """Which lots, and how much of each, make up `qty`."""
    if method == "specific":
        return _picked(lots, qty, picks)
    if picks:
        raise LotError(f"Lots can be picked with the method 'specific', not with '{method}'.")
    order = list(lots)
    if method == "lifo":
        order.reverse()
    elif method == "hifo":
        order.sort(key=lambda lot: -lot.unit_basis)
    taken = []
    for lot in order:
        part = min(qty, abs(lot.signed_qty))
        if part:
            taken.append((lot, part))
            qty -= part
    return taken


def _picked(lots: Sequence[Lot], qty: Decimal, picks: Sequence[LotPick]) -> list[tuple[Lot, Decimal]]:
    known = {lot.id: lot for lot in lots}
    if len({pick.lot_id for pick in picks}) != len(picks):
        raise LotError("A lot is picked twice.")
    for pick in picks:
        if pick.lot_id not in known:
            raise LotError(f"There is no open lot {pick.lot_id}.")
        if not 0 < pick.qty <= abs(known[pick.lot_id].signed_qty):
            raise LotError(f"Lot {pick.lot_id} has {plain(abs(known[pick.lot_id].signed_qty))}, not {plain(pick.qty)}.")
    total = sum((pick.qty for pick in picks), ZERO)
    if total != qty:
        raise LotError(f"The picked lots add up to {plain(total)}, but {plain(qty)} are closed.")
    return [(known[pick.lot_id], pick.qty) for pick in picks]


@dataclass(frozen=True, slots=True)
class Taken:
    """What leaves one lot: `qty` of it (positive) and the part of its basis that goes along."""

    lot: Lot
    qty: Decimal
    basis: Decimal


def with_basis(taken: Sequence[tuple[Lot, Decimal]]) -> list[Taken]:
    """Each part with its share of its lot's own basis."""
    return [Taken(lot, qty, share(lot.basis, qty, abs(lot.signed_qty))) for lot, qty in taken]


def averaged(lots: Sequence[Lot], qty: Decimal) -> tuple[list[Lot], list[Taken]]:
    """All lots at the average cost of a share and, of the oldest, `qty` that leave (26 CFR 1.1012-1(e)(7)).

    The sum stays what it was. What leaves costs its part of it, rounded once and half away from zero to six decimals,
    as positions are kept (`domain.holdings`).
    """
    total, held = sum((lot.basis for lot in lots), ZERO), sum((abs(lot.signed_qty) for lot in lots), ZERO)
    leaving = total if qty == held else (total * qty / held).quantize(MICRO, ROUND_HALF_UP)
    parts = take(lots, qty, "fifo", ())
    gone = spread(leaving, [part for _, part in parts])
    left_qtys = [abs(lot.signed_qty) for lot in lots]
    for number, (_, part) in enumerate(parts):
        left_qtys[number] -= part
    left = spread(total - leaving, left_qtys)
    basis = [*gone, *[ZERO] * (len(lots) - len(gone))]
    changed = [replace(lot, basis=left[number] + basis[number]) for number, lot in enumerate(lots)]
    return changed, [Taken(changed[number], part, gone[number]) for number, (_, part) in enumerate(parts)]


def split_lots(lots: Sequence[Lot], split: Split) -> list[Lot]:
    """Each lot at its new quantity; what rounding leaves over goes to the last, the cost of one that vanishes too."""
    total = (sum((lot.signed_qty for lot in lots), ZERO) * split.numerator / split.denominator).quantize(QTY_STEP)
    if not total:
        raise LotError(f"Nothing is left of {split.symbol} after the split: book the cash that came instead.")
    up, down = split.numerator, split.denominator
    qtys = [(lot.signed_qty * up / down).quantize(QTY_STEP, ROUND_DOWN) for lot in lots[:-1]]
    qtys.append(total - sum(qtys, ZERO))
    homeless = sum((lot.basis for lot, qty in zip(lots, qtys, strict=True) if not qty), ZERO)
    changed = [replace(lot, signed_qty=qty) for lot, qty in zip(lots, qtys, strict=True) if qty]
    changed[-1] = replace(changed[-1], basis=changed[-1].basis + homeless)
    return changed


def spun_off(lots: Sequence[Lot], event: LotSpinOff) -> tuple[list[Lot], list[Lot]]:
    """What is left of each lot, and the lots of the new symbol (with the ids of those they come from).

    Cost moves in one sum, rounded once and half away from zero to six decimals, as positions are kept; where no new
    share comes, none moves. What rounding leaves over goes to the last.
    """
    held, total = sum((lot.signed_qty for lot in lots), ZERO), sum((lot.basis for lot in lots), ZERO)
    coming = (held * event.numerator / event.denominator).quantize(QTY_STEP)
    if not coming:
        return list(lots), []
    up, down = event.numerator, event.denominator
    qtys = [(lot.signed_qty * up / down).quantize(QTY_STEP, ROUND_DOWN) for lot in lots[:-1]]
    qtys.append(coming - sum(qtys, ZERO))
    costs = [to_micros(lot.basis * event.cost_ratio) for lot in lots[:-1]]
    costs.append((total * event.cost_ratio).quantize(MICRO, ROUND_HALF_UP) - sum(costs, ZERO))
    left, come = [], []
    homeless = ZERO
    for lot, qty, cost in zip(lots, qtys, costs, strict=True):
        washed = to_micros(lot.washed * event.cost_ratio)
        left.append(replace(lot, basis=lot.basis - cost, washed=lot.washed - washed))
        if qty:
            come.append(replace(lot, symbol=event.to_symbol, signed_qty=qty, basis=cost, washed=washed))
        else:
            homeless += cost
    come[-1] = replace(come[-1], basis=come[-1].basis + homeless)
    return left, come


def without(lot: Lot, qty: Decimal, basis: Decimal | None = None) -> Lot:
    """The lot after `qty` of it went with its share of the basis, or with that `basis`."""
    whole = abs(lot.signed_qty)
    return replace(
        lot,
        signed_qty=lot.side * (whole - qty),
        basis=lot.basis - (share(lot.basis, qty, whole) if basis is None else basis),
        washed=lot.washed - share(lot.washed, qty, whole),
    )


def share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part of `total` that belongs to `part` of `whole`, to six decimals; all of it for the whole."""
    return total if part == whole else to_micros(total * part / whole)


def spread(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`total` in proportion to the weights; the parts add up to it exactly."""
    parts: list[Decimal] = []
    left, left_weight = total, sum(weights, ZERO)
    for weight in weights:
        part = share(left, weight, left_weight) if left_weight else ZERO
        parts.append(part)
        left, left_weight = left - part, left_weight - weight
    return parts
