"""The caller's accounts, each with what it is worth now."""

from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.errors import NotFound
from starkmatter.portfolio import queries
from starkmatter.portfolio.records import AccountRow, AccountView
from starkmatter.portfolio.valuation import value_accounts


async def list_accounts(b: Backends, caller: Caller) -> list[AccountView]:
    """Every account of the caller: those that trade first, then those of former replay runs (read-only)."""
    rows = await b.db.all(AccountRow, queries.ACCOUNTS, (caller.user_id,))
    return await value_accounts(b, caller, rows)


async def get_account(b: Backends, caller: Caller, account_id: UUID) -> AccountView:
    """One account; NotFound when it is absent or somebody else's."""
    row = await b.db.one(AccountRow, queries.ACCOUNT, (caller.user_id, account_id))
    if row is None:
        raise NotFound("There is no such account.")
    return (await value_accounts(b, caller, [row]))[0]
