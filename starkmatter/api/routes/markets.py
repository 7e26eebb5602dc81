"""The screener with its saved screens, the map and the movers, figures of symbols, and the days without a session."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from starkmatter.api.csv_text import Cell, csv_text
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_markets import (
    AskScreen,
    CorrelationsOut,
    FigureOut,
    KeyFiguresOut,
    NewScreen,
    OverviewOut,
    SavedScreenOut,
    ScreenChange,
    ScreenOut,
    SessionsOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.domain.screening import FIELDS, figure_title, parse_screen
from starkmatter.errors import InvalidInput
from starkmatter.market.clocks import venue_clock
from starkmatter.market.exceptional_days import coming_sessions
from starkmatter.market.key_figures import correlations, key_figures
from starkmatter.market.lookup import open_instrument
from starkmatter.market.screener import service
from starkmatter.market.screener.indicators import OF_DAYS

CSV = "text/csv; charset=utf-8"
EXPORTED = 500

router = APIRouter(prefix=API_PREFIX, tags=["Markets"])


@router.get("/screener/figures")
async def figures(_: Signed) -> Page[FigureOut]:
    """What columns and conditions can name: fields, and indicators with parameters in this order."""
    fields = [FigureOut(name=name, title=one.title, about=one.about, unit=one.unit) for name, one in FIELDS.items()]
    indicators = [
        FigureOut(
            name=name,
            title=one.title,
            about=one.group,
            unit=one.unit,
            parameters=[part.name for part in one.parameters],
            lines=[line.id for line in one.lines],
        )
        for name, one in OF_DAYS.items()
    ]
    return Page(items=fields + indicators)


@router.post("/screener")
async def screen(body: AskScreen, _: Signed, b: B) -> ScreenOut:
    """The stored symbols of a venue that fit, as of its now, the first `limit` of them in order."""
    asked = parse_screen(body.screen.model_dump())
    found = await service.screen_venue(b.cache, body.venue, asked, body.limit)
    columns = [one.text for one in asked.columns]
    return ScreenOut.model_validate(found | {"columns": columns, "items": found["rows"]}, from_attributes=False)


@router.get("/screener.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def screen_csv(
    _: Signed,
    b: B,
    screen: Annotated[str, Query(max_length=4_000, description="The screen as JSON")] = "{}",
    venue: Venue = "replay",
) -> Response:
    """The same as a table, 500 symbols at most."""
    try:
        raw = orjson.loads(screen)
    except orjson.JSONDecodeError:
        raise InvalidInput("screen: not JSON.") from None
    if not isinstance(raw, dict):
        raise InvalidInput("screen: not an object.")
    asked = parse_screen(raw)
    found = await service.screen_venue(b.cache, venue, asked, EXPORTED)
    head = ("symbol", "name", "sector", "exchange", "currency", "day", *(figure_title(one) for one in asked.columns))
    rows: list[tuple[Cell, ...]] = [head]
    for row in found["rows"]:
        about = (row["symbol"], row["name"], row["sector"], row["exchange"], row["currency"], row["day"])
        rows.append((*about, *(_number(value) for value in row["values"])))
    headers = {"content-disposition": 'attachment; filename="starkmatter-screen.csv"'}
    return Response(csv_text(rows), media_type=CSV, headers=headers)


@router.get("/screens")
async def screens(caller: Signed, b: B) -> Page[SavedScreenOut]:
    """The caller's saved screens."""
    found = await service.list_screens(b.db, caller.user_id)
    return Page(items=[SavedScreenOut.model_validate(one) for one in found])


@router.post("/screens", status_code=201)
async def new_screen(body: NewScreen, caller: Signed, b: B) -> SavedScreenOut:
    """Save a screen under a name."""
    made = await service.save_screen(b.db, caller.user_id, body.name, body.screen.model_dump())
    return SavedScreenOut.model_validate(made)


@router.patch("/screens/{screen_id}")
async def change_screen(screen_id: UUID, body: ScreenChange, caller: Signed, b: B) -> SavedScreenOut:
    """Change what is given."""
    changed = body.screen.model_dump() if body.screen is not None else None
    found = await service.change_screen(b.db, caller.user_id, screen_id, name=body.name, screen=changed)
    return SavedScreenOut.model_validate(found)


@router.delete("/screens/{screen_id}", status_code=204)
async def forget_screen(screen_id: UUID, caller: Signed, b: B) -> None:
    """Delete a screen."""
    await service.delete_screen(b.db, caller.user_id, screen_id)


@router.get("/overview")
async def overview(_: Signed, b: B, venue: Venue = "replay") -> OverviewOut:
    """The map of the market and its movers as of the venue's now."""
    return OverviewOut.model_validate(await service.overview_of(b.cache, venue), from_attributes=False)


@router.get("/figures")
async def symbol_figures(
    _: Signed, b: B, symbol: Annotated[str, Query(max_length=20)], venue: Venue = "replay"
) -> KeyFiguresOut:
    """What the days of one symbol say: ranges, volume, volatility, beta, returns."""
    one = await open_instrument(b.db, b.cache, venue, symbol.strip().upper())
    until = (await venue_clock(b.db, b.cache, venue, utc_now())).venue_now
    found = await key_figures(b.db, venue, one.symbol, until)
    day = found.day
    return KeyFiguresOut(
        symbol=one.symbol,
        venue=venue,
        last=day.close if day else None,
        before=found.before,
        day_low=day.low if day else None,
        day_high=day.high if day else None,
        low=found.low,
        high=found.high,
        volume=day.volume if day else None,
        average_volume=found.average_volume,
        volatility=found.volatility,
        beta=found.beta,
        beta_of=found.beta_of,
        returns=found.returns,
        sessions=found.sessions,
    )


@router.get("/correlations")
async def correlation(
    _: Signed,
    b: B,
    symbols: Annotated[str, Query(max_length=300)],
    sessions: int = 60,
    venue: Venue = "replay",
) -> CorrelationsOut:
    """How 2 to 12 symbols moved together over the newest sessions: 20, 60, 120 or 252."""
    names = [part.strip().upper() for part in symbols.split(",") if part.strip()]
    until = (await venue_clock(b.db, b.cache, venue, utc_now())).venue_now
    return CorrelationsOut.model_validate(await correlations(b.db, venue, names, sessions, until))


@router.get("/sessions")
async def sessions(_: Signed, b: B, venue: Venue = "replay") -> SessionsOut:
    """The next sessions, and the days of the coming year that have none or end early."""
    clock = await venue_clock(b.db, b.cache, venue, utc_now())
    return SessionsOut.model_validate(await coming_sessions(b.db, clock.venue_now, clock.ends_on))


def _number(value: str | None) -> Cell:
    return None if value is None else Decimal(value)
