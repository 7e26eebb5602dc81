"""Writes and takes back entries of the journal by the thousand: those that an import has laid out.

The trigger that balances every entry, and the numbers of the journal, are the same as for entries that come one by one.
Cached folds (cash, holdings) are the caller's, in the same transaction.
"""

from datetime import datetime
from uuid import UUID

from starkmatter.db.database import Connection
from starkmatter.trading import queries


async def book_next(connection: Connection, import_id: UUID, start: int, stop: int, now: datetime) -> int:
    """Append the entries of the import with turns from `start` up to `stop`, in their order; how many."""
    asked = {"import": import_id, "from": start, "to": stop, "now": now}
    return (await connection.execute(queries.BOOK_IMPORTED, asked)).rowcount


async def reverse_next(connection: Connection, import_id: UUID, limit: int, now: datetime) -> int:
    """Append a reversing entry for the newest `limit` of the import's that have none; how many."""
    asked = {"import": import_id, "limit": limit, "now": now}
    return (await connection.execute(queries.REVERSE_IMPORTED, asked)).rowcount
