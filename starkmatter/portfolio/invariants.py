"""The promises the books keep (SAFETY A.2), checked against the stored rows: at start-up, nightly and after tests."""

from dataclasses import dataclass

from starkmatter.db.database import Database
from starkmatter.portfolio import promises_queries


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: which rule, of what, and by how much."""

    rule: str
    subject: str
    detail: str


async def check_books(db: Database) -> list[Violation]:
    """Every violation of I1 to I6 and I8; empty when the books are right."""
    return await db.all(Violation, promises_queries.BROKEN_INVARIANTS)
