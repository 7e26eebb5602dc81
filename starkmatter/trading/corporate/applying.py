"""Brings one account to what was told: entries, holdings, cash, open orders, former values and the record, in one go.

What is to be booked is the difference between the account's story and what stands in the ledger, so doing it twice, or
by two workers, finds nothing to do. Locks are taken as everywhere: orders by id, the account, its holdings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import orjson

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import note
from starkmatter.db.database import Connection, Database
from starkmatter.domain.corporate.positions import Effect
from starkmatter.domain.corporate.story import Posting, Story, settle
from starkmatter.domain.corporate.terms import Told, action_words
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.ledger import HOLDING
from starkmatter.domain.money import ZERO, money_text
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.market.actions.telling import ToldRow, kind_of
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.following import (
    Following,
    follow,
    grids_of,
    lock_orders,
    said_before,
    write_following,
)
from starkmatter.trading.corporate.points import Written, move_points
from starkmatter.trading.corporate.records import PROBLEM, Acting, Heard, KeptPosting, LockedOrder, figures_of
from starkmatter.trading.corporate.telling import Moves, actions_for, moves_of, story_of, told_for
from starkmatter.trading.journal import write_booking

# Accounts that are told anew after one: shares that went round and round on one day would have no end.
MOST_FOLLOWED = 50


class BooksApart(Exception):
    """What was about to be written does not add up to what is held: nothing was written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: what its owner has to hear, and the orders that changed or ended."""

    heard: tuple[Heard, ...] = ()
    orders: tuple[Following, ...] = ()
    booked: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What is read of an account under its lock."""

    cash: Decimal
    reserved: Decimal
    told_id: int
    acted_on: date | None
    kept: list[KeptPosting]
    moves: Moves
    rows: list[ToldRow]
    locked: list[LockedOrder]

    def is_due(self, told: Told, today: date) -> bool:
        """Whether open orders have not been held against this revision, or its day has come since."""
        id_ = next(row.id for row in self.rows if (row.action_id, row.revision) == (told.action_id, told.revision))
        return id_ > self.told_id or self.acted_on is None or self.acted_on < told.ex_on <= today


def begins_at(ex_on: date) -> datetime:
    """The instant from which an action counts: midnight of its day at the exchange."""
    return datetime.combine(ex_on, time(), EXCHANGE_ZONE).astimezone(UTC)


async def settle_account(
    db: Database, account: Acting, told_id: int, today: date, at: datetime, now: datetime
) -> Outcome:
    """Book, correct and take back what is to be on the account by the exchange's day `today`.

    `told_id`: the newest telling that was looked at; `at` and `now` are the venue's and the wall's time. Raises
    BooksApart, and changes nothing, when the books would not add up.
    """
    async with db.transaction() as connection:
        known = await _read(connection, account)
        if known is None:
            return Outcome()
        actions = actions_for(account, known.rows)
        story = story_of(account, known.moves, actions, today)
        new = settle([one.posting for one in known.kept], story)
        cash = sum((booking.cash for one in new for booking in one.bookings), ZERO)
        problem = story.problems.get(str(account.id)) or _too_little(account, known, new, cash)
        if problem:
            return await _stop(connection, account, problem)
        due = [one for one in actions if known.is_due(one, today)]
        following = await _follow(connection, account, known, due, today)
        written = await _book(connection, account, known, new, story, actions, now)
        await write_following(connection, account, following, known.locked, known.cash + cash - known.reserved, at, now)
        if account.is_tracked:
            # Its files come in any order: what they left is told anew whole, and so are the values of former days.
            everything = {symbol for _, symbol in story.holdings} | known.moves.symbols
            everything |= _symbols_of(new, story, known.kept)
            await _hold(connection, account, everything, story, cash, at)
            if written:
                await connection.execute(queries.MARK_STALE, {"account": account.id, "now": now})
        else:
            moved = _symbols_of(new, story, known.kept)
            if moved:
                # Shares that were moved away take another part of the cost along when what was there is told anew.
                moved |= {one.symbol for one in known.moves.trades if one.id in known.moves.transfers}
            await _hold(connection, account, moved, story, cash, at)
            await move_points(db, connection, account.id, account.venue, written)
        await retell_costs(connection, known.moves, story, at)
        mark = {"account": account.id, "told_id": told_id, "today": today}
        await connection.execute(queries.PUT_MARK, mark)
        await connection.execute(queries.THAW, {"account": account.id, "problem": PROBLEM})
    return Outcome(tuple(_heard(account, new, following)), tuple(following), len(new))


