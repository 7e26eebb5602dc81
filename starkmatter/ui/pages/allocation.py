"""Allocation: what the account consists of, what it is to consist of, and the orders that would bring it there."""

import reflex as rx

from starkmatter.ui.components.beside import beside
from starkmatter.ui.components.frame import framed
from starkmatter.ui.components.parts import (
    empty,
    figure,
    panel,
    percent_field,
    problem_note,
    segment,
    skeleton_rows,
    table,
    tabs,
    td,
    th,
)
from starkmatter.ui.pages.portfolio import PAGES
from starkmatter.ui.state.allocation import AllocationState, RebalanceState
from starkmatter.ui.state.frame import FrameState

CUTS = [
    ("class", "Class"),
    ("sector", "Sector"),
    ("symbol", "Symbol"),
    ("country", "Country"),
    ("currency", "Currency"),
    ("account", "Account"),
    ("tag", "Tag"),
]
OF_CUTS = {
    "country": "The country of the ISIN, where one is known: for shares that of the company's registration.",
    "tag": "A symbol counts under each of its tags, so that these may be more than the whole together.",
}
HOW = (
    "A name and a percentage a line; with the cash they add up to 100. What is held and not named counts as 0 %. "
    "Within the band, in points to either side, nothing is traded."
)
WHAT_IT_DOES = (
    "Trades as few parts as it can: only those out of their band, of each its largest position, never past the target. "
    "Cost and gains are estimates at the prices now. You review the basket before anything is sent."
)

TRYING = "A branch is a paper account of its own with what this one has now; this one stays as it is."


def allocation() -> rx.Component:
    """Cuts, targets with drift, and a proposal."""
    state = AllocationState
    return framed(
        "Portfolio",
        rx.fragment(
            tabs(PAGES, "Allocation", "Portfolio pages"),
            problem_note(state.problem),
            rx.cond(state.said != "", rx.el.div(state.said, class_name="note good", role="status")),
            rx.foreach(state.missing, lambda one: rx.el.div(one, class_name="note warn")),
            rx.el.div(
                panel("Allocation", _cuts(), class_name="w7"),
                panel("Targets", _targets(), class_name="w5"),
                rx.cond(state.drifts.length() > 0, panel("Drift", _drifts(), class_name="w7")),
                rx.cond(state.targets["set"] == "yes", panel("Rebalance", _rebalance(), class_name="w5")),
                rx.cond(RebalanceState.proposal["shown"] == "yes", panel("Proposal", _proposal(), class_name="w12")),
                beside(),
                rx.cond(state.symbols.length() > 0, panel("Tags", _tags(), class_name="w12")),
                class_name="grid dash",
            ),
        ),
        on_order=[state.refresh],
        heading="Allocation",
    )


def _cuts() -> rx.Component:
    state = AllocationState
    head = [th("Part"), th("Value", num=True), th("Share", num=True), th("", class_name="wideonly-cell")]

    def row(one: rx.Var) -> rx.Component:
        bar = rx.el.span(class_name="fallbar", style={"width": one["width"]}, aria_hidden="true")
        return rx.el.tr(
            td(rx.el.b(one["name"]), class_name="wrapped"),
            td(one["value"], num=True),
            td(one["pct"], num=True),
            td(bar, class_name="wideonly-cell sharecell"),
        )

    return rx.fragment(
        rx.el.div(
            segment(CUTS, state.cut, state.choose, "How to cut the account", "seg intervals"),
            rx.el.label(
                rx.el.input(type="checkbox", id="together", checked=state.together, on_change=state.add_others),
                "With my other accounts of this market",
                class_name="checkline",
            ),
            rx.el.p("Together ", rx.el.b(state.equity, class_name="mono"), class_name="soft small"),
            *[rx.cond(state.cut == cut, rx.el.p(text, class_name="muted small")) for cut, text in OF_CUTS.items()],
            class_name="body grid",
        ),
        rx.cond(
            state.ready,
            table(head, rx.foreach(state.slices, row), "Parts of the account"),
            skeleton_rows(),
        ),
    )


def _targets() -> rx.Component:
    state = AllocationState
    one = state.targets
    form = rx.el.form(
        rx.el.div(
            rx.el.label("By", html_for="target-by"),
            rx.el.select(
                rx.el.option("Symbol", value="symbol"),
                rx.el.option("Sector", value="sector"),
                rx.el.option("Class", value="class"),
                id="target-by",
                name="by",
                default_value=one["by"],
                class_name="input",
            ),
            class_name="field",
        ),
        rx.el.div(
            rx.el.label("Targets, in percent", html_for="target-lines"),
            rx.el.textarea(
                id="target-lines",
                name="targets",
                default_value=one["text"],
                required=True,
                rows="6",
                max_length=5_000,
                placeholder="AAPL 40\nMSFT 50",
                spell_check=False,
                class_name="input mono",
            ),
            class_name="field",
        ),
        rx.el.div(
            _percent("Cash, in percent", "cash", one["cash"]),
            _percent("Band, in points", "band", one["band"]),
            class_name="approvalfields",
        ),
        rx.el.p(HOW, class_name="muted small"),
        rx.el.div(
            rx.el.button("Save targets", type="submit", class_name="btn primary"),
            rx.cond(
                one["set"] == "yes",
                rx.el.button("Forget them", type="button", class_name="btn ghost", on_click=state.forget),
            ),
            class_name="actions",
        ),
        on_submit=state.save,
        key=FrameState.account["id"] + one["by"] + one["text"] + one["cash"] + one["band"],
        class_name="body grid",
    )
    looks = empty("Targets are for those who trade", "Whoever trades on this account says what it is to consist of.")
    return rx.cond(state.ready, rx.cond(FrameState.may_trade, form, looks), skeleton_rows())


