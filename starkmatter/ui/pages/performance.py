"""How the account did: three returns side by side, why they differ, charts, months, parts and the days behind them."""

import reflex as rx

from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.portfolio.reporting.wishes import MAX_BENCHMARK_CHARS
from starkmatter.portfolio.risk import WINDOW_DAYS
from starkmatter.ui.components.attribution import attribution_panel, currency_panel
from starkmatter.ui.components.explaining import explain_button, explain_drawer
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    download,
    empty,
    panel,
    problem_note,
    segment,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.components.risk import falls_table, rate_form, risk_table
from starkmatter.ui.live.components import Figure
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.performance import ALL, ONE, PERIODS, PerformanceState
from starkmatter.ui.state.returns import MONTHS, SHOWN_DAYS

WHOSE = [(ONE, "This account"), (ALL, "All accounts")]
VALUE_HEIGHT, RETURN_HEIGHT = "320px", "320px"


def performance() -> rx.Component:
    """Returns and where they came from."""
    state = PerformanceState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Performance", "Portfolio pages"),
            problem_note(state.problem),
            _question(),
            rx.cond(state.ready, _answer(), _waiting()),
            explain_drawer(),
        ),
        on_order=[state.load],
        heading="Performance",
    )


def _question() -> rx.Component:
    asked = PerformanceState.asked
    return rx.el.div(
        segment(WHOSE, asked["whose"], PerformanceState.choose_book, "Accounts"),
        rx.el.label(
            rx.el.span("in ", class_name="muted small"),
            rx.el.select(
                *[rx.el.option(one, value=one) for one in BOOK_CURRENCIES],
                value=PerformanceState.figures["currency"],
                on_change=PerformanceState.choose_currency,
                class_name="input",
                id="book-currency",
                aria_label="Currency",
            ),
            html_for="book-currency",
            class_name="against",
        ),
        segment([(one, one) for one in PERIODS], asked["period"], PerformanceState.choose_period, "Period"),
        rx.el.form(
            _date("start", "First day", asked["start"]),
            rx.el.span("to", class_name="muted small"),
            _date("end", "Last day", asked["end"]),
            rx.el.button("Show", type="submit", class_name="btn tiny"),
            on_submit=PerformanceState.choose_dates,
            class_name="dates",
        ),
        rx.el.span(class_name="grow"),
        rx.el.label(
            rx.el.span("Against ", class_name="muted small"),
            rx.el.select(
                rx.foreach(
                    PerformanceState.benchmarks,
                    lambda one: rx.el.option(one["name"] + " (" + one["symbol"] + ")", value=one["symbol"]),
                ),
                rx.cond(
                    asked["benchmark"].to(str).contains(","), rx.el.option("A blend", value=asked["benchmark"])
                ),
                rx.el.option("No benchmark", value=""),
                value=asked["benchmark"],
                on_change=PerformanceState.choose_benchmark,
                class_name="input",
                id="benchmark",
            ),
            html_for="benchmark",
            class_name="against",
        ),
        rx.el.form(
            rx.el.input(
                name="blend",
                placeholder="or a blend: 60 SPY, 40 AGG",
                aria_label="A blend of symbols, in percent",
                max_length=MAX_BENCHMARK_CHARS,
                auto_complete="off",
                class_name="input",
            ),
            on_submit=PerformanceState.choose_blend,
            class_name="dates",
        ),
        download(PerformanceState.figures["csv"], "Download these days as CSV"),
        class_name="question",
    )  # fmt: skip


def _date(name: str, label: str, value: rx.Var) -> rx.Component:
    return rx.el.input(
        type="date", name=name, default_value=value, key=name + value, class_name="input", aria_label=label
    )


