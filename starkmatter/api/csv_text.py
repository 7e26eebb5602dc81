"""Tables as CSV (RFC 4180) in which no text can act as a formula when a spreadsheet opens it.

A text that begins like a formula gets an apostrophe in front (OWASP ASVS 5.0, 1.2.10); numbers stay numbers.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from uuid import UUID

from starkmatter.api.schemas import RATIO_DECIMALS, instant_text
from starkmatter.domain.money import plain

CSV = "text/csv; charset=utf-8"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | Decimal | date | datetime | None


def cell_text(value: Cell) -> str:
    """One cell: exact numbers, ISO dates, instants in UTC with a Z, disarmed text, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date | int):
        return str(value)
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """The rows, each ended by CR LF, quoted where needed."""
    written = StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerows([cell_text(value) for value in row] for row in rows)
    return written.getvalue()


def ratio(value: Decimal | None) -> Decimal | None:
    """A ratio at ten decimals: what lies beyond is the arithmetic's, not the account's."""
    return None if value is None else value.quantize(RATIO_DECIMALS)


def download_of(what: str, account_id: UUID | str, kind: str = "csv") -> dict[str, str]:
    """The header that saves an account's table as a file with a name."""
    return {"content-disposition": f'attachment; filename="starkmatter-{what}-{account_id}.{kind}"'}
