"""What shares that left or came were worth, where their file does not say it: by the last close up to that instant."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.db.database import Connection, Database
from starkmatter.domain.ledger import HOLDING, book_moved
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.transfers.pricing import price_then

NOT_KNOWN = (
    "What the shares were worth on that day is neither in the file nor known here: type the entry in with a price."
)


async def price_moves(
    db: Database, connection: Connection, import_id: UUID, venue: Venue, currency: str, summary: dict[str, Any]
) -> None:
    """Give each of them its worth; what has none is not booked, and `summary` counts it so."""
    known: dict[tuple[str, date], Decimal | None] = {}
    unknown: set[int] = set()
    rows = await (await connection.execute(queries.WITHOUT_WORTH, (import_id,))).fetchall()
    for place, part, _, at, accounts, commodities, amounts in rows:
        symbol, qty = next(
            (unit, amount)
            for account, unit, amount in zip(accounts, commodities, amounts, strict=True)
            if account == HOLDING
        )
        key = symbol, exchange_day(at)
        if key not in known:
            known[key] = await price_then(db, venue, symbol, at, currency)
        price = known[key]
        if price is None:
            unknown.add(place)
            continue
        booking = book_moved(symbol, qty, abs(qty) * price, currency)
        said = {"import": import_id, "place": place, "words": booking.description}
        legs = {
            "part": part,
            "accounts": [leg.account for leg in booking.legs],
            "commodities": [leg.commodity for leg in booking.legs],
            "amounts": [leg.amount for leg in booking.legs],
        }
        await connection.execute(queries.PUT_WORTH, said | legs)
        await connection.execute(queries.SAY_WORTH, said)
    if unknown:
        gone = {"import": import_id, "places": sorted(unknown), "words": NOT_KNOWN}
        await connection.execute(queries.DROP_WORTHLESS, gone)
        await connection.execute(queries.MARK_WORTHLESS, gone)
        summary["counts"]["booked"] -= len(unknown)
        summary["counts"]["not_booked"] += len(unknown)
