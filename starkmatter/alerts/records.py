"""What pages, the API and the worker see of alerts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.domain.alerts import AlertKind, AlertRule, rule_words
from starkmatter.domain.quotes import Venue


@dataclass(frozen=True, slots=True)
class AlertView:
    """One rule of one person. `armed`: waits for its next crossing; `active`: is watched at all."""

    id: UUID
    venue: Venue
    symbol: str
    kind: AlertKind
    threshold: Decimal
    note: str
    by_mail: bool
    repeats: bool
    active: bool
    armed: bool
    created_at: datetime
    fired_at: datetime | None

    @property
    def rule(self) -> AlertRule:
        return AlertRule(self.kind, self.threshold)

    @property
    def words(self) -> str:
        """The rule in words."""
        return rule_words(self.symbol, self.rule)


@dataclass(frozen=True, slots=True)
class AlertEventView:
    """One crossing. `mail` is the state of its mail, None when none was asked for; `mail_words` why it failed."""

    id: int
    alert_id: UUID
    venue: Venue
    symbol: str
    words: str
    note: str
    price: Decimal
    venue_at: datetime
    fired_at: datetime
    seen_at: datetime | None
    mail: str | None
    mail_words: str | None


@dataclass(frozen=True, slots=True)
class WatchedAlert:
    """What the worker needs to know of an alert to watch it."""

    id: UUID
    user_id: UUID
    symbol: str
    kind: AlertKind
    threshold: Decimal
    note: str
    by_mail: bool
    repeats: bool
    armed: bool

    @property
    def rule(self) -> AlertRule:
        return AlertRule(self.kind, self.threshold)
