"""What goes over the wire about switches, pauses and the owner's own rules."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Figure, Instant, Money, Qty, Request
from starkmatter.domain.limits import LimitKind
from starkmatter.trading.guarding.stops import MAX_REASON_CHARS

Scope = Literal["account", "mine", "everybody"]


class NewStop(Request):
    """Without a field: all of the caller's own accounts. With `broker` that one is paused and keeps its orders."""

    scope: Scope = "mine"
    account_id: UUID | None = None
    broker: str | None = Field(None, max_length=20)
    allow_reducing: bool = False
    reason: str = Field("", max_length=MAX_REASON_CHARS)


class StopOut(Answer):
    id: UUID
    scope: Scope
    account_id: UUID | None
    broker: str | None
    allows_reducing: bool
    reason: str
    set_by_name: str
    set_at: Instant
    swept_at: Instant | None


class TurnedOnOut(Answer):
    stop: StopOut
    canceled: int


class CancelAll(Request):
    account_id: UUID | None = None


class CanceledOut(Answer):
    canceled: int


class NewRule(Request):
    """`value` null ends the rule. Money in the account's currency, shares in percent; `no_averaging_down` is 1."""

    value: Figure | None
    account_id: UUID | None = None


class RuleOut(Answer):
    """`value` binds until `loosens_at`, then `loosens_to` does; null is no limit. `in_force` is what binds now."""

    kind: LimitKind
    account_id: UUID | None
    value: Qty | None
    in_force: Qty | None
    loosens_to: Qty | None
    loosens_at: Instant | None


class LiveConfirmation(Request):
    confirm: str = Field(max_length=MAX_TEXT, description="The account's name: its orders will move real money.")


class LiveLimit(Request):
    limit: Figure = Field(description="In the account's currency; 0: each order asks for a second factor.")


class LiveOut(Answer):
    """`limit` binds until `raises_at`, then `raises_to` does; null where live trading is off."""

    on: bool
    on_since: Instant | None = None
    limit: Money | None = None
    raises_to: Money | None = None
    raises_at: Instant | None = None
    day_ordered: Money | None = Field(None, description="What was ordered since midnight in New York.")
    day_limit: Money | None = Field(None, description="Your rule `live_per_day`: what may be ordered a day.")
    text: str
