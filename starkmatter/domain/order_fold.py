"""The state of one order as the fold of what its broker reported, in whatever order and however often it arrived.

An order keeps every event it heard, each once by its id. Its state is computed from all of them, sorted by (cumulative
filled quantity, broker's time, precedence of the state it reports), so neither a late message nor a repeated one can
change where the order ends up. The moves between states are `TRANSITIONS`. What contradicts them, or the quantity, is
an anomaly: it is named, and it changes nothing.

Two things do not depend on the order of events at all. A bust takes an execution away and a correction puts another in
its place, whatever came in between; an order that a bust leaves unfilled works again, as FIX has it. A cancel or a
replacement is pending from its request until its own answer.

Source: FIX 5.0 SP2, Order State Changes (the appendix D of FIX 4.4): the scenarios and the precedence of states.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import TERMINAL, OrderStatus, may_move, steps_to

EventKind = Literal[
    "accepted",
    "working",
    "triggered",
    "fill",
    "bust",
    "correct",
    "cancel_requested",
    "cancel_refused",
    "canceled",
    "replace_requested",
    "replace_refused",
    "replaced",
    "superseded",
    "restated",
    "expired",
    "rejected",
    "suspended",
    "resumed",
    "done_for_day",
]

_S = OrderStatus
# FIX: of the states an order is in at once, the one with the highest number is told.
_PRECEDENCE: dict[EventKind, int] = {
    "accepted": 1,
    "rejected": 2,
    "working": 2,
    "triggered": 2,
    "resumed": 2,
    "cancel_refused": 2,
    "replace_refused": 2,
    "replaced": 3,
    "restated": 3,
    "fill": 4,
    "bust": 4,
    "correct": 4,
    "superseded": 5,
    "canceled": 5,
    "expired": 5,
    "suspended": 6,
    "done_for_day": 10,
    "replace_requested": 11,
    "cancel_requested": 12,
}
_LEADS_TO: dict[EventKind, OrderStatus] = {
    "accepted": _S.ACCEPTED,
    "working": _S.WORKING,
    "triggered": _S.WORKING,
    "resumed": _S.WORKING,
    "superseded": _S.REPLACED,
    "canceled": _S.CANCELED,
    "expired": _S.EXPIRED,
    "rejected": _S.REJECTED,
    "suspended": _S.SUSPENDED,
    "done_for_day": _S.DONE_FOR_DAY,
}
_NEWS_OF_BOOK = {"accepted", "working", "triggered", "resumed"}
_OURS = {"cancel_requested", "replace_requested"}
_RESTING = {_S.DONE_FOR_DAY, _S.SUSPENDED}
_TAKES_NO_FILL = {_S.REJECTED, _S.RISK_REJECTED, _S.NOT_SENT}


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One report. `id` is the execution's for fills, busts and corrections, else the report's own.

    `cum_qty` is what the broker says is filled after it, `at` its time. `qty` and `price` belong to a fill and to a
    correction (what the execution really was); `qty` alone to replaced and restated (the new whole quantity). `ref` is
    the execution that a bust or correction is about, or the id of the request that an answer answers: requests carry
    their own in `id`. A cancel without `ref` was not asked for by us.
    """

    id: str
    kind: EventKind
    at: datetime
    cum_qty: Decimal = ZERO
    qty: Decimal | None = None
    price: Decimal | None = None
    ref: str | None = None

    @property
    def place(self) -> tuple[Decimal, datetime, int, str]:
        """Where it belongs among the events of its order."""
        return self.cum_qty, self.at, _PRECEDENCE[self.kind], self.id

    @property
    def figures(self) -> tuple[object, ...]:
        """What it says, whenever and with whatever count it was sent."""
        return self.kind, self.qty, self.price, self.ref


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An event that changed nothing, and why, in words."""

    event: OrderEvent
    why: str


@dataclass(frozen=True, slots=True)
class FoldedOrder:
    """An order as its events have it. `asked_qty` and `began` are what it was before any of them."""

    asked_qty: Decimal
    began: OrderStatus = OrderStatus.SUBMITTING
    history: tuple[OrderEvent, ...] = ()
    qty: Decimal = ZERO
    status: OrderStatus = OrderStatus.SUBMITTING
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    cancel_pending: bool = False
    replace_pending: bool = False
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill; zero once the order has ended."""
        return ZERO if self.status in TERMINAL else self.qty - self.filled_qty

    @property
    def avg_price(self) -> Decimal | None:
        """Average price of what is filled, None before the first fill."""
        return self.filled_value / self.filled_qty if self.filled_qty else None

    @property
    def missing_qty(self) -> Decimal:
        """What the broker's newest report counts as filled and no execution here explains: ask for the executions."""
        reports = [event for event in self.history if event.kind not in _OURS]
        told = max(reports, key=lambda event: (event.at, *event.place), default=None)
        return ZERO if told is None else max(ZERO, told.cum_qty - self.filled_qty)


