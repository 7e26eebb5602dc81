"""Drawings, templates and events of a chart."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from starkmatter.domain.quotes import Venue

DrawingKind = Literal["trend", "horizontal", "fibonacci", "rectangle", "text"]
Color = Literal["accent", "up", "down", "amber", "plain"]
EventKind = Literal["fill", "news", "dividend", "split", "earnings"]

POINTS: dict[str, int] = {"trend": 2, "horizontal": 1, "fibonacci": 2, "rectangle": 2, "text": 1}


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the chart: an instant, which need not be a bar's, and a price."""

    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class DrawingView:
    """One drawing of one person on one symbol. `points`: as many as its kind has, `{"at", "price"}`."""

    id: UUID
    venue: Venue
    symbol: str
    kind: DrawingKind
    points: list[dict[str, str]]
    color: Color
    width: int
    words: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A named look of the chart: its style, scale, what is shown, and indicators in the short form."""

    id: UUID
    name: str
    look: dict[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChartEvent:
    """Something that happened to a symbol or to the person in it. `price` and `qty` only where it has them."""

    kind: EventKind
    at: datetime
    title: str
    text: str = ""
    url: str = ""
    side: str = ""
    price: Decimal | None = None
    qty: Decimal | None = None
