"""Orders that belong together: who wakes whom, who grows and shrinks with whom, and who ends whom.

A group is looked at as it is now and answers what has to be done to make it right; when that is through, it is asked
again until it answers nothing. So a lost message or a restart in between needs no other path. The rules:

* A child sleeps (`held`) until its parent has filled something, then works for exactly what the parent has filled.
* Two children of one parent, and both orders of an OCO, share one quantity: what one fills, the other no longer has.
* An exit that has begun to fill ends the rest of the entry, which would otherwise buy into what is being sold.
* A parent that ends without a fill ends its children.
* An order that ends without having filled all (canceled, expired, rejected) leaves its sibling alone: a stop that
  protects must not vanish because the target beside it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import (
    TERMINAL,
    Condition,
    OrderRequest,
    OrderStatus,
    StopLoss,
    opposite,
)
from starkmatter.domain.quotes import Quote

Role = Literal["entry", "target", "stop"]
Verb = Literal["activate", "resize", "hold", "cancel"]


@dataclass(frozen=True, slots=True)
class Member:
    """One order of a group. `held`: it is kept here and no market knows it yet. `qty` is its whole quantity."""

    order_id: str
    role: Role
    qty: Decimal
    filled_qty: Decimal = ZERO
    status: OrderStatus = OrderStatus.WORKING
    held: bool = False

    @property
    def open(self) -> bool:
        return self.status not in TERMINAL


@dataclass(frozen=True, slots=True)
class Action:
    """What to do with one order; `qty` is its new whole quantity, `why` is for the person.

    `activate` sends a held order, `hold` takes a working one back without ending it; both `hold` and `cancel` have
    what it filled as their quantity.
    """

    verb: Verb
    order_id: str
    qty: Decimal
    why: str


def legs_of(request: OrderRequest) -> tuple[tuple[Role, OrderRequest], ...]:
    """The orders of a request, each a simple one; the entry first. An OCO has a target and a stop and no entry.

    Children last until canceled when their parent does, else for the day.
    """
    bare = replace(request, order_class="simple", take_profit=None, stop_loss=None)
    if request.order_class == "simple":
        return (("entry", bare),)
    if request.order_class == "oco":
        stop = request.stop_loss
        return (("target", bare),) if stop is None else (("target", bare), ("stop", _stop_leg(bare, stop, bare.side)))
    legs: list[tuple[Role, OrderRequest]] = [("entry", bare)]
    exit_side = opposite(request.side)
    if request.take_profit is not None:
        legs.append(
            (
                "target",
                _exit_leg(bare, side=exit_side, type="limit", limit_price=request.take_profit.limit_price),
            )
        )
    if request.stop_loss is not None:
        legs.append(("stop", _stop_leg(bare, request.stop_loss, exit_side)))
    return tuple(legs)


def _stop_leg(bare: OrderRequest, stop: StopLoss, side: str) -> OrderRequest:
    kind = "stop" if stop.limit_price is None else "stop_limit"
    return _exit_leg(bare, side=side, type=kind, stop_price=stop.stop_price, limit_price=stop.limit_price)


def _exit_leg(bare: OrderRequest, **fields: object) -> OrderRequest:
    """An order that leaves what the entry opened: it borrows nothing, and waits for nothing but the entry."""
    nothing: dict[str, object] = {
        "limit_price": None,
        "stop_price": None,
        "trail_amount": None,
        "trail_percent": None,
        "condition": None,
        "allow_short": False,
    }
    return replace(bare, **(nothing | fields))  # type: ignore[arg-type]


def follow(members: Sequence[Member], shared_qty: Decimal | None = None) -> list[Action]:
    """What has to be done so that the group obeys its rules; empty when it does.

    With an `entry` the others are its children and share what it has filled. Without one (an OCO) they share
    `shared_qty`, the quantity that was asked for; ValueError when it is missing.
    """
    entry = next((one for one in members if one.role == "entry"), None)
    children = [one for one in members if one.role != "entry"]
    if entry is None:
        if shared_qty is None:
            raise ValueError("an OCO needs the quantity that its orders share")
        return _share(children, shared_qty, ended=True)
    actions: list[Action] = []
    if entry.open and not _leaving(entry) and any(one.filled_qty > 0 for one in children):
        why = "The way out has begun: the rest of the entry ends."
        actions.append(Action("cancel", entry.order_id, entry.filled_qty, why))
    if entry.filled_qty > 0 or not entry.open:
        actions += _share(children, entry.filled_qty, ended=not entry.open)
    return actions


def _share(children: Sequence[Member], budget: Decimal, *, ended: bool) -> list[Action]:
    """Each open order may still fill what is left of `budget`; with nothing left they end, or wait if more may come.

    `ended`: the budget will not grow any more.
    """
    filled = sum((one.filled_qty for one in children), ZERO)
    left = max(ZERO, budget - filled)
    actions: list[Action] = []
    for one in children:
        if not one.open or _leaving(one):
            continue
        whole = one.filled_qty + left
        if left == 0 and ended:
            why = "The other order of the pair filled." if filled else "The order it belonged to ended without a fill."
            actions.append(Action("cancel", one.order_id, one.filled_qty, why))
        elif left == 0:
            if not one.held:
                actions.append(Action("hold", one.order_id, one.filled_qty, "The other order of the pair filled."))
        elif one.held:
            actions.append(Action("activate", one.order_id, whole, "The order before it filled."))
        elif whole != one.qty:
            grew = "The order before it filled more."
            why = grew if whole > one.qty else "The other order of the pair filled in part."
            actions.append(Action("resize", one.order_id, whole, why))
    return actions


def _leaving(one: Member) -> bool:
    return one.status is OrderStatus.PENDING_CANCEL


def is_met(condition: Condition, quote: Quote | None) -> bool:
    """Whether the last trade of a normal quote of the condition's symbol has reached its price.

    The last trade and not a bid or ask: a quote can be widened by anyone at any time, a trade takes two.
    """
    if quote is None or quote.symbol != condition.symbol or quote.condition != "normal":
        return False
    if condition.relation == "at_or_above":
        return quote.last >= condition.price
    return quote.last <= condition.price
