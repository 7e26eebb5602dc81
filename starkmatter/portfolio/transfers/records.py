"""A move of shares as pages and the API show it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.lots import LotMethod

Origin = Literal["moved", "matched"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Shares that went from one account to another of the same person, positive. Money in `currency`.

    `worth` is what they were worth then, which is a flow of both accounts, `cost` what they had cost on average in the
    account that they came from. `origin`: a person moved them, or two files told of one side each (`matched`).
    `from_name` or `to_name` is None where the caller does not see that account. `ended_at`: it was taken back.
    """

    id: UUID
    from_account_id: UUID
    to_account_id: UUID
    symbol: str
    qty: Decimal
    worth: Decimal
    cost: Decimal
    origin: Origin
    out_entry_id: int
    in_entry_id: int
    venue_at: datetime
    booked_at: datetime
    ended_at: datetime | None
    lots: list[str]
    lot_qtys: list[Decimal]
    method: LotMethod | None
    from_name: str | None
    to_name: str | None
    currency: str
    own: bool

    @property
    def accounts(self) -> list[UUID]:
        return [self.from_account_id, self.to_account_id]

    @property
    def entries(self) -> list[int]:
        return [self.out_entry_id, self.in_entry_id]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants moved. `at` None: now. `price` a share, where no quote and no close says it."""

    from_account_id: UUID
    to_account_id: UUID
    symbol: str
    qty: Decimal
    at: datetime | None = None
    price: Decimal | None = None
    method: LotMethod | None = None
