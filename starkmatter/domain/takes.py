"""What one quote gives to one order under one preset: the quantity, the price and the parts that the price is made of.

    price = start + moved, on the tick, where
    start = the touch (the middle of the spread for `frictionless`; the limit for a resting order),
    moved = against the order, up to `max_impact_half_spreads` half-spreads in the measure in which the order takes
            more than the touch shows, or Y * sigma * start * sqrt(beyond / volume) where that is more and the preset
            has a volatility.

Square-root law: Toth et al., Anomalous price impact and the critical nature of liquidity, Physical Review X 1, 021006
(2011), with Y of order one; volume is the day's.
"""

import hashlib
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal, NamedTuple

from starkmatter.domain.money import ZERO, money_text
from starkmatter.domain.orders import Side
from starkmatter.domain.presets import Preset

How = Literal["at_touch", "at_mid", "resting", "at_auction", "at_open", "at_stop", "at_limit"]
_CHANCES = 1 << 32


class Market(NamedTuple):
    """What can be had on the order's side: `touch` is the other side's price, `shown` what it shows.

    `spread` is the whole one. `traded_qty`: what the market traded since the quote before, `day_qty`: on the day so
    far (None when the source has no volume). `taken_qty`: what other orders already had from this quote.
    """

    touch: Decimal
    shown: Decimal
    spread: Decimal
    traded_qty: Decimal | None
    day_qty: Decimal | None
    taken_qty: Decimal
    tick_size: Decimal
    lot_size: Decimal


class Want(NamedTuple):
    """What the order still wants. `limit` None: any price. `max_price`: what a purchase has money for, per share.

    `whole`: all of it or nothing. `seed` decides whatever is left to chance.
    """

    side: Side
    qty: Decimal
    limit: Decimal | None
    resting: bool
    max_price: Decimal | None
    whole: bool
    seed: str


class Take(NamedTuple):
    """What it gets: price = start + moved (signed). `available_qty` is the most anybody could have had."""

    qty: Decimal
    price: Decimal
    how: How
    start: Decimal
    moved: Decimal
    available_qty: Decimal
    by_chance: bool = False


def take(want: Want, market: Market, preset: Preset) -> Take | str:
    """What the order gets, or in words why nothing."""
    buying = want.side == "buy"
    reach = market.touch if preset.crosses == "touch" else _middle(want.side, market)
    name = "ask" if buying else "bid"
    if want.limit is not None:
        beyond = preset.through_ticks * market.tick_size if want.resting else ZERO
        if reach + beyond > want.limit if buying else reach - beyond < want.limit:
            return f"The {name} of {money_text(reach)} has not reached its limit of {money_text(want.limit)}."
    available, at_touch = _to_be_had(want, market, preset)
    qty = lots_of(min(want.qty, available), market.lot_size)
    if qty <= 0:
        return f"Nothing is left at the {name} for it: others had what this quote gives."
    by_chance = False
    if preset.partial_ratio and not want.whole:
        qty, by_chance = _by_chance(want, qty, market.lot_size, preset)
    how: How = "at_touch" if preset.crosses == "touch" else "at_mid"
    if want.limit is not None and want.resting:
        found = Take(qty, want.limit, "resting", want.limit, ZERO, available, by_chance)
    else:
        found = _at_once(want, market, preset, Take(qty, reach, how, reach, ZERO, available, by_chance), at_touch)
    if found.qty <= 0:
        return f"What is shown at the {name} is less than one lot, and more of it would cost beyond its limit."
    if want.whole and found.qty < want.qty:
        return "Not all of it can be had at once."
    if buying and want.max_price is not None and found.price > want.max_price:
        return f"The price of {money_text(found.price)} is more than was set aside for it."
    if found.price <= 0:
        return "There is no price above zero."
    return found


def _to_be_had(want: Want, market: Market, preset: Preset) -> tuple[Decimal, Decimal]:
    """The most that can be had, and how much of it without moving the price."""
    if preset.participation_ratio is None:
        return want.qty, want.qty
    shown = market.shown * preset.shown_ratio
    by_volume = (market.traded_qty or ZERO) * preset.participation_ratio
    return max(ZERO, max(shown, by_volume) - market.taken_qty), max(ZERO, shown - market.taken_qty)


def _at_once(want: Want, market: Market, preset: Preset, found: Take, at_touch: Decimal) -> Take:
    """An order that trades now pays what it takes beyond the touch; its limit bounds the price, then the quantity."""
    sign = 1 if want.side == "buy" else -1
    size = found.qty if preset.impact_of == "fill" else want.qty
    moved = sign * _impact(size, at_touch, found.start, market, preset)
    price = found.start + moved
    if want.limit is not None and (price - want.limit) * sign > 0:
        qty = min(found.qty, lots_of(at_touch, market.lot_size))
        moved = ZERO if preset.impact_of == "fill" else want.limit - found.start
        price = found.start + moved
        return Take(qty, price, found.how, found.start, moved, found.available_qty, found.by_chance)
    return Take(found.qty, price, found.how, found.start, moved, found.available_qty, found.by_chance)


def _impact(size: Decimal, at_touch: Decimal, start: Decimal, market: Market, preset: Preset) -> Decimal:
    """How far the price moves against an order of `size`, in whole ticks, rounded up."""
    if size <= at_touch or market.spread <= 0:
        return ZERO
    beyond = size - at_touch
    raw = beyond / size * preset.max_impact_half_spreads * market.spread / 2
    if preset.daily_volatility_ratio and market.day_qty:
        share = (beyond / market.day_qty).sqrt()
        raw = max(raw, preset.impact_coefficient * preset.daily_volatility_ratio * start * share)
    return (raw / market.tick_size).to_integral_value(ROUND_CEILING) * market.tick_size


def _middle(side: Side, market: Market) -> Decimal:
    """The middle of the spread, on the tick that is worse for the order."""
    half = market.spread / 2
    raw, rounding = (market.touch - half, ROUND_CEILING) if side == "buy" else (market.touch + half, ROUND_FLOOR)
    return (raw / market.tick_size).to_integral_value(rounding) * market.tick_size


def _by_chance(want: Want, qty: Decimal, lot_size: Decimal, preset: Preset) -> tuple[Decimal, bool]:
    """Sometimes only a part: the same order and quote always draw the same."""
    digest = hashlib.sha256(want.seed.encode()).digest()
    chance, share = (Decimal(int.from_bytes(digest[at : at + 4], "big")) / _CHANCES for at in (0, 4))
    if chance >= preset.partial_ratio:
        return qty, False
    part = max(lot_size, lots_of(qty * share, lot_size))
    return part, part < qty


def lots_of(qty: Decimal, lot_size: Decimal) -> Decimal:
    """`qty` in whole lots, rounded down."""
    return qty // lot_size * lot_size
