"""The audit log: who did what, when, from where; each row carries the hash of the one before it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class AuditEvent(SQLModel, table=True):
    """One event, written by `append_audit` alone and never changed; `sequence` has no gaps.

    `source` names the row of another journal that it was taken from, so that it is taken once. The actor has no foreign
    key: the row tells who it was then.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("audit_event_source", "source", unique=True, postgresql_where=text("source IS NOT NULL")),
        Index("audit_event_actor", "actor_id", text("sequence DESC")),
        Index("audit_event_subject", "subject_type", "subject_id", text("sequence DESC")),
    )

    sequence: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = instant_column()
    actor_id: UUID | None = None
    actor_name: str
    via: str
    ip: str
    action: str
    subject_type: str
    subject_id: str
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    after: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    source: str | None = None
    previous_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class AuditPosition(SQLModel, table=True):
    """How far the worker has read the journals of orders and money into the audit log."""

    __tablename__ = "audit_position"

    journal: str = Field(primary_key=True)
    booked_at: datetime = instant_column()
