"""Values of former days with what is booked late for them: an action counts from its day on, whenever it is heard of.

A point inside a session has no prices of its own: there the last close before it stands for what shares were worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.db.database import Connection, Database
from starkmatter.domain.ledger import CASH, HOLDING, Booking
from starkmatter.domain.money import ZERO, to_cents, to_micros
from starkmatter.domain.quotes import Venue
from starkmatter.market.service import closes_before
from starkmatter.trading.corporate import queries


@dataclass(frozen=True, slots=True)
class Written:
    """An entry that was written just now and counts from `at` on."""

    entry_id: int
    at: datetime
    booking: Booking

    @property
    def qtys(self) -> dict[str, Decimal]:
        """Shares that it moves, by symbol."""
        found: dict[str, Decimal] = {}
        for leg in self.booking.legs:
            if leg.account == HOLDING:
                found[leg.commodity] = found.get(leg.commodity, ZERO) + leg.amount
        return found


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    symbols: list[str] | None
    qtys: list[Decimal] | None
    worths: list[Decimal] | None
    entry_id: int

    @property
    def held(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Shares and their worth by symbol; empty for a point inside a session."""
        rows = zip(self.symbols or (), self.qtys or (), self.worths or (), strict=True)
        return {symbol: (qty, worth) for symbol, qty, worth in rows}


async def move_points(
    db: Database, connection: Connection, account_id: UUID, venue: Venue, written: Sequence[Written]
) -> int:
    """Bring every point since the first of these entries to what it would have been with them; how many there were."""
    if not written:
        return 0
    since = min(one.at for one in written)
    rows = await (await connection.execute(queries.POINTS_SINCE, {"account": account_id, "since": since})).fetchall()
    closes: dict[object, Mapping[str, Decimal]] = {}
    symbols = sorted({symbol for one in written for symbol in one.qtys})
    for row in rows:
        point = _Point(*row)
        counting = [one for one in written if one.at <= point.at]
        day = point.at.date()
        if symbols and day not in closes:
            closes[day] = await closes_before(db, venue, symbols, point.at)
        await _move(connection, account_id, point, counting, closes.get(day, {}))
    return len(rows)


async def _move(
    connection: Connection,
    account_id: UUID,
    point: _Point,
    counting: Sequence[Written],
    closes: Mapping[str, Decimal],
) -> None:
    held = point.held
    cash = sum((leg.amount for one in counting for leg in one.booking.legs if leg.account == CASH), ZERO)
    moved: dict[str, Decimal] = {}
    for one in counting:
        for symbol, qty in one.qtys.items():
            moved[symbol] = moved.get(symbol, ZERO) + qty
    worth_before = sum((worth for _, worth in held.values()), ZERO)
    change = ZERO
    for symbol, qty in moved.items():
        had, worth = held.get(symbol, (ZERO, ZERO))
        price = to_micros(worth / had) if had else closes.get(symbol, ZERO)
        held[symbol] = had + qty, to_micros((had + qty) * price)
        change += to_micros(qty * price)
    if point.symbols is not None:
        kept = {symbol: one for symbol, one in sorted(held.items()) if one[0]}
        change = sum((worth for _, worth in kept.values()), ZERO) - worth_before
        await connection.execute(
            queries.MOVE_CLOSE,
            {
                "account": account_id,
                "at": point.at,
                "symbols": list(kept),
                "qtys": [qty for qty, _ in kept.values()],
                "worths": [worth for _, worth in kept.values()],
                "entries": [one.entry_id for one in counting if one.entry_id > point.entry_id],
            },
        )
    about = {"account": account_id, "at": point.at, "cash": cash, "equity": to_cents(cash + change)}
    await connection.execute(queries.MOVE_POINT, about)
