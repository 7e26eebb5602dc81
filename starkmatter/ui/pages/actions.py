"""Corporate actions on the chosen account: each before and after, and what became of open orders."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, tabs, td, th
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.actions import ActionsState
from starkmatter.ui.state.frame import FrameState

HOW = (
    "A split, a dividend, another symbol or an end is booked on its ex-date, before the first trade of that day: the "
    "price moves then. Who sold short pays the dividend and owes the new shares. What a source corrects later is taken "
    "back and booked anew, both as lines of their own. Parts of a share after a reverse split are paid in cash at the "
    "day's open. On accounts at a broker the broker books them."
)


def actions() -> rx.Component:
    """The record of the account."""
    state = ActionsState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Actions", "Portfolio pages"),
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            rx.cond(state.waiting != "", _waiting()),
            rx.el.div(
                panel("Corporate actions", _record(), class_name="w12"),
                rx.cond(state.orders.length() > 0, panel("Orders that followed", _orders(), class_name="w12")),
                panel("How they are booked", rx.el.div(rx.el.p(HOW), class_name="body why"), class_name="w12"),
                class_name="grid dash",
            ),
        ),
        on_order=[state.load],
        heading="Corporate actions",
    )


def _waiting() -> rx.Component:
    return rx.el.div(
        rx.el.p(rx.el.b("Something cannot be booked. "), ActionsState.waiting),
        rx.cond(
            FrameState.may_trade,
            rx.el.div(
                rx.el.button("Leave it as it is", type="button", class_name="btn primary", on_click=ActionsState.leave),
                rx.el.span(
                    "It does not count for this account then, and orders are taken again.", class_name="muted small"
                ),
                class_name="actions",
            ),
        ),
        class_name="note warn",
        role="alert",
    )


def _record() -> rx.Component:
    head = [
        th("Ex-date"),
        th("Symbol"),
        th("What", class_name="wideonly-cell"),
        th("What happened"),
        th("Before and after", class_name="wideonly-cell"),
        th("Booked", class_name="wideonly-cell"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["on"]),
            td(rx.el.a(one["symbol"], href="/trade/" + one["symbol"], class_name="sym")),
            td(one["kind"], class_name="muted wideonly-cell"),
            td(
                one["words"],
                rx.cond(one["state"] != "", rx.el.span(" ", one["state"], class_name="muted small")),
                rx.cond(one["what"] != "", rx.el.div(one["what"], class_name="phoneline muted small")),
                class_name="wrapped",
            ),
            td(one["what"], class_name="mono wideonly-cell wrapped"),
            td(one["booked"], class_name="muted small wideonly-cell"),
            key=one["id"],
        )

    return rx.cond(
        ActionsState.ready,
        rx.cond(
            ActionsState.actions.length() > 0,
            table(head, rx.foreach(ActionsState.actions, row), "Corporate actions, the newest first"),
            empty(
                "No action yet",
                "When a company you hold splits its shares, pays a dividend or changes its name, it stands here: what "
                "you had before it, and what you have since.",
                rx.el.a("See your positions", href="/portfolio", class_name="btn primary"),
            ),
        ),
        skeleton_rows(),
    )


def _orders() -> rx.Component:
    return table(
        [th("Order"), th(""), th("Why"), th("When", class_name="wideonly-cell")],
        rx.foreach(
            ActionsState.orders,
            lambda one: rx.el.tr(
                td(rx.el.a(one["order"], href="/orders", class_name="sym")),
                td(one["verb"]),
                td(one["why"], class_name="wrapped"),
                td(one["booked"], class_name="muted small wideonly-cell"),
                key=one["id"],
            ),
        ),
        "Orders that followed an action",
    )
