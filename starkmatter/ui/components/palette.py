"""What opens over any page: the palette that finds symbols and pages, and the list of keys."""

import reflex as rx

from starkmatter.ui.state.palette import PaletteState

KEYS = (
    ("⌘K  or  /", "Search symbols and pages"),
    ("B", "Buy ticket"),
    ("S", "Sell ticket"),
    ("G  then  D M T P O L A N S", "Go to a page by its first letter"),
    ("↑ ↓", "Move through a table"),
    ("Alt  ↑ ↓", "Move a row of a watchlist"),
    ("Esc", "Close what is open"),
    ("?", "This list"),
)


def overlay() -> rx.Component:
    """Whichever of the two is open, over the page."""
    return rx.match(
        PaletteState.overlay,
        ("palette", _veil(_palette(), "Search", "palette")),
        ("keys", _veil(_keys(), "Keys", "")),
        rx.fragment(),
    )


def _veil(content: rx.Component, label: str, class_name: str) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            content,
            class_name=f"dialog {class_name}",
            role="dialog",
            aria_modal="true",
            aria_label=label,
            on_click=rx.stop_propagation,
        ),
        class_name="veil",
        on_click=PaletteState.close_overlay,
    )


def _palette() -> rx.Component:
    return rx.fragment(
        rx.el.form(
            rx.el.input(
                type="search",
                name="query",
                placeholder="Symbol or page",
                auto_complete="off",
                aria_label="Search symbols and pages",
                on_change=PaletteState.search.debounce(200),
            ),
            on_submit=PaletteState.follow,
        ),
        rx.el.div(
            rx.foreach(
                PaletteState.found,
                lambda row: rx.el.a(
                    rx.el.b(row["key"]),
                    rx.el.span(row["text"], class_name="soft grow"),
                    rx.el.span(row["kind"], class_name="muted small"),
                    href=row["href"],
                    on_click=PaletteState.close_overlay,
                ),
            ),
            class_name="list",
        ),
        rx.cond(
            (PaletteState.found.length() == 0) & (PaletteState.words == ""),
            rx.el.p("No symbol or page is called that. Try a company's name.", class_name="nothing"),
        ),
        rx.cond(PaletteState.words != "", rx.el.p(PaletteState.words, class_name="nothing", role="status")),
        rx.el.footer(rx.el.kbd("↑"), rx.el.kbd("↓"), " move ", rx.el.kbd("↵"), " open ", rx.el.kbd("Esc"), " close"),
    )


def _keys() -> rx.Component:
    return rx.fragment(
        rx.el.header(rx.el.h2("Keys")),
        rx.el.div(
            rx.el.div(
                *[rx.el.div(rx.el.span(text), rx.el.kbd(key)) for key, text in KEYS],
                class_name="rows",
            ),
            class_name="body",
        ),
    )
