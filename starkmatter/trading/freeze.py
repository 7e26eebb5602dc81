"""Stopping an account: no new orders until the operator has looked; cancels keep working."""

from uuid import UUID

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import note
from starkmatter.db.database import Database
from starkmatter.trading import queries


async def freeze_account(db: Database, account_id: UUID | str, reason: str) -> None:
    """Freeze for new orders with a sentence the owner will read; an earlier reason stays."""
    async with db.transaction() as connection:
        if (await connection.execute(queries.FREEZE, (reason, account_id))).rowcount:
            await note(connection, SYSTEM, "account.frozen", ("account", account_id), after={"reason": reason})
