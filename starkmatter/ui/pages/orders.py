"""Orders: the list, and for one order its states, its fills and the receipt of each."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import (
    download,
    empty,
    panel,
    problem_note,
    segment,
    skeleton_rows,
    status,
    table,
    td,
    th,
)
from starkmatter.ui.pages.tables import orders_table
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.lots import METHOD_NAMES, ORDER_METHODS
from starkmatter.ui.state.pages import OrdersState


def orders() -> rx.Component:
    """Every order of the chosen account."""
    return framed(
        "Orders",
        rx.fragment(
            problem_note(OrdersState.problem),
            panel(
                "Orders",
                _list(),
                extra=rx.el.div(
                    rx.el.a("Approvals", href="/approvals", class_name="btn tiny"),
                    rx.el.a("Baskets", href="/baskets", class_name="btn tiny"),
                    download("/api/v1/orders.csv?account_id=" + FrameState.account["id"], "Orders as CSV"),
                    rx.cond(
                        FrameState.account["access"] != "view",
                        rx.el.button(
                            "Cancel all open",
                            type="button",
                            class_name="btn tiny danger",
                            on_click=OrdersState.cancel_all,
                        ),
                    ),
                    segment([("all", "All"), ("open", "Open")], OrdersState.only, OrdersState.filter, "Which orders"),
                    class_name="actions",
                ),
            ),
            rx.cond(OrdersState.chosen["id"], _drawer()),
        ),
        on_order=[OrdersState.refresh],
    )


def _list() -> rx.Component:
    return rx.cond(
        OrdersState.ready,
        rx.cond(
            OrdersState.orders.length() > 0,
            orders_table(OrdersState.orders, OrdersState.cancel, OrdersState.open, wide=True),
            empty(
                "No orders here",
                "Orders you send are kept with every state they passed through.",
                rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
            ),
        ),
        skeleton_rows(6),
    )


def _drawer() -> rx.Component:
    one = OrdersState.chosen
    return rx.el.div(
        rx.el.div(
            rx.el.header(
                rx.el.h2(
                    one["side_text"],
                    " ",
                    one["qty"],
                    " ",
                    rx.el.a(one["symbol"], href="/trade/" + one["symbol"]),
                    rx.el.span(" · ", one["type"], " · ", one["tif"], class_name="muted"),
                ),
                rx.el.button(
                    icon("close"),
                    type="button",
                    class_name="btn ghost tiny",
                    aria_label="Close",
                    on_click=OrdersState.close,
                ),
            ),
            rx.el.div(
                rx.el.div(status(one["status"]), " ", rx.el.span(one["reason"], class_name="soft small")),
                _history(),
                rx.cond(
                    OrdersState.fills.length() > 0, _fills(), rx.el.p("Nothing has filled.", class_name="muted small")
                ),
                rx.cond(OrdersState.lots["order"], _lots()),
                rx.cond(OrdersState.receipt["id"], _receipt()),
                class_name="body",
            ),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label="Order",
            on_click=rx.stop_propagation,
        ),
        class_name="veil side",
        on_click=OrdersState.close,
    )


def _history() -> rx.Component:
    return table(
        [th("#"), th("State"), th("Venue time"), th("Why")],
        rx.foreach(
            OrdersState.events,
            lambda event: rx.el.tr(
                td(event["sequence"], class_name="muted"),
                td(status(event["status"])),
                td(event["at"], class_name="muted"),
                td(event["reason"], class_name="soft"),
            ),
        ),
        "State history",
    )


def _fills() -> rx.Component:
    return table(
        [th("Filled at"), th("Shares", num=True), th("Price", num=True), th("Fees", num=True), th("")],
        rx.foreach(
            OrdersState.fills,
            lambda fill: rx.el.tr(
                td(fill["at"], class_name="muted"),
                td(fill["qty"], num=True),
                td(fill["price"], num=True),
                td(fill["fees"], num=True),
                td(
                    rx.cond(
                        OrdersState.fills.length() > 1,
                        rx.el.button(
                            "Receipt", type="button", class_name="btn tiny", on_click=OrdersState.explain(fill["id"])
                        ),
                    ),
                    num=True,
                ),
            ),
        ),
        "Fills",
    )


def _lots() -> rx.Component:
    """Which lots the order takes: for the tax office it matters which shares were sold."""
    lots = OrdersState.lots
    return rx.el.section(
        rx.el.header(rx.el.h2("Tax lots")),
        rx.el.div(
            rx.cond(
                lots["may_choose"],
                rx.el.div(
                    rx.el.label("How it finds its lots", html_for="order-lots"),
                    rx.el.select(
                        rx.el.option(lots["by_account"], value=""),
                        *[rx.el.option(METHOD_NAMES[one], value=one) for one in ORDER_METHODS],
                        id="order-lots",
                        class_name="input",
                        value=lots["chosen"],
                        on_change=OrdersState.choose_lots,
                    ),
                    class_name="field",
                ),
                rx.el.p(lots["by"]),
            ),
            rx.el.p(lots["note"], class_name="muted small"),
            problem_note(lots["problem"]),
            class_name="body",
        ),
        class_name="panel",
        aria_label="Tax lots",
    )


def _receipt() -> rx.Component:
    receipt = OrdersState.receipt

    def row(name: str | rx.Var, value: rx.Var) -> rx.Component:
        return rx.el.div(rx.el.span(name), rx.el.span(value, class_name="mono", style={"textAlign": "right"}))

    return rx.el.section(
        rx.el.header(
            rx.el.h2("Receipt"), rx.el.span(class_name="push"), rx.el.span(receipt["preset"], class_name="badge quiet")
        ),
        rx.el.div(
            rx.el.p(receipt["explanation"], style={"marginBottom": "12px"}),
            rx.el.div(
                rx.foreach(OrdersState.lines, lambda line: row(line["name"], line["value"])),
                rx.foreach(
                    OrdersState.fees,
                    lambda fee: rx.el.div(
                        rx.el.span(fee["name"], rx.el.br(), rx.el.span(fee["basis"], class_name="muted small")),
                        rx.el.span(fee["charged"], class_name="mono"),
                    ),
                ),
                row("Fees in all", receipt["fees"]),
                class_name="rows",
            ),
            class_name="body",
        ),
        rx.cond(OrdersState.alternatives.length() > 0, _alternatives()),
        class_name="panel",
        aria_label="Receipt",
    )


def _alternatives() -> rx.Component:
    return rx.fragment(
        rx.el.header(rx.el.h3("By other rules")),
        table(
            [th("Rules"), th("Shares", num=True), th("Price", num=True), th("Fees", num=True)],
            rx.foreach(
                OrdersState.alternatives,
                lambda other: rx.el.tr(
                    td(
                        other["name"],
                        rx.cond(other["why"] != "", rx.el.div(other["why"], class_name="muted small")),
                    ),
                    td(other["qty"], num=True),
                    td(other["price"], num=True),
                    td(other["fees"], num=True),
                ),
            ),
            "What the same order would have got at the same quote by other rules of the paper market",
        ),
    )
