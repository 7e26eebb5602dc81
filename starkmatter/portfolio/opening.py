"""Opening paper accounts: the row, the first deposit in the journal and the first point of value, all or nothing."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.ledger import book_deposit
from starkmatter.domain.matching import REALISTIC
from starkmatter.errors import InvalidInput, NotAllowed, Unavailable
from starkmatter.market.service import replay_status
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import clock_or_none

FIRST_CASH = Decimal("100000")
MAX_CASH = Decimal("1000000000")
MAX_ACCOUNTS = 50
MAX_NAME_CHARS = 60
CURRENCIES = ("USD",)


async def open_account(
    b: Backends, caller: Caller, *, name: str, venue: str = "replay", currency: str = "USD", cash: Decimal = FIRST_CASH
) -> AccountView:
    """Open a paper account and pay `cash` in.

    Raises InvalidInput for what is not offered, NotAllowed for a viewer, Unavailable while the replay has no run yet.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not open accounts.")
    title = name.strip()
    if not 1 <= len(title) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The account's name must have 1 to {MAX_NAME_CHARS} characters.")
    if venue != "replay":
        raise InvalidInput("Paper accounts are offered on the replay market in this version.")
    if currency not in CURRENCIES:
        raise InvalidInput(f"The currency must be one of: {', '.join(CURRENCIES)}.")
    if not 0 < cash <= MAX_CASH:
        raise InvalidInput(f"The opening cash must be more than zero and at most {MAX_CASH:,} {currency}.")
    if await b.db.value(queries.COUNT_ACCOUNTS, (caller.user_id,)) >= MAX_ACCOUNTS:
        raise InvalidInput(f"One person can have {MAX_ACCOUNTS} accounts.")
    venue_at, run_id = await _replay_now(b)
    async with b.db.transaction() as connection:
        account_id = await create_account(
            connection, caller.user_id, name=title, cash=cash, run_id=run_id, venue_at=venue_at, now=utc_now()
        )
    return await get_account(b, caller, account_id)


async def ensure_first_account(b: Backends, user_id: UUID) -> None:
    """Give a person without any account the practice account; does nothing for everybody else."""
    if await b.db.value(queries.COUNT_ACCOUNTS, (user_id,)):
        return
    try:
        venue_at, run_id = await _replay_now(b)
    except Unavailable:
        return
    async with b.db.transaction() as connection:
        await connection.execute("SELECT 1 FROM app_user WHERE id = %s FOR UPDATE", (user_id,))
        row = await (await connection.execute(queries.COUNT_ACCOUNTS, (user_id,))).fetchone()
        if row is not None and row[0] == 0:
            await create_account(
                connection,
                user_id,
                name="Practice",
                cash=FIRST_CASH,
                run_id=run_id,
                venue_at=venue_at,
                now=utc_now(),
            )


async def create_account(
    connection: Connection, user_id: UUID, *, name: str, cash: Decimal, run_id: int, venue_at: datetime, now: datetime
) -> UUID:
    """The rows of a new paper account on the replay market, its first deposit and its first point of value."""
    account_id = uuid4()
    booking = book_deposit(cash, "USD")
    await connection.execute(
        queries.INSERT_ACCOUNT,
        {
            "id": account_id,
            "user": user_id,
            "name": name,
            "venue": "replay",
            "currency": "USD",
            "preset": REALISTIC.name,
            "run": run_id,
            "now": now,
            "venue_at": venue_at,
        },
    )
    await connection.execute(
        queries.INSERT_ENTRY,
        {
            "account": account_id,
            "kind": booking.kind,
            "description": booking.description,
            "venue_at": venue_at,
            "now": now,
            "accounts": [leg.account for leg in booking.legs],
            "commodities": [leg.commodity for leg in booking.legs],
            "amounts": [leg.amount for leg in booking.legs],
        },
    )
    await connection.execute(queries.MOVE_CASH, (booking.cash, account_id))
    await connection.execute(
        queries.INSERT_SNAPSHOT, {"account": account_id, "venue_at": venue_at, "equity": booking.cash}
    )
    return account_id


async def _replay_now(b: Backends) -> tuple[datetime, int]:
    """Venue time and run of the replay; Unavailable while there is no run."""
    clock = await clock_or_none(b, "replay")
    if clock is not None and clock.run_id is not None:
        return clock.venue_now, clock.run_id
    status = await replay_status(b.db, b.cache)
    if status.run is None:
        raise Unavailable("The replay market is still starting. Try again in a few seconds.")
    return status.run.horizon_venue_at, status.run.id
