"""What booking a read file would do, as data: the entries, what is known already, and what has no entry, with why."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from starkmatter.domain.ledger import Booking, book_activity, book_deposit, book_fill, book_moved
from starkmatter.domain.money import ZERO, money_text, plain, to_cents
from starkmatter.domain.orders import Side
from starkmatter.domain.sessions import by_now
from starkmatter.portfolio.importers.records import TRADES, Reading, Record, Remark

NOT_YET = "Its day has not come yet."


@dataclass(frozen=True, slots=True)
class Planned:
    """A record with what would be booked for it. `is_repeat` says that an earlier line of the file says the same."""

    record: Record
    fingerprint: str
    bookings: tuple[Booking, ...]
    is_repeat: bool
    at: datetime

    @property
    def cash(self) -> Decimal:
        return sum((booking.cash for booking in self.bookings), ZERO)


@dataclass(frozen=True, slots=True)
class Known:
    """A record that was booked before, or stands in the file already with the same number."""

    record: Record
    fingerprint: str
    in_this_file: bool


@dataclass(frozen=True, slots=True)
class NotBooked:
    """A record that was read and has no entry, with the reason as a sentence."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A dry run. Every record of the reading is in `booked`, `known` or `not_booked`, every problem in `unread`.

    `cash` is what the account's cash would change by, in its currency.
    """

    booked: tuple[Planned, ...]
    known: tuple[Known, ...]
    not_booked: tuple[NotBooked, ...]
    unread: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    totals_off: tuple[str, ...]
    cash: Decimal


def plan_import(reading: Reading, currency: str, known: Set[str] = frozenset(), until: datetime | None = None) -> Plan:
    """What booking it onto an account in `currency` would do, `known` being the fingerprints booked there before.

    What lies after `until` is not booked. A line of the very day of `until` is booked at that instant at the latest: a
    day without an hour stands at its noon.
    """
    booked, before, left = [], [], []
    here: set[str] = set()
    for place, (record, fingerprint) in enumerate(zip(reading.records, reading.fingerprints, strict=True)):
        if fingerprint in known or fingerprint in here:
            before.append(Known(record, fingerprint, fingerprint not in known))
            continue
        here.add(fingerprint)
        at = record.at if until is None else by_now(record.at, until)
        made = NOT_YET if until is not None and at > until else bookings_of(record, currency)
        if isinstance(made, str):
            left.append(NotBooked(record, made))
        else:
            booked.append(Planned(record, fingerprint, made, place in reading.repeats, at))
    return Plan(
        tuple(booked),
        tuple(before),
        tuple(left),
        reading.problems,
        tuple(remark for remark in reading.remarks if remark.kind == "note"),
        reading.totals_off,
        sum((one.cash for one in booked), ZERO),
    )


def bookings_of(record: Record, currency: str) -> tuple[Booking, ...] | str:
    """The entries of one record, whose cash is its amount to the cent; or why it has none."""
    if record.currency != currency:
        return f"It is in {record.currency}, the account in {currency}: exchange rates are not applied yet."
    if (record.kind in TRADES or record.qty) and not record.symbol:
        return f"The file knows it by its ISIN ({record.isin}) alone: say which symbol that is."
    if record.kind in TRADES:
        return _trade(record)
    if record.kind == "split":
        return "Splits are booked from the instrument's own data, not from a file."
    if record.kind == "other":
        return "What it is cannot be told from the file: book it by hand."
    if record.kind in {"transfer_in", "transfer_out"}:
        return _transfer(record)
    cents = to_cents(record.amount)
    if cents == 0:
        return "It moves no money."
    if record.kind in {"deposit", "withdrawal"}:
        return (book_deposit(cents, currency),)
    return _activity(record, cents)


def _trade(record: Record) -> tuple[Booking, ...] | str:
    assert record.qty is not None
    assert record.price is not None
    side: Side = "buy" if record.kind == "buy" else "sell"
    costs = to_cents(record.fees + record.tax)
    cash = to_cents(record.amount)
    paid = -cash - costs if side == "buy" else cash + costs
    if paid < 0:
        return "Its costs are more than its worth."
    # The money is the file's: a price that was rounded for showing gives way to what was paid by the share.
    price = record.price if to_cents(record.qty * record.price) == paid else paid / record.qty
    booking = book_fill(side, record.symbol, record.qty, price, costs, record.currency)
    if booking.cash != cash:
        return "Its figures have more digits than the books keep."
    if price != record.price:
        verb = "Bought" if side == "buy" else "Sold"
        text = f"{verb} {plain(record.qty)} {record.symbol} at {money_text(record.price)} {record.currency}"
        booking = replace(booking, description=text)
    return (booking,)


def _transfer(record: Record) -> tuple[Booking, ...] | str:
    cents = to_cents(record.amount)
    if not record.qty:
        return (book_deposit(cents, record.currency),) if cents else "It moves no money."
    # Where the file does not say what they were worth, stored closes do: see `importing.moves`.
    signed_qty = record.qty if record.kind == "transfer_in" else -record.qty
    moved = book_moved(record.symbol, signed_qty, record.qty * (record.price or ZERO), record.currency)
    return (moved, book_deposit(cents, record.currency)) if cents else (moved,)


def _activity(record: Record, cents: Decimal) -> tuple[Booking, ...]:
    """Income, fees and taxes; a tax that was withheld is an expense of its own beside the whole dividend."""
    words = record.text or record.kind.capitalize()
    text = f"{record.symbol}: {words}" if record.symbol else words
    if record.kind == "tax":
        return (book_activity("tax", f"Tax: {text}", cents, record.currency),)
    withheld = to_cents(record.tax)
    costs = to_cents(record.fees)
    made = [book_activity(record.kind, text, cents + withheld + costs, record.currency)]
    if withheld:
        made.append(book_activity("tax", f"Tax: {text}", -withheld, record.currency))
    if costs:
        made.append(book_activity("fee", f"Fee: {text}", -costs, record.currency))
    return tuple(made)
