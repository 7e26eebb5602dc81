"""What the sales of a year come to for the tax office: the lines of IRS Form 8949 and their sums by term.

Columns are those of the form (instructions of 2025): (a) description, (b) acquired, (c) sold, (d) proceeds, (e) cost,
(f) code, (g) adjustment, (h) gain. Code W with the disallowed loss marks a wash sale. Figures are in whole cents and
each line's (h) is exactly (d) - (e) + (g) of the printed figures, so that the sums agree with the lines. For a short
sale (b) is the day it was bought back and (d) what it was sold for. A draft for the person and their adviser: which
box of the form applies depends on what the broker has reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from starkmatter.domain.lots import RealizedLot
from starkmatter.domain.money import ZERO, plain, to_cents

Term = Literal["short", "long"]
WASH_CODE = "W"


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One line of the form; money in cents, `adjustment` not negative, `code` empty where nothing is adjusted.

    `acquired_on` is None for shares that came without a trade: the person has to know it.
    """

    account: str
    trade_id: str
    description: str
    acquired_on: date | None
    sold_on: date
    proceeds: Decimal
    cost: Decimal
    code: str
    adjustment: Decimal
    term: Term

    @property
    def gain(self) -> Decimal:
        return self.proceeds - self.cost + self.adjustment


@dataclass(frozen=True, slots=True)
class TaxTotals:
    """The sums of the lines of one term."""

    proceeds: Decimal
    cost: Decimal
    adjustment: Decimal
    gain: Decimal


def tax_lines(realized: Iterable[RealizedLot], year: int) -> list[TaxLine]:
    """The lines of one year, short terms first, then by day of the sale, symbol and day of the purchase."""
    lines = [_line(one) for one in realized if one.closed_on.year == year]
    return sorted(
        lines,
        key=lambda line: (
            line.term == "long",
            line.sold_on,
            line.description.split()[1],
            line.acquired_on or date.min,
        ),
    )


def tax_totals(lines: Iterable[TaxLine], term: Term) -> TaxTotals:
    """Sums of the printed figures."""
    of_term = [line for line in lines if line.term == term]

    def total(figures: Iterable[Decimal]) -> Decimal:
        return sum(figures, ZERO)

    return TaxTotals(
        total(line.proceeds for line in of_term),
        total(line.cost for line in of_term),
        total(line.adjustment for line in of_term),
        total(line.gain for line in of_term),
    )


def _line(one: RealizedLot) -> TaxLine:
    lot, short = one.lot, one.lot.side < 0
    qty = f"{plain(abs(lot.signed_qty))} {lot.symbol}"
    adjustment = to_cents(one.disallowed)
    return TaxLine(
        account=lot.account,
        trade_id=one.trade_id,
        description=f"{qty} sold short {lot.opened_on.isoformat()}" if short else qty,
        acquired_on=one.closed_on if short else None if lot.arrived else lot.opened_on,
        sold_on=one.closed_on,
        proceeds=to_cents(-lot.basis if short else one.cash),
        cost=to_cents(-one.cash if short else lot.basis),
        code=WASH_CODE if adjustment else "",
        adjustment=adjustment,
        term="long" if one.is_long_term else "short",
    )
