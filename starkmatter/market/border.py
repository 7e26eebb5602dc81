"""Where outside figures are let in or turned away: nothing else may become a quote the platform acts on (SAFETY C6).

A refused quote never reaches the board, risk or P&L. A jump without a second source comes in marked `suspect`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate
from starkmatter.domain.depth import Depth
from starkmatter.domain.quotes import Bar, Quote

MAX_PRICE = Decimal(1_000_000)
MAX_SIZE = Decimal(10**13)
MAX_JUMP_RATIO = Decimal("0.20")
# No bar of a stock has had such a range that was not somebody's slip.
MAX_RANGE_RATIO = 20
MAX_AHEAD = timedelta(seconds=5)
DAY_AHEAD = timedelta(days=1)
# Nobody announces further ahead than this, and what is older belongs to no bar here: a slip of a century is neither.
FIRST_ACTION_ON = date(1950, 1, 1)
ANNOUNCED_AHEAD = timedelta(days=730)
PAID_WITHIN = timedelta(days=3 * 366)
MAX_SPLIT_RATIO = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Corridor:
    """What a second source says the price may be: inclusive bounds in the instrument's currency."""

    low: Decimal
    high: Decimal


def refusal_of(quote: Quote, *, venue_now: datetime, asked: str | None = None) -> str | None:
    """Why `quote` must not come in, in words; None when it may. `asked` is the symbol that was asked for."""
    if asked is not None and quote.symbol != asked:
        return f"asked for {asked}, got {quote.symbol}"
    for name in ("last", "bid", "ask", "prev_close"):
        price: Decimal | None = getattr(quote, name)
        if price is not None and not (price.is_finite() and 0 < price < MAX_PRICE):
            return f"{name} {price} is not a price"
    for name in ("bid_size", "ask_size", "volume"):
        size: Decimal | None = getattr(quote, name)
        if size is not None and not (size.is_finite() and 0 <= size < MAX_SIZE):
            return f"{name} {size} is not a size"
    if quote.bid is not None and quote.ask is not None and quote.bid > quote.ask:
        return f"bid {quote.bid} above ask {quote.ask}"
    if quote.observed_at.tzinfo is None or quote.received_at.tzinfo is None:
        return "an instant without a zone"
    if quote.observed_at > venue_now + MAX_AHEAD:
        return f"observed at {quote.observed_at.isoformat()}, which has not happened yet"
    return None


def marked(quote: Quote, previous: Quote | None, corridor: Corridor | None) -> Quote:
    """The quote, `suspect` when its price jumped by more than MAX_JUMP_RATIO and no second source bears it out."""
    if previous is None or quote.condition != "normal":
        return quote
    jumped = abs(quote.last - previous.last) > MAX_JUMP_RATIO * previous.last
    borne_out = corridor is not None and corridor.low <= quote.last <= corridor.high
    return replace(quote, condition="suspect") if jumped and not borne_out else quote


def depth_refusal_of(depth: Depth, *, now: datetime, asked: Collection[str]) -> str | None:
    """Why the book must not come in, in words; None when it may."""
    if depth.symbol not in asked:
        return f"got {depth.symbol}, which was not asked for"
    for level in (*depth.bids, *depth.asks):
        if not (level.price.is_finite() and 0 < level.price < MAX_PRICE):
            return f"{level.price} is not a price"
        if not (level.size.is_finite() and 0 < level.size < MAX_SIZE):
            return f"{level.size} is not a size"
    bids, asks = [level.price for level in depth.bids], [level.price for level in depth.asks]
    if any(one <= next_one for one, next_one in pairwise(bids)) or any(one >= after for one, after in pairwise(asks)):
        return "prices out of order"
    if bids and asks and bids[0] >= asks[0]:
        return f"bid {bids[0]} not below ask {asks[0]}"
    if depth.observed_at > now + MAX_AHEAD:
        return f"observed at {depth.observed_at.isoformat()}, which has not happened yet"
    return None


def bar_refusal_of(bar: Bar, now: datetime) -> str | None:
    """Why the bar's figures cannot be those of a market, in words; None when they can.

    A bar of this day may be told with an instant of later today.
    """
    for name in ("open", "high", "low", "close"):
        price: Decimal = getattr(bar, name)
        if not (price.is_finite() and 0 < price < MAX_PRICE):
            return f"{name} {price} is not a price"
    if bar.high > bar.low * MAX_RANGE_RATIO:
        return f"low {bar.low} and high {bar.high} are too far apart for one bar"
    if bar.volume is not None and not (bar.volume.is_finite() and 0 <= bar.volume < MAX_SIZE):
        return f"volume {bar.volume} is not a size"
    if not (bar.low <= min(bar.open, bar.close) and max(bar.open, bar.close) <= bar.high):
        return "open and close outside low and high"
    if bar.starts_at.tzinfo is None:
        return "an instant without a zone"
    if bar.starts_at > now + (DAY_AHEAD if bar.interval == "1d" else MAX_AHEAD):
        return f"starts at {bar.starts_at.isoformat()}, which has not happened yet"
    return None


def action_refusal_of(action: CorporateAction | EarningsDate, asked: str, today: date) -> str | None:
    """Why a split, a dividend or a date of earnings cannot be one, in words; None when it can."""
    if action.symbol != asked:
        return f"asked for {asked}, got {action.symbol}"
    day = action.reports_on if isinstance(action, EarningsDate) else action.ex_on
    if not FIRST_ACTION_ON <= day <= today + ANNOUNCED_AHEAD:
        return f"{day.isoformat()} is no day of such a thing"
    if isinstance(action, EarningsDate):
        return None
    if isinstance(action, Dividend):
        return _dividend_refusal(action)
    for figure in (action.numerator, action.denominator):
        if not (figure.is_finite() and 0 < figure <= MAX_SIZE):
            return f"ratio {action.numerator}:{action.denominator} is none"
    if not 1 / MAX_SPLIT_RATIO <= action.numerator / action.denominator <= MAX_SPLIT_RATIO:
        return f"ratio {action.numerator}:{action.denominator} is out of all proportion"
    if action.numerator == action.denominator:
        return f"ratio {action.numerator}:{action.denominator} splits nothing"
    return None


def _dividend_refusal(one: Dividend) -> str | None:
    if not (one.amount.is_finite() and 0 < one.amount < MAX_PRICE):
        return f"amount {one.amount} is no dividend"
    if len(one.currency) != 3 or not (one.currency.isascii() and one.currency.isalpha()):
        return "no currency"
    if one.pay_on is not None and not one.ex_on - timedelta(days=366) <= one.pay_on <= one.ex_on + PAID_WITHIN:
        return f"paid on {one.pay_on.isoformat()}, ex on {one.ex_on.isoformat()}"
    return None
