"""What the market says, to everybody alike: quotes, bars with statistics, instruments, the venue's clock."""

from typing import Annotated, Literal

from pydantic import Field

from starkmatter.accounts.records import Caller
from starkmatter.assistant.local_brief import statistics_of
from starkmatter.assistant.toolbox import Args, Fact, Rows, Symbol, Tool, as_json, fact_of
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue
from starkmatter.market.board import QuoteBoard, age_ms
from starkmatter.market.clocks import venue_clock
from starkmatter.market.service import get_instrument, list_instruments, load_bars

MAX_BARS_GIVEN = 60


class AtVenue(Args):
    """Which market: `replay` or `market`, as the account says."""

    venue: Venue = "replay"


class QuotesOf(AtVenue):
    """Which symbols."""

    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=20)]


class BarsOf(AtVenue):
    """Which bars; the newest `limit` of them."""

    symbol: Symbol
    interval: Literal["1m", "5m", "15m", "1h", "1d"] = "1d"
    limit: Annotated[int, Field(ge=1, le=MAX_BARS_GIVEN)] = 20


class Search(AtVenue):
    """A part of a symbol or name."""

    query: Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")] = ""
    limit: Rows = 10


async def quotes(b: Backends, _: Caller, args: QuotesOf) -> list[Fact]:
    """The newest quote of each symbol that has one."""
    found = await QuoteBoard(b.cache).quotes(args.venue, list(dict.fromkeys(args.symbols)))
    now = utc_now()
    return [fact_of(one) | {"age_ms": age_ms(one, now)} for one in found.values()]


async def bars(b: Backends, _: Caller, args: BarsOf) -> list[Fact]:
    """Statistics over a year of days, then the bars asked for."""
    await get_instrument(b.db, args.symbol, venue=args.venue)
    now = (await venue_clock(b.db, b.cache, args.venue, utc_now())).venue_now
    found = await load_bars(b.db, args.venue, args.symbol, args.interval, limit=args.limit, until=now)
    statistics = await statistics_of(b, args.venue, args.symbol)
    rows = [
        [as_json(one.starts_at), *(as_json(price) for price in (one.open, one.high, one.low, one.close, one.volume))]
        for one in found
    ]
    head = ["starts_at", "open", "high", "low", "close", "volume"]
    listed = {"symbol": args.symbol, "interval": args.interval, "columns": head, "bars": rows}
    return [*([statistics.as_fact()] if statistics else []), listed]


async def search(b: Backends, _: Caller, args: Search) -> list[Fact]:
    """Instruments whose symbol or name holds the text."""
    names = ("symbol", "name", "kind", "exchange", "currency", "sector", "tradable")
    return [fact_of(one, *names) for one in await list_instruments(b.db, args.query, args.limit, venue=args.venue)]


async def clock(b: Backends, _: Caller, args: AtVenue) -> list[Fact]:
    """What time it is there and whether it trades."""
    return [fact_of(await venue_clock(b.db, b.cache, args.venue, utc_now()))]


TOOLS = (
    Tool(
        "get_quotes",
        "Quotes",
        "The newest bid, ask and last of up to twenty symbols, with their age.",
        QuotesOf,
        quotes,
    ),
    Tool(
        "get_bars",
        "Bars",
        "Price bars of one symbol up to the venue's now, and statistics over a year of days.",
        BarsOf,
        bars,
    ),
    Tool("find_instruments", "Search", "Instruments whose symbol or name contains a text.", Search, search),
    Tool(
        "get_clock",
        "Market clock",
        "What time it is at a venue, whether it trades and when it does next.",
        AtVenue,
        clock,
    ),
)
