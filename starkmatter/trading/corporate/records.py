"""Accounts, postings and orders as corporate actions see them, and how they are kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.domain.corporate.orders import OpenOrder
from starkmatter.domain.corporate.positions import Figures, Holder, Key
from starkmatter.domain.corporate.story import Posting
from starkmatter.domain.ledger import Booking, Leg
from starkmatter.domain.money import plain
from starkmatter.domain.orders import Condition, OrderStatus
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.trading.facts import TRACKED

# What a problem of an account begins with, so that it can be told from other reasons for a freeze and taken away again.
PROBLEM = "A corporate action waits for somebody to look. "


@dataclass(frozen=True, slots=True)
class Acting:
    """An account on which actions are booked."""

    id: UUID
    user_id: UUID
    name: str
    venue: Venue
    broker: str
    currency: str
    preset: str
    kind: str
    opened_venue_at: datetime

    @property
    def is_tracked(self) -> bool:
        """Whether it is filled from files, whose entries come in any order and whose cash may be below zero."""
        return self.broker == TRACKED

    @property
    def opened_on(self) -> date:
        """The exchange's day on which it began: what went ex by then does not concern it."""
        return exchange_day(self.opened_venue_at)

    @property
    def holder(self) -> Holder:
        """As the domain takes it. Paper withholds no tax; files may say that shares are owed."""
        return Holder(str(self.id), self.currency, may_short=self.kind == "margin" or self.is_tracked)


@dataclass(frozen=True, slots=True)
class KeptPosting:
    """A posting as stored with its entries of the ledger: kinds, descriptions and legs side by side."""

    account_id: UUID
    action_id: str
    revision: int
    turn: int
    undoing: bool
    symbol: str
    ex_on: date
    kind: str
    words: str
    figures: list[dict[str, str]]
    venue_at: datetime
    entries: list[dict[str, Any]]

    @property
    def posting(self) -> Posting:
        """As the domain takes it."""
        bookings = tuple(
            Booking(
                one["kind"],
                one["description"],
                tuple(
                    Leg(account, commodity, Decimal(amount))
                    for account, commodity, amount in zip(
                        one["accounts"], one["commodities"], one["amounts"], strict=True
                    )
                ),
            )
            for one in self.entries
        )
        return Posting(Key(self.action_id, self.revision, str(self.account_id)), self.turn, self.undoing, bookings, "")


@dataclass(frozen=True, slots=True)
class Heard:
    """Something an account's owner has to hear about an action; `key` makes it be told once."""

    user_id: UUID
    key: str
    subject: str
    words: str


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """An order under its lock, with what its reservation is made of; `order` is what the domain sees of it."""

    id: UUID
    status: OrderStatus
    reserved: Decimal
    reserve_per_share: Decimal
    filled_value: Decimal
    opens: bool
    submitted_on: date
    order: OpenOrder


def figures_of(figures: tuple[Figures, ...]) -> list[dict[str, str]]:
    """Each symbol before and after, as the record keeps it: shares, what they cost, what was realized."""
    return [
        {
            "symbol": one.symbol,
            **{
                f"{name}_{when}": plain(getattr(state, name))
                for when, state in (("before", one.before), ("after", one.after))
                for name in ("qty", "cost_basis", "realized_pl")
            },
        }
        for one in figures
    ]


def order_json(one: OpenOrder) -> dict[str, Any]:
    """An order as the table of changes keeps it: figures as texts."""
    return {name: _text(value) for name, value in asdict(one).items()}


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _text(one) for name, one in value.items()}
    return plain(value) if isinstance(value, Decimal) else value


_FIGURES = ("qty", "filled_qty", "limit_price", "stop_price", "trail_amount", "trail_percent", "notional", "water",
            "shared_qty")  # fmt: skip


def order_of_json(kept: Mapping[str, Any]) -> OpenOrder:
    """The order that was kept."""
    said = {field.name: kept[field.name] for field in fields(OpenOrder)}
    said |= {name: None if kept[name] is None else Decimal(kept[name]) for name in _FIGURES}
    if (condition := kept["condition"]) is not None:
        said["condition"] = Condition(condition["symbol"], condition["relation"], Decimal(condition["price"]))
    return OpenOrder(**said)
