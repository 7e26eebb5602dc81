"""What the trade page shows of one symbol, its orders and a preview, as rows."""

from starkmatter.accounts.vault import stored_secrets
from starkmatter.backends import Backends, backends
from starkmatter.connections.market_data import ALPACA_DATA
from starkmatter.domain.quotes import Bar, Venue
from starkmatter.errors import StarkMatterError
from starkmatter.market.service import load_bars
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.records import OrderPreview, OrderView
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row


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
