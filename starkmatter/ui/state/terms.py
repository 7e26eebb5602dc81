"""What a ticket says beside side, quantity and limit, and how a ticket becomes a request."""

import re
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import reflex as rx

from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import (
    Condition,
    OrderRequest,
    OrderType,
    Relation,
    Side,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from starkmatter.errors import InvalidInput
from starkmatter.trading.records import OrderView
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row

FIGURE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
KINDS: tuple[tuple[str, str], ...] = (
    ("market", "Market"),
    ("limit", "Limit"),
    ("stop", "Stop"),
    ("trailing_stop", "Trailing"),
)
OTHER_TIMES: tuple[tuple[TimeInForce, str], ...] = (
    ("ioc", "At once, cancel the rest"),
    ("fok", "All at once or nothing"),
    ("gtd", "Until a date"),
    ("opg", "At the open, in the auction"),
    ("cls", "At the close, in the auction"),
)
TIMES: tuple[TimeInForce, ...] = ("day", "gtc", *(time for time, _ in OTHER_TIMES))
TIME_WORDS: dict[str, str] = {"day": "Day", "gtc": "Until canceled", **dict(OTHER_TIMES)}
# What is typed, and what is chosen from so many.
TYPED = ("stop", "guard", "trail", "amount", "until", "target", "protect", "when_symbol", "when_price")
CHOSEN: dict[str, tuple[str, ...]] = {
    "by": ("shares", "amount"),
    "trail_in": ("amount", "percent"),
    "hours": ("", "extended"),
    "behind": ("", "yes"),
    "when": ("", *get_args(Relation)),
}
NOTHING_SAID: Row = dict.fromkeys((*TYPED, *CHOSEN), "") | {"by": "shares", "trail_in": "percent"}


class TermsState(rx.State):
    """The part of the ticket that most orders leave as it is; `TicketState` writes it."""

    said: Row = NOTHING_SAID
    notes: list[str] = []


def figure_of(text: str, name: str) -> Decimal:
    """A positive figure as somebody types it; InvalidInput names it."""
    cleaned = text.replace(",", "").strip()
    if not FIGURE.fullmatch(cleaned):
        raise InvalidInput(f"Enter the {name} as a figure, such as 10 or 10.50." if cleaned else f"Enter the {name}.")
    value = Decimal(cleaned)
    if value <= 0:
        raise InvalidInput(f"The {name} must be more than zero.")
    return value


def request_of(symbol: str, side: str, kind: str, qty: str | Decimal, limit: str, tif: str, said: Row) -> OrderRequest:
    """The order as written; fields that do not belong to its kind are left out. InvalidInput names what is missing."""
    order_type: OrderType = "market"
    figures: dict[str, Decimal | None] = {}
    if kind == "limit":
        order_type, figures = "limit", {"limit_price": figure_of(limit, "limit price")}
    elif kind == "stop":
        order_type, figures = "stop", {"stop_price": figure_of(said["stop"], "stop price")}
        if said["guard"].strip():
            order_type = "stop_limit"
            figures["limit_price"] = figure_of(said["guard"], "limit price")
    elif kind == "trailing_stop":
        name = "trail_percent" if said["trail_in"] == "percent" else "trail_amount"
        order_type, figures = "trailing_stop", {name: figure_of(said["trail"], "trail")}
    time: TimeInForce = next((one for one in TIMES if one == tif), "day")
    by_amount = by_money(kind, said) and side != "short" and not isinstance(qty, Decimal)
    whole = ZERO if by_amount else qty if isinstance(qty, Decimal) else figure_of(qty, "quantity")
    chosen: Side = "buy" if side == "buy" else "sell"
    return OrderRequest(
        symbol,
        chosen,
        order_type,
        whole,
        time,
        notional=figure_of(said["amount"], "amount") if by_amount else None,
        expires_on=_date(said["until"]) if time == "gtd" else None,
        extended_hours=said["hours"] == "extended" and kind == "limit" and time in {"day", "gtc"},
        allow_short=side == "short",
        condition=_condition(said),
        **({} if side == "short" else _group(chosen, kind, said)),
        **figures,
    )


def _group(side: Side, kind: str, said: Row) -> dict[str, Any]:
    """The orders behind a purchase, or the stop beside a sale with a limit; nothing where none is asked for."""
    if said["behind"] != "yes":
        return {}
    target = TakeProfit(figure_of(said["target"], "target")) if said["target"].strip() and side == "buy" else None
    stop = StopLoss(figure_of(said["protect"], "stop")) if said["protect"].strip() else None
    if side == "sell":
        if kind != "limit" or stop is None:
            raise InvalidInput("A sale with a stop beside it is a limit order, the target: enter both prices.")
        return {"order_class": "oco", "stop_loss": stop}
    if target is None and stop is None:
        raise InvalidInput("Enter the target, the stop or both.")
    both = target is not None and stop is not None
    return {"order_class": "bracket" if both else "oto", "take_profit": target, "stop_loss": stop}


def _condition(said: Row) -> Condition | None:
    relation = next((one for one in get_args(Relation) if one == said["when"]), None)
    if relation is None:
        return None
    symbol = said["when_symbol"].strip().upper()
    if not symbol:
        raise InvalidInput("Enter the symbol whose price the order waits for.")
    return Condition(symbol, relation, figure_of(said["when_price"], "price to wait for"))


def by_money(kind: str, said: Row) -> bool:
    """Whether the ticket is by an amount of money: only market orders can be."""
    return said["by"] == "amount" and kind == "market"


def said_of(order: OrderView) -> Row:
    """The terms of an order as its ticket would say them."""
    said = dict(NOTHING_SAID)
    if order.type in {"stop", "stop_limit"}:
        said |= {"stop": _typed(order.stop_price), "guard": _typed(order.limit_price)}
    elif order.trail_percent is not None:
        said |= {"trail": _typed(order.trail_percent), "trail_in": "percent"}
    elif order.trail_amount is not None:
        said |= {"trail": _typed(order.trail_amount), "trail_in": "amount"}
    if order.expires_on is not None:
        said["until"] = order.expires_on.isoformat()
    return said | {"hours": "extended" if order.extended_hours else ""}


def side_of(order: OrderView) -> str:
    """The ticket's word for what an order does: a sale that may open a short position is one of its own."""
    return "short" if order.allow_short else order.side


def kind_of(order_type: str) -> str:
    """The ticket's word for a type of order: a stop-limit is a stop with a limit."""
    return "stop" if order_type == "stop_limit" else order_type


def type_words(request: OrderRequest) -> str:
    """`Stop at 95.00, limit 94.50`: what the review says of the type."""
    match request.type:
        case "limit":
            return f"Limit at {show.money(request.limit_price)} USD"
        case "stop":
            return f"Stop at {show.money(request.stop_price)} USD, then at the market"
        case "stop_limit":
            return f"Stop at {show.money(request.stop_price)} USD, then limit {show.money(request.limit_price)} USD"
        case "trailing_stop":
            return f"Trailing stop, {trail_words(request.trail_amount, request.trail_percent)} behind"
    return "Market"


def time_words(request: OrderRequest) -> str:
    """`Until Mar 5, 2021`, `Day, early and late trading too`."""
    words = TIME_WORDS[request.time_in_force]
    if request.expires_on is not None:
        words = f"Until {show.day(request.expires_on)}"
    return f"{words}, early and late trading too" if request.extended_hours else words


def size_words(request: OrderRequest) -> str:
    """`10`, or `1,000.00 USD of` for an order by amount."""
    return f"{show.money(request.notional)} USD of" if request.notional is not None else show.quantity(request.qty)


def trail_words(amount: Decimal | None, percent: Decimal | None) -> str:
    """`2.00 USD` or `1.5 %`."""
    return f"{show.quantity(percent)} %" if percent is not None else f"{show.money(amount)} USD"


def _typed(value: Decimal | None) -> str:
    return "" if value is None else show.plain_number(value.normalize())


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("Choose the last day of the order.") from None