def _answer() -> rx.Component:
    state = PerformanceState
    return rx.el.div(
        rx.el.div(_returns(), class_name="grid w12 returns"),
        rx.cond(
            state.figures["first_close"] != "",
            rx.el.div(
                empty(
                    "Your first day closes at " + state.figures["first_close"],
                    "Returns run from close to close; until then they run from the opening to this moment. Months and "
                    "drawdown fill up day by day.",
                    rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
                ),
                class_name="panel w12",
            ),
        ),
        panel("Why do they differ?", _why(), class_name="w7"),
        panel("This period, " + state.figures["currency"], _sums(), extra=explain_button(), class_name="w5"),
        rx.cond(state.figures["first_close"] == "", _drawings()),
        rx.cond(
            state.figures["first_close"] == "",
            rx.fragment(
                panel("Risk", risk_table(), extra=rate_form(), class_name="w7"),
                rx.el.div(
                    panel("Deepest falls", falls_table()),
                    rx.cond(
                        state.charts["windows"].length() > 0,
                        panel(
                            f"Windows of {WINDOW_DAYS} days",
                            _drawn("windows", "windows_label", RETURN_HEIGHT),
                        ),
                    ),
                    class_name="grid w5",
                ),
            ),
        ),
        rx.cond(state.figures["foreign"] == "yes", currency_panel()),
        rx.cond(state.figures["first_close"] == "", attribution_panel()),
        panel("By symbol", _parts(state.symbols, "Parts by symbol"), class_name="w6"),
        panel("By sector", _parts(state.sectors, "Parts by sector"), class_name="w6"),
        panel("Day by day", _days(), class_name="w12"),
        class_name="grid dash",
    )


def _drawings() -> rx.Component:
    return rx.fragment(
        panel(
            "Value and money put in, " + PerformanceState.figures["currency"],
            _drawn("value", "value_label", VALUE_HEIGHT),
            class_name="w6",
        ),
        panel("Return and drawdown", _drawn("returns", "return_label", RETURN_HEIGHT), class_name="w6"),
        panel("Monthly returns, %", _months(), class_name="w12"),
    )


def _returns() -> rx.Component:
    figures = PerformanceState.figures
    return rx.fragment(
        _return("Time-weighted (TWR)", figures["twr"], figures["twr_dir"], figures["twr_year"],
                "What the investments earned, whenever money came or went. Compare this one with a benchmark."),
        _return("Money-weighted (MWR)", figures["mwr"], figures["mwr_dir"], figures["mwr_year"],
                "What your money earned: each day counts by how much of it was there."),
        _return("Simple", figures["simple"], figures["simple_dir"], "",
                "The result as a share of everything you put in, however short it was there."),
        rx.cond(
            figures["benchmark_name"] != "",
            _return(figures["benchmark_name"], figures["benchmark"], figures["benchmark_dir"], "",
                    "Its price over the same days, from the last close at or before the start. No dividends added. "
                    + figures["same_flows"]),
        ),
    )  # fmt: skip


def _return(name: str | rx.Var, value: rx.Var, direction: rx.Var, yearly: str | rx.Var, meaning: str) -> rx.Component:
    return rx.el.section(
        rx.el.h2(name),
        rx.el.div(
            rx.el.span(value, class_name="v mono " + direction),
            rx.cond(yearly != "", rx.el.span(yearly, class_name="muted small mono")),
            class_name="line",
        ),
        rx.el.p(meaning, class_name="soft small"),
        class_name="panel return",
    )


def _why() -> rx.Component:
    state = PerformanceState
    return rx.el.div(
        rx.cond(
            state.why.length() > 0,
            rx.foreach(state.why, lambda sentence: rx.el.p(sentence)),
            rx.el.p("There is no return to explain yet.", class_name="muted"),
        ),
        rx.cond(
            state.missing.length() > 0,
            rx.el.div(
                rx.el.b("What is missing"),
                rx.el.ul(rx.foreach(state.missing, lambda one: rx.el.li(one))),
                class_name="note warn",
            ),
        ),
        class_name="body why",
    )


