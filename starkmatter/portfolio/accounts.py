"""The accounts a person owns or may look at, each with what it is worth now."""

from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.errors import NotFound
from starkmatter.portfolio import queries
from starkmatter.portfolio.records import AccountRow, AccountView
from starkmatter.portfolio.valuation import value_accounts


async def list_accounts(b: Backends, caller: Caller) -> list[AccountView]:
    """The caller's accounts, those that trade before those of former replay runs (read-only), then the shared ones."""
    rows = await b.db.all(AccountRow, queries.ACCOUNTS, {"user": caller.user_id})
    return await value_accounts(b, caller, rows)


async def get_account(b: Backends, caller: Caller, account_id: UUID) -> AccountView:
    """One account; NotFound when it is absent, or somebody else's and not shared with the caller."""
    row = await b.db.one(AccountRow, queries.ACCOUNT, {"user": caller.user_id, "account": account_id})
    if row is None:
        raise NotFound("There is no such account.")
    return (await value_accounts(b, caller, [row]))[0]
