"""Optimize: weights that the worker looked for, beside the present ones, and the button that makes them targets."""

import reflex as rx

from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    empty,
    panel,
    percent_field,
    problem_note,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.live.components import FollowImport
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.optimizing import GOAL_NAMES, OptimizingState

WHAT = {
    "least_risk": "The mix that varied least (minimum variance).",
    "equal_risk": "Each position has the same part in the variance (risk parity).",
    "best_ratio": "The most return for its volatility (maximum Sharpe ratio).",
}
WINDOWS = [("252", "a year"), ("504", "two years"), ("756", "three years"), ("1260", "five years")]
BOUNDS = "Of the invested part, one group a line: Technology 40 (at most), or Health Care 10-30."


def optimizing() -> rx.Component:
    """The question, and its answer."""
    state = OptimizingState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Optimize", "Portfolio pages"),
            FollowImport.create(active=state.moving, on_look=OptimizingState.look),
            problem_note(state.problem),
            rx.el.div(
                panel("Look for weights", _question(), class_name="w5"),
                panel("Weights", _answer(), class_name="w7"),
                rx.cond(state.history.length() > 0, panel("Asked before", _history(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
        heading="Optimize",
    )


def _question() -> rx.Component:
    form = rx.el.form(
        rx.el.fieldset(
            rx.el.legend("Weights with", class_name="label"),
            *[_option("goal", goal, name, WHAT[goal], goal == "least_risk") for goal, name in GOAL_NAMES.items()],
            class_name="options",
        ),
        rx.el.div(
            rx.el.div(
                rx.el.label("Of", html_for="optimize-of"),
                rx.el.select(
                    rx.el.option("What the account holds", value=""),
                    rx.foreach(OptimizingState.lists, lambda one: rx.el.option(one["name"], value=one["id"])),
                    id="optimize-of",
                    name="of",
                    class_name="input",
                ),
                class_name="field",
            ),
            rx.el.div(
                rx.el.label("Looking back on", html_for="optimize-days"),
                rx.el.select(
                    *[rx.el.option(text, value=value) for value, text in WINDOWS],
                    id="optimize-days",
                    name="days",
                    default_value="504",
                    class_name="input",
                ),
                class_name="field",
            ),
            class_name="approvalfields",
        ),
        rx.el.div(
            _percent("Each at least, %", "least", "0"),
            _percent("Each at most, %", "most", "100"),
            class_name="approvalfields",
        ),
        rx.el.div(
            _percent("Kept in cash, %", "cash", "0"),
            _percent("Risk-free, % a year", "free", "0"),
            class_name="approvalfields",
        ),
        rx.el.details(
            rx.el.summary("Bounds of groups"),
            rx.el.div(
                rx.el.div(
                    rx.el.label("Groups are", html_for="optimize-by"),
                    rx.el.select(
                        rx.el.option("None", value=""),
                        rx.el.option("Sectors", value="sector"),
                        rx.el.option("Classes", value="class"),
                        id="optimize-by",
                        name="by",
                        class_name="input",
                    ),
                    class_name="field",
                ),
                rx.el.div(
                    rx.el.label("Bounds, in percent", html_for="optimize-bounds"),
                    rx.el.textarea(
                        id="optimize-bounds",
                        name="bounds",
                        rows="3",
                        max_length=2_000,
                        placeholder="Technology 40",
                        spell_check=False,
                        class_name="input mono",
                    ),
                    rx.el.p(BOUNDS, class_name="muted small"),
                    class_name="field",
                ),
                class_name="grid",
            ),
        ),
        rx.el.p("Nothing is owed and nothing is traded by it.", class_name="muted small"),
        rx.el.div(
            rx.el.button("Look for weights", type="submit", disabled=OptimizingState.moving, class_name="btn primary"),
            class_name="actions",
        ),
        on_submit=OptimizingState.ask,
        class_name="body grid",
    )
    looks = empty("For those who trade", "Whoever trades has weights looked for.")
    return rx.cond(OptimizingState.ready, rx.cond(FrameState.may_trade, form, looks), skeleton_rows())


def _option(name: str, value: str, title: str, about: str, chosen: bool) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="radio", name=name, value=value, default_checked=chosen),
        rx.el.span(rx.el.b(title), rx.el.span(about, class_name="soft small")),
        class_name="option",
    )


def _percent(label: str, name: str, value: str) -> rx.Component:
    return percent_field(label, f"optimize-{name}", name, value)


def _answer() -> rx.Component:
    state = OptimizingState
    one = state.current
    nothing = empty(
        "No weights yet", "Say on the left what they are to be good for. You see them here beside the present ones."
    )
    waits = rx.el.div(
        rx.el.b(one["goal"]), rx.el.p(one["state"], class_name="soft", role="status"), skeleton_rows(),
        class_name="body grid",
    )  # fmt: skip
    failed = rx.el.div(
        rx.el.b(one["goal"]), rx.el.div(one["words"], class_name="note warn", role="status"), class_name="body grid"
    )
    return rx.cond(
        state.ready,
        rx.match(one["stage"], ("moving", waits), ("failed", failed), ("done", _found()), nothing),
        skeleton_rows(),
    )


def _found() -> rx.Component:
    state = OptimizingState
    one = state.current
    seldom = "wideonly-cell"

    def estimate(name: str, key: str) -> rx.Component:
        return rx.el.tr(td(name), td(one[f"{key}_now"], num=True), td(rx.el.b(one[f"{key}_new"]), num=True))

    def row(part: rx.Var) -> rx.Component:
        bar = rx.el.span(class_name="fallbar", style={"width": part["width"]}, aria_hidden="true")
        return rx.el.tr(
            td(rx.el.b(part["symbol"]), " ", rx.el.span(part["group"], class_name="muted small"), class_name="wrapped"),
            td(part["now"], num=True),
            td(rx.el.b(part["proposed"]), num=True),
            td(part["change"], num=True, class_name=seldom),
            td(part["risk"], num=True),
            td(bar, class_name=f"{seldom} sharecell"),
        )

    return rx.fragment(
        rx.el.div(
            rx.el.p(rx.el.b(one["goal"]), ", from ", one["window"], ".", class_name="soft"),
            rx.cond(one["cash"] != "", rx.el.p(one["cash"], " of the account stays in cash.", class_name="soft small")),
            rx.cond(one["note"] != "", rx.el.p(one["note"], class_name="soft small")),
            class_name="body grid",
        ),
        table(
            [
                th("Symbol"),
                th("Now", num=True),
                th("Proposed", num=True),
                th("Points", num=True, class_name=seldom),
                th("Of the risk", num=True),
                th("", class_name=seldom),
            ],
            rx.foreach(state.parts, row),
            "Weights now and as proposed",
        ),
        table(
            [th("Estimate of a year, all invested"), th("Now", num=True), th("Proposed", num=True)],
            rx.fragment(
                estimate("Expected return", "return"),
                estimate("Volatility", "volatility"),
                estimate("Sharpe ratio", "sharpe"),
            ),
            "Estimates",
        ),
        rx.el.div(
            rx.el.div(state.caution, class_name="note warn"),
            rx.cond(
                FrameState.may_trade,
                rx.el.div(
                    rx.el.button(
                        "Make these the targets", type="button", class_name="btn primary", on_click=state.take
                    ),
                    rx.el.span(
                        "Replaces the account's targets; trades are proposed from them. What it holds beside these "
                        "symbols counts as 0 % then.",
                        class_name="muted small",
                    ),
                    class_name="actions",
                ),
            ),
            class_name="body grid",
        ),
    )


def _history() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["goal"])),
            td(one["at"]),
            td(one["state"], class_name="muted"),
            td(
                rx.el.button(
                    "Show",
                    type="button",
                    class_name="btn ghost",
                    aria_label="Show " + one["goal"] + ", " + one["at"],
                    on_click=OptimizingState.open(one["id"]),
                ),
                num=True,
            ),
        )

    head = [th("Weights with"), th("Asked"), th("State"), th("")]
    return table(head, rx.foreach(OptimizingState.history, row), "Asked before")
