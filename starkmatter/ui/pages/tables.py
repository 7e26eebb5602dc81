"""The tables that several pages share: positions and orders."""

from typing import Any

import reflex as rx

from starkmatter.ui.components.parts import fresh_dot, live, status, table, td, th


def positions_table(rows: rx.Var, label: str = "Positions") -> rx.Component:
    """Open positions with their live value and result, in USD."""
    head = [
        th("Symbol"),
        th("Shares", num=True),
        th("Avg. price", num=True, class_name="wideonly-cell"),
        th("Last", num=True, class_name="wideonly-cell"),
        th("Market value", num=True),
        th("Unrealized P&L", num=True),
        th("Day P&L", num=True, class_name="wideonly-cell"),
    ]

    def row(one: rx.Var) -> rx.Component:
        symbol, quoted = one["symbol"], one["quoted"]
        return rx.el.tr(
            td(fresh_dot(quoted), " ", rx.el.a(symbol, href="/trade/" + symbol, class_name="sym")),
            td(one["qty"], num=True),
            td(one["avg_price"], num=True, class_name="wideonly-cell"),
            td(
                live(quoted, "last", one["last"]),
                rx.cond(one["foreign"] != "", rx.el.span(" ", one["foreign"], class_name="muted small")),
                num=True,
                class_name="wideonly-cell",
            ),
            td(live(quoted, "value", one["value"], qty=one["raw_qty"]), num=True),
            td(
                live(quoted, "pl", one["pl"], one["pl_dir"], qty=one["raw_qty"], cost=one["raw_cost"]),
                " ",
                live(quoted, "plpct", one["pl_pct"], "muted small", qty=one["raw_qty"], cost=one["raw_cost"], still=""),
                num=True,
            ),
            td(
                live(quoted, "daypl", one["day_pl"], one["day_dir"], qty=one["raw_qty"], base=one["raw_base"]),
                num=True,
                class_name="wideonly-cell",
            ),
        )

    return table(head, rx.foreach(rows, row), label)


def orders_table(rows: rx.Var, on_cancel: Any, on_open: Any | None = None, *, wide: bool = False) -> rx.Component:
    """Orders with their state; open ones can be canceled."""
    head = [
        th("Symbol"),
        th("Side"),
        th("Type", class_name="wideonly-cell"),
        th("Qty", num=True),
        th("Filled", num=True, class_name="wideonly-cell"),
        th("Price", num=True, class_name="wideonly-cell"),
    ]
    if wide:
        head += [
            th("Avg. price", num=True, class_name="wideonly-cell"),
            th("In force", class_name="wideonly-cell"),
            th("Sent", class_name="wideonly-cell"),
        ]
    head += [th("State"), th("")]

    def row(one: rx.Var) -> rx.Component:
        name = (
            rx.el.button(
                one["symbol"],
                type="button",
                class_name="sym",
                on_click=on_open(one["id"]),
                title="Show history and fills",
            )
            if on_open is not None
            else rx.el.a(one["symbol"], href="/trade/" + one["symbol"], class_name="sym")
        )
        cells = [
            td(
                name,
                rx.el.div(
                    one["type"], " ", rx.cond(one["price"] != "–", one["price"], ""), class_name="phoneline muted small"
                ),
            ),
            td(
                rx.el.span(
                    one["side_text"], style={"color": rx.cond(one["side"] == "buy", "var(--teal)", "var(--orange)")}
                )
            ),
            td(one["type"], rx.cond(one["leg"] != "", rx.el.span(" · ", one["leg"])), class_name="wideonly-cell"),
            td(one["qty"], num=True),
            td(one["filled"], num=True, class_name="wideonly-cell"),
            td(one["price"], num=True, class_name="wideonly-cell"),
        ]
        if wide:
            cells += [
                td(one["avg"], num=True, class_name="wideonly-cell"),
                td(one["tif"], class_name="wideonly-cell"),
                td(one["created"], class_name="muted wideonly-cell"),
            ]
        cells += [
            td(status(one["status"])),
            td(
                rx.cond(
                    one["open"] == "yes",
                    rx.el.button(
                        "Cancel",
                        type="button",
                        class_name="btn tiny",
                        on_click=on_cancel(one["id"]),
                        aria_label="Cancel " + one["symbol"],
                    ),
                ),
                num=True,
            ),
        ]
        return rx.el.tr(*cells)

    return table(head, rx.foreach(rows, row), "Orders")
