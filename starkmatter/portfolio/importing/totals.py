"""What a read file comes to, by kind of record and against the sums that it states itself."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importers.catalog import KIND_OF_TOTAL
from starkmatter.portfolio.importers.records import KINDS, Reading, Record

WORDS = {
    "cash_start": "Cash at the start",
    "cash_end": "Cash at the end",
    "cash_change": "Change in cash",
    "dividends": "Dividends",
    "interest": "Interest",
    "taxes": "Taxes",
}
HALF_A_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class KindTotal:
    """Records of one kind in one currency, and what they moved in cash (with its sign)."""

    kind: str
    currency: str
    count: int
    cash: Decimal


@dataclass(frozen=True, slots=True)
class StatedTotal:
    """A sum that the file states. `come`: what its records come to, None where nothing can be held against it."""

    name: str
    currency: str
    stated: Decimal
    come: Decimal | None

    @property
    def agrees(self) -> bool | None:
        """Whether both are the same to the cent; None where there is nothing to compare."""
        return None if self.come is None else abs(self.stated - self.come) < HALF_A_CENT


def kind_totals(records: Iterable[Record]) -> list[KindTotal]:
    """The records by kind and currency, in the order of the kinds."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for one in records:
        sums[one.kind, one.currency].append(one.amount)
    found = [KindTotal(kind, unit, len(cash), sum(cash, ZERO)) for (kind, unit), cash in sums.items()]
    return sorted(found, key=lambda one: ([*KINDS].index(one.kind), one.currency))  # type: ignore[arg-type]


def stated_totals(reading: Reading) -> list[StatedTotal]:
    """What the file states, sums of one name and currency added up, beside what its records come to."""
    cash: dict[str, Decimal] = defaultdict(Decimal)
    by_kind: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in reading.records:
        cash[one.currency] += one.amount
        by_kind[one.kind, one.currency] += one.amount
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for total in reading.totals:
        sums[total.name, total.currency] += total.value
    found = []
    for (name, unit), stated in sums.items():
        come: Decimal | None = None
        if name in KIND_OF_TOTAL:
            come = by_kind[KIND_OF_TOTAL[name], unit]
        elif name == "cash_change":
            come = cash[unit]
        elif name == "cash_end" and ("cash_start", unit) in sums:
            come = sums["cash_start", unit] + cash[unit]
        found.append(StatedTotal(WORDS[name], unit, stated, come))
    return found
