"""What the paper market gives, and that it never gives more than a quote has or at a better price than it shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.matching import PRESETS, REALISTIC, collar_price, match
from starkmatter.domain.orders import WorkingOrder
from starkmatter.domain.quotes import Quote

NOW = datetime(2021, 3, 1, 15, 0, tzinfo=UTC)
TICK, LOT = Decimal("0.01"), Decimal(1)


def quote(bid: str = "100.00", ask: str = "100.05", size: str = "500") -> Quote:
    return Quote("AAPL", Decimal(bid), Decimal(ask), Decimal(bid), Decimal(size), Decimal(size), None, NOW, NOW, "test")


def working(side, qty: str | Decimal, limit: str | Decimal | None = None) -> WorkingOrder:
    kind = "market" if limit is None else "limit"
    price = None if limit is None else Decimal(limit)
    return WorkingOrder("1", "AAPL", side, kind, Decimal(qty), price, "day", NOW, "replay")


def run(order: WorkingOrder, at: Quote, **changes):
    options = {
        "resting": False,
        "traded_qty": None,
        "preset": REALISTIC,
        "tick_size": TICK,
        "lot_size": LOT,
        "max_price": None,
        "now": NOW,
    }
    return match(order, at, **(options | changes))


@pytest.mark.parametrize(
    ("side", "qty", "limit", "resting", "filled", "price", "rule"),
    [
        ("buy", "10", None, False, "10", "100.05", "market_at_touch"),
        ("sell", "10", None, False, "10", "100.00", "market_at_touch"),
        ("buy", "10", "100.10", False, "10", "100.05", "limit_at_touch"),
        ("buy", "10", "100.10", True, "10", "100.10", "limit_resting"),
        ("sell", "10", "99.90", True, "10", "99.90", "limit_resting"),
        ("buy", "600", "100.05", False, "500", "100.05", "limit_at_touch"),
    ],
)
def test_the_rule_decides_the_price(side, qty, limit, resting, filled, price, rule) -> None:
    got = run(working(side, qty, limit), quote(), resting=resting)
    assert got is not None
    assert (got.qty, got.price, got.receipt["rule"]) == (Decimal(filled), Decimal(price), rule)


def test_a_limit_that_is_not_reached_waits() -> None:
    assert run(working("buy", "10", "100.04"), quote()) is None
    assert run(working("sell", "10", "100.01"), quote()) is None


def test_more_than_the_touch_shows_costs_impact_against_the_order() -> None:
    got = run(working("buy", "1000"), quote(), traded_qty=Decimal(20_000))
    assert got is not None
    # Half of 1,000 is beyond the touch: half of the half-spread of 0.025, up to the next tick.
    assert (got.qty, got.price, got.receipt["impact"]) == (1000, Decimal("100.07"), "0.02")


def test_a_tenth_of_what_traded_is_the_cap() -> None:
    got = run(working("buy", "5000"), quote(size="100"), traded_qty=Decimal(7_000))
    assert got is not None
    assert got.qty == 700


def test_what_others_took_is_gone() -> None:
    assert run(working("buy", "10"), quote(), taken_qty=Decimal(500)) is None
    got = run(working("buy", "10"), quote(), taken_qty=Decimal(495))
    assert got is not None
    assert got.qty == 5


@pytest.mark.parametrize("condition", ["suspect", "halted"])
def test_nothing_trades_on_a_quote_that_is_not_normal(condition) -> None:
    assert run(working("buy", "10"), replace(quote(), condition=condition)) is None


def test_nothing_trades_on_a_stale_or_one_sided_quote() -> None:
    assert run(working("buy", "10"), quote(), now=NOW + timedelta(seconds=6)) is None
    assert run(working("buy", "10"), replace(quote(), ask=None)) is None


@settings(max_examples=2_000, deadline=None)
@given(
    side=st.sampled_from(["buy", "sell"]),
    qty=st.integers(1, 100_000).map(Decimal),
    bid=st.integers(100, 100_000).map(lambda cents: Decimal(cents) / 100),
    spread=st.integers(1, 200).map(lambda cents: Decimal(cents) / 100),
    size=st.integers(0, 5_000).map(Decimal),
    traded=st.one_of(st.none(), st.integers(0, 100_000).map(Decimal)),
    limit_off=st.one_of(st.none(), st.integers(-50, 300)),
    resting=st.booleans(),
    cap=st.one_of(st.none(), st.integers(0, 50)),
)
def test_a_fill_is_never_too_much_never_too_good_and_never_past_its_limits(
    side, qty, bid, spread, size, traded, limit_off, resting, cap
) -> None:
    ask = bid + spread
    touch = ask if side == "buy" else bid
    limit = None if limit_off is None else max(TICK, touch + Decimal(limit_off) / 100 * (1 if side == "buy" else -1))
    max_price = None if cap is None else ask + Decimal(cap) / 100
    at = Quote("AAPL", bid, ask, bid, size, size, None, NOW, NOW, "test")
    got = run(working(side, qty, limit), at, resting=resting, traded_qty=traded, max_price=max_price)
    if got is None:
        return
    assert 0 < got.qty <= qty
    assert got.qty <= max(size, (traded or 0) * REALISTIC.participation_ratio)
    assert got.qty % LOT == 0
    assert got.price % TICK == 0
    assert got.price > 0
    if side == "buy":
        assert got.price >= ask
        assert limit is None or got.price <= limit
        assert max_price is None or got.price <= max_price
    else:
        assert got.price <= bid
        assert limit is None or got.price >= limit
    assert got.fees == sum((line.charged for line in got.fee_lines), Decimal(0))


@settings(deadline=None)
@given(reference=st.decimals("0.01", "10000", places=2), ratio=st.decimals("0", "0.5", places=3))
def test_the_collar_lies_on_the_tick_and_never_inside_the_ratio(reference: Decimal, ratio: Decimal) -> None:
    above = collar_price("buy", reference, ratio, TICK)
    below = collar_price("sell", reference, ratio, TICK)
    assert above % TICK == 0 == below % TICK
    assert above >= reference * (1 + ratio)
    assert below <= reference * (1 - ratio)


@pytest.mark.parametrize(
    ("side", "reference", "worst"),
    [("buy", "100", "105"), ("sell", "100", "95"), ("buy", "100.01", "105.02"), ("sell", "100.01", "95.00")],
)
def test_the_collar_is_the_reference_moved_by_its_ratio(side, reference: str, worst: str) -> None:
    assert collar_price(side, Decimal(reference), Decimal("0.05"), TICK) == Decimal(worst)


def test_every_preset_carries_its_version() -> None:
    assert {preset.stamp for preset in PRESETS.values()} == {"frictionless/1", "alpaca/1", "realistic/2", "harsh/1"}
