"""New beginnings and branches of paper accounts. Nothing is unbooked: the former account is kept and can be read.

A reset closes an account, with its open orders canceled first, and opens another under the same name and with the same
kind, preset, people and rules. A fork opens one beside it with the cash and the shares it has, or had at the close of a
former day, booked as openings; what they cost comes along, returns begin with what they are worth now.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.corporate.terms import CorporateError
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import CASH, HOLDING, OPENING_COST, book_deposit, book_opening
from starkmatter.domain.margin import REG_T
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.orders import AccountKind, Side
from starkmatter.domain.presets import PRESETS
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import Conflict, InvalidInput, NotAllowed
from starkmatter.market.clocks import EXCHANGE
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots.queries import TAKE_METHOD
from starkmatter.portfolio.opening import FIRST_CASH, MAX_ACCOUNTS, MAX_CASH, PAPER, replay_now, title_of
from starkmatter.portfolio.records import AccountView
from starkmatter.trading.corporate.records import Acting
from starkmatter.trading.corporate.telling import holdings_then
from starkmatter.trading.events import announce_order
from starkmatter.trading.journal import write_booking
from starkmatter.trading.lending.state import newest_prices

RESET_WORDS = "The account was reset."


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of an account another one takes over."""

    id: UUID
    user_id: UUID
    name: str
    venue: Venue
    broker: str
    currency: str
    preset: str
    kind: AccountKind
    run_id: int | None
    closed_at: datetime | None
    opened_venue_at: datetime
    first_cash: Decimal | None


@dataclass(frozen=True, slots=True)
class _Booked:
    """One entry of the journal, with the fill it books, if any."""

    kind: str
    symbol: str | None
    side: Side | None
    qty: Decimal | None
    accounts: list[str]
    commodities: list[str]
    amounts: list[Decimal]
    description: str
    cost: Decimal | None

    def on(self, account: str) -> list[tuple[str, Decimal]]:
        """The legs on one account of the ledger."""
        return [
            (commodity, amount)
            for name, commodity, amount in zip(self.accounts, self.commodities, self.amounts, strict=True)
            if name == account
        ]


async def reset_account(
    b: Backends, caller: Caller, account_id: UUID, *, confirm: str, cash: Decimal | None = None
) -> AccountView:
    """Close the account for good and begin anew under its name with `cash` (None: what was first paid in).

    `confirm` has to be the account's name. Its switches, rules and people come along. InvalidInput when it is not, or
    for cash that is not offered; Conflict for a closed account, one at a broker or while an order is just coming in;
    NotFound when it is not the caller's.
    """
    plan = await _plan(b, caller, account_id)
    if plan.closed_at is not None:
        raise Conflict("This account is closed already and can only be read.")
    if confirm.strip() != plan.name:
        raise InvalidInput(f"Type the account's name, {plan.name}, to confirm that it ends and begins anew.")
    begins_with = _cash_of(plan, cash if cash is not None else plan.first_cash or FIRST_CASH)
    before = await get_account(b, caller, account_id)
    venue_at, run_id = await _now_at(b, plan)
    now, new_id = utc_now(), uuid4()
    async with b.db.transaction() as connection:
        orders = await _end_orders(connection, account_id, venue_at, now)
        at_last = {"account": account_id, "at": venue_at, "equity": to_cents(before.equity)}
        await connection.execute(queries.LAST_POINT, at_last)
        await connection.execute(queries.END_CALLS, {"account": account_id, "at": venue_at})
        await _open(connection, plan, new_id, plan.name, plan.preset, venue_at, run_id, now)
        booking = book_deposit(begins_with, plan.currency)
        await connection.execute(queries.MOVE_CASH, (booking.cash, new_id))
        await write_booking(connection, new_id, booking, venue_at=venue_at, now=now)
        first = {"account": new_id, "venue_at": venue_at, "equity": booking.cash}
        await connection.execute(queries.INSERT_SNAPSHOT, first)
        links = {"account": new_id, "parent": account_id, "now": now}
        await connection.execute(queries.SET_PARENT, links | {"branch": "reset", "as_of": None})
        for statement in (*queries.TAKE_ALONG, TAKE_METHOD):
            await connection.execute(statement, links)
        about = {"name": plan.name, "equity": before.equity, "orders": len(orders), "followed_by": new_id}
        await note(connection, caller, "account.reset", ("account", account_id), after=about)
    for order_id, symbol in orders:
        announce_order(b.cache, {caller.user_id}, order_id, "canceled", symbol)
    return await get_account(b, caller, new_id)


