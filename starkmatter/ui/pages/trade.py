"""The trade page: chart, quote, ticket, and what the person has in the symbol."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.news import symbol_news
from starkmatter.ui.components.parts import (
    empty,
    figure,
    fresh_dot,
    live,
    own_hours,
    panel,
    problem_note,
    segment,
    table,
    td,
    th,
)
from starkmatter.ui.live.components import Brief, CandleChart
from starkmatter.ui.pages.tables import orders_table
from starkmatter.ui.pages.ticket import ticket_panel
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.ticket import TicketState
from starkmatter.ui.state.trade import INTERVALS, TradeState


def trade() -> rx.Component:
    """One symbol."""
    return framed(
        "Trade",
        rx.fragment(
            problem_note(TradeState.problem),
            rx.cond(
                (TradeState.symbol_shown == "") & (TradeState.problem != ""),
                empty("Choose another symbol", "Press / and type a symbol or a company's name."),
                rx.el.div(
                    rx.el.div(_chart_panel(), _own(), class_name="grid"),
                    ticket_panel(),
                    _phone_bar(),
                    class_name="grid trade",
                ),
            ),
        ),
        on_order=[TradeState.refresh, TicketState.follow],
        on_pulse=[TicketState.look],
    )


def _symbol_here() -> rx.Var:
    """The symbol once it was read on this account's market: after a change of the account the former one lingers."""
    return rx.cond(TradeState.about["venue"] == FrameState.account["venue"], TradeState.symbol_shown, "")


def _quote_head() -> rx.Component:
    symbol, about = TradeState.symbol_shown, TradeState.about
    return rx.el.div(
        rx.el.div(
            rx.el.div(fresh_dot(symbol), " ", rx.el.h1(symbol, style={"display": "inline"})),
            rx.el.span(about["name"], class_name="soft small"),
            own_hours(symbol),
            class_name="name",
        ),
        live(symbol, "last", about["last"], "last mono"),
        rx.el.div(live(symbol, "change", "–"), rx.el.br(), live(symbol, "changepct", "–", still=""), class_name="mono"),
        figure(
            "Bid × size", rx.fragment(live(symbol, "bid", about["bid"]), " × ", live(symbol, "bid_size", "–")), "small"
        ),
        figure(
            "Ask × size", rx.fragment(live(symbol, "ask", about["ask"]), " × ", live(symbol, "ask_size", "–")), "small"
        ),
        figure(
            "Day's range",
            live(symbol, "range", about["range"], low=about["low"], high=about["high"], still=""),
            "small",
        ),
        figure("Open", about["open"], "small", "wideonly"),
        rx.cond(about["fx"] == "", figure("Volume", live(symbol, "volume", "–", still=""), "small")),
        class_name="quotehead",
    )


def _chart_panel() -> rx.Component:
    return rx.el.section(
        _quote_head(),
        rx.el.header(
            segment(
                [(one, one) for one in INTERVALS],
                TradeState.interval,
                TradeState.set_bars,
                "Bar length",
                "seg intervals",
            ),
            rx.el.span(class_name="push"),
            rx.cond(
                TradeState.about["note"],
                rx.el.span("Partly synthesized", class_name="badge quiet", title=TradeState.about["note"]),
            ),
            rx.el.a(
                icon("alerts"),
                "Alert",
                href="/alerts?symbol=" + TradeState.symbol_shown,
                class_name="btn tiny wideonly",
            ),
            style={"borderTop": "1px solid var(--line)"},
        ),
        rx.el.div(
            CandleChart.create(
                symbol=_symbol_here(),
                venue=FrameState.account["venue"],
                interval=TradeState.interval,
                lines=TradeState.lines,
                on_move=TicketState.move_order,
            ),
            class_name="chartslot",
        ),
        rx.cond(
            TradeState.about["polled"] == "yes",
            rx.el.p(
                "Yahoo Finance is asked every few seconds; with Alpaca keys prices stream as they happen. ",
                rx.cond(FrameState.is_admin, rx.el.a("Connect", href="/settings/connections", class_name="inline")),
                class_name="muted small footnote",
            ),
        ),
        class_name="panel",
        aria_label="Chart",
    )


def _own() -> rx.Component:
    held = TradeState.position
    symbol = TradeState.symbol_shown
    return rx.fragment(
        rx.cond(
            held["open"] == "yes",
            panel(
                "Position",
                rx.el.div(
                    figure(rx.cond(held["short"] == "yes", "Shares, short", "Shares"), held["qty"], "small"),
                    figure("Avg. price", held["avg_price"], "small"),
                    figure("Market value", live(symbol, "value", held["value"], qty=held["raw_qty"]), "small"),
                    figure(
                        "Unrealized P&L",
                        live(symbol, "pl", held["pl"], held["pl_dir"], qty=held["raw_qty"], cost=held["raw_cost"]),
                        "small",
                    ),
                    figure(
                        "Day P&L",
                        live(
                            symbol, "daypl", held["day_pl"], held["day_dir"], qty=held["raw_qty"], base=held["raw_base"]
                        ),
                        "small",
                    ),
                    figure("Realized P&L", rx.el.span(held["realized"], class_name=held["realized_dir"]), "small"),
                    class_name="quotehead",
                ),
            ),
        ),
        rx.cond(
            TradeState.orders.length() > 0,
            panel("Open orders", orders_table(TradeState.orders, TradeState.cancel)),
        ),
        panel(
            "Fills",
            rx.cond(
                TradeState.fills.length() > 0,
                _fills(),
                empty("No fills yet", "What you buy or sell here is listed with a receipt that explains its price."),
            ),
        ),
        panel(
            "Brief",
            Brief.create(symbol=_symbol_here(), venue=FrameState.account["venue"]),
            extra=rx.el.a("Ask the analyst about ", symbol, href="/assistant?about=" + symbol, class_name="btn tiny"),
        ),
        symbol_news(),
    )


def _fills() -> rx.Component:
    head = [
        th("When"),
        th("Side"),
        th("Shares", num=True),
        th("Price", num=True),
        th("Fees", num=True),
        th("Realized", num=True),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["at"], class_name="muted"),
            td(one["side_text"]),
            td(one["qty"], num=True),
            td(one["price"], num=True),
            td(one["fees"], num=True),
            td(one["realized"], num=True),
            td(rx.el.a("Receipt", href="/orders?order=" + one["order_id"], class_name="btn tiny"), num=True),
        )

    return table(head, rx.foreach(TradeState.fills, row), "Fills")


def _phone_bar() -> rx.Component:
    bar = rx.el.div(
        rx.el.button("Buy", type="button", class_name="btn buy wide", on_click=TicketState.open_sheet("buy")),
        rx.el.button("Sell", type="button", class_name="btn sell wide", on_click=TicketState.open_sheet("sell")),
        class_name="buybar phonegrid",
    )
    return rx.cond(TradeState.about["tradable"] != "no", bar)
