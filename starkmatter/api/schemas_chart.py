"""What goes over the wire about charts: indicators, drawings, templates, events."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from starkmatter.api.schemas import Answer, Figure, Instant, Money, Qty, Request
from starkmatter.charts.records import Color, DrawingKind
from starkmatter.domain.adjusting import Adjustment
from starkmatter.domain.quotes import Venue


class ParameterOut(Answer):
    name: str
    title: str
    default: float
    least: float
    most: float
    whole: bool


class LineOut(Answer):
    id: str
    title: str
    drawn: str


class IndicatorOut(Answer):
    """`pane` is `price` for what lies on the candles, else `own`; `unit` says what its values are."""

    name: str
    title: str
    group: str
    parameters: list[ParameterOut]
    inputs: list[str]
    lines: list[LineOut]
    pane: str
    unit: str
    levels: list[float]


class PointIn(Request):
    """An instant and a price."""

    at: AwareDatetime
    price: Figure


class NewDrawing(Request):
    venue: Venue
    symbol: str = Field(min_length=1, max_length=20)
    kind: DrawingKind
    points: list[PointIn] = Field(min_length=1, max_length=2)
    color: Color = "accent"
    width: int = Field(default=2, ge=1, le=4)
    words: str = Field(default="", max_length=200)


class DrawingChange(Request):
    points: list[PointIn] | None = Field(default=None, min_length=1, max_length=2)
    color: Color | None = None
    width: int | None = Field(default=None, ge=1, le=4)
    words: str | None = Field(default=None, max_length=200)


class PointOut(Answer):
    at: str
    price: str


class DrawingOut(Answer):
    id: UUID
    venue: str
    symbol: str
    kind: str
    points: list[PointOut]
    color: str
    width: int
    words: str
    updated_at: Instant


class Look(Request):
    """How the chart is drawn. `indicators` in the short form, such as `macd:12:26:9`."""

    style: Literal["candles", "bars", "line", "area", "heikin_ashi"] = "candles"
    scale: Literal["linear", "log", "percent", "indexed"] = "linear"
    volume: bool = True
    sessions: bool = True
    events: bool = True
    adjustment: Adjustment = "splits"
    indicators: list[Annotated[str, StringConstraints(max_length=60)]] = Field(default=[], max_length=12)


class NewTemplate(Request):
    name: str = Field(min_length=1, max_length=40)
    look: Look


class TemplateOut(Answer):
    id: UUID
    name: str
    look: Look
    updated_at: Instant


class ChartEventOut(Answer):
    """`kind` is fill, news, dividend, split or earnings; `price` and `qty` where it has them."""

    kind: str
    at: Instant
    title: str
    text: str
    url: str
    side: str
    price: Money | None
    qty: Qty | None
