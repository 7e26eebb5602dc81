"""Several orders of one account, looked at and sent as one."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_baskets import (
    BasketLineIn,
    BasketLineReview,
    BasketOut,
    BasketReviewOut,
    ChangedBasket,
    NewBasket,
    SendBasket,
)
from starkmatter.api.schemas_trading import PreviewOut
from starkmatter.api.security import B, Signed
from starkmatter.domain.orders import OrderRequest
from starkmatter.trading.baskets import service
from starkmatter.trading.baskets.records import Basket
from starkmatter.trading.baskets.reviewing import review_basket
from starkmatter.trading.baskets.sending import send_basket

router = APIRouter(prefix=API_PREFIX, tags=["Baskets"])


def basket_out(one: Basket) -> BasketOut:
    """The basket as it goes over the wire; a line without an order has no order id."""
    lines = [asdict(line) | {"order_id": line.order_id if line.sent else None} for line in one.lines]
    more = {"state": one.state, "basket_hash": one.hash, "outcome": one.outcome, "lines": lines}
    return BasketOut.model_validate(asdict(one.head) | more)


def _requests(lines: Sequence[BasketLineIn]) -> list[OrderRequest]:
    return [
        OrderRequest(one.symbol.upper(), one.side, one.type, one.qty, one.time_in_force, one.limit_price)
        for one in lines
    ]


@router.get("/baskets")
async def baskets(caller: Signed, b: B, account_id: UUID | None = None) -> Page[BasketOut]:
    """Baskets of one account, or of every account the caller sees; the newest hundred first."""
    return Page(items=[basket_out(one) for one in await service.list_baskets(b, caller, account_id)])


@router.post("/baskets", status_code=201)
async def make(body: NewBasket, caller: Signed, b: B) -> BasketOut:
    """Put orders together. Nothing is ordered: a person reviews the basket and sends it."""
    return basket_out(await service.make_basket(b, caller, body.account_id, body.name, _requests(body.lines)))


@router.get("/baskets/{basket_id}")
async def basket(basket_id: UUID, caller: Signed, b: B) -> BasketOut:
    """One basket, with what its lines became."""
    return basket_out(await service.get_basket(b, caller, basket_id))


@router.put("/baskets/{basket_id}/lines")
async def put_lines(basket_id: UUID, body: ChangedBasket, caller: Signed, b: B) -> BasketOut:
    """Replace its lines, while nothing of it was sent."""
    return basket_out(await service.put_lines(b, caller, basket_id, _requests(body.lines), body.basket_hash))


@router.delete("/baskets/{basket_id}", status_code=204)
async def drop(basket_id: UUID, caller: Signed, b: B) -> None:
    """Delete it, if nothing of it was sent; else close it, so that nothing more of it is."""
    await service.drop_basket(b, caller, basket_id)


@router.post("/baskets/{basket_id}/review")
async def review(basket_id: UUID, caller: Signed, b: B) -> BasketReviewOut:
    """What each line that is not sent yet would cost and change, and all of them together; nothing is stored."""
    found = await review_basket(b, caller, basket_id)
    lines = [
        BasketLineReview(
            place=one.line.place,
            preview=None if one.preview is None else PreviewOut.model_validate(one.preview),
            refusals=one.refusals,
        )
        for one in found.lines
    ]
    return BasketReviewOut(
        basket=basket_out(found.basket),
        currency=found.currency,
        lines=lines,
        est_cost=found.est_cost,
        est_fees=found.est_fees,
        buying_power=found.buying_power,
        buying_power_after=found.buying_power_after,
        notes=found.notes,
        missing=found.missing,
    )


@router.post("/baskets/{basket_id}/send")
async def send(basket_id: UUID, body: SendBasket, caller: Signed, b: B) -> BasketOut:
    """Send every line that has no order yet, sales first; each becomes one order however often this is asked for.

    409 `warnings_unacknowledged` names, by place, what has to be read first, 422 `price_moved` what moved further since
    the review than the account allows; nothing was sent then.
    """
    read = {one.place: one.codes for one in body.acknowledge}
    seen = {one.place: one.price for one in body.prices}
    return basket_out(await send_basket(b, caller, basket_id, body.basket_hash, read, seen))
