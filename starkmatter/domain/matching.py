"""The paper market: when an order fills, at what price and why. Pure, so that a backtest gets the same answers.

Rules of the preset `realistic`, version 1. An order trades against the newest quote only. A market order takes the
other side of the spread; a limit order that can trade at once does the same up to its limit; a resting limit order
fills at its limit once the other side reaches it. Each quote gives at most what is shown at the touch or a tenth of
what the market traded since the quote before, whichever is more: the rest waits for later quotes. Beyond the touch
the price moves against the order by up to one half-spread.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Literal

from starkmatter.domain.fees import US_EQUITIES_2024, FeeLine, FeeSchedule, total
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import Side, WorkingOrder
from starkmatter.domain.quotes import Quote

Rule = Literal["market_at_touch", "limit_at_touch", "limit_resting"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How hard the paper market is. `participation_ratio` of the traded volume can be had per quote."""

    name: str
    version: int
    participation_ratio: Decimal
    max_impact_half_spreads: Decimal
    max_quote_age: timedelta
    fees: FeeSchedule

    @property
    def stamp(self) -> str:
        """Name and version, as every fill keeps it."""
        return f"{self.name}/{self.version}"


REALISTIC = Preset("realistic", 1, Decimal("0.10"), Decimal(1), timedelta(seconds=5), US_EQUITIES_2024)
PRESETS: dict[str, Preset] = {REALISTIC.name: REALISTIC}


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill to book: `qty` shares at `price`, the fee lines, and the receipt that explains both."""

    qty: Decimal
    price: Decimal
    fee_lines: tuple[FeeLine, ...]
    receipt: dict[str, Any]

    @property
    def fees(self) -> Decimal:
        return total(self.fee_lines)


def match(
    order: WorkingOrder,
    quote: Quote,
    *,
    resting: bool,
    traded_qty: Decimal | None,
    taken_qty: Decimal = ZERO,
    preset: Preset,
    tick_size: Decimal,
    lot_size: Decimal,
    max_price: Decimal | None,
    now: datetime,
    note: str | None = None,
) -> Execution | None:
    """What `order` gets from `quote`, or None when it has to wait.

    `resting`: the order was in the book before this quote. `traded_qty`: shares the market traded since the quote
    before (None when the source has no volume). `taken_qty`: shares that other orders already had from this quote on
    the same side. `max_price`: what a purchase was reserved for, per share; above it
    nothing is bought. `now` is on the quote's `received_at` clock and only judges its age. `note` is what else the
    receipt has to say of the quote.
    """
    buying = order.side == "buy"
    touch, shown = (quote.ask, quote.ask_size) if buying else (quote.bid, quote.bid_size)
    if touch is None or shown is None or quote.bid is None or quote.ask is None:
        return None
    age = now - quote.received_at
    if quote.condition != "normal" or age > preset.max_quote_age:
        return None
    limit = order.limit_price
    if limit is not None and (touch > limit if buying else touch < limit):
        return None

    by_volume = None if traded_qty is None else (traded_qty * preset.participation_ratio)
    available = max(ZERO, max(shown, by_volume or ZERO) - taken_qty)
    at_touch = max(ZERO, shown - taken_qty)
    qty = min(order.leaves_qty, available) // lot_size * lot_size
    if qty <= 0:
        return None
    if limit is not None and resting:
        rule: Rule = "limit_resting"
        impact, price = ZERO, limit
    else:
        rule = "market_at_touch" if limit is None else "limit_at_touch"
        impact = _impact(qty, at_touch, quote.ask - quote.bid, preset, tick_size)
        price = touch + impact if buying else touch - impact
        if limit is not None and (price > limit if buying else price < limit):
            qty, impact, price = min(qty, at_touch // lot_size * lot_size), ZERO, touch
            if qty <= 0:
                return None
    if buying and max_price is not None and price > max_price:
        return None
    if price <= 0:
        return None
    lines = preset.fees.lines(order.side, qty, price)
    receipt = {
        "preset": preset.stamp,
        "rule": rule,
        "explanation": " ".join(filter(None, (_explain(order, rule, touch, price, qty), note))),
        "quote": {
            "bid": plain(quote.bid),
            "ask": plain(quote.ask),
            "bid_size": plain(quote.bid_size or ZERO),
            "ask_size": plain(quote.ask_size or ZERO),
            "last": plain(quote.last),
            "observed_at": quote.observed_at.isoformat(),
            "provider": quote.provider,
            "age_ms": max(0, int(age.total_seconds() * 1000)),
        },
        "cap": {
            "participation_ratio": plain(preset.participation_ratio),
            "traded_qty": None if traded_qty is None else plain(traded_qty),
            "shown_qty": plain(shown),
            "taken_by_others_qty": plain(taken_qty),
            "available_qty": plain(available // lot_size * lot_size),
            "wanted_qty": plain(order.leaves_qty),
        },
        "spread": plain(quote.ask - quote.bid),
        "half_spread": plain((quote.ask - quote.bid) / 2),
        "impact": plain(impact),
        "fees": [{"name": line.name, "charged": plain(line.charged), "basis": line.basis} for line in lines],
        "fee_schedule": preset.fees.name,
    }
    return Execution(qty, price, lines, receipt)


def _impact(qty: Decimal, at_touch: Decimal, spread: Decimal, preset: Preset, tick_size: Decimal) -> Decimal:
    """How far the price moves against an order that takes more than the touch shows, in whole ticks, rounded up."""
    if qty <= at_touch or spread <= 0:
        return ZERO
    beyond = (qty - at_touch) / qty * preset.max_impact_half_spreads * spread / 2
    return (beyond / tick_size).to_integral_value(ROUND_CEILING) * tick_size


def _explain(order: WorkingOrder, rule: Rule, touch: Decimal, price: Decimal, qty: Decimal) -> str:
    side = "ask" if order.side == "buy" else "bid"
    whole = "all that was left" if qty == order.leaves_qty else f"{plain(qty)} of {plain(order.leaves_qty)} left"
    if rule == "limit_resting":
        reached = f"The {side} of {money_text(touch)} reached your resting limit of {money_text(price)}"
        return f"{reached}: {whole} filled at it."
    moved = "" if price == touch else f", moved to {money_text(price)} because the order took more than was shown there"
    kind = "Market order" if rule == "market_at_touch" else "Limit order that could trade at once"
    return f"{kind}: {whole} filled at the {side} of {money_text(touch)}{moved}."


def collar_price(side: Side, reference: Decimal, collar_ratio: Decimal, tick_size: Decimal) -> Decimal:
    """The worst price a market order may meet: `reference` moved against the order by `collar_ratio`, on the tick."""
    moved = reference * (1 + collar_ratio) if side == "buy" else reference * (1 - collar_ratio)
    return (moved / tick_size).to_integral_value(ROUND_CEILING if side == "buy" else ROUND_FLOOR) * tick_size
