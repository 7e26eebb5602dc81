"""A move of shares as pages and the API show it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from starkmatter.domain.lots import LotMethod

Origin = Literal["moved", "matched"]
# What a day closed with, or what was sold of these lots, is told and never rewritten. Shares that are moved back have
# their lots with the days and costs they had.
WHY_IT_STAYS = {"closed": "Its day has closed", "traded": "These shares were traded in one of the two accounts"}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Shares that went from one account to another of the same person, positive. Money in `currency`.

    `worth` is what they were worth then, which is a flow of both accounts, `cost` what they had cost on average in the
    account that they came from. `origin`: a person moved them, or two files told of one side each (`matched`).
    `from_name` or `to_name` is None where the caller does not see that account. `ended_at`: it was taken back. `stays`:
    why a move on paper is not taken back any more.
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
    stays: Literal["", "closed", "traded"]

    @property
    def stays_why(self) -> str | None:
        """The same as a sentence; None while it can be taken back, and where later entries decide."""
        return f"{WHY_IT_STAYS[self.stays]} since: move the shares back instead." if self.stays else None

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
