"""The timetable's runs: each claimed once, kept with its outcome."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, reference_column


class JobRun(SQLModel, table=True):
    """One run of one job. Two workers may want it; the unique key lets one have it."""

    __tablename__ = "job_run"
    __table_args__ = (
        UniqueConstraint("job", "scheduled_for", name="job_run_key"),
        Index("job_run_latest", "job", text("id DESC")),
        Index("job_run_waiting", "id", postgresql_where=text("claimed_at IS NULL")),
    )

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    job: str
    scheduled_for: datetime = instant_column()
    asked_by: UUID | None = reference_column("app_user.id", nullable=True)
    asked_at: datetime = instant_column()
    claimed_at: datetime | None = instant_column(nullable=True)
    finished_at: datetime | None = instant_column(nullable=True)
    outcome: str | None = None
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})
    duration_ms: int | None = None
