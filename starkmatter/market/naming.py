"""Which symbol is meant, asked of the sources by the worker: exactly this one, or what an ISIN or FIGI stands for."""

from contextlib import suppress
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.errors import Unavailable
from starkmatter.market.errands import Answer
from starkmatter.market.failover import Failover, NoSource
from starkmatter.market.identifiers import Identifier
from starkmatter.market.listing import add_instruments, call_instrument, described
from starkmatter.market.ports import IdentifierSource
from starkmatter.market.service import instruments_named


async def add_symbol(db: Database, failover: Failover, symbol: str) -> bool:
    """Let a symbol be known from now on; whether it is a pair or coin known by name, or a source offers exactly it."""
    if await instruments_named(db, "market", [symbol]):
        return True
    known = described(symbol)
    if known is not None:
        await add_instruments(db, [known], await _price_of(failover, symbol) if known.kind == "crypto" else None)
        return True
    found = [one for one in await failover.search(symbol) if one.symbol == symbol]
    await add_instruments(db, found[:1])
    return bool(found)


async def _price_of(failover: Failover, symbol: str) -> Decimal | None:
    """What one costs; None where nobody says."""
    with suppress(NoSource):
        quote = (await failover.quotes([symbol])).get(symbol)
        return quote.last if quote is not None else None
    return None


async def identify(db: Database, failover: Failover, source: IdentifierSource | None, identifier: Identifier) -> Answer:
    """Which symbol it stands for, known from now on; else `symbol` is empty and `words` say why."""
    if source is None:
        raise Unavailable("Nobody is here to ask for identifiers.")
    named = await source.named(identifier)
    if named is None:
        words = f"{identifier.words} stands for nothing that is listed in the United States."
        return {"symbol": "", "words": words}
    if not await add_symbol(db, failover, named.symbol):
        words = f"{identifier.words} is {named.symbol}, {named.name}, which no source of market data offers."
        return {"symbol": "", "words": words}
    isin = identifier.value if identifier.kind == "isin" else None
    await call_instrument(db, named.symbol, isin=isin, figi=named.figi)
    return {"symbol": named.symbol, "words": ""}
