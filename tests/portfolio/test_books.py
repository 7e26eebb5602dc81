"""Several accounts as one book in one currency: values, returns, transfers and the currency's part, to the cent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.profile import get_base_currency, set_base_currency
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market import clocks
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocating.held import value_book
from starkmatter.portfolio.currency_attribution import attribute_by_currency
from starkmatter.portfolio.explaining import Explanation, explain_change
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.queries import INSERT_ACCOUNT, INSERT_SNAPSHOT
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.tracked import open_tracked
from starkmatter.portfolio.valuation import list_positions
from tests.builders import open_clock, quote
from tests.portfolio.importing import SESSION, Importer, make_importer, put_closes, put_sessions, table

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

    async def another_in_dollars(self) -> Importer:
        dollars = self.dollars
        account = await open_tracked(dollars.b, dollars.caller, name="A third", currency="USD")
        return Importer(dollars.b, dollars.caller, account.id)

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
    async with make_family(database, cache) as found:
        yield found


@asynccontextmanager
async def make_family(database: Database, cache: Redis) -> AsyncIterator[Family]:
    """Two accounts, eight days of closes and rates; whatever is booked, the promises are kept."""
    await put_sessions(database, START, 12)
    await put_closes(database, "KO", START, "60", "61", "62", "63", "60", "59", "58", "66")
    await database.run(RATE, (exchange_day(utc_now()) - timedelta(days=1), "USD", Decimal("1.18")))
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
    assert (found.start_value, found.flows, found.pl) == (Decimal("2100.00"), 0, Decimal("80.00"))
    assert found.pl == found.fx
    assert [(one.currency, one.start_rate, one.end_rate) for one in found.rates] == [
        ("EUR", Decimal("1.10"), Decimal("1.18"))
    ]
    told = await family.explain()
    check(told, found)
    assert step(told, "realized") == step(told, "unrealized") == 0
    # The whole of it is the euro's: 1,000.00 of them since they came at 1.10.
    assert step(told, "fx") == to_cents(1000 * (Decimal("1.18") - Decimal("1.10")))
    # Linked: each day's value by the one before.
    grown = (1000 + Decimal("1180")) / (1000 + Decimal("1100"))
    assert found.twr is not None
    assert abs(found.twr - (grown - 1)) < Decimal("1e-9")
    assert found.price_only == found.twr == found.gross


async def test_a_share_in_another_currency_is_valued_at_the_days_rate_and_told_apart(family: Family) -> None:
    """10 at 60.00 dollars for 545.45 euro (1.10); at the end 66.00 dollars at 1.18."""
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,1000.00,,,", "2024-02-26T15:00:00Z,buy,KO,10,54.545,-546.45,1.00,,")
    )
    b, caller, account_id = family.euros.b, family.euros.caller, family.euros.account_id
    [position] = await list_positions(b, caller, account_id)
    assert (position.last, position.currency, position.priced) == (66, "USD", True)
    assert position.market_value == to_cents(660 / Decimal("1.18"))
    found = await measure_performance(b, caller, account_id, benchmark="")
    values = {day.on: day.value for day in found.days}
    cash = Decimal("453.55")
    assert values[date(2024, 2, 27)] == cash + to_cents(610 / Decimal("1.12"))
    assert values[date(2024, 2, 29)] == cash + to_cents(630 / Decimal("1.20"))
    told = await explain_change(b, caller, account_id)
    assert told.currency == "EUR"
    check(told, found)
    [gain] = told.symbols
    cost, cost_local = Decimal("545.45"), Decimal("545.45") * Decimal("1.10")
    price = (660 - cost_local) * cost / cost_local
    assert abs(step(told, "unrealized") - price) <= CENT
    assert abs(gain.fx - (660 / Decimal("1.18") - 660 * cost / cost_local)) <= CENT
    assert gain.gain == to_cents(660 / Decimal("1.18")) - cost
    assert step(told, "fees") == -1
    # In dollars the share has no part of the currency, the cash in euro has.
    shown = await measure_performance(b, caller, account_id, benchmark="", currency="USD")
    in_dollars = await explain_change(b, caller, account_id, currency="USD")
    check(in_dollars, shown)
    assert in_dollars.symbols[0].fx == 0
    assert shown.end_value == to_cents(found.end_value * Decimal("1.18"))


async def test_money_between_own_accounts_on_one_day_in_two_currencies_is_no_flow(family: Family) -> None:
    """1,000.00 euro leave at 1.20 and come as 1,194.00 dollars: six are the bank's, nothing came from outside."""
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,3000.00,,,", "2024-02-29T15:00:00Z,withdrawal,,,,-1000.00,,,")
    )
    await family.dollars.book(
        table("2024-02-26,deposit,,,,10.00,,,", "2024-02-29T17:00:00Z,deposit,,,,1194.00,,,",
              "2024-02-29T18:00:00Z,deposit,,,,50.00,,,")
    )  # fmt: skip
    found = await family.measure(start=date(2024, 2, 27))
    assert (found.deposits, found.withdrawals) == (50, 0)
    [words] = [one for one in found.missing if "transfer" in one]
    assert "1,200.00 USD" in words
    assert "-6.00 by the exchange" in words
    told = await family.explain(start=date(2024, 2, 27))
    check(told, found)
    assert step(told, "paid_in") == 50
    assert step(told, "taken_out") == 0
    # Without the fifty the day is worth what it was, at that day's rate, less six.
    day = next(one for one in found.days if one.on == date(2024, 2, 29))
    assert day.value == 2000 * Decimal("1.20") + 1204 + 50
    assert day.flow == 50
    # Of one account alone it is money that went.
    alone = await measure_performance(
        family.euros.b, family.euros.caller, family.euros.account_id, benchmark="", currency="USD"
    )
    assert alone.withdrawals == 1200


