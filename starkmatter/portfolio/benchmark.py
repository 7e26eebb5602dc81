"""A benchmark's closes on an account's days: the price return of one instrument of the same venue, or of a blend."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from starkmatter.backends import Backends
from starkmatter.domain.blending import blend_text, blended, parse_blend
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.market_hours import rule_of
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput
from starkmatter.market.fx.service import rates_between
from starkmatter.market.service import MAX_BARS, get_instrument, list_instruments, load_bars

ALL_INSTRUMENTS = 500
MAX_SYMBOL_CHARS = 20
LOOK_BACK = timedelta(days=15)


@dataclass(frozen=True, slots=True)
class BenchmarkLine:
    """Daily closes by the exchange's date. `base_close` is the last one at or before the period's start, or None."""

    symbol: str
    name: str
    base_close: Decimal | None
    closes: dict[date, Decimal]

    def growth_on(self, on: date, *, is_base: bool = False) -> Decimal | None:
        """What one unit at the start has become by the close of `on`; None without a price of that day."""
        if self.base_close is None:
            return None
        if is_base:
            return Decimal(1)
        close = self.closes.get(on)
        return None if close is None else close / self.base_close


async def list_benchmarks(b: Backends, venue: Venue) -> list[Instrument]:
    """What an account of the venue can be held against, indices first."""
    found = await list_instruments(b.db, "", ALL_INSTRUMENTS, venue=venue)
    return sorted(found, key=lambda one: (one.kind != "index", one.symbol))


async def load_benchmark(
    b: Backends,
    venue: Venue,
    symbol: str | None,
    base_on: date,
    *,
    with_base_day: bool,
    until: datetime,
    currency: str | None = None,
) -> BenchmarkLine | None:
    """The closes from the start to `until`, as known then; None for no benchmark. NotFound for an unknown symbol.

    In `currency`, that of the book, each at the rate of its day; a day without a rate has no close. A blend is written
    as `parse_blend` has it, InvalidInput for what it cannot be; a day that lacks one of its parts has no close.

    `with_base_day`: the period starts at or after the close of `base_on`, else during that day or before it, and the
    close before it is the one to start from. Without a `symbol` the venue's first index is taken.
    """
    if symbol == "":
        return None
    if symbol is None:
        chosen = next((one for one in await list_benchmarks(b, venue) if one.kind == "index"), None)
        if chosen is None:
            return None
    elif (parts := read_blend(symbol)) is not None:
        told = [(percent, await get_instrument(b.db, one, venue=venue)) for percent, one in parts]
        lines = [(percent, await _closes(b, venue, one, base_on, until, currency)) for percent, one in told]
        name = ", ".join(f"{percent.normalize():f} % {one.name}" for percent, one in told)
        return _line(blend_text(parts), name, blended(lines), base_on, with_base_day=with_base_day)
    else:
        chosen = await get_instrument(b.db, symbol, venue=venue)
    closes = await _closes(b, venue, chosen, base_on, until, currency)
    return _line(chosen.symbol, chosen.name, closes, base_on, with_base_day=with_base_day)


def read_blend(text: str) -> tuple[tuple[Decimal, str], ...] | None:
    """What `parse_blend` says of it; InvalidInput where that is an error, or what is no blend no symbol either."""
    try:
        parts = parse_blend(text)
    except ValueError as error:
        raise InvalidInput(f"benchmark: {error}") from None
    if parts is None and len(text) > MAX_SYMBOL_CHARS:
        raise InvalidInput("benchmark: a symbol, or a blend such as 60 SPY, 40 AGG.")
    return parts


async def check_benchmark(b: Backends, venue: Venue, text: str) -> None:
    """NotFound for a symbol that the venue does not know, InvalidInput for a blend that is none."""
    for _, symbol in read_blend(text) or ((Decimal(100), text),):
        await get_instrument(b.db, symbol, venue=venue)


async def _closes(
    b: Backends, venue: Venue, chosen: Instrument, base_on: date, until: datetime, currency: str | None
) -> dict[date, Decimal]:
    start = datetime.combine(base_on, time(), UTC) - LOOK_BACK
    bars = await load_bars(b.db, venue, chosen.symbol, "1d", start, None, MAX_BARS, until=until)
    closes = {rule_of(chosen.symbol).day_of(bar.starts_at): bar.close for bar in bars}
    if currency is not None and currency != chosen.currency and closes:
        rates = await rates_between(b.db, (chosen.currency, currency), min(closes), max(closes))
        at_rates = {day: (close, rates.rate(chosen.currency, currency, day)) for day, close in closes.items()}
        closes = {day: close * rate for day, (close, rate) in at_rates.items() if rate is not None}
    return closes


def _line(symbol: str, name: str, closes: dict[date, Decimal], base_on: date, *, with_base_day: bool) -> BenchmarkLine:
    days = sorted(closes)
    latest = base_on if with_base_day else base_on - timedelta(days=1)
    at = bisect_right(days, latest) - 1
    return BenchmarkLine(symbol, name, closes[days[at]] if at >= 0 else None, closes)
