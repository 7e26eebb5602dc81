"""Fees to the cent by schedule and day; what is held costs by the day of a year of 360."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.fees import (
    ALPACA,
    IB_FIXED,
    IB_TIERED,
    NO_FEES,
    SCHEDULES,
    US_EQUITIES,
    US_EQUITIES_2024,
    Commission,
    custom,
    total,
)
from starkmatter.domain.financing import BorrowTerms, Financing, borrow_fee, margin_interest


def charged(schedule, side, qty, price, **facts) -> list[str]:
    lines = schedule.lines(side, Decimal(qty), Decimal(price), **facts)
    return [f"{line.name} {line.charged}" for line in lines]


@pytest.mark.parametrize(
    ("on", "sec", "taf"),
    [
        ("2013-01-02", "27.80", "8.30"),
        ("2024-05-22", "27.80", "8.30"),
        ("2025-05-13", "27.80", "8.30"),
        ("2025-05-14", None, "8.30"),
        ("2025-12-31", None, "8.30"),
        ("2026-01-01", None, "9.79"),
        ("2026-04-03", None, "9.79"),
        ("2026-04-04", "20.60", "9.79"),
        (None, "20.60", "9.79"),
    ],
)
def test_regulatory_rates_hold_from_their_day_on(on: str | None, sec: str | None, taf: str) -> None:
    day = None if on is None else date.fromisoformat(on)
    lines = charged(US_EQUITIES, "sell", "100000", "10", on=day)
    assert lines == ([f"SEC fee {sec}"] if sec else []) + [f"Trading Activity Fee {taf}"]
    assert charged(US_EQUITIES, "buy", "100000", "10", on=day) == []


def test_each_line_is_rounded_up_and_says_how_it_came_about() -> None:
    first, second = US_EQUITIES.lines("sell", Decimal(4), Decimal(110), on=date(2024, 6, 3))
    assert (first.charged, first.basis) == (
        Decimal("0.02"),
        "27.80 USD per million of proceeds, rounded up to the cent",
    )
    assert (second.charged, second.basis) == (
        Decimal("0.01"),
        "0.000166 USD per share sold, at most 8.30 USD, rounded up to the cent",
    )
    assert charged(US_EQUITIES, "sell", "1000", "100", on=date(2026, 1, 2)) == ["Trading Activity Fee 0.20"]


def test_the_first_version_charges_what_it_always_did() -> None:
    assert charged(US_EQUITIES_2024, "sell", "100", "100", on=date(2026, 6, 1)) == [
        "SEC fee 0.28",
        "Trading Activity Fee 0.02",
    ]


@pytest.mark.parametrize(
    ("schedule", "side", "qty", "price", "lines"),
    [
        (NO_FEES, "sell", "100", "25", []),
        (ALPACA, "buy", "1000", "25", ["Consolidated Audit Trail fee 0.03"]),
        (
            ALPACA,
            "sell",
            "1000",
            "25",
            ["Consolidated Audit Trail fee 0.03", "SEC fee 0.70", "Trading Activity Fee 0.17"],
        ),
        # the broker's own examples: 100 at 25 is 1.00, 1,000 at 25 is 5.00, 1,000 at 0.25 is 2.50
        (IB_FIXED, "buy", "100", "25", ["Commission 1.00", "Consolidated Audit Trail fee 0.01"]),
        (IB_FIXED, "buy", "1000", "25", ["Commission 5.00", "Consolidated Audit Trail fee 0.03"]),
        (IB_FIXED, "buy", "1000", "0.25", ["Commission 2.50", "Consolidated Audit Trail fee 0.03"]),
        (
            IB_TIERED,
            "buy",
            "100",
            "25",
            [
                "Commission 0.35",
                "Pass-through fees 0.01",
                "Clearing fee 0.02",
                "Exchange fee 0.30",
                "Consolidated Audit Trail fee 0.01",
            ],
        ),
    ],
)
def test_published_schedules_give_their_published_examples(schedule, side, qty, price, lines) -> None:
    assert charged(schedule, side, qty, price, on=date(2024, 6, 3)) == lines


@pytest.mark.parametrize(
    ("month", "commission"),
    [
        ("0", "35.00"),
        ("300000", "35.00"),
        ("300001", "20.00"),
        ("3000001", "15.00"),
        ("20000001", "10.00"),
        ("100000000", "10.00"),
        ("100000001", "5.00"),
    ],
)
def test_tiers_follow_what_was_traded_in_the_month(month: str, commission: str) -> None:
    assert charged(IB_TIERED, "buy", "10000", "25", month_qty=Decimal(month))[0] == f"Commission {commission}"


@pytest.mark.parametrize(
    ("commission", "qty", "price", "owed"),
    [
        (Commission(per_order=Decimal("4.95")), "10", "10", "4.95"),
        (Commission(per_share=Decimal("0.01"), per_order=Decimal(1)), "50", "10", "1.50"),
        (Commission(ratio=Decimal("0.001")), "50", "10", "0.50"),
        (Commission(ratio=Decimal("0.001"), minimum=Decimal(2)), "50", "10", "2"),
        (Commission(ratio=Decimal("0.01"), maximum=Decimal(3)), "50", "10", "3"),
        (Commission(minimum=Decimal(9), maximum=Decimal(3)), "50", "10", "3"),
        (Commission(minimum=Decimal(9), max_ratio=Decimal("0.01")), "50", "10", "5"),
        (Commission(minimum=Decimal(9)), "0", "10", "0"),
    ],
)
def test_a_commission_of_ones_own(commission: Commission, qty: str, price: str, owed: str) -> None:
    value = Decimal(qty) * Decimal(price)
    assert commission.owed(Decimal(qty), value) == Decimal(owed)
    assert total(custom(commission, regulatory=False).lines("sell", Decimal(qty), Decimal(price))) == Decimal(owed)


def test_a_schedule_of_ones_own_may_have_the_regulatory_fees() -> None:
    own = Commission(Decimal("0.01"), Decimal(1), Decimal("0.001"), Decimal(2), Decimal(10), Decimal("0.5"))
    assert charged(custom(own), "sell", "50", "10", on=date(2024, 6, 3)) == [
        "Commission 2.00",
        "SEC fee 0.02",
        "Trading Activity Fee 0.01",
    ]
    [line] = custom(own, regulatory=False).lines(
        "sell", Decimal(1000), Decimal(1), before_qty=Decimal(10), before_value=Decimal(100)
    )
    assert line.charged == Decimal("8.00")
    assert line.basis == (
        "0.01 USD per share and 1 USD per order and 0.1 % of the value, at least 2.00 USD, at most 10.00 USD, "
        "at most 50 % of the value, rounded up to the cent, 2.00 USD of it before"
    )
    assert custom(Commission(minimum=Decimal(1)), regulatory=False).lines("buy", Decimal(1), Decimal(1))[0].basis == (
        "nothing, at least 1.00 USD, rounded up to the cent"
    )


@settings(max_examples=500, deadline=None)
@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    side=st.sampled_from(["buy", "sell"]),
    parts=st.lists(st.tuples(st.integers(1, 5_000), st.integers(1, 50_000)), min_size=1, max_size=6),
)
def test_an_order_in_parts_pays_its_commission_once(name: str, side, parts) -> None:
    schedule = SCHEDULES[name]
    qty = value = paid = Decimal(0)
    for shares, cents in parts:
        price = Decimal(cents) / 100
        lines = schedule.lines(side, Decimal(shares), price, before_qty=qty, before_value=value)
        assert all(line.charged > 0 for line in lines)
        assert all(line.charged == line.charged.quantize(Decimal("0.01")) for line in lines)
        paid += sum((line.charged for line in lines if line.name == "Commission"), Decimal(0))
        qty += shares
        value += shares * price
    if schedule.commission is not None:
        owed = schedule.commission.owed(qty, value)
        assert owed <= paid < owed + Decimal("0.01")


@pytest.mark.parametrize(
    ("qty", "price", "days", "fee"),
    [
        # 100 shares at 205 by 102 % is 20,910; 3 % a year is 1.7425 a day
        ("100", "205", 1, "1.75"),
        ("1", "205", 1, "1.75"),
        ("101", "205", 1, "3.49"),
        ("100", "205", 3, "5.23"),
        ("0", "205", 1, "0"),
        ("-5", "205", 1, "0"),
        ("100", "205", 0, "0"),
    ],
)
def test_borrowed_shares_cost_by_the_day_in_round_lots(qty, price, days, fee) -> None:
    assert borrow_fee(BorrowTerms(Decimal("0.03")), Decimal(qty), Decimal(price), days) == Decimal(fee)


@pytest.mark.parametrize(
    ("debit", "days", "interest"),
    # a published example: 30,000 at 6 % for ten days is 50
    [("30000", 10, "50"), ("30000", 1, "5"), ("0.01", 1, "0.01"), ("0", 5, "0"), ("-100", 5, "0"), ("100", 0, "0")],
)
def test_borrowed_money_costs_by_the_day_of_a_year_of_360(debit, days, interest) -> None:
    terms = Financing(BorrowTerms(Decimal(0)), Decimal("0.06"))
    assert margin_interest(terms, Decimal(debit), days) == Decimal(interest)
