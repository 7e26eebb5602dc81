"""What pages and API ask of the screener: the worker computes, this process neither loads numbers nor sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.domain.screening import Screen, parse_screen, screen_json
from starkmatter.errors import Conflict, InvalidInput, NotFound
from starkmatter.market.errands import ask
from starkmatter.market.screener import queries
from starkmatter.market.screener.indicators import check_screen
from starkmatter.market.watchlists.service import checked_name

CHANNEL = "errands:screener"
WITHIN_SECS = 20.0  # the first look at a venue of thousands reads all its days
LATE = "The prices of the whole market are still being read. Try again in a moment."
MAX_SCREENS = 50
MAX_ROWS = 500


@dataclass(frozen=True, slots=True)
class SavedScreen:
    """A screen under its name; `screen` is the JSON form of `domain.screening`."""

    id: UUID
    name: str
    screen: dict[str, Any]
    created_at: datetime
    updated_at: datetime


async def screen_venue(cache: Redis, venue: Venue, screen: Screen, limit: int = 100) -> dict[str, Any]:
    """What the venue has for the screen now.

    `as_of`, `symbols` (how many have bars), `count` (how many fit), `sectors` (all there are) and `rows`: symbol, name,
    kind, sector, exchange, currency, `day` of the newest bar, `stale` when others have a newer one, and `values`, one
    text or None for each column. Unavailable when the worker does not answer, InvalidInput for an indicator that does
    not exist.
    """
    check_screen(screen)
    errand = {"kind": "screen", "venue": venue, "screen": screen_json(screen), "limit": min(limit, MAX_ROWS)}
    return await ask(cache, errand, within_secs=WITHIN_SECS, channel=CHANNEL, late=LATE)


async def overview_of(cache: Redis, venue: Venue) -> dict[str, Any]:
    """The map and the movers now: `tiles`, `gainers`, `losers` and `active`, and of how many symbols.

    Each row as in a screen, with `last`, `change_pct`, `volume` and `traded_value` as texts or None.
    """
    return await ask(cache, {"kind": "overview", "venue": venue}, within_secs=WITHIN_SECS, channel=CHANNEL, late=LATE)


async def list_screens(db: Database, user_id: UUID) -> Sequence[SavedScreen]:
    """The person's screens by name."""
    return await db.all(SavedScreen, queries.SCREENS, {"user": user_id})


async def get_screen(db: Database, user_id: UUID, screen_id: UUID) -> SavedScreen:
    """One screen; NotFound when it is absent or somebody else's."""
    found = await db.one(SavedScreen, queries.SCREEN, {"id": screen_id, "user": user_id})
    if found is None:
        raise NotFound("There is no such screen.")
    return found


async def save_screen(db: Database, user_id: UUID, name: str, screen: dict[str, Any]) -> SavedScreen:
    """Keep a screen under a new name; InvalidInput when it is none, Conflict when the name is taken."""
    screen_id = uuid4()
    made = {
        "id": screen_id,
        "user": user_id,
        "name": checked_name(name),
        "screen": Jsonb(screen_json(_checked(screen))),
        "now": utc_now(),
    }
    if await db.value(queries.COUNT_SCREENS, made) >= MAX_SCREENS:
        raise InvalidInput(f"One person can keep {MAX_SCREENS} screens. Delete some first.")
    if not await db.run(queries.NEW_SCREEN, made):
        raise Conflict(f"You have a screen “{made['name']}” already.")
    return await get_screen(db, user_id, screen_id)


async def change_screen(
    db: Database, user_id: UUID, screen_id: UUID, *, name: str | None = None, screen: dict[str, Any] | None = None
) -> SavedScreen:
    """Rename it or keep other conditions under it."""
    await get_screen(db, user_id, screen_id)
    changed = {
        "id": screen_id,
        "user": user_id,
        "name": None if name is None else checked_name(name),
        "screen": None if screen is None else Jsonb(screen_json(_checked(screen))),
        "now": utc_now(),
    }
    if not await db.run(queries.CHANGE_SCREEN, changed):
        raise Conflict(f"You have a screen “{changed['name']}” already.")
    return await get_screen(db, user_id, screen_id)


async def delete_screen(db: Database, user_id: UUID, screen_id: UUID) -> None:
    """Forget it; NotFound when it is not the person's."""
    if not await db.run(queries.DELETE_SCREEN, {"id": screen_id, "user": user_id}):
        raise NotFound("There is no such screen.")


def _checked(raw: dict[str, Any]) -> Screen:
    screen = parse_screen(raw)
    check_screen(screen)
    return screen
