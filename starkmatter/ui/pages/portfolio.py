"""The portfolio: value over time, positions, cash and the ledger, to the cent."""

import reflex as rx

from starkmatter.ui.components.at_broker import broker_panel
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    download,
    empty,
    live_total,
    panel,
    problem_note,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.pages.dashboard import headline, value_panel
from starkmatter.ui.pages.tables import positions_table
from starkmatter.ui.state.at_broker import BrokerState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.pages import PortfolioState

PAGES = [
    ("Overview", "/portfolio"),
    ("Performance", "/portfolio/performance"),
    ("Allocation", "/portfolio/allocation"),
    ("Optimize", "/portfolio/optimize"),
    ("Lots", "/portfolio/lots"),
    ("Realized gains", "/portfolio/gains"),
    ("Income", "/portfolio/income"),
    ("Import", "/portfolio/import"),
    ("Reports", "/portfolio/reports"),
    ("Actions", "/portfolio/actions"),
]


def portfolio() -> rx.Component:
    """What the account is worth and why."""
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Overview", "Portfolio pages"),
            problem_note(PortfolioState.problem),
            headline(),
            rx.el.div(
                broker_panel(),
                value_panel(PortfolioState.chart, PortfolioState.ready, "w8"),
                panel("Cash, " + FrameState.account["currency"], _cash(), class_name="w4"),
                panel("Positions", _positions(), class_name="w12"),
                rx.cond(PortfolioState.closed.length() > 0, panel("Closed positions", _closed(), class_name="w12")),
                panel(
                    "Ledger",
                    _ledger(),
                    extra=_downloads("/api/v1/accounts/" + FrameState.account["id"] + "/ledger"),
                    class_name="w12",
                ),
                class_name="grid dash",
            ),
        ),
        on_order=[PortfolioState.load, BrokerState.load],
        on_pulse=[BrokerState.load],
        steady=True,
    )


def _downloads(at: rx.Var) -> rx.Component:
    return rx.el.span(
        download(at + ".csv", "Download the ledger as CSV"),
        download(at + ".jsonl", "Download the ledger as JSON lines", "JSON lines"),
        download(at + ".beancount", "Download the ledger for beancount", "Beancount"),
        class_name="downloads",
    )


def _cash() -> rx.Component:
    account = FrameState.account

    def row(name: str, value: rx.Var | rx.Component) -> rx.Component:
        return rx.el.div(rx.el.span(name), rx.el.span(value, class_name="mono"))

    return rx.el.div(
        rx.el.div(
            row("Cash", account["cash"]),
            row("Reserved for open orders", account["reserved"]),
            row("Buying power", account["buying_power"]),
            row("Market value of positions", live_total(FrameState.holdings, "0", "value", account["market_value"])),
            row("Equity", live_total(FrameState.holdings, account["raw_cash"], "value", account["equity"])),
            rx.cond(
                account["settled"] != "–",
                rx.fragment(
                    row("Settled cash", account["settled"]),
                    rx.el.div(
                        rx.el.span("Unsettled proceeds ", account["settles"]),
                        rx.el.span(account["unsettled"], class_name="mono"),
                        title="A sale settles one session later. What is bought with its proceeds before should not be "
                        "sold before.",
                    ),
                ),
            ),
            rx.cond(
                account["kind"] == "margin",
                rx.fragment(
                    row("Owed", account["debit"]),
                    row("Value of shares sold short", account["short_value"]),
                    row("Has to be kept", account["maintenance"]),
                    row("Equity above it", account["excess"]),
                ),
            ),
            rx.cond(account["preset"] != "", row("Fills by the rules of", account["preset"])),
            class_name="rows",
        ),
        class_name="body",
    )


def _positions() -> rx.Component:
    return rx.cond(
        PortfolioState.ready,
        rx.cond(
            PortfolioState.positions.length() > 0,
            positions_table(PortfolioState.positions),
            empty(
                "No open positions",
                "Positions appear here as soon as an order fills.",
                rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
            ),
        ),
        skeleton_rows(),
    )


def _closed() -> rx.Component:
    return table(
        [th("Symbol"), th("Realized P&L", num=True)],
        rx.foreach(
            PortfolioState.closed,
            lambda one: rx.el.tr(
                td(rx.el.a(one["symbol"], href="/trade/" + one["symbol"], class_name="sym")),
                td(rx.el.span(one["realized"], class_name=one["realized_dir"]), num=True),
            ),
        ),
        "Closed positions",
    )


def _ledger() -> rx.Component:
    head = [
        th("Venue time", class_name="wideonly-cell"),
        th("Entry", class_name="wideonly-cell"),
        th("Account"),
        th("Commodity"),
        th("Posted", num=True),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["at"], class_name="muted wideonly-cell"),
            td(rx.el.span(one["description"], style={"fontWeight": "550"}), class_name="wideonly-cell"),
            td(
                rx.cond(
                    one["id"],
                    rx.el.div(rx.el.b(one["description"]), rx.el.br(), one["at"], class_name="phoneline small muted"),
                ),
                one["account"],
                class_name="soft",
            ),
            td(one["commodity"], class_name="muted"),
            td(one["amount"], num=True),
            custom_attrs={"data-leg": rx.cond(one["id"], "first", "more")},
        )

    return rx.cond(
        PortfolioState.ready,
        rx.fragment(
            rx.el.p(
                "Double entry: what is posted in an entry sums to zero for each commodity. "
                "Nothing is ever changed or removed.",
                class_name="muted small",
                style={"padding": "10px 14px 2px"},
            ),
            table(head, rx.foreach(PortfolioState.ledger, row), "Ledger"),
            rx.cond(
                PortfolioState.more,
                rx.el.div(
                    rx.el.button("Show older entries", type="button", class_name="btn", on_click=PortfolioState.older),
                    class_name="body",
                ),
            ),
        ),
        skeleton_rows(),
    )
