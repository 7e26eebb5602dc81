"""Bars that quotes of the wall-clock market make while they grow, and after that until their source tells of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.market_hours import hours_of
from starkmatter.domain.quotes import INTERVALS, Bar, Interval, Quote
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.errors import Unavailable
from starkmatter.market import queries
from starkmatter.market.history.bars import merge_bars
from starkmatter.market.history.market_bars import VENUE, GridBar, by_provider, place_in

NOTE = "from_quotes"
WHOLE_WITHIN = timedelta(seconds=15)


@dataclass(slots=True)
class _Growing:
    """`before`: the day's volume when the bar began, None where it is not known; `whole`: seen from its start."""

    bar: Bar
    ends_at: datetime
    before: Decimal | None
    whole: bool


class MarketForming:
    """The growing bar of each symbol and interval. Quotes out of their market's session or in doubt make no bars.

    `calendar` has the sessions of the exchange.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._growing: dict[tuple[str, Interval], _Growing] = {}
        self._finished: list[GridBar] = []
        self._changed: set[tuple[str, Interval]] = set()

    async def resume(self, calendar: SessionCalendar) -> None:
        """Go on with the growing days of a former worker; shorter bars begin anew."""
        for bar in await self._db.all(_Stored, queries.FORMING, {"venue": VENUE}):
            if bar.interval == "1d":
                self.seed(Bar(*(getattr(bar, name) for name in Bar._fields)), calendar)

    def seed(self, bar: Bar, calendar: SessionCalendar) -> None:
        """What a source says of a bar that still grows: it has seen what we have not."""
        session = hours_of(bar.symbol, calendar).last_session(bar.starts_at)
        if session is None:
            return
        starts_at, ends_at = place_in(session, bar.interval, bar.starts_at)
        key = (bar.symbol, bar.interval)
        ours = self._growing.get(key)
        seeded = bar._replace(starts_at=starts_at)
        if ours is not None and ours.bar.starts_at == starts_at:
            high, low = max(bar.high, ours.bar.high), min(bar.low, ours.bar.low)
            seeded = seeded._replace(high=high, low=low, close=ours.bar.close)
        elif ours is not None and ours.bar.starts_at > starts_at:
            return
        self._growing[key] = _Growing(seeded, ends_at, None, whole=True)
        self._changed.add(key)

    def take(self, quotes: Mapping[str, Quote], calendar: SessionCalendar) -> None:
        """Let these quotes grow their bars."""
        for quote in quotes.values():
            session = hours_of(quote.symbol, calendar).session_at(quote.observed_at)
            if quote.condition != "normal" or session is None:
                continue
            for interval in INTERVALS:
                starts_at, ends_at = place_in(session, interval, quote.observed_at)
                self._grow(quote, interval, starts_at, ends_at)

    def _grow(self, quote: Quote, interval: Interval, starts_at: datetime, ends_at: datetime) -> None:
        key, last = (quote.symbol, interval), quote.last
        ours = self._growing.get(key)
        if ours is not None and starts_at < ours.bar.starts_at:
            return
        if ours is None or starts_at > ours.bar.starts_at:
            if ours is not None:
                self._finish(ours)
            before = ours.before if ours is not None and interval == "1d" else quote.volume
            whole = quote.observed_at - starts_at <= WHOLE_WITHIN
            volume = quote.volume if interval == "1d" else Decimal(0) if quote.volume is not None else None
            bar = Bar(quote.symbol, interval, starts_at, last, last, last, last, volume, quote.provider, NOTE)
            self._growing[key] = _Growing(bar, ends_at, before, whole)
        else:
            bar = ours.bar
            volume = bar.volume
            if interval == "1d":
                volume = quote.volume if quote.volume is not None else volume
            elif ours.before is not None and quote.volume is not None and quote.volume >= ours.before:
                volume = quote.volume - ours.before
            high, low = max(bar.high, last), min(bar.low, last)
            ours.bar = bar._replace(high=high, low=low, close=last, volume=volume, note=NOTE)
        self._changed.add(key)

    def _finish(self, ours: _Growing) -> None:
        if ours.whole:
            self._finished.append(GridBar(ours.bar, ours.ends_at))

    async def store(self, now: datetime) -> tuple[list[Bar], list[Bar]]:
        """Write what changed; bars whose time is over become finished ones, unless their source has told of them.

        Answers what was finished and what grew.
        """
        for key, ours in list(self._growing.items()):
            if ours.ends_at <= now:
                self._finish(ours)
                del self._growing[key]
        finished, self._finished = self._finished, []
        changed, self._changed = self._changed, set()
        try:
            await merge_bars(self._db, [one.row for one in finished], replace=False)
            growing = [self._growing[key].bar for key in changed if key in self._growing]
            await self._put(growing)
        except Unavailable:
            self._finished, self._changed = finished + self._finished, changed | self._changed
            raise
        return [one.bar for one in finished], growing

    async def _put(self, bars: Iterable[Bar]) -> None:
        for provider, of_provider in by_provider(bars).items():
            columns = ("symbol", "interval", "starts_at", "open", "high", "low", "close", "volume")
            values = {name: [getattr(bar, name) for bar in of_provider] for name in columns}
            await self._db.run(queries.PUT_FORMING, {"venue": VENUE, "provider": provider, "note": NOTE, **values})


@dataclass(frozen=True, slots=True)
class _Stored:
    symbol: str
    interval: Interval
    starts_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    provider: str
    note: str | None
