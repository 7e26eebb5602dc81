"""Two panels for admins on the settings page of connections: the sources of market data in order, and data health."""

import reflex as rx

from starkmatter.ui.components.parts import empty, panel, problem_note, table, td, th
from starkmatter.ui.state.data_health import DataHealthState


def source_panels() -> rx.Component:
    """Order, meters and last answers of each source; then what came of them and what was refused."""
    return rx.fragment(
        problem_note(DataHealthState.problem),
        panel(
            "Sources of market data",
            rx.cond(
                DataHealthState.silent,
                _told(rx.el.p("The worker has said nothing of its sources for a minute.", class_name="note bad")),
            ),
            rx.cond(
                DataHealthState.note != "",
                _told(rx.el.p(DataHealthState.note, class_name="note bad", role="status")),
            ),
            _order(),
            _told(
                rx.el.p(
                    "The first is asked first; what it cannot give comes from the next, and every price names its "
                    "source. Requests are counted for all of this installation, by minute and by day (UTC).",
                    class_name="muted small",
                )
            ),
            class_name="w12",
        ),
        panel("Data health", _health(), _refused(), class_name="w12"),
    )


def _told(words: rx.Component) -> rx.Component:
    return rx.el.div(words, style={"padding": "10px 14px"})


def _order() -> rx.Component:
    return table(
        [
            th("Order"),
            th("Source"),
            th("State"),
            th("This minute", num=True),
            th("Today", num=True),
            th("Last good answer"),
            th("Last failure"),
        ],
        rx.foreach(
            DataHealthState.sources,
            lambda row: rx.el.tr(
                td(
                    rx.el.div(
                        _move(row, "Ask {} earlier", "↑", row["first"], up=True),
                        _move(row, "Ask {} later", "↓", row["last"], up=False),
                        style={"display": "flex", "gap": "4px"},
                    )
                ),
                td(row["place"], ". ", row["vendor"]),
                td(_state(row)),
                td(_meter(row, "minute"), num=True),
                td(_meter(row, "day"), num=True),
                td(row["last_ok"], class_name="muted"),
                td(row["last_failed"], rx.el.span(" ", row["failed_words"], class_name="muted small")),
                key=row["adapter"],
                custom_attrs={"data-source": row["adapter"]},
            ),
        ),
        "Sources of market data",
    )


def _move(row: rx.Var, label: str, sign: str, at_end: rx.Var, *, up: bool) -> rx.Component:
    before, after = label.split("{}")
    return rx.el.button(
        sign,
        type="button",
        class_name="btn tiny",
        aria_label=before + row["vendor"] + after,
        disabled=at_end == "yes",
        on_click=DataHealthState.move(row["adapter"], up),
    )


def _state(row: rx.Var) -> rx.Component:
    return rx.cond(
        row["status"] != "",
        rx.el.span(row["state"], class_name="status", custom_attrs={"data-status": row["status"]}),
        rx.el.span(row["state"], class_name="badge quiet"),
    )


def _meter(row: rx.Var, span: str) -> rx.Component:
    return rx.fragment(
        rx.cond(
            row[f"{span}_limit"] != "",
            rx.el.meter(
                min="0",
                max=row[f"{span}_limit"],
                value=row[f"{span}_used"],
                aria_label=row["vendor"] + ": requests used of the " + span,
            ),
        ),
        " ",
        row[span],
    )


def _health() -> rx.Component:
    return table(
        [
            th("Source"),
            th("Answers", num=True),
            th("Failures", num=True),
            th("Refused, 24 h", num=True),
            th("Suspects, 24 h", num=True),
            th("Newest quote", num=True),
        ],
        rx.foreach(
            DataHealthState.sources,
            lambda row: rx.el.tr(
                td(row["vendor"]),
                td(row["answers"], num=True),
                td(row["failures"], num=True),
                td(row["refused"], num=True),
                td(row["suspects"], num=True),
                td(row["age"], num=True),
                key=row["adapter"],
                custom_attrs={"data-health": row["adapter"]},
            ),
        ),
        "Data health of each source",
    )


def _refused() -> rx.Component:
    return rx.cond(
        DataHealthState.refusals.length() == 0,
        empty("Nothing was refused", "What a source sends that cannot be a price is kept out, counted and shown here."),
        rx.fragment(
            _told(rx.el.h3("Refused data")),
            _rows(),
        ),
    )


def _rows() -> rx.Component:
    return table(
        [th("When"), th("Source"), th("Symbol"), th("What"), th("Why"), th("Times", num=True), th("Excerpt")],
        rx.foreach(
            DataHealthState.refusals,
            lambda row: rx.el.tr(
                td(row["at"], class_name="muted"),
                td(row["provider"]),
                td(row["symbol"]),
                td(row["what"]),
                td(row["reason"]),
                td(row["times"], num=True),
                td(rx.el.code(row["excerpt"], class_name="small")),
            ),
        ),
        "Refused data",
    )
