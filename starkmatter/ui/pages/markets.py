"""Watchlists: several of them, in one's own order, with live rows, small lines, search, import and export."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import empty, fresh_dot, live, problem_note, skeleton_rows, table, tabs, td, th
from starkmatter.ui.components.small_line import small_line
from starkmatter.ui.live.components import ImportSymbols, Sortable
from starkmatter.ui.state.markets import WatchState

PAGES = [
    ("Watchlists", "/markets"),
    ("Heat map", "/markets/map"),
    ("Screener", "/markets/screener"),
    ("Correlation", "/markets/correlation"),
    ("Sessions", "/markets/sessions"),
]


def markets() -> rx.Component:
    """The person's watchlists on the market of their account."""
    state = WatchState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "Watchlists", "Markets pages"),
            problem_note(state.problem),
            rx.el.section(_choice(), _tools(), rx.cond(state.ready, _rows(), skeleton_rows(12)), class_name="panel"),
            Sortable.create(group="lists", across=True, on_move=state.move_list),
            Sortable.create(group="rows", across=False, on_move=state.move),
            _dialogs(),
        ),
        on_order=[state.follow_account],
        on_pulse=[state.pulse],
        heading="Watchlists",
    )


def _choice() -> rx.Component:
    """The lists side by side, and what can be done with the chosen one."""
    return rx.el.header(
        rx.el.div(
            rx.foreach(
                WatchState.lists,
                lambda one: rx.el.button(
                    one["name"],
                    rx.el.span(one["count"], class_name="muted"),
                    type="button",
                    key=one["id"],
                    on_click=WatchState.choose(one["id"]),
                    title="Drag, or Alt and ← →, to move the list",
                    custom_attrs={
                        "data-key": one["id"],
                        "aria-pressed": rx.cond(one["here"] == "yes", "true", "false"),
                    },
                ),
            ),
            class_name="chips",
            role="group",
            aria_label="Watchlists",
            custom_attrs={"data-sort": "lists"},
        ),
        rx.el.span(class_name="push"),
        rx.el.button(
            "New list", type="button", class_name="btn tiny", on_click=WatchState.open_dialog("new"), id="new-list"
        ),
        rx.el.details(
            rx.el.summary(icon("more"), aria_label="More for this list"),
            rx.el.div(
                rx.el.button("Rename", type="button", on_click=WatchState.open_dialog("rename")),
                rx.el.button("Import symbols", type="button", on_click=WatchState.open_dialog("import")),
                _save("Export CSV", ".csv"),
                _save("Export symbols", ".txt"),
                rx.el.button("Delete", type="button", on_click=WatchState.open_dialog("delete")),
                class_name="list",
            ),
            class_name="menu",
        ),
    )


def _save(words: str, kind: str) -> rx.Component:
    return rx.el.a(
        words,
        href="/api/v1/watchlists/" + WatchState.chosen + kind,
        download=True,
        custom_attrs={"reloadDocument": True},
    )


def _tools() -> rx.Component:
    """The search whose hits are added, and what was done last."""
    return rx.el.div(
        rx.el.form(
            rx.el.input(
                type="search",
                name="query",
                value=WatchState.query,
                placeholder="Add a symbol or company",
                auto_complete="off",
                max_length=60,
                class_name="input",
                aria_label="Add a symbol or company",
                on_change=WatchState.search,
            ),
            on_submit=WatchState.add_first,
        ),
        rx.cond(
            WatchState.query != "",
            rx.el.div(
                rx.foreach(WatchState.found, _hit),
                rx.cond(
                    WatchState.found.length() == 0,
                    rx.el.p("No symbol is called that. Try a company's name.", class_name="muted small"),
                ),
                rx.cond(WatchState.words != "", rx.el.p(WatchState.words, class_name="muted small")),
                class_name="hits",
            ),
        ),
        rx.el.p(WatchState.said, class_name="muted small said", role="status"),
        class_name="watchtools",
    )


def _hit(one: rx.Var) -> rx.Component:
    return rx.el.button(
        rx.el.b(one["symbol"]),
        rx.el.span(one["name"], class_name="soft"),
        rx.el.span(one["about"], class_name="muted small"),
        rx.el.span(rx.cond(one["in"] == "yes", "in the list", "add"), class_name="do"),
        type="button",
        disabled=one["in"] == "yes",
        on_click=WatchState.add(one["symbol"]),
    )


