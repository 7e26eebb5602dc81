"""Two trading days that a test moves by hand, with the value line recorded as the worker records it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.portfolio.snapshots import EquityRecorder
from tests.builders import Desk, open_clock, quote


def later(text: str, prev_close: str = "100.00") -> Quote:
    """A quote whose previous close is known."""
    return replace(quote(text), prev_close=Decimal(prev_close))


def tomorrow(minutes: int = 10) -> VenueClock:
    """The next trading day, so many minutes after its open."""
    first = open_clock(minutes)
    day = timedelta(days=1)
    return replace(
        first,
        venue_now=first.venue_now + day,
        session_on=first.venue_now.date() + day,
        next_open=first.next_open + day if first.next_open else None,
        next_close=first.next_close + day if first.next_close else None,
    )


async def tell(desk: Desk, recorder: EquityRecorder, *quotes: Quote, clock: VenueClock | None = None) -> None:
    """Quotes and clock to the board, the broker and the recorder, in the worker's order."""
    await desk.tell(*quotes, clock=clock)
    await recorder.on_quotes(desk.clock, {one.symbol: one for one in quotes})
