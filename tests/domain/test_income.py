"""Dividends to come: announced ones once, estimated ones only where nothing is known."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.actions import Dividend
from starkmatter.domain.income import YEAR, Coming, coming_dividends, paid_in_a_year

TODAY = date(2026, 6, 15)


def dividend(ex: str, amount: str = "0.25", pay: str | None = None, currency: str = "USD") -> Dividend:
    pay_on = date.fromisoformat(pay) if pay else None
    return Dividend("KO", date.fromisoformat(ex), Decimal(amount), currency, pay_on, "test")


def coming(*dividends: Dividend) -> list[tuple[str, str, bool]]:
    return [(f"{one.ex_on}", f"{one.per_share}", one.estimated) for one in coming_dividends(dividends, TODAY)]


def test_a_quarterly_payer_goes_on_as_last_year_from_what_is_announced() -> None:
    known = (
        dividend("2025-06-14"), dividend("2025-09-14"), dividend("2025-12-01"), dividend("2026-03-14"),
        dividend("2026-06-12", "0.26", "2026-07-01"), dividend("2026-09-13", "0.26", "2026-10-01"),
    )  # fmt: skip
    assert coming(*known) == [
        ("2026-06-12", "0.26", False),  # ex already, not paid yet
        ("2026-09-13", "0.26", False),
        ("2026-12-01", "0.25", True),
        ("2027-03-14", "0.25", True),
        ("2027-06-12", "0.26", True),
    ]


def test_what_was_paid_or_lies_too_far_is_not_to_come() -> None:
    assert coming(dividend("2026-05-01", pay="2026-05-20")) == [("2027-05-01", "0.25", True)]
    assert coming(dividend("2024-01-02"), dividend("2027-08-01")) == []
    assert coming() == []


def test_a_year_of_a_share_counts_by_ex_date_in_one_currency() -> None:
    days = ("2025-06-15", "2025-06-16", "2026-06-15")
    known = [*(dividend(day) for day in days), dividend("2026-01-02", "9", None, "EUR")]
    assert paid_in_a_year(known, TODAY, "USD") == Decimal("0.50")
    assert paid_in_a_year(known, TODAY, "EUR") == 9


DAYS = st.integers(-800, 500).map(lambda days: TODAY + timedelta(days=days))


@given(days=st.lists(DAYS, max_size=12, unique=True))
def test_every_announced_one_is_there_once_and_estimates_keep_away_from_them(days: list[date]) -> None:
    known = [Dividend("KO", day, Decimal("0.5"), "USD", None, "test") for day in sorted(days)]
    found = coming_dividends(known, TODAY)
    announced = [one.ex_on for one in found if not one.estimated]
    assert announced == [day for day in sorted(days) if TODAY < day <= TODAY + YEAR]
    for one in found:
        assert TODAY < one.ex_on <= TODAY + YEAR
        if one.estimated:
            assert all(abs((one.ex_on - day).days) > 25 for day in days if day > one.ex_on - YEAR)
    assert [one.ex_on for one in found] == sorted(one.ex_on for one in found)
    assert len(set(found)) == len(found)
    assert all(isinstance(one, Coming) for one in found)
