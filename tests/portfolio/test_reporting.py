"""Reports: their figures are the services', what they show adds up, and both writers show it and nothing else."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from html.parser import HTMLParser
from io import BytesIO
from typing import get_args

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.domain.periods import Period, parse_period, period_between
from starkmatter.domain.waterfall import STEP_KEYS
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.portfolio import risk
from starkmatter.portfolio.explaining import STEP_NAMES, Booked, explain_change
from starkmatter.portfolio.income import income_of
from starkmatter.portfolio.lots.records import AccountMethod
from starkmatter.portfolio.lots.service import realized_gains
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.reporting import gate, pdf
from starkmatter.portfolio.reporting.activity import costs_of
from starkmatter.portfolio.reporting.building import make_report, make_tax_year
from starkmatter.portfolio.reporting.document import Cell, Column, Document, Heading, Notes, Paragraph, Table
from starkmatter.portfolio.reporting.gate import one_of_few
from starkmatter.portfolio.reporting.html import html_of
from starkmatter.portfolio.reporting.layout import AGAINST, LAYOUTS, layout
from starkmatter.portfolio.reporting.pdf import pdf_of
from starkmatter.portfolio.reporting.records import SECTIONS, Report, Wish
from starkmatter.portfolio.reporting.tax_layout import METHODS, layout_tax_year
from starkmatter.portfolio.reporting.words import RISK_NAMES, SECTION_NAMES, money
from tests.builders import OPENS_AT, Desk, make_desk, open_clock
from tests.portfolio.history import give_past, give_sessions
from tests.portfolio.report_figures import check_sums, figure, pdf_text, tables
from tests.portfolio.test_explaining import play
from tests.portfolio.test_performance import OPENED_AT, WEEK

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=a> #panic("x") [*b*] {{7*7}} \u202e漢字 ا'


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    return await make_desk(database, cache)


def days(first: int, last: int) -> Period:
    return period_between((OPENS_AT + timedelta(days=first)).date(), (OPENS_AT + timedelta(days=last)).date())


def wish(desk: Desk, period: Period, **more: object) -> Wish:
    return replace(Wish((desk.account_id,), period), **more)  # type: ignore[arg-type]


async def report_of(desk: Desk, period: Period, **more: object) -> Report:
    return await make_report(desk.b, desk.caller, wish(desk, period, **more), NOW)


@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_the_figures_of_a_played_account_are_the_services_and_add_up(desk: Desk, seed: int) -> None:
    await play(desk, 5, seed)
    for period in (days(0, 0), days(1, 3), days(0, 3), parse_period("2021-03")):
        report = await report_of(desk, period, benchmark="")
        (one,) = report.chapters
        dates = {"start": period.start, "end": period.end}
        told = await explain_change(desk.b, desk.caller, desk.account_id, **dates)
        measured = await measure_performance(desk.b, desk.caller, desk.account_id, **dates, benchmark="")
        step = {step.key: step.value for step in told.steps}
        assert (one.start_value, one.end_value, one.flows) == (told.start_value, told.end_value, measured.flows)
        assert one.start_value + sum(step.value for step in one.steps) == one.end_value
        assert one.result == measured.pl
        assert (one.performance.twr, one.performance.mwr) == (measured.twr, measured.mwr)
        assert sum((cost.value for cost in one.costs), Decimal(0)) == measured.fees == -step["fees"]
        assert one.parts.cash.value + sum(part.value for part in one.parts.symbols) == one.end_value
        assert one.parts.cash.value + sum(part.value for part in one.parts.sectors) == one.end_value
        assert [move.description for move in one.activity.movements] == [entry.description for entry in told.entries]
        gains = await realized_gains(desk.b, desk.caller, desk.account_id, 2021)
        inside = [line for line in gains.lines if period.start <= line.sold_on <= period.end]
        assert one.gains is not None
        assert one.gains.short.gain == sum((line.gain for line in inside), Decimal(0))
        document = layout(report)
        assert check_sums(document) >= 5
        change = next(table for table in tables(document) if table.label == "How the value changed")
        shown = [figure(row[1].text) for row in change.rows]
        assert sum(shown) == figure(change.foot[1].text) == to_cents(one.end_value)
        assert "NaN" not in html_of(document)


async def test_cash_of_the_activity_is_the_change_of_the_cash(desk: Desk) -> None:
    await play(desk, 4, 21)
    first = await report_of(desk, days(0, 1))
    both = await report_of(desk, days(0, 3))
    later = await report_of(desk, days(2, 3))
    cash = [report.chapters[0].parts.cash.value for report in (first, both)]
    assert later.chapters[0].activity.cash == cash[1] - cash[0]
    assert later.chapters[0].activity.count == both.chapters[0].activity.count - first.chapters[0].activity.count


async def test_income_of_the_period_is_what_the_ledger_says_of_it(desk: Desk) -> None:
    await play(desk, 3, 31)
    entry = (
        "INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts)"
        " VALUES (%s, %s, %s, %s, now(), %s, '{USD,USD}', %s::numeric[])"
    )
    for day, kind, account, cash in ((0, "dividend", "income:dividends", "12.34"), (1, "interest", "income:interest",
                                     "-0.57"), (1, "dividend", "income:dividends", "3.21")):  # fmt: skip
        at = OPENS_AT + timedelta(days=day, hours=7)
        legs = [Decimal(cash), -Decimal(cash)]
        await desk.b.db.run(entry, (desk.account_id, kind, f"{kind} AAPL", at, ["assets:cash", account], legs))
    found = (await report_of(desk, days(0, 5))).chapters[0]
    whole = await income_of(desk.b, desk.caller, desk.account_id)
    assert sum(line.value for line in found.income) == whole.received == found.step("dividends", "interest")
    assert [line.symbol for line in found.income if line.kind == "dividends"] == ["AAPL", "AAPL"]
    assert check_sums(layout(await report_of(desk, days(0, 5)))) > 0


async def test_several_accounts_stand_one_after_another_and_together(desk: Desk) -> None:
    await play(desk, 3, 41)
    other = await desk.person()
    with pytest.raises(NotFound):
        await make_report(desk.b, desk.caller, Wish((desk.account_id, other.account_id), days(0, 2)), NOW)
    await desk.b.db.run("UPDATE account SET user_id = %s WHERE id = %s", (desk.caller.user_id, other.account_id))
    report = await make_report(desk.b, desk.caller, Wish((desk.account_id, other.account_id), days(0, 9)), NOW)
    (total,) = report.totals
    assert total.end_value == sum(one.end_value for one in report.chapters)
    assert total.start_value + total.flows + total.result == total.end_value
    document = layout(report)
    assert check_sums(document) > 0
    # As one book in the base currency, beside each of them, as the pages show it.
    (whole,) = report.combined
    assert (whole.account_id, whole.currency) == (None, "USD")
    assert whole.start_value + sum(step.value for step in whole.steps) == whole.end_value == total.end_value
    measured = await measure_performance(desk.b, desk.caller, None, start=days(0, 9).start, end=days(0, 9).end)
    assert (whole.performance.twr, whole.performance.pl) == (measured.twr, measured.pl)
    assert whole.parts.cash.value + sum(part.value for part in whole.parts.symbols) == whole.end_value
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    at = headings.index("Together, in USD")
    assert headings[at + 1 : at + 9] == [SECTION_NAMES[one] for one in SECTIONS]
    assert "Together, in USD" in html_of(document)
    assert (await pdf_of(document)).startswith(b"%PDF")
    bare = layout(replace(report, amounts=False))
    shown = html_of(bare)
    assert f"{whole.end_value:,.2f}" not in shown
    alone = await make_report(desk.b, desk.caller, Wish((desk.account_id,), days(0, 9)), NOW)
    assert alone.combined == []
    for wrong in ((), (desk.account_id, desk.account_id)):
        with pytest.raises(InvalidInput):
            await make_report(desk.b, desk.caller, Wish(wrong, days(0, 2)), NOW)


async def test_what_is_missing_is_named_at_the_head_and_never_a_number(
    desk: Desk, database: Database, database_url: str
) -> None:
    """Days whose positions were not kept, a benchmark without prices, a day without a value."""
    with psycopg.connect(database_url, autocommit=True) as stored:
        give_sessions(stored, WEEK)
        give_past(stored, desk.account_id, [WEEK[0], *WEEK[2:]], opened_at=OPENED_AT)
    evening = WEEK[-1].closes_at + timedelta(hours=1)
    await desk.tell(clock=open_clock(venue_now=evening, state="closed", session_on=evening.date()))
    report = await report_of(desk, period_between(WEEK[0].closes_at.date(), WEEK[-1].closes_at.date()))
    (one,) = report.chapters
    assert any("No value was recorded" in words for words in one.missing)
    assert any("^GSPC has no" in words for words in one.missing)
    assert one.start_value + sum(step.value for step in one.steps) == one.end_value
    text = html_of(layout(report))
    for words in one.missing:
        assert escape(words) in text
    words = re.sub(r"<[^>]*>", " ", text.partition("</style>")[2])
    assert not re.search(r"\b(nan|inf|infinity|none)\b", words, re.IGNORECASE)
    check_sums(layout(report))


async def test_a_period_that_says_nothing_is_told_in_words(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="opened"):
        await report_of(desk, parse_period("2019"))
    with pytest.raises(InvalidInput, match="newest day"):
        await report_of(desk, parse_period("2031"))
    with pytest.raises(InvalidInput, match="section"):
        await report_of(desk, days(0, 1), sections=frozenset())
    with pytest.raises(NotFound):
        await report_of(desk, days(0, 1), benchmark="NOPE")
    text = html_of(layout(await report_of(desk, days(0, 1))))
    for words in ("Nothing was booked", "Nothing was sold", "Nothing was charged", "No dividends"):
        assert words in text
    assert "There is only one value yet: a return needs two." in text or "%" in text


async def test_the_pdf_has_the_figures_and_is_the_same_file_each_time(desk: Desk) -> None:
    await play(desk, 4, 51)
    report = await report_of(desk, days(0, 3))
    document = layout(report)
    made = await pdf_of(document)
    assert made == await pdf_of(layout(report))
    text = re.sub(r"\s+", " ", pdf_text(made))
    for table in tables(document):
        for cell in (cell for row in [*table.rows, table.foot] for cell in row):
            assert re.sub(r"\s+", " ", cell.text) in text, (table.label, cell.text)
    reader = PdfReader(BytesIO(made))
    assert reader.metadata is not None
    assert reader.metadata.title == report.title
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        (drawn,) = font["/DescendantFonts"]
        assert {"/FontFile2", "/FontFile3"} & set(drawn.get_object()["/FontDescriptor"])


async def test_a_tax_year_has_the_columns_of_the_form_and_the_services_sums(desk: Desk) -> None:
    await play(desk, 5, 61)
    found = await realized_gains(desk.b, desk.caller, desk.account_id, 2021)
    assert found.lines
    document = layout_tax_year(await make_tax_year(desk.b, desk.caller, desk.account_id, 2021, NOW))
    check_sums(document)
    text = re.sub(r"\s+", " ", pdf_text(await pdf_of(document)))
    for letter in "abcdefgh":
        assert f"({letter}) " in text
    for line in found.lines:
        assert line.description in text
        assert money(line.proceeds) in text
        assert money(line.cost) in text
    assert money(found.short.proceeds) in text
    empty = layout_tax_year(await make_tax_year(desk.b, desk.caller, desk.account_id, 2020, NOW))
    assert "Nothing was sold in 2020." in pdf_text(await pdf_of(empty))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


def hostile_document(text: str) -> Document:
    row = [Cell(text), Cell(text)]
    table = Table(text, [Column(text, wide=True), Column(text)], [row], row)
    return Document(text, text, [Heading(2, text), Paragraph(text), Notes(text, [text]), table], text)


@given(st.text(max_size=60))
def test_no_text_becomes_markup_in_html(text: str) -> None:
    page, harmless = _Tags(), _Tags()
    written = html_of(hostile_document(HOSTILE + text))
    page.feed(written)
    harmless.feed(html_of(hostile_document("x")))
    assert (page.tags, page.names) == (harmless.tags, harmless.names)
    assert "script" not in page.tags


async def test_no_text_becomes_markup_in_pdf_and_what_the_font_lacks_is_said() -> None:
    text = pdf_text(await pdf_of(hostile_document(HOSTILE)))
    assert '#panic("x") [*b*] {{7*7}}' in text
    assert "<script>alert(1)</script>" in text
    assert "are not in this file's font" in text
    assert "are not in this file's font" not in pdf_text(await pdf_of(hostile_document("Größe Жизнь Ωμέγα €")))


async def test_a_name_of_an_account_is_plain_text_everywhere(desk: Desk) -> None:
    await desk.b.db.run("UPDATE account SET name = %s WHERE id = %s", (HOSTILE[:60], desk.account_id))
    document = layout(await report_of(desk, days(0, 1)))
    assert "<script>alert" not in html_of(document)
    assert "&lt;script&gt;alert" in html_of(document)
    assert "<script>alert(1)</script>" in pdf_text(await pdf_of(document))


def amounts_of(report: Report) -> set[str]:
    """Every amount and quantity of the report's value, as any writer would show it."""
    (one,) = report.chapters
    figures = [one.start_value, one.end_value, one.result, one.flows, *(step.value for step in one.steps)]
    figures += [part.value for part in (*one.parts.symbols, *one.parts.sectors, one.parts.cash)]
    figures += [move.cash for move in one.activity.movements] + [cost.value for cost in one.costs]
    figures += [day.value for day in one.performance.days]
    lines = one.gains.lines if one.gains else []
    figures += [value for line in lines for value in (line.proceeds, line.cost, line.gain)]
    shown = {money(abs(value)) for value in figures if abs(value) >= 1}
    qtys = {str(abs(move.qty).normalize()) for move in one.activity.movements if move.qty}
    return shown | {qty for qty in qtys if "." in qty}


