"""The screener: conditions above, the symbols that fit below, kept under a name, taken to a watchlist or a table."""

import reflex as rx

from starkmatter.domain.screening import OP_WORDS
from starkmatter.ui.components.figures import figure_options, parameter_fields
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.icons import icon
from starkmatter.ui.components.parts import download, empty, problem_note, skeleton_rows, table, tabs, td, th
from starkmatter.ui.pages.markets import PAGES, dialog, name_form
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.markets_screener import NEW_LIST, NUMBER, ScreenerState
from starkmatter.ui.state.screened import PRESETS


def screener() -> rx.Component:
    """Symbols by their figures."""
    state = ScreenerState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "Screener", "Markets pages"),
            problem_note(state.problem),
            rx.el.section(_head(), _conditions(), _form(), class_name="panel screen"),
            rx.el.section(
                _result_head(), rx.cond(state.ready, _results(), skeleton_rows(10)), _left_out(), class_name="panel"
            ),
            _dialogs(),
        ),
        on_order=[state.load],
        heading="Screener",
    )


def _left_out() -> rx.Component:
    """What the market of today has and a screen does not look at."""
    words = "Currency pairs and coins are not screened: their days end at other hours, and nobody tells their turnover."
    return rx.cond(FrameState.account["venue"] == "market", rx.el.p(words, class_name="muted small footnote"))


def _head() -> rx.Component:
    state = ScreenerState
    return rx.el.header(
        rx.el.h2("All of these hold"),
        rx.el.span(class_name="push"),
        rx.el.select(
            rx.el.option("Saved screens …", value=""),
            rx.foreach(state.saved, lambda one: rx.el.option(one["name"], value=one["id"])),
            value=state.chosen,
            on_change=state.open_saved,
            class_name="input",
            aria_label="Saved screens",
        ),
        rx.cond(
            state.chosen != "",
            rx.fragment(
                rx.el.button("Update", type="button", class_name="btn tiny", on_click=state.update),
                rx.el.button("Delete", type="button", class_name="btn tiny", on_click=state.open_dialog("delete")),
            ),
        ),
        rx.el.button("Save as", type="button", class_name="btn tiny", on_click=state.open_dialog("save")),
    )


def _conditions() -> rx.Component:
    state = ScreenerState
    return rx.el.div(
        rx.foreach(
            state.conditions,
            lambda one, place: rx.el.span(
                one["words"],
                rx.el.button(
                    icon("close"),
                    type="button",
                    aria_label="Take away: " + one["words"],
                    on_click=state.drop(place),
                ),
                class_name="condition",
            ),
        ),
        rx.cond(
            state.conditions.length() == 0,
            rx.el.span("No condition yet: every symbol is listed. Add one, or begin with", class_name="muted small"),
            rx.el.button("Clear", type="button", class_name="btn tiny ghost", on_click=state.clear),
        ),
        *[
            rx.el.button(name, type="button", class_name="btn tiny preset", on_click=state.take_preset(name))
            for name in PRESETS
        ],
        class_name="conditions",
    )


def _form() -> rx.Component:
    state = ScreenerState
    return rx.el.form(
        rx.el.select(
            *figure_options(),
            name="left",
            value=state.left,
            on_change=state.choose_left,
            class_name="input",
            aria_label="Figure",
        ),
        parameter_fields("left", state.left_parameters, state.left_lines),
        rx.el.select(
            *[rx.el.option(words, value=op) for op, words in OP_WORDS.items()],
            name="op",
            class_name="input op",
            aria_label="Comparison",
        ),
        rx.el.select(
            *figure_options(rx.el.option("a number", value=NUMBER)),
            name="right",
            value=state.right,
            on_change=state.choose_right,
            class_name="input",
            aria_label="Compared with",
        ),
        rx.cond(
            state.right == NUMBER,
            rx.el.input(
                name="number",
                class_name="input mono short",
                placeholder="30",
                input_mode="decimal",
                auto_complete="off",
                max_length=24,
                aria_label="Number",
            ),
            parameter_fields("right", state.right_parameters, state.right_lines),
        ),
        rx.el.button("Add condition", type="submit", class_name="btn primary"),
        on_submit=state.add,
        class_name="conditionform",
    )


