"""Orders: what a person may ask for, the states an order passes through and the moves between them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from starkmatter.domain.quotes import Venue

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit"]
TimeInForce = Literal["day", "gtc"]
AccountMode = Literal["paper", "live"]


class OrderStatus(StrEnum):
    """The states of an order; the moves between them are `TRANSITIONS`."""

    RISK_REJECTED = "risk_rejected"
    PENDING_SUBMIT = "pending_submit"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    WORKING = "working"
    PARTIAL = "partial"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    SUSPENDED = "suspended"
    DONE_FOR_DAY = "done_for_day"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"


_S = OrderStatus
TERMINAL = frozenset({_S.RISK_REJECTED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REPLACED, _S.REJECTED, _S.NOT_SENT})
OPEN = frozenset(_S) - TERMINAL

_IN_BOOK = frozenset({_S.ACCEPTED, _S.WORKING, _S.PARTIAL})
_AT_BROKER = {_S.PARTIAL, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REPLACED, _S.PENDING_CANCEL, _S.PENDING_REPLACE}
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_SUBMIT: frozenset({_S.SUBMITTING, _S.NOT_SENT}),
    _S.SUBMITTING: frozenset({_S.ACCEPTED, _S.WORKING, _S.PARTIAL, _S.FILLED, _S.REJECTED, _S.CANCELED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset(
        {
            _S.ACCEPTED,
            _S.WORKING,
            _S.PARTIAL,
            _S.FILLED,
            _S.REJECTED,
            _S.CANCELED,
            _S.EXPIRED,
            _S.NOT_SENT,
            _S.SUBMITTING,
        }
    ),
    _S.ACCEPTED: frozenset(
        {
            _S.WORKING,
            _S.PARTIAL,
            _S.FILLED,
            _S.REJECTED,
            _S.CANCELED,
            _S.EXPIRED,
            _S.PENDING_CANCEL,
            _S.PENDING_REPLACE,
            _S.SUSPENDED,
        }
    ),
    _S.WORKING: frozenset(_AT_BROKER | {_S.DONE_FOR_DAY, _S.SUSPENDED, _S.REJECTED}),
    _S.PARTIAL: frozenset(_AT_BROKER | {_S.DONE_FOR_DAY, _S.SUSPENDED}),
    _S.PENDING_CANCEL: frozenset(
        {
            _S.ACCEPTED,
            _S.WORKING,
            _S.PARTIAL,
            _S.PENDING_CANCEL,
            _S.FILLED,
            _S.CANCELED,
            _S.REPLACED,
            _S.EXPIRED,
            _S.REJECTED,
        }
    ),
    _S.PENDING_REPLACE: frozenset(
        {
            _S.ACCEPTED,
            _S.WORKING,
            _S.PARTIAL,
            _S.PENDING_REPLACE,
            _S.FILLED,
            _S.CANCELED,
            _S.REPLACED,
            _S.EXPIRED,
            _S.REJECTED,
        }
    ),
    _S.DONE_FOR_DAY: frozenset({_S.WORKING, _S.PARTIAL, _S.FILLED, _S.CANCELED, _S.EXPIRED}),
    _S.SUSPENDED: frozenset({_S.WORKING, _S.PARTIAL, _S.FILLED, _S.CANCELED, _S.EXPIRED}),
    # A broker may report a fill after it reported the end: the fill is booked, never thrown away.
    _S.CANCELED: frozenset({_S.FILLED}),
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.REPLACED: frozenset({_S.FILLED}),
    _S.RISK_REJECTED: frozenset(),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.NOT_SENT: frozenset(),
}


def may_move(current: OrderStatus, following: OrderStatus) -> bool:
    """Whether an order may pass from `current` to `following`; anything else is an anomaly and changes nothing."""
    return following in TRANSITIONS[current]


def steps_to(current: OrderStatus, target: OrderStatus) -> list[OrderStatus]:
    """The moves that lead from `current` to what a broker reports: one, two (by way of the book) or none.

    None when nothing changed or when the report is older than what is known; a report never takes an order back from
    where it has come. A cancel that is under way stays so until the broker says that the order ended.
    """
    if target is current or (current is _S.PENDING_CANCEL and target in _IN_BOOK):
        return []
    if may_move(current, target):
        return [target]
    if current in {_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED} and may_move(_S.WORKING, target):
        return [_S.WORKING, target]
    return []


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What the caller asks for: `qty` in shares, positive; `limit_price` per share for limit orders only."""

    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    time_in_force: TimeInForce = "day"
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """What matching needs to know of one open order."""

    id: str
    symbol: str
    side: Side
    type: OrderType
    leaves_qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    submitted_at: datetime
    venue: Venue