async def test_percentages_alone_say_no_amount_anywhere(desk: Desk) -> None:
    await play(desk, 5, 71)
    report = await report_of(desk, days(0, 3))
    secret = amounts_of(report)
    with_amounts = html_of(layout(report))
    assert sum(amount in with_amounts for amount in secret) > 20
    document = layout(replace(report, amounts=False))
    for text in (html_of(document), pdf_text(await pdf_of(document))):
        body = text.partition("</style>")[2] or text
        leaked = [amount for amount in secret if re.search(rf"(?<![\d.,]){re.escape(amount)}(?![\d.,])(?! %)", body)]
        assert leaked == []
        assert "Time-weighted" in text
        assert "USD" not in body.replace("in USD.", "")


@given(st.lists(st.decimals(Decimal("-50"), Decimal("50"), places=6), max_size=20))
def test_costs_are_cents_that_sum_to_their_total(values: list[Decimal]) -> None:
    booked = [
        Booked(number, NOW, "fill", "", ["assets:cash", f"expenses:kind {number % 3}"], ["USD", "USD"], [-one, one])
        for number, one in enumerate(values)
    ]
    total = to_cents(sum(values, Decimal(0)))
    lines = costs_of(booked, "USD", total)
    assert sum((line.value for line in lines), Decimal(0)) == total
    assert all(line.value == to_cents(line.value) for line in lines)


async def test_a_pdf_that_takes_too_long_ends_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "LONGEST_SECS", 0.01)
    with pytest.raises(Unavailable, match="shorter period"):
        await pdf_of(hostile_document("x"))


async def test_a_template_that_fails_is_said_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "TEMPLATE", pdf.PROGRAM)
    with pytest.raises(Unavailable):
        await pdf_of(hostile_document("x"))


async def test_only_a_few_reports_wait_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_WAITING", 0)
    async with one_of_few(), one_of_few():
        with pytest.raises(Unavailable, match="Too many"):
            async with one_of_few():
                pass
        async with one_of_few("visitor"):
            with pytest.raises(Unavailable, match="Too many"):
                async with one_of_few("visitor"):
                    pass
    async with one_of_few():
        pass


def test_every_section_step_figure_and_method_has_its_name() -> None:
    assert set(LAYOUTS) == set(SECTIONS) == set(SECTION_NAMES)
    assert set(STEP_NAMES) == set(STEP_KEYS)
    alone, against = risk._alone([0.01, 0.02], 0.0, []), risk._against([], 0.0)
    assert set(RISK_NAMES) == {*alone, *against}
    assert set(AGAINST) == set(against)
    assert set(METHODS) == set(get_args(AccountMethod))
