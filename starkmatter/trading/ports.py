"""What a real broker must be able to do. Adapters live in `brokers/`; paper has no such other side.

A broker is never assumed to have nothing: what cannot be read raises VendorFailure, an empty answer means empty.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from starkmatter.domain.orders import OrderRequest, OrderStatus, Side
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import StarkMatterError

ActivityKind = Literal["deposit", "withdrawal", "fee", "dividend", "interest", "other"]


class OrderRefused(StarkMatterError):
    """The broker said for certain that it does not take this order; the text is its reason."""

    status = 422
    code = "broker_refused"
    title = "The broker refused the order"


class OrderUnsent(StarkMatterError):
    """The order certainly never left this machine, so there is nothing to look for: `cause` is what was in its way."""

    status = 503
    code = "order_unsent"
    title = "The order could not be sent"

    def __init__(self, cause: StarkMatterError) -> None:
        super().__init__(cause.text)
        self.cause = cause


class CancelRefused(StarkMatterError):
    """The broker said for certain that this order cannot be canceled any more."""

    status = 409
    code = "cancel_refused"
    title = "The order cannot be canceled any more"


class SignInEnded(VendorFailure):
    """The broker works, but the person's sign-in there has ended, as it does by its rules; the text says what to do."""

    def __init__(self, vendor: str, text: str) -> None:
        super().__init__(vendor, "refused", text)


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker sees it. `client_order_id` is what we sent (foreign or empty when we did not); quantities
    are cumulative.

    `legs` are the other orders of its group, each with the id that is ours for it (`brokered.leg_id`), as far as the
    broker told of them. `avg_price` is None until something filled. `status` is ours for the broker's word
    `status_text`: `unknown` when
    the word is new to us. `happened_at` is the broker's instant of the last change. `takes_back` names an execution
    that the broker cancels or corrects by this report: only then may it have filled less than was told before.
    `cancel_refused`: the report is the broker's answer that the order goes on although it was asked back. `in_order`:
    of two reports the one that happened later knows all that the other told; False where `happened_at` is a trade's
    instant or ours, which do not say that.
    """

    broker_order_id: str
    client_order_id: str
    symbol: str
    side: Side
    status: OrderStatus
    status_text: str
    filled_qty: Decimal
    avg_price: Decimal | None
    happened_at: datetime
    reason: str | None = None
    takes_back: str = ""
    cancel_refused: bool = False
    in_order: bool = True
    legs: tuple["BrokerOrder", ...] = ()


class SeveralAlike(StarkMatterError):
    """An order of unknown fate looks like each of `found`, the nearest first: only a person can say which it is."""

    status = 409
    code = "orders_alike"
    title = "Several orders look alike"

    def __init__(self, text: str, found: tuple[BrokerOrder, ...]) -> None:
        super().__init__(text)
        self.found = found


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of our orders that was sent: what it asks for (whole, of the first of a group), and since when it may exist.

    `claimed_at` was stored before its first byte went out; `broker_order_id` is None until the broker has told it.
    `first` is our id of the order it belongs to, with which it was sent; None when it is that one, or stands alone.
    """

    client_order_id: str
    request: OrderRequest
    claimed_at: datetime
    broker_order_id: str | None
    first: str | None = None


class SentOrders(Protocol):
    """What of one account was sent, as the books have it: for brokers that do not keep our ids."""

    async def attempt(self, client_order_id: str) -> Attempt | None:
        """How it was sent; None when it never was."""
        ...

    async def names(self) -> Mapping[str, str]:
        """Our id of each order whose id at the broker is known, by the broker's."""
        ...


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """Signed shares, what they cost and what they are worth, in the account's currency."""

    symbol: str
    signed_qty: Decimal
    cost_basis: Decimal
    market_value: Decimal


@dataclass(frozen=True, slots=True)
class BrokerBook:
    """One look at the whole account: `number` is the broker's own, `blocked` says why it may not trade, if so."""

    number: str
    currency: str
    cash: Decimal
    blocked: str | None
    positions: tuple[BrokerPosition, ...]
    open_orders: tuple[BrokerOrder, ...]


@dataclass(frozen=True, slots=True)
class CashActivity:
    """Cash that moved at the broker for another reason than a fill: `cash` positive when it came in.

    `other` is what we cannot book by ourselves, such as a transfer of shares: a person must look.
    """

    id: str
    kind: ActivityKind
    text: str
    cash: Decimal
    happened_at: datetime
    symbol: str | None = None


OnOrder = Callable[[BrokerOrder], Awaitable[None]]
OnConnected = Callable[[], Awaitable[None]]


class Broker(Protocol):
    """One account at one broker, opened with its keys.

    `repeatable`: an order that is sent twice under one id is one order there; without that nothing is sent again. A
    group goes out by one `submit` and is found by one `find` of its first order, with its `legs`.
    """

    capability: Capability
    repeatable: bool

    @property
    def live(self) -> bool:
        """Whether its orders would move real money."""
        ...

    async def read_book(self) -> BrokerBook:
        """Account, positions and open orders, each read once. VendorFailure when any part cannot be had."""
        ...

    async def activities(self, after: datetime) -> list[CashActivity]:
        """What moved cash from `after` on, oldest first; may repeat what was read before."""
        ...

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order we sent under that id, open or ended; None only when the broker says that it has none.

        SeveralAlike when it cannot be told which one it is.
        """
        ...

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """Send once. OrderRefused and OrderUnsent are certain; VendorFailure: nobody knows whether it arrived."""
        ...

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for it back; may be repeated. CancelRefused when it has ended."""
        ...

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """Follow the account until the connection is lost, which raises VendorFailure. Events may repeat or lack.

        `on_connected` is called once nothing can be missed any more, so that the caller reads the book anew.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection to the broker, so that whoever comes next finds its place free."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the broker's book is not ours, in words and figures."""

    subject: str
    ours: str
    theirs: str
    words: str = field(default="")
