"""What pages and API have looked up at the sources of market data: symbols and bars. The worker does the asking."""

import re
from contextlib import suppress
from dataclasses import dataclass

from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.instruments import Instrument, class_of
from starkmatter.domain.pairs import meant_by, name_of, named_like, pair_of
from starkmatter.domain.quotes import Interval, Venue
from starkmatter.errors import NotFound, Unavailable
from starkmatter.market import queries
from starkmatter.market.errands import ask, tell
from starkmatter.market.identifiers import Identifier, read_identifier
from starkmatter.market.listing import add_instruments, described
from starkmatter.market.service import get_instrument, list_instruments

SYMBOL = re.compile(r"[A-Z0-9.^=\-]{1,20}")
MIN_QUERY_CHARS = 2
# Beside companies of a like name not all pairs of a currency are meant.
PAIRS_BESIDE = 5
KIND_WORDS = {"fx": "Currency pair", "crypto": "Coin"}
# Two are asked, one after the other: who knows the identifier, and who offers the symbol.
IDENTIFY_SECS = 8.0


@dataclass(frozen=True, slots=True)
class SymbolHit:
    """A symbol that may be opened: stored, or offered by a source."""

    symbol: str
    name: str
    about: str


async def find_symbols(
    db: Database, cache: Redis, venue: Venue, query: str, limit: int, *, ask_sources: bool = True
) -> tuple[list[SymbolHit], str]:
    """Stored symbols and, on the wall-clock market, pairs and coins and what a source offers; and in words why it could
    not be asked.

    Takes three seconds at most, eight for an ISIN or FIGI. The words are empty when all went well. InvalidInput for an
    identifier with a wrong check digit, NotFound for one that stands for nothing here.
    """
    identifier = read_identifier(query) if venue == "market" else None
    if identifier is not None:
        try:
            one = await find_by_identifier(db, cache, identifier, ask_sources=ask_sources)
        except Unavailable as error:
            return [], error.text
        return ([_hit(one)] if one is not None else []), ""
    stored = await list_instruments(db, query, limit, venue=venue)
    hits = [_hit(one) for one in stored]
    text = query.strip()
    if venue != "market":
        return hits, ""
    named = named_like(text, limit=limit)
    exact = meant_by(text) if meant_by(text) in named else None
    stood = {one.symbol for one in hits}
    pairs = [_pair_hit(symbol) for symbol in named if symbol not in stood]
    hits = [*pairs, *hits][:limit] if exact is not None else [*hits, *pairs[:PAIRS_BESIDE]][:limit]
    if exact is not None or not ask_sources or len(text) < MIN_QUERY_CHARS:
        return hits, ""
    try:
        found = (await ask(cache, {"kind": "search", "text": text[:60]}))["found"]
    except Unavailable as error:
        return hits, f"{error.text} Only symbols that are known here are listed."
    known = {one.symbol for one in hits}
    offered = [
        SymbolHit(one["symbol"], one["name"], one["exchange"] or one["kind"])
        for one in found
        if one["symbol"] not in known
    ]
    return [*hits, *offered][:limit], ""


def _hit(one: Instrument) -> SymbolHit:
    return SymbolHit(one.symbol, one.name, one.sector or KIND_WORDS.get(one.kind, one.kind))


def _pair_hit(symbol: str) -> SymbolHit:
    return SymbolHit(symbol, name_of(symbol) or symbol, KIND_WORDS[class_of(symbol)])


async def find_by_identifier(
    db: Database, cache: Redis, identifier: Identifier, *, ask_sources: bool = True
) -> Instrument | None:
    """The market's instrument that an ISIN or FIGI stands for, looked up and known from then on.

    None when it is not known here and nobody is to be asked; NotFound in words when it stands for nothing that can be
    had here, Unavailable when nobody answers.
    """
    called = {"venue": "market", "isin": None, "figi": None} | {identifier.kind: identifier.value}
    one = await db.one(Instrument, queries.INSTRUMENT_CALLED, called)
    if one is not None or not ask_sources:
        return one
    errand = {"kind": "identify", "what": identifier.kind, "value": identifier.value}
    answer = await ask(cache, errand, within_secs=IDENTIFY_SECS)
    if not answer["symbol"]:
        raise NotFound(answer["words"])
    return await get_instrument(db, answer["symbol"], venue="market")


async def open_instrument(db: Database, cache: Redis, venue: Venue, symbol: str) -> Instrument:
    """The venue's instrument; one of the wall-clock market is looked up at a source when it is not known yet.

    A pair or coin is found however it is written: `EURUSD` is EUR-USD. NotFound when there is no such symbol,
    Unavailable when no source could be asked.
    """
    symbol = meant_by(symbol)
    try:
        return await get_instrument(db, symbol, venue=venue)
    except NotFound:
        if venue != "market" and pair_of(symbol) is not None:
            raise NotFound(f"{symbol[:20]} is on the market of today: the replay has shares and an index.") from None
        if venue != "market" or not await know_symbol(db, cache, symbol):
            raise
    return await get_instrument(db, symbol, venue=venue)


async def add_symbol(cache: Redis, symbol: str) -> bool:
    """Have a source asked for exactly this symbol, and known from then on; whether there is one. May be Unavailable."""
    return bool((await ask(cache, {"kind": "add", "symbol": symbol}))["found"])


async def know_symbol(db: Database, cache: Redis, symbol: str) -> bool:
    """Let exactly this symbol be known from now on; whether there is one. May be Unavailable.

    Pairs are known by name without asking anybody; of a coin a source is asked what it costs, if one answers.
    """
    known = described(symbol)
    if known is None:
        return await add_symbol(cache, symbol)
    if known.kind == "crypto":
        with suppress(Unavailable):
            return await add_symbol(cache, symbol)
    await add_instruments(db, [known])
    return True


async def look_at_bars(cache: Redis, symbol: str, interval: Interval) -> None:
    """Somebody looks at these bars: have what is missing fetched, without waiting."""
    await tell(cache, {"kind": "bars", "symbol": symbol, "interval": interval})


async def first_look_at_bars(cache: Redis, symbol: str, interval: Interval) -> None:
    """The same, waiting for it: there is nothing to show before. Unavailable when it takes too long."""
    await ask(cache, {"kind": "bars", "symbol": symbol, "interval": interval})
