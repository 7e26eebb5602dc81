"""Accounts at a real broker as their owner sees them: opened with their keys, held against the broker's book."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import stored_secrets
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.matching import REALISTIC
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.opening import MAX_NAME_CHARS
from starkmatter.portfolio.records import AccountView
from starkmatter.trading import broker_queries
from starkmatter.trading.brokers.catalog import MODES, OPENERS, TITLES
from starkmatter.trading.events import wake_worker

VENUE = "market"
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """How an account stands at its broker. `state`: see the table `broker_account`; `differences` in words."""

    account_id: UUID
    broker: str
    state: str
    words: str
    differences: list[dict[str, str]]
    external_orders: int
    checked_at: datetime | None
    accept_asked_at: datetime | None


async def open_at_broker(b: Backends, caller: Caller, *, broker: str, name: str) -> AccountView:
    """Open the account behind the caller's keys; the worker reads its book within seconds and takes it over.

    Whether it is of paper or of real money follows from what was connected, and never changes.

    Raises InvalidInput for an unknown broker, NotFound when its keys are not connected, Conflict when it is open here.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not open accounts.")
    if broker not in OPENERS:
        raise InvalidInput(f"The broker must be one of: paper, {', '.join(OPENERS)}.")
    title = TITLES[broker]
    named = name.strip()
    if not 1 <= len(named) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The account's name must have 1 to {MAX_NAME_CHARS} characters.")
    kept = (await stored_secrets(b, caller.user_id)).get(broker)
    if kept is None:
        raise NotFound(f"Connect {title} first: Settings, Connections.")
    mode = MODES[broker](kept.hints)
    now = utc_now()
    account_id = uuid4()
    async with b.db.transaction() as connection:
        await connection.execute("SELECT 1 FROM app_user WHERE id = %s FOR UPDATE", (caller.user_id,))
        opened = await connection.execute(broker_queries.HAS_BROKER_ACCOUNT, (caller.user_id, broker))
        if await opened.fetchone() is not None:
            raise Conflict(f"Your account at {title} is open here already.")
        await connection.execute(
            queries.INSERT_ACCOUNT,
            {
                "id": account_id,
                "user": caller.user_id,
                "name": named,
                "venue": VENUE,
                "broker": broker,
                "mode": mode,
                "currency": CURRENCY,
                "preset": REALISTIC.name,
                "kind": "cash",
                "run": None,
                "now": now,
                "venue_at": now,
            },
        )
        words = f"Reading the account at {title} …"
        await connection.execute(
            broker_queries.INSERT_BROKER_ACCOUNT, {"account": account_id, "broker": broker, "words": words}
        )
        about = {"name": named, "owner": caller.user_id, "broker": broker, "venue": VENUE, "mode": mode}
        await note(connection, caller, "account.opened", ("account", account_id), after=about)
    wake_worker(b.cache, VENUE)
    return await get_account(b, caller, account_id)


async def broker_status(b: Backends, caller: Caller, account_id: UUID) -> BrokerStatus | None:
    """How the account stands at its broker; None for a paper account, NotFound when it is not the caller's."""
    await get_account(b, caller, account_id)
    return await b.db.one(BrokerStatus, broker_queries.BROKER_STATUS, {"account": account_id, "user": caller.user_id})


async def accept_brokers_book(b: Backends, caller: Caller, account_id: UUID) -> None:
    """Let our book follow the broker's where they differ; the worker books it as adjustments within seconds.

    Conflict when there is nothing to accept, NotFound when it is not the caller's.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not change books.")
    if await broker_status(b, caller, account_id) is None:
        raise NotFound("This account is on paper: there is no broker's book.")
    asked = {"account": account_id, "user": caller.user_id, "now": utc_now()}
    if await b.db.run(broker_queries.ASK_ACCEPT, asked) != 1:
        raise Conflict("Both books agree or cannot be compared now: there is nothing to accept.")
    await note(b, caller, "account.book_accepted", ("account", account_id))
    wake_worker(b.cache, VENUE)
