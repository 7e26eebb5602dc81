"""A report as a value: what was wished for, and what the portfolio's services said of it. Money in each account's own
currency; what could not be told is named in `missing`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, get_args
from uuid import UUID

from starkmatter.domain.money import ZERO
from starkmatter.domain.periods import Period
from starkmatter.domain.quotes import Venue
from starkmatter.domain.symbol_gains import SymbolGain
from starkmatter.domain.tax_report import TaxLine, TaxTotals
from starkmatter.domain.waterfall import Step
from starkmatter.portfolio.records import Performance, Slice
from starkmatter.portfolio.risk import Risk

Section = Literal["summary", "performance", "allocation", "activity", "income", "gains", "fees", "risk"]
SECTIONS: tuple[Section, ...] = get_args(Section)
MAX_ACCOUNTS = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a report is to be of. `benchmark` as `measure_performance` takes it; without `amounts` it says percentages
    alone, and nothing an amount can be worked out from.
    """

    account_ids: tuple[UUID, ...]
    period: Period
    sections: frozenset[Section] = frozenset(SECTIONS)
    benchmark: str | None = None
    amounts: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """What the account held at the end: symbols and sectors each sum with `cash` to `total`."""

    total: Decimal
    cash: Slice
    symbols: list[Slice]
    sectors: list[Slice]


@dataclass(frozen=True, slots=True)
class Movement:
    """A ledger entry: `cash` is what it did to the cash; `qty` signed shares, None where none moved.

    `account` names whose it is where several are told of as one book, here and below.
    """

    at: datetime
    kind: str
    symbol: str
    qty: Decimal | None
    cash: Decimal
    description: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class KindSum:
    """All entries of one kind."""

    kind: str
    count: int
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened: sums over all entries, and the newest of them in the order of booking; `left_off` are older."""

    kinds: list[KindSum]
    movements: list[Movement]
    left_off: int

    @property
    def count(self) -> int:
        return sum(one.count for one in self.kinds)

    @property
    def cash(self) -> Decimal:
        return sum((one.cash for one in self.kinds), ZERO)


@dataclass(frozen=True, slots=True)
class IncomeLine:
    """A dividend or interest that came, or was charged (negative)."""

    at: datetime
    kind: str
    symbol: str
    value: Decimal
    description: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One kind of cost; `value` is not negative where it was charged."""

    name: str
    count: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class PeriodGains:
    """The sales of the period, as lines of Form 8949, and their sums by term."""

    lines: list[TaxLine]
    short: TaxTotals
    long: TaxTotals


@dataclass(frozen=True, slots=True)
class Chapter:
    """One account over the period, or several as one book: then without an id, and everything in the book's currency.

    `steps` lead from `start_value` to `end_value` exactly; `income` sums to their
    dividends, interest and other income within a cent, `costs` to their fees, taxes and other costs exactly.

    A section that was not wished for is None or empty.
    """

    account_id: UUID | None
    name: str
    venue: Venue
    mode: str
    currency: str
    start_at: datetime
    end_at: datetime
    since_opening: bool
    ends_now: bool
    start_value: Decimal
    end_value: Decimal
    steps: list[Step]
    symbol_gains: list[SymbolGain]
    performance: Performance
    parts: Parts
    activity: Activity
    income: list[IncomeLine]
    costs: list[CostLine]
    gains: PeriodGains | None
    risk: Risk | None
    missing: list[str]

    def step(self, *keys: str) -> Decimal:
        """The sum of these steps."""
        return sum((one.value for one in self.steps if one.key in keys), ZERO)

    @property
    def flows(self) -> Decimal:
        return self.step("paid_in", "taken_out")

    @property
    def result(self) -> Decimal:
        """What the account made itself: the change less what was paid in and taken out."""
        return self.end_value - self.start_value - self.flows


@dataclass(frozen=True, slots=True)
class Absent:
    """An account about which the period says nothing, and why; without an id all of them as one book."""

    account_id: UUID | None
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Total:
    """All chapters of one market and currency together."""

    venue: Venue
    currency: str
    count: int
    start_value: Decimal
    flows: Decimal
    result: Decimal
    end_value: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """What was made for a wish. `combined` are its accounts of a market as one book in the person's base currency,
    where there are several: flows between them are none.
    """

    title: str
    period: Period
    made_at: datetime
    made_for: str
    sections: frozenset[Section]
    amounts: bool
    chapters: list[Chapter]
    absent: list[Absent]
    totals: list[Total]
    combined: list[Chapter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TaxYear:
    """An account's sales of one year for the tax office."""

    account: str
    owner: str
    currency: str
    year: int
    made_at: datetime
    method: str
    lines: list[TaxLine]
    short: TaxTotals
    long: TaxTotals
    disallowed: Decimal
    notes: list[str]
