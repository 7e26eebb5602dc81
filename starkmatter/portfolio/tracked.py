"""Accounts that are held elsewhere and only kept here: real money, on the market's clock, and never traded from here.

What moves them is imported or typed in. `is_tracked` is how everybody else tells one: its dividends, interest, fees and
taxes come with its files and are booked by nobody else.
"""

from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.domain.presets import REALISTIC
from starkmatter.errors import Conflict, InvalidInput, NotAllowed
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.importing import queries as importing
from starkmatter.portfolio.opening import MAX_ACCOUNTS, title_of
from starkmatter.portfolio.records import AccountView
from starkmatter.trading.facts import TRACKED

VENUE = "market"
BEING_TOLD = "Values of former days are being told anew, since entries came: look again in a moment."


def is_tracked(account: AccountView) -> bool:
    """Whether the account is held elsewhere and only kept here."""
    return account.broker == TRACKED


async def open_tracked(b: Backends, caller: Caller, *, name: str, currency: str = "USD") -> AccountView:
    """Open an empty account for what is held elsewhere, in `currency`.

    Raises InvalidInput for a name or currency that cannot be, NotAllowed for a viewer.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not open accounts.")
    title = title_of(name)
    if currency not in BOOK_CURRENCIES:
        raise InvalidInput(f"The currency must be one of: {', '.join(BOOK_CURRENCIES)}.")
    now, account_id = utc_now(), uuid4()
    async with b.db.transaction() as connection:
        await connection.execute("SELECT 1 FROM app_user WHERE id = %s FOR UPDATE", (caller.user_id,))
        row = await (await connection.execute(queries.COUNT_ACCOUNTS, (caller.user_id,))).fetchone()
        if row is not None and row[0] >= MAX_ACCOUNTS:
            raise InvalidInput(f"One person can have {MAX_ACCOUNTS} accounts.")
        await connection.execute(
            queries.INSERT_ACCOUNT,
            {
                "id": account_id,
                "user": caller.user_id,
                "name": title,
                "venue": VENUE,
                "broker": TRACKED,
                "mode": "live",
                "currency": currency,
                "preset": REALISTIC.name,
                "kind": "cash",
                "run": None,
                "now": now,
                "venue_at": now,
            },
        )
        await connection.execute(importing.PUT_TRACKED, (account_id,))
        await connection.execute(queries.INSERT_SNAPSHOT, {"account": account_id, "venue_at": now, "equity": 0})
        about = {"name": title, "owner": caller.user_id, "broker": TRACKED, "venue": VENUE, "mode": "live"}
        about |= {"currency": currency}
        await note(connection, caller, "account.opened", ("account", account_id), after=about)
    return await get_account(b, caller, account_id)


async def own_tracked(b: Backends, caller: Caller, account_id: UUID) -> AccountView:
    """An account that the caller may import into.

    NotFound when they do not see it, NotAllowed when it is somebody else's or their role only looks, Conflict when it
    is not a tracked one or is closed.
    """
    account = await get_account(b, caller, account_id)
    if account.access != "own" or not caller.may_trade:
        raise NotAllowed("Only its owner, with a role that may trade, changes the books of this account.")
    if not is_tracked(account):
        raise Conflict("Files go into tracked accounts alone: what this account has comes from its own orders.")
    if account.read_only:
        raise Conflict("This account is closed or frozen and can only be read.")
    return account


async def unpriced_days(b: Backends, account: AccountView) -> list[str]:
    """What the values of a tracked account's former days lack, in sentences; empty for any other account."""
    rows = await b.db.tuples(importing.UNPRICED, (account.id,)) if is_tracked(account) else []
    if not rows:
        return []
    lacking, stale = rows[0]
    return [*lacking, *([BEING_TOLD] if stale else [])]