async def fork_account(
    b: Backends, caller: Caller, account_id: UUID, *, name: str, on: date | None = None, preset: str | None = None
) -> AccountView:
    """Open a branch with what the account has now, or had at the close of `on` (the exchange's date).

    It has no open orders and lives on from now, by the same preset unless another is given. Raises InvalidInput for a
    day before the account or still to come, Conflict for an account of another run or at a broker, NotFound when it is
    not the caller's.
    """
    plan = await _plan(b, caller, account_id)
    title = title_of(name)
    rules = plan.preset if preset is None else preset
    if rules not in PRESETS:
        raise InvalidInput(f"The preset must be one of: {', '.join(PRESETS)}.")
    if await b.db.value(queries.COUNT_ACCOUNTS, (caller.user_id,)) >= MAX_ACCOUNTS:
        raise InvalidInput(f"One person can have {MAX_ACCOUNTS} accounts.")
    venue_at, run_id = await _now_at(b, plan)
    as_of = venue_at if on is None else await _close_of(b, plan, on, venue_at)
    entries = await b.db.all(_Booked, queries.BOOKED_UNTIL, {"account": account_id, "until": as_of})
    cash, held = state_of(entries, plan.currency)
    if await b.db.value(queries.HAS_MARK, (account_id,)):
        cash, held = await _in_shares_of_today(b, plan, cash, as_of, venue_at)
    prices = await newest_prices(b, plan.venue, sorted(held))
    now, new_id = utc_now(), uuid4()
    equity = cash
    async with b.db.transaction() as connection:
        await _open(connection, plan, new_id, title, rules, venue_at, run_id, now)
        if cash:
            await connection.execute(queries.MOVE_CASH, (cash, new_id))
            await write_booking(connection, new_id, book_deposit(cash, plan.currency), venue_at=venue_at, now=now)
        for symbol, state in sorted(held.items()):
            worth = to_cents(state.qty * prices[symbol]) if symbol in prices else to_cents(state.cost_basis)
            equity += worth
            row = {"account": new_id, "symbol": symbol, "qty": state.qty, "cost": state.cost_basis, "at": venue_at}
            await connection.execute(queries.PUT_OPENED, row)
            booking = book_opening(symbol, state.qty, worth, state.cost_basis, plan.currency)
            await write_booking(connection, new_id, booking, venue_at=venue_at, now=now)
        await connection.execute(queries.LAST_POINT, {"account": new_id, "at": venue_at, "equity": equity})
        links = {"account": new_id, "parent": account_id, "branch": "fork", "as_of": as_of, "now": now}
        await connection.execute(queries.SET_PARENT, links)
        await connection.execute(TAKE_METHOD, links)
        about = {"name": title, "of": account_id, "as_of": as_of, "equity": equity, "preset": PRESETS[rules].stamp}
        await note(connection, caller, "account.forked", ("account", new_id), after=about)
    return await get_account(b, caller, new_id)


def state_of(entries: Sequence[_Booked], currency: str) -> tuple[Decimal, dict[str, HoldingState]]:
    """Cash and open holdings as the fold of these entries, in the order they were booked."""
    cash = ZERO
    held: dict[str, HoldingState] = defaultdict(HoldingState)
    for one in entries:
        moved = sum((amount for commodity, amount in one.on(CASH) if commodity == currency), ZERO)
        cash += moved
        if one.symbol is not None and one.side is not None and one.qty is not None:
            held[one.symbol] = after_fill(held[one.symbol], one.side, one.qty, moved, may_short=True)
            continue
        cost = sum((amount for _, amount in one.on(OPENING_COST)), ZERO)
        for symbol, qty in one.on(HOLDING):
            was = held[symbol]
            if one.cost is not None:
                cost = one.cost if qty > 0 else -one.cost
            held[symbol] = HoldingState(was.qty + qty, was.cost_basis + cost, was.realized_pl)
    return cash, {symbol: state for symbol, state in held.items() if state.qty}


