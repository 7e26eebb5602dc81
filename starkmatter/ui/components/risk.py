"""Figures of risk with what they mean, the deepest falls, and the rate they are held against."""

import reflex as rx

from starkmatter.ui.components.parts import empty, table, td, th
from starkmatter.ui.state.performance import PerformanceState


def rate_form() -> rx.Component:
    """The yearly risk-free rate that ratios and alpha are held against."""
    return rx.el.form(
        rx.el.label("Risk-free rate, % a year", html_for="rate", class_name="muted small"),
        rx.el.input(
            id="rate",
            name="rate",
            default_value=PerformanceState.asked["rate"],
            key="rate" + PerformanceState.asked["rate"],
            input_mode="decimal",
            max_length=8,
            class_name="input rate",
        ),
        rx.el.button("Set", type="submit", class_name="btn tiny"),
        on_submit=PerformanceState.choose_rate,
        class_name="rateform",
    )


def risk_table() -> rx.Component:
    """Each figure, what it means and whose definition it is."""

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            rx.el.th(
                one["title"],
                rx.el.div(one["meaning"], " (", one["source"], ")", class_name="muted small"),
                scope="row",
            ),
            td(one["value"], num=True),
        )

    return rx.fragment(
        rx.cond(
            PerformanceState.risk_notes.length() > 0,
            rx.el.p(
                rx.foreach(PerformanceState.risk_notes, lambda one: rx.el.span(one, " ")), class_name="muted small foot"
            ),
        ),
        rx.el.div(
            table([th("Figure"), th("Value", num=True)], rx.foreach(PerformanceState.risk, row), "Figures of risk"),
            class_name="parts-of risks",
        ),
    )


def falls_table() -> rx.Component:
    """When the account was below a former high, how deep, and how long."""

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.span(one["depth"], class_name="down"), num=True),
            td(one["peak"], rx.el.div("to ", one["trough"], class_name="muted small")),
            td(one["down"], num=True),
            td(one["back"], num=True),
        )

    return rx.cond(
        PerformanceState.falls.length() > 0,
        table(
            [th("Depth", num=True), th("From the high"), th("Down", num=True), th("Back up", num=True)],
            rx.foreach(PerformanceState.falls, row),
            "Deepest falls",
        ),
        empty("Never below a former high", "A fall appears here with its depth and how long it lasted."),
    )
