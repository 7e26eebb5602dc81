"""Drawings and templates of charts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class ChartDrawing(SQLModel, table=True):
    """One drawing of one person on one symbol. `points`: `[{"at", "price"}]`, as many as its kind has."""

    __tablename__ = "chart_drawing"
    __table_args__ = (
        CheckConstraint("venue IN ('replay', 'market')", name="chart_drawing_venue_known"),
        CheckConstraint(
            "kind IN ('trend', 'horizontal', 'fibonacci', 'rectangle', 'text')", name="chart_drawing_kind_known"
        ),
        CheckConstraint("jsonb_array_length(points) BETWEEN 1 AND 2", name="chart_drawing_points_few"),
        CheckConstraint("width BETWEEN 1 AND 4", name="chart_drawing_width_known"),
        CheckConstraint("length(words) <= 200", name="chart_drawing_words_short"),
        Index("chart_drawing_of_symbol", "user_id", "venue", "symbol"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    venue: str
    symbol: str
    kind: str
    points: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    color: str
    width: int = Field(sa_column=Column(SmallInteger, nullable=False))
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()


class ChartTemplate(SQLModel, table=True):
    """A named look of the chart of one person."""

    __tablename__ = "chart_template"
    __table_args__ = (
        UniqueConstraint("user_id", "name", name="chart_template_once"),
        CheckConstraint("length(name) BETWEEN 1 AND 40", name="chart_template_name_short"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    name: str
    look: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime = instant_column()
