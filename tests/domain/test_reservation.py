"""What is set aside for a purchase is never less than it can cost, by any type of order and any preset."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.fees import SCHEDULES, total
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.ledger import book_fill
from starkmatter.domain.matching import match_quote
from starkmatter.domain.money import MICRO, up_to_cents
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.presets import FRICTIONLESS, HARSH, PRESETS
from starkmatter.domain.risk import NOTHING, refusals, reserve, still_needed
from starkmatter.domain.triggers import Watch
from tests.domain.market_text import order, quote, view

SHARE = Instrument(
    "AAPL", "Apple", "equity", "XNYS", "USD", Decimal("0.01"), Decimal(1), "", "ohlcv", "", "test", None, None, True
)


def asked(text: str, notional: str | None = None) -> OrderRequest:
    one = order(text)
    return OrderRequest(
        one.symbol,
        one.side,
        one.type,
        one.leaves_qty,
        one.time_in_force,
        one.limit_price,
        one.stop_price,
        one.trail_amount,
        one.trail_percent,
        None if notional is None else Decimal(notional),
    )


@pytest.mark.parametrize(
    ("request_", "per_share", "total"),
    [
        (asked("buy 10"), "105.06", "1050.60"),
        (asked("buy 10 limit lmt=99"), "99", "990"),
        (asked("buy 10 stop stp=110"), "115.50", "1155"),
        (asked("buy 10 stop stp=90"), "105.06", "1050.60"),
        (asked("buy 10 stop_limit stp=110 lmt=111"), "111", "1110"),
        (asked("buy 10 trailing_stop trl=10"), "115.56", "1155.60"),
        (asked("buy 10 trailing_stop pct=10"), "115.56", "1155.60"),
        (asked("buy 0", "500"), "105.06", "500"),
    ],
)
def test_the_worst_price_is_set_aside(request_: OrderRequest, per_share: str, total: str) -> None:
    found = reserve(request_, quote("100.00/100.05"), SHARE, FRICTIONLESS)
    assert (found.per_share, found.total) == (Decimal(per_share), Decimal(total))


def test_nothing_is_set_aside_for_a_sale_or_without_any_price() -> None:
    assert reserve(asked("sell 10"), quote("100.00/100.05"), SHARE, HARSH) == NOTHING
    assert reserve(asked("buy 10"), None, SHARE, HARSH) == NOTHING
    assert reserve(asked("buy 10 limit lmt=0"), None, SHARE, HARSH) == NOTHING
    assert reserve(asked("buy 10 stop stp=110"), None, SHARE, FRICTIONLESS).per_share == Decimal("115.50")


def test_the_fees_of_the_preset_come_on_top() -> None:
    found = reserve(asked("buy 10 limit lmt=100"), None, SHARE, HARSH)
    assert found.total == Decimal("1001.01")
    by_amount = reserve(asked("buy 0", "1000"), quote("100.00/100.05"), SHARE, HARSH)
    assert by_amount.total == Decimal("1001.01")


@settings(max_examples=500, deadline=None)
@given(
    qty=st.integers(1, 5_000),
    bid=st.integers(100, 50_000),
    spread=st.integers(1, 50),
    size=st.integers(1, 5_000),
    kind=st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]),
    off=st.integers(-50, 50),
    preset=st.sampled_from(list(PRESETS.values())),
)
def test_no_fill_costs_more_than_was_set_aside(qty, bid, spread, size, kind, off, preset) -> None:
    cents = Decimal("0.01")
    ask = (bid + spread) * cents
    near = max(cents, ask + off * cents)
    fields = {"market": "", "limit": f"lmt={near}", "stop": f"stp={near}", "trailing_stop": "trl=0.10"}
    text = f"buy {qty} {kind} " + fields.get(kind, f"stp={near} lmt={near}")
    at = view(f"{bid * cents}/{ask}", size=str(size))
    aside = reserve(asked(text), at.quote, SHARE, preset)
    awake = Watch(True, None, near)
    got = match_quote(order(text), at, preset, resting=False, watch=awake, max_price=aside.per_share).execution
    if got is not None:
        assert got.qty * got.price + got.fees <= aside.total


@settings(max_examples=500, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(1, 3_000_000), st.integers(0, 40)), min_size=1, max_size=12),
    worst=st.integers(1, 30_000),
    fraction=st.sampled_from(["1", "0.1", "0.001"]),
    schedule=st.sampled_from(list(SCHEDULES.values())),
)
def test_an_order_in_any_parts_costs_no_more_than_was_set_aside(parts, worst, fraction, schedule) -> None:
    """Booked as the database books it: what stays set aside after each part pays for all that may come."""
    preset = replace(HARSH, fees=schedule)
    top = worst * Decimal("0.01")
    qtys = [max(1, one if fraction != "1" else one % 500) * Decimal(fraction) for one, _ in parts]
    rest = sum(qtys, Decimal(0))
    reserved = up_to_cents(rest * top) + total(schedule.lines("buy", rest, top))
    assert reserved <= still_needed(preset, rest, top)
    filled = value = Decimal(0)
    for qty, (_, below) in zip(qtys, parts, strict=True):
        price = max(Decimal("0.01"), top - below * Decimal("0.01"))
        fees = total(schedule.lines("buy", qty, price, before_qty=filled, before_value=value))
        spent = -book_fill("buy", "AAPL", qty, price, fees, "USD", before_value=value).cash
        assert spent <= reserved
        rest, filled = rest - qty, filled + qty
        value = (value + qty * price).quantize(MICRO, ROUND_HALF_UP)
        reserved = min(reserved - spent, still_needed(preset, rest, top, filled_qty=filled, filled_value=value))
        assert reserved >= 0
    assert reserved == 0


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(1, 2_000_000), st.integers(1, 300)), min_size=1, max_size=8),
    schedule=st.sampled_from(list(SCHEDULES.values())),
)
def test_no_part_of_a_sale_takes_cash(parts, schedule) -> None:
    filled = value = Decimal(0)
    for millionths, cents in parts:
        qty, price = millionths * MICRO, cents * Decimal("0.01")
        fees = total(schedule.lines("sell", qty, price, before_qty=filled, before_value=value))
        assert book_fill("sell", "AAPL", qty, price, fees, "USD", before_value=value).cash >= 0
        filled, value = filled + qty, value + qty * price


def test_what_is_not_offered_is_refused_in_words() -> None:
    at = quote("100.00/100.05")
    short = replace(asked("sell 10"), allow_short=True)
    words = "Short selling is not offered on this account: it takes a margin account on paper."
    assert words in refusals(short, SHARE, at, None)
    assert words not in refusals(short, SHARE, at, None, lends=True)
    rare = replace(SHARE, borrowable=False)
    assert "Shares of AAPL cannot be borrowed now, so it cannot be sold short." in refusals(
        short, rare, at, None, lends=True
    )
    for text in ("buy 10 stop stp=110", "buy 10 fok", "buy 10 limit lmt=100 opg", "sell 10 trailing_stop trl=1"):
        assert refusals(asked(text), SHARE, at, None) == [
            "The market's clock is not known right now: the feed does not answer."
        ]


LITTLE = "An amount, or a part of a share, is worth at least 1.00 USD."


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("buy 0.000000001"), LITTLE),
        (asked("buy 0.009"), LITTLE),
        (asked("buy 0.5 limit lmt=1.99"), LITTLE),
        (replace(asked("buy 1", "0.99"), qty=Decimal(0)), LITTLE),
        (replace(asked("sell 1", "0.99"), qty=Decimal(0)), LITTLE),
        (asked("buy 1 limit lmt=0.0001"), "An order is worth at least 0.01 USD."),
        (asked("buy 0.01"), None),
        (asked("buy 1"), None),
        (replace(asked("buy 1", "1.00"), qty=Decimal(0)), None),
        (asked("sell 0.000000001"), None),
    ],
)
def test_what_is_bought_is_worth_something_and_any_rest_can_be_sold(request_: OrderRequest, words: str | None) -> None:
    found = refusals(request_, SHARE, quote("100.00/100.05"), None)
    assert [one for one in found if "worth at least" in one] == ([] if words is None else [words])
