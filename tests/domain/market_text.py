"""Orders, quotes and bars from one line of text, for the tests of the market's rules."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from starkmatter.domain.bar_matching import BarView
from starkmatter.domain.matching import View
from starkmatter.domain.orders import WorkingOrder
from starkmatter.domain.quotes import Bar, Quote

NOW = datetime(2021, 3, 1, 15, 0, tzinfo=UTC)
TICK, LOT = Decimal("0.01"), Decimal(1)
FIELDS = {"lmt": "limit_price", "stp": "stop_price", "trl": "trail_amount", "pct": "trail_percent"}
TYPES = {"market", "limit", "stop", "stop_limit", "trailing_stop"}


def order(text: str, **changes) -> WorkingOrder:
    """`"sell 10 stop_limit gtc stp=99 lmt=98.5 ext"`; market and day when it says nothing else."""
    side, qty, *rest = text.split()
    found = WorkingOrder("order-1", "AAPL", side, "market", Decimal(qty), None, "day", NOW, "replay")  # type: ignore[arg-type]
    fields: dict = {}
    for word in rest:
        name, _, value = word.partition("=")
        if value:
            fields[FIELDS[name]] = Decimal(value)
        elif name == "ext":
            fields["extended_hours"] = True
        else:
            fields["type" if name in TYPES else "time_in_force"] = name
    return found._replace(**(fields | changes))


def quote(text: str, *, size: str = "500", volume: str | None = None, at: datetime = NOW) -> Quote:
    """`"100.00/100.05"` with the last trade at the bid, or `"100.00/100.05 last 100.03"`."""
    prices, *last = text.split()
    bid, ask = (Decimal(part) for part in prices.split("/"))
    traded = Decimal(last[1]) if last else bid
    day = None if volume is None else Decimal(volume)
    return Quote("AAPL", bid, ask, traded, Decimal(size), Decimal(size), day, at, at, "test")


def view(text: str = "100.00/100.05", *, size: str = "500", volume: str | None = None, **changes) -> View:
    """The market around one quote."""
    return View(quote(text, size=size, volume=volume), NOW, TICK, LOT)._replace(**changes)


def bar(text: str, **changes) -> BarView:
    """`"100 105 95 102 10000"`: open, high, low, close and volume (`-` when it is not known)."""
    *prices, volume = text.split()
    figures = [Decimal(price) for price in prices]
    shares = None if volume == "-" else Decimal(volume)
    return replace(BarView(Bar("AAPL", "1d", NOW, *figures, shares, "test"), TICK, LOT), **changes)
