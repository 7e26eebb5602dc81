"""Exact money: how amounts are rounded and shown to the cent. Decimal only.

Posted cash is rounded once, to the currency's cent, half to even; what a rounding leaves over is booked, never dropped.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
ZERO = Decimal(0)


def to_cents(value: Decimal) -> Decimal:
    """`value` in whole cents, half to even."""
    return value.quantize(CENT, ROUND_HALF_EVEN)


def up_to_cents(value: Decimal) -> Decimal:
    """The smallest whole-cent amount not below `value`: for fees and reservations."""
    return value.quantize(CENT, ROUND_CEILING)


def to_micros(value: Decimal) -> Decimal:
    """`value` at the six decimals the database keeps, half to even."""
    return value.quantize(MICRO, ROUND_HALF_EVEN)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` lies on the grid of `step`; a value too large to tell does not."""
    try:
        return value % step == 0
    except InvalidOperation:
        return False


def plain(value: Decimal) -> str:
    """The shortest plain text of `value`: no exponent, no trailing zeros after the point."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money_text(value: Decimal) -> str:
    """At least two decimals, more only where they say something: 98998.50, 0.000166."""
    text = plain(value)
    _, _, decimals = text.partition(".")
    return text if len(decimals) >= 2 else f"{value:.2f}"
