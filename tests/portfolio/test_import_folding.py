"""What an import books, by its properties: the file's totals, values that add up, nothing left after an undo."""

import asyncio
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.ledger import CASH, DEPOSITS, HOLDING, TRADING
from starkmatter.domain.money import ZERO, to_cents, to_micros
from starkmatter.portfolio.importers.catalog import fingerprints_of
from starkmatter.portfolio.importers.generic import generic_csv
from starkmatter.portfolio.importers.planning import plan_import
from starkmatter.portfolio.importers.records import Kind, Reading, Record
from starkmatter.portfolio.importing.child import told
from starkmatter.portfolio.importing.folding import Standing, holdings
from starkmatter.portfolio.importing.line import Prices, closes_of, value_line
from starkmatter.portfolio.importing.service import cancel_import
from tests.examples import examples
from tests.portfolio.importing import make_importer

CENTS = st.integers(1, 10_000_000).map(lambda cents: Decimal(cents) / 100)
SHARES = st.integers(1, 10_000).map(lambda tenths: Decimal(tenths) / 10)
DAYS = st.integers(0, 60).map(lambda days: datetime(2024, 1, 1, 17, tzinfo=UTC) + timedelta(days=days))
SYMBOLS = ("KO", "PEP", "BRK.B")


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Something that happened, whose figures fit each other."""
    kind: Kind = draw(st.sampled_from(["buy", "sell", "dividend", "interest", "fee", "tax", "deposit", "withdrawal"]))
    at, money, fees = draw(DAYS), draw(CENTS), draw(st.integers(0, 500)) / Decimal(100)
    symbol = draw(st.sampled_from(SYMBOLS)) if kind in {"buy", "sell", "dividend"} else ""
    if kind in {"buy", "sell"}:
        qty, price = draw(SHARES), draw(CENTS)
        worth = to_cents(qty * price)
        amount = -worth - fees if kind == "buy" else worth - fees
        return Record(kind, at, symbol, None, qty, price, amount, fees, ZERO, "USD", "", "", 1)
    amount = -money if kind in {"fee", "tax", "withdrawal"} else money
    return Record(kind, at, symbol, None, None, None, amount, ZERO, ZERO, "USD", kind, "", 1)


def reading_of(found: list[Record]) -> Reading:
    fingerprints, repeats = fingerprints_of("csv", found)
    return Reading("csv", tuple(found), fingerprints, repeats, (), (), ())


def standing(found: list[Record]) -> Iterator[Standing]:
    """The entries as the journal would have them, in the order of time."""
    plan = plan_import(reading_of(found), "USD")
    ordered = sorted(plan.booked, key=lambda one: one.record.at)
    number = 0
    for one in ordered:
        for booking in one.bookings:
            number += 1
            held = [leg for leg in booking.legs if leg.account == HOLDING]
            yield Standing(
                number,
                booking.kind,
                one.record.at,
                sum((leg.amount for leg in booking.legs if leg.account == CASH), ZERO),
                -sum((leg.amount for leg in booking.legs if leg.account == DEPOSITS), ZERO),
                sum((leg.amount for leg in booking.legs if leg.account == TRADING and leg.commodity == "USD"), ZERO),
                [leg.commodity for leg in held],
                [leg.amount for leg in held],
            )


@given(st.lists(records(), max_size=30))
@settings(max_examples=examples(300))
def test_what_is_booked_moves_the_cash_that_the_file_says(found: list[Record]) -> None:
    plan = plan_import(reading_of(found), "USD")
    left = sum((one.record.amount for one in plan.not_booked), ZERO)
    assert plan.cash + left == sum((one.amount for one in found), ZERO)
    again = plan_import(reading_of(found), "USD", {one.fingerprint for one in plan.booked})
    assert again.booked == ()


@given(st.lists(records(), min_size=1, max_size=30), st.lists(CENTS, min_size=1, max_size=20))
@settings(max_examples=examples(300))
def test_equity_changes_by_gains_and_income_less_costs_plus_flows_on_every_day(
    found: list[Record], closes: list[Decimal]
) -> None:
    entries = list(standing(found))
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(70)]
    sessions = [(on, datetime(on.year, on.month, on.day, 21, tzinfo=UTC)) for on in days]
    told = [closes[n % len(closes)] for n in range(len(days))]
    prices = {symbol: closes_of(days, told) for symbol in SYMBOLS[:2]}
    known = Prices(prices, timedelta(days=7))
    line = value_line(entries, sessions, known, datetime(2024, 4, 1, tzinfo=UTC))
    assert [one.at for one in line.values] == sorted({one.at for one in line.values})
    for point in line.values:
        if point.positions is None:
            continue
        before = [one for one in entries if one.venue_at <= point.at]
        held = holdings(before)
        # I12: realized and unrealized gains (costs of trades inside), other cash that is no flow, and what was paid in.
        gains = sum((one.state.realized_pl - one.state.cost_basis for one in held.values()), ZERO)
        worth = ZERO
        for symbol, qty, micros in zip(*astuple(point.positions), strict=True):
            assert qty == held[symbol].state.qty
            price = told[(point.at.date() - days[0]).days] if symbol in prices else None
            expected = held[symbol].state.cost_basis if price is None else to_micros(qty * price)
            assert Decimal(micros) / 1_000_000 == expected
            worth += expected
        assert {symbol for symbol, one in held.items() if one.state.qty} == set(point.positions.symbols)
        other = sum((one.cash - one.paid_in for one in before if one.kind != "fill"), ZERO)
        flows = sum((one.paid_in for one in before), ZERO)
        assert abs(point.equity - (gains + worth + other + flows)) <= Decimal("0.01")
        assert point.paid_in == flows
        assert point.cash == sum((one.cash for one in before), ZERO)
    assert set(line.unpriced) <= {"BRK.B"}, "what has a price is never called without one"


@given(st.lists(records(), max_size=20))
@settings(max_examples=100)
def test_what_the_reader_says_is_the_plan_in_the_order_of_time(found: list[Record]) -> None:
    content = generic_csv(found).encode()
    asked = {"currency": "USD", "format": None, "mapping": None, "known": [], "symbols": {}, "now": "2030-01-01T00:00Z"}
    if not found:
        return
    said = list(told(asked, content))
    bookings = [one for one in said if one[0] == "booking"]
    assert [one[3] for one in bookings] == sorted(one[3] for one in bookings)
    moments = [one[7] for one in bookings]
    assert moments == sorted(moments)
    summary = said[-1][1]
    assert sum((Decimal(cash) for *_, cash in summary["kinds"]), ZERO) == sum((one.amount for one in found), ZERO)


async def test_any_file_books_to_its_totals_and_an_undo_leaves_nothing(database: Database, cache: Redis) -> None:
    importer = await make_importer(database, cache)
    loop = asyncio.get_running_loop()

    async def check(found: list[Record]) -> None:
        booked = await importer.book(generic_csv(found).encode())
        assert booked.state == "booked", booked.words
        assert booked.summary is not None
        assert await importer.cash() == Decimal(booked.summary["cash"]) == sum((one.amount for one in found), ZERO)
        read = await importer.read(generic_csv(found).encode())
        assert read.summary is not None
        assert read.summary["counts"]["booked"] == 0
        await cancel_import(importer.b, importer.caller, read.id)
        await importer.promises_kept()
        assert (await importer.undo(booked.id)).state == "undone"
        assert (await importer.cash(), await importer.held()) == (0, {})
        await importer.promises_kept()

    @given(st.lists(records(), min_size=1, max_size=12))
    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    def property_of_files(found: list[Record]) -> None:
        asyncio.run_coroutine_threadsafe(check(found), loop).result(60)

    await asyncio.to_thread(property_of_files)
