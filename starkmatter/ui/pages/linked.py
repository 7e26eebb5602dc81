"""Settings, Security: the panel of linked sign-ins."""

import reflex as rx

from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, td, th
from starkmatter.ui.live.components import LinkSignIn
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.oidc import IdentitiesState


def linked_sign_ins() -> rx.Component:
    """What the person can sign in with besides a passphrase, and how to add to it."""
    return panel(
        "Linked sign-ins",
        rx.cond(
            IdentitiesState.ready,
            rx.el.div(
                problem_note(IdentitiesState.problem),
                rx.cond(IdentitiesState.linked.length() > 0, _linked(), _nothing()),
                rx.cond(
                    IdentitiesState.providers.length() > 0,
                    rx.el.div(_note(), _link(), class_name="body grid"),
                ),
            ),
            skeleton_rows(2),
        ),
        class_name="w12",
    )


def _nothing() -> rx.Component:
    return rx.cond(
        IdentitiesState.providers.length() > 0,
        empty("Nothing is linked", "Link an account you have elsewhere and sign in with it, without a passphrase."),
        empty(
            "No provider is connected",
            rx.cond(
                FrameState.is_admin,
                "Connect Google, Microsoft, GitHub or your own provider under Connections; then people can link it.",
                "An admin connects Google, Microsoft, GitHub or another provider; then you can link yours here.",
            ),
        ),
    )


def _note() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "It is known by its number at the provider, not by its address. Your second factor is asked here as well. "
            "Unlinking ends your other sessions.",
            class_name="soft small",
        ),
        rx.cond(
            IdentitiesState.passphrase,
            rx.fragment(),
            rx.el.div(
                "You have no passphrase. To set one, sign out and choose “I have forgotten my passphrase”, or ask an "
                "admin for a link.",
                class_name="note",
            ),
        ),
    )


def _link() -> rx.Component:
    return LinkSignIn.create(providers=IdentitiesState.providers)


def _linked() -> rx.Component:
    head = [
        th("Provider"),
        th("Account there"),
        th("Linked", class_name="wideonly-cell"),
        th("Last used", class_name="wideonly-cell"),
        th(""),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                one["provider"],
                rx.cond(one["off"] == "yes", rx.el.div("not connected here any more", class_name="muted small")),
                class_name="wrapped",
            ),
            td(one["label"], class_name="soft wrapped"),
            td(one["since"], class_name="muted wideonly-cell"),
            td(one["used"], class_name="muted wideonly-cell"),
            td(
                rx.el.button(
                    "Unlink",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=IdentitiesState.unlink(one["id"]),
                    aria_label="Unlink " + one["provider"],
                ),
                num=True,
            ),
        )

    return table(head, rx.foreach(IdentitiesState.linked, row), "Linked sign-ins")
