"""What the trade page shows of one symbol, its orders and a preview, as rows."""

from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import stored_secrets
from starkmatter.backends import Backends, backends
from starkmatter.connections.market_data import ALPACA_DATA
from starkmatter.domain.money import CENT, ZERO
from starkmatter.domain.orders import OrderRequest, OrderStatus
from starkmatter.domain.quotes import Bar, Venue
from starkmatter.errors import StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.market.service import load_bars
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderPreview, OrderView
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row

ENDED_BADLY = {OrderStatus.REJECTED, OrderStatus.NOT_SENT, OrderStatus.EXPIRED, OrderStatus.CANCELED}


async def streams(b: Backends) -> bool:
    """Whether somebody has connected quotes that come by themselves."""
    try:
        return ALPACA_DATA.kind in await stored_secrets(b, None)
    except StarkMatterError:
        return True


async def day_bar(venue: Venue, symbol: str) -> Bar | None:
    """The bar of the venue's present or last session."""
    b = backends()
    clock = await clock_or_none(b, venue)
    if clock is None:
        return None
    bars = await load_bars(b.db, venue, symbol, "1d", limit=1, until=clock.venue_now)
    return bars[-1] if bars else None


def line_of(order: OrderView) -> str | None:
    """The price of an order that its line on the chart shows and moves; a trail follows by itself."""
    if order.type in {"stop", "stop_limit"} and order.triggered_at is None:
        return "stop_price"
    return None if order.limit_price is None else "limit_price"


def line_row(order: OrderView, may_move: bool) -> Row | None:
    """An order's line on the chart; None for one without a price."""
    field = line_of(order)
    price = order.stop_price if order.type == "trailing_stop" else field and getattr(order, field)
    if not price:
        return None
    words = "" if field == "limit_price" else "trail " if order.type == "trailing_stop" else "stop "
    return {
        "id": str(order.id) if may_move and field is not None else "",
        "price": show.plain_number(price),
        "title": f"{'short' if order.allow_short else order.side} {words}{show.quantity(order.qty - order.filled_qty)}",
        "side": order.side,
    }


def name_of(order: OrderView) -> str:
    """`Buy 10 AAPL`, `Buy 1,000.00 USD of AAPL`."""
    size = f"{show.money(order.notional)} USD of" if order.notional is not None else show.quantity(order.qty)
    return f"{'Sell short' if order.allow_short else order.side.capitalize()} {size} {order.symbol}"


def preview_row(seen: OrderPreview) -> Row:
    """The figures under the ticket."""
    return {
        "price": show.money(seen.est_price),
        "cost": show.money(seen.est_cost if seen.est_cost is None or seen.est_cost >= 0 else -seen.est_cost),
        "cost_name": "Est. proceeds" if seen.est_cost is not None and seen.est_cost < 0 else "Est. cost",
        "fees": show.money(seen.est_fees),
        "buying_power": show.money(seen.buying_power),
        "buying_power_after": show.money(seen.buying_power_after),
        "position": show.quantity(seen.signed_qty),
        "position_after": show.quantity(seen.signed_qty_after),
        "realized": show.change(seen.realized_pl),
        "realized_dir": show.direction(seen.realized_pl),
        "has_realized": "yes" if seen.realized_pl is not None else "",
        "kept": show.money(seen.maintenance_after),
        "has_kept": "yes" if seen.maintenance_after else "",
        "live": seen.live or "",
        "live_text": (seen.live or "").removeprefix("LIVE: this order").replace(" goes", "This order goes", 1),
        "needs_factor": "yes" if seen.needs_factor else "",
    }


def outcome_row(order: OrderView) -> Row:
    """What became of the order that was sent last, for the note of the ticket; nothing while there is nothing new."""
    words = name_of(order)
    if order.status in ENDED_BADLY:
        text = f"{words}: {show.status_words(order.status)}. {order.reject_reason or ''}"
        return {"kind": "bad", "text": text}
    if order.avg_price is not None:
        whole = order.status == OrderStatus.FILLED
        done = "filled" if whole else f"{show.quantity(order.filled_qty)} filled so far"
        return {"text": f"{words}: {done} at {show.money(order.avg_price)}.", "receipt": "yes"}
    if order.status == OrderStatus.WORKING:
        return {"text": f"{words}: working. It waits for its price or its time."}
    return {}


def replaced_row(order: OrderView, field: str, moved: Decimal, *, in_place: bool) -> Row:
    """The resting order that a review would change: which of its prices, to what, and what it is now."""
    left, before = order.qty - order.filled_qty, getattr(order, field)
    return {
        "id": str(order.id),
        "filled": show.plain_number(order.filled_qty),
        "field": field,
        "price": show.plain_number(moved),
        "text": f"{order.side} {show.quantity(left)} at {show.money(before)}",
        "in_place": "yes" if in_place else "",
    }


async def touch_text(venue: Venue, symbol: str, side: str) -> str:
    """The price at which an order of that side would trade now, for its limit; nothing where there is no quote."""
    quote = (await QuoteBoard(backends().cache).quotes(venue, [symbol])).get(symbol)
    if quote is None:
        return ""
    touch = quote.ask if side == "buy" else quote.bid
    return show.plain_number(touch if touch is not None else quote.last)


async def part_of(caller: Caller, account_id: UUID, one: OrderRequest, ratio: Decimal) -> Decimal:
    """How many shares a part of the buying power pays, or a part of what is held is; `one` asks for a single share."""
    b = backends()
    seen = await preview_order(b, caller, account_id, one)
    if (one.side == "sell" and not one.allow_short) or seen.signed_qty < 0 < seen.signed_qty_after - seen.signed_qty:
        return abs(seen.signed_qty) * ratio  # What is held is sold, or what was sold short is bought back.
    account = await get_account(b, caller, account_id)
    return account.buying_power * ratio / seen.reserve if seen.reserve else Decimal(0)


async def money_part_of(caller: Caller, account_id: UUID, ratio: Decimal) -> Decimal:
    """A part of the buying power in whole cents, never below zero."""
    account = await get_account(backends(), caller, account_id)
    return max((account.buying_power * ratio).quantize(CENT, ROUND_DOWN), ZERO)
