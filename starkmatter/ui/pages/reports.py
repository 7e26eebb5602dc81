"""Portfolio, Reports: make one, have it mailed, share it by a link; what is mailed and which links are out."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import empty, panel, problem_note, skeleton_rows, table, tabs, td, th
from starkmatter.ui.live.components import ReportDesk
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.reports import ReportsState


def reports() -> rx.Component:
    """The desk, then what follows from it."""
    state = ReportsState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Reports", "Portfolio pages"),
            problem_note(state.problem),
            rx.el.div(
                panel("A report", rx.cond(state.ready, _desk(), skeleton_rows(6)), class_name="w12 report-room"),
                panel("Reports by mail", _schedules(), class_name="w12"),
                panel("Links", _links(), class_name="w12"),
                class_name="grid dash",
            ),
        ),
        heading="Reports",
    )


def _desk() -> rx.Component:
    state = ReportsState
    return rx.cond(
        state.chosen != "",
        ReportDesk.create(
            accounts=state.accounts,
            chosen=state.chosen,
            periods=state.periods,
            benchmarks=state.benchmarks,
            mail_ready=state.mail_ready,
            mail_to=state.mail_to,
            on_done=state.load,
        ),
        empty("No account yet", "A report is of an account. Open the first one under Settings, Accounts."),
    )


def _schedules() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["every"]), rx.el.div(one["what"], class_name="muted small"), class_name="wrapped"),
            td(
                one["mail"],
                rx.el.div(one["last"], class_name="muted small"),
                rx.cond(one["words"] != "", rx.el.div(one["words"], class_name="small")),
                class_name="soft wrapped",
            ),
            td(
                rx.el.button(
                    "Stop",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=ReportsState.stop(one["id"]),
                    aria_label="Stop mailing: " + one["every"] + " " + one["what"],
                ),
                num=True,
            ),
        )

    return _list(
        ReportsState.schedules,
        [th("Report"), th("Last mail"), th("")],
        row,
        "Reports by mail",
        empty("Nothing is mailed", "Choose what a report is to be of above, then how often it comes."),
    )


def _links() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(
                rx.el.b(one["label"]),
                rx.el.div(one["what"], class_name="muted small"),
                rx.el.div("link ", rx.el.span(one["hint"], class_name="mono"), class_name="muted small"),
                class_name="wrapped",
            ),
            td(
                one["used"],
                rx.el.div(one["place"], class_name="muted small"),
                class_name="soft wideonly-cell wrapped",
            ),
            td(
                one["ends"],
                rx.cond(one["ended"] == "yes", rx.el.div("has ended", class_name="muted small")),
                rx.el.div("used ", one["used"], class_name="phoneline muted small"),
                class_name="soft wrapped",
            ),
            td(
                rx.el.button(
                    "Revoke",
                    type="button",
                    class_name="btn tiny danger",
                    on_click=ReportsState.revoke(one["id"]),
                    aria_label="Revoke the link: " + one["label"],
                ),
                num=True,
            ),
        )

    return _list(
        ReportsState.links,
        [th("For"), th("Last used", class_name="wideonly-cell"), th("Ends"), th("")],
        row,
        "Links",
        empty("No link is out", "A link shows one report to somebody without an account, until it ends or you end it."),
    )


def _list(rows: rx.Var, head: list[rx.Component], row, label: str, nothing: rx.Component) -> rx.Component:
    listed = rx.cond(rows.length() > 0, table(head, rx.foreach(rows, row), label), nothing)
    return rx.cond(ReportsState.ready, listed, skeleton_rows(3))
