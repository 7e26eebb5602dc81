"""The lots somebody picks from, each with how much of it."""

import reflex as rx

from starkmatter.ui.components.parts import table, td, th


def lots_to_choose(choices: rx.Var, there: str, verb: str, caption: str) -> rx.Component:
    """A table of `choices` (lot, acquired, unit, qty, taken) with a field for each, named by its lot, in a form.

    `there` is the heading of what each lot has, `verb` of what is to happen with a part of it.
    """

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(one["acquired"]),
            td(one["unit"], num=True),
            td(one["qty"], num=True),
            td(
                rx.el.input(
                    name=one["lot"],
                    default_value=one["taken"],
                    input_mode="decimal",
                    max_length=30,
                    class_name="input lotqty",
                    aria_label=verb + " of the lot of " + one["acquired"] + " at " + one["unit"],
                ),
                num=True,
            ),
        )

    head = [th("Acquired"), th("Cost a share", num=True), th(there, num=True), th(verb, num=True)]
    return table(head, rx.foreach(choices, row), caption)
