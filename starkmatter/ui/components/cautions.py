"""The warnings of an order that have to be read before it is sent."""

import reflex as rx

from starkmatter.ui.state.cautions import CautionState


def caution_notes() -> rx.Component:
    """Each in its words."""
    return rx.foreach(
        CautionState.cautions,
        lambda one: rx.el.div(one["text"], class_name="note warn", custom_attrs={"data-caution": one["code"]}),
    )


def caution_tick() -> rx.Component:
    """They were read; without the tick nothing is sent. The tick shows before the server has heard of it."""
    return rx.cond(
        CautionState.cautions.length() > 0,
        rx.fragment(
            caution_notes(),
            rx.el.label(
                rx.el.input(
                    type="checkbox",
                    id="cautions-read",
                    key=CautionState.asked,
                    default_checked=CautionState.read,
                    on_change=CautionState.tick,
                ),
                "I have read this and want to send the order",
                class_name="checkline",
            ),
        ),
    )
