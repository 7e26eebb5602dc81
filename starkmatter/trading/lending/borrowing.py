"""Which shares can be borrowed: everything that trades, until an admin says that nobody lends it."""

from dataclasses import replace

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotAllowed
from starkmatter.market.service import get_instrument
from starkmatter.trading.lending import queries


async def set_borrowable(b: Backends, caller: Caller, venue: Venue, symbol: str, *, borrowable: bool) -> Instrument:
    """Let shares be sold short or not; the instrument afterwards. What is short already stays so.

    Orders judge by it within a minute. Admins only: NotAllowed otherwise, NotFound for an unknown symbol.
    """
    if not caller.is_admin:
        raise NotAllowed("Only an admin says which shares can be borrowed.")
    instrument = await get_instrument(b.db, symbol, venue=venue)
    if instrument.borrowable != borrowable:
        asked = {"venue": venue, "symbol": instrument.symbol, "borrowable": borrowable}
        await b.db.run(queries.SET_BORROWABLE, asked)
        await note(b, caller, "instrument.borrowable", ("instrument", f"{venue}/{instrument.symbol}"), after=asked)
    return replace(instrument, borrowable=borrowable)
