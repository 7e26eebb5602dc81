"""The performance page's panels of effects by sector and by currency, worked out when somebody asks."""

import reflex as rx

from starkmatter.ui.components.parts import empty, panel, problem_note, table, td, th
from starkmatter.ui.state.attribution import AttributionState, CurrencyState

WHAT_THEY_ARE = (
    "Allocation: more of the sectors that did better than the market. Selection: better stocks within a sector. "
    "Interaction: both at once (Brinson and Fachler, 1985; days linked after Cariño, 1999)."
)
BY_CURRENCY = (
    "Prices: what was held in a currency, in its own terms. Exchange rate: what the rate did to that, price changes "
    "included. Linked over days after Cariño, 1999."
)


def attribution_panel() -> rx.Component:
    """Against the market, by sector."""
    state = AttributionState
    again = rx.el.button("Work it out", type="button", class_name="btn tiny", on_click=state.work_out)
    return panel(
        "Against the market, by sector",
        problem_note(state.problem),
        rx.cond(
            state.rows.length() > 0,
            _effects(),
            empty(
                "Which sectors made the difference?",
                "Compares what was held each day with equal parts of all stocks of this market, for the period above.",
            ),
        ),
        rx.cond(
            state.notes.length() > 0,
            rx.el.div(rx.el.ul(rx.foreach(state.notes, lambda one: rx.el.li(one))), class_name="note warn why"),
        ),
        extra=again,
        class_name="w12",
    )


def _effects() -> rx.Component:
    head = [
        th("Sector"),
        th("Weight", num=True, class_name="wideonly-cell"),
        th("Market's", num=True, class_name="wideonly-cell"),
        th("Allocation", num=True, class_name="wideonly-cell"),
        th("Selection", num=True, class_name="wideonly-cell"),
        th("Interaction", num=True, class_name="wideonly-cell"),
        th("Together", num=True),
    ]

    def row(one: rx.Var) -> rx.Component:
        wide = [td(one[name], num=True, class_name="wideonly-cell")
                for name in ("weight", "market", "allocation", "selection", "interaction")]  # fmt: skip
        return rx.el.tr(
            td(
                one["name"],
                rx.cond(
                    one["weight"] != "",
                    rx.el.div(one["weight"], " against ", one["market"], class_name="phoneline muted small"),
                ),
                class_name="wrapped",
            ),
            *wide,
            td(rx.el.span(one["total"], class_name=one["total_dir"]), num=True),
        )

    shown = AttributionState.head
    return rx.fragment(
        rx.el.p(
            "The account ", rx.el.b(shown["own"]), ", the market ", rx.el.b(shown["market"]), ": ",
            rx.el.b(rx.el.span(shown["excess"], class_name=shown["excess_dir"])), ". ", shown["words"],
            class_name="soft small foot",
        ),
        table(head, rx.foreach(AttributionState.rows, row), "Effects by sector"),
        rx.el.p(WHAT_THEY_ARE, class_name="muted small foot"),
    )  # fmt: skip


def currency_panel() -> rx.Component:
    """Which currency brought what."""
    state, head = CurrencyState, CurrencyState.head

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["name"]),
            td(one["weight"], num=True),
            td(one["price"], num=True, class_name="wideonly-cell"),
            td(one["fx"], num=True, class_name="wideonly-cell"),
            td(rx.el.span(one["total"], class_name=one["total_dir"]), num=True),
        )

    heads = [
        th("Currency"),
        th("Share", num=True),
        th("Prices", num=True, class_name="wideonly-cell"),
        th("Exchange rate", num=True, class_name="wideonly-cell"),
        th("Together", num=True),
    ]
    return panel(
        "By currency",
        problem_note(state.problem),
        rx.cond(
            state.rows.length() > 0,
            rx.fragment(
                rx.el.p(head["words"], class_name="soft small foot"),
                table(heads, rx.foreach(state.rows, row), "Effects by currency"),
                rx.el.p(BY_CURRENCY, class_name="muted small foot"),
            ),
            empty(
                "Which currencies made the difference?",
                "Tells what prices brought in each currency from what its exchange rate did, for the period above.",
            ),
        ),
        rx.cond(
            state.notes.length() > 0,
            rx.el.div(rx.el.ul(rx.foreach(state.notes, lambda one: rx.el.li(one))), class_name="note warn why"),
        ),
        extra=rx.el.button("Tell apart", type="button", class_name="btn tiny", on_click=state.work_out),
        class_name="w12",
    )
