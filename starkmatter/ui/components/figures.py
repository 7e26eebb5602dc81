"""The choice of a figure of the screener: a field or an indicator, its parameters, and which of its lines."""

import reflex as rx

from starkmatter.domain.screening import FIELDS
from starkmatter.market.screener.indicators import OF_DAYS


def figure_options(first: rx.Component | None = None) -> list[rx.Component]:
    """The options of a select, in groups; `first` stands before them."""
    groups: dict[str, list[rx.Component]] = {}
    for name, one in OF_DAYS.items():
        groups.setdefault(one.group, []).append(rx.el.option(one.title, value=name))
    return [
        *([first] if first is not None else []),
        rx.el.optgroup(*[rx.el.option(one.title, value=name) for name, one in FIELDS.items()], label="Figures"),
        *[rx.el.optgroup(*options, label=group) for group, options in groups.items()],
    ]


def parameter_fields(side: str, parameters: rx.Var[str], lines: rx.Var[list[str]]) -> rx.Component:
    """Fields of a form for the parameters of the figure on that side; none for a figure without."""
    return rx.fragment(
        rx.cond(
            parameters != "",
            rx.el.input(
                name=f"{side}_parameters",
                default_value=parameters,
                key=f"{side} " + parameters,
                class_name="input mono short",
                auto_complete="off",
                max_length=40,
                aria_label="Parameters, separated by commas",
            ),
        ),
        rx.cond(
            lines.length() > 0,
            rx.el.select(
                rx.foreach(lines, lambda one: rx.el.option(one, value=one)),
                name=f"{side}_line",
                class_name="input short",
                aria_label="Line",
            ),
        ),
    )
