"""Approvals: orders that somebody proposed, with their reasons, until somebody decides about them."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, status, table, td, th
from starkmatter.ui.state.approvals import ApprovalsState
from starkmatter.ui.state.frame import FrameState


def approvals() -> rx.Component:
    """What waits, a form to propose something, and what became of the rest."""
    return framed(
        "Orders",
        rx.fragment(
            problem_note(ApprovalsState.problem),
            rx.cond(ApprovalsState.said != "", rx.el.div(ApprovalsState.said, class_name="note good", role="status")),
            rx.el.div(
                panel("Waiting for a decision", _waiting(), class_name="w7"),
                panel("Propose an order", _form(), class_name="w5"),
                panel("Decided", _decided(), class_name="w12"),
                class_name="grid dash",
            ),
            rx.cond(ApprovalsState.asked["id"], _asked()),
        ),
        heading="Approvals",
        on_order=[ApprovalsState.refresh],
    )


def _waiting() -> rx.Component:
    return rx.cond(
        ApprovalsState.ready,
        rx.cond(
            ApprovalsState.waiting.length() > 0,
            rx.el.div(rx.foreach(ApprovalsState.waiting, _card), class_name="body grid"),
            empty(
                "Nothing waits",
                "Orders that somebody else, a program or the analyst proposes for your accounts appear here. None is "
                "sent before somebody confirms it.",
            ),
        ),
        skeleton_rows(3),
    )


def _card(one: rx.Var) -> rx.Component:
    return rx.el.article(
        rx.el.header(
            rx.el.b(one["ticket"]),
            rx.el.span(one["tif"], class_name="muted small"),
            rx.el.span(class_name="push"),
            rx.el.span(one["account"], class_name="badge quiet"),
        ),
        rx.el.dl(
            rx.el.dt("Why"),
            rx.el.dd(one["thesis"]),
            rx.el.dt("Wrong if"),
            rx.el.dd(one["invalidation"]),
            rx.el.dt("Proposed"),
            rx.el.dd(one["by"], ", ", one["since"], rx.el.span(" until ", one["until"], class_name="muted")),
            rx.el.dt("Price then"),
            rx.el.dd(one["reference"], rx.el.span(", may move ", one["drift"], class_name="muted")),
        ),
        rx.el.div(
            rx.cond(
                (one["confirms"] == "yes") & FrameState.may_trade,
                rx.el.button(
                    "Confirm and order",
                    type="button",
                    class_name="btn primary",
                    on_click=ApprovalsState.confirm(one["id"], one["hash"]),
                    aria_label="Confirm: " + one["ticket"],
                ),
            ),
            rx.cond(
                (one["mine"] == "yes") | ((one["confirms"] == "yes") & FrameState.may_trade),
                rx.el.button(
                    rx.cond(one["mine"] == "yes", "Withdraw", "Decline"),
                    type="button",
                    class_name="btn",
                    on_click=ApprovalsState.decline(one["id"], one["hash"]),
                ),
            ),
            class_name="actions",
        ),
        class_name="approval",
    )


def _asked() -> rx.Component:
    one = ApprovalsState.asked
    return rx.el.div(
        rx.el.div(
            rx.el.header(rx.el.h2("Read this first")),
            rx.el.div(
                rx.el.p(rx.el.b(one["ticket"])),
                rx.el.div(one["text"], class_name="note warn"),
                rx.el.div(
                    rx.el.button(
                        "I have read it: order",
                        type="button",
                        class_name="btn primary",
                        on_click=ApprovalsState.confirm_read,
                    ),
                    rx.el.button("Not now", type="button", class_name="btn ghost", on_click=ApprovalsState.leave),
                    class_name="actions",
                ),
                class_name="body grid",
            ),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label="Read this first",
            on_click=rx.stop_propagation,
        ),
        class_name="veil",
        on_click=ApprovalsState.leave,
    )


def _form() -> rx.Component:
    def field(label: str, name: str, **more) -> rx.Component:
        return rx.el.div(
            rx.el.label(label, html_for=f"approval-{name}"),
            rx.el.input(id=f"approval-{name}", name=name, auto_complete="off", class_name="input", **more),
            class_name="field",
        )

    def choice(label: str, name: str, options: list[tuple[str, str]]) -> rx.Component:
        return rx.el.div(
            rx.el.label(label, html_for=f"approval-{name}"),
            rx.el.select(
                *[rx.el.option(text, value=value) for value, text in options],
                id=f"approval-{name}",
                name=name,
                class_name="input",
            ),
            class_name="field",
        )

    def reason(label: str, name: str, hint: str) -> rx.Component:
        return rx.el.div(
            rx.el.label(label, html_for=f"approval-{name}"),
            rx.el.textarea(
                id=f"approval-{name}",
                name=name,
                required=True,
                max_length=1_000,
                rows="2",
                placeholder=hint,
                class_name="input",
            ),
            class_name="field",
        )

    return rx.el.div(
        rx.el.form(
            rx.el.p(
                "On ",
                rx.el.b(FrameState.account["name"]),
                ". Whoever trades on it decides; your own you confirm with a fresh proof of who you are.",
                class_name="soft small",
            ),
            rx.el.div(
                choice("Side", "side", [("buy", "Buy"), ("sell", "Sell")]),
                field("Symbol", "symbol", required=True, max_length=20, placeholder="AAPL"),
                field("Shares", "qty", required=True, input_mode="decimal", max_length=16),
                field("Limit, if any", "limit", input_mode="decimal", max_length=16),
                choice("In force", "tif", [("day", "Day"), ("gtc", "Until canceled")]),
                choice("Waits for", "hours", [("24", "A day"), ("1", "An hour"), ("168", "A week")]),
                class_name="approvalfields",
            ),
            reason("Why", "thesis", "What makes this order sensible"),
            reason("Wrong if", "invalidation", "What would show that it is not"),
            rx.el.div(rx.el.button("Propose", type="submit", class_name="btn primary"), class_name="actions"),
            on_submit=ApprovalsState.propose,
            reset_on_submit=True,
            class_name="grid",
        ),
        rx.cond(
            (FrameState.account["access"] == "own") & FrameState.may_trade,
            rx.el.form(
                rx.el.div(
                    rx.el.label("The price may move until then, in percent", html_for="approval-drift"),
                    rx.el.div(
                        rx.el.input(
                            id="approval-drift",
                            name="drift",
                            default_value="1",
                            input_mode="decimal",
                            max_length=6,
                            auto_complete="off",
                            class_name="input num",
                        ),
                        rx.el.button("Save", type="submit", class_name="btn"),
                        class_name="actions",
                    ),
                    class_name="field",
                ),
                on_submit=ApprovalsState.choose_drift,
                class_name="drift",
            ),
        ),
        class_name="body grid",
    )


def _decided() -> rx.Component:
    seldom = "wideonly-cell"
    head = [
        th("Ticket"),
        th("Account", class_name=seldom),
        th("Proposed", class_name=seldom),
        th("State"),
        th("Decided by", class_name=seldom),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["ticket"]), rx.el.div(one["thesis"], class_name="muted small"), class_name="wrapped"),
            td(one["account"], class_name=seldom),
            td(one["by"], rx.el.div(one["since"], class_name="muted small"), class_name=seldom),
            td(status(one["state"])),
            td(one["decided"], class_name=f"soft {seldom}"),
            td(
                rx.cond(
                    one["order"] != "",
                    rx.el.a("Order", href="/orders?order=" + one["order"], class_name="btn tiny"),
                ),
                num=True,
            ),
        )

    return rx.cond(
        ApprovalsState.ready,
        rx.cond(
            ApprovalsState.decided.length() > 0,
            table(head, rx.foreach(ApprovalsState.decided, row), "Decided proposals"),
            empty("Nothing was decided yet", "What was confirmed, declined or has expired stays here for 90 days."),
        ),
        skeleton_rows(2),
    )