def _result_head() -> rx.Component:
    state = ScreenerState
    return rx.el.header(
        rx.el.h2("Symbols"),
        rx.el.span(state.words, class_name="muted small", role="status"),
        rx.el.span(class_name="push"),
        rx.el.select(
            rx.el.option("All kinds", value=""),
            rx.el.option("Shares", value="equity"),
            rx.el.option("Funds", value="etf"),
            rx.el.option("Indices", value="index"),
            value=state.kind,
            on_change=state.choose_kind,
            class_name="input",
            aria_label="Kind",
        ),
        rx.el.select(
            rx.el.option("All sectors", value=""),
            rx.foreach(state.sectors, lambda one: rx.el.option(one, value=one)),
            value=state.sector,
            on_change=state.choose_sector,
            class_name="input",
            aria_label="Sector",
        ),
        rx.el.details(
            rx.el.summary("Columns", class_name="btn tiny"),
            rx.el.form(
                rx.el.select(*figure_options(), name="column", class_name="input", aria_label="The new column"),
                rx.el.input(
                    name="column_parameters",
                    class_name="input mono",
                    placeholder="Parameters, else the usual",
                    auto_complete="off",
                    max_length=40,
                    aria_label="Parameters of the new column",
                ),
                rx.el.button("Add column", type="submit", class_name="btn"),
                rx.foreach(
                    state.columns,
                    lambda one: rx.el.button(
                        "Hide ", one["title"], type="button", on_click=state.drop_column(one["text"])
                    ),
                ),
                on_submit=state.add_column,
                class_name="list",
            ),
            class_name="menu columns",
        ),
        rx.el.details(
            rx.el.summary("To a watchlist", class_name="btn tiny"),
            rx.el.form(
                rx.el.select(
                    rx.el.option("A new list", value=NEW_LIST),
                    rx.foreach(state.lists, lambda one: rx.el.option(one["name"], value=one["id"])),
                    name="list",
                    class_name="input",
                    aria_label="Watchlist",
                ),
                rx.el.button("Add ", state.rows.length(), " symbols", type="submit", class_name="btn primary"),
                on_submit=state.collect,
                class_name="list",
            ),
            class_name="menu",
        ),
        download(state.csv, "Download the result as CSV"),
    )


def _results() -> rx.Component:
    state = ScreenerState

    def head(one: rx.Var) -> rx.Component:
        return rx.el.th(
            rx.el.button(
                one["title"],
                rx.match(one["order"], ("descending", " ↓"), ("ascending", " ↑"), ""),
                type="button",
                title=one["about"],
                on_click=state.sort(one["text"]),
            ),
            scope="col",
            class_name="num",
            custom_attrs={"aria-sort": one["order"]},
        )

    def row(one: rx.Var, place: rx.Var) -> rx.Component:
        symbol = one["symbol"]
        return rx.el.tr(
            td(
                rx.el.a(symbol, href="/markets/" + symbol, class_name="sym"),
                rx.el.span(one["name"], class_name="muted small company"),
                rx.cond(one["old"] != "", rx.el.span(one["old"], class_name="badge quiet", title="Newest bar")),
            ),
            td(one["sector"], class_name="soft wideonly-cell"),
            rx.foreach(
                state.values[place],
                lambda cell: rx.el.td(rx.el.span(cell["text"], class_name=cell["dir"]), class_name="num"),
            ),
            td(
                rx.el.a("Trade", href="/trade/" + symbol, class_name="btn tiny", aria_label="Trade " + symbol), num=True
            ),
        )

    return rx.fragment(
        rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
        rx.cond(
            state.rows.length() > 0,
            rx.el.div(
                table(
                    [th("Symbol"), th("Sector", class_name="wideonly-cell"), rx.foreach(state.columns, head), th("")],
                    rx.foreach(state.rows, row),
                    "Symbols that fit",
                ),
                class_name="screened",
            ),
            empty(
                "No symbol fits",
                "Loosen a condition or take one away; only symbols with stored days can fit.",
                rx.el.button("Clear conditions", type="button", class_name="btn", on_click=state.clear),
            ),
        ),
    )


def _dialogs() -> rx.Component:
    state = ScreenerState
    return rx.match(
        state.dialog,
        ("save", dialog("Save this screen", name_form("Save it", state.name, state.save), close=state.open_dialog)),
        (
            "delete",
            dialog(
                "Delete this screen?",
                rx.el.p("“", state.name, "” goes for good."),
                rx.el.div(
                    rx.el.button("Delete it", type="button", class_name="btn danger", on_click=state.delete),
                    rx.el.button("Keep it", type="button", class_name="btn", on_click=state.open_dialog("")),
                    class_name="actions",
                ),
                close=state.open_dialog,
            ),
        ),
        rx.fragment(),
    )
