"""How symbols move together, and the days on which the exchange is closed or closes early."""

import reflex as rx

from starkmatter.market.key_figures import WINDOWS
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import empty, panel, problem_note, segment, skeleton_rows, table, tabs, td, th
from starkmatter.ui.pages.markets import PAGES
from starkmatter.ui.state.correlated import CorrelationState, SessionsState


def correlation() -> rx.Component:
    """A table of coefficients."""
    state = CorrelationState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "Correlation", "Markets pages"),
            problem_note(state.problem),
            panel(
                "Daily returns, side by side",
                _symbols(),
                rx.cond(
                    state.ready,
                    rx.cond(
                        state.rows.length() > 0,
                        rx.fragment(
                            _table(),
                            rx.el.p(
                                state.words,
                                " 1 means that two always move alike, −1 that they move against each other, 0 neither.",
                                class_name="muted small footnote",
                            ),
                        ),
                        empty("Choose two symbols or more", "Type a symbol above; twelve fit into the table."),
                    ),
                    skeleton_rows(9),
                ),
                extra=segment(
                    [(str(one), "1 year" if one == 252 else f"{one} sessions") for one in WINDOWS],
                    state.window,
                    state.choose_window,
                    "Window",
                ),
            ),
        ),
        on_order=[state.load],
        heading="Correlation",
    )


def _symbols() -> rx.Component:
    state = CorrelationState
    return rx.el.div(
        rx.foreach(
            state.symbols,
            lambda one: rx.el.span(
                one,
                rx.el.button(
                    icon("close"), type="button", aria_label="Take " + one + " out", on_click=state.remove(one)
                ),
                class_name="condition",
            ),
        ),
        rx.el.form(
            rx.el.input(
                name="symbol",
                class_name="input",
                placeholder="Add a symbol",
                max_length=20,
                required=True,
                auto_complete="off",
                aria_label="Add a symbol",
            ),
            rx.el.button("Add", type="submit", class_name="btn tiny"),
            on_submit=state.add,
            reset_on_submit=True,
            class_name="addsymbol",
        ),
        class_name="conditions",
    )


def _table() -> rx.Component:
    state = CorrelationState
    return rx.el.div(
        table(
            [
                th(""),
                rx.foreach(
                    state.rows,
                    lambda one: rx.el.th(rx.el.span(one["symbol"]), scope="col", class_name="num"),
                ),
            ],
            rx.foreach(
                state.rows,
                lambda one, place: rx.el.tr(
                    rx.el.th(rx.el.a(one["symbol"], href="/markets/" + one["symbol"], class_name="sym"), scope="row"),
                    rx.foreach(
                        state.cells[place],
                        lambda cell: rx.el.td(
                            cell["text"],
                            class_name="num coefficient",
                            title=cell["words"],
                            custom_attrs={"data-tint": cell["tint"]},
                        ),
                    ),
                ),
            ),
            "Correlation",
        ),
        class_name="correlated matrix",
    )


def sessions() -> rx.Component:
    """Hours, holidays and half days."""
    state = SessionsState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "Sessions", "Markets pages"),
            problem_note(state.problem),
            rx.el.p(state.words, class_name="muted small lead"),
            rx.el.div(
                panel("Closed days and half days", _exceptions(), class_name="w6"),
                panel("Next sessions", _coming(), class_name="w6"),
                class_name="grid dash",
            ),
        ),
        on_order=[state.load],
        heading="Sessions",
    )


def _exceptions() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["day"]),
            td(one["name"], rx.el.div(_what(one), class_name="phoneline")),
            td(_what(one), num=True, class_name="wideonly-cell"),
        )

    return _listed(
        SessionsState.exceptions,
        table(
            [th("Day"), th("Why"), th("Session", num=True, class_name="wideonly-cell")],
            rx.foreach(SessionsState.exceptions, row),
            "Closed days and half days",
        ),
        empty("None that is known", "Every weekday of the stored calendar has its usual session."),
        10,
    )


def _what(one: rx.Var) -> rx.Component:
    return rx.el.span(one["what"], class_name="badge quiet", custom_attrs={"data-half": one["half"]})


def _coming() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["day"]),
            td(one["opens"], num=True),
            td(one["closes"], num=True),
            td(one["opens_utc"], " – ", one["closes_utc"], num=True, class_name="muted wideonly-cell"),
        )

    head = [th("Day"), th("Opens", num=True), th("Closes", num=True), th("UTC", num=True, class_name="wideonly-cell")]
    return _listed(
        SessionsState.coming,
        table(head, rx.foreach(SessionsState.coming, row), "Next sessions"),
        empty("No session is known", "The worker stores the exchange's calendar when it starts."),
        10,
    )


def _listed(rows: rx.Var, filled: rx.Component, nothing: rx.Component, count: int) -> rx.Component:
    return rx.cond(SessionsState.ready, rx.cond(rows.length() > 0, filled, nothing), skeleton_rows(count))
