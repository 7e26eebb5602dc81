"""The method by which one order finds its lots, in place of its account's: until the day of its last sale ends.

What it sold on a former day keeps its lots, as with lots that are picked (`picking`): nothing is chosen in hindsight.
"""

from datetime import date
from decimal import Decimal
from typing import get_args
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import OPEN
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots import queries
from starkmatter.portfolio.lots.book import Folded, folded_lots
from starkmatter.portfolio.lots.records import OrderLots, OrderMethod
from starkmatter.portfolio.lots.service import NOT_YOURS, may_choose, method_now, venue_day
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.orders import get_order
from starkmatter.trading.records import OrderView

IS_OVER = "The lots of a sale are chosen on its day. This order sold for the last time on {}."
NEVER_SOLD = "This order has ended and sold nothing."


async def order_lots(b: Backends, caller: Caller, order_id: UUID) -> OrderLots:
    """How the order finds its lots, and whether that can still be chosen; NotFound when the caller does not see it."""
    order = await get_order(b, caller, order_id)
    account = await get_account(b, caller, order.account_id)
    folded = await folded_lots(b, caller, order.account_id)
    said = folded.choices.orders.get(order_id, ())
    why_not = NOT_YOURS
    if may_choose(caller, account):
        why_not = _over(folded, order, await venue_day(b, account, folded))
    return OrderLots(
        order_id=order_id,
        account_id=order.account_id,
        account_method=method_now([one for one in folded.choices.methods if one.account_id == order.account_id]),
        chosen=said[-1].method if said else None,
        closes=_closes(folded, order),
        may_choose=not why_not,
        why_not=why_not,
    )


async def choose_for_order(b: Backends, caller: Caller, order_id: UUID, method: str | None) -> OrderLots:
    """Let what the order sells from the venue's present day on find its lots by `method`; None: by the account's.

    Raises InvalidInput for another method, NotAllowed for somebody else's account or a role that only looks, Conflict
    when the day of its last sale is over, NotFound when the caller does not see it.
    """
    known: tuple[OrderMethod, ...] = get_args(OrderMethod)
    if method is not None and method not in known:
        raise InvalidInput(f"The method of an order must be one of: {', '.join(known)}, or none for the account's.")
    found = await order_lots(b, caller, order_id)
    if not found.may_choose:
        raise (NotAllowed if found.why_not == NOT_YOURS else Conflict)(found.why_not)
    if method == found.chosen:
        return found
    account = await get_account(b, caller, found.account_id)
    clock, now = await clock_or_none(b, account.venue), utc_now()
    asked = {"account": found.account_id, "user": caller.user_id}
    async with b.db.transaction() as connection:
        if await (await connection.execute(queries.LOCK_OWN, asked)).fetchone() is None:
            raise NotFound("There is no such order.")
        row = asked | {"order": order_id, "method": method, "venue_at": clock.venue_now if clock else now, "now": now}
        await connection.execute(queries.PUT_ORDER_METHOD, row)
        await note(
            connection,
            caller,
            "order.lot_method_chosen",
            ("order", order_id),
            before={"method": found.chosen},
            after={"method": method},
        )
    return await order_lots(b, caller, order_id)


def _over(folded: Folded, order: OrderView, on: date) -> str:
    """Why it is too late, or nothing."""
    if order.status in OPEN:
        return ""
    last = max((one.on for one in folded.moves if one.order_id == order.id), default=None)
    if last is None:
        return NEVER_SOLD
    return "" if last >= on else IS_OVER.format(last)


def _closes(folded: Folded, order: OrderView) -> bool:
    """Whether the order closed lots, or would close some of those that are open now."""
    entries = {str(one.id) for one in folded.moves if one.order_id == order.id}
    if any(one.trade_id in entries for one in folded.realized):
        return True
    account = str(order.account_id)
    of_symbol = (lot for lot in folded.lots if (lot.account, lot.symbol) == (account, order.symbol))
    held: Decimal = sum((lot.signed_qty for lot in of_symbol), ZERO)
    return order.status in OPEN and (held > 0 if order.side == "sell" else held < 0)
