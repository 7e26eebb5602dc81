"""Switches and rules as pages and the API show them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.limits import Limit, LimitKind

Scope = Literal["account", "mine", "everybody"]


@dataclass(frozen=True, slots=True)
class Stop:
    """A switch that is on, or (with `broker`) a pause of a broker.

    `swept_at` is when every order it covers was asked back; None while that is under way.
    """

    id: UUID
    user_id: UUID | None
    account_id: UUID | None
    broker: str | None
    allows_reducing: bool
    reason: str
    set_by: UUID
    set_at: datetime
    swept_at: datetime | None
    set_by_name: str
    account_name: str
    account_owner: UUID | None

    @property
    def scope(self) -> Scope:
        if self.account_id is not None:
            return "account"
        return "mine" if self.user_id is not None else "everybody"


@dataclass(frozen=True, slots=True)
class TurnedOn:
    """The switch, and how many open orders were asked back with it."""

    stop: Stop
    canceled: int


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule as its owner sees it: of one account, or (None) of each of theirs. `now` is the database's clock."""

    kind: LimitKind
    value: Decimal | None
    loosens_to: Decimal | None
    loosens_at: datetime | None
    account_id: UUID | None
    account_name: str
    now: datetime

    @property
    def limit(self) -> Limit:
        return Limit(self.kind, self.value, self.loosens_to, self.loosens_at)

    @property
    def in_force(self) -> Decimal | None:
        return self.limit.in_force(self.now)

    @property
    def pending(self) -> bool:
        return self.limit.is_loosening(self.now)
