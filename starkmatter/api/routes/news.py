"""News, how its sources answer, and the feeds that admins choose."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_news import FeedChange, FeedOut, NewFeed, NewsOut, NewsSourceOut
from starkmatter.api.security import B, Signed
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput
from starkmatter.jobs.history import ask_for_news
from starkmatter.news import service

router = APIRouter(prefix=f"{API_PREFIX}/news", tags=["News"])


@router.get("")
async def news(
    caller: Signed,
    b: B,
    symbols: Annotated[str | None, Query(max_length=2_000)] = None,
    venue: Venue = "replay",
    limit: Annotated[int, Query(ge=1, le=service.MAX_NEWS)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[NewsOut]:
    """The newest first: plain text, samples on the replay, real stories on the market. `symbols`: A,B."""
    wanted = None if symbols is None else [one for one in symbols.split(",") if one.strip()]
    found = await service.list_news(b, caller, venue=venue, symbols=wanted, limit=limit, before=_before(cursor))
    following = _cursor(found[-1].published_at, found[-1].id) if len(found) == limit else None
    return Page(items=[NewsOut.model_validate(one) for one in found], next_cursor=following)


@router.get("/sources")
async def sources(caller: Signed, b: B) -> Page[NewsSourceOut]:
    """How each source of the market's news has answered."""
    return Page(items=[NewsSourceOut.model_validate(one) for one in await service.list_health(b, caller)])


@router.get("/feeds")
async def feeds(caller: Signed, b: B) -> Page[FeedOut]:
    """Every feed with its address."""
    return Page(items=[FeedOut.model_validate(one) for one in await service.list_feeds(b, caller)])


@router.post("/feeds", status_code=201)
async def new_feed(body: NewFeed, caller: Signed, b: B) -> FeedOut:
    """Read the feed once and keep its address; the worker collects its stories at once."""
    made = FeedOut.model_validate(await service.add_feed(b, caller, body.url, body.title))
    await ask_for_news(b, caller)
    return made


@router.patch("/feeds/{feed_id}")
async def change_feed(feed_id: UUID, body: FeedChange, caller: Signed, b: B) -> FeedOut:
    """Pause it, ask it again, or call it something else."""
    return FeedOut.model_validate(await service.change_feed(b, caller, feed_id, **body.model_dump()))


@router.delete("/feeds/{feed_id}", status_code=204)
async def delete_feed(feed_id: UUID, caller: Signed, b: B) -> None:
    """Ask it no more; its stories stay."""
    await service.delete_feed(b, caller, feed_id)


def _cursor(at: datetime, item_id: UUID) -> str:
    return urlsafe_b64encode(f"{at.isoformat()}|{item_id}".encode()).decode()


def _before(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        at_text, _, item_id = urlsafe_b64decode(cursor.encode()).decode().partition("|")
        at = datetime.fromisoformat(at_text)
        if at.tzinfo is None:
            raise ValueError
        return at, UUID(item_id)
    except ValueError:
        raise InvalidInput("cursor: not one of ours.") from None
