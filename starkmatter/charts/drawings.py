"""A person's drawings on symbols: only ever the caller's own, few enough and small enough to load at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.charts import queries
from starkmatter.charts.records import POINTS, Color, DrawingKind, DrawingView, Point
from starkmatter.clock import utc_now
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.service import get_instrument

MAX_PER_SYMBOL = 200
MAX_PER_PERSON = 2_000
MAX_WORDS_CHARS = 200
MAX_WIDTH = 4
MAX_PRICE = Decimal(10_000_000)
FIRST_AT, LAST_AT = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


async def list_drawings(b: Backends, caller: Caller, venue: Venue, symbol: str) -> list[DrawingView]:
    """What the caller has drawn on a symbol, the oldest first."""
    asked = {"user": caller.user_id, "venue": venue, "symbol": symbol.strip().upper()}
    return await b.db.all(DrawingView, queries.DRAWINGS, asked)


async def add_drawing(
    b: Backends,
    caller: Caller,
    *,
    venue: Venue,
    symbol: str,
    kind: DrawingKind,
    points: Sequence[Point],
    color: Color = "accent",
    width: int = 2,
    words: str = "",
) -> DrawingView:
    """Keep a drawing. InvalidInput for what cannot be drawn or is too much, NotFound for an unknown symbol."""
    symbol = symbol.strip().upper()
    await get_instrument(b.db, symbol, venue=venue)
    row = {
        "id": uuid4(),
        "user": caller.user_id,
        "venue": venue,
        "symbol": symbol,
        "kind": kind,
        "points": _points(kind, points),
        "color": _color(color),
        "width": _width(width),
        "words": _words(words, kind),
        "now": utc_now(),
        "most": MAX_PER_PERSON,
        "most_of_symbol": MAX_PER_SYMBOL,
    }
    async with b.db.transaction() as connection, connection.cursor(row_factory=class_row(DrawingView)) as cursor:
        await connection.execute(queries.ONE_AT_A_TIME, row)
        kept = await (await cursor.execute(queries.INSERT_DRAWING, row)).fetchone()
    if kept is None:
        raise InvalidInput(
            f"There can be {MAX_PER_SYMBOL} drawings on a symbol and {MAX_PER_PERSON} in all. Remove some first."
        )
    return kept


async def change_drawing(
    b: Backends,
    caller: Caller,
    drawing_id: UUID,
    *,
    points: Sequence[Point] | None = None,
    color: Color | None = None,
    width: int | None = None,
    words: str | None = None,
) -> DrawingView:
    """Move it or change its looks; NotFound when it is absent or somebody else's."""
    mine = {"id": drawing_id, "user": caller.user_id}
    before = await b.db.one(DrawingView, queries.DRAWING, mine)
    if before is None:
        raise NotFound("There is no such drawing.")
    changed = await b.db.one(
        DrawingView,
        queries.CHANGE_DRAWING,
        mine
        | {
            "points": None if points is None else _points(before.kind, points),
            "color": None if color is None else _color(color),
            "width": None if width is None else _width(width),
            "words": None if words is None else _words(words, before.kind),
            "now": utc_now(),
        },
    )
    if changed is None:
        raise NotFound("There is no such drawing.")
    return changed


async def delete_drawing(b: Backends, caller: Caller, drawing_id: UUID) -> None:
    """Take it off the chart."""
    if not await b.db.run(queries.DELETE_DRAWING, {"id": drawing_id, "user": caller.user_id}):
        raise NotFound("There is no such drawing.")


def _points(kind: str, points: Sequence[Point]) -> Jsonb:
    wanted = POINTS.get(kind)
    if wanted is None:
        raise InvalidInput(f"kind: one of {', '.join(POINTS)}.")
    if len(points) != wanted:
        raise InvalidInput(f"points: a {kind} has {wanted}.")
    if not all(FIRST_AT <= one.at <= LAST_AT for one in points):
        raise InvalidInput("points: give each instant with a time zone, between 1970 and 2100.")
    if not all(-MAX_PRICE < one.price < MAX_PRICE for one in points):
        raise InvalidInput(f"points: prices are below {MAX_PRICE:,}.")
    return Jsonb([{"at": f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "price": plain(one.price)} for one in points])


def _color(color: str) -> str:
    if color not in get_args(Color):
        raise InvalidInput(f"color: one of {', '.join(get_args(Color))}.")
    return color


def _width(width: int) -> int:
    if not 1 <= width <= MAX_WIDTH:
        raise InvalidInput(f"width: from 1 to {MAX_WIDTH}.")
    return width


def _words(words: str, kind: str) -> str:
    text = "".join(one for one in words.strip() if one.isprintable())
    if len(text) > MAX_WORDS_CHARS:
        raise InvalidInput(f"words: at most {MAX_WORDS_CHARS} characters.")
    if kind == "text" and not text:
        raise InvalidInput("words: a text has some.")
    return text
