"""Reports by mail, and links that show one to somebody without an account."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class ReportSchedule(SQLModel, table=True):
    """A report to be mailed to its person after each period that ends after `done_until`. `mail_key`: the last mail."""

    __tablename__ = "report_schedule"
    __table_args__ = (
        CheckConstraint("every IN ('week', 'month', 'quarter', 'year')", name="report_schedule_every_known"),
        CheckConstraint("cardinality(account_ids) BETWEEN 1 AND 10", name="report_schedule_has_accounts"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    account_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    every: str
    sections: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    benchmark: str | None = None
    amounts: bool
    done_until: date = Field(sa_column=Column(Date, nullable=False))
    created_at: datetime = instant_column()
    last_at: datetime | None = instant_column(nullable=True)
    mail_key: str | None = None
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})


class ReportLink(SQLModel, table=True):
    """Lets whoever has its token look at one report until it expires. Of the token only the SHA-256 is kept."""

    __tablename__ = "report_link"
    __table_args__ = (
        CheckConstraint("cardinality(account_ids) BETWEEN 1 AND 10", name="report_link_has_accounts"),
        UniqueConstraint("token_hash", name="report_link_token"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hint: str
    label: str
    account_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    period: str
    sections: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    benchmark: str | None = None
    amounts: bool
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    revoked_at: datetime | None = instant_column(nullable=True)
    last_used_at: datetime | None = instant_column(nullable=True)
    last_used_ip: str | None = None
    uses: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class MailAttachment(SQLModel, table=True):
    """The file that goes with a mail of the outbox, until that is sent or given up."""

    __tablename__ = "mail_attachment"

    key: str = Field(sa_column=Column(ForeignKey("mail_outbox.key", ondelete="CASCADE"), primary_key=True))
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    name: str
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
