"""Where other programs' returns go wrong: each case has its figures, or words where there is no figure to tell.

Everything goes the way of a person with files: read, booked, valued by the worker, and asked of the services.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.money import CENT, ZERO
from starkmatter.market.actions.telling import tell_actions
from starkmatter.portfolio.explaining import Explanation, explain_change
from starkmatter.portfolio.lots.service import open_lots, realized_gains
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.risk import Risk, measure_risk
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.corporate.desk import ActionDesk
from tests.builders import open_clock
from tests.domain.corporate_text import terms
from tests.portfolio.importing import Importer, make_importer, put_closes, put_sessions, table

D = Decimal
START = date(2024, 1, 2)
RISING = ["60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "70"]
SPLIT = """
INSERT INTO corporate_split (symbol, ex_on, numerator, denominator, provider, observed_at)
VALUES ('KO', %s, 3, 1, 'test', now())
"""


def day(number: int, month: int = 1) -> date:
    return date(2024, month, number)


def near(one: Decimal | None, other: Decimal | int) -> bool:
    return one is not None and abs(one - other) < Decimal("1e-12")


def step(found: Explanation, key: str) -> Decimal:
    return next(one.value for one in found.steps if one.key == key)


def decimals(value: Any) -> list[Decimal]:
    """Every figure in it."""
    if isinstance(value, Decimal):
        return [value]
    if is_dataclass(value):
        return [one for field in fields(value) for one in decimals(getattr(value, field.name))]
    return [found for one in value for found in decimals(one)] if isinstance(value, list) else []


@dataclass
class Book:
    """An account whose history comes from files."""

    importer: Importer

    @property
    def _who(self) -> tuple[Any, ...]:
        return self.importer.b, self.importer.caller, self.importer.account_id

    async def book(self, *rows: str) -> None:
        assert (await self.importer.book(table(*rows))).state == "booked"

    async def act(self, words: str, on: date) -> None:
        """A corporate action is told, and the worker looks."""
        told = Told("a1", 1, "KO", on, "USD", terms(words), "test")
        async with self.importer.b.db.transaction() as connection:
            await tell_actions(connection, "market", [told], utc_now())
        now = replace(open_clock(), venue_now=utc_now(), session_on=utc_now().date())
        assert await ActionDesk(self.importer.b, "market").on_quotes(now, {}) is not None
        await self.importer.work()
        await self.importer.promises_kept()

    async def held(self) -> dict[str, tuple[Decimal, Decimal]]:
        return {one.symbol: (one.qty, one.cost_basis) for one in await list_positions(*self._who)}

    async def measure(self, start: date | None = None, end: date | None = None) -> Performance:
        """The period, after it was seen that no figure of it is NaN and that its result is explained to the cent (I12),
        as is that of each of its days."""
        found = await measure_performance(*self._who, start=start, end=end, benchmark="")
        assert all(one.is_finite() for one in decimals(found))
        for first, last in [(start, end), *((one.on, one.on) for one in found.days[1:])]:
            told = await self.explain(first, last)
            assert sum((one.value for one in told.steps), ZERO) == told.change
            assert told.exact, told.notes
            assert abs(step(told, "rounding")) <= CENT
        told = await self.explain(start, end)
        assert told.change - step(told, "paid_in") - step(told, "taken_out") == found.pl
        return found

    async def explain(self, start: date | None = None, end: date | None = None) -> Explanation:
        return await explain_change(*self._who, start=start, end=end)

    async def risk(self, end: date) -> Risk:
        """Risk up to a day: each figure is finite, or its reason is there."""
        found = await measure_risk(*self._who, end=end, benchmark="")
        for one in found.figures:
            assert (one.value is None and one.reason) or (one.value is not None and one.value.is_finite()), one
        return found

    async def lots(self) -> list[tuple[Decimal, Decimal]]:
        return [(one.qty, one.cost) for one in (await open_lots(*self._who)).lots]

    async def gains(self, year: int) -> list[tuple[Decimal, str]]:
        return [(one.gain, one.term) for one in (await realized_gains(*self._who, year)).lines]


@pytest.fixture
async def book(database: Database, cache: Redis) -> Book:
    await put_sessions(database, START, 70)
    return Book(await make_importer(database, cache))


async def test_an_account_emptied_and_refilled_links_over_the_days_without_money(
    book: Book, database: Database
) -> None:
    await put_closes(database, "KO", START, *RISING)
    await book.book(
        "2024-01-02,deposit,,,,1000.00,,,",
        "2024-01-02,buy,KO,10,60.00,-600.00,,,",
        "2024-01-04T20:00:00Z,sell,KO,10,62.00,620.00,,,",
        "2024-01-04T20:00:01Z,withdrawal,,,,-1020.00,,,",
        "2024-01-10T20:00:00Z,deposit,,,,500.00,,,",
        "2024-01-10T20:00:01Z,buy,KO,5,66.00,-330.00,,,",
    )
    found = await book.measure(end=day(16))
    assert near(found.twr, D("1.02") * D("1.04") - 1)
    assert found.pl == 40
    assert {one.on: one.value for one in found.days}[day(8)] == 0
    assert found.mwr is not None
    empty = await book.measure(start=day(8), end=day(9))
    assert (empty.twr, empty.mwr, empty.simple) == (None, None, None)
    assert "Nothing was invested in this period." in " ".join(empty.missing)
    await book.risk(day(16))


async def test_the_first_day_counts_from_what_was_paid_in(book: Book, database: Database) -> None:
    await put_closes(database, "KO", START, *RISING)
    await book.book("2024-01-02,deposit,,,,1000.00,,,", "2024-01-02,buy,KO,10,59.00,-590.00,,,")
    found = await book.measure(end=day(2))
    assert (found.start_value, found.end_value, found.pl) == (1000, 1010, 10)
    assert near(found.twr, D("0.01"))
    risk = await book.risk(day(2))
    assert {one.reason for one in risk.figures if one.name == "volatility"} == {
        "It takes at least two days with a return."
    }


async def test_flows_at_the_very_open_and_close_are_no_result(book: Book, database: Database) -> None:
    await put_closes(database, "KO", START, *RISING)
    await book.book(
        "2024-01-02T14:30:00Z,deposit,,,,1000.00,,,",
        "2024-01-02T14:30:00Z,buy,KO,10,60.00,-600.00,,,",
        "2024-01-04T14:30:00Z,deposit,,,,500.00,,,",
        "2024-01-05T21:00:00Z,deposit,,,,250.00,,,",
        "2024-01-08T21:00:00Z,withdrawal,,,,-100.00,,,",
    )
    found = await book.measure(end=day(9))
    assert [one.flow for one in found.days] == [0, 0, 0, 500, 250, -100, 0]
    grown = D(1)
    for before, after, paid_in, taken_out in (
        (1000, 1010, 0, 0), (1010, 1520, 500, 0), (1520, 1780, 250, 0), (1780, 1690, 0, 100), (1690, 1700, 0, 0),
    ):  # fmt: skip
        grown *= D(after + taken_out) / D(before + paid_in)
    assert near(found.twr, grown - 1)
    assert found.pl == 50


async def test_negative_equity_has_no_time_weighted_return_and_says_on_which_day(
    book: Book, database: Database
) -> None:
    await put_closes(database, "KO", START, *["60", "61", "62", "200", "200", "65", "66", "67"])
    await book.book("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,sell,KO,10,60.00,600.00,,,")
    found = await book.measure(end=day(11))
    assert (found.twr, found.twr_annual, found.drawdown) == (None, None, None)
    assert "Time-weighted return: The account lost more than its capital on 2024-01-05." in found.missing
    assert found.pl == -70
    assert near(found.simple, D("-0.07"))
    worst = await book.explain(end=day(8))
    assert (worst.end_value, step(worst, "unrealized")) == (-400, -1400)
    await book.risk(day(11))


async def test_a_month_without_a_price_keeps_the_last_one_and_is_named(book: Book, database: Database) -> None:
    await put_closes(database, "KO", START, "60", "61")
    await put_closes(database, "KO", day(5, month=2), "70", "71")
    await book.book("2024-01-02,deposit,,,,1000.00,,,", "2024-01-02,buy,KO,10,20.00,-200.00,,,")
    found = await book.measure(end=day(6, month=2))
    [words] = [one for one in found.missing if one.startswith("KO has no stored price on")]
    assert "of the days from 2024-01-11 to" in words
    assert words.endswith("and stands at its last close before them.")
    assert {one.value for one in found.days if day(3) <= one.on <= day(2, month=2)} == {D(1410)}
    assert near(found.twr, D("0.51"))
    assert found.drawdown is None, "a gap is no loss"
    never = await book.importer.book(table("2024-01-03,buy,NONE,1,5.00,-5.00,,,"))
    assert never.state == "booked"
    found = await book.measure(end=day(6, month=2))
    assert any(one.startswith("NONE has no stored price") and "at its cost there" in one for one in found.missing)


async def test_a_split_while_short_owes_more_shares_and_is_no_result(book: Book, database: Database) -> None:
    await put_closes(database, "KO", START, *["20", "20", "20", "21", "22", "23", "22", "22"])
    await database.run(SPLIT, (day(8),))
    await book.book("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,sell,KO,5,60.00,300.00,,,")
    await book.act("split 3:1", day(8))
    assert await book.held() == {"KO": (D(-15), D(-300))}
    assert await book.lots() == [(D(-15), D(-300))]
    found = await book.measure(end=day(11))
    values = {one.on: one.value for one in found.days}
    # Five at 60, 63 and, from the split on, fifteen at 22 and 23.
    assert (values[day(4)], values[day(5)], values[day(8)], values[day(9)]) == (1000, 985, 970, 955)
    assert found.pl == -30
    await book.risk(day(11))


async def test_a_split_after_a_position_was_closed_changes_nothing_of_it(book: Book, database: Database) -> None:
    await put_closes(database, "KO", START, *["20", "20", "21", "21", "22", "23", "22", "22"])
    await database.run(SPLIT, (day(8),))
    await book.book(
        "2024-01-02,deposit,,,,1000.00,,,",
        "2024-01-03,buy,KO,5,60.00,-300.00,,,",
        "2024-01-04T20:00:00Z,sell,KO,5,63.00,315.00,,,",
    )
    before = await book.measure(end=day(11))
    entries = await book.importer.entries()
    await book.act("split 3:1", day(8))
    after = await book.measure(end=day(11))
    assert (after.pl, after.twr, after.days) == (before.pl, before.twr, before.days)
    assert after.pl == 15
    assert await book.importer.entries() == entries
    assert await book.importer.held() == {}
    assert await book.gains(2024) == [(D(15), "short")]


async def test_a_total_loss_is_minus_one_hundred_percent_and_what_comes_later_has_days_of_its_own(
    book: Book, database: Database
) -> None:
    await put_closes(database, "KO", START, *["100", "100", "50", "10"])
    await put_closes(database, "PEP", START, *["20", "20", "20", "20", "20", "20", "20", "20", "20", "22", "22", "22"])
    await book.book("2024-01-02,deposit,,,,1000.00,,,", "2024-01-02,buy,KO,10,100.00,-1000.00,,,")
    await book.act("delisted", day(8))
    found = await book.measure(end=day(11))
    assert (found.twr, found.mwr, found.simple) == (-1, -1, -1)
    assert found.drawdown is not None
    assert (found.drawdown.depth, found.drawdown.recovered_on) == (-1, None)
    assert await book.gains(2024) == [(D(-1000), "short")]
    risk = await book.risk(day(11))
    assert {one.reason for one in risk.figures if one.name == "calmar"} == {"Everything was lost, or more."}
    await book.book("2024-01-12T20:00:00Z,deposit,,,,500.00,,,", "2024-01-12T20:00:01Z,buy,PEP,20,20.00,-400.00,,,")
    found = await book.measure(end=day(16))
    assert found.twr == -1
    assert any(one.startswith("Everything had been lost before money came back by 2024-01-12") for one in found.missing)
    assert near({one.on: one.ratio for one in found.days}[day(15)], D("0.08")), "no silent zero after it"
    anew = await book.measure(start=day(15), end=day(16))
    assert near(anew.twr, D("0.08"))


async def test_a_leap_day_is_a_day_and_a_year_from_it_is_a_year(book: Book, database: Database) -> None:
    await put_sessions(database, date(2025, 2, 27), 6)
    await put_closes(database, "KO", day(28, month=2), "100", "110", "120")
    await put_closes(database, "KO", date(2025, 2, 27), "121", "121", "121")
    await book.book(
        "2024-02-28T21:00:00Z,deposit,,,,1000.00,,,",
        "2024-02-29T14:30:00Z,buy,KO,10,100.00,-1000.00,,,",
        "2025-02-28T20:00:00Z,sell,KO,5,121.00,605.00,,,",
        "2025-03-03T20:00:00Z,sell,KO,5,121.00,605.00,,,",
    )
    leap = await book.measure(start=day(29, month=2), end=day(29, month=2))
    assert near(leap.twr, D("0.1"))
    assert leap.days[-1].on == day(29, month=2)
    year = await book.measure(end=date(2025, 2, 27))
    # 366 days of the leap year less the one that the period is short of it: exactly 365, a year by ACT/365.
    assert near(year.twr, D("0.21"))
    assert near(year.twr_annual, D("0.21"))
    assert (year.months[0].month, near(year.months[0].ratio, D("0.1"))) == (2, True)
    # Bought on February 29, held for more than a year from March 1 of the next one on (26 USC 1222).
    assert await book.gains(2025) == [(D(105), "short"), (D(105), "long")]


async def test_transfers_between_two_accounts_on_one_day_are_flows_of_each(
    book: Book, database: Database, cache: Redis
) -> None:
    await put_closes(database, "KO", START, *RISING)
    await put_closes(database, "PEP", START, *RISING)
    other = Book(await make_importer(database, cache, caller=book.importer.caller))
    await book.book(
        "2024-01-02,deposit,,,,1000.00,,,",
        "2024-01-02,buy,KO,10,60.00,-600.00,,,",
        "2024-01-04T16:00:00Z,withdrawal,,,,-300.00,,,",
        "2024-01-04T17:00:00Z,deposit,,,,100.00,,,",
    )
    await other.book(
        "2024-01-04T16:00:00Z,deposit,,,,300.00,,,",
        "2024-01-04T16:00:00Z,transfer_in,PEP,4,62.00,,,,",
        "2024-01-04T17:00:00Z,withdrawal,,,,-100.00,,,",
    )
    one, two = await book.measure(end=day(5)), await other.measure(end=day(5))
    assert (one.deposits, one.withdrawals, one.pl) == (100, 300, 30)
    assert (two.start_value, two.withdrawals, two.pl) == (548, 100, 4)
    grown = D(1)
    for before, after, paid_in, taken_out in ((1000, 1010, 0, 0), (1010, 710, 0, 300), (710, 820, 100, 0)):
        grown *= D(after + taken_out) / D(before + paid_in)
    assert near(one.twr, grown * D(830) / D(820) - 1)
    assert one.flows + two.flows == -300, "the other 300 began the second account"
