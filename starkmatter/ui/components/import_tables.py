"""The tables of the import wizard: the dry run line by line, securities without a symbol, and former imports."""

import reflex as rx

from starkmatter.ui.components.parts import empty, table, td, th
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.import_rows import OUTCOME_NAMES
from starkmatter.ui.state.importing import ImportState


def names_form() -> rx.Component:
    """What securities are called that the file knows by their ISIN alone."""

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["name"], rx.el.div(one["words"], class_name="muted small")),
            td(
                rx.el.input(
                    name="symbol-" + one["name"],
                    max_length=20,
                    auto_complete="off",
                    class_name="input lotqty",
                    aria_label="Symbol of " + one["name"],
                ),
                num=True,
            ),
        )

    return rx.el.form(
        rx.el.p(
            "The file knows these by their ISIN alone. What you call them here is remembered for other files.",
            class_name="soft small foot",
        ),
        table(
            [th("ISIN"), th("Symbol", num=True)], rx.foreach(ImportState.unnamed, row), "Securities without a symbol"
        ),
        rx.el.div(
            rx.el.button("Use these symbols", type="submit", class_name="btn primary"), class_name="actions foot"
        ),
        on_submit=ImportState.name_symbols,
    )


def lines_table() -> rx.Component:
    """The dry run line by line, one outcome at a time, in pages."""
    state, current = ImportState, ImportState.current

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["line"], num=True, class_name="muted"),
            td(
                one["at"],
                rx.el.div(one["kind"], " ", one["symbol"], class_name="phoneline muted small"),
                class_name="muted",
            ),
            td(one["kind"], class_name="wideonly-cell"),
            td(one["symbol"], class_name="sym wideonly-cell"),
            td(one["qty"], num=True, class_name="wideonly-cell"),
            td(one["price"], num=True, class_name="wideonly-cell"),
            td(one["cash"], " ", rx.el.span(one["currency"], class_name="muted"), num=True),
            td(
                one["words"],
                rx.cond(one["repeat"] != "", rx.el.div(one["repeat"], class_name="small amber")),
                class_name="wraps soft small",
            ),
        )

    head = [
        th("Line", num=True),
        th("Day"),
        th("Kind", class_name="wideonly-cell"),
        th("Symbol", class_name="wideonly-cell"),
        th("Shares", num=True, class_name="wideonly-cell"),
        th("Price", num=True, class_name="wideonly-cell"),
        th("Cash", num=True),
        th("What becomes of it"),
    ]
    return rx.fragment(
        rx.el.div(
            rx.el.div(
                *[
                    rx.el.button(
                        text,
                        " ",
                        rx.el.span(current[name], class_name="mono"),
                        type="button",
                        on_click=state.choose_outcome(name),
                        custom_attrs={
                            "aria-pressed": rx.cond(state.outcome == name, "true", "false"),
                            "data-outcome": name,
                        },
                    )
                    for name, text in OUTCOME_NAMES.items()
                ],
                class_name="seg outcomes",
                role="group",
                aria_label="Which lines",
            ),
            class_name="foot",
        ),
        rx.cond(
            state.lines.length() > 0,
            rx.fragment(
                table(head, rx.foreach(state.lines, row), "Lines of the file"),
                rx.el.div(
                    rx.cond(
                        state.more["before"] != "",
                        rx.el.button(
                            "Earlier lines",
                            type="button",
                            class_name="btn tiny",
                            on_click=state.turn_page(state.more["before"]),
                        ),
                    ),
                    rx.cond(
                        state.more["after"] != "",
                        rx.el.button(
                            "Later lines",
                            type="button",
                            class_name="btn tiny",
                            on_click=state.turn_page(state.more["after"]),
                        ),
                    ),
                    class_name="actions foot",
                ),
            ),
            empty("No such lines", "No line of the file belongs here."),
        ),
    )


def history_table() -> rx.Component:
    """Former imports, each of which can be looked at and taken back."""
    state = ImportState

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["file"]),
                rx.el.div(one["kind"], class_name="muted small"),
                rx.el.div(one["at"], class_name="phoneline muted small"),
                class_name="wraps",
            ),
            td(one["account"], class_name="wideonly-cell"),
            td(one["at"], class_name="muted wideonly-cell"),
            td(
                one["state"],
                rx.cond(one["words"] != "", rx.el.div(one["words"], class_name="muted small")),
                class_name="wraps",
            ),
            td(one["lines"], num=True, class_name="wideonly-cell"),
            td(
                one["cash"],
                " ",
                rx.el.span(one["currency"], class_name="muted"),
                num=True,
                class_name="wideonly-cell",
            ),
            td(
                rx.el.button(
                    "Show",
                    type="button",
                    class_name="btn tiny",
                    on_click=state.show(one["id"]),
                    aria_label="Show the import " + one["file"],
                ),
                rx.cond(
                    (one["may_undo"] == "yes") & FrameState.may_trade,
                    rx.el.button(
                        "Take back",
                        type="button",
                        class_name="btn tiny danger",
                        on_click=state.undo(one["id"]),
                        aria_label="Take the import " + one["file"] + " back",
                    ),
                ),
                num=True,
                class_name="rowbuttons",
            ),
        )

    head = [
        th("Import"),
        th("Account", class_name="wideonly-cell"),
        th("When", class_name="wideonly-cell"),
        th("State"),
        th("Lines", num=True, class_name="wideonly-cell"),
        th("Cash", num=True, class_name="wideonly-cell"),
        th(""),
    ]
    return rx.cond(
        state.history.length() > 0,
        table(head, rx.foreach(state.history, row), "Former imports"),
        empty("No imports yet", "What was imported or typed in stands here, and can be taken back."),
    )
