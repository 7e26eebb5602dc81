"""Settings: profile, appearance, and the replay's clock for admins."""

import reflex as rx

from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import panel, problem_note, segment
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.settings import SPEEDS, ReplayState, SettingsState


def settings() -> rx.Component:
    """What a person may change."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Profile"),
            problem_note(SettingsState.problem),
            rx.el.div(
                panel("Profile", _profile(), class_name="w7"),
                panel("Appearance", _appearance(), class_name="w5"),
                panel("All accounts together", _base_currency(), class_name="w12"),
                rx.cond(FrameState.is_admin, panel("Replay market", _replay(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
    )


def _profile() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            rx.el.label("Your name", html_for="display_name"),
            rx.el.input(
                id="display_name",
                name="display_name",
                default_value=SettingsState.name,
                key=SettingsState.name,
                max_length=80,
                class_name="input",
                auto_complete="name",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.div(rx.el.span("E-mail"), rx.el.span(SettingsState.email)),
            rx.el.div(rx.el.span("Role"), rx.el.span(SettingsState.role)),
            class_name="rows",
        ),
        rx.el.div(
            rx.el.button("Save", type="submit", class_name="btn primary"),
            rx.el.span(SettingsState.said, class_name="soft small", role="status"),
            style={"display": "flex", "gap": "12px", "alignItems": "center"},
        ),
        on_submit=SettingsState.save_name,
        class_name="body grid",
    )


def _appearance() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.span("Theme", class_name="label"),
            segment(
                [("dark", "Dark"), ("light", "Light"), ("system", "System")],
                SettingsState.theme,
                SettingsState.choose_theme,
                "Theme",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.span("Colors of change", class_name="label"),
            rx.el.div(
                *[
                    rx.el.button(
                        rx.el.span("+1.20", class_name="mono", style={"color": up}),
                        "  ",
                        rx.el.span("−0.80", class_name="mono", style={"color": down}),
                        type="button",
                        on_click=SettingsState.choose_swap(swap),
                        custom_attrs={"aria-pressed": rx.cond(SettingsState.swap == swap, "true", "false")},
                        aria_label=label,
                    )
                    for swap, up, down, label in (
                        (False, "var(--teal)", "var(--orange)", "Up is teal"),
                        (True, "var(--orange)", "var(--teal)", "Up is orange"),
                    )
                ],
                class_name="seg",
                role="group",
                aria_label="Colors of change",
            ),
            rx.el.span("Signs and arrows are always shown as well.", class_name="hint"),
            class_name="field",
        ),
        class_name="body grid",
    )


def _base_currency() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.label("Base currency", html_for="base_currency"),
            rx.el.select(
                *[rx.el.option(one, value=one) for one in BOOK_CURRENCIES],
                id="base_currency",
                value=SettingsState.base_currency,
                on_change=SettingsState.choose_base_currency,
                class_name="input",
                style={"maxWidth": "220px"},
            ),
            rx.el.span(
                "Performance and allocation show all accounts of a market in it, each day at the reference rate of the "
                "European Central Bank. Nothing in an account changes.",
                class_name="hint",
            ),
            class_name="field",
        ),
        class_name="body grid",
    )


def _replay() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "One clock for everybody on this installation. Changing the speed keeps the run; an earlier date or "
            "another seed starts a new run: accounts of this one are kept, read-only.",
            class_name="soft small",
        ),
        problem_note(ReplayState.problem),
        rx.el.div(
            rx.el.div(
                rx.el.span("Speed", class_name="label"),
                rx.el.div(
                    *[
                        rx.el.button(
                            f"{speed}×",
                            type="button",
                            on_click=ReplayState.set_speed(speed),
                            custom_attrs={"aria-pressed": rx.cond(ReplayState.speed == speed, "true", "false")},
                        )
                        for speed in SPEEDS
                    ],
                    class_name="seg",
                    role="group",
                    aria_label="Speed",
                ),
                class_name="field",
            ),
            rx.el.div(
                rx.el.span("Clock", class_name="label"),
                rx.el.button(
                    rx.cond(ReplayState.paused, "Go on", "Pause"),
                    type="button",
                    class_name="btn",
                    on_click=ReplayState.toggle_pause,
                ),
                class_name="field",
            ),
            class_name="head",
        ),
        rx.el.form(
            rx.el.div(
                rx.el.label("Start date", html_for="start_on"),
                rx.el.input(
                    id="start_on",
                    name="start_on",
                    type="date",
                    default_value=ReplayState.start_on,
                    key="d" + ReplayState.start_on,
                    min=ReplayState.first_on,
                    max=ReplayState.last_on,
                    class_name="input",
                ),
                class_name="field",
            ),
            rx.el.div(
                rx.el.label("Seed", html_for="seed"),
                rx.el.input(
                    id="seed",
                    name="seed",
                    default_value=ReplayState.seed,
                    key="s" + ReplayState.seed,
                    input_mode="numeric",
                    class_name="input",
                ),
                class_name="field",
            ),
            rx.el.button("Start there", type="submit", class_name="btn"),
            on_submit=ReplayState.ask_restart,
            class_name="head",
        ),
        rx.cond(
            ReplayState.asking,
            rx.el.div(
                rx.el.p(
                    "Going back in time, or another seed, starts a new run: open orders expire and everybody begins "
                    "with a fresh account. What was is kept, read-only."
                ),
                rx.el.div(
                    rx.el.button("Start there", type="button", class_name="btn primary", on_click=ReplayState.restart),
                    rx.el.button("Keep this run", type="button", class_name="btn ghost", on_click=ReplayState.keep_run),
                    style={"display": "flex", "gap": "8px", "marginTop": "10px"},
                ),
                class_name="note warn",
            ),
        ),
        rx.el.span(ReplayState.said, class_name="soft small", role="status"),
        class_name="body grid",
    )
