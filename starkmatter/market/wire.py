"""Quotes and clocks as JSON, in Valkey and on the stream: money as strings, instants as ISO 8601 UTC.

Reading is strict: what is not exactly a quote raises InvalidInput and never becomes one.
"""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast, get_args

import orjson

from starkmatter.domain.quotes import Quote, QuoteCondition, SessionState, Venue, VenueClock
from starkmatter.errors import InvalidInput

MAX_QUOTE_BYTES = 4_096
MAX_NOTE_CHARS = 200
VENUES: frozenset[str] = frozenset(get_args(Venue))
_CONDITIONS = frozenset(get_args(QuoteCondition))
_STATES = frozenset(get_args(SessionState))


def iso(at: datetime) -> str:
    """`2021-03-01T14:30:00Z`, with milliseconds only when there are any."""
    text = at.astimezone(UTC).replace(tzinfo=None)
    return text.isoformat(timespec="milliseconds" if text.microsecond else "seconds") + "Z"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def quote_fields(quote: Quote) -> dict[str, Any]:
    """The fields of a quote, ready for JSON (without `age_ms`, which belongs to a moment)."""
    return {
        "symbol": quote.symbol,
        "bid": _text(quote.bid),
        "ask": _text(quote.ask),
        "last": _text(quote.last),
        "bid_size": _text(quote.bid_size),
        "ask_size": _text(quote.ask_size),
        "volume": _text(quote.volume),
        "observed_at": iso(quote.observed_at),
        "received_at": iso(quote.received_at),
        "provider": quote.provider,
        "prev_close": _text(quote.prev_close),
        "condition": quote.condition,
    }


def quote_json(quote: Quote) -> bytes:
    return orjson.dumps(quote_fields(quote))


def clock_json(clock: VenueClock) -> bytes:
    return orjson.dumps(
        {
            "venue": clock.venue,
            "venue_now": iso(clock.venue_now),
            "state": clock.state,
            "session_on": clock.session_on,
            "next_open": iso(clock.next_open) if clock.next_open else None,
            "next_close": iso(clock.next_close) if clock.next_close else None,
            "speed": clock.speed,
            "paused": clock.paused,
            "run_id": clock.run_id,
            "start_on": clock.start_on,
            "seed": clock.seed,
            "ends_on": clock.ends_on,
            "note": clock.note,
        }
    )


def parse_quote(raw: bytes | str) -> Quote:
    """A quote from its JSON; InvalidInput names the first field that is wrong."""
    fields = _object(raw, "quote")
    condition = fields.get("condition", "normal")
    if not isinstance(condition, str) or condition not in _CONDITIONS:
        raise InvalidInput(f"quote: condition {condition!r:.40} is unknown.")
    last = _number(fields, "last")
    if last is None:
        raise InvalidInput("quote: last is missing.")
    return Quote(
        symbol=_string(fields, "symbol"),
        bid=_number(fields, "bid"),
        ask=_number(fields, "ask"),
        last=last,
        bid_size=_number(fields, "bid_size"),
        ask_size=_number(fields, "ask_size"),
        volume=_number(fields, "volume"),
        observed_at=_instant(fields, "observed_at"),
        received_at=_instant(fields, "received_at"),
        provider=_string(fields, "provider"),
        prev_close=_number(fields, "prev_close"),
        condition=cast("QuoteCondition", condition),
    )


def parse_clock(raw: bytes | str) -> VenueClock:
    """A venue's clock from its JSON; InvalidInput when it is none."""
    fields = _object(raw, "clock")
    venue, state = _string(fields, "venue"), _string(fields, "state")
    if venue not in VENUES or state not in _STATES:
        raise InvalidInput("clock: venue or state is unknown.")
    return VenueClock(
        venue=cast("Venue", venue),
        venue_now=_instant(fields, "venue_now"),
        state=cast("SessionState", state),
        session_on=_day(fields, "session_on"),
        next_open=_instant(fields, "next_open") if fields.get("next_open") else None,
        next_close=_instant(fields, "next_close") if fields.get("next_close") else None,
        speed=_integer(fields, "speed") or 1,
        paused=bool(fields.get("paused")),
        run_id=_integer(fields, "run_id"),
        start_on=_day(fields, "start_on"),
        seed=_integer(fields, "seed"),
        ends_on=_day(fields, "ends_on"),
        note=_note(fields),
    )


def _object(raw: bytes | str, kind: str) -> dict[str, Any]:
    if len(raw) > MAX_QUOTE_BYTES:
        raise InvalidInput(f"{kind}: {len(raw)} bytes are too many.")
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{kind}: not JSON ({error.msg}).") from None
    if not isinstance(fields, dict):
        raise InvalidInput(f"{kind}: not an object.")
    return fields


def _string(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 40 or not value.isprintable():
        raise InvalidInput(f"{name}: not a short text.")
    return value


def _number(fields: dict[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 40:
        raise InvalidInput(f"{name}: not a number in quotation marks.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidInput(f"{name}: not a number.") from None
    if not number.is_finite():
        raise InvalidInput(f"{name}: not a finite number.")
    return number


def _note(fields: dict[str, Any]) -> str:
    value = fields.get("note", "")
    if not isinstance(value, str) or len(value) > MAX_NOTE_CHARS or not value.isprintable():
        raise InvalidInput("note: not a short text.")
    return value


def _integer(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise InvalidInput(f"{name}: not a whole number.")
    return value


def _instant(fields: dict[str, Any], name: str) -> datetime:
    value = fields.get(name)
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInput(f"{name}: not an instant with a zone.")
    return at.astimezone(UTC)


def _day(fields: dict[str, Any], name: str) -> date | None:
    value = fields.get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name}: not a date.") from None
