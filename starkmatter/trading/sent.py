"""What of one account was sent, read from the books: how a broker that keeps no id of ours is understood."""

from datetime import timedelta
from uuid import UUID

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder, client_order_id, group_request, order_id_of
from starkmatter.trading.ports import Attempt

# Longer than any broker lets an order rest (180 days at Schwab).
REACH = timedelta(days=200)


class SentFromHere:
    """One account's orders; see the port."""

    def __init__(self, db: Database, account_id: UUID) -> None:
        self._db = db
        self._account_id = account_id

    async def attempt(self, client_id: str) -> Attempt | None:
        """See the port."""
        order_id = order_id_of(client_id)
        if order_id is None:
            return None
        rows = await self._db.tuples(broker_queries.SENT, {"order": order_id, "account": self._account_id})
        if not rows:
            return None
        claimed_at, broker_order_id, *columns = rows[0]
        order = BrokeredOrder.of_row(tuple(columns))
        if order.is_leg and order.group_id is not None:
            return Attempt(client_id, order.request, claimed_at, broker_order_id, client_order_id(order.group_id))
        request = order.request
        if order.group_id is not None:
            members = await self._db.tuples(broker_queries.MEMBERS, {"order": order_id})
            request = group_request([BrokeredOrder.of_row(row) for row in members])
        return Attempt(client_id, request, claimed_at, broker_order_id)

    async def names(self) -> dict[str, str]:
        """See the port."""
        asked = {"account": self._account_id, "since": utc_now() - REACH}
        rows = await self._db.tuples(broker_queries.SENT_NAMES, asked)
        return {broker_order_id: client_order_id(order_id) for broker_order_id, order_id in rows}
