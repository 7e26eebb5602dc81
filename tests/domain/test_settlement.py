"""Cash that settles a business day later: what may be spent, and which sale comes before its money."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.domain.settlement import CashMove, PaidLot, cash_on, paid_on, settles_on, sold_too_early


def session(text: str) -> Session:
    opens = datetime.fromisoformat(f"{text}T14:30+00:00")
    return Session(date.fromisoformat(text), opens, opens + timedelta(hours=6, minutes=30))


# Thanksgiving is the 25th, the 27th and 28th are a weekend.
DAYS = ["2021-11-22", "2021-11-23", "2021-11-24", "2021-11-26", "2021-11-29", "2021-11-30"]
CALENDAR = SessionCalendar([session(text) for text in DAYS])
MONDAY, TUESDAY, WEDNESDAY, FRIDAY = (date.fromisoformat(text) for text in DAYS[:4])


def move(text: str) -> CashMove:
    """`"1000 2021-11-23"`: the cash and the day it settles."""
    cash, day = text.split()
    return CashMove(Decimal(cash), date.fromisoformat(day))


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        ("2021-11-22", "2021-11-23"),
        ("2021-11-24", "2021-11-26"),
        ("2021-11-26", "2021-11-29"),
        ("2021-11-27", "2021-11-30"),
        ("2021-11-25", "2021-11-29"),
    ],
)
def test_a_trade_settles_one_business_day_later(traded: str, settles: str) -> None:
    assert settles_on(CALENDAR, date.fromisoformat(traded)) == date.fromisoformat(settles)


def test_a_calendar_that_ends_too_early_is_said_so() -> None:
    with pytest.raises(ValueError, match="before the settlement of 2021-11-30"):
        settles_on(CALENDAR, date(2021, 11, 30))
    assert settles_on(CALENDAR, MONDAY, days=2) == WEDNESDAY


def test_cash_is_settled_unsettled_and_owed() -> None:
    moves = [move("1000 2021-11-22"), move("500 2021-11-23"), move("-300 2021-11-23")]
    state = cash_on(moves, MONDAY)
    assert (state.settled, state.unsettled, state.owed, state.total) == (1000, 500, 300, 1200)
    assert state.spendable_settled == 700
    later = cash_on(moves, TUESDAY)
    assert (later.settled, later.unsettled, later.owed, later.spendable_settled) == (1200, 0, 0, 1200)
    assert cash_on([move("-300 2021-11-23")], MONDAY).spendable_settled == 0


@pytest.mark.parametrize(
    ("moves", "cost", "day", "paid"),
    [
        ("1000 2021-11-22", "1000", MONDAY, MONDAY),
        ("1000 2021-11-22, 500 2021-11-23", "1000.01", MONDAY, TUESDAY),
        ("1000 2021-11-22, 500 2021-11-23, 500 2021-11-24", "1500.01", MONDAY, WEDNESDAY),
        ("1000 2021-11-22, 500 2021-11-24, 500 2021-11-23", "1500", MONDAY, TUESDAY),
        ("1000 2021-11-22, -800 2021-11-23, 500 2021-11-23", "200", MONDAY, MONDAY),
        ("1000 2021-11-22, -800 2021-11-23, 500 2021-11-23", "201", MONDAY, TUESDAY),
        ("1000 2021-11-22, -1200 2021-11-23, 500 2021-11-23, 9 2021-11-24", "301", MONDAY, WEDNESDAY),
        ("1000 2021-11-22", "1000.01", MONDAY, None),
        ("1000 2021-11-22, 500 2021-11-23", "1500.01", MONDAY, None),
        ("1000 2021-11-22, 500 2021-11-23", "1500", TUESDAY, TUESDAY),
    ],
)
def test_a_purchase_is_paid_when_its_money_has_settled(moves, cost, day, paid) -> None:
    assert paid_on([move(text) for text in moves.split(", ")], Decimal(cost), day) == paid


LOTS = [
    PaidLot("AAPL", Decimal(10), MONDAY, TUESDAY),
    PaidLot("AAPL", Decimal(10), date(2021, 11, 19), MONDAY),
    PaidLot("AAPL", Decimal(5), TUESDAY, WEDNESDAY),
    PaidLot("MSFT", Decimal(9), MONDAY, FRIDAY),
]


@pytest.mark.parametrize(
    ("qty", "day", "early", "until"),
    [
        ("10", MONDAY, "", ""),
        ("11", MONDAY, "1", "2021-11-23"),
        ("20", MONDAY, "10", "2021-11-23"),
        ("20", TUESDAY, "", ""),
        ("21", TUESDAY, "1", "2021-11-24"),
        ("25", MONDAY, "15", "2021-11-24"),
        ("25", WEDNESDAY, "", ""),
    ],
)
def test_a_sale_before_its_money_is_warned_of(qty: str, day: date, early: str, until: str) -> None:
    found = sold_too_early(LOTS, "AAPL", Decimal(qty), day)
    if not early:
        assert found is None
    else:
        assert found == (
            f"{early} AAPL were bought with money that settles on {until}: selling them before is a good faith "
            "violation. Brokers restrict an account after a few of them."
        )


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-500, 1_000), st.integers(0, 5)), max_size=10),
    day=st.integers(0, 5),
    cost=st.integers(1, 2_000),
)
def test_what_is_paid_is_paid_by_money_that_has_settled(rows, day: int, cost: int) -> None:
    moves = [CashMove(Decimal(cash), date.fromisoformat(DAYS[at])) for cash, at in rows]
    on = date.fromisoformat(DAYS[day])
    state = cash_on(moves, on)
    assert state.total == sum((one.cash for one in moves), Decimal(0))
    assert state.unsettled >= 0 <= state.owed
    found = paid_on(moves, Decimal(cost), on)
    claims = Decimal(cost) + sum((-m.cash for m in moves if m.cash < 0 and m.settles_on > on), Decimal(0))

    def arrived(until: date) -> Decimal:
        return sum((m.cash for m in moves if m.settles_on <= until and (m.cash > 0 or m.settles_on <= on)), Decimal(0))

    days = [date.fromisoformat(text) for text in DAYS if date.fromisoformat(text) >= on]
    assert found == next((until for until in days if arrived(until) >= claims), None)