async def test_all_the_money_may_be_on_its_way(family: Family) -> None:
    """Between the two accounts the book is worth what is on its way, so that a return can be told."""
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,1000.00,,,", "2024-02-29T15:00:00Z,withdrawal,,,,-1000.00,,,")
    )
    await family.dollars.book(table("2024-02-29T17:00:00Z,deposit,,,,1200.00,,,"))
    found = await family.measure()
    assert found.flows == 0
    assert found.twr is not None
    assert abs(found.twr - (Decimal("1200") / 1100 - 1)) < Decimal("1e-9")
    check(await family.explain(), found)


async def test_flows_at_the_open_and_at_the_close_count_at_the_rate_of_their_day(family: Family) -> None:
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(
        in_euro("2024-02-27T14:30:00Z,deposit,,,,100.00,,,", "2024-02-28T21:00:00Z,deposit,,,,200.00,,,",
                "2024-02-29T21:00:00Z,withdrawal,,,,-50.00,,,")
    )  # fmt: skip
    found = await family.measure()
    assert [(day.on.day, day.flow) for day in found.days if day.flow] == [
        (27, Decimal("112.00")),
        (28, Decimal("216.00")),
        (29, Decimal("-60.00")),
    ]
    told = await family.explain()
    check(told, found)
    assert (step(told, "paid_in"), step(told, "taken_out")) == (328, -60)
    for day in (date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29)):
        check(await family.explain(start=day, end=day), await family.measure(start=day, end=day))


async def test_a_day_without_a_rate_is_named_and_part_of_the_next_one(family: Family) -> None:
    db = family.dollars.b.db
    await db.run("DELETE FROM fx_rate WHERE day < '2024-02-28'")
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(in_euro("2024-02-26,deposit,,,,1000.00,,,"))
    found = await family.measure()
    assert found.days[0].on == date(2024, 2, 28)
    assert (found.start_value, found.end_value) == (2080, 2180)
    assert any("no exchange rate of EUR in USD on 2024-02-26, 2024-02-27" in one for one in found.missing)
    assert all(day.value > 2000 for day in found.days)
    check(await family.explain(), found)


