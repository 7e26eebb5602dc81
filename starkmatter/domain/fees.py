"""What an execution costs besides its price, line by line, from published fee schedules."""

from dataclasses import dataclass
from decimal import Decimal

from starkmatter.domain.money import ZERO, up_to_cents
from starkmatter.domain.orders import Side


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One charge in the account's currency, never negative; `basis` says in words how it was computed."""

    name: str
    charged: Decimal
    basis: str


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Regulatory fees of US equities; both are charged on sales only and rounded up to the cent per execution.

    Sources: SEC fee rate advisory for Section 31 (27.80 USD per million, from 2024-05-22); FINRA By-Laws Schedule A
    section 1, Trading Activity Fee (0.000166 USD per share sold, at most 8.30 USD a trade, from 2024-01-01).
    """

    name: str
    sec_per_million: Decimal
    taf_per_share: Decimal
    taf_max: Decimal

    def lines(self, side: Side, qty: Decimal, price: Decimal) -> tuple[FeeLine, ...]:
        """The charges of selling or buying `qty` shares at `price`."""
        if side == "buy":
            return ()
        proceeds = qty * price
        sec = up_to_cents(proceeds * self.sec_per_million / 1_000_000)
        taf = min(up_to_cents(qty * self.taf_per_share), self.taf_max)
        found = (
            FeeLine("SEC fee", sec, f"{self.sec_per_million} USD per million of proceeds, rounded up to the cent"),
            FeeLine(
                "Trading Activity Fee",
                taf,
                f"{self.taf_per_share} USD per share sold, at most {self.taf_max} USD, rounded up to the cent",
            ),
        )
        return tuple(line for line in found if line.charged > 0)


def total(lines: tuple[FeeLine, ...]) -> Decimal:
    """The sum of the lines."""
    return sum((line.charged for line in lines), ZERO)


US_EQUITIES_2024 = FeeSchedule("us_equities_2024", Decimal("27.80"), Decimal("0.000166"), Decimal("8.30"))
