"""Orders: what a person may ask for, the states an order passes through and the moves between them.

Two words go over the wire for a side: `buy` and `sell`. A sale beyond what is held opens a short only when the request
says `allow_short`; without it such a sale is refused, so that a slip of the finger never borrows shares.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.quotes import Venue

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["day", "gtc", "gtd", "ioc", "fok", "opg", "cls"]
IMMEDIATE_TIMES: frozenset[TimeInForce] = frozenset({"ioc", "fok"})
AUCTION_TIMES: frozenset[TimeInForce] = frozenset({"opg", "cls"})
OrderClass = Literal["simple", "bracket", "oco", "oto"]
Relation = Literal["at_or_above", "at_or_below"]
AccountMode = Literal["paper", "live"]
AccountKind = Literal["cash", "margin"]


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

_BEFORE_IT_LEFT = frozenset({_S.PENDING_SUBMIT, _S.NOT_SENT})
_IN_BOOK = frozenset({_S.ACCEPTED, _S.WORKING, _S.PARTIAL})
_PAUSED = frozenset({_S.SUSPENDED, _S.DONE_FOR_DAY})
_AT_BROKER = {_S.PARTIAL, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REPLACED, _S.PENDING_CANCEL, _S.PENDING_REPLACE}
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING_SUBMIT: frozenset({_S.SUBMITTING, _S.NOT_SENT}),
    # Back in line, or taken back by its owner, only when it certainly never left this machine.
    _S.SUBMITTING: frozenset(
        {
            _S.ACCEPTED,
            _S.WORKING,
            _S.PARTIAL,
            _S.FILLED,
            _S.REJECTED,
            _S.CANCELED,
            _S.UNKNOWN,
            _S.PENDING_SUBMIT,
            _S.NOT_SENT,
        }
    ),
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
    # Asked for and refused: it is what it was before.
    _S.PENDING_CANCEL: frozenset(
        _IN_BOOK | _PAUSED | {_S.PENDING_CANCEL, _S.FILLED, _S.CANCELED, _S.REPLACED, _S.EXPIRED, _S.REJECTED}
    ),
    _S.PENDING_REPLACE: frozenset(
        _IN_BOOK
        | _PAUSED
        | {_S.PENDING_REPLACE, _S.PENDING_CANCEL, _S.FILLED, _S.CANCELED, _S.REPLACED, _S.EXPIRED, _S.REJECTED}
    ),
    # Overnight and in a halt an order can be asked back, changed and ended like any other (FIX: GTC orders restated and
    # replaced on the following day; trading halts).
    _S.DONE_FOR_DAY: frozenset(_AT_BROKER | {_S.WORKING, _S.SUSPENDED}),
    _S.SUSPENDED: frozenset(_AT_BROKER | {_S.WORKING, _S.DONE_FOR_DAY, _S.REJECTED}),
    # A broker may report a fill after it reported the end: the fill is booked, never thrown away.
    _S.CANCELED: frozenset({_S.FILLED}),
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.REPLACED: frozenset({_S.FILLED}),
    _S.RISK_REJECTED: frozenset(),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.NOT_SENT: frozenset(),
}
# Only a trade that was busted leads out of `filled`: where the broker says the order stands, as FIX has it. It is no
# report like others, since a late one must never take an order back, so it is no move of the table.
BUST_LEADS_TO = frozenset({_S.PARTIAL, _S.WORKING, _S.CANCELED, _S.EXPIRED})


def may_move(current: OrderStatus, following: OrderStatus) -> bool:
    """Whether an order may pass from `current` to `following`; anything else is an anomaly and changes nothing."""
    return following in TRANSITIONS[current]


def steps_to(current: OrderStatus, target: OrderStatus) -> list[OrderStatus]:
    """The moves that lead from `current` to what a broker reports: one, two (by way of the book) or none.

    None when nothing changed or when the report is older than what is known; a report never takes an order back from
    where it has come, nor says that it never left. A cancel that is under way stays so until the broker says that the
    order ended.
    """
    if target in _BEFORE_IT_LEFT or target is current:
        return []
    if current is _S.PENDING_CANCEL and target in _IN_BOOK | _PAUSED:
        return []
    if may_move(current, target):
        return [target]
    if current in {_S.SUBMITTING, _S.UNKNOWN, _S.ACCEPTED} and may_move(_S.WORKING, target):
        return [_S.WORKING, target]
    return []


@dataclass(frozen=True, slots=True)
class TakeProfit:
    """The leg that leaves a position with a gain: a limit order on the other side."""

    limit_price: Decimal


@dataclass(frozen=True, slots=True)
class StopLoss:
    """The leg that leaves a position with a loss: a stop order on the other side; a stop-limit with `limit_price`."""

    stop_price: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to happen first: the last trade of `symbol` (any of the venue) at or above, or at or below, `price`."""

    symbol: str
    relation: Relation
    price: Decimal


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What the caller asks for; `order_rules.problems` says in words what of it does not fit together.

    `qty` in shares, positive; zero when the order is by `notional` (money to spend or to receive, positive, before
    fees). Prices are per share and belong to types: `limit_price` to limit and stop_limit, `stop_price` to stop and
    stop_limit, one of `trail_amount` (money per share) and `trail_percent` (0..100) to trailing_stop. `expires_on` is
    the last day of a gtd order. `take_profit` and `stop_loss` make a group: both a bracket, one an OTO; an OCO is a
    limit order (the target) with a `stop_loss` beside it. `allow_short`: a sale may go below what is held.
    """

    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    time_in_force: TimeInForce = "day"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    notional: Decimal | None = None
    expires_on: date | None = None
    extended_hours: bool = False
    allow_short: bool = False
    order_class: OrderClass = "simple"
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None
    condition: Condition | None = None


class WorkingOrder(NamedTuple):
    """What matching needs to know of one open order.

    `filled_qty` and `filled_value` (shares times price) are what it already got: fees with a minimum per order count
    them.
    """

    id: str
    symbol: str
    side: Side
    type: OrderType
    leaves_qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    submitted_at: datetime
    venue: Venue
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    expires_on: date | None = None
    extended_hours: bool = False
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO


_SAID_FIRST = ("symbol", "side", "type", "qty", "limit_price", "time_in_force")


def parts_of(request: OrderRequest) -> tuple[str, ...]:
    """Everything that makes the request what it is, as texts to be hashed: two that differ in anything differ in these.

    The first six are always there, the others as `name=value` where they are not as usual.
    """
    said = [_part(getattr(request, name)) for name in _SAID_FIRST]
    more = [field for field in fields(request) if field.name not in _SAID_FIRST]
    usual = {field.name: field.default for field in more}
    return (
        *said,
        *(f"{name}={_part(value)}" for name in usual if (value := getattr(request, name)) != usual[name]),
    )


def _part(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, TakeProfit | StopLoss | Condition):
        return ",".join(_part(getattr(value, field.name)) for field in fields(value))
    return str(value).replace("\\", "\\\\").replace("|", "\\|")


def opposite(side: Side) -> Side:
    """The side that undoes `side`."""
    return "sell" if side == "buy" else "buy"


def qty_for(notional: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """Shares that `notional` buys at `price` in steps of `step`, rounded down: never more money than was said."""
    if price <= 0:
        return ZERO
    return notional / price // step * step


def opens_short(held_qty: Decimal, sold_qty: Decimal) -> Decimal:
    """How many of the sold shares are borrowed, with `held_qty` signed (negative when short already)."""
    return max(ZERO, sold_qty - max(held_qty, ZERO))
