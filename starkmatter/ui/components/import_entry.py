"""One entry that is typed in: what happened, when, and the figures without a sign."""

import reflex as rx

from starkmatter.portfolio.importing.manual import MANUAL_KINDS
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.state.import_rows import KIND_NAMES
from starkmatter.ui.state.importing import ImportState


def entry_form() -> rx.Component:
    """The form, for the account that is chosen."""

    def figure_field(name: str, label: str, hint: str = "") -> rx.Component:
        return rx.el.div(
            rx.el.label(label, html_for=f"entry-{name}"),
            rx.el.input(
                id=f"entry-{name}",
                name=name,
                input_mode="decimal",
                pattern=r"[0-9]{1,12}(\.[0-9]{1,9})?",
                title="A figure such as 12.50, without a sign",
                auto_complete="off",
                placeholder=hint,
                class_name="input num",
            ),
            class_name="field",
        )

    return rx.el.div(
        RestForm.create(
            rx.el.div(
                rx.el.div(
                    rx.el.label("What happened", html_for="entry-kind"),
                    rx.el.select(
                        *[rx.el.option(KIND_NAMES[kind], value=kind) for kind in MANUAL_KINDS],
                        id="entry-kind",
                        name="kind",
                        default_value="buy",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("On", html_for="entry-on"),
                    rx.el.input(id="entry-on", name="on", type="date", required=True, class_name="input"),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("Symbol", html_for="entry-symbol"),
                    rx.el.input(
                        id="entry-symbol", name="symbol", max_length=24, auto_complete="off", class_name="input"
                    ),
                    class_name="field",
                ),
                figure_field("qty", "Shares"),
                figure_field("price", "Price a share"),
                figure_field("amount", "Cash, " + ImportState.target["currency"], "or told from shares"),
                figure_field("fees", "Fees"),
                figure_field("tax", "Tax"),
                rx.el.div(
                    rx.el.label("Words", html_for="entry-text"),
                    rx.el.input(id="entry-text", name="text", max_length=200, auto_complete="off", class_name="input"),
                    class_name="field",
                ),
                class_name="fields entryfields",
            ),
            rx.el.div(rx.el.button("Book it", type="submit", class_name="btn"), class_name="actions"),
            action="/api/v1/accounts/" + ImportState.target["id"] + "/entries",
            on_done=ImportState.entered,
        ),
        rx.el.p(
            "Figures without a sign. Cash of a dividend is what arrived, after tax and fees.", class_name="muted small"
        ),
        class_name="body grid",
    )