async def retell_costs(connection: Connection, moves: Moves, story: Story, at: datetime) -> None:
    """What shares that were moved on had cost, as the story has it, and the accounts that they came to, and so on."""
    waiting = [(moves, story)]
    for _ in range(MOST_FOLLOWED):
        if not waiting:
            return
        of, told = waiting.pop(0)
        following = set()
        for move_id, transfer in of.transfers.items():
            if move_id in told.left:
                asked = {"id": transfer, "cost": told.left[move_id]}
                rows = await (await connection.execute(queries.RETELL_COST, asked)).fetchall()
                following |= {row[0] for row in rows}
        for account_id in sorted(following):
            await connection.execute(queries.LOCK_ONE, (account_id,))
            row = await (await connection.execute(queries.ACTING_OF, (account_id,))).fetchone()
            if row is None:
                continue
            *facts, acted_on = row
            other = Acting(*facts)
            its_moves = await moves_of(connection, account_id)
            actions = actions_for(other, await told_for(connection, other, its_moves.symbols))
            its_story = story_of(other, its_moves, actions, acted_on or other.opened_on)
            if str(account_id) in its_story.problems:
                continue
            symbols = {one.symbol for one in its_moves.trades if one.id in its_moves.transfers}
            try:
                async with connection.transaction():
                    await _hold(connection, other, symbols, its_story, ZERO, at)
            except BooksApart:
                continue  # it waits for an action of its own, and is told whole when that is booked
            waiting.append((its_moves, its_story))


async def waiting_revisions(connection: Connection, account: Acting) -> list[tuple[str, int]]:
    """The revisions that have been told and that the account has not been brought to yet."""
    known = await _read(connection, account)
    if known is None:
        return []
    since = known.acted_on
    return [
        (one.action_id, one.revision)
        for one in known.rows
        if one.id > known.told_id or since is None or one.ex_on > since
    ]


async def _read(connection: Connection, account: Acting) -> _Known | None:
    locked = await lock_orders(connection, account.id)
    row = await (await connection.execute(queries.LOCK_ACCOUNT, (account.id,))).fetchone()
    if row is None:
        return None
    kept = [KeptPosting(*one) for one in await (await connection.execute(queries.POSTINGS, (account.id,))).fetchall()]
    moves = await moves_of(connection, account.id)
    symbols = moves.symbols | {one.symbol for one in kept}
    symbols |= {one.order.symbol for one in locked}
    symbols |= {one.order.condition.symbol for one in locked if one.order.condition is not None}
    cash, reserved, told_id, acted_on = row
    rows = await told_for(connection, account, symbols, [one.ex_on for one in kept])
    return _Known(cash, reserved, told_id, acted_on, kept, moves, rows, locked)


def _too_little(account: Acting, known: _Known, new: Sequence[Posting], cash: Decimal) -> str:
    """Why money that came by mistake cannot be taken back; empty when it can."""
    left = known.cash + cash - known.reserved
    if not new or cash >= 0 or account.kind == "margin" or account.is_tracked or left >= 0:
        return ""
    free = money_text(known.cash - known.reserved)
    return (
        f"{money_text(-cash)} {account.currency} are to be taken back ({new[0].why}), and only {free} are free. Pay in "
        "what is missing: then it is booked by itself."
    )


async def _stop(connection: Connection, account: Acting, problem: str) -> Outcome:
    """Stop the account for orders that add risk, and say why once."""
    reason = f"{PROBLEM}{problem}"
    stopped = await connection.execute(queries.FREEZE, {"account": account.id, "reason": reason})
    if not stopped.rowcount:
        return Outcome(stopped=True)
    await note(connection, SYSTEM, "account.frozen", ("account", account.id), after={"reason": reason})
    key = f"action-problem:{account.id}:{sha256(problem.encode()).hexdigest()[:16]}"
    return Outcome((Heard(account.user_id, key, f"{account.name} waits for you", reason),), stopped=True)


async def _follow(
    connection: Connection, account: Acting, known: _Known, due: Sequence[Told], today: date
) -> list[Following]:
    if not known.locked:
        return []
    said = await said_before(connection, account.id)
    orders = [one.order for one in known.locked]
    symbols = {one.symbol for one in orders} | {one.condition.symbol for one in orders if one.condition is not None}
    symbols |= {change.before.symbol for _, changes in said.values() for change in changes}
    symbols |= {other for one in due if (other := getattr(one.terms, "to_symbol", None))}
    return follow(due, known.locked, said, await grids_of(connection, account, symbols), today)


