"""The dashboard: what the account is worth, what it holds, what the market does."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.news import holdings_news
from starkmatter.ui.components.parts import (
    empty,
    figure,
    fresh_dot,
    live,
    live_total,
    panel,
    problem_note,
    skeleton_rows,
    table,
    td,
    th,
    value_area,
)
from starkmatter.ui.components.small_line import small_line
from starkmatter.ui.pages.tables import orders_table, positions_table
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.news import NewsPanelState
from starkmatter.ui.state.pages import DashboardState


def dashboard() -> rx.Component:
    """The first page after sign-in."""
    return framed(
        "Dashboard",
        rx.fragment(
            problem_note(DashboardState.problem),
            headline(),
            rx.el.div(
                rx.el.div(
                    value_panel(DashboardState.chart, DashboardState.ready),
                    panel("Positions", _positions()),
                    panel("Open orders", _orders()),
                    holdings_news(),
                    class_name="grid w8",
                ),
                rx.el.div(
                    rx.cond(~DashboardState.ready | (DashboardState.steps_left > 0), panel("Get started", _steps())),
                    panel(
                        DashboardState.watch_name,
                        _watch(),
                        extra=rx.el.a("All lists", href="/markets", class_name="link"),
                    ),
                    class_name="grid w4",
                ),
                class_name="grid dash",
            ),
        ),
        on_order=[DashboardState.refresh, NewsPanelState.load],
    )


def headline() -> rx.Component:
    """Equity, the day's result and the unrealized one, live."""
    account, holdings = FrameState.account, FrameState.holdings
    return rx.el.div(
        figure(
            "Equity, " + account["currency"],
            live_total(holdings, account["raw_cash"], "value", account["equity"]),
            "big",
        ),
        figure(
            "Day P&L",
            rx.fragment(
                live_total(
                    holdings, account["raw_cash"], "change", account["day_pl"], account["day_dir"], account["raw_base"]
                ),
                " ",
                live_total(
                    holdings, account["raw_cash"], "changepct", account["day_pct"], "small muted", account["raw_base"]
                ),
            ),
        ),
        figure(
            "Unrealized P&L",
            live_total(holdings, account["raw_minus_cost"], "change", account["unrealized"], account["unrealized_dir"]),
        ),
        figure("Realized P&L", rx.el.span(account["realized"], class_name=account["realized_dir"])),
        figure("Cash", account["cash"], class_name="wideonly"),
        figure("Buying power", account["buying_power"]),
        class_name="head",
    )


def value_panel(chart: rx.Var, ready: rx.Var, class_name: str = "") -> rx.Component:
    """The account's value over venue time."""
    return panel(
        "Account value",
        rx.cond(
            chart["line"],
            value_area(chart, "Value of the account over venue time"),
            rx.cond(
                ready,
                empty("No history yet", "A point is added every five minutes of trading."),
                rx.el.div(rx.el.div(class_name="skeleton", style={"height": "220px"}), class_name="body"),
            ),
        ),
        extra=rx.cond(
            chart["line"],
            rx.el.span(
                rx.el.span(chart["gained"], class_name="mono " + chart["gained_dir"]),
                rx.el.span(" since ", chart["from"], class_name="muted"),
                class_name="small",
            ),
        ),
        class_name=class_name,
    )


def _steps() -> rx.Component:
    return rx.el.div(
        rx.cond(DashboardState.ready, rx.fragment(), rx.el.div(class_name="skeleton", style={"height": "118px"})),
        rx.el.div(
            rx.foreach(
                DashboardState.steps,
                lambda row: rx.el.a(
                    rx.el.span(rx.cond(row["done"] == "true", "✓", ""), class_name="tick"),
                    rx.el.span(row["text"], class_name="text"),
                    href=row["href"],
                    custom_attrs={"data-done": row["done"]},
                ),
            ),
            class_name="checklist",
        ),
        class_name="body",
    )


def _positions() -> rx.Component:
    return rx.cond(
        DashboardState.ready,
        rx.cond(
            DashboardState.positions.length() > 0,
            positions_table(DashboardState.positions),
            empty(
                "You hold nothing yet",
                "Buy your first shares on the paper market: every fill is explained.",
                rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
            ),
        ),
        skeleton_rows(),
    )


def _orders() -> rx.Component:
    return rx.cond(
        DashboardState.ready,
        rx.cond(
            DashboardState.orders.length() > 0,
            orders_table(DashboardState.orders, DashboardState.cancel),
            empty("No open orders", "Limit orders that wait for their price are listed here."),
        ),
        skeleton_rows(2),
    )


def _watch() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        symbol = one["symbol"]
        return rx.el.tr(
            td(fresh_dot(symbol), " ", rx.el.a(symbol, href="/trade/" + symbol, class_name="sym", title=one["name"])),
            td(small_line(one["spark"], one["spark_dir"], one["spark_words"])),
            td(live(symbol, "last", one["last"]), num=True),
            td(live(symbol, "changepct", one["change_pct"], one["dir"], still=""), num=True),
        )

    head = [th("Symbol"), th("Line"), th("Last", num=True), th("Day", num=True)]
    return rx.cond(
        DashboardState.watch.length() > 0,
        rx.el.div(
            table(head, rx.foreach(DashboardState.watch, row), "Watchlist"),
            class_name="scroll watch",
        ),
        rx.cond(
            DashboardState.ready,
            empty(
                "This list is empty",
                "Symbols you put into your first watchlist stand here.",
                rx.el.a("Open it", href="/markets", class_name="btn primary"),
            ),
            skeleton_rows(12),
        ),
    )
