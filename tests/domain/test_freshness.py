"""How old a price may be before it is doubted or refused, and what stands in for a missing bid and ask."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from starkmatter.domain import risk
from starkmatter.domain.freshness import age_text, is_late, is_stale, with_touch
from starkmatter.domain.instruments import Instrument
from tests.builders import open_clock, order, quote

CLOCK = open_clock(venue="market", run_id=None)
SHARE = Instrument(
    "AAPL", "Apple", "equity", "XNYS", "USD", Decimal("0.01"), Decimal(1), "", "ohlcv", "", "test", None, None, True
)


def _seen(secs_ago: float):
    return quote("AAPL 100.00/100.05", at=CLOCK.venue_now - timedelta(seconds=secs_ago))


@pytest.mark.parametrize(
    ("secs", "late", "stale"),
    [(1, False, False), (15, False, False), (15.5, True, False), (60, True, False), (61, True, True)],
)
def test_age_counts_in_an_open_session_of_the_wall_clock_market(secs: float, late: bool, stale: bool) -> None:
    assert (is_late(_seen(secs), CLOCK), is_stale(_seen(secs), CLOCK)) == (late, stale)


def test_age_says_nothing_on_the_replay_and_outside_the_session() -> None:
    for clock in (replace(CLOCK, venue="replay"), replace(CLOCK, state="closed")):
        assert (is_late(_seen(9_000), clock), is_stale(_seen(9_000), clock)) == (False, False)


def test_no_market_order_is_taken_on_a_stale_price_but_a_limit_order_may_wait() -> None:
    [refusal] = risk.refusals(order("buy 10 AAPL"), SHARE, _seen(180), CLOCK)
    assert "3 minutes old" in refusal
    assert "test" in refusal
    assert risk.refusals(order("buy 10 AAPL @ 99.00"), SHARE, _seen(180), CLOCK) == []
    assert "3 minutes old" in " ".join(risk.warnings(order("buy 10 AAPL @ 99.00"), _seen(180), CLOCK))
    assert risk.refusals(order("buy 10 AAPL"), SHARE, _seen(20), CLOCK) == []
    assert "20 seconds old" in " ".join(risk.warnings(order("buy 10 AAPL"), _seen(20), CLOCK))


def test_age_is_said_as_a_person_would() -> None:
    said = {5: "5 seconds", 0: "0 seconds", -3: "0 seconds", 119: "119 seconds", 120: "2 minutes", 10_800: "3 hours"}
    assert {secs: age_text(timedelta(seconds=secs)) for secs in said} == said


def test_a_missing_touch_is_made_up_from_the_last_trade_and_said_so() -> None:
    whole = quote("AAPL 100.00/100.05")
    assert with_touch(whole, Decimal("0.01")) == (whole, False)
    bare = replace(whole, bid=None, ask=None, bid_size=None, ask_size=None, last=Decimal("100.00"))
    made, said = with_touch(bare, Decimal("0.01"))
    assert (made.bid, made.ask, made.bid_size, said) == (Decimal("99.95"), Decimal("100.05"), Decimal(100), True)
    cheap, _ = with_touch(replace(bare, last=Decimal("0.02")), Decimal("0.01"))
    assert (cheap.bid, cheap.ask) == (Decimal("0.01"), Decimal("0.03"))
    for half in (replace(bare, bid=Decimal(99)), replace(bare, ask=Decimal(101))):
        assert with_touch(half, Decimal("0.01")) == (made, True)
    for size in ("bid_size", "ask_size"):
        sizeless, said = with_touch(replace(whole, **{size: None}), Decimal("0.01"))
        assert (sizeless.ask, sizeless.bid_size, sizeless.ask_size, said) == (whole.ask, 100, 100, True)
    assert with_touch(replace(bare, condition="halted"), Decimal("0.01"))[1] is False
