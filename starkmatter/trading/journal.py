"""Writes entries of the journal that come from no execution of the paper market."""

from datetime import datetime
from uuid import UUID

from starkmatter.db.database import Connection
from starkmatter.domain.ledger import Booking
from starkmatter.trading import queries


async def write_booking(
    connection: Connection,
    account_id: UUID,
    booking: Booking,
    *,
    venue_at: datetime,
    now: datetime,
    order_id: UUID | None = None,
    fill_id: UUID | None = None,
) -> int:
    """Append one entry; its id. Cached folds (cash, holdings) are the caller's, in the same transaction."""
    written = await connection.execute(
        queries.INSERT_ENTRY,
        {
            "account": account_id,
            "kind": booking.kind,
            "description": booking.description,
            "order": order_id,
            "fill": fill_id,
            "venue_at": venue_at,
            "now": now,
            "accounts": [leg.account for leg in booking.legs],
            "commodities": [leg.commodity for leg in booking.legs],
            "amounts": [leg.amount for leg in booking.legs],
        },
    )
    row = await written.fetchone()
    assert row is not None
    return int(row[0])
