"""Forms that open an account: on paper, and at a broker."""

import reflex as rx

from starkmatter.domain.presets import PRESETS, REALISTIC
from starkmatter.trading.brokers.catalog import OFFERS, TITLES
from starkmatter.ui.components.parts import problem_note
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.frame import FrameState

MARKETS = (
    ("market", "Market", "US prices of today. At night and on weekends an order waits for the open."),
    ("replay", "Replay", "Ten years of real days, played forward. Open at any hour, also offline."),
)

KINDS = (
    ("cash", "Cash", "Buys with what is there and sells what it holds."),
    (
        "margin",
        "Margin",
        "Borrows money and shares: twice the equity, short sales, interest, and calls for more equity.",
    ),
)


def open_form() -> rx.Component:
    """A paper account on either market."""
    return rx.el.div(
        problem_note(FrameState.problem),
        RestForm.create(
            rx.el.div(
                rx.el.fieldset(
                    rx.el.legend("Market", class_name="label"),
                    *[_option("venue", value, title, about, value == "market") for value, title, about in MARKETS],
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
                rx.el.fieldset(
                    rx.el.legend("Kind", class_name="label"),
                    *[_option("kind", value, title, about, value == "cash") for value, title, about in KINDS],
                    class_name="options",
                ),
                rx.el.fieldset(
                    rx.el.legend("How hard the market is to it", class_name="label"),
                    *[
                        _option("preset", one.name, one.stamp, one.summary, one is REALISTIC)
                        for one in PRESETS.values()
                    ],
                    class_name="options",
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
        rx.el.p(
            "Is it held elsewhere? Follow it from its files under ",
            rx.el.a("Portfolio, Import", href="/portfolio/import"),
            ".",
            class_name="soft small",
        ),
        class_name="body grid",
    )


def _option(name: str, value: str, title: str, about: str, chosen: bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name=name, value=value, default_checked=chosen),
        rx.el.span(rx.el.b(title), rx.el.span(about, class_name="soft small")),
        class_name="option",
    )


def at_broker_form() -> rx.Component:
    """The account behind the person's own keys: its book is taken over, its orders go there."""
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                rx.el.div(
                    rx.el.label("Broker", html_for="broker-account-broker"),
                    rx.el.select(
                        *[rx.el.option(f"{TITLES[name]}: {what}", value=name) for name, what in OFFERS.items()],
                        id="broker-account-broker",
                        name="broker",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("Name", html_for="broker-account-name"),
                    rx.el.input(
                        id="broker-account-name",
                        name="name",
                        default_value="At the broker",
                        max_length=60,
                        required=True,
                        auto_complete="off",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.input(type="hidden", name="venue", value="market"),
                class_name="fields",
            ),
            rx.el.p(
                "With Alpaca's paper keys its account opens here: cash and positions are taken over, orders go there. "
                "An account of real money is taken over too; orders for it are refused until you turn live trading on "
                "under Settings, Limits. Keys are entered under ",
                rx.el.a("Connections", href="/settings/connections", class_name="inline"),
                ".",
                class_name="soft small",
            ),
            rx.el.div(
                rx.el.button("Open the account at the broker", type="submit", class_name="btn"), class_name="actions"
            ),
            action="/api/v1/accounts",
            on_done=FrameState.show_newest,
        ),
        class_name="body",
    )