@dataclass(slots=True)
class _State:
    """The fold while it runs."""

    qty: Decimal
    status: OrderStatus
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    anomalies: list[Anomaly] = field(default_factory=list)


def new_order(qty: Decimal, began: OrderStatus = OrderStatus.SUBMITTING) -> FoldedOrder:
    """An order of `qty` shares that has heard nothing yet."""
    return FoldedOrder(qty, began, qty=qty, status=began)


def fold(order: FoldedOrder, event: OrderEvent) -> FoldedOrder:
    """The order after one more event; the same order when it had heard it before.

    An event that contradicts what is known is kept in the history and named in `anomalies`; should what it
    contradicts turn out differently (a correction may overtake its execution), it counts from then on.
    """
    if event in order.history:
        return order
    return _refold(replace(order, history=tuple(sorted((*order.history, event), key=_sorting))))


def fold_all(order: FoldedOrder, events: Sequence[OrderEvent]) -> FoldedOrder:
    """The order after all of `events`."""
    for event in events:
        order = fold(order, event)
    return order


def _sorting(event: OrderEvent) -> tuple[object, ...]:
    """A total order, so that two events in one place (an id used twice) have theirs whatever came first."""
    return (*event.place, event.kind, event.qty or ZERO, event.price or ZERO, event.ref or "")


def _refold(order: FoldedOrder) -> FoldedOrder:
    state = _State(order.asked_qty, order.began)
    events = list(_known_once(order.history, state.anomalies))
    executions = _executions(events, state.anomalies)
    for event in events:
        if event.kind == "fill":
            _take_execution(state, executions[event.id])
        elif event.kind in {"replaced", "restated"}:
            _take_quantity(state, event)
        elif event.kind in _LEADS_TO:
            _take_news(state, event, _LEADS_TO[event.kind])
    canceling, replacing = _pending(events, "cancel"), _pending(events, "replace")
    status = state.status
    for pending, shown in ((canceling, _S.PENDING_CANCEL), (replacing, _S.PENDING_REPLACE)):
        if pending and may_move(status, shown):
            status = shown
            break
    live = status not in TERMINAL
    return replace(
        order,
        qty=state.qty,
        status=status,
        filled_qty=state.filled_qty,
        filled_value=state.filled_value,
        cancel_pending=canceling and live,
        replace_pending=replacing and live,
        anomalies=tuple(sorted(state.anomalies, key=lambda found: _sorting(found.event))),
    )


def _known_once(history: Sequence[OrderEvent], anomalies: list[Anomaly]) -> Iterator[OrderEvent]:
    """The events without those whose id another one has already; sent again with other figures is an anomaly."""
    seen: dict[str, OrderEvent] = {}
    for event in history:
        first = seen.setdefault(event.id, event)
        if first is event:
            yield event
        elif first.figures != event.figures:
            anomalies.append(Anomaly(event, f"{event.id} was reported before with other figures."))


