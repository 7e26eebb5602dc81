"""Alerts: rules on prices in words, what they fired, and the daily summary."""

import reflex as rx

from starkmatter.domain.alerts import KINDS
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.state.alerts import AlertsState
from starkmatter.ui.state.frame import FrameState

UNITS = {"price_above": " a price of", "price_below": " a price of", "day_up_pct": " …%", "day_down_pct": " …%"}


def alerts() -> rx.Component:
    """The caller's alerts."""
    return framed(
        "Alerts",
        rx.fragment(
            problem_note(AlertsState.problem),
            rx.cond(AlertsState.said != "", rx.el.div(AlertsState.said, class_name="note good", role="status")),
            rx.el.div(
                panel("New alert", _form(), class_name="w4"),
                panel("Your alerts", _alerts(), class_name="w8"),
                panel("What fired", _events(), class_name="w12"),
                panel("By mail", _mail(), class_name="w12"),
                class_name="grid dash",
            ),
        ),
        on_alert=[AlertsState.refresh],
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            rx.el.label("Symbol", html_for="alert-symbol"),
            rx.el.input(
                id="alert-symbol",
                name="symbol",
                default_value=AlertsState.symbol,
                key=AlertsState.symbol,
                class_name="input",
                max_length=20,
                required=True,
                auto_complete="off",
            ),
            rx.el.span(
                rx.cond(FrameState.account["venue"] == "market", "On the market", "On the replay market"),
                class_name="hint",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.label("Tell me when it", html_for="alert-kind"),
            rx.el.select(
                *[rx.el.option(words + UNITS[kind], value=kind) for kind, words in KINDS.items()],
                id="alert-kind",
                name="kind",
                class_name="input",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.label("Level: a price, or percent since the close before", html_for="alert-level"),
            rx.el.input(
                id="alert-level",
                name="threshold",
                class_name="input mono",
                input_mode="decimal",
                placeholder="150.00",
                required=True,
                auto_complete="off",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.label("Note to yourself", html_for="alert-note"),
            rx.el.input(id="alert-note", name="note", class_name="input", max_length=140, auto_complete="off"),
            class_name="field",
        ),
        _choice("alert-repeats", "repeats", "At every crossing, not only the first", False),
        _choice("alert-mail", "by_mail", "Mail me as well", ~AlertsState.can_mail),
        rx.cond(
            ~AlertsState.can_mail,
            rx.el.p(
                "With a mail server alerts also reach you outside this page. ",
                rx.cond(
                    FrameState.is_admin,
                    rx.el.a("Connect one", href="/settings/connections", class_name="inline"),
                    "An admin can connect one.",
                ),
                class_name="muted small",
            ),
        ),
        rx.el.div(rx.el.button("Watch it", type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=AlertsState.add,
        class_name="body grid",
    )


def _choice(name: str, field: str, label: str, off: rx.Var | bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", id=name, name=field, disabled=off),
        rx.el.span(label),
        html_for=name,
        class_name="checkline",
    )


def _alerts() -> rx.Component:
    head = [
        th("Symbol"),
        th("When it"),
        th("Level", num=True),
        th("Last", num=True, class_name="wideonly-cell"),
        th("State"),
        th("Tells", class_name="wideonly-cell"),
        th(""),
    ]
    nothing = empty("No alerts yet", "Name a symbol and a level on this page; you are told once it is crossed.")
    return rx.cond(
        AlertsState.ready,
        rx.cond(
            AlertsState.alerts.length() > 0,
            table(head, rx.foreach(AlertsState.alerts, _alert), "Your alerts"),
            nothing,
        ),
        skeleton_rows(5),
    )


def _alert(row: rx.Var) -> rx.Component:
    return rx.el.tr(
        td(
            rx.el.a(row["symbol"], href="/trade/" + row["symbol"], class_name="link"),
            rx.cond(row["venue"] == "replay", rx.el.span("REPLAY", class_name="badge quiet")),
        ),
        td(row["condition"], rx.cond(row["note"] != "", rx.el.div(row["note"], class_name="muted small"))),
        td(row["level"], num=True),
        td(row["last"], num=True, class_name="wideonly-cell"),
        td(
            rx.el.span(row["state"], class_name="status", custom_attrs={"data-status": row["look"]}),
            rx.cond(row["fired"] != "", rx.el.div("last ", row["fired"], class_name="muted small")),
        ),
        td(row["ways"], class_name="soft small wideonly-cell"),
        td(
            rx.el.div(
                rx.cond(
                    row["active"] == "yes",
                    _button("Rest", row, AlertsState.switch(row["id"], False)),
                    _button("Watch", row, AlertsState.switch(row["id"], True)),
                ),
                _button("Delete", row, AlertsState.delete(row["id"]), "danger"),
                class_name="actions end",
            ),
            num=True,
        ),
    )


def _button(words: str, row: rx.Var, event: rx.event.EventSpec, look: str = "") -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name=f"btn tiny {look}".strip(),
        aria_label=words + " the alert on " + row["symbol"],
        on_click=event,
    )


def _events() -> rx.Component:
    head = [th("When"), th("What"), th("Price", num=True), th("Mail", class_name="wideonly-cell")]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["at"], class_name="soft"),
            td(
                one["words"],
                rx.cond(one["venue"] == "replay", rx.el.span("REPLAY", class_name="badge quiet")),
                rx.cond(one["note"] != "", rx.el.div(one["note"], class_name="muted small")),
            ),
            td(one["price"], num=True),
            td(
                one["mail"],
                rx.cond(one["mail_words"] != "", rx.el.div(one["mail_words"], class_name="muted small")),
                class_name="soft wideonly-cell",
            ),
        )

    nothing = empty("Nothing has fired", "Each crossing is kept here with its price and instant.")
    return rx.cond(
        AlertsState.ready,
        rx.cond(
            AlertsState.events.length() > 0, table(head, rx.foreach(AlertsState.events, row), "What fired"), nothing
        ),
        skeleton_rows(4),
    )


def _mail() -> rx.Component:
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="checkbox",
                id="daily-summary",
                checked=AlertsState.summary,
                disabled=~AlertsState.can_mail & ~AlertsState.summary,
                on_change=AlertsState.choose_summary,
            ),
            rx.el.span("Daily summary after the close, weekdays at 17:00 in New York"),
            html_for="daily-summary",
            class_name="checkline",
        ),
        rx.cond(
            ~AlertsState.can_mail,
            rx.el.p(
                "With a mail server the summary of your accounts reaches you each evening.", class_name="muted small"
            ),
        ),
        class_name="body grid",
    )
