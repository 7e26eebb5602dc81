"""A small line of closes for a row of a table."""

import reflex as rx


def small_line(points: rx.Var[str], direction: rx.Var[str], words: rx.Var[str]) -> rx.Component:
    """A small line in the color of its way, with words for those who do not see it."""
    return rx.el.svg(
        rx.cond(points != "", rx.el.path(d="M" + points)),
        class_name="spark",
        role="img",
        custom_attrs={
            "viewBox": "0 0 92 26",
            "preserveAspectRatio": "none",
            "data-dir": direction,
            "aria-label": words,
        },
    )
