"""What goes over the wire about alerts and what fired."""

from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Figure, Instant, Money, Request
from starkmatter.domain.alerts import AlertKind
from starkmatter.domain.quotes import Venue


class NewAlert(Request):
    venue: Venue = "replay"
    symbol: str = Field(min_length=1, max_length=20)
    kind: AlertKind
    threshold: Figure
    note: str = Field("", max_length=MAX_TEXT)
    by_mail: bool = False
    repeats: bool = False


class AlertChange(Request):
    threshold: Figure | None = None
    note: str | None = Field(None, max_length=MAX_TEXT)
    by_mail: bool | None = None
    repeats: bool | None = None
    active: bool | None = None


class AlertOut(Answer):
    id: UUID
    venue: str
    symbol: str
    kind: str
    threshold: Money
    words: str
    note: str
    by_mail: bool
    repeats: bool
    active: bool
    armed: bool
    created_at: Instant
    fired_at: Instant | None


class AlertEventOut(Answer):
    id: int
    alert_id: UUID
    venue: str
    symbol: str
    words: str
    note: str
    price: Money
    venue_at: Instant
    fired_at: Instant
    seen_at: Instant | None
    mail: str | None
    mail_words: str | None
