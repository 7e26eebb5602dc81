"""Instruments, quotes, bars, indicators and the venue's clock; steering the replay is for admins."""

import asyncio
import gzip
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_actions import ActionsOut, FxRateOut
from starkmatter.api.schemas_chart import IndicatorOut
from starkmatter.api.schemas_market import (
    ChangedInstrument,
    ClockOut,
    InstrumentOut,
    QuoteOut,
    ReplayOut,
    Steer,
    TickOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.clock import utc_now
from starkmatter.domain.adjusting import Adjustment
from starkmatter.domain.indicators.catalog import CATALOG, MAX_TEXT_CHARS, read_asked
from starkmatter.domain.pairs import meant_by, name_of
from starkmatter.domain.quotes import ShownInterval, Venue, base_of
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.actions.reading import bars_json, load_actions, load_adjusted
from starkmatter.market.board import QuoteBoard, age_ms
from starkmatter.market.clocks import venue_clock
from starkmatter.market.fx.service import rate
from starkmatter.market.history.ticks import KEPT as TICKS_KEPT
from starkmatter.market.history.ticks import load_ticks
from starkmatter.market.identifiers import read_identifier
from starkmatter.market.indicators import LIVE_BARS, LiveIndicators, indicators_json
from starkmatter.market.lookup import SYMBOL, find_by_identifier, first_look_at_bars, know_symbol, look_at_bars
from starkmatter.market.service import list_instruments, load_bars_json, replay_status
from starkmatter.market.wanted import want
from starkmatter.trading.lending.borrowing import set_borrowable
from starkmatter.trading.steering import steer

MAX_SYMBOLS = 200
COMPRESS_BYTES = 2_048

router = APIRouter(prefix=API_PREFIX, tags=["Market"])
_live = LiveIndicators()


@router.get("/instruments")
async def instruments(
    _: Signed,
    b: B,
    query: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    venue: Venue = "replay",
) -> Page[InstrumentOut]:
    """Instruments of a venue whose symbol or name contains `query`.

    On the wall-clock market a symbol that is asked for exactly is looked up at a source and known from then on. So is
    an ISIN or a FIGI, which ends at its symbol: 422 for a wrong check digit, 404 where it stands for none, in words.
    A currency pair or coin is found however it is written: `EUR/USD` and `EURUSD` are EUR-USD.
    """
    identifier = read_identifier(query) if venue == "market" else None
    if identifier is not None:
        one = await find_by_identifier(b.db, b.cache, identifier)
        return Page(items=[InstrumentOut.model_validate(one)])
    symbol = meant_by(query)
    if venue == "market" and name_of(symbol) is not None:
        query = symbol
    found = await list_instruments(b.db, query, limit, venue=venue)
    if venue == "market" and SYMBOL.fullmatch(symbol) and not any(one.symbol == symbol for one in found):
        with suppress(Unavailable):
            if await know_symbol(b.db, b.cache, symbol):
                found = await list_instruments(b.db, query, limit, venue=venue)
    return Page(items=[InstrumentOut.model_validate(one) for one in found])


@router.patch("/instruments/{symbol}")
async def change_instrument(
    symbol: Annotated[str, Path(max_length=20)], body: ChangedInstrument, caller: Signed, b: B
) -> InstrumentOut:
    """Say whether its shares can be borrowed, to be sold short. What is short already stays so. Admins only."""
    found = await set_borrowable(b, caller, body.venue, symbol.upper(), borrowable=body.borrowable)
    return InstrumentOut.model_validate(found)


@router.get("/quotes")
async def quotes(
    _: Signed, b: B, symbols: Annotated[str, Query(max_length=4_000)], venue: Venue = "replay"
) -> Page[QuoteOut]:
    """The newest quote of each symbol that has one, with its provider and age."""
    names = list(dict.fromkeys(part.strip() for part in symbols.split(",") if part.strip()))
    if not 1 <= len(names) <= MAX_SYMBOLS:
        raise InvalidInput(f"symbols: 1 to {MAX_SYMBOLS}, separated by commas.")
    now = utc_now()
    if venue == "market":
        await want(b.cache, [name for name in names if SYMBOL.fullmatch(name)], now)
    found = await QuoteBoard(b.cache).quotes(venue, names)
    items = []
    for name in names:
        if name in found:
            fields = {slot: getattr(found[name], slot) for slot in found[name].__slots__}
            items.append(QuoteOut(**fields, age_ms=age_ms(found[name], now)))
    return Page(items=items)


@router.get("/bars")
async def bars(
    request: Request,
    _: Signed,
    b: B,
    symbol: Annotated[str, Query(max_length=20)],
    venue: Venue = "replay",
    interval: ShownInterval = "1d",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    adjustment: Adjustment = "splits",
) -> Response:
    """The newest `limit` bars with start <= starts_at < end, oldest first; nothing from the venue's future.

    `adjustment`: `splits` is what charts show, `raw` prices as they were traded, `all` adjusted for dividends as well.
    """
    until = (await venue_clock(b.db, b.cache, venue, utc_now())).venue_now
    stored = base_of(interval)
    if venue == "market":
        await look_at_bars(b.cache, symbol, stored)

    async def read() -> str:
        asked = (b.db, venue, symbol, interval, start, end, limit)
        if adjustment == "splits":
            return await load_bars_json(*asked, until=until)
        return bars_json(await load_adjusted(*asked, until=until, adjustment=adjustment))

    items = await read()
    if venue == "market" and items == "[]":
        with suppress(Unavailable):
            await first_look_at_bars(b.cache, symbol, stored)
            items = await read()
    return await _packed(request, f'{{"items":{items},"next_cursor":null}}'.encode())


async def _packed(request: Request, body: bytes) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) > COMPRESS_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        # Prices of a market are nobody's secret, so compressing them gives nothing away.
        body = await asyncio.to_thread(gzip.compress, body, 6)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


