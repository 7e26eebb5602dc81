"""What each currency brought sums to the compounded return to the last digit, whatever the days were."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.currency_attribution import CurrencyDay, Day, contribute
from starkmatter.domain.performance import Unmeasurable

SMALL = st.decimals("-0.2", "0.2", places=6)


@st.composite
def days(draw: st.DrawFn) -> list[Day]:
    found = []
    for _ in range(draw(st.integers(1, 12))):
        weight = draw(st.decimals("-0.5", "1.5", places=6))
        currencies = {
            "EUR": CurrencyDay(weight, weight * draw(SMALL), draw(SMALL)),
            "USD": CurrencyDay(1 - weight, (1 - weight) * draw(SMALL), Decimal(0)),
        }
        found.append(Day(currencies, draw(SMALL)))
    return found


@settings(max_examples=300)
@given(found=days())
def test_parts_sum_to_the_return(found: list[Day]) -> None:
    told = contribute(found)
    assert not isinstance(told, Unmeasurable)
    assert sum(one.total for one in told.effects) + told.trading == told.ratio
    grown = Decimal(1)
    for day in found:
        grown *= 1 + day.ratio
    assert abs(told.ratio - (grown - 1)) < Decimal("1e-9")
    assert next(one for one in told.effects if one.name == "USD").currency == 0


def test_one_day_by_hand() -> None:
    """Six tenths in euro gain 5 %, the euro 2 %; four tenths in dollars lose 1 %."""
    euro = CurrencyDay(Decimal("0.6"), Decimal("0.03"), Decimal("0.02"))
    dollar = CurrencyDay(Decimal("0.4"), Decimal("-0.004"), Decimal(0))
    told = contribute([Day({"EUR": euro, "USD": dollar}, Decimal("0.0386"))])
    assert not isinstance(told, Unmeasurable)
    by_name = {one.name: one for one in told.effects}
    assert (by_name["EUR"].price, by_name["EUR"].currency) == (Decimal("0.03"), Decimal("0.0126"))
    assert (by_name["USD"].price, told.trading) == (Decimal("-0.004"), 0)


def test_what_cannot_be_told_says_why() -> None:
    for found in (
        contribute([]),
        contribute([Day({"USD": CurrencyDay(Decimal(1), Decimal(-1), Decimal(0))}, Decimal(-1))]),
    ):
        assert isinstance(found, Unmeasurable)
        assert found.reason.endswith(".")