async def _in_shares_of_today(
    b: Backends, plan: _Plan, cash: Decimal, as_of: datetime, venue_at: datetime
) -> tuple[Decimal, dict[str, HoldingState]]:
    """Cash and holdings of a former day, told in the shares that they became since."""
    account = Acting(
        plan.id, plan.user_id, plan.name, plan.venue, plan.broker, plan.currency, plan.preset, plan.kind,
        plan.opened_venue_at,
    )  # fmt: skip
    async with b.db.connection() as connection:
        try:
            more, held = await holdings_then(connection, account, as_of, exchange_day(as_of), exchange_day(venue_at))
        except CorporateError as error:
            raise Conflict(
                f"It cannot be branched while a corporate action waits for somebody to look: {error}"
            ) from None
    return cash + more, held


async def _plan(b: Backends, caller: Caller, account_id: UUID) -> _Plan:
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not open accounts.")
    asked = {"account": account_id, "user": caller.user_id}
    plan = await b.db.one(_Plan, queries.PLAN_OF, asked)
    if plan is None:
        await get_account(b, caller, account_id)  # NotFound, unless it is shared with them.
        raise NotAllowed("Only its owner begins this account anew or branches it.")
    if plan.broker != PAPER:
        raise Conflict("What this account has is at its broker: only paper accounts begin anew or branch.")
    return plan


async def _now_at(b: Backends, plan: _Plan) -> tuple[datetime, int | None]:
    """Venue time and run at which the new account begins."""
    if plan.venue == "market":
        return utc_now(), None
    venue_at, run_id = await replay_now(b)
    if plan.run_id != run_id:
        raise Conflict("This account is of a former run of the replay: its market is gone.")
    return venue_at, run_id


async def _close_of(b: Backends, plan: _Plan, on: date, venue_at: datetime) -> datetime:
    """The close of the session of that day, or of the last one before it."""
    closes_at: datetime | None = await b.db.value(queries.CLOSE_OF_SESSION, {"exchange": EXCHANGE, "on": on})
    if closes_at is None or closes_at < plan.opened_venue_at:
        raise InvalidInput("The account was not open at the close of that day.")
    if closes_at > venue_at:
        raise InvalidInput("That day has not closed yet on this market.")
    return closes_at


def _cash_of(plan: _Plan, cash: Decimal) -> Decimal:
    if not 0 < cash <= MAX_CASH:
        raise InvalidInput(f"The opening cash must be more than zero and at most {MAX_CASH:,} {plan.currency}.")
    if plan.kind == "margin" and cash < REG_T.min_equity:
        least = f"{REG_T.min_equity:,} {plan.currency}"
        raise InvalidInput(f"A margin account begins with at least {least}: below it nobody lends.")
    return cash


async def _end_orders(
    connection: Connection, account_id: UUID, venue_at: datetime, now: datetime
) -> list[tuple[UUID, str]]:
    """Cancel what is open, orders before the account as everywhere, then close the account; ids and symbols."""
    rows = await (await connection.execute(queries.LOCK_OPEN_ORDERS, (account_id,))).fetchall()
    for order_id, status, _ in rows:
        end = "not_sent" if status == "pending_submit" else "canceled"
        await connection.execute(queries.END_ORDER, (order_id, [end], status, RESET_WORDS, venue_at, now))
    await connection.execute(queries.DROP_OUTBOX_OF, ([row[0] for row in rows],))
    closed = await connection.execute(queries.CLOSE_ONE, (now, account_id))
    if closed.rowcount != 1:
        raise Conflict("This account is closed already and can only be read.")
    left = await (await connection.execute(queries.COUNT_OPEN, (account_id,))).fetchone()
    if left is None or left[0]:
        raise Conflict("An order came in at this very moment. Nothing was changed: try again.")
    return [(order_id, symbol) for order_id, _, symbol in rows]


async def _open(
    connection: Connection,
    plan: _Plan,
    new_id: UUID,
    name: str,
    preset: str,
    venue_at: datetime,
    run_id: int | None,
    now: datetime,
) -> None:
    await connection.execute(
        queries.INSERT_ACCOUNT,
        {
            "id": new_id,
            "user": plan.user_id,
            "name": name,
            "venue": plan.venue,
            "broker": PAPER,
            "mode": "paper",
            "currency": plan.currency,
            "preset": preset,
            "kind": plan.kind,
            "run": run_id,
            "now": now,
            "venue_at": venue_at,
        },
    )
