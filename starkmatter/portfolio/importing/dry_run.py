"""A plan as it is kept and shown: its lines, the entries it would write in the order of time, and its totals."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from starkmatter.domain.money import plain
from starkmatter.portfolio.importers.planning import Plan, Planned
from starkmatter.portfolio.importers.records import Reading, Record, Remark
from starkmatter.portfolio.importing.totals import kind_totals, stated_totals

MOST_UNNAMED = 200
COMES_FIRST = frozenset({"deposit", "transfer_in", "buy"})

Said = list[Any]


def summary_of(reading: Reading, plan: Plan, title: str) -> dict[str, Any]:
    """Counts by outcome, what booking moves in cash, and totals by kind and as the file states them."""
    moments = [one.at for one in reading.records]
    return {
        "format": reading.format,
        "title": title,
        "counts": {
            "booked": len(plan.booked),
            "known": len(plan.known),
            "not_booked": len(plan.not_booked),
            "problem": len(plan.unread),
            "note": len(plan.notes),
        },
        "cash": plain(plan.cash),
        "first_at": min(moments).isoformat() if moments else None,
        "last_at": max(moments).isoformat() if moments else None,
        "kinds": [[one.kind, one.currency, one.count, plain(one.cash)] for one in kind_totals(reading.records)],
        "stated": [
            [one.name, one.currency, plain(one.stated), _text(one.come), one.agrees] for one in stated_totals(reading)
        ],
        "totals_off": list(plan.totals_off),
        "unnamed": unnamed(reading.records),
    }


def unnamed(records: Iterable[Record]) -> list[list[str]]:
    """Securities that the file knows by their ISIN alone, each with what it says of one of their lines."""
    found: dict[str, str] = {}
    for one in records:
        if one.isin and not one.symbol and one.qty:
            found.setdefault(one.isin, one.text)
    return [[isin, words] for isin, words in sorted(found.items())][:MOST_UNNAMED]


def lines_of(plan: Plan) -> Iterator[Said]:
    """Every line of the dry run, as the columns of `import_line` after the import."""
    for place, booked in enumerate(plan.booked):
        yield ["booked", place, *_facts(booked.record), booked.is_repeat, _entry_words(booked)]
    for place, known in enumerate(plan.known):
        words = "It stands in the file before." if known.in_this_file else "It was booked before."
        yield ["known", place, *_facts(known.record), False, words]
    for place, left in enumerate(plan.not_booked):
        yield ["not_booked", place, *_facts(left.record), False, left.reason]
    remarks: tuple[tuple[str, tuple[Remark, ...]], ...] = (("problem", plan.unread), ("note", plan.notes))
    for outcome, found in remarks:
        for place, remark in enumerate(found):
            words = remark.text[:1].upper() + remark.text[1:]
            yield [outcome, place, remark.line_no, *[None] * 8, False, words]


def _facts(record: Record) -> list[Any]:
    return [
        record.line_no,
        record.kind,
        record.at.isoformat(),
        record.symbol or record.isin or "",
        _text(record.qty),
        _text(record.price),
        plain(record.amount),
        record.currency,
        record.text,
    ]


def _entry_words(booked: Planned) -> str:
    return "; ".join(booking.description for booking in booked.bookings)


def bookings_of_plan(plan: Plan) -> Iterator[Said]:
    """Every entry it would write, as the columns of `import_booking` after import and account."""
    for turn, place in enumerate(in_time(plan.booked)):
        one = plan.booked[place]
        for part, booking in enumerate(one.bookings):
            yield [
                place,
                part,
                turn,
                one.fingerprint,
                booking.kind,
                booking.description,
                one.at.isoformat(),
                [leg.account for leg in booking.legs],
                [leg.commodity for leg in booking.legs],
                [plain(leg.amount) for leg in booking.legs],
                *[None] * 3,
            ]


def in_time(booked: tuple[Planned, ...]) -> list[int]:
    """The places of the records in the order of time; at one instant what comes in goes before what goes out.

    A file that lists the newest first is turned round, so that what its days have no time for keeps its order.
    """
    places = list(range(len(booked)))
    if booked and booked[0].record.at > booked[-1].record.at:
        places.reverse()

    def turn(place: int) -> tuple[datetime, bool]:
        record = booked[place].record
        return record.at, record.kind not in COMES_FIRST

    return sorted(places, key=turn)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
