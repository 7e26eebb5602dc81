"""The heat map of the market and its movers; the same figures as a table for whoever would rather read."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    empty,
    live,
    panel,
    problem_note,
    segment,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.live.components import HeatMap
from starkmatter.ui.pages.markets import PAGES
from starkmatter.ui.state.markets_map import MapState

NO_BARS = "Prices of the symbols that are known here fill it; look some up with the search."


def market_map() -> rx.Component:
    """Every symbol of the market at a glance."""
    state = MapState
    return framed(
        "Markets",
        rx.fragment(
            tabs(PAGES, "Heat map", "Markets pages"),
            problem_note(state.problem),
            rx.el.section(
                rx.el.header(
                    rx.el.h2("The market by sector"),
                    rx.el.span(state.words, class_name="muted small wideonly"),
                    rx.el.span(class_name="push"),
                    segment([("value", "Traded value"), ("equal", "Equal")], state.area, state.choose_area, "Areas"),
                    segment([("map", "Map"), ("table", "Table")], state.view, state.choose_view, "View"),
                ),
                rx.cond(
                    state.ready & (state.tiles.length() == 0),
                    empty("No symbol has a day yet", NO_BARS),
                    rx.cond(state.view == "map", _map(), _all()),
                ),
                class_name="panel",
            ),
            rx.el.div(
                panel("Gainers", _movers(state.gainers, "Gainers", "No symbol has risen."), class_name="w4"),
                panel("Losers", _movers(state.losers, "Losers", "No symbol has fallen."), class_name="w4"),
                panel("Most active", _active(), class_name="w4"),
                class_name="grid dash movers",
            ),
        ),
        on_order=[state.load],
        on_pulse=[state.pulse],
        heading="Heat map",
    )


def _map() -> rx.Component:
    state = MapState
    return rx.fragment(
        rx.el.div(
            rx.cond(
                state.ready,
                HeatMap.create(
                    tiles=state.tiles,
                    by_sector=state.by_sector,
                    label="Map of the market: a tile for each symbol, colored by its change",
                ),
                rx.el.div(class_name="skeleton"),
            ),
            class_name="heatslot",
        ),
        rx.el.div(
            rx.el.div(
                *[
                    rx.el.span(words, custom_attrs={"data-tint": tint})
                    for words, tint in (
                        ("−3.5 %", "down4"),
                        ("−2 %", "down3"),
                        ("−1 %", "down2"),
                        ("−¼ %", "down1"),
                        ("0", "flat"),
                        ("+¼ %", "up1"),
                        ("+1 %", "up2"),
                        ("+2 %", "up3"),
                        ("+3.5 %", "up4"),
                    )
                ],
                class_name="heatkey",
                aria_hidden="true",
            ),
            rx.el.span(state.sizes, class_name="muted small"),
            rx.el.span(class_name="push"),
            rx.el.label(
                rx.el.input(type="checkbox", id="by-sector", checked=state.by_sector, on_change=state.choose_groups),
                rx.el.span("Sectors together"),
                html_for="by-sector",
                class_name="checkline",
            ),
            class_name="heatfoot",
        ),
    )


def _all() -> rx.Component:
    head = [
        th("Symbol"),
        th("Sector", class_name="wideonly-cell"),
        th("Last", num=True),
        th("Change %", num=True),
        th("Volume", num=True, class_name="wideonly-cell"),
        th("Traded a day", num=True),
    ]

    def row(one: rx.Var) -> rx.Component:
        symbol = one["symbol"]
        return rx.el.tr(
            td(_name(one)),
            td(one["sector"], class_name="soft wideonly-cell"),
            td(live(symbol, "last", one["last"]), num=True),
            td(live(symbol, "changepct", one["change"], one["dir"], still=""), num=True),
            td(one["volume"], num=True, class_name="wideonly-cell"),
            td(one["value"], num=True),
        )

    return rx.el.div(table(head, rx.foreach(MapState.tiles, row), "The market"), class_name="maptable")


def _movers(rows: rx.Var, label: str, nothing: str) -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        symbol = one["symbol"]
        return rx.el.tr(
            td(_name(one)),
            td(live(symbol, "last", one["last"]), num=True),
            td(live(symbol, "changepct", one["change"], one["dir"], still=""), num=True),
        )

    head = [th("Symbol"), th("Last", num=True), th("Change %", num=True)]
    return _listed(rows, table(head, rx.foreach(rows, row), label), nothing)


def _active() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        symbol = one["symbol"]
        return rx.el.tr(
            td(_name(one)),
            td(live(symbol, "changepct", one["change"], one["dir"], still=""), num=True),
            td(one["volume"], num=True),
        )

    head = [th("Symbol"), th("Change %", num=True), th("Volume", num=True)]
    return _listed(
        MapState.active,
        table(head, rx.foreach(MapState.active, row), "Most active"),
        "No volume is stored for this session.",
    )


def _listed(rows: rx.Var, filled: rx.Component, nothing: str) -> rx.Component:
    return rx.cond(
        MapState.ready,
        rx.cond(rows.length() > 0, filled, rx.el.p(nothing, class_name="muted small foot")),
        skeleton_rows(8),
    )


def _name(one: rx.Var) -> rx.Component:
    symbol = one["symbol"]
    return rx.fragment(
        rx.el.a(symbol, href="/markets/" + symbol, class_name="sym"),
        rx.el.span(one["name"], class_name="muted small company"),
    )
