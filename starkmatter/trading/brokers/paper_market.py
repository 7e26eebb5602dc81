"""What the paper broker sees of a market: the newest quotes, the hour, its auctions. It answers what an order gets.

No database here and no clock of its own. What other orders took from a quote or an auction is remembered, so that the
same shares are had once.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from starkmatter.clock import utc_now
from starkmatter.domain.auctions import Auction, AuctionKind, match_auction
from starkmatter.domain.freshness import STALE, is_stale, with_touch
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.ledger import spent_on
from starkmatter.domain.matching import PRESETS, Execution, Outcome, Preset, View, match_quote
from starkmatter.domain.money import CENT, ZERO, is_multiple
from starkmatter.domain.order_groups import is_met
from starkmatter.domain.order_rules import SHARE_STEP
from starkmatter.domain.orders import AUCTION_TIMES, IMMEDIATE_TIMES, OrderStatus, qty_for
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.sessions import Session, exchange_day
from starkmatter.domain.trading_hours import Phase, over_because, phase_at
from starkmatter.trading.brokers.paper_work import Found, Work

# The wall-clock market is asked every few seconds: an order need not wait for the next answer.
MARKET_MAX_QUOTE_AGE = timedelta(seconds=15)
TOUCH_NOTE = (
    "The source gave no bid and ask or no sizes: five basis points around the last trade and a round lot stand in."
)
# How far from an auction's instant a trade may lie to be its price: the replay has one in the very second.
AUCTION_REACH: dict[Venue, timedelta] = {"replay": timedelta(seconds=30), "market": timedelta(minutes=5)}
ENDED_WORDS = "The replay reached the end of its data."
CLOSED_WORDS = "The session closed."
TOO_SMALL_WORDS = "What was set aside for it does not pay the shares and their commission."


@dataclass(slots=True)
class _Tape:
    """The newest quote of a symbol, what traded since the one before and what orders already took from it.

    `close` is the last one of the day before, with what traded in its last moment.
    """

    quote: Quote
    traded_qty: Decimal | None = None
    taken_qty: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    close: tuple[Quote, Decimal | None] | None = None


class PaperMarket:
    """One venue. `learn` instruments and sessions, `take` quotes, then ask `match` and `over` for each order."""

    def __init__(self, venue: Venue) -> None:
        self._venue: Venue = venue
        self._tapes: dict[str, _Tape] = {}
        self._instruments: dict[str, Instrument] = {}
        self._sessions: dict[date, Session] = {}
        self._auctioned: dict[tuple[AuctionKind, date, str, str], Decimal] = defaultdict(lambda: ZERO)
        self.clock: VenueClock | None = None

    def learn(self, instruments: dict[str, Instrument], sessions: Iterable[Session] = ()) -> None:
        """Instruments, and trading days with their hours: half days are shorter."""
        self._instruments |= instruments
        self._sessions |= {one.session_on: one for one in sessions}

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """Those whose instrument is not known."""
        return [symbol for symbol in symbols if symbol not in self._instruments]

    def forget(self) -> None:
        """Instruments may have changed."""
        self._instruments = {}

    def take(self, clock: VenueClock, quotes: dict[str, Quote]) -> None:
        """The hour and a batch of new quotes."""
        self.clock = clock
        for symbol, quote in quotes.items():
            before = self._tapes.get(symbol)
            tape = _Tape(quote, _traded(before.quote if before else None, quote))
            if before is not None:
                same_day = exchange_day(before.quote.observed_at) == exchange_day(quote.observed_at)
                tape.close = before.close if same_day else (before.quote, before.traded_qty)
            self._tapes[symbol] = tape

    @property
    def phase(self) -> Phase:
        """The phase of the day; what the venue's clock calls open is open."""
        clock = self.clock
        if clock is None or clock.state == "ended":
            return "closed"
        if clock.state == "open":
            return "open"
        found = phase_at(self._sessions.get(exchange_day(clock.venue_now)), clock.venue_now)
        return "closed" if found == "open" else found

    def match(self, work: Work, *, resting: bool) -> Found | None:
        """What the order gets now; None while the market says nothing about it. What it takes is gone for others."""
        clock, tape = self.clock, self._tapes.get(work.symbol)
        instrument = self._instruments.get(work.symbol)
        if clock is None or clock.state == "ended" or instrument is None:
            return None
        if work.time_in_force in AUCTION_TIMES:
            return self._at_auction(work, clock, tape, instrument)
        phase = self.phase
        if tape is None:
            return _none_at_once(work) if phase == "closed" else None
        quote, preset, note = tape.quote, PRESETS[work.preset], None
        if self._venue == "market":
            if phase != "closed" and self._is_late(quote, clock, phase):
                return None
            preset = replace(preset, max_quote_age=MARKET_MAX_QUOTE_AGE)
            quote, made_up = with_touch(quote, instrument.tick_size)
            note = TOUCH_NOTE if made_up else None
        view = View(
            quote,
            utc_now(),
            instrument.tick_size,
            _lots_of(work, instrument),
            phase,
            tape.traded_qty,
            tape.taken_qty[work.side],
            note,
        )
        found = self._by_amount(work, view, preset) if work.notional is not None else None
        found = found or _found(_ask(work, self._venue, view, preset, resting=resting), OrderStatus.CANCELED)
        if _over_reserve(work, found.execution) > 0:
            return Found(None, found.watch, ends_as=OrderStatus.CANCELED, why=TOO_SMALL_WORDS)
        if found.execution is not None:
            tape.taken_qty[work.side] += found.execution.qty
        return found

    def give_back(self, work: Work, qty: Decimal) -> None:
        """What `match` gave an order that could not take it, since it had changed meanwhile: others may have it."""
        if work.time_in_force in AUCTION_TIMES:
            self._auctioned[_auction_key(work)] -= qty
        elif (tape := self._tapes.get(work.symbol)) is not None:
            tape.taken_qty[work.side] -= qty

    def met(self, work: Work) -> Quote | None:
        """The quote whose last trade met the order's condition; None while it waits."""
        condition, clock = work.condition, self.clock
        tape = None if condition is None else self._tapes.get(condition.symbol)
        if condition is None or tape is None or clock is None or not is_met(condition, tape.quote):
            return None
        if self._venue == "market" and is_stale(tape.quote, replace(clock, venue_now=utc_now())):
            return None
        return tape.quote

    def over(self, work: Work) -> tuple[OrderStatus, str] | None:
        """How and why the order's time is over; None while it may still fill. Ask after `match`."""
        clock = self.clock
        if clock is None:
            return None
        if clock.state == "ended":
            return OrderStatus.EXPIRED, ENDED_WORDS
        own, at = self._sessions.get(work.session_on), clock.venue_now
        if work.time_in_force in IMMEDIATE_TIMES:
            return (OrderStatus.CANCELED, CLOSED_WORDS) if _closed_since(work.session_on, clock) else None
        if work.time_in_force in AUCTION_TIMES:
            at -= AUCTION_REACH[self._venue]
        elif work.time_in_force == "day" and not work.extended_hours and _closed_since(work.session_on, clock):
            return OrderStatus.EXPIRED, CLOSED_WORDS
        if work.time_in_force == "gtd" and clock.session_on is not None:
            own = self._sessions.get(clock.session_on)
        why = None if own is None else over_because(work.as_order(self._venue), own, at)
        return None if why is None else (OrderStatus.EXPIRED, why)

    def _is_late(self, quote: Quote, clock: VenueClock, phase: Phase) -> bool:
        now = utc_now()
        if phase == "open":
            return is_stale(quote, replace(clock, venue_now=now))
        return now - quote.observed_at > STALE

    def _by_amount(self, work: Work, view: View, preset: Preset) -> Found | None:
        """An order by amount asks for what the amount is worth at this quote, and never for more than the amount.

        None without a price. A sale never sells more shares than were set aside for it.
        """
        price = view.quote.ask if work.side == "buy" else view.quote.bid
        if price is None or work.notional is None:
            return None
        left = work.notional - work.filled_value
        sized = _sized(work, left, price)
        if sized.leaves_qty <= 0:
            why = "What is left of the amount is less than the smallest part of a share."
            return Found(None, work.watch, ends_as=OrderStatus.CANCELED, why=why)
        outcome = _ask(sized, self._venue, view, preset, resting=False)
        got = outcome.execution
        if got is not None and got.qty * got.price > left:
            # It would move the price: fewer shares move it less.
            sized = _sized(work, left, got.price)
            outcome = _ask(sized, self._venue, view, preset, resting=False)
        if (over := _over_reserve(work, outcome.execution)) > 0 and outcome.execution is not None:
            # More shares than were reckoned with have a higher commission: what was set aside has to pay both.
            sized = _sized(work, left - over - CENT, outcome.execution.price)
            outcome = _ask(sized, self._venue, view, preset, resting=False)
        found = _found(outcome, OrderStatus.CANCELED)
        return found if found.execution is None else found._replace(whole_qty=work.filled_qty + sized.leaves_qty)

    def _at_auction(self, work: Work, clock: VenueClock, tape: _Tape | None, instrument: Instrument) -> Found | None:
        """What the auction of the order's own session gives it, once that was held and its price is known."""
        session = self._sessions.get(work.session_on)
        if session is None or tape is None:
            return None
        key = _auction_key(work)
        kind = key[0]
        due = session.opens_at if kind == "opening" else session.closes_at
        if clock.venue_now < due:
            return None
        priced = self._auction_quote(tape, kind, due)
        if priced is None or priced[0].condition != "normal":
            return None
        quote, qty = priced
        auction = Auction(
            kind,
            quote.last,
            qty if self._venue == "replay" else None,
            quote.observed_at,
            quote.provider,
            self._auctioned[key],
        )
        outcome = match_auction(
            work.as_order(self._venue),
            auction,
            PRESETS[work.preset],
            lot_size=_lots_of(work, instrument),
            max_price=work.reserve_per_share if work.side == "buy" else None,
        )
        if outcome.execution is not None:
            self._auctioned[key] += outcome.execution.qty
        return _found(outcome, OrderStatus.EXPIRED)

    def _auction_quote(self, tape: _Tape, kind: AuctionKind, due: datetime) -> tuple[Quote, Decimal | None] | None:
        """The trade at the open is the first at or after it, the one at the close the last around it."""
        reach = AUCTION_REACH[self._venue]
        if kind == "opening":
            quote = tape.quote
            return (quote, quote.volume) if due <= quote.observed_at <= due + reach else None
        for seen in ((tape.quote, tape.traded_qty), tape.close):
            if seen is not None and due - reach <= seen[0].observed_at <= due + reach:
                return seen
        return None


