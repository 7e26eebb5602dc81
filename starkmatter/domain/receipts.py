"""The receipt of a fill: which price was used, by which rule, what it is made of, what it cost and what else might be.

Its keys are a contract with whoever shows or keeps receipts: more may be added, none is renamed. Every figure is text.
`build_up` adds up to the price exactly: start + moved = price, and `fees` to `fees_total`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from starkmatter.domain.fees import FeeLine, total
from starkmatter.domain.money import ZERO, money_text, plain
from starkmatter.domain.orders import OrderType, WorkingOrder
from starkmatter.domain.presets import Preset
from starkmatter.domain.quotes import Bar, Quote
from starkmatter.domain.takes import How, Take
from starkmatter.domain.triggers import Watch

_PLACES: dict[How, str] = {
    "at_touch": "at the {side} of {start}",
    "at_mid": "in the middle of the spread, at {start}",
    "at_auction": "in the auction, at {start}",
    "at_open": "at the bar's open of {start}",
    "at_stop": "at the stop of {start}",
    "at_limit": "at {start}",
    "resting": "at {start}",
}
_KINDS: dict[OrderType, str] = {
    "market": "Market order",
    "limit": "Limit order that could trade at once",
    "stop": "Stop order",
    "stop_limit": "Stop-limit order",
    "trailing_stop": "Trailing stop",
}


def rule_of(order: WorkingOrder, found: Take) -> str:
    """The rule's name: the order's type and how it traded."""
    return f"{order.type}_{found.how}"


def quote_part(quote: Quote, age_ms: int) -> dict[str, Any]:
    """The quote that was used."""
    return {
        "bid": plain(quote.bid or ZERO),
        "ask": plain(quote.ask or ZERO),
        "bid_size": plain(quote.bid_size or ZERO),
        "ask_size": plain(quote.ask_size or ZERO),
        "last": plain(quote.last),
        "observed_at": quote.observed_at.isoformat(),
        "provider": quote.provider,
        "age_ms": age_ms,
    }


def bar_part(bar: Bar) -> dict[str, Any]:
    """The bar that was used."""
    return {
        "open": plain(bar.open),
        "high": plain(bar.high),
        "low": plain(bar.low),
        "close": plain(bar.close),
        "volume": None if bar.volume is None else plain(bar.volume),
        "interval": bar.interval,
        "starts_at": bar.starts_at.isoformat(),
        "provider": bar.provider,
    }


def cap_part(
    order: WorkingOrder,
    found: Take,
    preset: Preset,
    lot_size: Decimal,
    *,
    traded_qty: Decimal | None,
    shown_qty: Decimal,
    taken_qty: Decimal,
) -> dict[str, Any]:
    """How much could be had and why not more; no participation ratio where there is no cap."""
    ratio = preset.participation_ratio
    return {
        "participation_ratio": None if ratio is None else plain(ratio),
        "traded_qty": None if traded_qty is None else plain(traded_qty),
        "shown_qty": plain(shown_qty),
        "taken_by_others_qty": plain(taken_qty),
        "available_qty": plain(found.available_qty // lot_size * lot_size),
        "wanted_qty": plain(order.leaves_qty),
        "by_chance": found.by_chance,
    }


def cost_part(found: Take, spread: Decimal, lines: Sequence[FeeLine], preset: Preset) -> dict[str, Any]:
    """What the price is made of and what was charged."""
    return {
        "spread": plain(spread),
        "half_spread": plain(spread / 2),
        "impact": plain(abs(found.moved)),
        "build_up": {
            "start": plain(found.start),
            "moved": plain(found.moved),
            "price": plain(found.price),
            "qty": plain(found.qty),
        },
        "fees": [{"name": line.name, "charged": plain(line.charged), "basis": line.basis} for line in lines],
        "fees_total": plain(total(lines)),
        "fee_schedule": preset.fees.name,
    }


def trigger_part(order: WorkingOrder, watch: Watch, by: Decimal) -> dict[str, Any]:
    """What set a stop off; `water` is the best price that a trailing stop followed."""
    return {
        "stop_price": None if watch.stop_price is None else plain(watch.stop_price),
        "water": None if watch.water is None else plain(watch.water),
        "last": plain(by),
        "trail_amount": None if order.trail_amount is None else plain(order.trail_amount),
        "trail_percent": None if order.trail_percent is None else plain(order.trail_percent),
    }


def words_of(order: WorkingOrder, found: Take, watch: Watch) -> str:
    """What happened, in a sentence or two."""
    side = "ask" if order.side == "buy" else "bid"
    all_of_it = found.qty == order.leaves_qty
    whole = "all that was left" if all_of_it else f"{plain(found.qty)} of {plain(order.leaves_qty)} left"
    start, price = money_text(found.start), money_text(found.price)
    words = f"{_KINDS[order.type]}: {whole} filled {_PLACES[found.how].format(side=side, start=start)}"
    if found.how == "resting":
        words = f"The {side} reached your resting limit of {price}: {whole} filled at it"
    elif found.how == "at_limit":
        words = f"The price went through your limit of {price}: {whole} filled at it"
    elif found.moved:
        why = "because the order took more than was shown there" if found.how == "at_touch" else "for spread and size"
        words += f", moved to {price} {why}"
    if watch.triggered and watch.stop_price is not None:
        words = f"The stop of {money_text(watch.stop_price)} was reached. {words}"
    return f"{words}. Only a part, by chance." if found.by_chance else f"{words}."


def alternative(found: Take | str, lines: Sequence[FeeLine] = ()) -> dict[str, Any]:
    """What another preset would have given, or why nothing."""
    if isinstance(found, str):
        return {"why": found}
    return {"qty": plain(found.qty), "price": plain(found.price), "fees": plain(total(lines))}
