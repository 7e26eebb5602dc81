"""The part of Settings, Limits that turns orders of real money on and off."""

import reflex as rx

from starkmatter.ui.components.parts import form_field, problem_note
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.live import LiveState

PATH = "/api/v1/accounts/"


def live_trading() -> rx.Component:
    """For the account that is shown; whose owner alone turns it on."""
    account = FrameState.account
    return rx.el.div(
        problem_note(LiveState.problem),
        rx.cond(
            account["live"] != "yes",
            rx.el.p("The account that is shown is on paper: its orders move no real money.", class_name="soft small"),
            rx.cond(
                account["access"] != "own",
                rx.el.p("Only its owner sends orders of real money for this account.", class_name="soft small"),
                rx.cond(LiveState.row["on"] == "yes", _on(), _off()),
            ),
        ),
        class_name="body grid",
        custom_attrs={"data-live-trading": rx.cond(LiveState.row["on"] == "yes", "on", "off")},
    )


def _off() -> rx.Component:
    account = FrameState.account
    return rx.el.div(
        rx.el.p(
            rx.el.b("Off. "),
            account["name"],
            " is an account of real money: it is shown here, and orders for it are refused. Turned on, you alone can "
            "send them, signed in, each with your second factor. Programs and the analyst cannot.",
            class_name="soft small",
        ),
        RestForm.create(
            rx.el.div(
                form_field("Type the account's name", "confirm", "text", "off", max_length=200),
                class_name="fields",
            ),
            rx.el.div(
                rx.el.button("Turn live trading on", type="submit", class_name="btn danger"), class_name="actions"
            ),
            action=PATH + account["id"] + "/live-trading",
            method="PUT",
            on_done=LiveState.load,
        ),
        class_name="grid",
    )


def _on() -> rx.Component:
    account = FrameState.account
    return rx.el.div(
        rx.el.p(
            rx.el.b("On", class_name="badge live"),
            " since ",
            LiveState.row["since"],
            ". Orders of ",
            account["name"],
            " move real money.",
            class_name="soft small",
        ),
        rx.el.p(
            "Ordered today, by the day in New York: ",
            rx.el.b(LiveState.row["ordered"], " ", account["currency"], class_name="mono"),
            rx.cond(
                LiveState.row["day_most"] != "",
                rx.fragment(
                    " of ",
                    rx.el.b(LiveState.row["day_most"], " ", account["currency"], class_name="mono"),
                    " that your rules allow.",
                ),
                ". A rule of yours can bound it, below: Most real money a day.",
            ),
            class_name="soft small",
            custom_attrs={"data-live-day": "used"},
        ),
        RestForm.create(
            rx.el.p(
                "An order that may move more than ",
                rx.el.b(LiveState.row["limit"], " ", account["currency"], class_name="mono"),
                " asks for your second factor.",
                rx.cond(LiveState.row["raises"] != "", rx.el.span(" ", LiveState.row["raises"], ".")),
                " Lower counts at once, higher after 24 hours.",
                class_name="soft small",
            ),
            rx.el.div(
                form_field("Limit without a second factor", "limit", "text", "off", max_length=12),
                class_name="fields",
            ),
            rx.el.div(rx.el.button("Set the limit", type="submit", class_name="btn"), class_name="actions"),
            action=PATH + account["id"] + "/live-trading/limit",
            method="PUT",
            on_done=LiveState.load,
        ),
        RestForm.create(
            rx.el.div(
                rx.el.button("Turn live trading off", type="submit", class_name="btn danger"), class_name="actions"
            ),
            action=PATH + account["id"] + "/live-trading",
            method="DELETE",
            on_done=LiveState.load,
        ),
        class_name="grid",
    )
