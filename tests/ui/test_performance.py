"""The performance page: its state on the real services, its words, rows and figures."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import plotly.graph_objects as go
import psycopg
import pytest

from starkmatter.domain.performance import MonthReturn
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.records import DayValue, FlowView, Performance
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.ui.figures import return_figure, value_figure
from starkmatter.ui.risk_words import RISK_WORDS
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.performance import PerformanceState, first_day_of
from starkmatter.ui.state.returns import day_rows, month_rows, returns_row
from starkmatter.ui.state.risk import BAD_RATE
from starkmatter.ui.why import why_they_differ
from starkmatter.version import ROOT_DIR
from tests.builders import OPENS_AT, RUN_ID, open_clock, quote
from tests.portfolio.history import give_bars, give_past, give_sessions
from tests.portfolio.test_performance import OPENED_AT, WEEK
from tests.ui.conftest import Tab

EVENING = WEEK[-1].closes_at + timedelta(hours=1)


@pytest.fixture
async def page(tab: Tab, database_url: str) -> PerformanceState:
    """The page as it is after loading, with a week of history."""
    desk = tab.desk
    with psycopg.connect(database_url, autocommit=True) as stored:
        give_sessions(stored, WEEK)
        give_past(stored, desk.account_id, WEEK, opened_at=OPENED_AT)
        give_bars(stored, "^GSPC", "2021-02-25 4000", "2021-02-26 4040", "2021-03-01 4100", "2021-03-04 4200")
    clock = open_clock(
        venue_now=EVENING,
        state="closed",
        session_on=date(2021, 3, 4),
        next_open=EVENING + timedelta(hours=16),
        next_close=EVENING + timedelta(hours=23),
    )
    await desk.tell(quote("AAPL 100.00/100.05"), clock=clock)
    state = await tab.at("/portfolio/performance").state(PerformanceState)
    await state.load()
    return state


def test_the_web_process_needs_neither_numpy_nor_pandas_nor_plotlys_python_for_the_page() -> None:
    code = (
        "import sys, starkmatter.starkmatter\n"
        "from starkmatter.ui.pages.performance import performance\n"
        "performance().render()\n"
        "heavy = {'numpy', 'talib', 'pandas', 'numba', 'plotly', 'narwhals'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT_DIR, timeout=60)


async def test_the_page_shows_three_returns_and_says_why_they_differ(page: PerformanceState) -> None:
    assert page.ready
    assert page.problem == ""
    assert (page.figures["twr"], page.figures["simple"], page.figures["pl"]) == ("−0.44 %", "−1.72 %", "−2,580.00")
    assert page.figures["twr_dir"] == "down"
    assert page.figures["first_close"] == ""
    assert page.figures["benchmark_name"] == "S&P 500 (^GSPC)"
    assert "deposit of 50,000.00 on Mar 2, 2021" in page.why[0]
    assert "+4.00\u00a0%, after it −4.27\u00a0%" in page.why[0]
    assert "percentage points lower" in page.why[2]
    assert "150,000.00 (start value and deposits)" in page.why[3]
    assert page.missing == ["^GSPC has no price on 2021-03-02, 2021-03-03."]
    assert [row["on"] for row in page.days][:2] == ["Mar 4, 2021", "Mar 3, 2021"]
    assert page.days[-1]["ratio"] == "start"
    assert page.symbols[-1]["name"] == "Cash"


async def test_a_period_and_a_benchmark_are_chosen_and_go_into_the_download(page: PerformanceState) -> None:
    await page.choose_dates({"start": "2021-03-03", "end": "2021-03-03"})
    assert page.asked["period"] == "Custom"
    assert page.figures["twr"] == "−10.00 %"
    assert "three agree" in page.why[0]
    await page.choose_benchmark("")
    assert page.figures["benchmark_name"] == ""
    assert page.figures["csv"].endswith("&start=2021-03-03&end=2021-03-03&benchmark=")
    await page.choose_period("1W")
    assert (page.asked["start"], page.figures["twr"]) == ("", "−0.44 %")
    assert "&start=2021-02-26&benchmark=" in page.figures["csv"]
    await page.choose_dates({"start": "", "end": ""})
    assert page.asked["period"] == "All"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"start": "soon", "end": ""}, "year, month and day"),
        ({"start": "2021-03-04", "end": "2021-03-01"}, "must not be later"),
        ({"start": "2031-01-01"}, "newest day"),
        ({"end": "1990-01-01"}, "was opened on"),
    ],
)
async def test_dates_that_make_no_period_are_refused_and_the_page_stays(
    page: PerformanceState, form: dict[str, str], words: str
) -> None:
    await page.choose_dates(form)
    assert words in page.problem
    assert page.figures["twr"] == "−0.44 %"
    await page.choose_period("All")
    assert page.problem == ""


async def test_risk_is_shown_with_reasons_where_nothing_can_be_said(page: PerformanceState) -> None:
    rows = {row["title"]: row for row in page.risk}
    assert len(rows) == len(RISK_WORDS) == 14
    assert rows["Deepest drawdown"]["value"] == "−10.00 %"
    assert rows["Volatility"]["value"].endswith(" %")
    assert page.falls[0] | {"depth": "−10.00 %", "down": "1 day", "back": "not yet"} == page.falls[0]
    assert page.risk_notes[0].startswith("Over 5 days that have closed, Feb 26, 2021 to Mar 4, 2021.")
    assert "say little" in page.risk_notes[1]
    assert page.charts["windows"] == {}
    assert not any("nan" in value.lower() for row in page.risk for value in (row["value"],))


async def test_another_risk_free_rate_counts_and_what_is_none_is_refused(page: PerformanceState) -> None:
    def sharpe() -> str:
        return next(row["value"] for row in page.risk if row["title"] == "Sharpe ratio")

    before = sharpe()
    await page.choose_rate({"rate": "5"})
    assert (page.problem, page.asked["rate"]) == ("", "5")
    assert sharpe() != before
    for text in ("soon", "51", "-6", "NaN", "Infinity"):
        await page.choose_rate({"rate": text})
        assert page.problem == BAD_RATE
        assert page.asked["rate"] == "5"
    await page.choose_rate({"rate": ""})
    assert (page.problem, sharpe()) == ("", before)


async def test_what_is_no_choice_changes_nothing(page: PerformanceState) -> None:
    before = dict(page.asked)
    await page.choose_period("2Y")
    await page.choose_benchmark("DROP TABLE")
    assert page.asked == before


async def test_a_first_day_is_told_when_it_closes(tab: Tab) -> None:
    state = await tab.state(PerformanceState)
    await state.load()
    assert state.figures["first_close"] == "Mar 1, 2021 16:00 ET"
    assert state.figures["twr"] == "0.00 %"
    assert state.figures["twr_dir"] == state.figures["mwr_dir"] == ""
    await deposit(tab.desk.b, tab.desk.caller, tab.desk.account_id, Decimal("500.00"))
    await state.load()
    assert state.figures["deposits"] == "+500.00"


async def test_a_former_runs_account_is_measured_in_its_own_time(page: PerformanceState, tab: Tab) -> None:
    account = str(tab.desk.account_id)
    await close_former_runs(tab.desk.b.db, RUN_ID + 1, OPENS_AT)
    await tab.desk.tell(clock=open_clock(run_id=RUN_ID + 1))
    frame = await tab.state(FrameState)
    await frame.load()
    await frame.choose_account(account)
    await page.choose_period("1W")
    assert page.problem == ""
    assert page.figures["twr"] == "−0.44 %"
    assert page.figures["end_value"] == "147,420.00"


@pytest.mark.parametrize(
    ("period", "newest", "first"),
    [
        ("1W", date(2021, 3, 4), date(2021, 2, 26)),
        ("1M", date(2021, 3, 31), date(2021, 3, 1)),
        ("1M", date(2021, 3, 15), date(2021, 2, 16)),
        ("3M", date(2021, 1, 31), date(2020, 11, 1)),
        ("YTD", date(2021, 3, 4), date(2021, 1, 1)),
        ("1Y", date(2024, 2, 29), date(2023, 3, 1)),
        ("1Y", date(2021, 3, 4), date(2020, 3, 5)),
    ],
)
def test_a_period_begins_where_people_count_from(period: str, newest: date, first: date) -> None:
    assert first_day_of(period, newest) == first


def days(*values: str, flow: str = "0") -> list[DayValue]:
    found = []
    for number, value in enumerate(values):
        at = datetime(2021, 3, 1, 21, tzinfo=UTC) + timedelta(days=number)
        growth = Decimal(value) / Decimal(values[0])
        moved = Decimal(flow) if number == 1 else Decimal(0)
        none = None if number == 2 else growth
        found.append(DayValue(at.date(), at, Decimal(value), moved, Decimal(0), growth, growth - 1, none))
    return found


@pytest.mark.parametrize(
    "series", [days("100", "110"), days("100", "110", "90", "120", flow="-5")], ids=["two", "four"]
)
def test_every_figure_is_one_plotly_knows(series: list[DayValue]) -> None:
    """Plotly's own schema: a name or a value it does not have raises."""
    for figure in (value_figure(series), return_figure(series, "^GSPC"), return_figure(series, None)):
        known = go.Figure(data=figure["data"], layout=figure["layout"])
        assert len(known.data) == len(figure["data"])
        json.dumps(figure, allow_nan=False)


