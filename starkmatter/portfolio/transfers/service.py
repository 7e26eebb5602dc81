"""Moving shares from one of one's own accounts to another: no sale, no gain, the lots go along.

Each account has one entry, written in one transaction: the shares, and what they were worth then as a flow, so that the
returns of both count it like money. What they had cost goes along in the pair and is a fold of the account that they
came from. On paper shares move now; in tracked accounts on any day, and what followed is told anew.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.ledger import book_moved
from starkmatter.domain.lots import QTY_STEP, LotMethod, LotPick
from starkmatter.domain.money import ZERO, plain, to_cents
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.importing import pair_queries
from starkmatter.portfolio.importing import queries as importing
from starkmatter.portfolio.importing.booking import below_zero, refold
from starkmatter.portfolio.lots.book import fold, folded_lots
from starkmatter.portfolio.lots.events import PICKS_DO_NOT_FIT, Move
from starkmatter.portfolio.opening import PAPER
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.tracked import is_tracked
from starkmatter.portfolio.transfers import queries
from starkmatter.portfolio.transfers.on_paper import move_on_paper, take_back_on_paper
from starkmatter.portfolio.transfers.pricing import price_then
from starkmatter.portfolio.transfers.records import Asked, Transfer
from starkmatter.portfolio.valuation import clock_or_none
from starkmatter.trading.facts import TRACKED
from starkmatter.trading.journal import write_booking
from starkmatter.trading.lending.state import newest_prices

METHODS: tuple[LotMethod, ...] = ("fifo", "lifo", "hifo")
FIRST_YEAR = 1900
MAX_PICKS = 200
MAX_LIST = 200
MOST_SHARES = Decimal(10) ** 12


async def move_shares(b: Backends, caller: Caller, asked: Asked, picks: Sequence[LotPick] = ()) -> Transfer:
    """Move `asked.qty` shares, those of the picked lots or those the method takes; the pair as it was booked.

    Raises NotFound for an account that the caller does not see, NotAllowed for somebody else's, Conflict for accounts
    between which nothing moves (paper and real, two markets, two currencies, at a broker, closed), for short positions
    and for shares that open orders hold, InvalidInput for more than is there or what does not fit.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not move shares.")
    giver = await get_account(b, caller, asked.from_account_id)
    taker = await get_account(b, caller, asked.to_account_id)
    _fits(giver, taker)
    symbol = asked.symbol.strip().upper()
    qty, method = _qty_of(asked.qty, picks), _method_of(asked.method, picks)
    now = utc_now()
    at = await _instant(b, giver, asked.at, now)
    price = asked.price
    if price is None and asked.at is None:
        price = (await newest_prices(b, giver.venue, [symbol])).get(symbol) if giver.currency == "USD" else None
    if price is None:
        price = await price_then(b.db, giver.venue, symbol, at, giver.currency)
    if picks:
        await _try_picks(b, caller, giver, taker, symbol, qty, at, picks)
    transfer_id = uuid4()
    pair = {
        "id": transfer_id,
        "from": giver.id,
        "to": taker.id,
        "symbol": symbol,
        "qty": qty,
        "method": method,
        "lots": [one.lot_id for one in picks],
        "lot_qtys": [one.qty for one in picks],
        "origin": "moved",
        "venue_at": at,
        "now": now,
        "mark": None,
    }
    if giver.broker == PAPER:
        await move_on_paper(b, caller, giver, taker, pair, price)
    else:
        await _move_tracked(b, caller, giver, taker, pair, price)
    return await get_transfer(b, caller, transfer_id)


async def take_back(b: Backends, caller: Caller, transfer_id: UUID) -> Transfer:
    """Write an entry against each side; nothing of the journal goes.

    In tracked accounts as long as no later entry needs the shares; on paper until these were traded or their day
    closed. Conflict in words otherwise, and for what was taken back or what files told of; NotFound for one that the
    caller does not see, NotAllowed for somebody else's.
    """
    found = await get_transfer(b, caller, transfer_id)
    if not found.own or not caller.may_trade:
        raise NotAllowed("Only its owner, with a role that may trade, takes a move of shares back.")
    if found.ended_at is not None:
        raise Conflict("This move was taken back already.")
    if found.origin == "matched":
        raise Conflict("Two files told of this move: take the import of one of them back.")
    giver = await get_account(b, caller, found.from_account_id)
    taker = await get_account(b, caller, found.to_account_id)
    if giver.read_only or taker.read_only:
        raise Conflict("One of the two accounts is closed or frozen and can only be read.")
    if giver.broker == PAPER:
        await take_back_on_paper(b, caller, giver, found)
    else:
        await _take_back_tracked(b, caller, found)
    return await get_transfer(b, caller, transfer_id)


