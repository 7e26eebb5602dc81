"""Opening paper accounts: the row, the first deposit in the journal and the first point of value, all or nothing."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import get_args
from uuid import UUID, uuid4

from starkmatter.accounts.audit.records import SYSTEM, Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.ledger import book_deposit
from starkmatter.domain.margin import REG_T, margin_state
from starkmatter.domain.money import CENT, ZERO
from starkmatter.domain.orders import AccountKind
from starkmatter.domain.presets import PRESETS, REALISTIC
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, Unavailable
from starkmatter.market.service import replay_status
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.facts import TRACKED
from starkmatter.trading.journal import write_booking
from starkmatter.trading.lending.records import Held
from starkmatter.trading.lending.state import newest_prices, positions_at

FIRST_CASH = Decimal("100000")
MAX_CASH = Decimal("1000000000")
MAX_ACCOUNTS = 50
MAX_NAME_CHARS = 60
CURRENCIES = ("USD",)
PAPER = "paper"
KINDS = get_args(AccountKind)


async def open_account(
    b: Backends,
    caller: Caller,
    *,
    name: str,
    venue: str = "replay",
    currency: str = "USD",
    cash: Decimal = FIRST_CASH,
    preset: str = REALISTIC.name,
    kind: str = "cash",
) -> AccountView:
    """Open a paper account and pay `cash` in.

    `preset` says how hard its market is and `kind` whether it may borrow (cash or margin); both stay. On the `market`
    venue it has no quotes while no source answers. Raises InvalidInput for what is not offered, NotAllowed for a
    viewer, Unavailable while the replay has no run yet.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not open accounts.")
    title = title_of(name)
    if venue not in {"replay", "market"}:
        raise InvalidInput("The market must be one of: replay, market.")
    if currency not in CURRENCIES:
        raise InvalidInput(f"The currency must be one of: {', '.join(CURRENCIES)}.")
    if preset not in PRESETS:
        raise InvalidInput(f"The preset must be one of: {', '.join(PRESETS)}.")
    if kind not in KINDS:
        raise InvalidInput(f"The kind of account must be one of: {', '.join(KINDS)}.")
    if kind == "margin" and cash < REG_T.min_equity:
        raise InvalidInput(
            f"A margin account begins with at least {REG_T.min_equity:,} {currency}: below it nobody lends."
        )
    if not 0 < cash <= MAX_CASH:
        raise InvalidInput(f"The opening cash must be more than zero and at most {MAX_CASH:,} {currency}.")
    if await b.db.value(queries.COUNT_ACCOUNTS, (caller.user_id,)) >= MAX_ACCOUNTS:
        raise InvalidInput(f"One person can have {MAX_ACCOUNTS} accounts.")
    now = utc_now()
    # The wall-clock market has no runs; an account there can be opened at any hour, quotes or not.
    venue_at, run_id = (now, None) if venue == "market" else await replay_now(b)
    async with b.db.transaction() as connection:
        account_id = await create_account(
            connection,
            caller.user_id,
            name=title,
            cash=cash,
            run_id=run_id,
            venue_at=venue_at,
            now=now,
            by=caller,
            preset=preset,
            kind=kind,
        )
    return await get_account(b, caller, account_id)


def title_of(name: str) -> str:
    """The name of an account as it is kept; InvalidInput when it is too short or too long."""
    title = name.strip()
    if not 1 <= len(title) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The account's name must have 1 to {MAX_NAME_CHARS} characters.")
    return title