@router.get("/ticks")
async def ticks(
    _: Signed,
    b: B,
    symbol: Annotated[str, Query(max_length=20)],
    start: datetime | None = None,
    end: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 1_000,
) -> Page[TickOut]:
    """The market's prices as they came and when, for the last seven days; the newest `limit` of them, oldest first."""
    now = utc_now()
    found = await load_ticks(b.db, symbol, start or now - TICKS_KEPT, end or now, limit)
    return Page(items=[TickOut.model_validate(one) for one in found])


@router.get("/indicators")
async def indicators(
    request: Request,
    _: Signed,
    b: B,
    symbol: Annotated[str, Query(max_length=20)],
    names: Annotated[str, Query(max_length=MAX_TEXT_CHARS)],
    venue: Venue = "replay",
    interval: ShownInterval = "1d",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    adjustment: Adjustment = "splits",
) -> Response:
    """Indicators such as `names=sma:20,macd:12:26:9` on the bars that `/bars` gives for the same question.

    `starts_at` are the bars' starts; each line has one number or null for each of them. Parameters that are left out
    take their defaults; `/indicators/catalogue` lists all.
    """
    asked = read_asked(names)
    until = (await venue_clock(b.db, b.cache, venue, utc_now())).venue_now
    if limit <= LIVE_BARS and start is None and end is None and adjustment == "splits":
        return await _packed(request, await _live.newest_json(b.db, venue, symbol, interval, asked, until=until))
    wanted = (b.db, venue, symbol, interval, asked, start, end, limit)
    body = await indicators_json(*wanted, until=until, adjustment=adjustment)
    return await _packed(request, body)


@router.get("/indicators/catalogue")
async def catalogue(_: Signed) -> Page[IndicatorOut]:
    """Every indicator with its parameters, bounds, lines, pane and unit."""
    return Page(items=[IndicatorOut.model_validate(one) for one in CATALOG.values()])


@router.get("/corporate-actions")
async def corporate_actions(
    _: Signed, b: B, symbol: Annotated[str, Query(min_length=1, max_length=20)], venue: Venue = "market"
) -> ActionsOut:
    """Splits, cash dividends and dates of earnings of a symbol, as declared, also those that are announced.

    Of the replay none are listed: its prices came adjusted, and dividends it pays stand on the accounts. `asked_at` is
    null until a source was asked for the first time.
    """
    return ActionsOut.model_validate(await load_actions(b.db, venue, symbol.strip().upper()))


@router.get("/fx")
async def fx(
    _: Signed,
    b: B,
    base: Annotated[str, Query(max_length=10)],
    quote: Annotated[str, Query(max_length=10)],
    on: date | None = None,
) -> FxRateOut:
    """What one unit of `base` is in `quote` by the euro's reference rates: of the last day at or before `on`, or today.

    404 in words where there is none, or none of the ten days before.
    """
    return FxRateOut.model_validate(await rate(b.db, base, quote, on or utc_now().date()))


@router.get("/clock")
async def clock(_: Signed, b: B, venue: Venue = "replay") -> ClockOut:
    """What time it is at the venue and whether it trades."""
    return ClockOut.model_validate(await venue_clock(b.db, b.cache, venue, utc_now()))


@router.get("/replay")
async def replay(_: Signed, b: B) -> ReplayOut:
    """Where the replay stands and between which dates it can be set."""
    return ReplayOut.model_validate(await replay_status(b.db, b.cache))


@router.post("/replay")
async def steer_the_replay(body: Steer, caller: Signed, b: B) -> ReplayOut:
    """Change speed or pause, or start a new run at another date or seed; the worker obeys within a second."""
    return ReplayOut.model_validate(await steer(b, caller, **body.model_dump()))
