"""Making, changing and reading alerts: only ever the caller's own."""

from collections.abc import Sequence
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

from starkmatter.accounts.records import Caller
from starkmatter.alerts import queries
from starkmatter.alerts.notifiers.smtp import SmtpNotifier
from starkmatter.alerts.ports import Notifier
from starkmatter.alerts.records import AlertEventView, AlertView
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.alerts import KINDS, AlertKind, AlertRule, starts_armed
from starkmatter.domain.money import to_micros
from starkmatter.domain.pairs import meant_by, pair_of
from starkmatter.domain.quotes import Quote, Venue
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.service import get_instrument

NOTIFIER: Notifier = SmtpNotifier()
MAX_ALERTS = 200
MAX_EVENTS = 200
MAX_NOTE_CHARS = 140
MAX_PRICE = Decimal(1_000_000)
MAX_PCT = Decimal(100)


async def list_alerts(b: Backends, caller: Caller) -> list[AlertView]:
    """The caller's alerts, those that are watched first."""
    return await b.db.all(AlertView, queries.ALERTS, {"user": caller.user_id})


async def get_alert(b: Backends, caller: Caller, alert_id: UUID) -> AlertView:
    """One alert; NotFound when it is absent or somebody else's."""
    found = await b.db.one(AlertView, queries.ALERT, {"id": alert_id, "user": caller.user_id})
    if found is None:
        raise NotFound("There is no such alert.")
    return found


async def make_alert(
    b: Backends,
    caller: Caller,
    *,
    venue: Venue,
    symbol: str,
    kind: AlertKind,
    threshold: Decimal,
    note: str = "",
    by_mail: bool = False,
    repeats: bool = False,
) -> AlertView:
    """Watch a symbol. Where the condition holds already, it fires at the next crossing, not now.

    InvalidInput for what cannot be watched, NotFound for an unknown symbol.
    """
    symbol = meant_by(symbol)
    await get_instrument(b.db, symbol, venue=venue)
    rule = AlertRule(_kind(kind), _threshold(symbol, kind, threshold))
    if await b.db.value(queries.COUNT_ALERTS, (caller.user_id,)) >= MAX_ALERTS:
        raise InvalidInput(f"One person can have {MAX_ALERTS} alerts. Delete some first.")
    alert_id = uuid4()
    await b.db.run(
        queries.INSERT_ALERT,
        {
            "id": alert_id,
            "user": caller.user_id,
            "venue": venue,
            "symbol": symbol,
            "kind": rule.kind,
            "threshold": rule.threshold,
            "note": _note(note),
            "by_mail": by_mail,
            "repeats": repeats,
            "armed": starts_armed(rule, await _quote(b, venue, symbol)),
            "now": utc_now(),
        },
    )
    return await get_alert(b, caller, alert_id)


async def change_alert(
    b: Backends,
    caller: Caller,
    alert_id: UUID,
    *,
    threshold: Decimal | None = None,
    note: str | None = None,
    by_mail: bool | None = None,
    repeats: bool | None = None,
    active: bool | None = None,
) -> AlertView:
    """Change what is given; an alert that is changed or switched on again waits for its next crossing."""
    before = await get_alert(b, caller, alert_id)
    rule = (
        before.rule if threshold is None else AlertRule(before.kind, _threshold(before.symbol, before.kind, threshold))
    )
    armed = before.armed
    if threshold is not None or (active and not before.active):
        armed = starts_armed(rule, await _quote(b, before.venue, before.symbol))
    await b.db.run(
        queries.CHANGE_ALERT,
        {
            "id": alert_id,
            "user": caller.user_id,
            "threshold": None if threshold is None else rule.threshold,
            "note": None if note is None else _note(note),
            "by_mail": by_mail,
            "repeats": repeats,
            "active": active,
            "armed": armed,
            "now": utc_now(),
        },
    )
    return await get_alert(b, caller, alert_id)


async def delete_alert(b: Backends, caller: Caller, alert_id: UUID) -> None:
    """Forget an alert; what it fired stays. NotFound when it is not the caller's."""
    if await b.db.run(queries.DELETE_ALERT, {"id": alert_id, "user": caller.user_id}) == 0:
        raise NotFound("There is no such alert.")


async def list_alert_events(
    b: Backends, caller: Caller, limit: int = 50, before: int | None = None
) -> Sequence[AlertEventView]:
    """What fired, the newest first."""
    asked = {"user": caller.user_id, "limit": max(1, min(limit, MAX_EVENTS)), "before": before}
    return await b.db.all(AlertEventView, queries.EVENTS, asked)


async def count_unseen(b: Backends, caller: Caller) -> int:
    """How many crossings the caller has not looked at."""
    return int(await b.db.value(queries.COUNT_UNSEEN, (caller.user_id,)))


async def see_alert_events(b: Backends, caller: Caller) -> None:
    """The caller has looked at all of them."""
    await b.db.run(queries.SEE_EVENTS, {"user": caller.user_id, "now": utc_now()})


async def wants_summary(b: Backends, caller: Caller) -> bool:
    """Whether the caller gets the daily summary by mail."""
    return bool(await b.db.value(queries.CHOICE, (caller.user_id,)))


async def choose_summary(b: Backends, caller: Caller, on: bool) -> None:
    """Have the daily summary mailed, or not."""
    await b.db.run(queries.PUT_CHOICE, {"user": caller.user_id, "summary": on, "now": utc_now()})


async def mail_is_ready(b: Backends) -> bool:
    """Whether mails can be sent at all."""
    return await NOTIFIER.is_ready(b)


async def _quote(b: Backends, venue: Venue, symbol: str) -> Quote | None:
    try:
        return (await QuoteBoard(b.cache).quotes(venue, [symbol])).get(symbol)
    except Unavailable:
        return None


def _kind(kind: str) -> AlertKind:
    if kind not in get_args(AlertKind):
        raise InvalidInput(f"kind: one of {', '.join(KINDS)}.")
    return kind  # type: ignore[return-value]


def _threshold(symbol: str, kind: str, threshold: Decimal) -> Decimal:
    highest, unit = (MAX_PCT, " percent") if kind.endswith("_pct") else (MAX_PRICE, "")
    if not threshold.is_finite() or not 0 < threshold <= highest:
        raise InvalidInput(f"The level must be more than zero and at most {highest:,}{unit}.")
    if pair_of(symbol) is None or kind.endswith("_pct"):
        return threshold.quantize(Decimal("0.0001"))
    if to_micros(threshold) != threshold:
        raise InvalidInput("The level of a pair or coin has six decimals at most.")
    return to_micros(threshold)


def _note(note: str) -> str:
    text = " ".join(note.split())
    if len(text) > MAX_NOTE_CHARS or not text.isprintable():
        raise InvalidInput(f"A note has {MAX_NOTE_CHARS} printable characters at most.")
    return text
