"""A basket as a person types it: one order a line, such as `buy 10 AAPL` or `sell 5 MSFT @ 199.50 gtc`."""

import re
from collections.abc import Sequence
from decimal import Decimal

from starkmatter.domain.money import plain
from starkmatter.domain.orders import OrderRequest
from starkmatter.errors import InvalidInput
from starkmatter.trading.baskets.service import MAX_LINES

MAX_CHARS = 5_000
_FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,12})?"
_LINE = re.compile(
    rf"(?P<side>buy|sell)\s+(?P<qty>{_FIGURE})\s+(?P<symbol>\S{{1,20}})"
    rf"(?:\s+@\s*(?P<limit>{_FIGURE}))?(?:\s+(?P<tif>day|gtc))?",
    re.IGNORECASE | re.ASCII,
)


def read_lines(text: str) -> list[OrderRequest]:
    """The orders, in their order; empty lines are skipped. InvalidInput names the line that cannot be read."""
    if len(text) > MAX_CHARS:
        raise InvalidInput(f"A basket may have {MAX_CHARS:,} characters.")
    found: list[OrderRequest] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if len(found) == MAX_LINES:
            raise InvalidInput(f"A basket has {MAX_LINES} orders at most.")
        found.append(_read(number, line.strip()))
    return found


def text_of(requests: Sequence[OrderRequest]) -> str:
    """The same orders as `read_lines` reads them."""
    return "\n".join(_text(one) for one in requests)


def _read(number: int, line: str) -> OrderRequest:
    match = _LINE.fullmatch(line)
    if match is None:
        raise InvalidInput(
            f"Line {number}, “{line[:60]}”, is no order. Write it like: buy 10 AAPL, or: sell 5 MSFT @ 199.50 gtc."
        )
    limit = match["limit"]
    return OrderRequest(
        symbol=match["symbol"].upper(),
        side="buy" if match["side"].lower() == "buy" else "sell",
        type="market" if limit is None else "limit",
        qty=_figure(match["qty"]),
        time_in_force="gtc" if (match["tif"] or "").lower() == "gtc" else "day",
        limit_price=None if limit is None else _figure(limit),
    )


def _figure(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _text(one: OrderRequest) -> str:
    parts = [one.side, plain(one.qty), one.symbol]
    parts += [] if one.limit_price is None else ["@", plain(one.limit_price)]
    return " ".join([*parts, *(["gtc"] if one.time_in_force == "gtc" else [])])