async def deposit(b: Backends, caller: Caller, account_id: UUID, amount: Decimal) -> AccountView:
    """Pay paper cash in (positive) or take it out (negative); the account afterwards.

    Raises InvalidInput for zero, too much or more than is free, Conflict when the account is closed or, for cash
    to be taken out, frozen, NotFound when it is not the caller's.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not move cash.")
    account = await get_account(b, caller, account_id)
    if account.access != "own":
        raise NotAllowed("Only its owner moves cash on this account.")
    if account.broker == TRACKED:
        raise Conflict("This account is held elsewhere: import its file, or type the deposit in under Import.")
    if account.broker != PAPER:
        raise Conflict("Cash of this account moves at the broker and appears here by itself.")
    if account.read_only and amount <= 0:
        raise Conflict("This account is closed or frozen and can only be read.")
    booking = book_deposit(amount, account.currency)
    if booking.cash == 0 or abs(booking.cash) > MAX_CASH:
        raise InvalidInput(f"The amount must be at least one cent and at most {MAX_CASH:,} {account.currency}.")
    clock = await clock_or_none(b, account.venue)
    now = utc_now()
    async with b.db.transaction() as connection:
        if account.kind == "margin" and booking.cash < 0:
            await _take_from_margin(b, connection, account, -booking.cash)
        else:
            moved = await connection.execute(queries.MOVE_FREE_CASH, {"cash": booking.cash, "account": account_id})
            if moved.rowcount != 1 and booking.cash < 0:
                raise InvalidInput(f"Only {account.buying_power:,.2f} {account.currency} are free to take out.")
            if moved.rowcount != 1:
                raise Conflict("This account is closed or frozen and can only be read.")
        at = clock.venue_now if clock else now
        entry = await write_booking(connection, account_id, booking, venue_at=at, now=now)
        action = "cash.deposited" if booking.cash > 0 else "cash.withdrawn"
        about = {"cash": booking.cash, "words": booking.description}
        await note(connection, caller, action, ("account", account_id), after=about, source=f"ledger_entry/{entry}")
    return await get_account(b, caller, account_id)


async def _take_from_margin(b: Backends, connection: Connection, account: AccountView, cash: Decimal) -> None:
    """Take cash out of a margin account, as far as it is its own and nothing that is held or ordered needs it.

    What came in for shares sold short stays, and nothing is borrowed to be taken out.
    """
    row = await (await connection.execute(queries.LOCKED_CASH, (account.id,))).fetchone()
    if row is None:
        raise Conflict("This account is closed or frozen and can only be read.")
    has, reserved = row
    held = [Held(account.id, *one) for one in await (await connection.execute(queries.HELD, (account.id,))).fetchall()]
    prices = await newest_prices(b, account.venue, [one.symbol for one in held])
    state = margin_state(has, positions_at(held, prices))
    spare = (state.buying_power - reserved) * REG_T.initial_long_ratio
    if state.equity < REG_T.min_equity:
        spare = state.buying_power - reserved
    free = max(ZERO, min(has - state.short_value, spare)).quantize(CENT, ROUND_FLOOR)
    if cash > free:
        raise InvalidInput(f"Only {free:,.2f} {account.currency} are free to take out.")
    await connection.execute(queries.MOVE_CASH, (-cash, account.id))


async def ensure_first_account(b: Backends, user_id: UUID) -> None:
    """Give a person without any account the practice account; does nothing for everybody else."""
    if await b.db.value(queries.COUNT_ACCOUNTS, (user_id,)):
        return
    try:
        venue_at, run_id = await replay_now(b)
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
    connection: Connection,
    user_id: UUID,
    *,
    name: str,
    cash: Decimal,
    run_id: int | None,
    venue_at: datetime,
    now: datetime,
    by: Caller | Actor = SYSTEM,
    preset: str = REALISTIC.name,
    kind: str = "cash",
) -> UUID:
    """The rows of a new paper account, its first deposit and its first point of value.

    It belongs to a run of the replay, or (None) to the wall-clock market.
    """
    account_id, venue = uuid4(), "market" if run_id is None else "replay"
    booking = book_deposit(cash, "USD")
    await connection.execute(
        queries.INSERT_ACCOUNT,
        {
            "id": account_id,
            "user": user_id,
            "name": name,
            "venue": venue,
            "broker": PAPER,
            "mode": "paper",
            "currency": "USD",
            "preset": preset,
            "kind": kind,
            "run": run_id,
            "now": now,
            "venue_at": venue_at,
        },
    )
    await write_booking(connection, account_id, booking, venue_at=venue_at, now=now)
    await connection.execute(queries.MOVE_CASH, (booking.cash, account_id))
    await connection.execute(
        queries.INSERT_SNAPSHOT, {"account": account_id, "venue_at": venue_at, "equity": booking.cash}
    )
    about = {"name": name, "owner": user_id, "broker": PAPER, "venue": venue, "cash": booking.cash}
    about |= {"preset": PRESETS[preset].stamp, "kind": kind}
    await note(connection, by, "account.opened", ("account", account_id), after=about)
    return account_id


async def replay_now(b: Backends) -> tuple[datetime, int]:
    """Venue time and run of the replay; Unavailable while there is no run."""
    clock = await clock_or_none(b, "replay")
    if clock is not None and clock.run_id is not None:
        return clock.venue_now, clock.run_id
    status = await replay_status(b.db, b.cache)
    if status.run is None:
        raise Unavailable("The replay market is still starting. Try again in a few seconds.")
    return status.run.horizon_venue_at, status.run.id