def test_a_day_without_a_benchmark_is_a_gap_in_its_line() -> None:
    lines = return_figure(days("100", "110", "90", "120"), "^GSPC")["data"]
    assert [trace["name"] for trace in lines] == ["Account", "Account drawdown", "^GSPC", "^GSPC drawdown"]
    assert lines[2]["y"][2] is lines[3]["y"][2] is None
    assert all(value is not None for value in lines[0]["y"])


def test_what_was_put_in_steps_with_the_flows() -> None:
    value, put_in, marks = value_figure(days("100", "210", "200", flow="100"))["data"]
    assert value["y"] == [100, 210, 200]
    assert put_in["y"] == [100, 200, 200]
    assert (marks["text"], marks["marker"]["symbol"]) == (["+100.00"], ["triangle-up"])


def test_months_carry_their_sign_and_a_dot_for_a_part() -> None:
    [row] = month_rows([MonthReturn(2021, 2, Decimal("-0.0312"), True), MonthReturn(2021, 3, Decimal("0.0004"), False)])
    assert (row["m1"], row["m2"], row["m3"]) == ("", "−3.12", "+0.04 ·")
    assert (row["t2"], row["t3"]) == ("down3", "")
    assert row["total"] == "−3.08 %"


def measured(**changes: Any) -> Performance:
    at = datetime(2021, 3, 1, 21, tzinfo=UTC)
    base = Performance(
        account_id=uuid4(), currency="USD", since_opening=True, start_at=at, end_at=at + timedelta(days=2),
        start_value=Decimal(100), end_value=Decimal(180), twr=Decimal("0.1"), mwr=Decimal("0.1"), simple=Decimal("0.1"),
        twr_annual=None, mwr_annual=None, pl=Decimal(0), flows=Decimal(0), deposits=Decimal(0), withdrawals=Decimal(0),
        fees=Decimal(0), dividends=Decimal(0), benchmark=None, drawdown=None, days=days("100", "180"), months=[],
        flow_list=[], missing=[],
    )  # fmt: skip
    return replace(base, **changes)


