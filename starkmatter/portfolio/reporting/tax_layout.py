"""Lays a year's sales out under the letters of IRS Form 8949, in two parts by term, each with its sums."""

from collections.abc import Sequence

from starkmatter.domain.tax_report import TaxLine, TaxTotals, Term
from starkmatter.portfolio.reporting.document import Block, Cell, Column, Document, Heading, Notes, Paragraph, Table
from starkmatter.portfolio.reporting.records import TaxYear
from starkmatter.portfolio.reporting.words import change, day, money, tone_of

MAX_LINES = 5_000
PARTS: tuple[tuple[Term, str], ...] = (
    ("short", "Part I. Short-term: held one year or less"),
    ("long", "Part II. Long-term: held more than one year"),
)
HEAD = [
    Column("(a) Description", wide=True),
    Column("(b) Acquired"),
    Column("(c) Sold"),
    Column("(d) Proceeds", num=True),
    Column("(e) Cost", num=True),
    Column("(f) Code"),
    Column("(g) Adjustment", num=True),
    Column("(h) Gain", num=True),
]
A_DRAFT = (
    "A draft for you and your adviser, laid out like IRS Form 8949, in whole cents. Which box of the form applies "
    "depends on what your broker has reported. Code W marks a wash sale, whose loss does not count now."
)
METHODS = {"fifo": "first in, first out", "lifo": "last in, first out", "hifo": "highest cost first",
           "average": "average cost"}  # fmt: skip
FOOT = "Made by StarkMatter from the books of the account. Not advice, and no form to file."


def layout_tax_year(one: TaxYear) -> Document:
    """The year's lines; beyond a few thousand the sums are still of all of them."""
    shown = one.lines[:MAX_LINES]
    blocks: list[Block] = [Paragraph(A_DRAFT, "muted")]
    if one.notes:
        blocks.append(Notes("Worth knowing", one.notes))
    if len(shown) < len(one.lines):
        left = f"Lines {len(shown) + 1:,} to {len(one.lines):,} are in the CSV alone; the sums are of all lines."
        blocks.append(Paragraph(left))
    if not one.lines:
        blocks.append(Paragraph(f"Nothing was sold in {one.year}."))
    for term, title in PARTS:
        of_term = [line for line in shown if line.term == term]
        if of_term:
            label = f"{len(of_term):,} lines, in {one.currency}"
            blocks += [Heading(2, title), _table(label, of_term, one.short if term == "short" else one.long)]
    if one.lines:
        blocks.append(_sums(one))
    lead = (
        f"For {one.owner}. Account {one.account}, in {one.currency}; "
        f"lots by {METHODS.get(one.method, one.method)} now. Made {one.made_at:%Y-%m-%d %H:%M} UTC."
    )
    return Document(f"Realized gains {one.year}", lead, blocks, FOOT, landscape=True)


def _table(title: str, lines: Sequence[TaxLine], sums: TaxTotals) -> Table:
    rows = [
        [
            Cell(line.description),
            Cell(day(line.acquired_on) if line.acquired_on else "Not known"),
            Cell(day(line.sold_on)),
            Cell(money(line.proceeds)),
            Cell(money(line.cost)),
            Cell(line.code),
            Cell(money(line.adjustment) if line.code else ""),
            Cell(change(line.gain), tone_of(line.gain)),
        ]
        for line in lines
    ]
    return Table(title, HEAD, rows, [Cell("Totals"), Cell(""), Cell(""), *_totals(sums)])


def _totals(sums: TaxTotals) -> list[Cell]:
    return [
        Cell(money(sums.proceeds)),
        Cell(money(sums.cost)),
        Cell(""),
        Cell(money(sums.adjustment)),
        Cell(change(sums.gain), tone_of(sums.gain)),
    ]


def _sums(one: TaxYear) -> Table:
    head = [Column("Both parts", wide=True), *[column for column in HEAD if column.num]]
    both = TaxTotals(*(getattr(one.short, name) + getattr(one.long, name)
                       for name in ("proceeds", "cost", "adjustment", "gain")))  # fmt: skip

    def row(name: str, sums: TaxTotals) -> list[Cell]:
        figures = (money(sums.proceeds), money(sums.cost), money(sums.adjustment), change(sums.gain))
        return [Cell(name), *[Cell(text) for text in figures]]

    return Table(
        "Sums of the year", head, [row("Short-term", one.short), row("Long-term", one.long)], row("Together", both)
    )
