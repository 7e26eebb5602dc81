"""The journal of an account as a person reads it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.portfolio import queries
from starkmatter.portfolio.records import LedgerEntryView, PostingView

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class _Entry:
    id: int
    booked_at: datetime
    venue_at: datetime
    kind: str
    description: str
    order_id: UUID | None
    accounts: list[str]
    commodities: list[str]
    amounts: list[Decimal]
    reverses: int | None


async def list_entries(
    b: Backends, caller: Caller, account_id: UUID, limit: int = 50, before_id: int | None = None
) -> list[LedgerEntryView]:
    """The newest entries first, each with its balanced postings; none when the account is not the caller's."""
    rows = await b.db.all(
        _Entry,
        queries.ENTRIES,
        {
            "account": account_id,
            "user": caller.user_id,
            "before": before_id,
            "limit": max(1, min(limit, MAX_LIMIT)),
        },
    )
    return [
        LedgerEntryView(
            id=row.id,
            booked_at=row.booked_at,
            venue_at=row.venue_at,
            kind=row.kind,
            description=row.description,
            order_id=row.order_id,
            reverses=row.reverses,
            postings=[
                PostingView(account, commodity, amount)
                for account, commodity, amount in zip(row.accounts, row.commodities, row.amounts, strict=True)
            ],
        )
        for row in rows
    ]