async def get_transfer(b: Backends, caller: Caller, transfer_id: UUID) -> Transfer:
    """One pair; NotFound when the caller sees neither account."""
    found = await b.db.one(Transfer, queries.TRANSFER, {"user": caller.user_id, "id": transfer_id})
    if found is None:
        raise NotFound("There is no such move of shares.")
    return found


async def list_transfers(
    b: Backends, caller: Caller, account_id: UUID | None = None, *, before: datetime | None = None, limit: int = 50
) -> list[Transfer]:
    """Pairs of the accounts that the caller sees, or of one of them, those booked last first."""
    if account_id is not None:
        await get_account(b, caller, account_id)
    asked = {"user": caller.user_id, "account": account_id, "before": before, "limit": max(1, min(limit, MAX_LIST))}
    return await b.db.all(Transfer, queries.TRANSFERS, asked)


def _fits(giver: AccountView, taker: AccountView) -> None:
    """Raises what says why nothing moves between the two."""
    if giver.id == taker.id:
        raise InvalidInput("Shares move to another account: choose two.")
    if giver.access != "own" or taker.access != "own":
        raise NotAllowed("Shares move between your own accounts alone: one of the two is somebody else's.")
    for one in (giver, taker):
        if one.broker not in (PAPER, TRACKED):
            raise Conflict(
                f"What {one.name} has is at its broker: shares are moved there, and our book follows the broker's."
            )
    if giver.mode != taker.mode:
        raise Conflict("Shares on paper and real ones are never mixed: both accounts have to be of one kind.")
    if giver.venue != taker.venue:
        raise Conflict("The two accounts are on two markets with two clocks: shares stay on theirs.")
    if giver.currency != taker.currency:
        raise Conflict(
            f"{giver.name} is kept in {giver.currency} and {taker.name} in {taker.currency}: what the lots had cost "
            "cannot be told in another currency."
        )
    for one in (giver, taker):
        if one.read_only:
            raise Conflict(f"{one.name} is closed or frozen and can only be read.")


def _qty_of(qty: Decimal, picks: Sequence[LotPick]) -> Decimal:
    if not qty.is_finite() or not 0 < qty < MOST_SHARES or qty != qty.quantize(QTY_STEP):
        raise InvalidInput("The quantity must be more than zero, with nine decimals at most.")
    if len(picks) > MAX_PICKS:
        raise InvalidInput(f"At most {MAX_PICKS} lots can be picked for one move.")
    total = sum((one.qty for one in picks), ZERO)
    if picks and total != qty:
        raise InvalidInput(f"The picked lots add up to {plain(total)}, but {plain(qty)} are to be moved.")
    return qty


def _method_of(method: LotMethod | None, picks: Sequence[LotPick]) -> LotMethod | None:
    if method is None or (method == "specific" and picks):
        return None
    if method not in METHODS:
        raise InvalidInput(f"The lots to move are picked, or found by one of: {', '.join(METHODS)}.")
    if picks:
        raise InvalidInput("Say either which lots are moved or how they are found.")
    return method


async def _instant(b: Backends, giver: AccountView, at: datetime | None, now: datetime) -> datetime:
    if giver.broker == PAPER:
        if at is not None:
            raise InvalidInput("Shares on paper move now: leave the day open.")
        clock = await clock_or_none(b, giver.venue)
        if clock is None:
            raise Conflict("The market of these accounts does not answer. Try again in a moment.")
        return clock.venue_now
    if at is None:
        return now
    if at.year < FIRST_YEAR or at > now:
        raise InvalidInput(f"The day must be in {FIRST_YEAR} or later, and not to come.")
    return at


async def _try_picks(
    b: Backends,
    caller: Caller,
    giver: AccountView,
    taker: AccountView,
    symbol: str,
    qty: Decimal,
    at: datetime,
    picks: Sequence[LotPick],
) -> None:
    """Raises InvalidInput when the lots were not there on that day, in the words of the lot book."""
    folded = await folded_lots(b, caller, giver.id)
    number = max((one.id for one in folded.moves), default=0)
    lots, qtys = [one.lot_id for one in picks], [one.qty for one in picks]
    out = Move(
        number + 1, giver.id, "transfer_out", at, symbol, -qty, ZERO, ZERO, None, None, number + 2, taker.id,
        None, lots, qtys,
    )  # fmt: skip
    come = Move(number + 2, taker.id, "transfer_in", at, symbol, qty, ZERO, ZERO, None, None, number + 1, taker.id)
    _, tried = fold([*folded.moves, out, come], folded.choices, actions=folded.actions)
    problems = [one for one in tried.notes if one.startswith(PICKS_DO_NOT_FIT) and one not in folded.notes]
    if problems:
        raise InvalidInput(problems[0].partition(": ")[2] or problems[0])


