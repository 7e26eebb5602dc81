"""Two pages about tax lots: what is open and how sales find it, and what a year's sales came to."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.lot_choice import lots_to_choose
from starkmatter.ui.components.moving import moves_panel
from starkmatter.ui.components.parts import (
    download,
    empty,
    figure,
    panel,
    problem_note,
    segment,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.lots import METHOD_MEANS, METHOD_NAMES, GainsState, LotsState
from starkmatter.ui.state.moving import MovingState

WASH_SALE = (
    "Shares sold at a loss and bought again within 30 days before or after, in any of your accounts of this market, "
    "are a wash sale (US tax): the loss does not count now. It moves into the cost of the shares that replace the sold "
    "ones and counts when those are sold; they also take over how long the sold ones were held."
)
A_DRAFT = (
    "A draft for you and your adviser, laid out like IRS Form 8949, in whole cents. Which box of the form applies "
    "depends on what your broker has reported. Options, retirement accounts and spouses are not looked at."
)


def lots() -> rx.Component:
    """What is open, lot by lot."""
    state = LotsState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Lots", "Portfolio pages"),
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            _lot_figures(),
            rx.el.div(
                panel(
                    "Open lots, " + FrameState.account["currency"],
                    _lots(),
                    extra=rx.cond(
                        state.figures["csv"] != "", download(state.figures["csv"], "Download the lots as CSV")
                    ),
                    class_name="w12",
                ),
                panel("How sales find their lots", _method(), class_name="w7"),
                panel("Worth knowing", _notes(state.notes, WASH_SALE), class_name="w5"),
                # What grows comes last, once the lots above are there: nothing is pushed away.
                rx.cond(state.ready, moves_panel("w12")),
                class_name="grid dash",
            ),
        ),
        on_order=[state.load, MovingState.load],
        heading="Lots",
    )


def _lot_figures() -> rx.Component:
    figures = LotsState.figures

    def signed(name: str, direction: str) -> rx.Component:
        return rx.el.span(figures[name], class_name=figures[direction])

    return rx.el.div(
        figure("Cost of open lots", figures["cost"]),
        figure("Market value", figures["value"]),
        figure("Unrealized P&L", signed("pl", "pl_dir")),
        figure("Of it short-term", signed("short_pl", "short_dir")),
        figure("Of it long-term", signed("long_pl", "long_dir")),
        class_name="head",
    )


def _lots() -> rx.Component:
    head = [
        th("Symbol"),
        th("Acquired"),
        th("Term", class_name="wideonly-cell"),
        th("Shares", num=True),
        th("Cost a share", num=True, class_name="wideonly-cell"),
        th("Cost", num=True, class_name="wideonly-cell"),
        th("Market value", num=True, class_name="wideonly-cell"),
        th("Unrealized P&L", num=True),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.a(one["symbol"], href="/trade/" + one["symbol"], class_name="sym")),
            td(
                one["acquired"],
                rx.cond(
                    one["held_since"] != "", rx.el.div("held since " + one["held_since"], class_name="muted small")
                ),
                rx.el.div(one["term"], class_name="phoneline muted small"),
            ),
            td(
                one["term"],
                rx.cond(one["turns"] != "", rx.el.div(one["turns"], class_name="muted small")),
                class_name="wideonly-cell",
            ),
            td(one["qty"], num=True),
            td(one["unit_cost"], num=True, class_name="wideonly-cell"),
            td(
                one["cost"],
                rx.cond(one["washed"] != "", rx.el.div("with a loss of ", one["washed"], class_name="muted small")),
                num=True,
                class_name="wideonly-cell",
            ),
            td(one["value"], num=True, class_name="wideonly-cell"),
            td(
                rx.el.span(one["pl"], class_name=one["pl_dir"]),
                rx.el.div("cost ", one["cost"], class_name="phoneline muted small"),
                num=True,
            ),
        )

    return rx.cond(
        LotsState.ready,
        rx.cond(
            LotsState.lots.length() > 0,
            rx.fragment(
                table(head, rx.foreach(LotsState.lots, row), "Open lots"),
                rx.cond(
                    LotsState.figures["more"] != "", rx.el.p(LotsState.figures["more"], class_name="muted small foot")
                ),
            ),
            empty(
                "No open lots",
                "Each purchase is a lot: so many shares, what they cost, and the day they were bought.",
                rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
            ),
        ),
        skeleton_rows(),
    )


def _method() -> rx.Component:
    state = LotsState
    names = [(method, name) for method, name in METHOD_NAMES.items()]
    return rx.el.div(
        rx.cond(
            state.figures["may_choose"] == "yes",
            segment(names, state.figures["method"], state.choose, "How sales find their lots", "seg methods"),
            rx.el.p(rx.el.b(state.figures["method_name"])),
        ),
        *[
            rx.cond(state.figures["method"] == method, rx.el.p(meaning, class_name="soft small"))
            for method, meaning in METHOD_MEANS.items()
        ],
        rx.el.p(
            "A change counts for sales from then on. Positions and their P&L stay at average cost everywhere else.",
            class_name="muted small",
        ),
        rx.cond(
            state.changes.length() > 0,
            table(
                [th("From"), th("Method")],
                rx.foreach(
                    state.changes,
                    lambda one: rx.el.tr(td(one["at"], " ET", class_name="muted"), td(one["method"])),
                ),
                "Changes of the method",
            ),
        ),
        class_name="body grid",
    )


def _notes(notes: rx.Var, *always: str) -> rx.Component:
    return rx.el.div(
        rx.foreach(notes, lambda one: rx.el.div(one, class_name="note warn")),
        *[rx.el.p(one) for one in always],
        class_name="body why",
    )


def gains() -> rx.Component:
    """What the sales of a year came to."""
    state = GainsState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Realized gains", "Portfolio pages"),
            problem_note(state.problem),
            rx.el.div(
                rx.el.label(
                    rx.el.span("Year ", class_name="muted small"),
                    rx.el.select(
                        rx.foreach(state.years, lambda one: rx.el.option(one, value=one)),
                        value=state.asked,
                        on_change=state.choose_year,
                        class_name="input",
                        id="year",
                    ),
                    html_for="year",
                    class_name="against",
                ),
                rx.el.span(class_name="grow"),
                rx.cond(
                    state.figures["csv"] != "",
                    rx.fragment(
                        download(state.figures["pdf"], "Download this year's lines as PDF", "PDF"),
                        download(state.figures["csv"], "Download this year's lines as CSV"),
                    ),
                ),
                class_name="question",
            ),
            _gain_figures(),
            rx.el.div(
                panel("Sales, " + FrameState.account["currency"], _lines(), class_name="w12"),
                rx.cond(state.sales.length() > 0, panel("Choose the lots of today's sales", _sales(), class_name="w6")),
                # The lines above may be many: what stands below them comes once they are there, and is not pushed away.
                rx.cond(
                    state.ready,
                    panel(
                        "Worth knowing",
                        _notes(state.notes, WASH_SALE, A_DRAFT),
                        class_name=rx.cond(state.sales.length() > 0, "w6", "w12"),
                    ),
                ),
                class_name="grid dash",
            ),
            rx.cond(state.picking["entry"] != "", _picking()),
        ),
        on_order=[state.load],
        heading="Realized gains",
    )


def _gain_figures() -> rx.Component:
    figures = GainsState.figures

    def signed(name: str) -> rx.Component:
        return rx.el.span(figures[name], class_name=figures[f"{name}_dir"])

    return rx.el.div(
        figure("Taxable gain", signed("total"), "big"),
        figure("Short-term", signed("short")),
        figure("Long-term", signed("long")),
        figure("Losses that wait (wash sales)", figures["washed"]),
        figure("Proceeds", figures["proceeds"]),
        figure("Cost", figures["cost"]),
        class_name="head",
    )


def _lines() -> rx.Component:
    head = [
        th("(a) What"),
        th("(b) Acquired", class_name="wideonly-cell"),
        th("(c) Sold"),
        th("(d) Proceeds", num=True, class_name="wideonly-cell"),
        th("(e) Cost", num=True, class_name="wideonly-cell"),
        th("(f)", class_name="wideonly-cell"),
        th("(g) Adjustment", num=True, class_name="wideonly-cell"),
        th("(h) Gain", num=True),
        th("Term", class_name="wideonly-cell"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["description"], rx.el.div(one["term"], class_name="phoneline muted small")),
            td(one["acquired"], class_name="muted wideonly-cell"),
            td(one["sold"], class_name="muted"),
            td(one["proceeds"], num=True, class_name="wideonly-cell"),
            td(one["cost"], num=True, class_name="wideonly-cell"),
            td(one["code"], class_name="wideonly-cell"),
            td(one["adjustment"], num=True, class_name="wideonly-cell"),
            td(
                rx.el.span(one["gain"], class_name=one["gain_dir"]),
                rx.cond(one["code"] != "", rx.el.div("W ", one["adjustment"], class_name="phoneline muted small")),
                num=True,
            ),
            td(one["term"], class_name="wideonly-cell"),
        )

    return rx.cond(
        GainsState.ready,
        rx.cond(
            GainsState.lines.length() > 0,
            rx.fragment(
                table(head, rx.foreach(GainsState.lines, row), "Sales of the year"),
                rx.cond(
                    GainsState.figures["more"] != "", rx.el.p(GainsState.figures["more"], class_name="muted small foot")
                ),
            ),
            empty(
                "Nothing was sold in this year",
                "A sale appears here with the lots it took, what they had cost, and for how long they were held.",
                rx.el.a("Look at the open lots", href="/portfolio/lots", class_name="btn primary"),
            ),
        ),
        skeleton_rows(),
    )


def _sales() -> rx.Component:
    return rx.fragment(
        rx.el.p("Which shares a sale took can be chosen on the day of the sale.", class_name="muted small foot"),
        table(
            [th("Sale"), th("Cash", num=True), th("Lots"), th("")],
            rx.foreach(
                GainsState.sales,
                lambda one: rx.el.tr(
                    td(one["qty"], " ", one["symbol"]),
                    td(one["cash"], num=True),
                    td(one["method"], class_name="muted"),
                    td(
                        rx.el.button(
                            "Choose",
                            type="button",
                            class_name="btn tiny",
                            on_click=GainsState.choose_lots(one["entry"]),
                            aria_label="Choose the lots of " + one["qty"] + " " + one["symbol"],
                        ),
                        num=True,
                    ),
                ),
            ),
            "Sales of today",
        ),
    )


def _picking() -> rx.Component:
    state = GainsState

    return rx.el.div(
        rx.el.div(
            rx.el.header(
                rx.el.h2(state.picking["title"]),
                rx.el.button(
                    icon("close"),
                    type="button",
                    class_name="btn ghost tiny",
                    aria_label="Close",
                    on_click=state.leave_lots,
                ),
            ),
            rx.el.form(
                problem_note(state.picking["problem"]),
                lots_to_choose(state.choices, "Had", "Take", "Lots that were open"),
                rx.el.div(
                    rx.el.button("Take these lots", type="submit", class_name="btn primary"),
                    rx.cond(
                        state.picking["method"] == "yes",
                        rx.el.button(
                            "Back to the account's method",
                            type="button",
                            class_name="btn",
                            on_click=state.take_by_method,
                        ),
                    ),
                    class_name="actions",
                ),
                on_submit=state.take_lots,
                class_name="body",
            ),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label="Choose lots",
            on_click=rx.stop_propagation,
        ),
        class_name="veil",
        on_click=state.leave_lots,
    )
