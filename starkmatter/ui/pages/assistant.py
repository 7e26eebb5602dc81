"""The assistant: conversations with the analyst, or what there is without a key."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import panel, problem_note, skeleton_rows
from starkmatter.ui.live.components import Analyst, BriefPicker
from starkmatter.ui.state.assistant import AssistantState
from starkmatter.ui.state.frame import FrameState


def assistant() -> rx.Component:
    """Ask about your book."""
    return framed(
        "Assistant",
        rx.fragment(
            problem_note(AssistantState.problem),
            rx.cond(
                AssistantState.ready,
                rx.fragment(
                    rx.cond(
                        AssistantState.connected, rx.cond(FrameState.may_ask, _spending(), _looks_on()), _without_key()
                    ),
                    # What grows while it loads comes last, so that nothing is pushed away.
                    rx.cond(_may_ask(), rx.fragment(), _local()),
                    Analyst.create(
                        connected=_may_ask(),
                        why=rx.cond(
                            AssistantState.connected,
                            "Your role asks nothing that costs.",
                            "Without a key there are no new answers.",
                        ),
                        on_spent=AssistantState.spent_more,
                    ),
                ),
                skeleton_rows(8),
            ),
        ),
    )


def _may_ask() -> rx.Var:
    return AssistantState.connected & FrameState.may_ask


def _looks_on() -> rx.Component:
    return panel(
        "Your role looks on",
        rx.el.p(
            "Asking the analyst costs, so it takes the role of an analyst or a trader. An admin can give you one.",
            class_name="body soft",
        ),
    )


def _spending() -> rx.Component:
    return rx.el.div(
        rx.el.span(AssistantState.model, class_name="badge quiet"),
        rx.el.span(class_name="grow"),
        rx.el.span(
            "This month ",
            rx.el.b(AssistantState.spent, class_name="mono"),
            " of ",
            rx.el.span(AssistantState.budget, class_name="mono"),
            " USD",
            rx.el.span(" · yours ", rx.el.span(AssistantState.own, class_name="mono"), class_name="muted"),
            class_name="small",
            id="spending",
        ),
        rx.el.progress(value=AssistantState.used_pct, max="100", aria_label="Part of this month's budget that is used"),
        class_name="spending",
    )


def _without_key() -> rx.Component:
    return panel(
        "The analyst is not connected",
        rx.el.div(
            rx.el.p(
                "With a key for Claude it answers questions about your accounts in words, with a footnote behind every "
                "figure, and fills in order tickets that you review and send yourself."
            ),
            rx.cond(
                FrameState.is_admin,
                rx.el.a("Add a key", href="/settings/connections", class_name="btn primary"),
                rx.el.p("An admin of this installation can add one under Settings, Connections.", class_name="soft"),
            ),
            class_name="body grid nokey",
        ),
    )


def _local() -> rx.Component:
    return rx.el.div(
        panel("Local brief", BriefPicker.create(symbols=AssistantState.symbols, venue=FrameState.account["venue"])),
        style={"marginTop": "12px"},
    )
