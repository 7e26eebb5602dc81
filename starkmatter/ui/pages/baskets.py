"""Baskets: several orders of the chosen account, typed or proposed, looked at as one and sent by one click."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, figure, panel, problem_note, skeleton_rows, status, table, td, th
from starkmatter.ui.state.baskets import BasketsState
from starkmatter.ui.state.frame import FrameState

HINT = "buy 10 AAPL\nsell 5 MSFT @ 199.50 gtc"
HOW = (
    "One order a line: buy or sell, how many, the symbol; then @ and a limit, and gtc for until canceled, if you like. "
    "A symbol once. Nothing is ordered before you have looked at all of it."
)
LINES_CHARS = 5_000


def baskets() -> rx.Component:
    """The unsent and the sent ones, a form for another, and the one under review."""
    state = BasketsState
    return framed(
        "Orders",
        rx.fragment(
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            rx.el.div(
                rx.cond(state.chosen["id"] != "", _review()),
                panel("Baskets", _list(), class_name="w7"),
                rx.cond(FrameState.may_trade, panel("New basket", _new(), class_name="w5")),
                class_name="grid dash",
            ),
        ),
        heading="Baskets",
        on_order=[state.refresh],
    )


def _list() -> rx.Component:
    seldom = "wideonly-cell"
    head = [th("Basket"), th("Orders", num=True), th("Made", class_name=seldom), th("State"), th("")]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["name"]), rx.el.div(one["by"], class_name="muted small"), class_name="wrapped"),
            td(one["orders"], num=True),
            td(one["since"], class_name=f"muted {seldom}"),
            td(one["state"]),
            td(
                rx.el.button(
                    "Review",
                    type="button",
                    class_name="btn tiny",
                    on_click=BasketsState.choose(one["id"]),
                    aria_label="Review " + one["name"],
                ),
                num=True,
            ),
        )

    return rx.cond(
        BasketsState.ready,
        rx.cond(
            BasketsState.baskets.length() > 0,
            table(head, rx.foreach(BasketsState.baskets, row), "Baskets"),
            empty(
                "No baskets",
                "A basket is several orders that you look at and send as one: type one, or let the allocation page "
                "propose what brings the account to its targets.",
                rx.el.a("Allocation", href="/portfolio/allocation", class_name="btn"),
            ),
        ),
        skeleton_rows(3),
    )


def _new() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            rx.el.label("Name", html_for="basket-name"),
            rx.el.input(
                id="basket-name", name="name", required=True, max_length=80, auto_complete="off", class_name="input"
            ),
            class_name="field",
        ),
        _typed("basket-lines", "", "7"),
        rx.el.p(HOW, class_name="muted small"),
        rx.el.div(rx.el.button("Make and review", type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=BasketsState.make,
        key=BasketsState.turn,
        class_name="body grid",
    )


def _typed(name: str, text: rx.Var | str, rows: str) -> rx.Component:
    return rx.el.div(
        rx.el.label("Orders", html_for=name),
        rx.el.textarea(
            id=name,
            name="lines",
            default_value=text,
            required=True,
            rows=rows,
            max_length=LINES_CHARS,
            placeholder=HINT,
            spell_check=False,
            class_name="input mono",
        ),
        class_name="field",
    )


def _review() -> rx.Component:
    state = BasketsState
    one = state.chosen
    return panel(
        "Review",
        rx.el.div(
            rx.el.p(rx.el.b(one["name"]), " on ", FrameState.account["name"]),
            rx.cond(
                one["sums"] != "",
                rx.el.div(
                    figure("Est. cash, " + one["currency"], one["cost"], "big"),
                    figure("Of it fees", one["fees"]),
                    figure("Buying power", one["power"]),
                    figure("Buying power after", one["after"]),
                    class_name="head",
                ),
            ),
            rx.foreach(state.notes, lambda text: rx.el.p(text, class_name="muted small")),
            class_name="body grid",
        ),
        _lines(),
        rx.el.div(
            rx.cond(
                (one["cautions"] == "yes") & FrameState.may_trade,
                rx.el.label(
                    rx.el.input(
                        type="checkbox",
                        id="basket-read",
                        key=one["id"] + one["hash"] + one["state"],
                        default_checked=state.read,
                        on_change=state.tick,
                    ),
                    "I have read the warnings and want to send these orders",
                    class_name="checkline",
                ),
            ),
            rx.el.div(
                rx.cond(
                    (one["to_send"] != "") & FrameState.may_trade,
                    rx.el.button(
                        rx.cond(state.sending, "Sending …", "Send " + one["to_send"] + " orders"),
                        type="button",
                        class_name="btn primary",
                        disabled=state.sending,
                        on_click=state.send,
                    ),
                ),
                rx.cond(
                    FrameState.may_trade & (one["currency"] != "") & (one["state"] != "closed"),
                    rx.el.button(
                        rx.cond(one["state"] == "draft", "Delete", "Close"),
                        type="button",
                        class_name="btn",
                        on_click=state.drop,
                    ),
                ),
                rx.el.button("Not now", type="button", class_name="btn ghost", on_click=state.leave),
                class_name="actions",
            ),
            rx.cond(
                (one["state"] == "draft") & (one["currency"] != "") & FrameState.may_trade,
                rx.el.details(
                    rx.el.summary("Change its orders"),
                    rx.el.form(
                        _typed("basket-change", one["text"], "6"),
                        rx.el.div(rx.el.button("Change", type="submit", class_name="btn"), class_name="actions"),
                        on_submit=state.change,
                        key=one["id"] + one["hash"],
                        class_name="grid",
                    ),
                ),
            ),
            class_name="body grid",
        ),
        class_name="w12",
    )


def _lines() -> rx.Component:
    seldom = "wideonly-cell"
    head = [
        th("Order"),
        th("Price", num=True, class_name=seldom),
        th("Est. cash", num=True),
        th("Of it fees", num=True, class_name=seldom),
        th("Realized P&L", num=True, class_name=seldom),
        th("State"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["ticket"]),
                rx.el.div(one["terms"], class_name="muted small"),
                rx.cond(one["bad"] != "", rx.el.div(one["bad"], class_name="note bad")),
                rx.cond(one["warn"] != "", rx.el.div(one["warn"], class_name="note warn")),
                rx.cond(one["notes"] != "", rx.el.div(one["notes"], class_name="muted small")),
                class_name="wrapped",
            ),
            td(one["price"], num=True, class_name=seldom),
            td(one["cash"], num=True),
            td(one["fees"], num=True, class_name=seldom),
            td(rx.el.span(one["realized"], class_name=one["realized_dir"]), num=True, class_name=seldom),
            td(
                rx.cond(
                    one["order"] != "",
                    rx.el.a(status(one["state"]), href="/orders?order=" + one["order"]),
                    rx.el.span(one["state"], class_name="muted"),
                )
            ),
        )

    return table(head, rx.foreach(BasketsState.lines, row), "Orders of the basket")