def _percent(label: str, name: str, value: rx.Var) -> rx.Component:
    return percent_field(label, f"target-{name}", name, value)


def _drifts() -> rx.Component:
    state = AllocationState
    seldom = "wideonly-cell"
    head = [
        th("Part"),
        th("Now", num=True),
        th("Target", num=True),
        th("Value", num=True, class_name=seldom),
        th("Too much or too little", num=True, class_name=seldom),
        th("Band"),
    ]

    def row(one: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(one["part"]), class_name="wrapped"),
            td(one["actual"], num=True),
            td(one["target"], num=True),
            td(one["value"], num=True, class_name=seldom),
            td(one["excess"], num=True, class_name=seldom),
            td(rx.cond(one["outside"] == "yes", rx.el.b(one["state"]), rx.el.span(one["state"], class_name="muted"))),
        )

    return rx.fragment(
        rx.el.p(
            rx.el.b(state.targets["drift"], class_name="mono"), " of the account is away from its targets.",
            class_name="soft small foot",
        ),
        table(head, rx.foreach(state.drifts, row), "Drift against the targets"),
    )  # fmt: skip


def _rebalance() -> rx.Component:
    def choice(label: str, name: str, options: list[tuple[str, str]]) -> rx.Component:
        return rx.el.div(
            rx.el.label(label, html_for=f"rebalance-{name}"),
            rx.el.select(
                *[rx.el.option(text, value=value) for value, text in options],
                id=f"rebalance-{name}",
                name=name,
                class_name="input",
            ),
            class_name="field",
        )

    return rx.el.form(
        problem_note(RebalanceState.problem),
        choice("How", "mode", [("both", "Sell and buy"), ("buy", "Only buy, with cash that is there")]),
        choice("Shares", "sizes", [("whole", "Whole shares"), ("parts", "Parts of shares too")]),
        rx.el.div(
            rx.el.label("Spend at most, if anything", html_for="rebalance-spend"),
            rx.el.input(
                id="rebalance-spend",
                name="spend",
                input_mode="decimal",
                max_length=20,
                auto_complete="off",
                class_name="input num",
            ),
            class_name="field",
        ),
        rx.el.p(WHAT_IT_DOES, class_name="muted small"),
        rx.el.div(rx.el.button("Propose trades", type="submit", class_name="btn primary"), class_name="actions"),
        on_submit=RebalanceState.propose,
        class_name="body grid",
    )


def _proposal() -> rx.Component:
    one = RebalanceState.proposal
    seldom = "wideonly-cell"
    head = [
        th("Order"),
        th("Part", class_name=seldom),
        th("Value", num=True),
        th("Est. cost", num=True),
        th("Est. gain", num=True, class_name=seldom),
    ]

    def signed(name: str) -> rx.Component:
        return rx.el.span(one[name], class_name=one[f"{name}_dir"])

    def row(trade: rx.Var) -> rx.Component:
        return rx.el.tr(
            td(rx.el.b(trade["ticket"])),
            td(trade["part"], class_name=f"muted {seldom}"),
            td(trade["value"], num=True),
            td(trade["cost"], num=True),
            td(rx.el.span(trade["gain"], class_name=trade["gain_dir"]), num=True, class_name=seldom),
        )

    return rx.fragment(
        rx.el.div(
            rx.el.div(
                figure("Away from targets now", one["drift"]),
                figure("And after", one["after"]),
                figure("Fees and spread, " + one["currency"], one["cost"]),
                figure("Short-term gain", signed("short")),
                figure("Long-term gain", signed("long")),
                figure("Cash after", one["cash"]),
                class_name="head",
            ),
            rx.el.p("Gains by ", one["method"], ", before tax.", class_name="muted small"),
            rx.foreach(RebalanceState.notes, lambda text: rx.el.div(text, class_name="note warn")),
            class_name="body grid",
        ),
        rx.cond(
            RebalanceState.trades.length() > 0,
            rx.fragment(
                table(head, rx.foreach(RebalanceState.trades, row), "Proposed trades"),
                rx.cond(
                    FrameState.may_trade,
                    rx.el.div(
                        rx.el.button(
                            "Review as a basket",
                            type="button",
                            class_name="btn primary",
                            on_click=RebalanceState.hand_over,
                        ),
                        rx.cond(
                            FrameState.account["mode"].startswith("PAPER") & (FrameState.account["access"] == "own"),
                            rx.fragment(
                                rx.el.button(
                                    "Try on a branch",
                                    type="button",
                                    class_name="btn",
                                    on_click=RebalanceState.try_on_branch,
                                ),
                                rx.el.span(TRYING, class_name="muted small"),
                            ),
                        ),
                        class_name="body actions",
                    ),
                ),
            ),
            empty("Nothing to trade", "Every part is within its band, or no whole step fits."),
        ),
    )


def _tags() -> rx.Component:
    def row(one: rx.Var) -> rx.Component:
        return rx.el.form(
            rx.el.b(one["symbol"], class_name="mono"),
            rx.el.input(type="hidden", name="symbol", value=one["symbol"], read_only=True),
            rx.el.input(
                name="tags",
                default_value=one["tags"],
                max_length=250,
                auto_complete="off",
                placeholder="core, long-term",
                aria_label="Tags of " + one["symbol"],
                class_name="input grow",
            ),
            rx.el.button("Save", type="submit", class_name="btn", aria_label="Save tags of " + one["symbol"]),
            on_submit=AllocationState.tag,
            key=one["symbol"] + one["tags"],
            class_name="actions",
        )

    return rx.el.div(
        rx.el.p("Words of your own, separated by commas; nobody else sees them.", class_name="muted small"),
        rx.foreach(AllocationState.symbols, row),
        class_name="body grid",
    )
