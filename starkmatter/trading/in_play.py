"""What accounts of a venue hold or have ordered: those symbols need prices whether anybody looks or not."""

from dataclasses import dataclass, field

from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.trading import queries


@dataclass(frozen=True, slots=True)
class InPlay:
    """The symbols, and whether there are open accounts at all; `tracked` are those that are only held elsewhere."""

    symbols: list[str]
    accounts: bool
    tracked: list[str] = field(default_factory=list)


async def in_play(db: Database, venue: Venue) -> InPlay:
    """Read it anew."""
    rows = await db.tuples(queries.IN_PLAY, (venue,))
    tracked = [symbol for (symbol,) in await db.tuples(queries.TRACKED_IN_PLAY, (venue,))]
    return InPlay([symbol for (symbol,) in rows if symbol is not None], bool(rows), tracked)