async def _move_tracked(
    b: Backends,
    caller: Caller,
    giver: AccountView,
    taker: AccountView,
    pair: dict[str, object],
    price: Decimal | None,
) -> None:
    qty, symbol, at, now = Decimal(str(pair["qty"])), str(pair["symbol"]), pair["venue_at"], pair["now"]
    assert isinstance(at, datetime)
    assert isinstance(now, datetime)
    async with b.db.transaction() as connection:
        await _lock(connection, giver.id, taker.id)
        before = await _least(connection, giver.id, symbol)
        there = await _held(connection, giver.id, symbol, at)
        if there < 0:
            raise Conflict(f"{giver.name} owed {symbol} then: a short position is closed, not moved.")
        if qty > there:
            raise InvalidInput(f"Only {plain(there)} {symbol} were in {giver.name} on {exchange_day(at)}.")
        if await _held(connection, taker.id, symbol, at) < 0:
            raise Conflict(f"{taker.name} owed {symbol} then: shares cannot be moved against a short position.")
        if price is None:
            raise InvalidInput(f"What {symbol} was worth on {exchange_day(at)} is not known here: say a price.")
        worth = to_cents(qty * price)
        entries = {}
        for name, account, sign in (("out", giver, -1), ("in", taker, 1)):
            booking = book_moved(symbol, sign * qty, worth, giver.currency)
            entries[name] = await write_booking(connection, account.id, booking, venue_at=at, now=now)
        after = await _least(connection, giver.id, symbol)
        if after < min(before, ZERO):
            raise InvalidInput(
                f"Later entries of {giver.name} sold {symbol} that would be gone then: {plain(-after)} would be "
                "missing."
            )
        await connection.execute(pair_queries.PUT_PAIR, pair | entries | {"worth": worth, "cost": ZERO})
        await refold(connection, giver.id, now, [taker.id], symbol=symbol)
        about = {"symbol": symbol, "qty": qty, "worth": worth, "to": taker.id, "at": at.isoformat()}
        await note(connection, caller, "shares.moved", ("account", giver.id), after=about)


async def _take_back_tracked(b: Backends, caller: Caller, found: Transfer) -> None:
    now = utc_now()
    async with b.db.transaction() as connection:
        await _lock(connection, *found.accounts)
        if await (await connection.execute(queries.LOCK_TRANSFER, (found.id,))).fetchone() is None:
            raise Conflict("This move was taken back already.")
        before = await _least(connection, found.to_account_id, found.symbol)
        await connection.execute(queries.REVERSE, {"entries": found.entries, "now": now})
        await connection.execute(queries.END, {"id": found.id, "now": now})
        after = await _least(connection, found.to_account_id, found.symbol)
        if after < min(before, ZERO):
            raise Conflict(
                f"Shares that it brought were sold or moved on since: without it {plain(-after)} {found.symbol} would "
                "be missing. Take that back first."
            )
        await refold(connection, found.from_account_id, now, [found.to_account_id], symbol=found.symbol)
        about = {"symbol": found.symbol, "qty": found.qty, "transfer": found.id, "to": found.to_account_id}
        await note(connection, caller, "shares.move_taken_back", ("account", found.from_account_id), after=about)


async def _lock(connection: Connection, *accounts: UUID) -> None:
    """Everything whose cost may follow, and the two accounts, which have to be open still."""
    rows = await (await connection.execute(queries.LOCK_BOTH, (list(accounts),))).fetchall()
    if len(rows) != len(accounts):
        raise Conflict("One of the two accounts is closed or frozen and can only be read.")
    for account_id in sorted(accounts):
        await connection.execute(importing.LOCK_FOLLOWING, {"account": account_id})


async def _least(connection: Connection, account_id: UUID, symbol: str) -> Decimal:
    """The least that the account has of the symbol at any time, when that is below zero; else zero."""
    lacking = await below_zero(connection, None, account_id, symbol=symbol)
    return lacking[0][1] if lacking else ZERO


async def _held(connection: Connection, account_id: UUID, symbol: str, at: datetime) -> Decimal:
    row = await (
        await connection.execute(queries.HELD_AT, {"account": account_id, "symbol": symbol, "at": at})
    ).fetchone()
    return row[0] if row else ZERO


def may_move(account: AccountView) -> bool:
    """Whether shares of the account can be moved at all: its owner's, open, and not at a broker."""
    return account.access == "own" and not account.read_only and (account.broker == PAPER or is_tracked(account))
