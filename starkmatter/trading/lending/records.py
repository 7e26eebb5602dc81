"""Margin accounts as the worker, the pages and the API see them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.margin import MarginState
from starkmatter.domain.orders import AccountKind
from starkmatter.domain.quotes import Venue

CallState = Literal["open", "closing", "met", "closed"]


@dataclass(frozen=True, slots=True)
class LendingAccount:
    """An account as stored, without what it holds."""

    id: UUID
    user_id: UUID
    name: str
    venue: Venue
    currency: str
    preset: str
    kind: AccountKind
    cash: Decimal
    reserved: Decimal
    opened_venue_at: datetime
    financed_through: date | None


@dataclass(frozen=True, slots=True)
class Held:
    """A position of a margin account; a short's cost is negative."""

    account_id: UUID
    symbol: str
    signed_qty: Decimal
    cost_basis: Decimal


@dataclass(frozen=True, slots=True)
class CallView:
    """One call for more equity. Instants are the venue's; `equity` and `maintenance` are those it came with."""

    id: UUID
    account_id: UUID
    called_at: datetime
    due_at: datetime
    equity: Decimal
    maintenance: Decimal
    state: CallState
    words: str
    ended_at: datetime | None

    @property
    def missing(self) -> Decimal:
        """What was missing when it came."""
        return self.maintenance - self.equity


@dataclass(frozen=True, slots=True)
class MarginView:
    """Where a margin account stands now, and what its borrowing costs. Rates are yearly ratios.

    `buying_power` is what open orders leave of it. `unpriced` are positions without a price: they count at cost.
    `calls` are the newest first; the first one is running when it has no end.
    """

    account_id: UUID
    currency: str
    cash: Decimal
    reserved: Decimal
    state: MarginState
    buying_power: Decimal
    interest_ratio: Decimal
    borrow_ratio: Decimal
    charged_through: date | None
    unpriced: list[str]
    calls: list[CallView]
