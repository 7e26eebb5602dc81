"""Orders for the opening or closing auction: all at its one price, once, and what is left ends with it.

The price is the session's opening or closing price. On a half day the closing auction is at its early close.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from starkmatter.domain import receipts
from starkmatter.domain.matching import Execution, Outcome, fee_lines
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import TimeInForce, WorkingOrder
from starkmatter.domain.presets import PRESETS, Preset
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.takes import Take, lots_of
from starkmatter.domain.triggers import UNSEEN

AuctionKind = Literal["opening", "closing"]
TIME_OF: dict[AuctionKind, TimeInForce] = {"opening": "opg", "closing": "cls"}


@dataclass(frozen=True, slots=True)
class Auction:
    """One auction's price. `qty`: the shares that changed hands in it (None: not known, no cap then)."""

    kind: AuctionKind
    price: Decimal
    qty: Decimal | None
    at: datetime
    provider: str
    taken_qty: Decimal = ZERO


def match_auction(
    order: WorkingOrder,
    auction: Auction,
    preset: Preset,
    *,
    lot_size: Decimal,
    max_price: Decimal | None = None,
    month_qty: Decimal = ZERO,
) -> Outcome:
    """What the auction gives to an order for it: never more than the preset's part of it, never beyond its limit."""
    if order.time_in_force != TIME_OF[auction.kind]:
        return Outcome(why=f"It is not an order for the {auction.kind} auction.")
    found = _take(order, auction, preset, lot_size, max_price)
    over = f"The {auction.kind} auction is over."
    if isinstance(found, str):
        return Outcome(why=found, ends=found)
    execution = _execution(order, auction, preset, found, lot_size, month_qty)
    others = {}
    for other in PRESETS.values():
        if other.name != preset.name:
            there = _take(order, auction, other, lot_size, max_price)
            lines = (
                () if isinstance(there, str) else fee_lines(order, there, other, exchange_day(auction.at), month_qty)
            )
            others[other.name] = receipts.alternative(there, lines)
    execution.receipt["alternatives"] = others
    return Outcome(execution, ends=over if found.qty < order.leaves_qty else None)


def _take(
    order: WorkingOrder, auction: Auction, preset: Preset, lot_size: Decimal, max_price: Decimal | None
) -> Take | str:
    buying, price, limit = order.side == "buy", auction.price, order.limit_price
    if limit is not None and (price > limit if buying else price < limit):
        return f"The {auction.kind} price of {money_text(price)} is beyond its limit of {money_text(limit)}."
    if buying and max_price is not None and price > max_price:
        return f"The {auction.kind} price of {money_text(price)} is more than was set aside for it."
    if preset.participation_ratio is None or auction.qty is None:
        available = order.leaves_qty
    else:
        available = max(ZERO, auction.qty * preset.participation_ratio - auction.taken_qty)
    qty = lots_of(min(order.leaves_qty, available), lot_size)
    if qty <= 0:
        return "The auction was too small for a part of it."
    return Take(qty, price, "at_auction", price, ZERO, available)


def _execution(
    order: WorkingOrder, auction: Auction, preset: Preset, found: Take, lot_size: Decimal, month_qty: Decimal
) -> Execution:
    lines = fee_lines(order, found, preset, exchange_day(auction.at), month_qty)
    receipt = {
        "preset": preset.stamp,
        "rule": f"{auction.kind}_auction",
        "explanation": receipts.words_of(order, found, UNSEEN),
        "auction": {
            "kind": auction.kind,
            "price": plain(auction.price),
            "qty": None if auction.qty is None else plain(auction.qty),
            "at": auction.at.isoformat(),
            "provider": auction.provider,
        },
        "cap": receipts.cap_part(
            order,
            found,
            preset,
            lot_size,
            traded_qty=auction.qty,
            shown_qty=ZERO,
            taken_qty=auction.taken_qty,
        ),
    }
    return Execution(found.qty, found.price, lines, receipt | receipts.cost_part(found, ZERO, lines, preset))
