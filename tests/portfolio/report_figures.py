"""Reads figures back from what a report shows, and checks that every table's rows add up to its sums."""

import re
from decimal import Decimal
from io import BytesIO

from pypdf import PdfReader

from starkmatter.portfolio.reporting.document import Document, Table
from starkmatter.portfolio.reporting.words import MINUS

FIGURE = re.compile(rf"[+{MINUS}]?[0-9][0-9,]*\.[0-9]{{2}}|[0-9][0-9,]*")


def figure(text: str) -> Decimal | None:
    """The number a cell shows; None when it shows none."""
    if not FIGURE.fullmatch(text):
        return None
    return Decimal(text.replace(",", "").replace(MINUS, "-").replace("+", ""))


def tables(document: Document) -> list[Table]:
    return [one for one in document.blocks if isinstance(one, Table)]


def check_sums(document: Document) -> int:
    """Every foot is the sum of its column; how many sums were checked."""
    checked = 0
    for table in tables(document):
        for column in range(1, len(table.head)):
            if not table.foot or (total := figure(table.foot[column].text)) is None or not table.head[column].num:
                continue
            rows = [row[column].text for row in table.rows if not row[0].text.startswith("All ")]
            assert sum((figure(text) or Decimal(0) for text in rows), Decimal(0)) == total, (table.label, column)
            checked += 1
    return checked


def pdf_text(pdf: bytes) -> str:
    """All text of all pages, as a reader copies it."""
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
