"""What accounts' own chapters say of income and sales, in the currency of the book that they are together.

Each line counts at the rate of its day, a sale's figures all at that of the day of the sale, in whole cents: each sum
is that of the accounts' lines at these rates. A day without a rate counts at the period's last one and is named.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from starkmatter.domain.money import to_cents
from starkmatter.domain.sessions import exchange_day
from starkmatter.domain.tax_report import TaxLine, tax_totals
from starkmatter.portfolio.periods import Period, named
from starkmatter.portfolio.reporting.records import Chapter, IncomeLine, PeriodGains
from starkmatter.portfolio.stories import Booked

AT_THE_LAST = "There is no exchange rate of {} in {} on {}: what was booked or sold then counts at that of {}."
AT_THE_SALE = (
    "Sales of accounts in another currency are brought to {} at the rate of the day of the sale, their cost as well: "
    "what the exchange rate did since the purchase is no part of these gains. Tax offices may want the cost at the "
    "purchase's rate."
)


class AtRates:
    """The lines of these accounts of a period's book; `notes` says what a reader has to know of them."""

    def __init__(self, period: Period, chapters: Sequence[Chapter], booked: Sequence[Booked]) -> None:
        self._period, self._book = period, period.book.currency
        ids = {one.account.id for one in period.members}
        self._chapters = [one for one in chapters if one.account_id in ids]
        self._last_on = exchange_day(period.last.at)
        self._days = {exchange_day(one.venue_at) for one in booked}

    def income(self) -> list[IncomeLine]:
        """All lines in the order of time, each with its account's name."""
        lines = [self._income(one, line) for one in self._chapters for line in one.income]
        return sorted(lines, key=lambda line: line.at)

    def gains(self) -> PeriodGains | None:
        """All sales, short terms first, each with its account's name; None when they were not wished for."""
        lines = [self._sale(one, line) for one in self._chapters if one.gains for line in one.gains.lines]
        lines.sort(key=lambda line: (line.term == "long", line.sold_on))
        if all(one.gains is None for one in self._chapters):
            return None
        return PeriodGains(lines, tax_totals(lines, "short"), tax_totals(lines, "long"))

    def notes(self) -> list[str]:
        """Which days have no rate, and what currencies do to gains."""
        found = []
        for currency in sorted({one.currency for one in self._chapters} - {self._book}):
            sold_on = {line.sold_on for one in self._of(currency) if one.gains for line in one.gains.lines}
            paid_on = {exchange_day(line.at) for one in self._of(currency) for line in one.income}
            days = sorted(self._days | sold_on | paid_on)
            if lacking := [on for on in days if self._period.rate_of(currency, on) is None]:
                found.append(AT_THE_LAST.format(currency, self._book, named(lacking), self._last_on))
            if sold_on and AT_THE_SALE.format(self._book) not in found:
                found.append(AT_THE_SALE.format(self._book))
        return found

    def _of(self, currency: str) -> list[Chapter]:
        return [one for one in self._chapters if one.currency == currency]

    def _income(self, one: Chapter, line: IncomeLine) -> IncomeLine:
        return replace(line, value=self._worth(one, line.value, exchange_day(line.at)), account=one.name)

    def _sale(self, one: Chapter, line: TaxLine) -> TaxLine:
        proceeds, cost, adjustment = (
            self._worth(one, figure, line.sold_on) for figure in (line.proceeds, line.cost, line.adjustment)
        )
        return replace(line, account=one.name, proceeds=proceeds, cost=cost, adjustment=adjustment)

    def _worth(self, one: Chapter, amount: Decimal, on: date) -> Decimal:
        if one.currency == self._book:
            return amount
        return to_cents(amount * self._period.rate_or_last(one.currency, on))
