"""Small parts: live cells, figures, panels, notes, empty states, status chips."""

from typing import Any

import reflex as rx

Text = str | rx.Var[str]


def live(symbol: Text, field: str, initial: Text = "–", class_name: Text = "", **data: Text) -> rx.Component:
    """A cell whose text the live script owns: `field` of `symbol`, computed with the exact figures in `data`."""
    attrs: dict[str, Any] = {"data-live": symbol, "data-field": field}
    attrs |= {f"data-{name}": value for name, value in data.items()}
    return rx.el.span(initial, class_name=class_name, custom_attrs=attrs)


def live_total(holdings: Text, cash: Text, total: str, initial: Text, class_name: Text = "", base: Text = "0"):
    """A sum over all holdings: `value`, or `change` and `changepct` against `base`. It moves with every quote and so
    does not flash.
    """
    attrs = {"data-holdings": holdings, "data-cash": cash, "data-total": total, "data-base": base, "data-still": ""}
    return rx.el.span(initial, class_name=class_name, custom_attrs=attrs)


def fresh_dot(symbol: Text) -> rx.Component:
    """Live, delayed or stale, with age and provider on hover."""
    return rx.el.span(
        class_name="dot", role="img", custom_attrs={"data-live": symbol, "data-field": "fresh", "aria-label": "Waiting"}
    )


def own_hours(symbol: Text) -> rx.Component:
    """When a pair or coin trades, in words the live script writes; empty for what trades with the exchange."""
    return rx.el.span(class_name="muted small ownhours", custom_attrs={"data-hours": symbol})


def figure(name: Text, value: rx.Component | Text, size: str = "", class_name: str = "") -> rx.Component:
    """A headline figure under its name."""
    return rx.el.div(
        rx.el.span(name, class_name="k"),
        rx.el.span(value, class_name=f"v mono {size}"),
        class_name=f"figure {class_name}",
    )


def form_field(label: str, name: str, kind: str, complete: str, **more) -> rx.Component:
    """A required input of a form, under its label; `complete` tells the browser what it may fill in."""
    return rx.el.div(
        rx.el.label(label, html_for=name),
        rx.el.input(id=name, name=name, type=kind, auto_complete=complete, required=True, class_name="input", **more),
        class_name="field",
    )


def panel(title: str, *body: rx.Component, extra: rx.Component | None = None, class_name: str = "") -> rx.Component:
    """A titled surface."""
    return rx.el.section(
        rx.el.header(rx.el.h2(title), rx.el.span(class_name="push"), extra or rx.fragment()),
        *body,
        class_name=f"panel {class_name}",
    )


def empty(title: str, text: str | rx.Var, action: rx.Component | None = None) -> rx.Component:
    """Nothing here yet, and the next step."""
    return rx.el.div(rx.el.b(title), rx.el.span(text), action or rx.fragment(), class_name="empty")


def problem_note(text: rx.Var[str]) -> rx.Component:
    """What went wrong, when something did."""
    return rx.cond(text != "", rx.el.div(text, class_name="note bad", role="alert"))


def status(text: rx.Var[str]) -> rx.Component:
    """An order's state as a chip."""
    return rx.el.span(text, class_name="status", custom_attrs={"data-status": text})


def th(text: str, *, num: bool = False, class_name: str = "") -> rx.Component:
    """A column's head; of one without a name, a cell."""
    if text == "":
        return rx.el.td(class_name=f"{'num' if num else ''} {class_name}".strip())
    return rx.el.th(text, class_name=f"{'num' if num else ''} {class_name}".strip(), scope="col")


def td(*children: Any, num: bool = False, class_name: str = "") -> rx.Component:
    """A cell."""
    return rx.el.td(*children, class_name=f"{'num' if num else ''} {class_name}".strip())


def table(head: list[rx.Component], body: rx.Component, label: str) -> rx.Component:
    """A table that scrolls sideways on its own."""
    return rx.el.div(
        rx.el.table(
            rx.el.caption(label, class_name="sr"),
            rx.el.thead(rx.el.tr(*head)),
            rx.el.tbody(body),
            class_name="data",
        ),
        class_name="scroll",
        tab_index=0,
        role="region",
        aria_label=label,
    )


def skeleton_rows(count: int = 4) -> rx.Component:
    """The shape of what is being loaded."""
    return rx.el.div(
        *[rx.el.div(class_name="skeleton", style={"height": "20px"}) for _ in range(count)],
        class_name="body grid",
        aria_hidden="true",
    )


def segment(
    options: list[tuple[str, str]], chosen: rx.Var, on_choose: Any, label: str, class_name: str = "seg"
) -> rx.Component:
    """One of a few: a row of buttons, the chosen one pressed."""
    return rx.el.div(
        *[
            rx.el.button(
                text,
                type="button",
                on_click=on_choose(value),
                custom_attrs={"aria-pressed": rx.cond(chosen == value, "true", "false"), "data-side": value},
            )
            for value, text in options
        ],
        class_name=class_name,
        role="group",
        aria_label=label,
    )


def download(href: rx.Var, label: str, text: str = "CSV") -> rx.Component:
    """A button that saves what REST answers; the router would look for a page of that name instead."""
    return rx.el.a(
        text,
        href=href,
        class_name="btn tiny",
        download=True,
        aria_label=label,
        custom_attrs={"reloadDocument": True},
    )


def tabs(pages: list[tuple[str, str]], here: str, label: str) -> rx.Component:
    """The pages of one place, this one marked."""
    return rx.el.nav(
        *[
            rx.el.a(text, href=href, custom_attrs={"aria-current": "page"} if text == here else {})
            for text, href in pages
        ],
        class_name="tabs",
        aria_label=label,
    )


def value_area(chart: rx.Var, label: str) -> rx.Component:
    """The account's value as a line over its area, with its level at the start, its extremes and its instants."""
    return rx.el.figure(
        rx.el.div(
            rx.el.svg(
                rx.el.line(x1="0", x2="800", y1=chart["start_y"], y2=chart["start_y"]),
                rx.el.polygon(points=chart["area"]),
                rx.el.path(d="M" + chart["line"]),
                role="img",
                custom_attrs={"viewBox": "0 0 800 200", "preserveAspectRatio": "none", "aria-label": label},
            ),
            rx.el.div(
                rx.el.span(chart["high"]),
                rx.cond(chart["flat"] == "yes", rx.fragment(), rx.el.span(chart["middle"])),
                rx.el.span(chart["low"]),
                class_name="levels",
                custom_attrs={"data-flat": chart["flat"]},
            ),
            class_name="plot",
        ),
        rx.el.figcaption(rx.el.span(chart["from"]), rx.el.span(chart["to"], " ET")),
        class_name="area",
    )


def percent_field(label: str, key: str, name: str, value: str | rx.Var) -> rx.Component:
    """An input of a form that takes a percentage, under its label."""
    return rx.el.div(
        rx.el.label(label, html_for=key),
        rx.el.input(
            id=key,
            name=name,
            default_value=value,
            input_mode="decimal",
            max_length=9,
            auto_complete="off",
            class_name="input num",
        ),
        class_name="field",
    )
