"""Dividends that are to come: those announced, and last year's again where none is announced yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from starkmatter.domain.actions import Dividend
from starkmatter.domain.lots import a_year_after
from starkmatter.domain.money import ZERO

YEAR = timedelta(days=365)
# A company that paid around this day a year ago has told of it already.
SAME_PAYMENT = timedelta(days=25)


@dataclass(frozen=True, slots=True)
class Coming:
    """A dividend of `per_share` to holders before `ex_on`. `estimated`: as a year before, nobody has announced it."""

    symbol: str
    ex_on: date
    pay_on: date | None
    per_share: Decimal
    currency: str
    estimated: bool


def coming_dividends(dividends: Sequence[Dividend], today: date) -> list[Coming]:
    """What one symbol pays in the next 365 days, by day: not paid yet, or not ex yet.

    One whose pay date nobody has told counts as paid on its ex-date. What is estimated repeats each dividend of the
    past 365 days a year later, unless one is known around that day.
    """
    known = [
        Coming(one.symbol, one.ex_on, one.pay_on, one.amount, one.currency, estimated=False)
        for one in dividends
        if one.ex_on > today or (one.pay_on is not None and one.pay_on >= today)
    ]
    found = [one for one in known if (one.pay_on or one.ex_on) <= today + YEAR]
    for one in dividends:
        again = a_year_after(one.ex_on)
        if not today - YEAR < one.ex_on <= today or not today < again <= today + YEAR:
            continue
        if any(abs(other.ex_on - again) <= SAME_PAYMENT for other in dividends if other.ex_on > one.ex_on):
            continue
        pay_on = None if one.pay_on is None else a_year_after(one.pay_on)
        found.append(Coming(one.symbol, again, pay_on, one.amount, one.currency, estimated=True))
    return sorted(found, key=lambda one: (one.ex_on, one.symbol))


def paid_in_a_year(dividends: Sequence[Dividend], today: date, currency: str) -> Decimal:
    """What one share brought in the 365 days up to `today`, by ex-date; other currencies are left out."""
    return sum(
        (one.amount for one in dividends if today - YEAR < one.ex_on <= today and one.currency == currency), ZERO
    )
