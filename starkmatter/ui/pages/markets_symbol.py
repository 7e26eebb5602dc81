"""The page of one symbol: its key figures, returns, news, and how it moves with what one has."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.news import stories
from starkmatter.ui.components.parts import (
    empty,
    fresh_dot,
    live,
    own_hours,
    panel,
    problem_note,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.pages.markets import PAGES
from starkmatter.ui.state.markets_symbol import SymbolState


def market_symbol() -> rx.Component:
    """One symbol of the market."""
    state = SymbolState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "", "Markets pages"),
            problem_note(state.problem),
            rx.cond(
                state.ready & (state.symbol == ""),
                empty(
                    "Choose another symbol",
                    "Press / and type a symbol or a company's name.",
                    rx.el.a("Watchlists", href="/markets", class_name="btn primary"),
                ),
                rx.fragment(
                    _head(),
                    rx.el.div(
                        rx.el.div(_line(), _figures(), panel("Corporate actions", _actions()), class_name="grid w8"),
                        rx.el.div(_returns(), _related(), class_name="grid w4"),
                        panel("News", _news(), extra=_all_news(), class_name="w12"),
                        class_name="grid dash",
                    ),
                ),
            ),
        ),
        on_order=[state.load],
        heading="Symbol",
    )


def _head() -> rx.Component:
    state, symbol, figures = SymbolState, SymbolState.symbol, SymbolState.figures
    return rx.el.section(
        rx.el.div(
            rx.el.div(fresh_dot(symbol), " ", rx.el.h2(symbol, class_name="symbolname")),
            rx.el.span(state.about["name"], class_name="soft small"),
            own_hours(symbol),
            class_name="name",
        ),
        rx.el.span(live(symbol, "last", figures["last"]), class_name="last mono"),
        rx.el.span(
            live(symbol, "change", figures["change"], figures["dir"], still=""),
            live(symbol, "changepct", figures["change_pct"], figures["dir"], still=""),
            class_name="mono changes",
        ),
        rx.el.span(class_name="grow"),
        rx.el.form(
            rx.el.select(
                rx.foreach(state.lists, lambda one: rx.el.option(one["name"], value=one["id"])),
                name="list",
                class_name="input",
                aria_label="Watchlist",
            ),
            rx.el.button("Add to list", type="submit", class_name="btn"),
            on_submit=state.add_to,
            class_name="actions",
        ),
        rx.el.a("Alert", href="/alerts?symbol=" + symbol, class_name="btn"),
        rx.el.a(
            rx.cond(state.about["trade"] == "yes", "Chart and trade", "Chart"),
            href="/trade/" + symbol,
            class_name="btn primary",
        ),
        rx.el.p(state.said, class_name="muted small said", role="status"),
        class_name="panel quotehead symbolhead",
    )


def _line() -> rx.Component:
    state = SymbolState
    return panel(
        "One year of closes",
        rx.cond(
            ~state.ready,
            rx.el.div(rx.el.div(class_name="skeleton", style={"height": "200px"}), class_name="body"),
            rx.cond(
                state.figures["line"] != "",
                rx.el.a(
                    rx.el.svg(
                        rx.el.path(d="M" + state.figures["line"]),
                        custom_attrs={"viewBox": "0 0 800 200", "preserveAspectRatio": "none", "aria-hidden": "true"},
                    ),
                    href="/trade/" + state.symbol,
                    aria_label="Open the chart of " + state.symbol,
                    class_name="area yearline",
                ),
                empty("No days are stored yet", "They are fetched when a symbol is first looked at; come back soon."),
            ),
        ),
        extra=rx.el.a("Open the chart", href="/trade/" + state.symbol, class_name="link"),
    )


def _figures() -> rx.Component:
    symbol, figures, about = SymbolState.symbol, SymbolState.figures, SymbolState.about

    def fact(name: str, *value: rx.Component | rx.Var | str) -> rx.Component:
        return rx.el.div(rx.el.dt(name), rx.el.dd(*value, class_name="mono"))

    return panel(
        "Key figures",
        rx.el.dl(
            fact("Bid", live(symbol, "bid", figures["bid"], still="")),
            fact("Ask", live(symbol, "ask", figures["ask"], still="")),
            fact("Open", figures["open"]),
            fact(
                "Day range",
                live(symbol, "range", figures["range"], low=figures["day_low"], high=figures["day_high"], still=""),
            ),
            rx.cond(
                about["kind"] != "Currency pair",
                rx.fragment(
                    fact("Volume", live(symbol, "volume", figures["volume"], still="")),
                    fact("Avg. volume, 20 d", figures["average"]),
                    fact("Volume / average", figures["relative"]),
                ),
            ),
            fact("Volatility, 63 d", figures["volatility"]),
            rx.cond(
                about["pair"] == "",
                rx.fragment(
                    fact(
                        rx.cond(figures["beta_of"] != "", "Beta against " + figures["beta_of"], "Beta"),
                        figures["beta"],
                    ),
                    fact("Sector", rx.cond(about["sector"] != "", about["sector"], "–")),
                ),
            ),
            fact(rx.cond(about["pair"] == "", "Exchange", "Market"), about["exchange"]),
            fact("Kind", about["kind"]),
            fact("Currency", about["currency"]),
            fact("Tick size", about["tick"]),
            fact("Lot size", about["lot"]),
            rx.cond(about["isin"] != "", fact("ISIN", about["isin"])),
            rx.cond(about["figi"] != "", fact("FIGI", about["figi"])),
            class_name="facts",
        ),
        rx.el.div(
            rx.el.span("52 weeks", class_name="k"),
            rx.el.span(figures["low"], class_name="mono"),
            rx.el.div(
                rx.cond(
                    figures["place"] != "",
                    rx.el.i(style={"left": figures["place"] + "%"}, aria_hidden="true"),
                ),
                class_name="track",
                role="img",
                aria_label="The last price lies " + figures["place"] + " % of the way from low to high",
            ),
            rx.el.span(figures["high"], class_name="mono"),
            class_name="yearrange",
        ),
        rx.el.p("Figures ", figures["note"], ". ", about["data"], class_name="muted small footnote"),
    )


def _returns() -> rx.Component:
    rows = rx.foreach(
        SymbolState.returns,
        lambda one: rx.el.tr(
            rx.el.th(one["period"], scope="row"), td(rx.el.span(one["text"], class_name=one["dir"]), num=True)
        ),
    )
    return panel(
        "Price returns",
        rx.cond(
            SymbolState.ready,
            table([th("Period"), th("Return", num=True)], rows, "Price returns"),
            skeleton_rows(5),
        ),
    )


def _related() -> rx.Component:
    rows = rx.foreach(
        SymbolState.related,
        lambda one: rx.el.tr(
            td(
                rx.el.a(one["symbol"], href="/markets/" + one["symbol"], class_name="sym"),
                rx.cond(one["held"] == "yes", rx.el.span("held", class_name="badge quiet")),
            ),
            td(one["text"], num=True, class_name="coefficient"),
            td(one["words"], class_name="muted small"),
            custom_attrs={"data-tint": one["tint"]},
        ),
    )
    head = [th("Symbol"), th("120 sessions", num=True), th("In words")]
    nothing = "Correlations with your holdings and your first watchlist stand here."
    return panel(
        "Moves with what you have",
        rx.cond(
            SymbolState.ready,
            rx.cond(
                SymbolState.related.length() > 0,
                rx.el.div(
                    table(head, rows, "Correlation with your symbols"),
                    class_name="correlated",
                ),
                empty("Nothing to compare with", nothing),
            ),
            skeleton_rows(8),
        ),
        extra=rx.el.a("Table", href="/markets/correlation", class_name="link"),
    )


def _actions() -> rx.Component:
    state = SymbolState
    rows = rx.foreach(
        state.actions,
        lambda one: rx.el.tr(
            td(one["day"], rx.cond(one["ahead"] == "yes", rx.el.span("ahead", class_name="badge quiet"))),
            td(one["kind"]),
            td(one["text"], class_name="mono"),
            td(one["more"], class_name="muted small"),
        ),
    )
    head = [th("Day"), th("What"), th("As declared"), th("More")]
    return rx.cond(
        state.ready,
        rx.cond(
            state.actions.length() > 0,
            table(head, rows, "Corporate actions"),
            empty("Nothing is known", state.actions_note),
        ),
        skeleton_rows(4),
    )


def _all_news() -> rx.Component:
    return rx.el.a("All of it", href="/news?symbol=" + SymbolState.symbol, class_name="link")


def _news() -> rx.Component:
    return rx.cond(
        SymbolState.ready,
        rx.cond(
            SymbolState.news.length() > 0,
            stories(SymbolState.news, brief=True),
            empty("No news on this symbol", "Stories that name it are listed here."),
        ),
        skeleton_rows(4),
    )
