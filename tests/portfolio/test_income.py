"""Income of an account on the market: what came, of what, and what stored corporate actions promise."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.ledger import book_activity, book_brought_in
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import NotFound
from starkmatter.portfolio.income import REPLAY_PAYS, income_of, symbol_in
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.lots.service import open_lots, realized_gains
from starkmatter.portfolio.opening import open_account
from starkmatter.trading import broker_queries
from starkmatter.trading.journal import write_booking
from tests.builders import Desk, make_desk

DIVIDEND = """
INSERT INTO corporate_dividend (symbol, ex_on, amount, currency, pay_on, provider, observed_at)
VALUES (%s, %s, %s, %s, %s, 'test', now())
"""
TODAY = exchange_day(utc_now())


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


@pytest.fixture
async def held(desk: Desk) -> UUID:
    """An account of the market that brought 100 AAPL in, which had cost 5,000.00."""
    account_id = (await open_account(desk.b, desk.caller, name="Market", venue="market")).id
    now = utc_now()
    async with desk.b.db.transaction() as connection:
        booking = book_brought_in("AAPL", Decimal(100), Decimal("9000"), "USD")
        await write_booking(connection, account_id, booking, venue_at=now - timedelta(days=40), now=now)
        await connection.execute(
            broker_queries.PUT_HOLDING,
            {
                "account": account_id, "symbol": "AAPL", "qty": Decimal(100), "cost_basis": Decimal("5000"),
                "realized_pl": Decimal(0), "release_qty": Decimal(0), "opened": True, "at": now,
            },
        )  # fmt: skip
    return account_id


async def came(desk: Desk, account_id: UUID, kind: str, text: str, cash: str, at: datetime) -> None:
    async with desk.b.db.transaction() as connection:
        booking = book_activity(kind, text, Decimal(cash), "USD")
        await write_booking(connection, account_id, booking, venue_at=at, now=utc_now())
        await connection.execute("UPDATE account SET cash = cash + %s WHERE id = %s", (booking.cash, account_id))


async def test_what_came_is_told_by_month_and_symbol(desk: Desk, held: UUID) -> None:
    await came(desk, held, "dividend", "AAPL: DIV", "24.00", datetime(2025, 2, 13, 15, tzinfo=UTC))
    await came(desk, held, "dividend", "Cash dividend of AAPL", "25.00", utc_now() - timedelta(days=30))
    await came(desk, held, "dividend", "Something else", "1.00", datetime(2025, 2, 14, 15, tzinfo=UTC))
    await came(desk, held, "interest", "Interest", "3.10", datetime(2025, 2, 28, 15, tzinfo=UTC))
    await came(desk, held, "interest", "Margin interest", "-0.60", datetime(2025, 2, 28, 16, tzinfo=UTC))
    found = await income_of(desk.b, desk.caller, held)
    assert (found.received, found.received_12m) == (Decimal("52.50"), Decimal("25.00"))
    assert found.months[0].total == 25
    february = found.months[-1]
    assert (february.year, february.month, february.dividends, february.interest) == (2025, 2, 25, Decimal("2.50"))
    assert sum(one.total for one in found.months) == found.received == sum(one.value for one in found.entries)
    assert {one.symbol: (one.received, one.received_12m) for one in found.symbols} == {"AAPL": (49, 25), "": (1, 0)}


async def test_what_was_withheld_stands_beside_the_whole_income(desk: Desk, held: UUID) -> None:
    """A year ago is no longer of the past twelve months; a tax of its own reduces no income."""
    lately, before = utc_now() - timedelta(days=20), utc_now() - timedelta(days=400)
    for at, dividend, tax in ((before, "24.00", "-3.60"), (lately, "26.01", "-3.91")):
        await came(desk, held, "dividend", "AAPL: DIV", dividend, at)
        await came(desk, held, "tax", "Tax: AAPL: DIV", tax, at)
    await came(desk, held, "tax", "Tax given back", "0.31", lately)
    found = await income_of(desk.b, desk.caller, held)
    assert (found.received, found.received_12m) == (Decimal("50.01"), Decimal("26.01"))
    assert (found.withheld, found.withheld_12m) == (Decimal("7.20"), Decimal("3.60"))
    assert {one.kind for one in found.entries} == {"dividends"}
    assert sum(one.dividends for one in found.months) == found.received


async def test_what_is_to_come_and_yields_are_those_of_the_shares_held(desk: Desk, held: UUID) -> None:
    for days, amount, pay in ((-100, "0.50", -80), (-10, "0.60", 5), (30, "0.70", 50), (-20, "9", 10)):
        ex, currency = TODAY + timedelta(days=days), "EUR" if amount == "9" else "USD"
        row = ("AAPL", ex, Decimal(amount), currency, TODAY + timedelta(days=pay))
        await desk.b.db.run(DIVIDEND, row)
    found = await income_of(desk.b, desk.caller, held)
    assert [(one.per_share, one.value, one.estimated) for one in found.coming] == [
        (Decimal("0.70"), 70, False),
        (Decimal("0.50"), 50, True),
        (Decimal("0.60"), 60, True),
    ]
    assert found.expected_12m == 180  # what went ex ten days ago was booked that day
    [symbol] = found.symbols
    assert (symbol.symbol, symbol.cost, symbol.expected_12m) == ("AAPL", 5000, 180)
    assert symbol.yield_on_cost == Decimal("1.10") * 100 / 5000 == found.yield_on_cost
    assert any("pays in EUR" in note for note in found.notes)


async def test_shares_bought_on_the_ex_date_get_nothing(desk: Desk, held: UUID) -> None:
    ex = TODAY - timedelta(days=40)
    await desk.b.db.run(DIVIDEND, ("AAPL", ex, Decimal(1), "USD", TODAY + timedelta(days=3)))
    assert [one.estimated for one in (await income_of(desk.b, desk.caller, held)).coming] == [True]


async def test_the_replay_says_that_it_has_none_and_strangers_see_nothing(desk: Desk) -> None:
    found = await income_of(desk.b, desk.caller, desk.account_id)
    assert (found.received, found.coming, found.symbols, found.notes) == (0, [], [], [REPLAY_PAYS])
    assert found.yield_on_cost is None
    assert found.on == date(2021, 3, 1)
    stranger = await desk.person()
    with pytest.raises(NotFound):
        await income_of(desk.b, stranger.caller, desk.account_id)


def test_a_symbol_is_found_in_words_only_if_the_account_had_it() -> None:
    known = {"AAPL", "BRK.B", "A"}
    assert symbol_in("AAPL: DIV", known) == "AAPL"
    assert symbol_in("Dividend BRK.B paid", known) == "BRK.B"
    assert symbol_in("DIV of MSFT", known) == ""
    assert symbol_in("A dividend", known) == "A"
    assert symbol_in("", known) == ""


async def test_brought_in_shares_have_the_brokers_cost_and_an_unknown_day(desk: Desk, held: UUID) -> None:
    found = await open_lots(desk.b, desk.caller, held)
    [lot] = found.lots
    assert (lot.qty, lot.cost, lot.acquired_on) == (100, 5000, None)
    assert "when they were bought is not known" in found.notes[0]
    assert (await realized_gains(desk.b, desk.caller, held)).lines == []
