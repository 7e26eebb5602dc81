"""Records as the rows a page draws: text, plus the exact figures that live cells compute with."""

from starkmatter.portfolio.records import AccountView, LedgerEntryView, PositionView
from starkmatter.portfolio.tracked import is_tracked
from starkmatter.trading.records import FillView, OrderView
from starkmatter.ui import format as show

Row = dict[str, str]

# Before the first answer a page shows these, in the final layout; an empty `raw_cash` keeps live totals away.
NO_ACCOUNT: Row = dict.fromkeys(
    (
        "cash",
        "reserved",
        "buying_power",
        "market_value",
        "equity",
        "day_pl",
        "unrealized",
        "realized",
        "debit",
        "short_value",
        "maintenance",
        "excess",
        "settled",
        "unsettled",
    ),
    show.NOTHING,
) | dict.fromkeys(
    (
        "id",
        "name",
        "broker",
        "day_pct",
        "day_dir",
        "unrealized_dir",
        "realized_dir",
        "read_only",
        "access",
        "owner",
        "preset",
        "kind",
        "call",
        "settles",
        "branch",
    ),
    "",
)
NO_ACCOUNT |= {"live": ""}
NO_ACCOUNT |= {"mode": "PAPER", "venue": "", "currency": "USD", "raw_cash": "", "raw_base": "", "raw_minus_cost": ""}
NO_SYMBOL: Row = dict.fromkeys(("last", "bid", "ask", "open", "range"), show.NOTHING) | {
    "tradable": "yes",
    "why_not": "",
    "fx": "",
}
NO_PREVIEW: Row = dict.fromkeys(
    ("price", "cost", "fees", "buying_power", "buying_power_after", "position", "position_after", "kept"), show.NOTHING
) | {
    "live": "",
    "live_text": "",
    "needs_factor": "",
    "has_kept": "",
    "cost_name": "Est. cost",
    "has_realized": "",
    "size": "",
    "type": "",
    "time": "",
}


def position_row(one: PositionView) -> Row:
    """A position; `base` is what its value was worth against today's start, so that value - base is the day's P&L."""
    pl_pct = one.unrealized_pl / abs(one.cost_basis) * 100 if one.cost_basis else None
    return {
        "symbol": one.symbol,
        # What the live script shows the price of; without a rate in the account's currency there is none.
        "quoted": one.symbol if one.priced else "",
        "qty": show.quantity(one.qty),
        "short": "yes" if one.qty < 0 else "",
        "avg_price": show.money(one.avg_price),
        "last": show.money(one.last),
        "foreign": one.currency if one.rate != 1 and one.priced else "",
        "value": show.money(one.market_value),
        "cost": show.money(one.cost_basis),
        "pl": show.change(one.unrealized_pl),
        "pl_pct": show.percent(pl_pct),
        "pl_dir": show.direction(one.unrealized_pl),
        "day_pl": show.change(one.day_pl),
        "day_dir": show.direction(one.day_pl),
        "realized": show.change(one.realized_pl),
        "realized_dir": show.direction(one.realized_pl),
        "open": "yes" if one.qty else "",
        # The live script multiplies it by the last price: at the day's rate where that is in another currency.
        "raw_qty": show.plain_number(one.qty * one.rate),
        "raw_cost": show.plain_number(one.cost_basis),
        "raw_value": show.plain_number(one.market_value),
        "raw_base": show.plain_number(one.market_value - one.day_pl),
    }


def order_row(one: OrderView) -> Row:
    """An order as tables list it."""
    return {
        "id": str(one.id),
        "symbol": one.symbol,
        "side": one.side,
        "side_text": "Sell short" if one.allow_short else one.side.capitalize(),
        "leg": {"target": "Target", "stop": "Stop", "entry": "Entry"}.get(one.role or "", ""),
        "type": one.type.replace("_", "-" if one.type == "stop_limit" else " ").capitalize(),
        "qty": show.quantity(one.qty) if one.notional is None else f"{show.money(one.notional)} USD",
        "filled": show.quantity(one.filled_qty),
        "limit": show.money(one.limit_price),
        "avg": show.money(one.avg_price),
        "price": _order_price(one),
        "tif": _time(one),
        "status": "waiting" if one.held and one.status == "pending_submit" else show.status_words(one.status),
        "reason": one.reject_reason or _waits_for(one),
        "created": show.wall_time(one.created_at),
        "open": "yes" if one.status in {"pending_submit", "submitting", "accepted", "working", "partial"} else "",
    }


def _order_price(one: OrderView) -> str:
    """`100.00`, `Stop 95.00`, `Stop 95.00, limit 94.50`, `2.00 behind, stop 98.00`."""
    limit = show.money(one.limit_price)
    if one.type == "trailing_stop":
        trail = (
            f"{show.quantity(one.trail_percent)} %" if one.trail_percent is not None else show.money(one.trail_amount)
        )
        return f"{trail} behind" if one.stop_price is None else f"{trail} behind, stop {show.money(one.stop_price)}"
    if one.stop_price is None:
        return limit
    reached = "Stop reached" if one.triggered_at is not None else f"Stop {show.money(one.stop_price)}"
    return reached if one.limit_price is None else f"{reached}, limit {limit}"


