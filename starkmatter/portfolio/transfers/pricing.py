"""What a share was worth when it was moved: the newest quote now, else the last close up to that instant."""

from datetime import datetime
from decimal import Decimal

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.actions import Split
from starkmatter.domain.adjusting import split_factor
from starkmatter.domain.money import to_micros
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.fx.service import rates_between
from starkmatter.market.service import closes_before, instruments_named
from starkmatter.portfolio.importing import queries


async def price_then(db: Database, venue: Venue, symbol: str, at: datetime, currency: str) -> Decimal | None:
    """The last close up to `at` in shares of that day and in `currency`; None where no close or no rate is stored."""
    close = (await closes_before(db, venue, [symbol], at)).get(symbol)
    if close is None:
        return None
    day = exchange_day(at)
    if venue == "market":
        # Stored closes are in shares of today.
        splits = [Split(*row) for row in await db.tuples(queries.SPLITS, ([symbol],))]
        factor = split_factor(splits, exchange_day(utc_now()))(day)
        close = close * factor.numerator / factor.denominator
    known = (await instruments_named(db, venue, [symbol])).get(symbol)
    if known is None or known.currency == currency:
        return to_micros(close)
    rate = (await rates_between(db, {known.currency, currency}, day, day)).rate(known.currency, currency, day)
    return None if rate is None else to_micros(close * rate)
