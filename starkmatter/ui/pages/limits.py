"""Settings, Limits: the kill switch, and the rules a person sets for themselves."""

import reflex as rx

from starkmatter.domain.limits import LimitKind
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.live_trading import live_trading
from starkmatter.ui.components.parts import empty, panel, problem_note, segment, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.limits import LimitsState

RULES: tuple[tuple[LimitKind, str, str, str], ...] = (
    ("trades_per_day", "Most orders a day", "Of one session; refused ones do not count.", "orders"),
    ("loss_per_day", "Largest loss a day", "From the last close to now, open positions included.", "money"),
    ("cooldown_mins", "Pause after a loss", "After a sale that lost money.", "min"),
    ("position_value", "Largest position", "Of one symbol, with its open orders.", "money"),
    ("position_pct", "Largest share of equity", "The same, against what the account is worth.", "%"),
    ("live_per_day", "Most real money a day", "Ordered in one account, by the day in New York.", "money"),
    ("no_averaging_down", "No averaging down", "Nothing is added to a position at a loss.", ""),
)


def limits() -> rx.Component:
    """What stops the person's trading, and what bounds it."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Limits"),
            problem_note(LimitsState.problem),
            rx.cond(LimitsState.said != "", rx.el.div(LimitsState.said, class_name="note good", role="status")),
            rx.el.div(
                panel("Kill switch", _switch(), class_name="w12"),
                panel("Live trading", live_trading(), class_name="w12"),
                panel(
                    "Your rules",
                    _rules(),
                    extra=segment(
                        [("all", "Each account"), ("account", "The one shown")],
                        LimitsState.scope,
                        LimitsState.choose_scope,
                        "Which accounts",
                    ),
                    class_name="w12",
                ),
                class_name="grid dash",
            ),
        ),
        on_order=[LimitsState.refresh],
    )


def _switch() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "One action takes no new orders and asks every open one back. Until a cancel is confirmed an order may "
            "still fill. If this page does not work, ",
            rx.el.a(
                "the emergency page", href="/emergency", class_name="inline", custom_attrs={"reloadDocument": True}
            ),
            " does: it needs no script and no cache.",
            class_name="soft small",
        ),
        rx.cond(LimitsState.stops.length() > 0, _stops()),
        rx.el.label(
            rx.el.input(
                type="checkbox", checked=LimitsState.reducing, on_change=lambda _: LimitsState.toggle_reducing()
            ),
            "Let positions be reduced",
            class_name="checkline",
        ),
        rx.el.div(
            rx.el.button(
                "Stop ",
                FrameState.account["name"],
                type="button",
                class_name="btn danger",
                on_click=LimitsState.stop("account"),
                disabled=FrameState.account["id"] == "",
            ),
            rx.el.button(
                "Stop all my accounts", type="button", class_name="btn danger", on_click=LimitsState.stop("mine")
            ),
            rx.cond(
                FrameState.is_admin,
                rx.el.button(
                    "Stop everybody", type="button", class_name="btn danger", on_click=LimitsState.stop("everybody")
                ),
            ),
            class_name="actions",
        ),
        class_name="body grid",
    )


def _stops() -> rx.Component:
    head = [
        th("For"),
        th("Takes"),
        th("By", class_name="wideonly-cell"),
        th("Since", class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["whom"]),
                rx.cond(one["reason"] != "", rx.el.div(one["reason"], class_name="muted small")),
                class_name="wrapped",
            ),
            td(one["takes"], class_name="wrapped"),
            td(one["by"], class_name="soft wideonly-cell"),
            td(one["since"], class_name="muted wideonly-cell"),
            td(
                rx.cond(
                    one["mine"] == "yes",
                    rx.el.button(
                        "Turn off",
                        type="button",
                        class_name="btn tiny",
                        on_click=LimitsState.turn_off(one["id"]),
                        aria_label="Turn off: " + one["whom"],
                    ),
                ),
                num=True,
            ),
        )

    return table(head, rx.foreach(LimitsState.stops, row), "Switches that are on")


def _rules() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "Tightened at once, loosened only 24 hours after you ask for it. Orders that only reduce a position are "
            "always taken.",
            class_name="soft small",
        ),
        rx.cond(
            (LimitsState.scope == "account") & (FrameState.account["access"] != "own"),
            empty("Not your account", "Its owner sets its rules. Those that bind it are said in the ticket."),
            rx.el.div(*[_rule(*one) for one in RULES], class_name="ruleset"),
        ),
        class_name="body grid",
    )


def _rule(kind: LimitKind, title: str, about: str, unit: str) -> rx.Component:
    rule = LimitsState.rules[kind]
    label = FrameState.account["currency"] if unit == "money" else unit
    on_off = kind == "no_averaging_down"
    entry = (
        rx.el.input(type="hidden", name="value", value="1")
        if on_off
        else rx.el.div(
            rx.el.input(
                name="value",
                default_value=rule["value"],
                key=LimitsState.scope + rule["value"],
                input_mode="decimal",
                auto_complete="off",
                max_length=16,
                placeholder="No limit",
                aria_label=title,
                class_name="input num",
            ),
            rx.el.span(label, class_name="unit"),
            class_name="withunit",
        )
    )
    return rx.el.div(
        rx.el.div(rx.el.b(title), rx.el.span(about, class_name="soft small")),
        rx.el.div(
            rx.el.span(rule["shown"], class_name="mono"),
            rx.cond(
                rule["pending"] == "yes",
                rx.el.span(
                    rule["loosens"],
                    " ",
                    rx.el.button(
                        "Withdraw",
                        type="button",
                        class_name="btn tiny",
                        on_click=LimitsState.withdraw(kind),
                        aria_label=f"Withdraw: {title}",
                    ),
                    class_name="small pending",
                ),
            ),
            class_name="inforce",
        ),
        rx.el.form(
            entry,
            rx.el.button("Turn on" if on_off else "Set", type="submit", class_name="btn", aria_label=f"Set: {title}"),
            rx.cond(
                rule["set"] == "yes",
                rx.el.button(
                    "End",
                    type="button",
                    class_name="btn ghost",
                    on_click=LimitsState.end(kind),
                    aria_label=f"End: {title}",
                ),
            ),
            on_submit=lambda form: LimitsState.put(kind, form),
        ),
        class_name="rule",
    )
