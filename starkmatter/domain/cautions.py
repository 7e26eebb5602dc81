"""What somebody has to have read before an order is taken: it may be a slip, or cost more than it shows.

None of it is forbidden. Each has a code, and the submission names the codes that were read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

from starkmatter.domain.lot_book import WASH_WINDOW
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import OrderRequest, Side
from starkmatter.domain.sessions import SessionCalendar, exchange_day
from starkmatter.domain.settlement import CashMove, PaidLot, paid_on, settles_on, sold_too_early

CautionCode = Literal["duplicate", "wash_sale", "good_faith"]
CODES: tuple[CautionCode, ...] = get_args(CautionCode)
SAME_WITHIN = timedelta(seconds=10)
SETTLING = timedelta(days=8)
# Pointed out when a purchase spends more than a quarter of the cash and leaves more than half in one symbol.
BIG_PART_OF_CASH = Decimal("0.25")
CONCENTRATED_RATIO = Decimal("0.50")


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to have read."""

    code: CautionCode
    text: str


@dataclass(frozen=True, slots=True)
class PastFill:
    """A fill of the account: `cash` is what moved by it, fees included, negative for a purchase."""

    symbol: str
    side: Side
    qty: Decimal
    cash: Decimal
    realized_pl: Decimal
    executed_at: datetime


def duplicate(request: OrderRequest, sent_at: datetime | None, now: datetime) -> Caution | None:
    """The same symbol, side and quantity, or amount of money, were ordered at `sent_at`, moments ago."""
    if sent_at is None or now - sent_at > SAME_WITHIN:
        return None
    secs = max(0, round((now - sent_at).total_seconds()))
    size = plain(request.qty) if request.notional is None else f"{money_text(request.notional)} of"
    ordered = f"{request.side} {size} {request.symbol}"
    return Caution(
        "duplicate", f"The same order, {ordered}, was sent {secs} seconds ago. Send it again only if you mean it."
    )


def wash_sale(request: OrderRequest, fills: Sequence[PastFill], venue_now: datetime) -> Caution | None:
    """A purchase within 30 days after the same shares were sold at a loss; `fills` newest last."""
    if request.side != "buy":
        return None
    since = venue_now - WASH_WINDOW
    losses = [
        f for f in fills if f.symbol == request.symbol and f.realized_pl < 0 and since < f.executed_at <= venue_now
    ]
    if not losses:
        return None
    lost = -sum((one.realized_pl for one in losses), ZERO)
    return Caution(
        "wash_sale",
        f"{request.symbol} was sold at a loss on {exchange_day(losses[-1].executed_at)}: bought again within "
        f"{WASH_WINDOW.days} days it is a wash sale, and up to {lost:,.2f} of it cannot be deducted now (US tax).",
    )


def good_faith(
    request: OrderRequest,
    fills: Sequence[PastFill],
    calendar: SessionCalendar,
    *,
    qty: Decimal,
    cash: Decimal,
    held_qty: Decimal,
    venue_now: datetime,
    paid_in: Sequence[CashMove] = (),
) -> Caution | None:
    """A sale of `qty` shares before the money that paid for them has settled. `fills`: of the last days, oldest first.

    `cash` and `held_qty` are the account's and the position now, `paid_in` what else moved its cash in those days: a
    purchase is paid by what is paid in after it, too, from that day on.
    """
    if request.side != "sell" or not fills:
        return None
    today = exchange_day(venue_now)
    moved = sum((one.cash for one in fills), ZERO) + sum((one.cash for one in paid_in), ZERO)
    first = exchange_day(fills[0].executed_at)
    moves = [CashMove(cash - moved, first), *paid_in]
    bought = sum((one.qty for one in fills if one.symbol == request.symbol and one.side == "buy"), ZERO)
    sold = sum((one.qty for one in fills if one.symbol == request.symbol and one.side == "sell"), ZERO)
    lots: list[PaidLot] = []
    if (before := held_qty - bought + sold) > 0:
        lots.append(PaidLot(request.symbol, before, first - timedelta(days=1), first - timedelta(days=1)))
    try:
        for one in fills:
            day = exchange_day(one.executed_at)
            if one.symbol == request.symbol and one.side == "buy":
                paid = paid_on(moves, -one.cash, day)
                lots.append(PaidLot(one.symbol, one.qty, day, paid or settles_on(calendar, day)))
            elif one.symbol == request.symbol:
                lots = _without(lots, one.qty)
            moves.append(CashMove(one.cash, settles_on(calendar, day)))
    except ValueError:  # the calendar ends before the settlement: nothing is known of it
        return None
    words = sold_too_early(lots, request.symbol, qty, today)
    return None if words is None else Caution("good_faith", words)


def concentration(
    request: OrderRequest, *, cost: Decimal, cash: Decimal, position_after: Decimal, equity: Decimal
) -> str | None:
    """What to think about when a large purchase leaves more than half of the account in one symbol; it needs no word.

    All in the account's currency.
    """
    if request.side != "buy" or equity <= 0 or cost <= cash * BIG_PART_OF_CASH:
        return None
    ratio = position_after / equity
    if ratio <= CONCENTRATED_RATIO:
        return None
    return (
        f"With this order {ratio * 100:.0f} % of the account would be in {request.symbol}: a bad day of it is a bad "
        "day of everything."
    )


def _without(lots: Sequence[PaidLot], qty: Decimal) -> list[PaidLot]:
    """What is left after a sale; the oldest go first."""
    left: list[PaidLot] = []
    for lot in lots:
        part = min(qty, lot.qty)
        qty -= part
        if lot.qty > part:
            left.append(PaidLot(lot.symbol, lot.qty - part, lot.bought_on, lot.paid_on))
    return left
