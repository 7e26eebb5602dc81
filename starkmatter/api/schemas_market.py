"""What goes over the wire about quotes, ticks, instruments, clocks and the replay's steering."""

from datetime import date

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Money, Qty, Request
from starkmatter.domain.quotes import Venue


class TickOut(Answer):
    """A price as it came: `at` is the source's clock, `received_at` ours, `volume` the day's so far."""

    symbol: str
    at: Instant
    received_at: Instant
    last: Money
    bid: Money | None
    ask: Money | None
    volume: Qty | None
    condition: str
    provider: str


class QuoteOut(Answer):
    symbol: str
    bid: Money | None
    ask: Money | None
    last: Money
    bid_size: Qty | None
    ask_size: Qty | None
    volume: Qty | None
    observed_at: Instant
    received_at: Instant
    provider: str
    prev_close: Money | None
    condition: str
    age_ms: int


class InstrumentOut(Answer):
    symbol: str
    name: str
    kind: str
    exchange: str
    currency: str
    tick_size: Qty
    lot_size: Qty
    sector: str
    data_quality: str
    data_note: str
    tradable: bool
    isin: str | None
    figi: str | None
    borrowable: bool = Field(description="Whether its shares can be borrowed, to be sold short.")


class ClockOut(Answer):
    venue: Venue
    venue_now: Instant
    state: str
    session_on: date | None
    next_open: Instant | None
    next_close: Instant | None
    speed: int
    paused: bool
    run_id: int | None
    start_on: date | None
    seed: int | None
    ends_on: date | None


class ChangedInstrument(Request):
    venue: Venue = "replay"
    borrowable: bool


class Steer(Request):
    speed: int | None = None
    start_on: date | None = None
    seed: int | None = None
    paused: bool | None = None
    skip_closed: bool | None = None


class ReplayOut(Answer):
    clock: ClockOut | None
    pending_commands: int
    history_starts_on: date | None
    history_ends_on: date | None