async def test_an_account_without_any_rate_is_left_out_by_name(family: Family) -> None:
    kroner = await make_importer(
        family.dollars.b.db, family.dollars.b.cache, currency="NOK", caller=family.dollars.caller
    )
    await kroner.book(table("2024-02-26,deposit,,,,500.00,,,").replace(b"USD", b"NOK"))
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    found = await family.measure()
    assert (found.end_value, len(found.account_ids)) == (1000, 2)
    assert any("left out" in one and "NOK in USD" in one for one in found.missing)
    with pytest.raises(NotFound, match="no exchange rate"):
        await measure_performance(kroner.b, kroner.caller, kroner.account_id, currency="USD")


async def test_the_base_currency_is_the_first_accounts_until_it_is_chosen(family: Family) -> None:
    b, caller = family.dollars.b, family.dollars.caller
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(in_euro("2024-02-26,deposit,,,,1000.00,,,"))
    assert await get_base_currency(b, caller) == "USD"
    before = await family.measure()
    assert await set_base_currency(b, caller, " eur ") == "EUR"
    after = await family.measure()
    assert (before.currency, before.end_value) == ("USD", 2180)
    assert (after.currency, after.end_value) == ("EUR", 1000 + to_cents(1000 / Decimal("1.18")))
    check(await family.explain(), after)
    # What was paid in is what it was worth on its day, in either.
    assert after.start_value == 1000 + to_cents(1000 / Decimal("1.10"))
    with pytest.raises(InvalidInput, match="one of"):
        await set_base_currency(b, caller, "XXX")
    with pytest.raises(InvalidInput, match="currency"):
        await family.measure(currency="XXX")


async def test_an_account_that_was_opened_later_comes_with_what_was_paid_in(family: Family) -> None:
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,1000.00,,,", "2024-02-27,buy,KO,10,54.00,-540.00,,,",
                "2024-02-29,sell,KO,4,52.00,208.00,,,", "2024-03-01,dividend,KO,,,12.00,,2.00,")
    )  # fmt: skip
    await family.dollars.book(
        table("2024-02-28,deposit,,,,5000.00,,,", "2024-02-28,buy,KO,20,61.50,-1231.00,1.00,,",
              "2024-03-01,sell,KO,20,60.00,1199.00,1.00,,")
    )  # fmt: skip
    days = [START + timedelta(days=number) for number in range(9)]
    for currency in ("USD", "EUR"):
        found, told = await family.measure(currency=currency), await family.explain(currency=currency)
        check(told, found)
        assert [one.symbol for one in told.symbols] == ["KO"]
        for first, last in [(days[1], days[3]), (days[2], days[2]), (days[3], days[4]), (days[2], None)]:
            check(
                await family.explain(currency=currency, start=first, end=last),
                await family.measure(currency=currency, start=first, end=last),
            )
        assert found.twr is not None
        assert found.price_only is not None


async def test_markets_are_never_in_one_book_and_strangers_see_none(family: Family, database: Database) -> None:
    b, caller = family.dollars.b, family.dollars.caller
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    other = uuid4()
    opened = {"id": other, "user": caller.user_id, "name": "Practice", "venue": "replay", "broker": "paper",
              "mode": "paper", "currency": "USD", "preset": "realistic", "run": None, "now": utc_now(),
              "venue_at": utc_now(), "kind": "cash"}  # fmt: skip
    await database.run(INSERT_ACCOUNT, opened)
    await database.run(INSERT_SNAPSHOT, {"account": other, "venue_at": utc_now(), "equity": 0})
    with pytest.raises(InvalidInput, match="both markets"):
        await measure_performance(b, caller, None)
    found = await measure_performance(b, caller, None, venue="market", benchmark="")
    assert other not in found.account_ids
    assert {family.dollars.account_id, family.euros.account_id} == set(found.account_ids)
    stranger = await make_importer(database, b.cache)
    theirs = await measure_performance(b, stranger.caller, None, benchmark="")
    assert theirs.account_ids == [stranger.account_id]


