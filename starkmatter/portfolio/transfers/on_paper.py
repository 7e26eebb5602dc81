"""Moving shares between paper accounts: now, under both accounts' locks, with a point of value on either side."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.holdings import HoldingState, after_coming, after_leaving
from starkmatter.domain.ledger import book_moved
from starkmatter.domain.margin import REG_T, Position, margin_state
from starkmatter.domain.money import ZERO, money_text, plain, to_cents
from starkmatter.errors import Conflict, InvalidInput
from starkmatter.portfolio import queries as points
from starkmatter.portfolio.importing import pair_queries
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.snapshots import rates_text
from starkmatter.portfolio.transfers import queries
from starkmatter.portfolio.transfers.records import WHY_IT_STAYS, Transfer
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.journal import write_booking
from starkmatter.trading.lending.state import newest_prices

AN_INSTANT = timedelta(microseconds=1)
NOTHING = (HoldingState(), ZERO)

Holdings = Mapping[tuple[UUID, str], tuple[HoldingState, Decimal]]


async def move_on_paper(
    b: Backends,
    caller: Caller,
    giver: AccountView,
    taker: AccountView,
    pair: dict[str, Any],
    price: Decimal | None,
) -> None:
    """Book both sides at `price` a share. Raises what `move_shares` says of shorts, orders and what is lent."""
    symbol, qty, at, now = pair["symbol"], pair["qty"], pair["venue_at"], pair["now"]
    both = [giver.id, taker.id]
    async with b.db.transaction() as connection:
        cash = await _locked(connection, both)
        held = await _held(connection, both)
        prices = await newest_prices(b, giver.venue, sorted({name for _, name in held} | {symbol}))
        state, set_aside = held.get((giver.id, symbol), NOTHING)
        there, _ = held.get((taker.id, symbol), NOTHING)
        _is_free(giver, symbol, qty, state, set_aside)
        if there.qty < 0:
            raise Conflict(f"{taker.name} owes {symbol}: shares cannot be moved against a short position.")
        if price is None:
            raise Conflict(f"{symbol} has no price now. Try again when its market answers.")
        left, cost = after_leaving(state, qty)
        if giver.kind == "margin":
            _may_go(giver, cash[giver.id], held, symbol, left, prices | {symbol: price})
        worth = to_cents(qty * price)
        await _points(b, connection, giver, both, at - AN_INSTANT, prices)
        entries = {}
        for name, account, after, sign in (
            ("out", giver, left, -1),
            ("in", taker, after_coming(there, qty, cost), 1),
        ):
            booking = book_moved(symbol, sign * qty, worth, giver.currency)
            entries[name] = await write_booking(connection, account.id, booking, venue_at=at, now=now)
            await _hold(connection, account.id, symbol, after, at)
        await connection.execute(pair_queries.PUT_PAIR, pair | entries | {"worth": worth, "cost": cost})
        await _points(b, connection, giver, both, at, prices)
        about = {"symbol": symbol, "qty": qty, "worth": worth, "cost": cost, "to": taker.id}
        await note(connection, caller, "shares.moved", ("account", giver.id), after=about)


async def take_back_on_paper(b: Backends, caller: Caller, giver: AccountView, found: Transfer) -> None:
    """Write both entries back while nothing has gone on with these shares; Conflict otherwise."""
    clock, now = await clock_or_none(b, giver.venue), utc_now()
    if clock is None:
        raise Conflict("The market of these accounts does not answer. Try again in a moment.")
    async with b.db.transaction() as connection:
        await _locked(connection, found.accounts)
        held = await _held(connection, found.accounts)
        row = await (await connection.execute(queries.LOCK_TRANSFER, (found.id,))).fetchone()
        if row is None:
            raise Conflict("This move was taken back already.")
        cost: Decimal = row[0]
        asked = {
            "accounts": found.accounts,
            "after": min(found.entries),
            "entries": found.entries,
            "symbol": found.symbol,
            "at": found.venue_at,
        }
        gone_on = await (await connection.execute(queries.GONE_ON, asked)).fetchone()
        if gone_on is not None and any(gone_on):
            why = WHY_IT_STAYS["closed" if gone_on[1] else "traded"]
            raise Conflict(f"{why} since: move the shares back instead.")
        there, set_aside = held.get((found.to_account_id, found.symbol), NOTHING)
        if there.qty - set_aside < found.qty:
            raise Conflict(f"Open orders hold {plain(set_aside)} {found.symbol} there: cancel them first.")
        state, _ = held.get((found.from_account_id, found.symbol), NOTHING)
        await connection.execute(queries.REVERSE, {"entries": found.entries, "now": now})
        await connection.execute(queries.END, {"id": found.id, "now": now})
        at = clock.venue_now
        await _hold(connection, found.from_account_id, found.symbol, after_coming(state, found.qty, cost), at)
        back = HoldingState(there.qty - found.qty, there.cost_basis - cost, there.realized_pl)
        await _hold(connection, found.to_account_id, found.symbol, back, at)
        await connection.execute(queries.DROP_POINTS, {"accounts": found.accounts, "at": found.venue_at})
        prices = await newest_prices(b, giver.venue, sorted({name for _, name in held} | {found.symbol}))
        await _points(b, connection, giver, found.accounts, at, prices)
        about = {"symbol": found.symbol, "qty": found.qty, "transfer": found.id, "to": found.to_account_id}
        await note(connection, caller, "shares.move_taken_back", ("account", giver.id), after=about)


def _is_free(giver: AccountView, symbol: str, qty: Decimal, state: HoldingState, set_aside: Decimal) -> None:
    if state.qty < 0:
        raise Conflict(f"{giver.name} owes {symbol}: a short position is closed, not moved.")
    if qty > state.qty:
        raise InvalidInput(f"Only {plain(state.qty)} {symbol} are in {giver.name}.")
    if qty > state.qty - set_aside:
        raise Conflict(
            f"Open orders hold {plain(set_aside)} of the {plain(state.qty)} {symbol} in {giver.name}: cancel them, or "
            f"move at most {plain(state.qty - set_aside)}."
        )


def _may_go(
    giver: AccountView,
    cash: tuple[Decimal, Decimal],
    held: Holdings,
    symbol: str,
    left: HoldingState,
    prices: Mapping[str, Decimal],
) -> None:
    """Nothing goes that a loan, a short position or an open order rests on."""
    positions = []
    for (account_id, name), (state, _) in held.items():
        now = left if name == symbol else state
        if account_id == giver.id and now.qty:
            positions.append(Position(name, now.qty, prices.get(name, now.avg_price)))
    after = margin_state(cash[0], positions)
    lends = after.debit > 0 or after.short_value > 0
    if (lends and after.equity < REG_T.min_equity) or after.excess < 0 or after.buying_power < cash[1]:
        raise Conflict(
            f"{giver.name} borrows against these shares, or open orders count on them: without them it would have "
            f"{money_text(to_cents(after.equity))} {giver.currency} of equity and needs "
            f"{money_text(to_cents(after.maintenance))}."
        )


async def _locked(connection: Connection, accounts: list[UUID]) -> dict[UUID, tuple[Decimal, Decimal]]:
    """Cash, and what orders have set aside of it."""
    rows = await (await connection.execute(queries.LOCK_BOTH, (accounts,))).fetchall()
    if len(rows) != len(accounts):
        raise Conflict("One of the two accounts is closed or frozen and can only be read.")
    return {row[0]: (row[1], row[2]) for row in rows}


async def _held(connection: Connection, accounts: list[UUID]) -> Holdings:
    rows = await (await connection.execute(queries.HELD, (accounts,))).fetchall()
    return {(row[0], row[1]): (HoldingState(*row[2:5]), row[5]) for row in rows}


async def _hold(connection: Connection, account_id: UUID, symbol: str, state: HoldingState, at: datetime) -> None:
    row = {"account": account_id, "symbol": symbol, "qty": state.qty, "cost": state.cost_basis, "at": at}
    await connection.execute(queries.PUT_HELD, row | {"realized": state.realized_pl})


async def _points(
    b: Backends,
    connection: Connection,
    account: AccountView,
    accounts: list[UUID],
    at: datetime,
    prices: Mapping[str, Decimal],
) -> None:
    """What both accounts are worth at `at`, as far as booked by now."""
    said = orjson.dumps([{"symbol": name, "last": format(last, "f")} for name, last in prices.items()]).decode()
    given = {"venue": account.venue, "venue_at": at, "prices": said, "accounts": accounts}
    await connection.execute(points.SNAPSHOT_OF, given | {"rates": await rates_text(b.db, account.venue, at)})
