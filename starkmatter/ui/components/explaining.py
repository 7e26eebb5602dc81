"""The drawer of the performance page: the change in value as a waterfall, gains by symbol, and the entries behind."""

import reflex as rx

from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import problem_note, table, td, th
from starkmatter.ui.state.explaining import ExplainState
from starkmatter.ui.state.performance import PerformanceState


def explain_button() -> rx.Component:
    """Opens the drawer."""
    return rx.el.button("Explain", type="button", class_name="btn tiny", on_click=ExplainState.explain)


def explain_drawer() -> rx.Component:
    """Closed until somebody asks."""
    return rx.cond(ExplainState.open, _drawer())


def _drawer() -> rx.Component:
    state, head = ExplainState, ExplainState.head
    return rx.el.div(
        rx.el.div(
            rx.el.header(
                rx.el.h2("Where the change came from, ", head["currency"]),
                rx.el.button(
                    icon("close"), type="button", class_name="btn ghost tiny", aria_label="Close", on_click=state.close
                ),
            ),
            rx.el.div(
                problem_note(state.problem),
                rx.cond(head["start"] != "", rx.fragment(_steps(), _symbols())),
                rx.cond(
                    state.notes.length() > 0,
                    rx.el.div(rx.el.ul(rx.foreach(state.notes, lambda one: rx.el.li(one))), class_name="note warn why"),
                ),
                rx.cond(
                    PerformanceState.why.length() > 0,
                    rx.el.div(
                        rx.el.h3("Why the three returns differ"),
                        rx.foreach(PerformanceState.why, lambda one: rx.el.p(one)),
                        class_name="why",
                    ),
                ),
                class_name="body",
            ),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label="Where the change came from",
            on_click=rx.stop_propagation,
        ),
        class_name="veil side",
        on_click=state.close,
    )


def _steps() -> rx.Component:
    head = ExplainState.head

    def end(name: rx.Var, value: rx.Var) -> rx.Component:
        return rx.el.tr(rx.el.th(name, scope="row", col_span=2), td(rx.el.b(value), num=True), class_name="ends")

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            rx.el.th(_named(one["name"], one["key"], one["entries"]), scope="row"),
            rx.el.td(
                rx.el.span(
                    class_name="fallbar",
                    style={"marginLeft": one["left"], "width": one["width"]},
                    custom_attrs={"data-dir": one["dir"]},
                ),
                class_name="fallcell",
                aria_hidden="true",
            ),
            td(rx.el.span(one["value"], class_name=one["dir"]), num=True),
        )

    return rx.fragment(
        rx.el.div(
            rx.el.table(
                rx.el.caption("Steps from the start to the end", class_name="sr"),
                rx.el.tbody(
                    end(head["start"], head["start_value"]),
                    rx.foreach(ExplainState.steps, row),
                    end(head["end"], head["end_value"]),
                ),
                class_name="data waterfall",
            ),
        ),
        rx.cond(
            head["exact"] == "yes",
            rx.el.p(
                "The steps add up to ",
                rx.el.b(head["change"], class_name="mono " + head["change_dir"]),
                " to the cent: every one is a ledger entry or a price that was recorded.",
                class_name="muted small",
            ),
        ),
        _entries(),
    )


def _named(name: rx.Var, key: rx.Var, entries: rx.Var) -> rx.Component:
    """A name that opens its entries, where it has some."""
    return rx.cond(
        entries != "",
        rx.el.button(
            name,
            rx.el.span(entries, class_name="count"),
            type="button",
            class_name="link",
            on_click=ExplainState.show_entries(key),
            custom_attrs={"aria-expanded": rx.cond(ExplainState.head["chosen"] == key, "true", "false")},
            title="Show the ledger entries",
        ),
        name,
    )


def _symbols() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            rx.el.th(
                _named(one["symbol"], one["symbol"], one["entries"]),
                rx.el.div(one["qty"], class_name="muted small mono"),
                rx.el.div(one["from"], class_name="muted small"),
                scope="row",
            ),
            td(one["realized"], num=True, class_name="wideonly-cell"),
            td(one["unrealized"], num=True, class_name="wideonly-cell"),
            rx.cond(ExplainState.head["fx"] == "yes", td(one["fx"], num=True, class_name="wideonly-cell")),
            td(rx.el.span(one["gain"], class_name=one["gain_dir"]), num=True),
        )

    head = [
        th("Symbol"),
        th("Sold", num=True, class_name="wideonly-cell"),
        th("Still held", num=True, class_name="wideonly-cell"),
        rx.cond(ExplainState.head["fx"] == "yes", th("Exchange rates", num=True, class_name="wideonly-cell")),
        th("Gain", num=True),
    ]
    return rx.cond(
        ExplainState.symbols.length() > 0,
        rx.fragment(
            rx.el.h3("Gains by symbol"),
            rx.el.p(
                "Measured from what the shares were worth at the start, at average cost since then; fees are a step of "
                "their own. The tax office counts from the purchase: see Realized gains.",
                class_name="muted small",
            ),
            rx.cond(
                ExplainState.head["fx"] == "yes",
                rx.el.p(
                    "Price gains are those in the symbol's own currency at the rate it was paid at; what the rate did "
                    "since, to what there is in the end, is the exchange rates' part. Cash in another currency is in "
                    "that step as well.",
                    class_name="muted small",
                ),
            ),
            rx.el.div(
                table(head, rx.foreach(ExplainState.symbols, row), "Gains by symbol"), class_name="parts-of gains"
            ),
        ),
    )


def _entries() -> rx.Component:
    return rx.cond(
        ExplainState.entries.length() > 0,
        rx.fragment(
            table(
                [th("Entry", num=True), th("Venue time"), th("What")],
                rx.foreach(
                    ExplainState.entries,
                    lambda one: rx.el.tr(
                        td(one["id"], num=True, class_name="muted"),
                        td(one["at"], class_name="muted"),
                        td(one["description"], class_name="wrapped"),
                    ),
                ),
                "Ledger entries behind it",
            ),
            rx.cond(ExplainState.head["more"] != "", rx.el.p(ExplainState.head["more"], class_name="muted small")),
        ),
    )
