"""One entry that is typed in goes the way of a file: the same checks, bookings, worker and undo."""

from datetime import datetime
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.errors import InvalidInput, TooMany
from starkmatter.portfolio.importers.catalog import fingerprints_of
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.planning import plan_import
from starkmatter.portfolio.importers.records import TRADES, BadLineError, Kind, Reading
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.booking import json_text
from starkmatter.portfolio.importing.dry_run import bookings_of_plan, lines_of, summary_of
from starkmatter.portfolio.importing.reading import keep_rows
from starkmatter.portfolio.importing.records import ImportView
from starkmatter.portfolio.importing.service import MAX_UNDER_WAY, get_import
from starkmatter.portfolio.tracked import own_tracked
from starkmatter.portfolio.transfers.pricing import price_then

MANUAL = "manual"
FIRST_YEAR = 1900
TITLE = "Typed in"
# What can be typed in, in the order of a form.
MANUAL_KINDS: tuple[Kind, ...] = (
    "buy", "sell", "dividend", "interest", "deposit", "withdrawal", "fee", "tax", "transfer_in",
    "transfer_out",
)  # fmt: skip
COSTS: frozenset[Kind] = frozenset({"fee", "tax", "withdrawal"})


async def add_entry(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    kind: str,
    at: datetime,
    symbol: str = "",
    qty: Decimal | None = None,
    price: Decimal | None = None,
    amount: Decimal | None = None,
    fees: Decimal | None = None,
    tax: Decimal | None = None,
    text: str = "",
) -> ImportView:
    """Book one entry onto a tracked account, within seconds; `amount` is the cash that came or went, without a sign.

    A trade needs shares and price; its cash is told from them unless it is given. `amount` of a dividend or of interest
    is what arrived: after `tax` and `fees`. Raises InvalidInput for what does not fit together or lies ahead.
    """
    account = await own_tracked(b, caller, account_id)
    chosen = next((one for one in get_args(Kind) if one == kind and one in MANUAL_KINDS), None)
    if chosen is None:
        raise InvalidInput(f"The kind must be one of: {', '.join(MANUAL_KINDS)}.")
    now = utc_now()
    if any(value is not None and value < 0 for value in (qty, price, amount, fees, tax)):
        raise InvalidInput("Figures are typed in without a sign: the kind says which way they go.")
    if at.year < FIRST_YEAR:
        raise InvalidInput(f"The day must be in {FIRST_YEAR} or later.")
    cash = amount
    if amount is not None:
        cash = -amount if chosen in COSTS or chosen == "buy" else amount
    moves = chosen in {"transfer_in", "transfer_out"}
    if moves and qty:
        cash = ZERO
        if price is None and symbol:
            price = await price_then(b.db, account.venue, symbol.strip().upper(), at, account.currency)
        if price is None:
            raise InvalidInput("What a share was worth on that day is not known here: type in a price.")
    shares = qty if chosen in TRADES or moves else None
    import_id = uuid4()
    try:
        record = make_record(
            chosen, at, account.currency, 1, symbol=symbol, qty=shares, price=price, amount=cash, fees=fees, tax=tax,
            text=text, source_id=import_id.hex,
        )  # fmt: skip
    except BadLineError as error:
        raise InvalidInput(f"It cannot be booked: {error}.") from None
    fingerprints, repeats = fingerprints_of(MANUAL, [record])
    reading = Reading(MANUAL, (record,), fingerprints, repeats, (), (), ())
    plan = plan_import(reading, account.currency, until=now)
    if plan.not_booked:
        raise InvalidInput(plan.not_booked[0].reason)
    async with b.db.transaction() as connection:
        await connection.execute("SELECT 1 FROM app_user WHERE id = %s FOR UPDATE", (caller.user_id,))
        under_way = await (await connection.execute(queries.UNDER_WAY, (caller.user_id,))).fetchone()
        if under_way is not None and under_way[0] >= 2 * MAX_UNDER_WAY:
            raise TooMany("Other entries of yours are still being booked. Try again in a moment.")
        words = plan.booked[0].bookings[0].description
        await connection.execute(
            queries.PUT_IMPORT,
            {
                "id": import_id,
                "account": account.id,
                "user": caller.user_id,
                "origin": "manual",
                "file_name": words,
                "file_bytes": 0,
                "state": "confirmed",
                "format_asked": None,
                "mapping": None,
                "format": MANUAL,
                "summary": json_text(summary_of(reading, plan, TITLE)),
                "now": now,
            },
        )
        await keep_rows(connection, import_id, account.id, "line", list(lines_of(plan)))
        await keep_rows(connection, import_id, account.id, "booking", list(bookings_of_plan(plan)))
        about = {"account": account.id, "words": words, "at": record.at.isoformat()}
        await note(connection, caller, "import.typed_in", ("import", import_id), after=about)
    return await get_import(b, caller, import_id)
