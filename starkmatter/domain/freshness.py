"""How old a quote may be before it is doubted or refused (SAFETY C7), and what stands in for a missing bid and ask."""

from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from starkmatter.domain.market_hours import clock_of
from starkmatter.domain.quotes import Quote, VenueClock

LATE = timedelta(seconds=15)
STALE = timedelta(seconds=60)
HALF_SPREAD_RATIO = Decimal("0.0005")
ROUND_LOT = Decimal(100)


def age_of(quote: Quote, clock: VenueClock) -> timedelta | None:
    """How long ago the source saw the price; None where age says nothing.

    That is on the replay, which makes its own quotes, and outside the session of the symbol's own market: the last
    close is the newest there is.
    """
    if clock.venue != "market" or clock_of(quote.symbol, clock).state != "open":
        return None
    return clock.venue_now - quote.observed_at


def is_stale(quote: Quote, clock: VenueClock) -> bool:
    """Whether nothing may be filled on the quote and no market order taken on it."""
    age = age_of(quote, clock)
    return age is not None and age > STALE


def is_late(quote: Quote, clock: VenueClock) -> bool:
    """Whether the quote is older than it should be in a session."""
    age = age_of(quote, clock)
    return age is not None and age > LATE


def age_text(age: timedelta) -> str:
    """`40 seconds`, `3 minutes`, `2 hours`: as a person would say it."""
    seconds = max(0, int(age.total_seconds()))
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}s"
    return f"{seconds} seconds"


def with_touch(quote: Quote, tick_size: Decimal) -> tuple[Quote, bool]:
    """The quote with a bid, an ask and their sizes, and whether any of it was made up.

    A source without bid and ask gets five basis points on either side of the last trade, at least a tick; one without
    sizes shows a round lot. A halted quote stays as it is.
    """
    if quote.condition == "halted":
        return quote, False
    bid, ask, shown, offered = quote.bid, quote.ask, quote.bid_size, quote.ask_size
    if bid is None or ask is None:
        half = (quote.last * HALF_SPREAD_RATIO / tick_size).to_integral_value(ROUND_CEILING) * tick_size
        bid, ask, shown, offered = max(quote.last - half, tick_size), quote.last + half, None, None
    if shown is None or offered is None:
        return replace(quote, bid=bid, ask=ask, bid_size=ROUND_LOT, ask_size=ROUND_LOT), True
    return quote, False