def _waits_for(one: OrderView) -> str:
    """What holds an order back, in words."""
    if not one.held:
        return ""
    condition = one.condition
    if condition is None:
        return "It waits for the first order of its group to fill."
    relation = condition.relation.replace("_", " ")
    return f"It waits for a trade of {condition.symbol} {relation} {show.money(condition.price)}."


def _time(one: OrderView) -> str:
    words = {"day": "Day", "opg": "At the open", "cls": "At the close"}.get(
        one.time_in_force, one.time_in_force.upper()
    )
    if one.expires_on is not None:
        words = f"Until {show.day(one.expires_on)}"
    return f"{words}, extended" if one.extended_hours else words


def fill_row(one: FillView) -> Row:
    """A fill as tables list it."""
    return {
        "id": str(one.id),
        "order_id": str(one.order_id),
        "symbol": one.symbol,
        "side": one.side,
        "side_text": one.side.capitalize(),
        "qty": show.quantity(one.qty),
        "price": show.money(one.price),
        "fees": show.money(one.fees),
        "realized": show.change(one.realized_pl) if one.side == "sell" else show.NOTHING,
        "at": show.exchange_time(one.executed_at),
    }


def entry_rows(one: LedgerEntryView) -> list[Row]:
    """A journal entry as one row per leg; only the first names the entry."""
    rows = []
    for number, leg in enumerate(one.postings):
        first = number == 0
        rows.append(
            {
                "id": str(one.id) if first else "",
                "at": show.exchange_time(one.venue_at) if first else "",
                "description": one.description if first else "",
                "account": leg.account,
                "commodity": leg.commodity,
                "amount": show.change(leg.amount) if leg.commodity == "USD" else show.change(leg.amount, 0),
            }
        )
    return rows


def _mode(one: AccountView) -> str:
    """`PAPER`, `PAPER · MARGIN`, `PAPER · ALPACA`."""
    mode = one.mode.upper()
    if is_tracked(one):
        return "TRACKED"
    if one.broker != "paper":
        return f"{mode} · {one.broker.upper()}"
    return f"{mode} · MARGIN" if one.kind == "margin" else mode


def _branch(one: AccountView) -> str:
    """How it came from another account, in words; empty for one that came from none."""
    if one.branch == "reset":
        return "begun anew"
    if one.branch == "fork":
        return (
            f"branch of {one.parent_name or 'another account'}, as of {show.day(one.as_of)}" if one.as_of else "branch"
        )
    return ""


def _margin_cells(one: AccountView) -> Row:
    """What a margin account owes and has to keep, and the call for more of it that is running."""
    state, call = one.margin, ""
    if one.call_state == "closing":
        call = "Its margin call was not met: positions are being closed at the market until it keeps enough."
    elif one.call_due_at is not None:
        missing = f"{show.money(state.call)} {one.currency} are missing. " if state is not None and state.call else ""
        due = show.exchange_time(one.call_due_at)
        call = f"Margin call: {missing}Add cash or close positions before {due}; else positions are closed for you."
    if state is None:
        return dict.fromkeys(("debit", "short_value", "maintenance", "excess"), show.NOTHING) | {"call": call}
    return {
        "debit": show.money(state.debit),
        "short_value": show.money(state.short_value),
        "maintenance": show.money(state.maintenance),
        "excess": show.money(state.excess),
        "call": call,
    }


def account_row(one: AccountView) -> Row:
    """An account for the switcher and the headline figures."""
    return {
        "id": str(one.id),
        "name": one.name,
        "mode": _mode(one),
        "live": "yes" if one.mode == "live" and not is_tracked(one) else "",
        "venue": one.venue,
        "broker": one.broker,
        "currency": one.currency,
        "cash": show.money(one.cash),
        "reserved": show.money(one.reserved),
        "buying_power": show.money(one.buying_power),
        "market_value": show.money(one.market_value),
        "equity": show.money(one.equity),
        "day_pl": show.change(one.day_pl),
        "day_dir": show.direction(one.day_pl),
        "day_pct": show.percent(one.day_pl / (one.equity - one.day_pl) * 100 if one.equity != one.day_pl else None),
        "unrealized": show.change(one.unrealized_pl),
        "unrealized_dir": show.direction(one.unrealized_pl),
        "realized": show.change(one.realized_pl),
        "realized_dir": show.direction(one.realized_pl),
        "read_only": "yes" if one.read_only else "",
        "access": one.access,
        "owner": "" if one.access == "own" else one.owner_name,
        "preset": one.preset if one.broker == "paper" else "",
        "branch": _branch(one),
        "kind": one.kind,
        "settled": show.money(one.settled_cash),
        "unsettled": show.money(one.unsettled_cash),
        "settles": "" if one.settled_on is None else f"by {show.day(one.settled_on)}",
        **_margin_cells(one),
        "raw_cash": show.plain_number(one.cash),
        "raw_base": show.plain_number(one.equity - one.day_pl),
        "raw_minus_cost": show.plain_number(one.unrealized_pl - one.market_value),
    }
