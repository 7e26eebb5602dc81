"""What a new run of the replay means: accounts of the former run are kept, read-only, and people start anew."""

from datetime import datetime

import structlog

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.portfolio import queries
from starkmatter.portfolio.opening import FIRST_CASH, create_account

CLOSING_REASON = "A new run of the replay began."

log = structlog.get_logger("portfolio")


async def close_former_runs(db: Database, run_id: int, venue_at: datetime) -> int:
    """Expire the open orders of accounts of other runs, close those accounts and give each person a fresh one.

    All in one transaction, so it can be repeated after a crash; the number of accounts closed.
    """
    now = utc_now()
    async with db.transaction() as connection:
        rows = await (await connection.execute(queries.ACCOUNTS_OF_FORMER_RUNS, (run_id,))).fetchall()
        if not rows:
            return 0
        accounts = [row[0] for row in rows]
        orders = await (await connection.execute(queries.OPEN_ORDERS_OF, (accounts,))).fetchall()
        for order_id, status in orders:
            end = "not_sent" if status == "pending_submit" else "expired"
            await connection.execute(queries.END_ORDER, (order_id, [end], status, CLOSING_REASON, venue_at, now))
        await connection.execute(queries.DROP_OUTBOX_OF, ([row[0] for row in orders],))
        await connection.execute(queries.CLOSE_ACCOUNTS, (now, accounts))
        people = list(dict.fromkeys(row[1] for row in rows))
        # The audit log's lock comes last: nobody may hold a person we still need while they wait for it.
        await connection.execute(queries.LOCK_PEOPLE, (people,))
        for user_id in people:
            await create_account(
                connection,
                user_id,
                name="Practice",
                cash=FIRST_CASH,
                run_id=run_id,
                venue_at=venue_at,
                now=now,
            )
    log.info("former run closed", run_id=run_id, accounts=len(accounts), orders=len(orders))
    return len(accounts)
