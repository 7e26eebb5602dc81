"""Alerts, what they fired, and the mails that wait to be sent."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, price_column


class AlertRow(SQLModel, table=True):
    """One rule of one person. `armed`: it waits for its next crossing; `active`: it is watched at all.

    `adjusted` has the factor by which each split since it was made has moved its price, by the action's id.
    """

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint("venue IN ('replay', 'market')", name="alert_venue_known"),
        CheckConstraint(
            "kind IN ('price_above', 'price_below', 'day_up_pct', 'day_down_pct')", name="alert_kind_known"
        ),
        CheckConstraint("threshold > 0", name="alert_threshold_positive"),
        Index("alert_watched", "venue", "symbol", postgresql_where=text("active")),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    venue: str
    symbol: str
    kind: str
    threshold: Decimal = price_column()
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    by_mail: bool
    repeats: bool
    active: bool
    armed: bool
    created_at: datetime = instant_column()
    updated_at: datetime = instant_column()
    fired_at: datetime | None = instant_column(nullable=True)
    adjusted: dict[str, str] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb"))
    )


class AlertEvent(SQLModel, table=True):
    """One crossing. The alert may be gone by now; what it said stays."""

    __tablename__ = "alert_event"
    __table_args__ = (Index("alert_event_newest", "user_id", text("id DESC")),)

    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    alert_id: UUID
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False))
    venue: str
    symbol: str
    words: str
    note: str = Field(default="", sa_column_kwargs={"server_default": ""})
    price: Decimal = price_column()
    venue_at: datetime = instant_column()
    fired_at: datetime = instant_column()
    seen_at: datetime | None = instant_column(nullable=True)


class MailOutbox(SQLModel, table=True):
    """A mail to be sent, once per `key`. `sending` with an old claim means that its worker ended: it is tried again."""

    __tablename__ = "mail_outbox"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sending', 'sent', 'dead')", name="mail_outbox_state_known"),
        Index("mail_outbox_waiting", "next_at", postgresql_where=text("state IN ('waiting', 'sending')")),
    )

    key: str = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    subject: str
    body: str
    state: str
    tries: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    created_at: datetime = instant_column()
    next_at: datetime = instant_column()
    sent_at: datetime | None = instant_column(nullable=True)
    words: str = Field(default="", sa_column_kwargs={"server_default": ""})


class MailChoice(SQLModel, table=True):
    """Which mails a person wants besides those of single alerts."""

    __tablename__ = "mail_choice"

    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True))
    daily_summary: bool
    updated_at: datetime = instant_column()