def _auction_key(work: Work) -> tuple[AuctionKind, date, str, str]:
    return "opening" if work.time_in_force == "opg" else "closing", work.session_on, work.symbol, work.side


def _ask(work: Work, venue: Venue, view: View, preset: Preset, *, resting: bool) -> Outcome:
    return match_quote(
        work.as_order(venue),
        view,
        preset,
        resting=resting,
        watch=work.watch,
        max_price=work.reserve_per_share if work.side == "buy" else None,
    )


def _over_reserve(work: Work, got: Execution | None) -> Decimal:
    """By how much a purchase would cost more than is set aside for it; zero or less when it does not."""
    if got is None or work.side == "sell" or work.lends:
        return ZERO
    return spent_on(got.qty, got.price, got.fees, before_value=work.filled_value) - work.reserved


def _sized(work: Work, amount: Decimal, price: Decimal) -> Work:
    qty = qty_for(amount, price, SHARE_STEP)
    return work._replace(leaves_qty=min(qty, work.leaves_qty) if work.side == "sell" else qty)


def _found(outcome: Outcome, end: OrderStatus) -> Found:
    ends_as = None if outcome.ends is None else end
    return Found(outcome.execution, outcome.watch, ends_as=ends_as, why=outcome.ends)


def _none_at_once(work: Work) -> Found | None:
    if work.time_in_force not in IMMEDIATE_TIMES:
        return None
    why = "The market is closed: nothing can be had at once."
    return Found(None, work.watch, ends_as=OrderStatus.CANCELED, why=why)


def _lots_of(work: Work, instrument: Instrument) -> Decimal:
    """The step it fills in: an order for parts of a share, or by amount, fills in parts."""
    parts = work.notional is not None or not is_multiple(work.leaves_qty, instrument.lot_size)
    return SHARE_STEP if parts else instrument.lot_size


def _traded(before: Quote | None, quote: Quote) -> Decimal | None:
    """Shares traded between two quotes of a symbol; a new day's volume counts from zero."""
    if quote.volume is None:
        return None
    if before is None or before.volume is None:
        return ZERO
    return quote.volume - before.volume if quote.volume >= before.volume else quote.volume


def _closed_since(session_on: date, clock: VenueClock) -> bool:
    if clock.session_on is None:
        return False
    return clock.session_on > session_on or (clock.session_on == session_on and clock.state == "closed")
