"""What is set aside for a purchase is never less than it can cost, by any type of order and any preset."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.instruments import Instrument
from starkmatter.domain.matching import match_quote
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.presets import FRICTIONLESS, HARSH, PRESETS
from starkmatter.domain.risk import NOTHING, refusals, reserve
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


def test_what_is_not_offered_is_refused_in_words() -> None:
    at = quote("100.00/100.05")
    assert "Short selling is not offered on this account." in refusals(
        replace(asked("sell 10"), allow_short=True), SHARE, at, None
    )
    for text in ("buy 10 stop stp=110", "buy 10 fok", "buy 10 limit lmt=100 opg", "sell 10 trailing_stop trl=1"):
        assert refusals(asked(text), SHARE, at, None) == [
            "The market's clock is not known right now: the feed does not answer."
        ]
