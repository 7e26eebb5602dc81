"""The fields of the ticket: each shows itself only where the kind of order needs it."""

from typing import Any, Literal

import reflex as rx

from starkmatter.ui.components.parts import segment
from starkmatter.ui.state.terms import OTHER_TIMES, TYPED, TermsState
from starkmatter.ui.state.ticket import TicketState
from starkmatter.ui.state.trade import TradeState


def size_fields() -> rx.Component:
    """How much: shares, or of a market order also money."""
    by_money = (TicketState.kind == "market") & (TermsState.said["by"] == "amount") & (TicketState.side != "short")
    return rx.fragment(
        rx.cond(
            (TicketState.kind == "market") & (TicketState.side != "short"),
            segment(
                [("shares", "In shares"), ("amount", "In money")],
                TermsState.said["by"],
                lambda value: TicketState.say("by", value),
                "Size",
            ),
        ),
        rx.cond(
            by_money,
            said_field("amount", "Amount", "USD"),
            figure_field("qty", "Quantity", "shares", TicketState.qty, TicketState.write_qty.debounce(200)),
        ),
    )


def price_fields() -> rx.Component:
    """Limit, stop with its own limit if wanted, or trail."""
    percent = TermsState.said["trail_in"] == "percent"
    return rx.match(
        TicketState.kind,
        (
            "limit",
            figure_field("limit", "Limit price", "USD", TicketState.limit, TicketState.write_limit.debounce(200)),
        ),
        (
            "stop",
            rx.el.div(
                said_field("stop", "Stop price", "USD"),
                said_field("guard", "Limit price", "USD", placeholder="none"),
                rx.el.p(
                    "Once the last trade reaches the stop it trades at the market; with a limit, no worse than that.",
                    class_name="hint small muted pairwide",
                ),
                class_name="fieldpair",
            ),
        ),
        (
            "trailing_stop",
            rx.el.div(
                said_field("trail", "Trail", rx.cond(percent, "%", "USD")),
                rx.el.div(
                    rx.el.span("Measured in", class_name="label"),
                    segment(
                        [("percent", "Percent"), ("amount", "Money")],
                        TermsState.said["trail_in"],
                        lambda value: TicketState.say("trail_in", value),
                        "Trail measured in",
                    ),
                    class_name="field",
                ),
                rx.el.p(
                    rx.cond(
                        TicketState.side != "buy",
                        "The stop follows the highest trade at this distance and never comes down.",
                        "The stop follows the lowest trade at this distance and never goes up.",
                    ),
                    class_name="hint small muted pairwide",
                ),
                class_name="fieldpair",
            ),
        ),
        rx.fragment(),
    )


def time_fields() -> rx.Component:
    """How long: the two usual ones at hand, the others in a list."""
    other = (TicketState.tif != "day") & (TicketState.tif != "gtc")
    return rx.fragment(
        rx.el.div(
            rx.el.span("Time in force", class_name="label"),
            segment(
                [("day", "Day"), ("gtc", "Until canceled"), ("other", "Other")],
                rx.cond(other, "other", TicketState.tif),
                lambda value: TicketState.choose("tif", value),
                "Time in force",
            ),
            class_name="field",
        ),
        rx.cond(
            other,
            rx.el.select(
                *[rx.el.option(words, value=time) for time, words in OTHER_TIMES],
                value=TicketState.tif,
                on_change=lambda value: TicketState.choose("tif", value),
                id="tif",
                aria_label="Another time in force",
                class_name="input",
            ),
        ),
        rx.cond(
            TicketState.tif == "gtd",
            rx.el.div(
                rx.el.label("Last day", html_for="until"),
                rx.el.input(
                    id="until",
                    name="until",
                    type="date",
                    value=TermsState.said["until"],
                    on_change=lambda text: TicketState.say("until", text),
                    class_name="input",
                ),
                class_name="field",
            ),
        ),
        rx.cond(
            (TicketState.kind == "limit") & ~other & (TradeState.about["venue"] == "market"),
            segment(
                [("", "Regular hours"), ("extended", "Early and late too")],
                TermsState.said["hours"],
                lambda value: TicketState.say("hours", value),
                "Hours",
            ),
        ),
    )


def behind_fields() -> rx.Component:
    """The orders behind a purchase or beside a sale, and what the order waits for: shown when asked for."""
    said = TermsState.said
    buying = TicketState.side == "buy"
    return rx.fragment(
        rx.cond(
            buying | ((TicketState.kind == "limit") & (TicketState.side == "sell")),
            rx.el.div(
                _switch(
                    rx.cond(buying, "Target and stop behind it", "Stop beside it"),
                    said["behind"] == "yes",
                    TicketState.say("behind", rx.cond(said["behind"] == "yes", "", "yes")),
                ),
                rx.cond(
                    said["behind"] == "yes",
                    rx.el.div(
                        rx.cond(buying, said_field("target", "Target", "USD", placeholder="none")),
                        said_field("protect", "Stop", "USD", placeholder="none"),
                        class_name="fieldpair",
                    ),
                ),
                class_name="more",
            ),
        ),
        rx.el.div(
            _switch(
                "Wait for a price",
                said["when"] != "",
                TicketState.say("when", rx.cond(said["when"] != "", "", "at_or_above")),
            ),
            rx.cond(
                said["when"] != "",
                rx.fragment(
                    rx.el.div(
                        figure_field(
                            "when_symbol",
                            "Symbol",
                            "",
                            said["when_symbol"],
                            _on_say("when_symbol"),
                            mode="text",
                        ),
                        said_field("when_price", "Last trade", "USD"),
                        class_name="fieldpair",
                    ),
                    segment(
                        [("at_or_above", "At or above"), ("at_or_below", "At or below")],
                        said["when"],
                        lambda value: TicketState.say("when", value),
                        "Relation to that price",
                    ),
                ),
            ),
            class_name="more",
        ),
    )


def _switch(label: str | rx.Var, is_on: rx.Var, on_click: Any) -> rx.Component:
    return rx.el.button(
        rx.el.span(rx.cond(is_on, "−", "+"), aria_hidden="true", class_name="mono"),
        label,
        type="button",
        on_click=on_click,
        class_name="morebutton",
        aria_expanded=rx.cond(is_on, "true", "false"),
    )


def said_field(name: str, label: str, unit: str | rx.Var, placeholder: str = "") -> rx.Component:
    """A figure that only some orders have."""
    return figure_field(
        name,
        label,
        unit,
        TermsState.said[name],
        _on_say(name),
        placeholder=placeholder,
    )


def _on_say(name: str) -> Any:
    """Each field has a pause of its own length: with the same the framework takes one field's word for the other's."""
    return lambda text: TicketState.say(name, text).debounce(200 + TYPED.index(name))


def figure_field(
    name: str,
    label: str,
    unit: str | rx.Var,
    value: rx.Var,
    on_write: Any,
    *,
    placeholder: str = "",
    mode: Literal["decimal", "text"] = "decimal",
) -> rx.Component:
    """A figure under its label, with its unit."""
    return rx.el.div(
        rx.el.label(label, html_for=name),
        rx.el.div(
            rx.el.input(
                id=name,
                name=name,
                value=value,
                on_change=on_write,
                input_mode=mode,
                auto_complete="off",
                placeholder=placeholder,
                class_name="input num" if mode == "decimal" else "input",
            ),
            rx.el.span(unit, class_name="unit"),
            class_name="withunit",
        ),
        class_name="field",
    )
