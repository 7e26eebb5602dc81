"""Lays out what a report says of ledgers and tax lots: entries, income, sales, costs. Without amounts none is read.

Of several accounts as one book each line names its account.
"""

from starkmatter.domain.money import ZERO
from starkmatter.domain.tax_report import TaxLine, TaxTotals
from starkmatter.domain.waterfall import in_cents
from starkmatter.portfolio.reporting.document import Block, Cell, Column, Paragraph, Table
from starkmatter.portfolio.reporting.records import Chapter
from starkmatter.portfolio.reporting.words import change, day, kind_words, minute, money, percent, quantity, tone_of

SHOWN_GAIN_LINES = 400

BY_LOTS = "Realized gains are counted by tax lots, so they differ from the price gains of shares sold in the summary."


def activity_blocks(one: Chapter, amounts: bool) -> list[Block]:
    if not one.activity.count:
        return [Paragraph("Nothing was booked in this period.", "muted")]
    if not amounts:
        columns = [Column("Kind", wide=True), Column("Entries", num=True)]
        rows = [[Cell(kind_words(kind.kind)), Cell(f"{kind.count:,}")] for kind in one.activity.kinds]
        moves = [
            [Cell(minute(move.at)), *_whose(one, move.account), Cell(kind_words(move.kind)), Cell(move.symbol)]
            for move in one.activity.movements
        ]
        listed = Table("Entries", [Column("At"), *_accounts(one), Column("Kind", wide=True), Column("Symbol")], moves)
        return [Table("Entries by kind", columns, rows), listed, *_left_off(one)]
    columns = [Column("Kind", wide=True), Column("Entries", num=True), Column(f"Cash, {one.currency}", num=True)]
    # What is shown adds up to the cent, also where the books go further.
    shown = in_cents([kind.cash for kind in one.activity.kinds])
    kinds = [
        [Cell(kind_words(kind.kind)), Cell(f"{kind.count:,}"), Cell(change(cash))]
        for kind, cash in zip(one.activity.kinds, shown, strict=True)
    ]
    foot = [Cell("Together"), Cell(f"{one.activity.count:,}"), Cell(change(one.activity.cash))]
    moves = [
        [
            Cell(minute(move.at)),
            *_whose(one, move.account),
            Cell(move.description or kind_words(move.kind)),
            Cell(move.symbol),
            Cell(quantity(move.qty)),
            Cell(change(move.cash)),
        ]
        for move in one.activity.movements
    ]
    head = [Column("At"), *_accounts(one), Column("Entry", wide=True), Column("Symbol")]
    head += [Column("Shares", num=True), Column("Cash", num=True)]
    return [Table("Entries by kind", columns, kinds, foot), Table("Entries", head, moves), *_left_off(one)]


def _left_off(one: Chapter) -> list[Block]:
    if not one.activity.left_off:
        return []
    return [
        Paragraph(
            f"The newest {len(one.activity.movements):,} entries; {one.activity.left_off:,} older ones are in the sums "
            "above and in the ledger's CSV.",
            "muted",
        )
    ]


def income_blocks(one: Chapter, amounts: bool) -> list[Block]:
    if not one.income:
        return [Paragraph("No dividends and no interest came in this period.", "muted")]
    head = [Column("Day"), *_accounts(one), Column("Kind"), Column("Symbol", wide=True)]
    rows = [
        [Cell(day(line.at)), *_whose(one, line.account), Cell(kind_words(line.kind)), Cell(line.symbol)]
        for line in one.income
    ]
    if not amounts:
        return [Table("Dividends and interest", head, rows)]
    shown = in_cents([line.value for line in one.income])
    rows = [[*row, Cell(change(value))] for row, value in zip(rows, shown, strict=True)]
    return [
        Table(
            "Dividends and interest",
            [*head, Column(one.currency, num=True)],
            rows,
            [Cell("Together"), *[Cell("")] * (len(head) - 1), Cell(change(sum(shown, ZERO)))],
        )
    ]


def gains_blocks(one: Chapter, amounts: bool) -> list[Block]:
    if one.gains is None or not one.gains.lines:
        return [Paragraph("Nothing was sold in this period.", "muted")]
    shown = one.gains.lines[:SHOWN_GAIN_LINES]
    more = len(one.gains.lines) - len(shown)
    left: list[Block] = [Paragraph(f"{more:,} more lines are in the gains' CSV.", "muted")] if more else []
    if not amounts:
        columns = [Column("Symbol", wide=True), *_accounts(one), Column("Sold"), Column("Term")]
        columns += [Column("Gain on cost", num=True)]
        rows = [[Cell(_symbol(line)), *_whose(one, line.account), *_sold(line), _on_cost(line)] for line in shown]
        return [Table("Sales", columns, rows), *left]
    names = ("Proceeds", "Cost", "Adjustment", "Gain")
    columns = [Column("Description", wide=True), *_accounts(one), Column("Sold"), Column("Term")]
    columns += [Column(name, num=True) for name in names]
    empty = [Cell("")] * (len(columns) - len(names) - 1)
    rows = [[Cell(line.description), *_whose(one, line.account), *_sold(line), *_figures(line)] for line in shown]
    for term, sums in (("short", one.gains.short), ("long", one.gains.long)):
        if any(line.term == term for line in one.gains.lines):
            rows.append([Cell(f"All {term}-term"), *empty, *_figures(sums)])
    short, long = one.gains.short, one.gains.long
    both = TaxTotals(*(getattr(short, name.lower()) + getattr(long, name.lower()) for name in names))
    foot = [Cell("Together"), *empty, *_figures(both)]
    return [Table("Sales", columns, rows, foot), *left, Paragraph(BY_LOTS, "muted")]


def _accounts(one: Chapter) -> list[Column]:
    return [] if one.account_id else [Column("Account")]


def _whose(one: Chapter, name: str) -> list[Cell]:
    return [] if one.account_id else [Cell(name)]


def _sold(line: TaxLine) -> list[Cell]:
    return [Cell(day(line.sold_on)), Cell(line.term.capitalize())]


def _symbol(line: TaxLine) -> str:
    return line.description.split()[1]


def _on_cost(line: TaxLine) -> Cell:
    ratio = line.gain / line.cost if line.cost > 0 else None
    return Cell(percent(ratio), tone_of(ratio))


def _figures(line: TaxLine | TaxTotals) -> list[Cell]:
    return [
        Cell(money(line.proceeds)),
        Cell(money(line.cost)),
        Cell(money(line.adjustment)),
        Cell(change(line.gain), tone_of(line.gain)),
    ]


def fees_blocks(one: Chapter, amounts: bool) -> list[Block]:
    if not amounts:
        return [Paragraph("What was charged is an amount and is left out.", "muted")]
    if not one.costs:
        return [Paragraph("Nothing was charged in this period.", "muted")]
    return [
        Table(
            "Charged, by kind",
            [Column("Kind", wide=True), Column("Entries", num=True), Column(one.currency, num=True)],
            [[Cell(line.name), Cell(f"{line.count:,}" if line.count else ""), Cell(money(line.value))]
             for line in one.costs],
            [Cell("Together"), Cell(""), Cell(money(-one.step("fees", "taxes", "other_costs")))],
        )
    ]  # fmt: skip
