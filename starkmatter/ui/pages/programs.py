"""Settings: programs that act for the person, each with a token of its own."""

from typing import Any

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import NewProgram
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.programs import ProgramsState


def programs() -> rx.Component:
    """Which programs may act for the person, and how to let in another."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("Programs"),
            problem_note(ProgramsState.problem),
            rx.el.div(
                panel("Access for programs", _own(), class_name="w12"),
                panel("A new token", _new(), class_name="w12"),
                rx.cond(
                    FrameState.is_admin & (ProgramsState.others.length() > 0),
                    panel(
                        "Programs of others",
                        _tokens(ProgramsState.others, ProgramsState.revoke_other, "Programs of others", whose=True),
                        class_name="w12",
                    ),
                ),
                class_name="grid dash",
            ),
        ),
    )


def _own() -> rx.Component:
    return rx.cond(
        ProgramsState.ready,
        rx.cond(
            ProgramsState.tokens.length() > 0,
            _tokens(ProgramsState.tokens, ProgramsState.revoke, "Access for programs"),
            empty(
                "No program has access",
                "A script can read your accounts and trade for you over REST, with a token that you can end any time.",
            ),
        ),
        skeleton_rows(2),
    )


def _new() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            "A token does at most what you tick, and never more than your role allows. It cannot change how you sign "
            "in, see vendors' keys or make other tokens. ",
            rx.el.a("All routes", href="/api/docs", custom_attrs={"reloadDocument": True}, class_name="link"),
            class_name="soft small",
        ),
        NewProgram.create(may_trade=FrameState.may_trade, is_admin=FrameState.is_admin, on_done=ProgramsState.load),
        class_name="body grid",
    )


def _tokens(rows: rx.Var, revoke: Any, label: str, *, whose: bool = False) -> rx.Component:
    head = [
        th("Program"),
        th("From", class_name="wideonly-cell"),
        th("Last used", class_name="wideonly-cell"),
        th("Ends"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["name"]),
                rx.el.div(one["email"], class_name="muted small") if whose else rx.fragment(),
                rx.el.div(
                    rx.el.span(one["hint"], class_name="mono"), " · may ", one["scopes"], class_name="muted small"
                ),
                class_name="wrapped",
            ),
            td(one["networks"], class_name="soft wideonly-cell wrapped"),
            td(one["used"], rx.el.div(one["place"], class_name="muted small"), class_name="soft wideonly-cell"),
            td(
                one["ends"],
                rx.cond(one["ended"] == "yes", rx.el.div("has ended", class_name="muted small")),
                class_name="soft wrapped",
            ),
            td(
                rx.el.button(
                    "Revoke",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=revoke(one["id"]),
                    aria_label="Revoke " + one["name"],
                ),
                num=True,
            ),
        )

    return table(head, rx.foreach(rows, row), label)
