"""Accounts, positions, value and the ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.books import Asked
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_portfolio import BookOut, EquityPointOut
from starkmatter.api.schemas_trading import (
    AccountOut,
    BrokerOut,
    Deposit,
    EntryOut,
    MarginCallOut,
    MarginOut,
    NewAccount,
    NewBeginning,
    NewBranch,
    PositionOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.allocating.held import value_book
from starkmatter.portfolio.at_broker import accept_brokers_book, broker_status, open_at_broker
from starkmatter.portfolio.branching import fork_account, reset_account
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import PAPER, deposit, open_account
from starkmatter.portfolio.tracked import open_tracked
from starkmatter.portfolio.valuation import equity_series, list_positions
from starkmatter.trading.facts import TRACKED
from starkmatter.trading.lending.state import margin_of

router = APIRouter(prefix=API_PREFIX, tags=["Portfolio"])
_STATE = ("equity", "long_value", "short_value", "debit", "initial", "maintenance", "excess", "call")


@router.get("/accounts")
async def accounts(caller: Signed, b: B) -> Page[AccountOut]:
    """The caller's accounts, those that trade first."""
    return Page(items=[AccountOut.model_validate(one) for one in await list_accounts(b, caller)])


@router.post("/accounts", status_code=201)
async def new_account(body: NewAccount, caller: Signed, b: B) -> AccountOut:
    """Open an account: with paper cash on either market, behind the caller's keys at a broker, or (`tracked`) empty and
    without trading, for what is held elsewhere.
    """
    if body.broker == TRACKED:
        return AccountOut.model_validate(await open_tracked(b, caller, name=body.name, currency=body.currency))
    if body.broker != PAPER:
        return AccountOut.model_validate(await open_at_broker(b, caller, broker=body.broker, name=body.name))
    return AccountOut.model_validate(
        await open_account(
            b,
            caller,
            name=body.name,
            venue=body.venue,
            currency=body.currency,
            cash=body.cash,
            preset=body.preset,
            kind=body.kind,
        )
    )


@router.get("/accounts/{account_id}")
async def account(account_id: UUID, caller: Signed, b: B) -> AccountOut:
    """One account with its value now."""
    return AccountOut.model_validate(await get_account(b, caller, account_id))


@router.post("/accounts/{account_id}/reset", status_code=201)
async def reset(account_id: UUID, body: NewBeginning, caller: Signed, b: B) -> AccountOut:
    """Close a paper account for good, open orders canceled first, and begin anew under its name; the new account.

    The former one is kept and can be read. `confirm` has to be its name.
    """
    return AccountOut.model_validate(await reset_account(b, caller, account_id, confirm=body.confirm, cash=body.cash))


@router.post("/accounts/{account_id}/fork", status_code=201)
async def fork(account_id: UUID, body: NewBranch, caller: Signed, b: B) -> AccountOut:
    """Open a paper account with the cash and shares that this one has, or had at the close of a former day."""
    return AccountOut.model_validate(
        await fork_account(b, caller, account_id, name=body.name, on=body.on, preset=body.preset)
    )


@router.get("/accounts/{account_id}/margin")
async def margin(account_id: UUID, caller: Signed, b: B) -> MarginOut:
    """What a margin account borrows, has to keep and may still buy, and its calls; 404 for a cash account."""
    found = await margin_of(b, caller, account_id)
    figures = {name: getattr(found.state, name) for name in _STATE}
    rest = {name: getattr(found, name) for name in MarginOut.model_fields if name not in figures and name != "calls"}
    calls = [MarginCallOut.model_validate(one) for one in found.calls]
    return MarginOut.model_validate(figures | rest | {"calls": calls})


@router.get("/accounts/{account_id}/broker")
async def broker(account_id: UUID, caller: Signed, b: B) -> BrokerOut:
    """How the account stands at its broker; 404 for a paper account."""
    found = await broker_status(b, caller, account_id)
    if found is None:
        raise NotFound("This account is on paper: there is no broker's book.")
    return BrokerOut.model_validate(found)


@router.post("/accounts/{account_id}/broker/accept", status_code=202)
async def accept(account_id: UUID, caller: Signed, b: B) -> BrokerOut:
    """Let our book follow the broker's where they differ; booked as adjustments within seconds."""
    await accept_brokers_book(b, caller, account_id)
    return await broker(account_id, caller, b)


@router.post("/accounts/{account_id}/deposits", status_code=201)
async def new_deposit(account_id: UUID, body: Deposit, caller: Signed, b: B) -> AccountOut:
    """Pay paper cash in (positive) or take it out (negative)."""
    return AccountOut.model_validate(await deposit(b, caller, account_id, body.amount))


@router.get("/accounts/{account_id}/ledger")
async def ledger(
    account_id: UUID,
    caller: Signed,
    b: B,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Page[EntryOut]:
    """The account's journal, the newest entry first."""
    await get_account(b, caller, account_id)
    if cursor is not None and not cursor.isdecimal():
        raise InvalidInput("cursor: not one of ours.")
    found = await list_entries(b, caller, account_id, limit, int(cursor) if cursor else None)
    following = str(found[-1].id) if len(found) == limit else None
    return Page(items=[EntryOut.model_validate(one) for one in found], next_cursor=following)


@router.get("/positions")
async def positions(caller: Signed, b: B, account_id: UUID) -> Page[PositionOut]:
    """Positions at the newest quotes; closed ones stay listed with their realized result."""
    return Page(items=[PositionOut.model_validate(one) for one in await list_positions(b, caller, account_id)])


@router.get("/portfolio/summary")
async def summary(caller: Signed, b: B, book: Asked) -> AccountOut | BookOut:
    """What the account is worth now, and what of it came today.

    With `account_id=all` (or without one), or in another currency: what the accounts are worth together.
    """
    if book.account_id is not None and book.currency is None:
        return AccountOut.model_validate(await get_account(b, caller, book.account_id))
    return BookOut.model_validate(await value_book(b, caller, book.account_id, **book.how))


@router.get("/portfolio/equity")
async def equity(caller: Signed, b: B, account_id: UUID) -> Page[EquityPointOut]:
    """The account's value over venue time, oldest first."""
    await get_account(b, caller, account_id)
    return Page(items=[EquityPointOut.model_validate(one) for one in await equity_series(b, caller, account_id)])
