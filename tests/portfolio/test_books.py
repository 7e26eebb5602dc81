"""Several accounts as one book in one currency: values, returns, transfers and the currency's part, to the cent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.profile import get_base_currency, set_base_currency
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.explaining import Explanation, explain_change
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.valuation import list_positions
from tests.builders import open_clock, quote
from tests.portfolio.importing import Importer, make_importer, put_closes, put_sessions, table

CENT = Decimal("0.01")
START = date(2024, 2, 26)  # a Monday; the week holds a leap day
RATE = "INSERT INTO fx_rate (day, currency, per_euro, source, observed_at) VALUES (%s, %s, %s, 'test', now())"


@dataclass
class Family:
    """One person with a tracked account in dollars and one in euro."""

    dollars: Importer
    euros: Importer

    async def measure(self, **asked: Any) -> Performance:
        asked = {"benchmark": ""} | asked
        return await measure_performance(self.dollars.b, self.dollars.caller, None, **asked)

    async def explain(self, **asked: Any) -> Explanation:
        return await explain_change(self.dollars.b, self.dollars.caller, None, **asked)


async def put_rates(db: Database, currency: str, start: date, *per_euro: str) -> None:
    """Rates of the weekdays from `start` on; `-` for a day without one."""
    on = start
    for rate in per_euro:
        while on.weekday() > 4:
            on += timedelta(days=1)
        if rate != "-":
            await db.run(RATE, (on, currency, Decimal(rate)))
        on += timedelta(days=1)


@pytest.fixture
async def family(database: Database, cache: Redis) -> AsyncIterator[Family]:
    await put_sessions(database, START, 12)
    await put_closes(database, "KO", START, "60", "61", "62", "63", "60", "59", "58", "66")
    await put_rates(database, "USD", START, "1.10", "1.12", "1.08", "1.20", "1.25", "1.15", "1.16", "1.18")
    now = datetime(2024, 3, 6, 21, 30, tzinfo=UTC)
    clock = open_clock(
        venue_now=now, state="closed", session_on=now.date(), next_open=now + timedelta(hours=17), next_close=None
    )
    await QuoteBoard(cache).publish("market", {"KO": quote("KO 66.00/66.10")}, clock=clock, now=utc_now())
    dollars = await make_importer(database, cache)
    euros = await make_importer(database, cache, currency="EUR", caller=dollars.caller)
    yield Family(dollars, euros)
    for one in (dollars, euros):
        await one.promises_kept()


def in_euro(*rows: str) -> bytes:
    return table(*rows).replace(b"USD", b"EUR")


def step(found: Explanation, key: str) -> Decimal:
    return next(one.value for one in found.steps if one.key == key)


def check(found: Explanation, measured: Performance) -> None:
    """I12 in the book's currency, exchange rates on their own."""
    assert found.exact, found.notes
    assert found.change == sum(one.value for one in found.steps)
    assert (found.start_value, found.end_value) == (measured.start_value, measured.end_value)
    assert step(found, "paid_in") + step(found, "taken_out") == measured.flows
    assert step(found, "fx") == measured.fx
    assert measured.pl == found.change - measured.flows
    assert abs(step(found, "rounding")) <= 2 * CENT


async def test_two_accounts_of_two_currencies_are_one_book_at_the_rates_of_each_day(family: Family) -> None:
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(in_euro("2024-02-26,deposit,,,,1000.00,,,"))
    found = await family.measure()
    assert (found.currency, found.account_id, len(found.account_ids), found.name) == ("USD", None, 2, "All accounts")
    values = {day.on: day.value for day in found.days}
    assert values[date(2024, 2, 27)] == 1000 + Decimal("1120.00")
    assert values[date(2024, 2, 29)] == 1000 + Decimal("1200.00")  # the leap day is a day like any other
    assert values[date(2024, 3, 1)] == 1000 + Decimal("1250.00")
    assert found.flows == Decimal("2100.00")
    assert found.pl == found.fx
    told = await family.explain()
    check(told, found)
    assert step(told, "realized") == step(told, "unrealized") == 0
    # The whole of it is the euro's: 1,000.00 of them since they came at 1.10.
    assert step(told, "fx") == to_cents(1000 * (Decimal("1.18") - Decimal("1.10")))
    # Linked: each day's value by the one before.
    grown = (1000 + Decimal("1180")) / (1000 + Decimal("1100"))
    assert found.twr is not None
    assert abs(found.twr - (grown - 1)) < Decimal("1e-9")
    assert found.price_only == found.twr
