"""Accounts as one book: what a day of it is worth, what came from outside, what only went from one to another."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.combining import Flow, Member, combine
from starkmatter.domain.fx import RateTable
from starkmatter.domain.money import to_cents
from starkmatter.domain.performance import Valuation, money_weighted, time_weighted, without_earned

FIRST = date(2024, 2, 28)
ZERO = Decimal(0)


def at(day: int, hour: int = 21) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, hour, tzinfo=UTC) + timedelta(days=day)


def value(day: int, worth: str, paid_in: str, hour: int = 21) -> Valuation:
    return Valuation(at(day, hour), Decimal(worth), Decimal(paid_in))


def rates(*per_euro: str):
    table = RateTable(
        {"USD": ([FIRST + timedelta(days=n) for n in range(len(per_euro))], list(map(Decimal, per_euro)))}
    )
    return lambda currency, on: table.rate(currency, "USD", on)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_book_is_the_sum_of_its_accounts_at_each_close(data: st.DataObject) -> None:
    """Told another way: each day every account at that day's rate, every flow at its own day's, in cents."""
    days = data.draw(st.integers(2, 8))
    money = st.decimals("0", "9000", places=2)
    per_euro = [data.draw(st.decimals("0.5", "2", places=4)) for _ in range(days)]
    rate_of = rates(*map(str, per_euro))
    members, outside = [], [ZERO] * days
    values = [ZERO] * days
    for number, currency in enumerate(("USD", "EUR", "EUR")):
        opened = data.draw(st.integers(0, days - 1)) if number else 0
        paid_in, points, flows = ZERO, [], []
        for day in range(opened, days):
            # Only in: what leaves one account and comes to another is looked at below.
            flow = data.draw(money) if day == opened or data.draw(st.booleans()) else ZERO
            paid_in += flow
            if flow:
                flows.append(Flow(100 * number + day + 1, at(day, 18), flow))
            worth = data.draw(money)
            points.append(Valuation(at(day), worth, paid_in))
            rate = rate_of(currency, FIRST + timedelta(days=day))
            assert rate is not None
            values[day] += worth * rate
            outside[day] += to_cents(flow * rate)
        members.append(Member(currency, currency, points, flows))
    found = combine(members, rate_of, [at(day) for day in range(days)])
    assert [one.value for one in found.valuations] == [to_cents(one) for one in values]
    assert [one.paid_in for one in found.valuations] == [sum(outside[: day + 1], ZERO) for day in range(days)]
    assert found.transfers == []
    assert found.lacking == {}


def test_a_transfer_is_no_flow_even_while_the_money_is_on_its_way() -> None:
    euro = Member(
        "Euro", "EUR",
        [value(0, "1000", "1000"), value(1, "1000", "1000", 14), value(1, "0", "0", 15), value(1, "0", "0")],
        [Flow(1, at(0), Decimal(1000)), Flow(2, at(1, 15), Decimal(-1000))],
    )  # fmt: skip
    dollar = Member(
        "Dollar", "USD",
        [value(0, "0", "0"), value(1, "1090", "1090", 17), value(1, "1090", "1090")],
        [Flow(3, at(1, 17), Decimal(1090))],
    )  # fmt: skip
    found = combine([euro, dollar], rates("1.00", "1.10"), [at(0), at(1)])
    [moved] = found.transfers
    assert (moved.from_name, moved.to_name, moved.value, moved.spread) == ("Euro", "Dollar", 1100, -10)
    assert [one.value for one in found.valuations] == [1000, 1100, 1100, 1090, 1090]
    assert {one.paid_in for one in found.valuations} == {1000}
    assert time_weighted(found.valuations) == Decimal("0.09")
    # The same sums on two days, or too far apart, are two flows.
    apart = Member("Dollar", "USD", [value(0, "0", "0"), value(1, "1000", "1000")], [Flow(3, at(1, 17), Decimal(1000))])
    assert combine([euro, apart], rates("1.00", "1.10"), [at(0), at(1)]).transfers == []


def test_this_moment_comes_after_a_point_of_the_same_instant() -> None:
    now = value(1, "1500", "1500")
    member = Member("Euro", "EUR", [value(0, "1000", "1000"), value(1, "1000", "1000")],
                    [Flow(1, at(0), Decimal(1000)), Flow(2, at(1), Decimal(500))], now)  # fmt: skip
    found = combine([member], rates("1", "2"), [at(0), at(1)])
    assert [(one.value, one.paid_in) for one in found.valuations] == [(1000, 1000), (2000, 1000), (3000, 2000)]
    assert found.newest is found.valuations[-1]


def test_an_instant_without_a_rate_is_none_and_named() -> None:
    table = RateTable({"USD": ([FIRST + timedelta(days=1)], [Decimal("1.2")])})
    member = Member(
        "Euro", "EUR", [value(0, "1000", "1000"), value(1, "1100", "1000")], [Flow(1, at(0), Decimal(1000))]
    )
    found = combine([member], lambda currency, on: table.rate(currency, "USD", on), [at(0), at(1)])
    assert [(one.value, one.paid_in) for one in found.valuations] == [(1320, 1320)]
    assert found.lacking == {"EUR": [FIRST]}


def test_rates_are_those_of_the_last_day_that_has_both_and_never_old_ones() -> None:
    day = timedelta(days=1)
    table = RateTable({
        "USD": ([FIRST, FIRST + day, FIRST + 2 * day], [Decimal("1.1"), Decimal("1.2"), Decimal("1.3")]),
        "CHF": ([FIRST, FIRST + day], [Decimal("0.9"), Decimal("0.96")]),
    })  # fmt: skip
    assert table.rate("CHF", "USD", FIRST + 2 * day) == Decimal("1.25")
    assert table.rate("EUR", "USD", FIRST + 5 * day) == Decimal("1.3")
    assert table.rate("USD", "EUR", FIRST + 12 * day) is not None
    assert table.rate("USD", "EUR", FIRST + 13 * day) is None
    assert table.rate("USD", "CHF", FIRST - day) is None
    assert table.rate("NOK", "NOK", FIRST) == 1
    assert table.rate("NOK", "USD", FIRST) is None


def test_the_price_return_leaves_income_and_costs_out() -> None:
    """1,000.00 grow by 100.00, of which 30.00 are a dividend, less 5.00 of fees: 25.00 count as if paid in."""
    line = [value(0, "1000", "1000"), value(1, "1100", "1000")]
    found = without_earned(line, [(at(1, 18), Decimal(30)), (at(1, 19), Decimal(-5)), (at(0), Decimal(99))])
    assert found == Decimal(1100) / Decimal(1025) - 1
    assert without_earned(line, []) == time_weighted(line) == money_weighted(line) == Decimal("0.1")
