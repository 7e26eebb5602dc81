"""What stands in an emergency, read from PostgreSQL alone: accounts, open orders, positions, brokers and the worker."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.orders import OPEN
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.records import Stop
from starkmatter.trading.guarding.stops import list_stops
from starkmatter.trading.orders import list_orders
from starkmatter.trading.records import OrderView

MAX_ORDERS = 500


@dataclass(frozen=True, slots=True)
class EmergencyAccount:
    """An account the caller owns or trades on; `words` say how it stands at its broker, empty on paper."""

    id: UUID
    name: str
    broker: str
    venue: str
    mode: str
    currency: str
    cash: Decimal
    reserved: Decimal
    owner_name: str
    mine: bool
    frozen_reason: str | None
    state: str
    words: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class EmergencyPosition:
    """Signed shares and what they cost; without a price, which would take the market."""

    account_id: UUID
    symbol: str
    signed_qty: Decimal
    cost_basis: Decimal


@dataclass(frozen=True, slots=True)
class Emergency:
    """`worker_leads`: some worker holds the lead; `queued`: cancels that it has not carried out yet."""

    accounts: list[EmergencyAccount]
    orders: list[OrderView]
    positions: list[EmergencyPosition]
    stops: list[Stop]
    worker_leads: bool
    queued: int


async def read_emergency(b: Backends, caller: Caller, leader_key: int) -> Emergency:
    """Everything the page shows. `leader_key` is the advisory lock that the leading worker holds."""
    asked = {"user": caller.user_id, "trades": caller.may_trade}
    accounts = await b.db.all(EmergencyAccount, queries.EMERGENCY_ACCOUNTS, asked)
    ids = [one.id for one in accounts]
    mine = set(ids)
    orders = [one for one in await list_orders(b, caller, statuses=OPEN, limit=MAX_ORDERS) if one.account_id in mine]
    positions = await b.db.all(EmergencyPosition, queries.EMERGENCY_POSITIONS, (ids,))
    key = {"high": leader_key >> 32, "low": leader_key & 0xFFFF_FFFF}
    leads = bool(await b.db.value(queries.WORKER_LEADS, key))
    queued = int(await b.db.value(queries.QUEUED_CANCELS, (ids,)))
    return Emergency(accounts, orders, positions, await list_stops(b, caller), leads, queued)