def _sums() -> rx.Component:
    figures = PerformanceState.figures

    def row(name: str, value: rx.Var | rx.Component) -> rx.Component:
        return rx.el.div(rx.el.span(name), rx.el.span(value, class_name="mono"))

    return rx.el.div(
        rx.el.p(
            figures["from"], " ", figures["start"], " to ", figures["end"], " ET", class_name="muted small",
        ),
        rx.el.div(
            row("Value at the start", figures["start_value"]),
            row("Paid in", figures["deposits"]),
            row("Taken out", figures["withdrawals"]),
            row("Result", rx.el.span(figures["pl"], class_name=figures["pl_dir"])),
            row("Value at the end", figures["end_value"]),
            rx.el.hr(),
            rx.cond(
                figures["foreign"] == "yes",
                row("Exchange rates, in the result", rx.el.span(figures["fx"], class_name=figures["fx_dir"])),
            ),
            rx.cond(figures["rates"] != "", rx.el.p(figures["rates"], class_name="muted small")),
            row("Return before fees and taxes", figures["gross"]),
            row("Return of prices alone", figures["price_only"]),
            row("Fees and taxes paid, in the result", figures["fees"]),
            row("Of these taxes withheld", figures["taxes"]),
            row("Dividends, in the result", figures["dividends"]),
            row("Interest, in the result", figures["interest"]),
            row("Deepest drawdown", figures["depth"]),
            rx.el.p(figures["depth_when"], class_name="muted small"),
            class_name="rows",
        ),
        class_name="body grid",
    )  # fmt: skip


def _drawn(name: str, label: str, height: str) -> rx.Component:
    return rx.el.div(
        Figure.create(figure=PerformanceState.charts[name], label=PerformanceState.figures[label], height=height),
        class_name="figureslot",
        style={"minHeight": height},
    )


def _months() -> rx.Component:
    state = PerformanceState

    def cell(one: rx.Var, number: int) -> rx.Component:
        return rx.el.td(one[f"m{number}"], class_name="num", custom_attrs={"data-tint": one[f"t{number}"]})

    head = [th("Year"), *[th(name, num=True) for name in MONTHS], th("Year's return", num=True)]
    return rx.cond(
        state.months.length() > 0,
        rx.fragment(
            rx.el.div(
                table(
                    head,
                    rx.foreach(
                        state.months,
                        lambda one: rx.el.tr(
                            rx.el.th(one["year"], scope="row"),
                            *[cell(one, number) for number in range(1, 13)],
                            td(rx.el.span(one["total"], class_name=one["total_dir"]), num=True),
                        ),
                    ),
                    "Monthly returns",
                ),
                class_name="months",
            ),
            rx.el.p("Time-weighted. A month with a dot lies only partly in the period.", class_name="muted small foot"),
        ),
        empty("No month yet", "The first return of a month appears with the first close."),
    )


def _parts(rows: rx.Var, label: str) -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            rx.el.th(
                rx.el.span(one["name"], title=one["title"]),
                rx.el.span(class_name="bar", style={"width": one["width"]}, custom_attrs={"data-cash": one["cash"]}),
                scope="row",
            ),
            td(one["value"], num=True),
            td(one["weight"], num=True),
        )

    return rx.el.div(
        table([th("Part"), th("Value", num=True), th("Share", num=True)], rx.foreach(rows, row), label),
        class_name="parts-of",
    )


def _days() -> rx.Component:
    head = [
        th("Day"),
        th("Value", num=True),
        th("In or out", num=True, class_name="wideonly-cell"),
        th("Day's return", num=True),
        th("Since start", num=True, class_name="wideonly-cell"),
        th("Below peak", num=True, class_name="wideonly-cell"),
        th("Benchmark", num=True, class_name="wideonly-cell"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                one["on"],
                rx.cond(one["flow"] != "", rx.el.div(one["flow"], " in or out", class_name="phoneline muted small")),
            ),
            td(one["value"], num=True),
            td(one["flow"], num=True, class_name="wideonly-cell"),
            td(rx.el.span(one["ratio"], class_name=one["ratio_dir"]), num=True),
            td(one["growth"], num=True, class_name="wideonly-cell"),
            td(one["below"], num=True, class_name="wideonly-cell"),
            td(one["benchmark"], num=True, class_name="wideonly-cell"),
        )

    return rx.fragment(
        table(head, rx.foreach(PerformanceState.days, row), "Day by day"),
        rx.el.p(f"The newest {SHOWN_DAYS} days; the CSV has all of them.", class_name="muted small foot"),
    )


def _waiting() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            *[rx.el.div(class_name="skeleton", style={"height": "118px"}) for _ in range(4)],
            class_name="grid w12 returns",
        ),
        rx.el.div(skeleton_rows(8), class_name="panel w7"),
        rx.el.div(skeleton_rows(8), class_name="panel w5"),
        class_name="grid dash",
    )
