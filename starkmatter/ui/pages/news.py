"""The page of news: what was written about the market, one's holdings or one symbol; and the feeds, for admins."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.news import stories
from starkmatter.ui.components.parts import empty, panel, problem_note, segment, skeleton_rows, table, td, th
from starkmatter.ui.components.tabs import settings_tabs
from starkmatter.ui.live.components import RestForm
from starkmatter.ui.pages.admin import for_admins
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.news import FeedsState, NewsState


def news() -> rx.Component:
    """Stories on the market of the chosen account."""
    return framed(
        "News",
        rx.fragment(
            problem_note(NewsState.problem),
            _choices(),
            rx.el.div(
                rx.el.div(
                    rx.el.section(
                        rx.el.h2("Stories", class_name="sr"), _list(), class_name="panel", aria_label="Stories"
                    ),
                    _older(),
                    class_name="grid w8",
                ),
                rx.el.div(_about(), class_name="grid w4"),
                class_name="grid dash",
            ),
        ),
        on_order=[NewsState.follow_account],
        on_pulse=[NewsState.refresh],
    )


def _choices() -> rx.Component:
    return rx.el.div(
        segment(
            [("all", "All"), ("holdings", "My holdings"), ("symbol", "One symbol")],
            NewsState.choice,
            NewsState.choose,
            "Which stories",
        ),
        rx.cond(
            NewsState.choice == "symbol",
            rx.el.form(
                rx.el.input(
                    name="symbol",
                    default_value=NewsState.symbol,
                    key=NewsState.symbol,
                    placeholder="AAPL",
                    aria_label="Symbol",
                    class_name="input",
                    max_length=20,
                    auto_complete="off",
                ),
                rx.el.button("Show", type="submit", class_name="btn tiny"),
                on_submit=NewsState.look_for,
                class_name="against",
            ),
        ),
        rx.el.span(class_name="grow"),
        class_name="question",
    )


def _list() -> rx.Component:
    return rx.cond(
        NewsState.ready,
        rx.cond(NewsState.items.length() > 0, stories(NewsState.items), _nothing()),
        skeleton_rows(8),
    )


def _nothing() -> rx.Component:
    on_market = rx.cond(
        FrameState.is_admin,
        empty(
            "No market news yet",
            "A NewsAPI key adds headlines on what you hold; a feed adds its own.",
            rx.el.div(
                rx.el.a("Add a feed", href="/settings/news", class_name="btn primary"),
                rx.el.a("Enter a key", href="/settings/connections", class_name="btn"),
                class_name="actions",
            ),
        ),
        empty("No market news yet", "An admin can add a NewsAPI key or feeds; what they bring is listed here."),
    )
    return rx.cond(
        (NewsState.choice == "holdings") & ~NewsState.holds,
        empty(
            "You hold nothing yet",
            "Stories that name what you hold are listed here.",
            rx.el.a("Open a ticket", href="/trade/AAPL", class_name="btn primary"),
        ),
        rx.cond(
            (NewsState.choice == "symbol") & (NewsState.symbol == ""),
            empty("Which symbol?", "Type one above, such as AAPL."),
            rx.cond(
                NewsState.choice != "all",
                empty("Nothing on that", "No story of the last weeks names it."),
                rx.cond(
                    NewsState.venue == "market",
                    on_market,
                    empty("No sample news yet", "Items are written each time a session of the replay closes."),
                ),
            ),
        ),
    )


def _older() -> rx.Component:
    return rx.cond(
        NewsState.before != "",
        rx.el.div(
            rx.el.button("Older", type="button", class_name="btn", on_click=NewsState.older), class_name="actions"
        ),
    )


def _about() -> rx.Component:
    practice = panel(
        "Sample news",
        rx.el.div(
            rx.el.p(
                "On the replay market the news is invented for practice and labeled SAMPLE. Its figures are the "
                "replay's own history, dated on its clock and never ahead of it; nothing else in it is a report."
            ),
            class_name="body soft small",
        ),
    )
    return rx.fragment(
        rx.cond(NewsState.venue == "market", panel("Sources", _sources(), extra=_to_feeds()), practice),
        panel(
            "How it sounds",
            rx.el.div(
                rx.el.p(
                    "Bullish, neutral or bearish is what a list of words makes of a headline. It knows neither whether "
                    "it is true nor whom it is about."
                ),
                class_name="body soft small",
            ),
        ),
    )


def _to_feeds() -> rx.Component:
    return rx.cond(FrameState.is_admin, rx.el.a("Feeds", href="/settings/news", class_name="btn tiny"))


def _enter_key() -> rx.Component:
    return rx.el.a("Enter a key", href="/settings/connections", class_name="inline")


def _sources() -> rx.Component:
    return rx.cond(
        NewsState.sources.length() > 0,
        rx.fragment(
            rx.el.ul(
                rx.foreach(
                    NewsState.sources,
                    lambda row: rx.el.li(
                        _dot(row), rx.el.div(rx.el.b(row["title"]), rx.el.span(row["words"], class_name="muted small"))
                    ),
                ),
                class_name="health",
            ),
            rx.cond(
                ~NewsState.has_key,
                rx.el.p(
                    "A NewsAPI key adds headlines on what you hold. ",
                    rx.cond(FrameState.is_admin, _enter_key()),
                    class_name="muted small footnote",
                ),
            ),
        ),
        empty("No sources", "With a feed or a NewsAPI key this page fills."),
    )


def _dot(row: rx.Var) -> rx.Component:
    return rx.el.span(class_name="dot", custom_attrs={"data-fresh": row["look"]}, aria_hidden="true")


def feeds() -> rx.Component:
    """Which feeds are read."""
    return framed(
        "Settings",
        rx.fragment(
            rx.el.h1("Settings", style={"marginBottom": "14px"}),
            settings_tabs("News"),
            for_admins(
                problem_note(FeedsState.problem),
                rx.cond(FeedsState.said != "", rx.el.div(FeedsState.said, class_name="note good", role="status")),
                rx.el.div(
                    panel("Feeds", _feeds(), extra=_collect(), class_name="w12"),
                    panel("Add a feed", _form(), class_name="w12"),
                    class_name="grid dash",
                ),
            ),
        ),
        on_pulse=[FeedsState.load],
        steady=True,
    )


def _collect() -> rx.Component:
    return rx.el.button("Collect now", type="button", class_name="btn tiny", on_click=FeedsState.collect)


def _form() -> rx.Component:
    return rx.el.div(
        RestForm.create(
            rx.el.div(
                rx.el.div(
                    rx.el.label("Address", html_for="feed-url"),
                    rx.el.input(
                        id="feed-url",
                        name="url",
                        type="url",
                        required=True,
                        max_length=500,
                        placeholder="https://example.org/feed.xml",
                        auto_complete="off",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("Name (empty: its own)", html_for="feed-title"),
                    rx.el.input(id="feed-title", name="title", max_length=60, auto_complete="off", class_name="input"),
                    class_name="field",
                ),
                class_name="fields",
            ),
            rx.el.div(
                rx.el.button("Read and add it", type="submit", class_name="btn primary"),
                rx.el.span(
                    "RSS or Atom on the public internet. It is read once now, then every 15 minutes.",
                    class_name="muted small",
                ),
                class_name="actions",
            ),
            action="/api/v1/news/feeds",
            on_done=FeedsState.load,
        ),
        class_name="body",
    )


def _feeds() -> rx.Component:
    head = [th("Feed"), th("State", class_name="wideonly-cell"), th("")]

    def row(one: rx.Var) -> rx.Component:
        state = rx.fragment(_dot(one), " ", rx.el.span(one["words"], class_name="soft small"))
        return rx.el.tr(
            td(
                rx.el.b(one["title"]),
                rx.cond(one["shipped"] == "yes", rx.el.span("official", class_name="badge quiet")),
                rx.el.div(one["url"], class_name="muted small"),
                rx.el.div(state, class_name="phoneline"),
                class_name="wrapped",
            ),
            td(state, class_name="wrapped wideonly-cell"),
            td(
                rx.el.div(
                    rx.cond(
                        one["on"] == "yes",
                        _button("Pause", one, FeedsState.switch(one["id"], False)),
                        _button("Resume", one, FeedsState.switch(one["id"], True)),
                    ),
                    _button("Remove", one, FeedsState.remove(one["id"]), "danger"),
                    class_name="actions end",
                ),
                num=True,
            ),
        )

    nothing = empty("No feeds", "Add the address of an RSS or Atom feed below.")
    return rx.cond(
        FeedsState.ready,
        rx.cond(FeedsState.feeds.length() > 0, table(head, rx.foreach(FeedsState.feeds, row), "Feeds"), nothing),
        skeleton_rows(3),
    )


def _button(words: str, row: rx.Var, event: rx.event.EventSpec, look: str = "") -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name=f"btn tiny {look}".strip(),
        aria_label=words + " " + row["title"].to(str),
        on_click=event,
    )
