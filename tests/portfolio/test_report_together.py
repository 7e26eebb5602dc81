"""Several accounts in one report: activity, income, sales and costs of all of them in one currency, to the cent."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.domain.periods import Period, period_between
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.tax_report import TaxTotals
from starkmatter.portfolio.explaining import STEP_NAMES
from starkmatter.portfolio.reporting.building import make_report
from starkmatter.portfolio.reporting.document import Heading, Table
from starkmatter.portfolio.reporting.html import html_of
from starkmatter.portfolio.reporting.layout import layout
from starkmatter.portfolio.reporting.pdf import pdf_of
from starkmatter.portfolio.reporting.records import SECTIONS, Chapter, Report, Wish
from starkmatter.portfolio.reporting.words import SECTION_NAMES
from tests.portfolio.importing import table
from tests.portfolio.report_figures import check_sums, pdf_text, tables
from tests.portfolio.test_books import START, Family, in_euro, make_family

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEEK = period_between(START, date(2024, 3, 8))
LEGS = """
SELECT e.account_id, e.id, e.venue_at, e.accounts, e.commodities, e.amounts
  FROM ledger_entry e WHERE e.account_id = ANY (%s) AND e.venue_at >= %s AND e.venue_at < %s
"""
PER_EURO = {
    date(2024, 2, 26): "1.10", date(2024, 2, 27): "1.12", date(2024, 2, 28): "1.08", date(2024, 2, 29): "1.20",
    date(2024, 3, 1): "1.25", date(2024, 3, 4): "1.15", date(2024, 3, 5): "1.16", date(2024, 3, 6): "1.18",
}  # fmt: skip
ROWS = (
    "2024-02-26,deposit,,,,5000.00,,,",
    "2024-02-27,buy,KO,30,60.13,-1805.13,1.23,,",
    "2024-02-28,dividend,KO,,,17.77,,,",
    "2024-02-29,sell,KO,11,63.01,692.01,1.10,,",
    "2024-03-01,fee,,,,-3.33,,,Custody",
    "2024-03-01,tax,KO,,,-2.67,,,Withheld",
    "2024-03-04,interest,,,,0.41,,,",
    "2024-03-05,sell,KO,7,58.50,408.17,1.33,,",
)


@pytest.fixture
async def family(database: Database, cache: Redis) -> AsyncIterator[Family]:
    async with make_family(database, cache) as found:
        yield found


async def report_of(family: Family, period: Period = WEEK, sections: frozenset = frozenset(SECTIONS)) -> Report:
    ids = (family.dollars.account_id, family.euros.account_id)
    asked = Wish(ids, period, sections, "")
    return await make_report(family.dollars.b, family.dollars.caller, asked, NOW)


def rate(one: Chapter, at: date | datetime) -> Decimal:
    on = exchange_day(at) if isinstance(at, datetime) else at
    return Decimal(PER_EURO[on]) if one.currency == "EUR" else Decimal(1)


async def both_traded(family: Family) -> None:
    await family.dollars.book(table(*ROWS))
    await family.euros.book(in_euro(*ROWS))
    await family.euros.b.db.run("UPDATE account SET name = 'In euro' WHERE id = %s", (family.euros.account_id,))


async def test_each_sum_is_that_of_the_accounts_at_the_rates_of_their_days(family: Family) -> None:
    await both_traded(family)
    report = await report_of(family)
    (whole,) = report.combined
    assert {one.currency for one in report.chapters} == {"USD", "EUR"}
    assert whole.currency == "USD"
    income = [
        (line.at, one.name, to_cents(line.value * rate(one, line.at))) for one in report.chapters for line in one.income
    ]
    assert sorted((line.at, line.account, line.value) for line in whole.income) == sorted(income)
    assert len(income) == 4
    assert sum(value for *_, value in income) == whole.step("dividends", "interest")
    for term in ("short", "long"):
        sums: TaxTotals = getattr(whole.gains, term)
        lines = [(one, line) for one in report.chapters for line in one.gains.lines if line.term == term]
        for name in ("proceeds", "cost", "adjustment"):
            assert getattr(sums, name) == sum(
                (to_cents(getattr(line, name) * rate(one, line.sold_on)) for one, line in lines), Decimal(0)
            )
        assert sums.gain == sums.proceeds - sums.cost + sums.adjustment
    assert len(whole.gains.lines) == sum(len(one.gains.lines) for one in report.chapters) == 4
    costs, cash = await legs_at_rates(family)
    assert {line.name: line.value for line in whole.costs} == costs
    assert {line.name: line.count for line in whole.costs} == {"Fees": 8, "Tax withheld": 2}
    assert whole.step("taxes") == -whole.performance.taxes == -costs["Tax withheld"]
    assert whole.performance.interest == whole.step("interest")
    # Before costs it did better, and without income and costs the prices alone did worse.
    assert whole.performance.gross > whole.performance.twr > whole.performance.price_only
    assert sum(costs.values()) == -whole.step("fees", "taxes", "other_costs") == whole.performance.fees
    assert whole.activity.cash == cash
    assert {one.kind: one.count for one in whole.activity.kinds} == {
        kind.kind: 2 * kind.count for kind in report.chapters[0].activity.kinds
    }
    assert {one.account for one in whole.activity.movements} == {one.name for one in report.chapters}
    assert [one.at for one in whole.activity.movements] == sorted(one.at for one in whole.activity.movements)
    assert any("at the rate of the day of the sale" in note for note in whole.missing)
    assert all(STEP_NAMES[one.key] for one in whole.steps)


async def legs_at_rates(family: Family) -> tuple[dict[str, Decimal], Decimal]:
    """Costs by kind and what cash came to, told from the ledger itself: each leg in cents at the rate of its day."""
    ids = [family.dollars.account_id, family.euros.account_id]
    # The opening of the book is what was brought on the first day.
    rows = await family.dollars.b.db.tuples(LEGS, (ids, date(2024, 2, 27), date(2024, 3, 9)))
    costs: dict[str, Decimal] = defaultdict(Decimal)
    cash = Decimal(0)
    for account_id, _, at, accounts, units, amounts in rows:
        own = "EUR" if account_id == family.euros.account_id else "USD"
        at_rate = Decimal(PER_EURO[exchange_day(at)]) if own == "EUR" else Decimal(1)
        others = Decimal(0)
        for account, unit, amount in zip(accounts, units, amounts, strict=True):
            if unit != own:
                continue
            value = to_cents(amount * at_rate)
            if account.startswith("expenses:"):
                costs[account.removeprefix("expenses:").capitalize()] += value
            others += value if account != "assets:cash" else 0
        cash -= others
    return dict(costs), cash


async def test_in_one_currency_the_sums_are_simply_those_of_the_accounts(family: Family) -> None:
    await family.dollars.book(table(*ROWS))
    other = await family.another_in_dollars()
    await other.book(table(*ROWS[:4]))
    asked = Wish((family.dollars.account_id, other.account_id), WEEK, benchmark="")
    report = await make_report(family.dollars.b, family.dollars.caller, asked, NOW)
    (whole,) = report.combined
    for mine in (lambda one: one.activity.cash, lambda one: one.activity.count,
                 lambda one: sum(line.value for line in one.income), lambda one: sum(line.value for line in one.costs),
                 lambda one: one.gains.short.gain + one.gains.long.gain, lambda one: one.gains.short.cost):  # fmt: skip
        assert mine(whole) == sum(mine(one) for one in report.chapters)
    assert not any("rate" in note for note in whole.missing)


async def test_what_is_shown_names_accounts_and_adds_up_and_percentages_say_no_amount(family: Family) -> None:
    await both_traded(family)
    report = await report_of(family)
    document = layout(report)
    assert check_sums(document) >= 20
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    at = headings.index("Together, in USD")
    assert headings[at + 1 : at + 1 + len(SECTIONS)] == [SECTION_NAMES[one] for one in SECTIONS]
    named = [one for one in tables(document) if any(column.name == "Account" for column in one.head)]
    assert [one.label for one in named] == ["Entries", "Dividends and interest", "Sales"]
    shown = html_of(document)
    (whole,) = report.combined
    text = pdf_text(await pdf_of(document))
    costs = -whole.step("fees", "taxes", "other_costs")
    for figure in (whole.step("dividends", "interest"), costs, whole.gains.short.proceeds):
        assert f"{figure:,.2f}" in shown
        assert f"{figure:,.2f}" in text
    bare = layout(replace(report, amounts=False))
    texts = [cell.text for one in bare.blocks if isinstance(one, Table) for row in one.rows for cell in row]
    amounts = [*(move.cash for move in whole.activity.movements), *(line.value for line in whole.income)]
    amounts += [figure for line in whole.gains.lines for figure in (line.proceeds, line.cost, line.gain)]
    for amount in amounts:
        assert not any(f"{abs(amount):,.2f}" in text for text in texts if "%" not in text)


async def test_a_day_without_a_rate_counts_at_the_last_one_and_is_named(family: Family, database: Database) -> None:
    await both_traded(family)
    await database.run("DELETE FROM fx_rate WHERE day < '2024-03-04'")
    (whole,) = (await report_of(family)).combined
    euros = next(one for one in (await report_of(family)).chapters if one.currency == "EUR")
    at_end = Decimal(PER_EURO[date(2024, 3, 6)])
    line = next(one for one in whole.income if one.account == euros.name and one.kind == "dividends")
    own = next(one for one in euros.income if one.kind == "dividends")
    assert line.value == to_cents(own.value * at_end)
    assert any("EUR in USD" in note and "2024-02-28" in note for note in whole.missing)
    sold = [one for one in whole.gains.lines if one.account == euros.name and one.sold_on == date(2024, 2, 29)]
    owns = [one for one in euros.gains.lines if one.sold_on == date(2024, 2, 29)]
    assert [one.proceeds for one in sold] == [to_cents(one.proceeds * at_end) for one in owns]


async def test_only_what_was_wished_for_is_in_it(family: Family) -> None:
    await both_traded(family)
    report = await report_of(family, sections=frozenset({"fees", "activity"}))
    (whole,) = report.combined
    assert whole.gains is None
    assert whole.income == []
    headings = [block.text for block in layout(report).blocks if isinstance(block, Heading)]
    at = headings.index("Together, in USD")
    assert headings[at + 1 : at + 3] == ["Activity", "Fees and costs"]
    assert isinstance(report.chapters[0].account_id, UUID)
