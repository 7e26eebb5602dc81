"""What an order is judged against: the account's facts, the instrument, the newest quote and the venue's clock."""

import asyncio
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.database import Database
from starkmatter.domain import risk
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.matching import PRESETS, Preset
from starkmatter.domain.orders import OrderRequest, TimeInForce
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.risk import Reservation
from starkmatter.errors import NotFound, Unavailable
from starkmatter.market.board import QuoteBoard
from starkmatter.market.clocks import venue_clock
from starkmatter.market.service import get_instrument
from starkmatter.trading import broker_queries
from starkmatter.trading.brokers.catalog import REFUSALS
from starkmatter.trading.facts import TRACKED, AccountFacts, account_facts
from starkmatter.trading.live.standing import LIVE_OFF, LiveStanding, live_standing

PAPER = "paper"
TRACKED_WORDS = (
    "This account is held elsewhere and only tracked here: trade where it is held, then import its file or type it in."
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One look at the market, taken for one order. `quote` and `clock` are None when the feed does not answer.

    `held_back` says why the account's broker can take no order now, None when it can. `condition_known`: the symbol
    whose price the order waits for is one of this market. `live`: how orders of real money stand, None where they are
    off or the account is on paper.
    """

    account: AccountFacts
    instrument: Instrument | None
    quote: Quote | None
    clock: VenueClock | None
    preset: Preset
    held_back: str | None = None
    condition_known: bool = True
    live: LiveStanding | None = None

    def session_on(self, today: date, time_in_force: TimeInForce = "day") -> date:
        """The trading day an order belongs to: the open one, else the next; for an opening auction the next to open."""
        clock = self.clock
        if clock is None:
            return today
        if clock.state == "open" and clock.session_on is not None and time_in_force != "opg":
            return clock.session_on
        return clock.next_open.date() if clock.next_open is not None else clock.venue_now.date()


async def open_ticket(b: Backends, caller: Caller, account_id: UUID, request: OrderRequest) -> Ticket:
    """Gather what the order is judged against; NotFound when the account is not the caller's."""
    return await look_at_market(b, await account_facts(b.db, caller, account_id), request)


async def look_at_market(b: Backends, account: AccountFacts, request: OrderRequest) -> Ticket:
    """The same for an account whose facts are known, whoever looks."""
    instrument = await _instrument(b.db, account.venue, request.symbol)
    quote, clock = await asyncio.gather(_quote(b, account.venue, request.symbol), _clock(b, account.venue))
    held_back = None if account.broker in {PAPER, TRACKED} else await _held_back(b.db, account.id)
    known = True
    if request.condition is not None:
        known = await _instrument(b.db, account.venue, request.condition.symbol) is not None
    live = await live_standing(b.db, account.id) if account.mode == "live" else None
    return Ticket(account, instrument, quote, clock, PRESETS[account.preset], held_back, known, live)


def reservation_of(request: OrderRequest, ticket: Ticket) -> Reservation:
    """What is set aside for the order: money, or in a margin account the buying power that it takes if it opens."""
    if ticket.instrument is None:
        return risk.NOTHING
    reckon = risk.reserve_margin if ticket.account.lends else risk.reserve
    return reckon(request, ticket.quote, ticket.instrument, ticket.preset)


def refusals_of(request: OrderRequest, ticket: Ticket) -> list[str]:
    """Why the order would not be taken, one sentence each: the market's reasons and the broker's."""
    if ticket.account.broker == TRACKED:
        return [TRACKED_WORDS]
    if ticket.account.mode == "live" and ticket.live is None:
        return [LIVE_OFF]
    found = risk.refusals(request, ticket.instrument, ticket.quote, ticket.clock, lends=ticket.account.lends)
    if ticket.account.broker in REFUSALS:
        found += REFUSALS[ticket.account.broker](request)
    if not ticket.condition_known and request.condition is not None:
        found.append(f"There is no instrument {request.condition.symbol} on this market to wait for.")
    return [*found, ticket.held_back] if ticket.held_back else found


async def _held_back(db: Database, account_id: UUID) -> str | None:
    """Why nothing can be sent to the broker now: its book was not read yet, or does not agree with ours."""
    rows = await db.tuples(broker_queries.BROKER_STATE, (account_id,))
    if not rows:
        return "This account has no broker any more."
    state, words = rows[0]
    return None if state == "ready" else f"No order can be sent now. {words}"


async def _quote(b: Backends, venue: Venue, symbol: str) -> Quote | None:
    try:
        return (await QuoteBoard(b.cache).quotes(venue, [symbol])).get(symbol)
    except Unavailable:
        return None


async def _clock(b: Backends, venue: Venue) -> VenueClock | None:
    try:
        return await venue_clock(b.db, b.cache, venue, utc_now())
    except Unavailable:
        return None


INSTRUMENT_KEPT_SECS = 60.0
_instruments: dict[tuple[int, Venue, str], tuple[float, Instrument]] = {}


async def _instrument(db: Database, venue: Venue, symbol: str) -> Instrument | None:
    """The instrument, remembered for a minute so that an order needs no read of its own; None when unknown."""
    now = monotonic_secs()
    kept = _instruments.get((id(db), venue, symbol))
    if kept is not None and now - kept[0] < INSTRUMENT_KEPT_SECS:
        return kept[1]
    try:
        instrument = await get_instrument(db, symbol, venue=venue)
    except NotFound:
        return None
    _instruments[id(db), venue, symbol] = (now, instrument)
    return instrument
