"""What a read file consists of: records of one shape whatever program wrote it, remarks by line, and stated totals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args

Kind = Literal[
    "buy", "sell", "dividend", "interest", "fee", "tax", "deposit", "withdrawal", "split", "transfer_in",
    "transfer_out", "other",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
TRADES: frozenset[Kind] = frozenset({"buy", "sell"})
TotalName = Literal["cash_start", "cash_end", "cash_change", "dividends", "interest", "taxes"]

# Told after so many lines, with how many are read and (where it is known) how many there are.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened on an account, as its file says it.

    `at` is aware UTC; a file that has days alone means noon in its zone. `amount` is what the account's cash changed by
    in `currency`, fees and tax included: negative for money that left. `qty` is positive shares, None where none moved;
    of a split it is the signed change in shares. `price` is per share in `currency`. `fees` and `tax` are positive
    costs inside `amount`. `symbol` or `isin` may be missing where the file has only the other, both for cash.
    `source_id` is the other program's own number of it, "" where it has none. `line_no` is the line of the file where
    it begins; in JSON, which has no lines to speak of, the how-manieth entry it is.
    """

    kind: Kind
    at: datetime
    symbol: str
    isin: str | None
    qty: Decimal | None
    price: Decimal | None
    amount: Decimal
    fees: Decimal
    tax: Decimal
    currency: str
    text: str
    source_id: str
    line_no: int


@dataclass(frozen=True, slots=True)
class Remark:
    """What a line holds that became no record: a `problem` that somebody has to look at, or a `note` of what is left
    out on purpose (a heading, a disclaimer, an order that was canceled)."""

    line_no: int
    text: str
    kind: Literal["problem", "note"] = "problem"


@dataclass(frozen=True, slots=True)
class Total:
    """A sum that the file itself states, of money in `currency`; what was paid is below zero."""

    name: TotalName
    value: Decimal
    currency: str
    line_no: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read. `format` is the name of its importer; `fingerprints` go with `records`, one each.

    `repeats` are those places in `records` that say word for word what an earlier one says and have no number of their
    own: two equal trades, or one that stands twice. `totals_off` says in words which stated totals the records miss.
    """

    format: str
    records: tuple[Record, ...]
    fingerprints: tuple[str, ...]
    repeats: frozenset[int]
    remarks: tuple[Remark, ...]
    totals: tuple[Total, ...]
    totals_off: tuple[str, ...]

    @property
    def problems(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.kind == "problem")


Item = Record | Remark | Total


class BadLineError(ValueError):
    """A line that cannot be read, with the reason as a clause without a full stop. Never leaves this room."""
