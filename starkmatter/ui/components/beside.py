"""A branch beside the account it was branched from: value, result and weights since it began."""

import reflex as rx

from starkmatter.ui.components.parts import panel, table, td, th
from starkmatter.ui.state.allocation import AllocationState


def beside() -> rx.Component:
    """Shown of a branch alone."""
    state = AllocationState
    one = state.beside

    def line(name: str, key: str) -> rx.Component:
        return rx.el.tr(td(name), td(one[f"{key}_original"], num=True), td(rx.el.b(one[f"{key}_branch"]), num=True))

    def weight(part: rx.Var) -> rx.Component:
        return rx.el.tr(td(part["part"]), td(part["original"], num=True), td(rx.el.b(part["branch"]), num=True))

    heads = [th("Original", num=True), th("Branch", num=True)]
    body = rx.fragment(
        rx.el.div(
            rx.el.p(
                rx.el.b(one["branch"]), " beside ", rx.el.b(one["original"]), ", since ", one["since"], ".",
                class_name="soft small",
            ),
            rx.foreach(state.beside_notes, lambda text: rx.el.div(text, class_name="note warn")),
            class_name="body grid",
        ),
        table(
            [th("In the account's currency"), *heads],
            rx.fragment(
                line("Value when it began", "start"),
                line("Paid in since", "flows"),
                line("Value now", "value"),
                line("Result", "result"),
                line("Simple return", "simple"),
            ),
            "Results since the branch began",
        ),
        table([th("Weight"), *heads], rx.foreach(state.weights, weight), "Weights of original and branch"),
    )  # fmt: skip
    return rx.cond(one["shown"] == "yes", panel("Beside the original", body, class_name="w12"))
