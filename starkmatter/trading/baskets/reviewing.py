"""What a basket would do, before it is sent: every line by the ticket's own preview, and all of it together."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO
from starkmatter.trading.baskets.records import Basket, BasketLine, BasketReview, LineReview
from starkmatter.trading.baskets.service import to_change
from starkmatter.trading.facts import account_facts
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderPreview

AT_ONCE = 4  # connections that one review takes at most
SALES_FIRST = (
    "The sales go first. What only they can pay for waits until they have filled, and is not sent before there is "
    "enough."
)
OF_MARGIN = (
    "In a margin account each order is judged by what is borrowed when it is sent: the buying power after all of them "
    "is an estimate."
)


async def review_basket(b: Backends, caller: Caller, basket_id: UUID) -> BasketReview:
    """Estimate the lines that are not sent yet at the newest quotes; nothing is stored.

    A purchase is judged by what the sales and the purchases before it leave. NotFound and NotAllowed as for the ticket.
    """
    basket = await to_change(b, caller, basket_id)
    return await review_of(b, caller, basket)


async def review_of(b: Backends, caller: Caller, basket: Basket) -> BasketReview:
    """The same for a basket that was read already."""
    account = await account_facts(b.db, caller, basket.head.account_id)
    lines = in_sending_order(basket.lines)
    few = asyncio.Semaphore(AT_ONCE)

    async def preview(line: BasketLine) -> OrderPreview | None:
        if line.sent or basket.head.closed_at is not None:
            return None
        async with few:
            # What a purchase needs is held against what the lines before it leave, below.
            return await preview_order(b, caller, account.id, line.request, in_place=line.side == "buy")

    previews = await asyncio.gather(*(preview(line) for line in lines))
    free = next((one.buying_power for one in previews if one is not None), None)
    reviewed, left = judged(lines, previews, free or ZERO, account.currency)
    going = [one.preview for one in reviewed if one.preview is not None and not one.refusals]
    missing = [one.line.symbol for one in reviewed if one.preview is not None and one.preview.est_price is None]
    sides = {one.line.side for one in reviewed if one.preview is not None}
    notes = [SALES_FIRST] if sides == {"buy", "sell"} else []
    return BasketReview(
        basket=basket,
        currency=account.currency,
        lines=reviewed,
        est_cost=sum((one.est_cost or ZERO for one in going), ZERO),
        est_fees=sum((one.est_fees or ZERO for one in going), ZERO),
        buying_power=free,
        buying_power_after=None if missing or free is None else left,
        notes=[*notes, OF_MARGIN] if account.lends else notes,
        missing=missing,
    )


def in_sending_order(lines: Sequence[BasketLine]) -> list[BasketLine]:
    """Sales before purchases, each in the order in which they were put in."""
    return sorted(lines, key=lambda one: (one.side == "buy", one.place))


def judged(
    lines: Sequence[BasketLine], previews: Sequence[OrderPreview | None], free: Decimal, currency: str
) -> tuple[list[LineReview], Decimal]:
    """Each line with its refusals, and the buying power that is left when those without any have filled."""
    found, left = [], free
    for line, seen in zip(lines, previews, strict=True):
        if seen is None:
            found.append(LineReview(line, None, []))
            continue
        refusals = list(seen.refusals)
        if not refusals and line.side == "buy" and seen.reserve is not None and seen.reserve > left:
            refusals.append(
                f"Buying power after the orders before it is {left:,.2f} {currency} and this order needs "
                f"{seen.reserve:,.2f} {currency}."
            )
        if not refusals and seen.buying_power_after is not None:
            left += seen.buying_power_after - seen.buying_power
        found.append(LineReview(line, seen, refusals))
    return found, left
