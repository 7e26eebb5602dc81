"""What goes over the wire about shares that are moved from one account to another."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Request
from starkmatter.api.schemas_lots import PickIn
from starkmatter.domain.lots import LotMethod
from starkmatter.portfolio.transfers.records import Origin
from starkmatter.portfolio.transfers.service import MAX_PICKS


class NewTransfer(Request):
    """Which lots go is said by `lots`, else by `method`, else by the method of the account that they leave."""

    to_account_id: UUID
    symbol: str = Field(min_length=1, max_length=20)
    qty: Figure
    on: date | None = Field(
        default=None, description="The day at the exchange, for tracked accounts; on paper shares move now"
    )
    price: Figure | None = Field(
        default=None, gt=0, description="What a share was worth then, where no quote and no close says it"
    )
    method: Literal["fifo", "lifo", "hifo"] | None = None
    lots: list[PickIn] = Field(default_factory=list, max_length=MAX_PICKS)


class TransferOut(Answer):
    """`worth` is what the shares were worth when they moved (a flow of both accounts), `cost` what they had cost.

    `origin`: a person moved them, or two files told of one side each (`matched`). A name is null where the caller does
    not see that account. `ended_at`: it was taken back. `stays_why`: why a move on paper cannot be taken back any more.
    """

    id: UUID
    from_account_id: UUID
    from_name: str | None
    to_account_id: UUID
    to_name: str | None
    symbol: str
    qty: Qty
    currency: str
    worth: Money
    cost: Money
    method: LotMethod | None
    origin: Origin
    out_entry_id: int
    in_entry_id: int
    venue_at: Instant
    booked_at: Instant
    ended_at: Instant | None
    stays_why: str | None
