"""Stories as lists show them: text only, links that tell nobody where they came from, the mood in a word and a sign."""

import reflex as rx

from starkmatter.ui.components.parts import empty, panel, skeleton_rows
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.news import NewsPanelState
from starkmatter.ui.state.trade import TradeState


def stories(rows: rx.Var, *, brief: bool = False) -> rx.Component:
    """The stories in order; `brief` leaves their summaries out."""
    return rx.el.div(rx.foreach(rows, lambda row: _story(row, brief)), class_name="stories")


def _story(row: rx.Var, brief: bool) -> rx.Component:
    title = rx.cond(
        row["url"] != "",
        rx.el.a(row["title"], href=row["url"], target="_blank", rel="noopener noreferrer", class_name="title"),
        rx.el.span(row["title"], class_name="title"),
    )
    return rx.el.article(
        rx.el.div(
            rx.cond(
                row["sample"] == "yes",
                rx.el.span("SAMPLE", class_name="badge sample", title="An invented item of the " + row["source"]),
                rx.el.span(row["source"], row["others"], class_name="source", title=row["sources"]),
            ),
            rx.el.time(row["age"], title=row["at"], date_time=row["iso"]),
            _tags(row) if brief else rx.fragment(),
            rx.el.span(class_name="push"),
            rx.el.span(
                row["mood"],
                " ",
                rx.el.span(row["score"], class_name="mono"),
                class_name="mood " + row["dir"],
                title="How the headline sounds, from −1 to 1, read by a word list",
            ),
            class_name="line",
        ),
        rx.el.h3(title),
        rx.fragment() if brief else rx.cond(row["summary"] != "", rx.el.p(row["summary"], class_name="soft")),
        rx.fragment() if brief else _tags(row),
        class_name="story",
    )


def _tags(row: rx.Var) -> rx.Component:
    return rx.cond(
        row["symbols"] != "",
        rx.el.div(
            rx.foreach(
                row["symbols"].to(str).split(" "),
                lambda symbol: rx.el.a(symbol, href="/trade/" + symbol.to(str), class_name="tag"),
            ),
            class_name="tags",
        ),
    )


def symbol_news() -> rx.Component:
    """The newest stories on the symbol of the page."""
    nothing = empty("No news on this symbol", "Stories that name it are listed here.")
    return _panel("News", nothing, "/news?symbol=" + TradeState.symbol_shown)


def holdings_news() -> rx.Component:
    """The newest stories on what the chosen account holds."""
    nothing = rx.cond(
        NewsPanelState.holds,
        empty(
            "Nothing new on your holdings",
            rx.cond(
                FrameState.account["venue"] == "market",
                "Stories that name what you hold are listed here; a NewsAPI key brings more of them.",
                "Stories that name what you hold are listed here.",
            ),
        ),
        empty("No holdings to follow", "Once you hold something, the news on it is listed here."),
    )
    return _panel("News on your holdings", nothing, "/news")


def _panel(title: str, nothing: rx.Component, more: rx.Var | str) -> rx.Component:
    return panel(
        title,
        rx.cond(
            NewsPanelState.ready,
            rx.cond(NewsPanelState.items.length() > 0, stories(NewsPanelState.items, brief=True), nothing),
            skeleton_rows(3),
        ),
        extra=rx.el.a("More news", href=more, class_name="btn tiny"),
    )