async def test_cash_of_two_currencies_earns_by_the_rate_alone(family: Family) -> None:
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(in_euro("2024-02-26,deposit,,,,1000.00,,,"))
    b, caller = family.dollars.b, family.dollars.caller
    found = await attribute_by_currency(b, caller, None, start=date(2024, 2, 27))
    measured = await family.measure(start=date(2024, 2, 27))
    assert found.ratio is not None
    assert measured.twr is not None
    assert abs(found.ratio - measured.twr) < Decimal("1e-9")
    assert (found.price, found.trading) == (0, 0)
    assert found.fx == found.ratio


async def test_each_currency_brings_its_prices_and_its_rate(family: Family) -> None:
    """Two days by hand: half the euro account in a dollar share, the rest in euro, and as much again in dollars."""
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,1000.00,,,", "2024-02-26T15:00:00Z,buy,KO,10,54.545454,-545.45,,,")
    )
    await family.dollars.book(table("2024-02-26,deposit,,,,500.00,,,"))
    b, caller = family.dollars.b, family.dollars.caller
    found = await attribute_by_currency(b, caller, None, start=date(2024, 2, 27), end=date(2024, 2, 27))
    whole = 500 + 600 + Decimal("454.55") * Decimal("1.10")
    euro, dollar = (next(one for one in found.effects if one.name == name) for name in ("EUR", "USD"))
    assert found.days == 1
    near = Decimal("1e-5")  # values are whole cents
    assert abs(euro.weight - Decimal("454.55") * Decimal("1.10") / whole) < near
    assert abs(euro.currency - Decimal("454.55") * (Decimal("1.12") - Decimal("1.10")) / whole) < near
    assert euro.price == dollar.currency == 0
    assert abs(dollar.price - 10 / whole) < near
    assert found.trading is not None
    assert abs(found.trading) < Decimal("1e-4")  # the cents that rounding leaves
    months = await attribute_by_currency(b, caller, None, currency="EUR")
    measured = await family.measure(currency="EUR")
    assert months.ratio == sum(one.total for one in months.effects) + (months.trading or 0)
    assert months.price is not None
    assert months.fx is not None
    assert months.days < len(measured.days)  # of the first day what was held at its start was not kept
    assert any("left out" in one for one in months.notes)


