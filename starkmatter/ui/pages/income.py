"""Dividends and interest: what came, by month and symbol, and the calendar of what is to come."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    download,
    empty,
    figure,
    panel,
    problem_note,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.income import IncomeState


def income() -> rx.Component:
    """What the account earns without trading."""
    state = IncomeState
    figures = state.figures
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Income", "Portfolio pages"),
            problem_note(state.problem),
            rx.el.div(
                figure("Received, " + FrameState.account["currency"], figures["received"], "big"),
                figure("In the past 12 months", figures["received_12m"]),
                figure("Expected in the next 12", figures["expected_12m"]),
                figure("Yield on cost", figures["yield"]),
                rx.cond(figures["withheld"] != "", figure("Of it withheld as tax", figures["withheld"])),
                class_name="head",
            ),
            rx.foreach(state.notes, lambda one: rx.el.div(one, class_name="note")),
            rx.el.div(
                panel(
                    "Received by month",
                    _ready(state.months, _months(), "Nothing came yet", "Dividends and interest appear here by month."),
                    extra=rx.cond(figures["csv"] != "", download(figures["csv"], "Download the income as CSV")),
                    class_name="w6",
                ),
                panel(
                    "To come",
                    _ready(
                        state.coming,
                        _coming(),
                        "Nothing is expected",
                        "Announced dividends of what is held, and last year's again where none is announced yet.",
                    ),
                    class_name="w6",
                ),
                panel(
                    "By symbol",
                    _ready(
                        state.symbols,
                        _symbols(),
                        "No symbol pays",
                        "What a symbol paid, is expected to pay, and what that is of its cost.",
                    ),
                    class_name="w12",
                ),
                class_name="grid dash incomes",
            ),
        ),
        on_order=[state.load],
        heading="Income",
    )


def _ready(rows: rx.Var, shown: rx.Component, title: str, text: str) -> rx.Component:
    return rx.cond(IncomeState.ready, rx.cond(rows.length() > 0, shown, empty(title, text)), skeleton_rows())


def _months() -> rx.Component:
    return rx.el.div(
        table(
            [th("Month"), th("Dividends", num=True), th("Interest", num=True), th("Together", num=True)],
            rx.foreach(
                IncomeState.months,
                lambda one: rx.el.tr(
                    rx.el.th(one["month"], rx.el.span(class_name="bar", style={"width": one["width"]}), scope="row"),
                    td(one["dividends"], num=True),
                    td(one["interest"], num=True),
                    td(one["total"], num=True),
                ),
            ),
            "Received by month",
        ),
        class_name="parts-of gains",
    )


def _coming() -> rx.Component:
    return rx.fragment(
        table(
            [
                th("Ex-date"),
                th("Symbol"),
                th("Paid", class_name="wideonly-cell"),
                th("A share", num=True, class_name="wideonly-cell"),
                th("Shares", num=True, class_name="wideonly-cell"),
                th("Expected", num=True),
                th(""),
            ],
            rx.foreach(
                IncomeState.coming,
                lambda one: rx.el.tr(
                    td(one["ex"]),
                    td(rx.el.a(one["symbol"], href="/markets/" + one["symbol"], class_name="sym")),
                    td(one["pay"], class_name="muted wideonly-cell"),
                    td(one["per_share"], num=True, class_name="wideonly-cell"),
                    td(one["qty"], num=True, class_name="wideonly-cell"),
                    td(one["value"], num=True),
                    td(one["kind"], class_name="muted small"),
                ),
            ),
            "Dividends to come",
        ),
        rx.el.p("As last year: nobody has announced it yet.", class_name="muted small foot"),
    )


def _symbols() -> rx.Component:
    return rx.fragment(
        table(
            [
                th("Symbol"),
                th("Received", num=True),
                th("Past 12 months", num=True, class_name="wideonly-cell"),
                th("Next 12", num=True),
                th("Yield on cost", num=True),
                th("Yield now", num=True, class_name="wideonly-cell"),
            ],
            rx.foreach(
                IncomeState.symbols,
                lambda one: rx.el.tr(
                    td(
                        rx.cond(
                            one["symbol"] != "",
                            rx.el.a(one["name"], href="/markets/" + one["symbol"], class_name="sym"),
                            one["name"],
                        )
                    ),
                    td(one["received"], num=True),
                    td(one["received_12m"], num=True, class_name="wideonly-cell"),
                    td(one["expected"], num=True),
                    td(one["on_cost"], num=True),
                    td(one["now"], num=True, class_name="wideonly-cell"),
                ),
            ),
            "Income by symbol",
        ),
        rx.el.p(
            "Yield on cost: what a share declared in the past year, by what the held ones cost on average; yield now: "
            "by what they are worth.",
            class_name="muted small foot",
        ),
    )
