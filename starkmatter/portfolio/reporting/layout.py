"""Lays a report's value out as a document. Where amounts are not shown, none is read: no money, no shares, no
description, and no step, fee or flow as a share of the value, from which somebody who knows a fee could work it out.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

from starkmatter.domain.performance import MonthReturn
from starkmatter.portfolio.explaining import STEP_NAMES
from starkmatter.portfolio.records import Slice
from starkmatter.portfolio.reporting.charts import thinned
from starkmatter.portfolio.reporting.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Figure,
    Figures,
    Heading,
    Notes,
    Paragraph,
    Table,
)
from starkmatter.portfolio.reporting.ledger_layout import activity_blocks, fees_blocks, gains_blocks, income_blocks
from starkmatter.portfolio.reporting.records import SECTIONS, Chapter, Report, Section
from starkmatter.portfolio.reporting.words import (
    NOTHING,
    PLAIN_RATIOS,
    RISK_NAMES,
    SECTION_NAMES,
    change,
    day,
    minute,
    money,
    percent,
    plain_ratio,
    tone_of,
)

AGAINST = ("beta", "alpha", "correlation", "tracking_error")
FLOWS = ("paid_in", "taken_out")
PERCENT_ONLY = "This report shows percentages only."
FOOT = "Made by StarkMatter from the books of the accounts. Not advice, and no statement of a broker."

Layout = Callable[[Chapter, bool], list[Block]]


def layout(report: Report) -> Document:
    """The whole report, chapter by chapter."""
    blocks: list[Block] = []
    if not report.amounts:
        blocks.append(Paragraph(PERCENT_ONLY, "muted"))
    if report.absent:
        blocks.append(Notes("Not in this report", [f"{one.name}: {one.why}" for one in report.absent]))
    several = len(report.chapters) + len(report.absent) > 1
    if several and report.amounts:
        blocks += _together(report)
    sections = [one for one in SECTIONS if one in report.sections]
    for chapter in report.combined:
        blocks.append(Heading(2, f"Together, in {chapter.currency}"))
        blocks += _chapter(chapter, sections, report.amounts, level=3)
    for chapter in report.chapters:
        if several:
            blocks.append(Heading(2, chapter.name))
        blocks += _chapter(chapter, sections, report.amounts, level=3 if several else 2)
    lead = f"For {report.made_for}. Made {report.made_at:%Y-%m-%d %H:%M} UTC."
    return Document(report.title, lead, blocks, FOOT)


def _chapter(one: Chapter, sections: Sequence[Section], amounts: bool, *, level: Literal[2, 3]) -> list[Block]:
    blocks: list[Block] = [Paragraph(_lead(one), "muted")]
    if one.missing:
        blocks.append(Notes("Worth knowing", one.missing))
    for section in sections:
        blocks.append(Heading(level, SECTION_NAMES[section]))
        blocks += LAYOUTS[section](one, amounts)
    return blocks


def _lead(one: Chapter) -> str:
    market = "Replay market" if one.venue == "replay" else "Market of today"
    opening = "the opening of the account" if one.since_opening else minute(one.start_at)
    until = f"this moment ({minute(one.end_at)})" if one.ends_now else minute(one.end_at)
    return f"{market}, {one.mode}, in {one.currency}. From {opening} to {until}, New York."


def _together(report: Report) -> list[Block]:
    head = [Column("Accounts", wide=True), *[Column(name, num=True) for name in ("Start", "Flows", "Result", "End")]]
    rows = [[Cell(one.name), *_four(one.start_value, one.flows, one.result, one.end_value)] for one in report.chapters]
    sums = [
        [
            Cell(f"Together, {one.currency}, {'replay' if one.venue == 'replay' else 'market'}"),
            *_four(one.start_value, one.flows, one.result, one.end_value),
        ]
        for one in report.totals
        if one.count > 1
    ]
    foot = sums.pop() if len(sums) == 1 else []
    return [Heading(2, "All accounts"), Table("Accounts of this report", head, [*rows, *sums], foot)]


def _four(start: Decimal, flows: Decimal, result: Decimal, end: Decimal) -> list[Cell]:
    return [Cell(money(start)), Cell(change(flows)), Cell(change(result), tone_of(result)), Cell(money(end))]


def _summary(one: Chapter, amounts: bool) -> list[Block]:
    returns = [
        Figure("Time-weighted return", percent(one.performance.twr), tone_of(one.performance.twr)),
        Figure("Money-weighted return", percent(one.performance.mwr), tone_of(one.performance.mwr)),
    ]
    if not amounts:
        return [Figures(returns)]
    figures = [
        Figure("Value at the start", money(one.start_value)),
        Figure("Value at the end", money(one.end_value)),
        Figure("Paid in less taken out", change(one.flows)),
        Figure("Result", change(one.result), tone_of(one.result)),
        *returns,
    ]
    steps = [step for step in one.steps if step.value or step.key in ("realized", "unrealized", "fees")]
    rows = [
        [Cell(STEP_NAMES[step.key]), Cell(change(step.value), "" if step.key in FLOWS else tone_of(step.value))]
        for step in steps
    ]
    drawn = [step for step in steps if step.value]
    return [
        Figures(figures),
        Chart(
            "waterfall",
            f"From {money(one.start_value)} to {money(one.end_value)} {one.currency} in {len(drawn)} steps",
            {
                "start": [one.start_value],
                "steps": [step.value for step in drawn],
                "flows": [Decimal(step.key in FLOWS) for step in drawn],
                "end": [one.end_value],
            },
            under=("Start", "End"),
        ),
        Table(
            "How the value changed",
            [Column("From the start to the end", wide=True), Column(one.currency, num=True)],
            [[Cell("Value at the start"), Cell(money(one.start_value))], *rows],
            [Cell("Value at the end"), Cell(money(one.end_value))],
        ),
    ]


def _performance(one: Chapter, amounts: bool) -> list[Block]:
    found, against = one.performance, one.performance.benchmark
    name = against.symbol if against else ""
    ahead = found.twr - against.twr if against and found.twr is not None and against.twr is not None else None
    figures = [
        Figure("Time-weighted", percent(found.twr), tone_of(found.twr)),
        Figure("Money-weighted", percent(found.mwr), tone_of(found.mwr)),
        Figure("Simple", percent(found.simple), tone_of(found.simple)),
        Figure("Deepest drawdown", percent(found.drawdown.depth if found.drawdown else None)),
    ]
    if against:
        figures += [
            Figure(f"{against.name} ({name})" if against.name else name, percent(against.twr), tone_of(against.twr)),
            Figure("Ahead of it", percent(ahead), tone_of(ahead)),
        ]
    blocks: list[Block] = [Figures(figures)]
    if len(found.days) > 1:
        lines = {"own": thinned([row.growth for row in found.days])}
        legend = [("own", one.name)]
        if against and any(row.benchmark_growth is not None for row in found.days):
            lines["other"] = thinned([row.benchmark_growth for row in found.days])
            legend.append(("other", name))
        label = f"Growth of one unit: {one.name} {percent(found.twr)}"
        label += f", {name} {percent(against.twr)}" if against else ""
        blocks.append(Chart("lines", label, lines, legend, (day(found.days[0].on), day(found.days[-1].on))))
    if len(found.months) > 1:
        blocks.append(
            Chart(
                "columns",
                f"Time-weighted return of {len(found.months)} months",
                {"months": [month.ratio for month in found.months]},
                under=(_month(found.months[0]), _month(found.months[-1])),
            )
        )
    if found.months:
        blocks.append(
            Table(
                "Return by month",
                [Column("Month", wide=True), Column("Return", num=True)],
                [
                    [
                        Cell(_month(month) + ("" if month.whole else ", part of it")),
                        Cell(percent(month.ratio), tone_of(month.ratio)),
                    ]
                    for month in found.months
                ],
            )
        )
    return blocks


def _month(one: MonthReturn) -> str:
    return f"{one.year}-{one.month:02}"


def _allocation(one: Chapter, amounts: bool) -> list[Block]:
    if not one.parts.symbols and not one.parts.total:
        return [Paragraph("Nothing was held at the end of the period.", "muted")]
    tables = [("By symbol", "Symbol", one.parts.symbols)]
    if one.parts.symbols:
        tables.append(("By sector", "Sector", one.parts.sectors))
    return [_parts_table(label, head, [*slices, one.parts.cash], one, amounts) for label, head, slices in tables]


def _parts_table(label: str, head: str, slices: Sequence[Slice], one: Chapter, amounts: bool) -> Table:
    largest = max((abs(part.weight) for part in slices if part.weight is not None), default=Decimal(0))
    columns = [Column(head, wide=True), Column(""), Column("Share", num=True)]
    columns += [Column(one.currency, num=True)] if amounts else []
    rows = [
        [
            Cell(part.name),
            Cell("", bar=part.weight / largest if part.weight and part.weight > 0 else None),
            Cell(percent(part.weight, signed=False)),
            *([Cell(money(part.value))] if amounts else []),
        ]
        for part in slices
    ]
    foot = [Cell("Together"), Cell(""), Cell("100.00 %" if largest else NOTHING), Cell(money(one.parts.total))]
    return Table(f"{label}, at the end of the period", columns, rows, foot if amounts else [])


def _risk(one: Chapter, amounts: bool) -> list[Block]:
    if one.risk is None:
        return []
    shown = [figure for figure in one.risk.figures if figure.value is not None or figure.name not in AGAINST]
    rows = [
        [
            Cell(RISK_NAMES[figure.name]),
            Cell(figure.reason, "muted"),
            Cell(plain_ratio(figure.value) if figure.name in PLAIN_RATIOS else percent(figure.value)),
        ]
        for figure in shown
    ]
    head = [Column("Figure"), Column("", wide=True), Column("Value", num=True)]
    label = f"Of {one.risk.days} daily returns, with a risk-free rate of {percent(one.risk.risk_free, signed=False)}"
    return [Table(label, head, rows)]


LAYOUTS: dict[Section, Layout] = {
    "summary": _summary,
    "performance": _performance,
    "allocation": _allocation,
    "activity": activity_blocks,
    "income": income_blocks,
    "gains": gains_blocks,
    "fees": fees_blocks,
    "risk": _risk,
}