async def test_what_came_today_counts_from_each_close_at_its_rate(family: Family, database: Database) -> None:
    """The last close was at 1.18 dollars for a euro, today's rate is 1.20; five hundred euro came today."""
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    opens_at = await open_today(database)
    came_at = (opens_at + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await family.euros.book(
        in_euro("2024-02-26,deposit,,,,100000.00,,,", "2024-02-28T12:00:00Z,buy,KO,100,57.00,-5700.00,,,",
                f"{came_at},deposit,,,,500.00,,,")
    )  # fmt: skip
    whole = await value_book(family.dollars.b, family.dollars.caller, None, currency="USD")
    assert sorted(one.currency for one in whole.accounts) == ["EUR", "USD"]
    euros = next(one for one in whole.accounts if one.currency == "EUR")
    [(before, at)] = await database.tuples(LAST_CLOSE, (euros.id, opens_at))
    assert exchange_day(at) == date(2024, 3, 6)
    assert euros.day_pl == euros.value - to_cents(before * Decimal("1.18")) - to_cents(500 * Decimal("1.20"))
    assert whole.day_pl == euros.day_pl  # dollars in cash earned nothing
    assert next(one.day_pl for one in whole.accounts if one.currency == "USD") == 0
    # In the other currency the euro's cash stands still, and the dollars lose by the rate.
    other = await value_book(family.dollars.b, family.dollars.caller, None, currency="EUR")
    dollars = next(one for one in other.accounts if one.currency == "USD")
    assert dollars.day_pl == dollars.value - to_cents(1000 / Decimal("1.18"))
    assert dollars.day_pl < 0
    account = await get_account(family.euros.b, family.euros.caller, family.euros.account_id)
    assert next(one.day_pl for one in other.accounts if one.currency == "EUR") == account.day_pl
    assert other.day_pl == sum(one.day_pl for one in other.accounts if one.day_pl is not None)


async def test_without_a_rate_of_the_last_close_today_is_not_told_and_named(family: Family, database: Database) -> None:
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    await family.euros.book(in_euro("2024-02-26,deposit,,,,1000.00,,,"))
    await open_today(database)
    await database.run("DELETE FROM fx_rate WHERE day < '2025-01-01'")
    whole = await value_book(family.dollars.b, family.dollars.caller, None, currency="USD")
    assert whole.day_pl is None
    assert [one for one in whole.missing if "what came today cannot be told" in one]
    assert [one.day_pl for one in whole.accounts if one.currency == "USD"] == [0]


LAST_CLOSE = """
SELECT equity, venue_at FROM equity_snapshot WHERE account_id = %s AND venue_at < %s ORDER BY venue_at DESC LIMIT 1
"""


async def open_today(database: Database) -> datetime:
    """A session is on since an hour and a rate of today is known; when it opened."""
    now = utc_now()
    opens_at = now - timedelta(hours=1)
    await database.run("DELETE FROM market_session WHERE session_on > '2024-03-06'")
    await database.run(SESSION, (exchange_day(now), opens_at, now + timedelta(hours=1)))
    await database.run(RATE, (exchange_day(now), "USD", Decimal("1.20")))
    clocks._kept.clear()
    return opens_at


async def test_a_blend_is_a_benchmark_and_the_same_money_in_it_has_its_worth(
    family: Family, database: Database
) -> None:
    before = START - timedelta(days=3)
    await put_closes(database, "KO", before, "59")
    await put_closes(database, "PEP", before, "100", "110", "110", "99", "99", "99", "99", "99", "108.90")
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,", "2024-02-29,deposit,,,,500.00,,,"))
    asked = {"account_id": family.dollars.account_id, "benchmark": "50 ko, 50% PEP", "end": date(2024, 3, 6)}
    found = await measure_performance(family.dollars.b, family.dollars.caller, **asked)
    assert found.benchmark is not None
    assert (found.benchmark.symbol, found.benchmark.name) == ("50 KO, 50 PEP", "50 % KO, 50 % PEP")
    ko = [Decimal(close) for close in ("59", "60", "61", "62", "63", "60", "59", "58", "66")]
    pep = [Decimal(close) for close in ("100", "110", "110", "99", "99", "99", "99", "99", "108.90")]
    growth = [Decimal(1)]
    for day in range(1, 9):
        growth.append(growth[-1] * (ko[day] / ko[day - 1] + pep[day] / pep[day - 1]) / 2)
    assert abs(found.benchmark.twr - (growth[-1] - 1)) < Decimal("1e-18")
    # The second deposit came on the fourth day, and counts from that day's close.
    worth = 1000 * growth[-1] + 500 * growth[-1] / growth[4]
    assert found.benchmark.same_flows == to_cents(worth)
    for wrong in ("50 KO, 40 PEP", "50 KO, 50 KO", "0 KO, 100 PEP"):
        with pytest.raises(InvalidInput, match="percentages that add up to 100"):
            await measure_performance(family.dollars.b, family.dollars.caller, **asked | {"benchmark": wrong})
    with pytest.raises(NotFound):
        await measure_performance(family.dollars.b, family.dollars.caller, **asked | {"benchmark": "50 KO, 50 NONE"})


async def test_a_flow_on_a_day_without_a_benchmarks_price_has_no_same_worth(family: Family, database: Database) -> None:
    await put_closes(database, "KO", START - timedelta(days=3), "59")
    await database.run("DELETE FROM bar WHERE symbol = 'KO' AND starts_at::date = '2024-02-29'")
    await family.dollars.book(table("2024-02-26,deposit,,,,1000.00,,,", "2024-02-29,deposit,,,,500.00,,,"))
    asked = {"account_id": family.dollars.account_id, "benchmark": "KO", "end": date(2024, 3, 6)}
    found = await measure_performance(family.dollars.b, family.dollars.caller, **asked)
    assert found.benchmark is not None
    assert found.benchmark.twr == Decimal(66) / 59 - 1
    assert found.benchmark.same_flows is None
    assert any("KO has no price on 2024-02-29" in note for note in found.missing)
