"""The panel that says how an account stands at its broker, with the differences and the way out."""

import reflex as rx

from starkmatter.ui.components.parts import panel, problem_note, table, td, th
from starkmatter.ui.state.at_broker import BrokerState
from starkmatter.ui.state.frame import FrameState

TITLES = (
    ("ready", "Agrees", "filled"),
    ("opening", "Opening", "working"),
    ("away", "Away", "expired"),
    ("signed_out", "Signed out", "expired"),
)


def broker_panel() -> rx.Component:
    """Nothing for a paper account."""
    status = BrokerState.status
    return rx.cond(
        status["state"] != "",
        panel(
            "At the broker",
            rx.el.div(
                problem_note(BrokerState.problem),
                rx.el.p(status["words"], role="status"),
                rx.cond(
                    status["state"] == "signed_out",
                    rx.el.a("Sign in again", href="/settings/connections", class_name="btn primary"),
                ),
                rx.cond(
                    status["external"] != "",
                    rx.el.p(
                        "Open there but not sent from here: ", status["external"], " orders.", class_name="soft small"
                    ),
                ),
                rx.cond(BrokerState.differences.length() > 0, _differences()),
                class_name="body grid",
            ),
            extra=rx.fragment(
                rx.el.span(status["checked"], class_name="muted small", title="When both books were compared"),
                rx.match(
                    status["state"],
                    *[(state, _chip(words, look)) for state, words, look in TITLES],
                    _chip("Differs", "rejected"),
                ),
            ),
            class_name="w12",
        ),
    )


def _chip(words: str, look: str) -> rx.Component:
    return rx.el.span(words, class_name="status", custom_attrs={"data-status": look})


def _differences() -> rx.Component:
    return rx.fragment(
        table(
            [th("What"), th("Here", num=True), th("At the broker", num=True)],
            rx.foreach(
                BrokerState.differences,
                lambda row: rx.el.tr(
                    td(row["subject"], rx.el.span(" ", row["words"], class_name="muted small")),
                    td(row["ours"], num=True),
                    td(row["theirs"], num=True),
                ),
            ),
            "Differences between both books",
        ),
        rx.cond(
            FrameState.may_trade,
            rx.el.div(
                rx.el.button(
                    rx.cond(BrokerState.status["accepting"] == "yes", "Booking …", "Accept the broker's book"),
                    type="button",
                    class_name="btn primary",
                    disabled=BrokerState.status["accepting"] == "yes",
                    on_click=BrokerState.accept,
                ),
                rx.el.span(
                    "Books the differences as adjustments. Nothing is bought or sold.", class_name="muted small"
                ),
                class_name="actions",
            ),
        ),
    )
