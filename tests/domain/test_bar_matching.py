"""What a bar does to an order: the open first, stops before targets, through a limit and not only to it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.bar_matching import in_turn, match_bar
from starkmatter.domain.presets import ALPACA, FRICTIONLESS, HARSH, REALISTIC
from starkmatter.domain.triggers import UNSEEN, Watch
from tests.domain.market_text import NOW, bar, order

# Half a spread of the realistic market: five basis points, up to the tick.
PLAIN = replace(REALISTIC, bar_half_spread_ratio=Decimal(0))


def run(text: str, at: str, preset=PLAIN, **options):
    changes = {name: options.pop(name) for name in ("opens_session", "closes_session", "taken_qty") if name in options}
    return match_bar(order(text), bar(at, **changes), preset, **options)


def filled(outcome) -> str:
    one = outcome.execution
    return "" if one is None else f"{one.qty} @ {one.price} {one.receipt['rule']}"


@pytest.mark.parametrize(
    ("text", "at", "result"),
    [
        ("buy 10", "100 105 95 102 10000", "10 @ 100 market_at_open"),
        ("sell 10", "100 105 95 102 10000", "10 @ 100 market_at_open"),
        ("buy 2000", "100 105 95 102 10000", "1000 @ 100 market_at_open"),
        ("buy 2000", "100 105 95 102 -", "2000 @ 100 market_at_open"),
        ("buy 10", "100 105 95 102 0", ""),
        ("buy 10", "100 105 95 102 9", ""),
        # limits: through by a tick, at the limit and never better
        ("buy 10 limit lmt=96", "100 105 95 102 10000", "10 @ 96 limit_at_limit"),
        ("buy 10 limit lmt=95", "100 105 95 102 10000", ""),
        ("buy 10 limit lmt=95.01", "100 105 95 102 10000", "10 @ 95.01 limit_at_limit"),
        ("buy 10 limit lmt=101", "100 105 95 102 10000", "10 @ 101 limit_at_limit"),
        ("sell 10 limit lmt=105", "100 105 95 102 10000", ""),
        ("sell 10 limit lmt=104.99", "100 105 95 102 10000", "10 @ 104.99 limit_at_limit"),
        ("sell 10 limit lmt=99", "100 105 95 102 10000", "10 @ 99 limit_at_limit"),
        ("buy 10 limit lmt=94", "100 105 95 102 10000", ""),
        # stops: inside the bar at the stop, passed by the open at the open
        ("sell 10 stop stp=97", "100 105 95 102 10000", "10 @ 97 stop_at_stop"),
        ("sell 10 stop stp=95", "100 105 95 102 10000", "10 @ 95 stop_at_stop"),
        ("sell 10 stop stp=94.99", "100 105 95 102 10000", ""),
        ("sell 10 stop stp=101", "100 105 95 102 10000", "10 @ 100 stop_at_open"),
        ("buy 10 stop stp=105", "100 105 95 102 10000", "10 @ 105 stop_at_stop"),
        ("buy 10 stop stp=105.01", "100 105 95 102 10000", ""),
        ("buy 10 stop stp=99", "100 105 95 102 10000", "10 @ 100 stop_at_open"),
        ("sell 10 stop_limit stp=97 lmt=96", "100 105 95 102 10000", "10 @ 97 stop_limit_at_stop"),
        ("sell 10 stop_limit stp=97 lmt=98", "100 105 95 102 10000", ""),
        ("buy 10 stop_limit stp=99 lmt=99.50", "100 105 95 102 10000", ""),
        ("buy 10 stop_limit stp=99 lmt=100", "100 105 95 102 10000", "10 @ 100 stop_limit_at_open"),
        # immediate orders look at the open only
        ("buy 10 limit ioc lmt=99", "100 105 95 102 10000", ""),
        ("buy 10 fok", "100 105 95 102 100", "10 @ 100 market_at_open"),
        ("buy 11 fok", "100 105 95 102 100", ""),
    ],
)
def test_a_bar_gives_the_less_favorable_of_what_it_allows(text: str, at: str, result: str) -> None:
    got = run(text, at)
    assert filled(got) == result
    assert (got.execution is None) == bool(got.why)


@pytest.mark.parametrize(
    ("text", "at", "result", "ends"),
    [
        ("buy 10 limit ioc lmt=100", "100 105 95 102 10000", "10 @ 100 limit_at_open", None),
        (
            "buy 20 limit ioc lmt=100",
            "100 105 95 102 100",
            "10 @ 100 limit_at_open",
            "The rest could not be had at once.",
        ),
        ("buy 10 limit ioc lmt=99.99", "100 105 95 102 100", "", "The bar did not open within its limit."),
        ("buy 11 fok", "100 105 95 102 100", "", "Not all of it can be had at once."),
        ("buy 11", "100 105 95 102 100", "10 @ 100 market_at_open", None),
        ("buy 10 limit lmt=101", "100 105 95 102 100", "10 @ 100 limit_at_open", None),
    ],
)
def test_an_order_that_is_new_may_trade_at_the_open(text, at, result, ends) -> None:
    got = run(text, at, resting=False)
    assert (filled(got), got.ends) == (result, ends)


@pytest.mark.parametrize(
    ("text", "bars", "waters", "result"),
    [
        # the low comes before the high: 104 - 2 is not hit by the 101 of its own bar
        ("sell 10 trailing_stop trl=2", ["100 104 99 103 9999"], "104", ""),
        ("sell 10 trailing_stop trl=2", ["100 104 98 103 9999"], "100", "10 @ 98 trailing_stop_at_stop"),
        # but the close is certain to come after the high
        ("sell 10 trailing_stop trl=2", ["100 104 99 102 9999"], "104", "10 @ 102 trailing_stop_at_stop"),
        (
            "sell 10 trailing_stop trl=2",
            ["100 104 99 103 9999", "101 102 101 102 9999"],
            "104 104",
            "10 @ 101 trailing_stop_at_open",
        ),
        (
            "sell 10 trailing_stop trl=2",
            ["100 104 99 103 9999", "103 103 102 103 9999"],
            "104 104",
            "10 @ 102 trailing_stop_at_stop",
        ),
        ("buy 10 trailing_stop trl=2", ["100 101 96 97 9999"], "96", ""),
        ("buy 10 trailing_stop trl=2", ["100 102 96 97 9999"], "100", "10 @ 102 trailing_stop_at_stop"),
        ("buy 10 trailing_stop trl=2", ["100 101 96 98 9999"], "96", "10 @ 98 trailing_stop_at_stop"),
        (
            "buy 10 trailing_stop pct=2",
            ["100 101 96 97 9999", "98 98 97 97 9999"],
            "96 96",
            "10 @ 98 trailing_stop_at_open",
        ),
    ],
)
def test_a_trailing_stop_follows_from_bar_to_bar(text, bars, waters, result) -> None:
    watch, got = UNSEEN, None
    for text_of_bar, water in zip(bars, waters.split(), strict=True):
        got = run(text, text_of_bar, watch=watch)
        watch = got.watch
        assert watch.water == Decimal(water)
    assert filled(got) == result
    assert watch.triggered == bool(result)


def test_a_stop_that_found_no_shares_trades_at_the_next_open() -> None:
    first = run("sell 10 stop stp=97", "100 105 95 102 9")
    assert (first.execution, first.watch.triggered) == (None, True)
    assert first.why == "The bar's volume has no part of it left."
    assert filled(run("sell 10 stop stp=97", "110 111 109 110 999", watch=first.watch)) == "10 @ 110 stop_at_open"


def test_a_stop_limit_beyond_its_limit_rests_at_it() -> None:
    first = run("sell 10 stop_limit stp=97 lmt=98", "100 105 95 102 9999")
    assert first.why == "Its stop was reached at 97.00, beyond its limit: it waits for its limit."
    assert filled(run("sell 10 stop_limit stp=97 lmt=98", "97 98.01 96 97 999", watch=first.watch)) == (
        "10 @ 98 stop_limit_at_limit"
    )


def test_a_bar_without_trades_triggers_nothing_and_ends_nothing() -> None:
    got = run("sell 10 stop stp=150", "100 100 100 100 0", watch=Watch(False, None, Decimal(150)))
    assert (got.why, got.watch) == ("Nothing traded in this bar.", Watch(False, None, Decimal(150)))
    assert run("buy 10 ioc", "100 100 100 100 0").ends is None


@pytest.mark.parametrize(
    ("text", "preset", "result"),
    [
        ("buy 10", FRICTIONLESS, "10 @ 100 market_at_open"),
        ("buy 99999", FRICTIONLESS, "99999 @ 100 market_at_open"),
        ("buy 10 limit lmt=95", FRICTIONLESS, "10 @ 95 limit_at_limit"),
        ("buy 10 limit lmt=95", ALPACA, "10 @ 95 limit_at_limit"),
        ("buy 10 limit lmt=95", REALISTIC, ""),
        ("buy 10", ALPACA, "10 @ 100.02 market_at_open"),
        ("buy 10", REALISTIC, "10 @ 100.05 market_at_open"),
        ("sell 10", REALISTIC, "10 @ 99.95 market_at_open"),
        ("sell 10 stop stp=97", REALISTIC, "10 @ 96.95 stop_at_stop"),
        ("sell 10 stop_limit stp=97 lmt=96.98", REALISTIC, "10 @ 96.98 stop_limit_at_stop"),
        # ten basis points and 2 % of 100 times the root of 100/10000
        ("buy 100", HARSH, "100 @ 100.30 market_at_open"),
        ("sell 100", HARSH, "100 @ 99.70 market_at_open"),
        ("buy 600", HARSH, "500 @ 100.59 market_at_open"),
    ],
)
def test_each_preset_has_its_price(text: str, preset, result: str) -> None:
    assert filled(run(text, "100 105 95 102 10000", preset)) == result


@pytest.mark.parametrize(
    ("text", "changes", "result", "ends"),
    [
        ("buy 10 opg", {"opens_session": True}, "10 @ 100 opening_auction", False),
        ("buy 10 cls", {"closes_session": True}, "10 @ 102 closing_auction", False),
        ("buy 10 limit cls lmt=101", {"closes_session": True}, "", True),
        ("buy 10 opg", {"closes_session": True}, "", False),
        ("buy 10 cls", {"opens_session": True}, "", False),
    ],
)
def test_auctions_are_the_open_and_the_close_of_a_session(text, changes, result, ends) -> None:
    got = run(text, "100 105 95 102 10000", **changes)
    assert (filled(got), got.ends is not None) == (result, ends)


def test_a_stop_comes_before_a_target_and_the_open_before_both() -> None:
    at = bar("100 105 95 102 10000")
    target, stop = order("sell 10 limit lmt=104", id="a"), order("sell 10 stop stp=97", id="b")
    fresh, gapped = order("buy 10", id="c"), order("sell 10 stop stp=101", id="d")
    older = order("sell 10 limit lmt=103", id="e", submitted_at=NOW - timedelta(days=1))
    near = order("buy 10 limit lmt=100", id="f")
    awake = order("buy 10 stop_limit stp=99 lmt=98", id="g")
    entries = [(one, UNSEEN) for one in (target, stop, fresh, gapped, older, near)] + [(awake, Watch(True))]
    assert "".join(one.id for one in in_turn(entries, at)) == "cdfbeag"
    assert [one.id for one in in_turn(entries[::-1], at)] == list("cdfbeag")


def test_the_receipt_of_a_bar_adds_up_and_knows_the_other_presets() -> None:
    receipt = run("sell 100 stop stp=97", "100 105 95 102 10000", REALISTIC, taken_qty=Decimal(950)).execution.receipt
    assert receipt["build_up"] == {"start": "97", "moved": "-0.05", "price": "96.95", "qty": "50"}
    assert (receipt["spread"], receipt["half_spread"], receipt["impact"]) == ("0.1", "0.05", "0.05")
    assert receipt["trigger"]["stop_price"] == "97"
    assert receipt["bar"] == {
        "open": "100",
        "high": "105",
        "low": "95",
        "close": "102",
        "volume": "10000",
        "interval": "1d",
        "starts_at": NOW.isoformat(),
        "provider": "test",
    }
    assert receipt["cap"]["available_qty"] == "50"
    assert receipt["cap"]["traded_qty"] == "10000"
    assert receipt["cap"]["taken_by_others_qty"] == "950"
    assert receipt["explanation"] == (
        "The stop of 97.00 was reached. Stop order: 50 of 100 left filled at the stop of 97.00, "
        "moved to 96.95 for spread and size."
    )
    assert receipt["alternatives"]["frictionless"] == {"qty": "100", "price": "97", "fees": "0"}
    assert receipt["alternatives"]["harsh"] == {"why": "The bar's volume has no part of it left."}
    touched = run("buy 10 limit lmt=95", "100 105 95 102 10000", FRICTIONLESS).execution.receipt
    assert touched["alternatives"]["realistic"] == {"why": "The bar did not go through its limit of 95.00."}
    assert (touched["spread"], touched["explanation"]) == (
        "0",
        "The price went through your limit of 95.00: all that was left filled at it.",
    )


def test_money_set_aside_bounds_a_purchase_in_a_bar() -> None:
    got = run("buy 10", "100 105 95 102 10000", max_price=Decimal("99.99"))
    assert (got.execution, got.why) == (None, "The price of 100.00 is more than was set aside for it.")
    assert run("buy 10", "100 105 95 102 10000", max_price=Decimal(100)).execution.qty == 10
    assert run("sell 10", "100 105 95 102 10000", max_price=Decimal(1)).execution.qty == 10
    assert run("sell 10", "0.01 0.02 0.01 0.01 10000", REALISTIC).why == "There is no price above zero."
