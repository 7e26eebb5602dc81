"""The auditor: checks the books and freezes an account that does not add up, rather than go on with it."""

from starkmatter.db.database import Database
from starkmatter.portfolio.invariants import Violation, check_books
from starkmatter.trading.freeze import freeze_account

ACCOUNT_PREFIX = "account "
REASON = "Its books do not add up. Cancels still work; ask the operator to look at the log."


async def audit_books(db: Database) -> list[Violation]:
    """Every broken promise found; accounts named in one are frozen for new orders."""
    found = await check_books(db)
    for violation in found:
        if violation.subject.startswith(ACCOUNT_PREFIX):
            await freeze_account(db, violation.subject.removeprefix(ACCOUNT_PREFIX), REASON)
    return found
