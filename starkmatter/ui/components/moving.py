"""Moving shares to another account: a button, a dialog, and the moves so far."""

import reflex as rx

from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.lot_choice import lots_to_choose
from starkmatter.ui.components.parts import empty, panel, problem_note, table, td, th
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.moving import HOW, PICK, MovingState

NO_SALE = (
    "Lots keep their days and what they cost; nothing is realized. What they are worth then is a flow of both accounts."
)

ON_PAPER = (
    "On paper a move can be taken back until these shares are traded in either account or the market's day closes: "
    "what a day closed with is never rewritten. After that move them back: lots keep their days and cost both ways."
)
ELSEWHERE = "A move can be taken back as long as no later entry of the other account needs these shares."


def moves_panel(class_name: str) -> rx.Component:
    """What was moved, and the way to move more; the dialog stands beside it while it is open."""
    state = MovingState
    return rx.fragment(
        panel(
            "Moved between accounts",
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            rx.cond(
                state.moves.length() > 0,
                rx.fragment(_moves(), rx.cond(state.may, rx.el.div(_rule(), class_name="body"))),
                empty(
                    "Nothing was moved", "Shares can go to another account of yours with their lots: that is no sale."
                ),
            ),
            extra=rx.cond(
                state.may,
                rx.el.button("Move shares", type="button", class_name="btn tiny", on_click=state.open_dialog),
            ),
            class_name=class_name,
        ),
        rx.cond(state.dialog["open"] != "", _dialog()),
    )


def _moves() -> rx.Component:
    head = [
        th("Day"),
        th("Account"),
        th("Shares", num=True),
        th("Worth", num=True, class_name="wideonly-cell"),
        th("Had cost", num=True, class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["on"], class_name="muted"),
            td(rx.el.span(one["way"], " ", class_name="muted"), one["other"]),
            td(one["qty"], " ", one["symbol"], num=True),
            td(one["worth"], num=True, class_name="wideonly-cell"),
            td(one["cost"], num=True, class_name="wideonly-cell"),
            td(
                rx.cond(
                    (one["may"] != "") & MovingState.may,
                    rx.el.button(
                        "Take back",
                        type="button",
                        class_name="btn tiny danger",
                        aria_label="Take back the move of " + one["qty"] + " " + one["symbol"],
                        on_click=MovingState.take_back(one["id"]),
                    ),
                    rx.el.span(one["state"], class_name="muted small"),
                ),
                num=True,
            ),
        )

    return table(head, rx.foreach(MovingState.moves, row), "Shares moved between accounts")


def _rule() -> rx.Component:
    return rx.el.p(rx.cond(FrameState.account["broker"] == "paper", ON_PAPER, ELSEWHERE), class_name="soft small")


def _dialog() -> rx.Component:
    state = MovingState
    return rx.el.div(
        rx.el.div(
            rx.el.header(
                rx.el.h2(state.dialog["title"]),
                rx.el.button(
                    icon("close"),
                    type="button",
                    class_name="btn ghost tiny",
                    aria_label="Close",
                    on_click=state.close_dialog,
                ),
            ),
            rx.cond(
                state.symbols.length() > 0,
                _form(),
                rx.el.div(empty("Nothing to move", "This account holds no shares of its own."), class_name="body"),
            ),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label="Move shares",
            on_click=rx.stop_propagation,
        ),
        class_name="veil",
        on_click=state.close_dialog,
    )


def _form() -> rx.Component:
    state = MovingState
    return rx.el.form(
        problem_note(state.dialog["problem"]),
        rx.el.div(
            _select("To", "to", rx.foreach(state.targets, lambda one: rx.el.option(one["name"], value=one["id"]))),
            _select(
                "Shares of",
                "symbol",
                rx.foreach(state.symbols, lambda one: rx.el.option(one["label"], value=one["symbol"])),
                value=state.dialog["symbol"],
                on_change=state.choose_symbol,
            ),
            rx.cond(
                state.dialog["how"] != PICK,
                _input("How many", "qty", placeholder=state.dialog["max"], input_mode="decimal", required=True),
            ),
            _select(
                "Which lots",
                "how",
                *[rx.el.option(name, value=how) for how, name in HOW.items()],
                value=state.dialog["how"],
                on_change=state.choose_how,
            ),
            rx.cond(
                state.dialog["tracked"] != "",
                rx.fragment(
                    _input("On (today unless given)", "on", type="date"),
                    _input(
                        "Price a share, " + FrameState.account["currency"] + " (if not known here)",
                        "price",
                        input_mode="decimal",
                    ),
                ),
            ),
            class_name="fields",
        ),
        rx.cond(state.dialog["how"] == PICK, lots_to_choose(state.choices, "Has", "Move", "Lots to move")),
        rx.el.p(NO_SALE, class_name="soft small"),
        _rule(),
        rx.el.div(rx.el.button("Move them", type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=state.move,
        class_name="body grid",
    )


def _select(label: str, name: str, *options: rx.Component, **more: object) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=f"move-{name}"),
        rx.el.select(*options, id=f"move-{name}", name=name, class_name="input", **more),
        class_name="field",
    )


def _input(label: str | rx.Var, name: str, **more: object) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=f"move-{name}"),
        rx.el.input(id=f"move-{name}", name=name, auto_complete="off", max_length=30, class_name="input", **more),
        class_name="field",
    )
