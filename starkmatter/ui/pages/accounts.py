"""Settings: the person's accounts, and opening another one on either market."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.frame import FrameState

MARKETS = (
    ("market", "Market", "US prices of today. At night and on weekends an order waits for the open."),
    ("replay", "Replay", "Ten years of real days, played forward. Open at any hour, also offline."),
)


def accounts() -> rx.Component:
    """Every account, and one more."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Accounts"),
            rx.el.div(
                panel("Your accounts", _list(), class_name="w7"),
                panel(
                    "Open an account",
                    rx.cond(
                        FrameState.may_trade,
                        _form(),
                        empty("A viewer looks on", "Your role may look but not open accounts."),
                    ),
                    class_name="w5",
                ),
                rx.cond(FrameState.may_trade, panel("At a broker", _at_broker(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
    )


def _list() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["name"]),
                rx.cond(one["read_only"] == "yes", rx.el.span("READ-ONLY", class_name="badge quiet")),
            ),
            td(rx.cond(one["venue"] == "market", "Market", "Replay"), class_name="soft"),
            td(one["mode"], class_name="muted wideonly-cell"),
            td(one["equity"], num=True),
            td(
                rx.cond(
                    one["id"] == FrameState.account["id"],
                    rx.el.span("Shown", class_name="muted small"),
                    rx.el.button(
                        "Show",
                        type="button",
                        class_name="btn tiny",
                        on_click=FrameState.choose_account(one["id"]),
                    ),
                ),
                num=True,
            ),
        )

    head = [th("Account"), th("Market"), th("Mode", class_name="wideonly-cell"), th("Equity, USD", num=True), th("")]
    return rx.cond(
        FrameState.ready,
        rx.cond(
            FrameState.accounts.length() > 0,
            table(head, rx.foreach(FrameState.accounts, row), "Your accounts"),
            empty("No account yet", "Open the first one beside: it takes a moment and costs nothing."),
        ),
        skeleton_rows(3),
    )


def _form() -> rx.Component:
    return rx.el.div(
        problem_note(FrameState.problem),
        RestForm.create(
            rx.el.div(
                rx.el.fieldset(
                    rx.el.legend("Market", class_name="label"),
                    *[
                        rx.el.label(
                            rx.el.input(type="radio", name="venue", value=value, default_checked=value == "market"),
                            rx.el.span(rx.el.b(title), rx.el.span(about, class_name="soft small")),
                            class_name="option",
                        )
                        for value, title, about in MARKETS
                    ],
                    class_name="options",
                ),
                rx.el.div(
                    rx.el.label("Name", html_for="account-name"),
                    rx.el.input(
                        id="account-name",
                        name="name",
                        default_value="Market paper",
                        max_length=60,
                        required=True,
                        auto_complete="off",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("Opening cash", html_for="account-cash"),
                    rx.el.div(
                        rx.el.input(
                            id="account-cash",
                            name="cash",
                            default_value="100000",
                            input_mode="decimal",
                            pattern=r"[0-9]{1,10}(\.[0-9]{1,2})?",
                            title="A figure such as 100000 or 2500.50",
                            required=True,
                            auto_complete="off",
                            class_name="input num",
                        ),
                        rx.el.span("USD", class_name="unit"),
                        class_name="withunit",
                    ),
                    class_name="field",
                ),
                class_name="grid",
            ),
            rx.el.p(
                "Paper money on either market: no order leaves this machine. Today's prices come from Yahoo Finance; "
                "an admin can connect Alpaca for live quotes.",
                class_name="muted small",
            ),
            rx.el.button("Open account", type="submit", class_name="btn primary"),
            action="/api/v1/accounts",
            on_done=FrameState.show_newest,
        ),
        class_name="body grid",
    )


def _at_broker() -> rx.Component:
    """The account behind the person's own keys: its book is taken over, its orders go there."""
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                rx.el.div(
                    rx.el.label("Name", html_for="broker-account-name"),
                    rx.el.input(
                        id="broker-account-name",
                        name="name",
                        default_value="Alpaca",
                        max_length=60,
                        required=True,
                        auto_complete="off",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.input(type="hidden", name="broker", value="alpaca"),
                rx.el.input(type="hidden", name="venue", value="market"),
                class_name="fields",
            ),
            rx.el.p(
                "With Alpaca's paper keys its account opens here: cash and positions are taken over, orders go there. "
                "Keys are entered under ",
                rx.el.a("Connections", href="/settings/connections", class_name="inline"),
                ".",
                class_name="soft small",
            ),
            rx.el.div(
                rx.el.button("Open Alpaca's paper account", type="submit", class_name="btn"), class_name="actions"
            ),
            action="/api/v1/accounts",
            on_done=FrameState.show_newest,
        ),
        class_name="body",
    )
