"""The ticket of the trade page: what is asked for, what it would cost, and the review before it is sent."""

import reflex as rx

from starkmatter.ui.components.cautions import caution_notes, caution_tick
from starkmatter.ui.components.frame import mode_badge
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import empty, segment
from starkmatter.ui.pages.ticket_fields import behind_fields, price_fields, size_fields, time_fields
from starkmatter.ui.state.cautions import CautionState
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.terms import KINDS, TermsState
from starkmatter.ui.state.ticket import PERCENTS, TicketState
from starkmatter.ui.state.trade import TradeState


def ticket_panel() -> rx.Component:
    """The ticket, or its review; on a phone a sheet over the page."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Order"),
            rx.el.span(class_name="push"),
            mode_badge(),
            rx.el.button(
                icon("close"),
                type="button",
                class_name="btn ghost tiny phoneonly",
                aria_label="Close the ticket",
                custom_attrs={"data-close": ""},
                on_click=TicketState.close_sheet,
            ),
        ),
        rx.cond(
            FrameState.account["read_only"] == "yes",
            empty(
                "This account can only be looked at",
                rx.cond(
                    FrameState.account["access"] == "view",
                    FrameState.account["owner"] + " lets you look at it. Choose one of your own above to trade.",
                    "It is of a former run of the replay, or was stopped by a check. Choose another account above.",
                ),
            ),
            rx.cond(
                TradeState.about["tradable"] != "no",
                rx.cond(TicketState.review, _review(), _ticket()),
                empty("Not for sale", TradeState.about["why_not"]),
            ),
        ),
        class_name="panel sheet",
        custom_attrs={"data-open": rx.cond(TicketState.sheet, "true", "false")},
        aria_label="Order ticket",
    )


def _ticket() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            _side("buy", "Buy", "Buy: key B"),
            _side("sell", "Sell", "Sell: key S"),
            rx.cond(
                FrameState.account["kind"] == "margin",
                _side("short", "Sell short", "Borrow shares and sell them, to buy them back later"),
            ),
            class_name="seg side",
            role="group",
            aria_label="Side",
        ),
        segment(list(KINDS), TicketState.kind, lambda value: TicketState.choose("kind", value), "Type"),
        size_fields(),
        rx.el.div(
            *[
                rx.el.button(
                    f"{percent} %" if percent < 100 else "Max",
                    type="button",
                    on_click=TicketState.take_percent(percent),
                )
                for percent in PERCENTS
            ],
            class_name="parts",
            role="group",
            aria_label=rx.cond(TicketState.side == "sell", "Part of your shares", "Part of buying power"),
            title=rx.cond(TicketState.side == "sell", "Part of your shares", "Part of buying power"),
        ),
        price_fields(),
        time_fields(),
        behind_fields(),
        rx.cond(
            TicketState.proposal["id"],
            rx.el.div(
                rx.el.b("Filled in by the analyst. "),
                TicketState.proposal["why"],
                " Check it; you send it.",
                class_name="note",
                custom_attrs={"data-proposal": "open"},
            ),
        ),
        _preview(),
        rx.foreach(TicketState.refusals, lambda text: rx.el.div(text, class_name="note bad")),
        rx.foreach(TicketState.warnings, lambda text: rx.el.div(text, class_name="note warn")),
        caution_notes(),
        _result(),
        rx.el.button(
            "Review order",
            type="submit",
            id="review",
            class_name="btn primary wide",
            disabled=(TicketState.refusals.length() > 0) | ~FrameState.may_trade,
        ),
        on_submit=TicketState.start_review,
        class_name="ticket",
    )


def _side(value: str, text: str, title: str) -> rx.Component:
    return rx.el.button(
        text,
        type="button",
        title=title,
        on_click=TicketState.choose("side", value),
        custom_attrs={
            "aria-pressed": rx.cond(TicketState.side == value, "true", "false"),
            "data-side": value,
            "data-key": value,
        },
    )


def _preview() -> rx.Component:
    seen = TicketState.preview
    return rx.el.div(
        _row("Est. price", seen["price"]),
        rx.el.div(rx.el.span(seen["cost_name"]), rx.el.b(seen["cost"], class_name="mono")),
        _row("Est. fees", seen["fees"]),
        rx.el.div(
            rx.el.span("Buying power after"),
            rx.el.span(seen["buying_power_after"], class_name="mono"),
            title="Now " + seen["buying_power"].to(str),
        ),
        rx.el.div(
            rx.el.span("Position after"),
            rx.el.span(seen["position"], " → ", seen["position_after"], class_name="mono"),
        ),
        rx.cond(seen["has_kept"] == "yes", _row("Has to be kept after", seen["kept"])),
        rx.cond(
            seen["has_realized"] == "yes",
            rx.el.div(
                rx.el.span("Realized P&L, average cost"),
                rx.el.span(seen["realized"], class_name="mono " + seen["realized_dir"]),
            ),
        ),
        rx.foreach(TermsState.notes, lambda text: rx.el.p(text, class_name="small soft")),
        class_name="rows",
        aria_live="polite",
    )


def _row(name: str, value: rx.Var) -> rx.Component:
    return rx.el.div(rx.el.span(name), rx.el.span(value, class_name="mono"))


def _review() -> rx.Component:
    words = rx.cond(TicketState.side == "buy", "Buy", rx.cond(TicketState.side == "short", "Sell short", "Sell"))
    return rx.el.div(
        rx.cond(
            TicketState.replaces["id"],
            rx.el.div(
                "In place of your resting order: ",
                TicketState.replaces["text"],
                rx.cond(
                    TicketState.replaces["in_place"] == "yes",
                    ". It stays the same order, and what it has filled counts.",
                    ". It is canceled first; if it fills before that is certain, nothing is sent.",
                ),
                class_name="note warn",
                custom_attrs={"data-replaces": "open"},
            ),
        ),
        rx.el.p("This is exactly what will be sent.", class_name="soft small"),
        rx.cond(
            TicketState.preview["live"] != "",
            rx.el.div(
                rx.el.b("LIVE "),
                TicketState.preview["live_text"],
                rx.cond(
                    TicketState.preview["needs_factor"] == "yes",
                    " You are asked for your second factor, a code or a passkey, when you send it.",
                    " It is within your limit: no second factor is asked for.",
                ),
                class_name="note live",
                custom_attrs={"data-live": "review"},
            ),
        ),
        rx.cond(
            TicketState.side == "short",
            rx.el.div(
                "This sells shares that are borrowed. It opens a short position: you owe the shares, may pay for "
                "borrowing them each night, and lose when the price rises.",
                class_name="note warn",
                custom_attrs={"data-short": "review"},
            ),
        ),
        rx.el.div(
            _row("Account", FrameState.account["name"] + " · " + FrameState.account["mode"]),
            _row("Order", words + " " + TicketState.preview["size"] + " " + TicketState.symbol),
            _row("Type", TicketState.preview["type"]),
            _row("Time in force", TicketState.preview["time"]),
            class_name="rows",
        ),
        _preview(),
        caution_tick(),
        _result(),
        rx.el.button(
            rx.cond(
                TicketState.sending, "Sending …", words + " " + TicketState.preview["size"] + " " + TicketState.symbol
            ),
            type="button",
            id="send",
            class_name=rx.cond(TicketState.side == "buy", "btn buy wide", "btn sell wide"),
            disabled=TicketState.sending | ((CautionState.cautions.length() > 0) & ~CautionState.read),
            on_click=TicketState.send,
        ),
        rx.el.button("Back", type="button", class_name="btn ghost", on_click=TicketState.end_review),
        class_name="ticket",
    )


def _result() -> rx.Component:
    return rx.cond(
        TicketState.result["text"],
        rx.el.div(
            TicketState.result["text"],
            rx.cond(
                TicketState.result["receipt"],
                rx.el.a("Read its receipt", href="/orders?order=" + TicketState.result["order_id"], class_name="link"),
            ),
            class_name=rx.cond(TicketState.result["kind"] == "good", "note good", "note bad"),
            role="status",
        ),
    )
