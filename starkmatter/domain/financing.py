"""What a position costs while it is held: borrowed shares and borrowed money, by the day, rounded up to the cent."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from starkmatter.domain.money import ZERO, up_to_cents

DAYS_A_YEAR = 360


@dataclass(frozen=True, slots=True)
class BorrowTerms:
    """What borrowed shares cost: `yearly_ratio` of the collateral, which is `collateral_ratio` of their value.

    Shares are borrowed in lots of `lot_size`: a part of one counts whole.
    """

    yearly_ratio: Decimal
    collateral_ratio: Decimal = Decimal("1.02")
    lot_size: Decimal = Decimal(100)


@dataclass(frozen=True, slots=True)
class Financing:
    """Terms of borrowed shares and of borrowed money (`margin_yearly_ratio` of what is owed)."""

    borrow: BorrowTerms
    margin_yearly_ratio: Decimal


def borrow_fee(terms: BorrowTerms, short_qty: Decimal, close_price: Decimal, days: int = 1) -> Decimal:
    """Charge for `short_qty` (positive) shares short over `days` nights, at the close before; a Friday counts three.

    collateral x yearly ratio / 360 x days, up to the cent. Collateral of 102 % of the closing price is the US custom
    (BBAE, How is the short interest amount calculated); round lots and 360 days: Alpaca, Short selling fees.
    """
    if short_qty <= 0 or days <= 0:
        return ZERO
    lots = (short_qty / terms.lot_size).to_integral_value(ROUND_CEILING) * terms.lot_size
    collateral = lots * close_price * terms.collateral_ratio
    return up_to_cents(collateral * terms.yearly_ratio * days / DAYS_A_YEAR)


def margin_interest(terms: Financing, debit: Decimal, days: int = 1) -> Decimal:
    """Interest on `debit` (what is owed at the day's end, positive) over `days` nights, up to the cent.

    debit x yearly ratio / 360 x days: Alpaca, Margin account (settlement-date debit balance x rate / 360).
    """
    if debit <= 0 or days <= 0:
        return ZERO
    return up_to_cents(debit * terms.margin_yearly_ratio * days / DAYS_A_YEAR)