def test_a_return_that_cannot_be_said_is_a_dash_and_not_explained() -> None:
    broken = measured(mwr=None)
    assert returns_row(broken, None)["mwr"] == "–"
    assert why_they_differ(broken) == []


def test_the_explanation_follows_the_figures() -> None:
    at = datetime(2021, 3, 2, 21, tzinfo=UTC)
    flows = [
        FlowView(at, Decimal(-50), Decimal("0.2"), Decimal("-0.1")),
        FlowView(at, Decimal(20), Decimal(0), Decimal(0)),
    ]
    moved = measured(deposits=Decimal(20), withdrawals=Decimal(50), mwr=Decimal("0.15"), flow_list=flows)
    words = why_they_differ(moved)
    assert "20.00 USD came in and 50.00 USD went out. Before the largest of these (withdrawal of 50.00" in words[0]
    assert "5.00 percentage points higher, so more of your money was there in the stronger part" in words[2]
    same = why_they_differ(replace(moved, mwr=Decimal("0.10001")))
    assert "made no difference" in same[2]


def test_only_the_newest_days_are_listed() -> None:
    many = measured(days=days(*(str(100 + number) for number in range(90))))
    rows = day_rows(many)
    assert len(rows) == 60
    assert rows[0]["value"] == "189.00"
