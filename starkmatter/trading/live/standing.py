"""Whether an account of real money may be traded on, and what its limit is; and why an order may not be sent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.db.database import Connection, Database
from starkmatter.domain.orders import OrderRequest
from starkmatter.trading.live import queries

# What the database says when it refuses an order of real money; the text is for the person.
STOPPED_BY_DATABASE = "SM001"
LIVE_OFF = (
    "Live trading is off for this account of real money: it is shown here, and orders for it are refused. Its owner "
    "turns it on under Settings, Limits."
)


@dataclass(frozen=True, slots=True)
class LiveStanding:
    """Live trading that is on. `most`: what an order may be worth, in the account's currency, without a second factor
    of its own; `raises_to` counts from `raises_at` on. `day_ordered` is what was ordered since midnight in New York
    and `day_most` what the owner's rules allow of it; None where they say nothing.
    """

    on_since: datetime
    most: Decimal
    raises_to: Decimal | None
    raises_at: datetime | None
    day_most: Decimal | None
    day_ordered: Decimal

    def asks(self, worth: Decimal | None) -> bool:
        """Whether an order that may move this much takes a second factor; one whose worth nobody knows does."""
        return worth is None or worth > self.most


async def live_standing(db: Database, account_id: UUID) -> LiveStanding | None:
    """How live trading stands; None when it is off."""
    return await db.one(LiveStanding, queries.STANDING, (account_id,))


def order_worth(request: OrderRequest, reference_price: Decimal | None) -> Decimal | None:
    """The most that the order may move, as the database's `order_worth` reckons it; None without a price."""
    if request.notional is not None:
        return request.notional
    if reference_price is None:
        return None
    prices = (reference_price, request.limit_price, request.stop_price)
    return request.qty * max(price for price in prices if price is not None)


async def live_refusal(connection: Connection, order_id: UUID) -> str | None:
    """Why this stored order may not be sent now, in words; None when it may, or when no real money is in it."""
    await connection.execute(queries.HOLD, (order_id,))
    row = await (await connection.execute(queries.WORDS, (order_id,))).fetchone()
    return None if row is None else row[0]