def _executions(events: Sequence[OrderEvent], anomalies: list[Anomaly]) -> dict[str, list[OrderEvent]]:
    """By each fill's id the fill and what was said of it since: busts and corrections, in the broker's time.

    A bust or correction may refer to the execution or to an earlier correction of it.
    """
    found = {event.id: [event] for event in events if event.kind == "fill"}
    first = {name: name for name in found}
    changes = [event for event in events if event.kind in {"bust", "correct"}]
    for event in sorted(changes, key=lambda change: (change.at, *_sorting(change))):
        name = first.get(event.ref or "")
        if name is None:
            anomalies.append(Anomaly(event, f"It is about {event.ref}, an execution that is not known."))
        else:
            first[event.id] = name
            found[name].append(event)
    return found


def _pending(events: Sequence[OrderEvent], what: Literal["cancel", "replace"]) -> bool:
    """Whether a request has no answer yet. One without a reference answers the oldest that waited when it came."""
    done = "canceled" if what == "cancel" else "replaced"
    answers = [event for event in events if event.kind in {done, f"{what}_refused"}]
    named = {event.ref for event in answers}
    asked = [event for event in events if event.kind == f"{what}_requested" and event.id not in named]
    waiting = sorted(asked, key=lambda event: event.at)
    for answer in sorted((event for event in answers if event.ref is None), key=lambda event: event.at):
        if waiting and waiting[0].at <= answer.at:
            del waiting[0]
    return bool(waiting)


def _take_execution(state: _State, said: Sequence[OrderEvent]) -> None:
    """Book the newest word on an execution; one that cannot be is an anomaly, and the word before it stands."""
    for event in reversed(said):
        if event.kind == "bust":
            return
        qty = event.qty or ZERO
        if state.status in _TAKES_NO_FILL:
            words = state.status.replace("_", " ")
            state.anomalies.append(Anomaly(event, f"The order was {words}: it cannot fill."))
        elif state.filled_qty + qty > state.qty:
            left = plain(state.qty - state.filled_qty)
            state.anomalies.append(Anomaly(event, f"It fills {plain(qty)} of an order with {left} left."))
        else:
            _book(state, qty, event.price or ZERO)
            return


def _book(state: _State, qty: Decimal, price: Decimal) -> None:
    state.filled_qty += qty
    state.filled_value += qty * price
    if qty and state.filled_qty == state.qty:
        _move(state, _S.FILLED)
    elif qty and state.status not in TERMINAL | _RESTING:
        _move(state, _S.PARTIAL)


def _take_quantity(state: _State, event: OrderEvent) -> None:
    """A new whole quantity, never below what had been filled when the broker took it."""
    if state.status in TERMINAL:
        state.anomalies.append(Anomaly(event, f"The order has ended ({state.status}): its quantity stays."))
        return
    if event.qty is not None:
        state.qty = max(event.qty, event.cum_qty, state.filled_qty)
    if state.status in {_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED}:
        _move(state, _S.WORKING)
    if state.filled_qty == state.qty:
        _move(state, _S.FILLED)


def _take_news(state: _State, event: OrderEvent, target: OrderStatus) -> None:
    """A report of where the order stands; one that tells less than is known is late and says nothing new."""
    if event.kind in _NEWS_OF_BOOK:
        if target is _S.WORKING and state.filled_qty > 0:
            target = _S.PARTIAL
        if event.kind == "accepted" and state.status not in {_S.PENDING_SUBMIT, _S.SUBMITTING, _S.UNKNOWN}:
            return
        if state.status not in TERMINAL:
            _move(state, target)
        return
    if state.status is target:
        return
    if not _move(state, target):
        words = target.replace("_", " ")
        state.anomalies.append(Anomaly(event, f"An order that is {state.status.replace('_', ' ')} cannot be {words}."))


def _move(state: _State, target: OrderStatus) -> bool:
    """Go there if the table of moves leads there."""
    steps = [target] if may_move(state.status, target) else steps_to(state.status, target)
    if steps:
        state.status = steps[-1]
    return bool(steps)
