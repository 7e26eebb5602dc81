"""What lies on a person's chart: events, drawings, templates."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_chart import (
    ChartEventOut,
    DrawingChange,
    DrawingOut,
    NewDrawing,
    NewTemplate,
    PointIn,
    TemplateOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.charts import drawings, templates
from starkmatter.charts.events import EventQuery, list_events
from starkmatter.charts.records import Point
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput

router = APIRouter(prefix=f"{API_PREFIX}/chart", tags=["Charts"])

Symbol = Annotated[str, Query(min_length=1, max_length=20)]


@router.get("/events")
async def events(
    caller: Signed,
    b: B,
    symbol: Symbol,
    venue: Venue = "replay",
    account_id: UUID | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Page[ChartEventOut]:
    """Own fills, and news about the symbol, with start <= at < end; the newest 500, oldest first."""
    for name, at in (("start", start), ("end", end)):
        if at is not None and at.tzinfo is None:
            raise InvalidInput(f"{name}: give the instant with a time zone, such as 2021-03-01T14:30:00Z.")
    query = EventQuery(venue, symbol.strip().upper(), account_id, start, end)
    return Page(items=[ChartEventOut.model_validate(one) for one in await list_events(b, caller, query)])


@router.get("/drawings")
async def all_drawings(caller: Signed, b: B, symbol: Symbol, venue: Venue = "replay") -> Page[DrawingOut]:
    """What the caller has drawn on a symbol."""
    found = await drawings.list_drawings(b, caller, venue, symbol)
    return Page(items=[DrawingOut.model_validate(one) for one in found])


@router.post("/drawings", status_code=201)
async def new_drawing(body: NewDrawing, caller: Signed, b: B) -> DrawingOut:
    """Keep a drawing: two points for a trend line, a Fibonacci retracement and a rectangle, one for the others."""
    kept = await drawings.add_drawing(
        b,
        caller,
        venue=body.venue,
        symbol=body.symbol,
        kind=body.kind,
        points=_points(body.points),
        color=body.color,
        width=body.width,
        words=body.words,
    )
    return DrawingOut.model_validate(kept)


@router.patch("/drawings/{drawing_id}")
async def change_drawing(drawing_id: UUID, body: DrawingChange, caller: Signed, b: B) -> DrawingOut:
    """Move a drawing or change its looks."""
    changed = await drawings.change_drawing(
        b,
        caller,
        drawing_id,
        points=None if body.points is None else _points(body.points),
        color=body.color,
        width=body.width,
        words=body.words,
    )
    return DrawingOut.model_validate(changed)


@router.delete("/drawings/{drawing_id}", status_code=204)
async def delete_drawing(drawing_id: UUID, caller: Signed, b: B) -> None:
    """Take a drawing off the chart."""
    await drawings.delete_drawing(b, caller, drawing_id)


@router.get("/templates")
async def all_templates(caller: Signed, b: B) -> Page[TemplateOut]:
    """The caller's templates by name."""
    return Page(items=[TemplateOut.model_validate(one) for one in await templates.list_templates(b, caller)])


@router.post("/templates", status_code=201)
async def keep_template(body: NewTemplate, caller: Signed, b: B) -> TemplateOut:
    """Keep a look under a name; one of the same name is replaced."""
    return TemplateOut.model_validate(await templates.keep_template(b, caller, body.name, body.look.model_dump()))


@router.delete("/templates/{template_id}", status_code=204)
async def delete_template(template_id: UUID, caller: Signed, b: B) -> None:
    """Forget a template."""
    await templates.delete_template(b, caller, template_id)


def _points(points: list[PointIn]) -> list[Point]:
    return [Point(one.at, one.price) for one in points]
