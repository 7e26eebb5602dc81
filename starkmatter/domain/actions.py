"""What a company does to its shares, and when it reports: splits, cash dividends and dates of earnings.

Dates are days of the exchange. Amounts and ratios are as they were declared, in shares of that day.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from starkmatter.domain.money import plain

ReportHour = Literal["before_open", "after_close", "unknown"]


@dataclass(frozen=True, slots=True)
class Split:
    """From `ex_on` a holder of `denominator` shares has `numerator`: 4 and 1 for four to one, 1 and 10 in reverse."""

    symbol: str
    ex_on: date
    numerator: Decimal
    denominator: Decimal
    provider: str


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash for each share held before `ex_on`. `pay_on` is None where the source has not said it."""

    symbol: str
    ex_on: date
    amount: Decimal
    currency: str
    pay_on: date | None
    provider: str


@dataclass(frozen=True, slots=True)
class EarningsDate:
    """The day on which a company reports, or is expected to (`estimated`)."""

    symbol: str
    reports_on: date
    hour: ReportHour
    estimated: bool
    provider: str


CorporateAction = Split | Dividend


def split_words(one: Split) -> str:
    """`4:1`, or `1:10` in reverse."""
    return f"{plain(one.numerator)}:{plain(one.denominator)}"


def dividend_words(one: Dividend) -> str:
    """`0.24 USD a share`."""
    return f"{plain(one.amount)} {one.currency} a share"


def pay_words(one: Dividend) -> str:
    """`paid 2020-05-14`; empty where nobody has said it."""
    return f"paid {one.pay_on.isoformat()}" if one.pay_on is not None else ""


def hour_words(one: EarningsDate) -> str:
    """`before the open`, `after the close`; empty where nobody has said it."""
    return {"before_open": "before the open", "after_close": "after the close"}.get(one.hour, "")


def expected_words(one: EarningsDate, today: date) -> str:
    """`expected` while nobody has confirmed a date ahead; `was expected` for one that passed like that."""
    if not one.estimated:
        return ""
    return "expected" if one.reports_on >= today else "was expected"
