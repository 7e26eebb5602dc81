"""The small lines of a list's rows: today's closes of five minutes, else those of the last session, else of days."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.instruments import AssetClass, class_of
from starkmatter.domain.market_hours import RULED
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import Session
from starkmatter.market import queries as market_queries
from starkmatter.market.clocks import EXCHANGE
from starkmatter.market.watchlists import queries
from starkmatter.market.watchlists.records import MiniLine

DAYS_BACK = timedelta(days=45)
SESSIONS_BACK = timedelta(days=15)
MAX_DAYS = 30
FEW = 3  # a session that has just begun says less than the one before it


async def mini_lines(db: Database, venue: Venue, symbols: Sequence[str], until: datetime) -> dict[str, MiniLine]:
    """A line for each symbol as known at venue time `until`; an empty one where no bars are stored."""
    found: dict[str, MiniLine] = {}
    kinds: dict[AssetClass, list[str]] = defaultdict(list)
    for symbol in symbols:
        kinds[class_of(symbol)].append(symbol)
    for kind, of_kind in kinds.items():
        for session, words in await _newest_sessions(db, kind, until):
            missing = [symbol for symbol in of_kind if symbol not in found]
            for symbol, closes in (
                await _closes(db, venue, missing, "5m", session.opens_at, min(until, session.closes_at))
            ).items():
                if len(closes) >= FEW:
                    found[symbol] = MiniLine(closes, words, days=False)
    missing = [symbol for symbol in symbols if symbol not in found]
    for symbol, closes in (await _closes(db, venue, missing, "1d", until - DAYS_BACK, until)).items():
        found[symbol] = MiniLine(closes[-MAX_DAYS:], f"{len(closes[-MAX_DAYS:])} days", days=True)
    return {symbol: found.get(symbol, MiniLine([], "", days=False)) for symbol in symbols}


async def _newest_sessions(db: Database, kind: AssetClass, until: datetime) -> list[tuple[Session, str]]:
    hours = RULED.get(kind)
    if hours is not None:
        newest = hours.between(until - SESSIONS_BACK, until + SESSIONS_BACK)
        newest = [one for one in newest if one.opens_at <= until][-2:]
        return [(one, "Today" if until < one.closes_at else "Last session") for one in reversed(newest)]
    params = {"exchange": EXCHANGE, "after": until - SESSIONS_BACK, "before": until}
    newest = (await db.all(Session, market_queries.SESSIONS_BETWEEN, params))[-2:]
    return [
        (one, "Today" if until < one.closes_at else "Last session") for one in reversed(newest) if one.opens_at <= until
    ]


async def _closes(
    db: Database, venue: Venue, symbols: Sequence[str], interval: str, since: datetime, until: datetime
) -> dict[str, list[Decimal]]:
    if not symbols:
        return {}
    asked = {"venue": venue, "symbols": list(symbols), "interval": interval, "since": since, "until": until}
    return dict(await db.tuples(queries.CLOSES_SINCE, asked))
