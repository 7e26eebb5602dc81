"""Weights that people ask for, and what the worker found."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, reference_column


class PortfolioOptimization(SQLModel, table=True):
    """One question with its answer: its asker's alone. `claim` names the worker's run that is at it."""

    __tablename__ = "portfolio_optimization"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="portfolio_optimization_state_known"),
        CheckConstraint("(state = 'done') = (result IS NOT NULL)", name="portfolio_optimization_result"),
        Index("portfolio_optimization_of_a_person", "user_id", "account_id", "created_at"),
        Index("portfolio_optimization_due", "created_at", postgresql_where=text("state IN ('waiting', 'running')")),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    account_id: UUID = reference_column("account.id")
    state: str
    words: str
    asked: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    claim: UUID | None = None
    tries: int
    created_at: datetime = instant_column()
    ended_at: datetime | None = instant_column(nullable=True)
