"""Settings: how the person signs in, and where they are signed in."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import form_field, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import Passkeys, RestForm, SecondFactor
from starkmatter.ui.pages.linked import linked_sign_ins
from starkmatter.ui.state.connections import FactorState
from starkmatter.ui.state.settings import SettingsState

# As tall as without a second factor or a passkey, so that nothing below moves when they come.
FACTOR_ROOM = {"minHeight": "90px"}
PASSKEY_ROOM = {"minHeight": "122px"}


def security() -> rx.Component:
    """How the person signs in."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Security"),
            problem_note(FactorState.problem),
            problem_note(SettingsState.problem),
            rx.el.div(
                rx.el.div(
                    panel(
                        "Second factor",
                        rx.el.div(
                            rx.cond(
                                FactorState.ready,
                                rx.el.div(
                                    SecondFactor.create(
                                        on=FactorState.on, left=FactorState.left, on_done=FactorState.load
                                    ),
                                    class_name="body",
                                ),
                                skeleton_rows(2),
                            ),
                            style=FACTOR_ROOM,
                        ),
                    ),
                    panel(
                        "Passkeys",
                        rx.el.div(Passkeys.create(on_done=SettingsState.load), class_name="body", style=PASSKEY_ROOM),
                    ),
                    class_name="grid w7",
                ),
                panel("Passphrase", _passphrase(), class_name="w5"),
                panel(
                    "Sessions",
                    _sessions(),
                    extra=rx.el.button(
                        "End all others", type="button", class_name="btn tiny", on_click=SettingsState.end_others
                    ),
                    class_name="w12",
                ),
                linked_sign_ins(),  # last: how tall it gets is known only when it is there
                class_name="grid dash",
            ),
        ),
    )


def _passphrase() -> rx.Component:
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                form_field("Present passphrase", "password", "password", "current-password"),
                form_field("New passphrase", "new_password", "password", "new-password", min_length=12, max_length=128),
                class_name="grid",
            ),
            rx.el.button("Change it", type="submit", class_name="btn primary"),
            action="/api/v1/auth/password",
            meter=True,
            on_done=SettingsState.load,
        ),
        class_name="body",
    )


def _sessions() -> rx.Component:
    head = [
        th("Browser"),
        th("Address", class_name="wideonly-cell"),
        th("Signed in", class_name="wideonly-cell"),
        th("Last seen", class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["agent"], rx.cond(one["current"] == "yes", rx.el.span(" this one", class_name="badge quiet"))),
            td(one["ip"], class_name="soft wideonly-cell"),
            td(one["since"], class_name="muted wideonly-cell"),
            td(one["seen"], class_name="muted wideonly-cell"),
            td(
                rx.el.button(
                    "End", type="button", class_name="btn tiny danger", on_click=SettingsState.end_session(one["id"])
                ),
                num=True,
            ),
        )

    return rx.cond(
        SettingsState.ready, table(head, rx.foreach(SettingsState.sessions, row), "Sessions"), skeleton_rows(2)
    )