def _rows() -> rx.Component:
    head = [
        th("", class_name="gripcell"),
        th("Symbol"),
        th("Line"),
        th("Last", num=True),
        th("Change", num=True, class_name="wideonly-cell"),
        th("Change %", num=True),
        th("Bid", num=True, class_name="wideonly-cell"),
        th("Ask", num=True, class_name="wideonly-cell"),
        th("Volume", num=True, class_name="wideonly-cell"),
        th("", class_name="wideonly-cell"),
        th(""),
    ]
    return rx.cond(
        WatchState.rows.length() > 0,
        rx.el.div(
            table(head, rx.foreach(WatchState.rows, _row), "Watchlist"),
            class_name="watchrows",
            custom_attrs={"data-sort": "rows"},
        ),
        empty(
            "This list is empty",
            "Type a symbol or a company's name above, or bring a list from elsewhere.",
            rx.el.button(
                "Import symbols", type="button", class_name="btn primary", on_click=WatchState.open_dialog("import")
            ),
        ),
    )


def _row(one: rx.Var) -> rx.Component:
    symbol = one["symbol"]
    return rx.el.tr(
        td(
            rx.el.button(
                icon("grip"),
                type="button",
                class_name="grip",
                aria_label="Move " + symbol + ": arrow keys, or drag",
                title="Drag, or arrow keys",
            ),
            class_name="gripcell",
        ),
        td(
            fresh_dot(symbol),
            " ",
            rx.el.a(symbol, href="/markets/" + symbol, class_name="sym"),
            rx.el.span(one["name"], class_name="muted small company"),
        ),
        td(small_line(one["spark"], one["spark_dir"], one["spark_words"])),
        td(live(symbol, "last", one["last"]), num=True),
        td(live(symbol, "change", one["change"], one["dir"], still=""), num=True, class_name="wideonly-cell"),
        td(live(symbol, "changepct", one["change_pct"], one["dir"], still=""), num=True),
        td(live(symbol, "bid", one["bid"], still=""), num=True, class_name="wideonly-cell"),
        td(live(symbol, "ask", one["ask"], still=""), num=True, class_name="wideonly-cell"),
        td(live(symbol, "volume", one["volume"], still=""), num=True, class_name="wideonly-cell"),
        td(
            rx.el.a("Trade", href="/trade/" + symbol, class_name="btn tiny", aria_label="Trade " + symbol),
            num=True,
            class_name="wideonly-cell",
        ),
        td(
            rx.el.button(
                icon("close"),
                type="button",
                class_name="btn tiny ghost",
                aria_label="Take " + symbol + " out of the list",
                on_click=WatchState.remove(symbol),
            ),
            num=True,
        ),
        key=symbol,
        custom_attrs={"data-key": symbol},
    )


def _dialogs() -> rx.Component:
    return rx.match(
        WatchState.dialog,
        ("new", dialog("New watchlist", name_form("Make it", "", WatchState.make))),
        ("rename", dialog("Rename the watchlist", name_form("Rename it", WatchState.name, WatchState.rename))),
        (
            "delete",
            dialog(
                "Delete this watchlist?",
                rx.el.p("“", WatchState.name, "” goes for good. What you hold and trade is not touched."),
                rx.el.div(
                    rx.el.button("Delete it", type="button", class_name="btn danger", on_click=WatchState.delete),
                    rx.el.button("Keep it", type="button", class_name="btn", on_click=WatchState.open_dialog("")),
                    class_name="actions",
                ),
            ),
        ),
        (
            "import",
            dialog("Import symbols", ImportSymbols.create(list=WatchState.chosen, on_done=WatchState.imported)),
        ),
        rx.fragment(),
    )


def dialog(title: str, *content: rx.Component, close: rx.EventHandler = WatchState.open_dialog) -> rx.Component:
    """A dialog over the page; `close("")` closes it."""
    return rx.el.div(
        rx.el.div(
            rx.el.header(
                rx.el.h2(title),
                rx.el.button(
                    icon("close"),
                    type="button",
                    class_name="btn tiny ghost",
                    aria_label="Close",
                    on_click=close(""),
                ),
            ),
            rx.el.div(*content, class_name="body"),
            class_name="dialog",
            role="dialog",
            aria_modal="true",
            aria_label=title,
            on_click=rx.stop_propagation,
        ),
        class_name="veil",
        on_click=close(""),
    )


def name_form(words: str, before: rx.Var[str] | str, on_submit: rx.EventHandler) -> rx.Component:
    """One field for a name."""
    return rx.el.form(
        rx.el.div(
            rx.el.label("Name", html_for="list-name"),
            rx.el.input(
                id="list-name",
                name="name",
                default_value=before,
                max_length=40,
                required=True,
                auto_complete="off",
                class_name="input",
                custom_attrs={"data-first": ""},
            ),
            class_name="field",
        ),
        rx.el.div(rx.el.button(words, type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=on_submit,
        class_name="grid",
    )