async def _book(
    connection: Connection,
    account: Acting,
    known: _Known,
    new: Sequence[Posting],
    story: Story,
    actions: Sequence[Told],
    now: datetime,
) -> list[Written]:
    """Write the entries and the record of each posting."""
    effects = {one.key: one for one in story.effects}
    told = {(one.action_id, one.revision): one for one in actions}
    kept = {(one.action_id, one.revision, one.turn): one for one in known.kept}
    written: list[Written] = []
    for one in new:
        former = kept.get((one.key.action_id, one.key.revision, one.turn)) if one.undoing else None
        action = told.get((one.key.action_id, one.key.revision))
        if former is not None:
            venue_at, symbol, ex_on, kind = former.venue_at, former.symbol, former.ex_on, former.kind
        else:
            assert action is not None
            venue_at, symbol, ex_on = begins_at(action.ex_on), action.symbol, action.ex_on
            kind = kind_of(action.terms) or ""
        ids = []
        for booking in one.bookings:
            entry = await write_booking(connection, account.id, booking, venue_at=venue_at, now=now)
            written.append(Written(entry, venue_at, booking))
            ids.append(entry)
        effect: Effect | None = None if one.undoing else effects[one.key]
        figures = former.figures if former is not None else figures_of(effect.figures) if effect else []
        await connection.execute(
            queries.PUT_POSTING,
            {
                "account": account.id,
                "action_id": one.key.action_id,
                "revision": one.key.revision,
                "turn": one.turn,
                "undoing": one.undoing,
                "symbol": symbol,
                "ex_on": ex_on,
                "kind": kind,
                "words": _words(one),
                "figures": orjson.dumps(figures).decode(),
                "entry_ids": ids,
                "venue_at": venue_at,
                "now": now,
            },
        )
    return written


def _words(one: Posting) -> str:
    return f"Taken back: {one.why}" if one.undoing else one.why


def _symbols_of(new: Sequence[Posting], story: Story, kept: Sequence[KeptPosting]) -> set[str]:
    """Symbols whose shares, or whose cost, these postings move."""
    keys = {one.key for one in new}
    found = {leg.commodity for one in new for booking in one.bookings for leg in booking.legs if leg.account == HOLDING}
    found |= {figures.symbol for one in story.effects if one.key in keys for figures in one.figures}
    return found | {figures["symbol"] for one in kept if one.posting.key in keys for figures in one.figures}


async def _hold(
    connection: Connection, account: Acting, moved: set[str], story: Story, cash: Decimal, at: datetime
) -> None:
    """Let the cached folds follow: holdings of the symbols that moved, cash, shares that open sales may take."""
    rows = await (await connection.execute(queries.HELD, (account.id,))).fetchall()
    was = {symbol: HoldingState(*state) for symbol, *state in rows}
    for symbol in sorted(moved):
        state = story.holdings.get((str(account.id), symbol), HoldingState())
        if state != was.get(symbol):
            row = {"account": account.id, "symbol": symbol, "qty": state.qty, "at": at}
            figures = {"cost_basis": state.cost_basis, "realized_pl": state.realized_pl}
            await connection.execute(queries.PUT_HELD, row | figures)
    if cash:
        await connection.execute(queries.MOVE_CASH, {"account": account.id, "cash": cash, "aside": ZERO})
    await connection.execute(queries.NEEDS_HOLDINGS, {"account": account.id, "at": at})
    await connection.execute(queries.SET_ASIDE, {"account": account.id})
    posted: dict[str, Decimal] = dict(await (await connection.execute(queries.POSTED, (account.id,))).fetchall())
    for symbol in moved:
        held = story.holdings.get((str(account.id), symbol), HoldingState()).qty
        if posted.get(symbol, ZERO) != held:
            raise BooksApart(f"{symbol}: the story says {held}, the journal {posted.get(symbol, ZERO)}")


def _heard(account: Acting, new: Sequence[Posting], following: Sequence[Following]) -> list[Heard]:
    """What the owner hears: a sentence for each thing that was booked, and for each order that ended."""
    label = "[REPLAY] " if account.venue == "replay" else ""
    found = []
    booked_again = {one.key.action_id for one in new if not one.undoing}
    for one in new:
        if one.undoing and one.key.action_id in booked_again:
            continue
        key = f"action:{account.id}:{one.key.action_id}:{one.key.revision}:{one.turn}:{one.undoing}"
        words = _words(one)
        found.append(Heard(account.user_id, key, f"{label}{account.name}: {words.split(':')[0]}", words))
    for change in following:
        if change.change.verb == "cancel":
            key = f"action-order:{change.change.before.id}:{change.told.action_id}:{change.told.revision}"
            subject = f"{label}{account.name}: an order ended, {action_words(change.told)}"
            found.append(Heard(account.user_id, key, subject, change.change.why))
    return found


def order_ids(found: Sequence[Following]) -> list[tuple[UUID, str, str]]:
    """Each order that changed or ended: its id, what happened and its symbol."""
    return [(UUID(one.change.before.id), one.change.verb, one.change.after.symbol) for one in found]
