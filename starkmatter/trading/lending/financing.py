"""Charges the nights: what borrowed shares and borrowed money cost from one session's close to the next session.

A session is charged once for each account: the account's own row says through which session it has been. After a pause
of the worker the sessions that were missed are charged one by one, by what is held now: nothing was traded meanwhile.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import structlog

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.financing import borrow_fee, margin_interest
from starkmatter.domain.ledger import Booking, book_borrowed_money, book_borrowed_shares
from starkmatter.domain.money import ZERO
from starkmatter.domain.presets import preset_of
from starkmatter.domain.quotes import Venue
from starkmatter.market.clocks import EXCHANGE
from starkmatter.market.service import closes_before
from starkmatter.trading.journal import write_booking
from starkmatter.trading.lending import queries
from starkmatter.trading.lending.records import Held, LendingAccount

log = structlog.get_logger("lending")


@dataclass(frozen=True, slots=True)
class Due:
    """One session of one account that has to be charged; `next_on` is the date of the session after it, if known."""

    account_id: UUID
    session_on: date
    closes_at: datetime
    next_on: date | None

    @property
    def nights(self) -> int:
        """Nights until the next session: three over a weekend."""
        return (self.next_on - self.session_on).days if self.next_on else 1


async def charge_nights(db: Database, venue: Venue, until: datetime) -> int:
    """Charge every session of the venue's margin accounts that has closed by `until`; how many accounts' sessions."""
    asked = {"exchange": EXCHANGE, "venue": venue, "until": until}
    due = [Due(*row) for row in await db.tuples(queries.UNCHARGED, asked)]
    if not due:
        return 0
    accounts = {one.id: one for one in await db.all(LendingAccount, queries.LENDING_ACCOUNTS, (venue,))}
    held = await _held(db, list(accounts))
    shorts = {one.symbol for rows in held.values() for one in rows if one.signed_qty < 0}
    closes: dict[datetime, dict[str, Decimal]] = {}
    done = 0
    for one in due:
        if one.account_id not in accounts:
            continue
        if one.closes_at not in closes:
            closes[one.closes_at] = await closes_before(db, venue, sorted(shorts), one.closes_at) if shorts else {}
        done += await _charge(db, accounts[one.account_id], one, closes[one.closes_at])
    log.info("nights charged", venue=venue, sessions=done)
    return done


async def _held(db: Database, accounts: Sequence[UUID]) -> dict[UUID, list[Held]]:
    found: dict[UUID, list[Held]] = defaultdict(list)
    for one in await db.all(Held, queries.HELD, (list(accounts),)):
        found[one.account_id].append(one)
    return found


async def _charge(db: Database, account: LendingAccount, due: Due, closes: Mapping[str, Decimal]) -> int:
    """Charge one session once, under the account's lock; 0 when somebody else has done so."""
    now = utc_now()
    async with db.transaction() as connection:
        asked = {"account": account.id, "session": due.session_on}
        row = await (await connection.execute(queries.CHARGE, asked)).fetchone()
        if row is None:
            return 0
        rows = await (await connection.execute(queries.HELD, ([account.id],))).fetchall()
        for booking in bookings_of(account, row[0], [Held(*one) for one in rows], due.nights, closes):
            await connection.execute(queries.MOVE_CASH, (booking.cash, account.id))
            await write_booking(connection, account.id, booking, venue_at=due.closes_at, now=now)
    return 1


def bookings_of(
    account: LendingAccount, cash: Decimal, held: Sequence[Held], nights: int, closes: Mapping[str, Decimal]
) -> list[Booking]:
    """What the nights cost: a booking for each symbol that is borrowed, and one for the money that is owed.

    A share whose close is not known is reckoned at what it was sold for.
    """
    terms = preset_of(account.preset).financing
    found = []
    for one in held:
        price = closes.get(one.symbol) or abs(one.cost_basis / one.signed_qty)
        fee = borrow_fee(terms.borrow, -one.signed_qty, price, nights)
        if fee:
            found.append(book_borrowed_shares(one.symbol, -one.signed_qty, nights, fee, account.currency))
    interest = margin_interest(terms, max(ZERO, -cash), nights)
    if interest:
        found.append(book_borrowed_money(-cash, nights, interest, account.currency))
    return found
