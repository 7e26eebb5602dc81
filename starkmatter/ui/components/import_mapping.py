"""Which column of a table holds what: the first rows, a choice for each field, and saved ways of reading tables."""

import reflex as rx

from starkmatter.ui.components.parts import panel, problem_note
from starkmatter.ui.state.importing import MappingState

ORDERS = (("", "Choose"), ("ymd", "2024-03-31"), ("mdy", "03/31/2024, month first"), ("dmy", "31.03.2024, day first"))
MARKS = ((".", "1,234.56"), (",", "1.234,56"))
SIGNS = (
    ("yes", "Money that left has a minus, or stands in brackets"),
    ("no", "No signs: the kind says which way it went"),
)


def mapping_panel(*, asks: bool) -> rx.Component:
    """The mapping as a form; opened when the file cannot be read without one."""
    state = MappingState
    form = rx.el.div(
        rx.cond(state.mapping["ask"] != "", rx.el.div(state.mapping["ask"], class_name="note warn", role="alert")),
        problem_note(state.problem),
        rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
        rx.el.p("The first rows of the file:", class_name="soft small"),
        _sample(),
        rx.cond(state.saved.length() > 0, _saved()),
        _form(),
        class_name="body grid",
    )
    if asks:
        return panel("Which column holds what", form)
    return panel(
        "Columns",
        rx.el.details(
            rx.el.summary("Read it as a table by other columns", class_name="btn tiny"), form, class_name="fold foot"
        ),
    )


def _sample() -> rx.Component:
    return rx.el.div(
        rx.el.table(
            rx.el.caption("First rows", class_name="sr"),
            rx.el.tbody(
                rx.foreach(
                    MappingState.sample,
                    lambda row: rx.el.tr(
                        rx.foreach(row.to(list[str]), lambda cell: rx.el.td(cell, class_name="mono small"))
                    ),
                )
            ),
            class_name="data sample",
        ),
        class_name="scroll",
        tab_index=0,
        role="region",
        aria_label="First rows",
    )


def _saved() -> rx.Component:
    return rx.el.div(
        rx.el.span("Saved: ", class_name="muted small"),
        rx.foreach(
            MappingState.saved,
            lambda one: rx.el.span(
                rx.el.button(one["name"], type="button", class_name="btn tiny", on_click=MappingState.use(one["id"])),
                rx.el.button(
                    "×",
                    type="button",
                    class_name="btn ghost tiny",
                    on_click=MappingState.drop(one["id"]),
                    aria_label="Forget the mapping " + one["name"],
                ),
            ),
        ),
        class_name="going",
    )


def _select(name: str, label: str, options: tuple[tuple[str, str], ...], chosen: rx.Var) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=f"map-{name}"),
        rx.el.select(
            *[rx.el.option(text, value=value) for value, text in options],
            id=f"map-{name}",
            name=name,
            default_value=chosen,
            class_name="input",
        ),
        class_name="field",
    )


def _text(name: str, label: str, value: rx.Var | str, **more) -> rx.Component:
    return rx.el.div(
        rx.el.label(label, html_for=f"map-{name}"),
        rx.el.input(id=f"map-{name}", name=name, default_value=value, auto_complete="off", class_name="input", **more),
        class_name="field",
    )


def _form() -> rx.Component:
    state = MappingState

    def field(one: rx.Var) -> rx.Component:
        return rx.el.div(
            rx.el.label(one["label"], html_for="map-column-" + one["name"]),
            rx.el.select(
                rx.el.option("–", value=""),
                rx.foreach(state.headings, lambda heading: rx.el.option(heading, value=heading)),
                id="map-column-" + one["name"],
                name="column-" + one["name"],
                default_value=one["column"],
                class_name="input",
            ),
            class_name="field",
        )

    return rx.el.form(
        rx.el.div(rx.foreach(state.fields, field), class_name="fields mapfields"),
        rx.el.div(
            _select("date_order", "Days are written like", ORDERS, state.mapping["date_order"]),
            _select("decimal_mark", "Figures are written like", MARKS, state.mapping["decimal_mark"]),
            _select("signed", "Signs", SIGNS, state.mapping["signed"]),
            _text("currency", "Currency where a line says none", state.mapping["currency"], max_length=3),
            _text("zone", "Time zone", state.mapping["zone"], max_length=60),
            class_name="fields mapfields",
        ),
        rx.el.div(
            rx.el.label("Own words for kinds, one a line", html_for="map-kinds"),
            rx.el.textarea(
                id="map-kinds",
                name="kinds",
                default_value=state.mapping["kinds"],
                rows="3",
                max_length=4_000,
                placeholder="aankoop = buy",
                class_name="input",
            ),
            rx.el.span(
                "buy, sell, dividend, interest, fee, tax, deposit, withdrawal, split, transfer_in, transfer_out",
                class_name="hint",
            ),
            class_name="field",
        ),
        _text("name", "Keep it under a name (or leave this empty)", "", max_length=60),
        rx.el.div(rx.el.button("Read it this way", type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=state.read,
        key=state.round.to_string(),
        class_name="grid",
    )
