"""Stops, times in force, hours and presets against one quote; each receipt adds up to what was booked."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.auctions import Auction, match_auction
from starkmatter.domain.matching import match_quote
from starkmatter.domain.presets import ALPACA, BY_STAMP, FRICTIONLESS, HARSH, PRESETS, REALISTIC, preset_of
from starkmatter.domain.triggers import UNSEEN, Watch
from tests.domain.market_text import NOW, order, view


def run(text: str, at=None, preset=REALISTIC, **options):
    return match_quote(order(text), at or view(), preset, **({"resting": False} | options))


def filled(outcome) -> str:
    """`"10 @ 100.05 market_at_touch"`."""
    one = outcome.execution
    return "" if one is None else f"{one.qty} @ {one.price} {one.receipt['rule']}"


@pytest.mark.parametrize(
    ("text", "last", "triggered", "result"),
    [
        ("buy 10 stop stp=101", "100.99", False, ""),
        ("buy 10 stop stp=101", "101.00", True, "10 @ 101.05 stop_at_touch"),
        ("sell 10 stop stp=101", "101.01", False, ""),
        ("sell 10 stop stp=101", "101.00", True, "10 @ 101.00 stop_at_touch"),
        ("buy 10 stop_limit stp=101 lmt=101.05", "101.00", True, "10 @ 101.05 stop_limit_at_touch"),
        ("buy 10 stop_limit stp=101 lmt=101.04", "101.00", True, ""),
        ("sell 10 stop_limit stp=101 lmt=101", "101.00", True, "10 @ 101.00 stop_limit_at_touch"),
        ("sell 10 stop_limit stp=101 lmt=101.01", "101.00", True, ""),
    ],
)
def test_a_stop_waits_for_the_last_trade(text: str, last: str, triggered: bool, result: str) -> None:
    got = run(text, view(f"101.00/101.05 last {last}"), resting=True)
    assert (got.watch.triggered, filled(got)) == (triggered, result)
    assert (got.execution is None) == bool(got.why)


def test_a_wide_quote_alone_triggers_nothing() -> None:
    got = run("sell 10 stop stp=99", view("10.00/190.00 last 100.00"))
    assert (got.execution, got.watch.triggered) == (None, False)
    assert got.why == "Its stop of 99.00 has not been reached: the last trade was at 100.00."


def test_a_stop_that_triggered_stays_so_and_its_limit_then_rests() -> None:
    first = run("buy 10 stop_limit stp=101 lmt=101.04", view("101.00/101.05 last 101.00"), resting=True)
    assert first.watch == Watch(True, None, Decimal("101"))
    later = view("100.50/100.55 last 100.50")
    second = run("buy 10 stop_limit stp=101 lmt=101.04", later, resting=True, watch=first.watch)
    assert filled(second) == "10 @ 101.04 stop_limit_resting"
    assert second.watch == first.watch


@pytest.mark.parametrize(
    ("text", "lasts", "stops", "result"),
    [
        ("sell 10 trailing_stop trl=1", "100 101 100.50 100", "99 100 100 100", "10 @ 100 trailing_stop_at_touch"),
        (
            "sell 10 trailing_stop pct=1",
            "100 101 100.50 99.99",
            "99 99.99 99.99 99.99",
            "10 @ 99.99 trailing_stop_at_touch",
        ),
        ("buy 10 trailing_stop trl=1", "100 99 99.50 100", "101 100 100 100", "10 @ 100.05 trailing_stop_at_touch"),
        (
            "buy 10 trailing_stop pct=1",
            "100 99 99.98 99.99",
            "101 99.99 99.99 99.99",
            "10 @ 100.04 trailing_stop_at_touch",
        ),
        ("sell 10 trailing_stop pct=0.333", "100.01", "99.67", ""),
        ("buy 10 trailing_stop pct=0.333", "100.01", "100.35", ""),
    ],
)
def test_a_trailing_stop_follows_the_best_trade_and_never_goes_back(text, lasts, stops, result) -> None:
    watch, got = UNSEEN, None
    for last, stop in zip(lasts.split(), stops.split(), strict=True):
        ask = Decimal(last) + Decimal("0.05")
        got = run(text, view(f"{last}/{ask} last {last}"), resting=True, watch=watch)
        watch = got.watch
        assert watch.stop_price == Decimal(stop)
    assert filled(got) == result


def test_the_receipt_of_a_stop_says_what_set_it_off() -> None:
    watch = run("sell 10 trailing_stop trl=1", view("102.00/102.05 last 102.00")).watch
    receipt = run("sell 10 trailing_stop trl=1", view("100.90/100.95"), watch=watch).execution.receipt
    assert receipt["trigger"] == {
        "stop_price": "101",
        "water": "102",
        "last": "100.9",
        "trail_amount": "1",
        "trail_percent": None,
    }
    assert receipt["explanation"] == (
        "The stop of 101.00 was reached. Trailing stop: all that was left filled at the bid of 100.90."
    )
    assert "trigger" not in run("buy 1").execution.receipt


@pytest.mark.parametrize(
    ("text", "result", "ends"),
    [
        ("buy 10 ioc", "10 @ 100.05 market_at_touch", None),
        ("buy 600 ioc", "500 @ 100.05 market_at_touch", "The rest could not be had at once."),
        ("buy 10 limit ioc lmt=100.04", "", "The ask of 100.05 has not reached its limit of 100.04."),
        ("buy 500 fok", "500 @ 100.05 market_at_touch", None),
        ("buy 501 fok", "", "Not all of it can be had at once."),
        ("buy 10 limit fok lmt=100.04", "", "The ask of 100.05 has not reached its limit of 100.04."),
        ("buy 600", "500 @ 100.05 market_at_touch", None),
        ("buy 10 opg", "", None),
        ("buy 10 cls", "", None),
    ],
)
def test_the_time_in_force_says_what_happens_to_the_rest(text: str, result: str, ends: str | None) -> None:
    got = run(text)
    assert (filled(got), got.ends) == (result, ends)


def test_fill_or_kill_with_a_limit_that_only_a_part_can_keep_is_killed() -> None:
    at = view(size="100", traded_qty=Decimal(20_000))
    assert filled(run("buy 200 limit lmt=100.05", at)) == "100 @ 100.05 limit_at_touch"
    assert run("buy 200 limit fok lmt=100.05", at).ends == "Not all of it can be had at once."


@pytest.mark.parametrize(
    ("text", "phase", "fills", "ends"),
    [
        ("buy 10", "open", True, False),
        ("buy 10", "pre", False, False),
        ("buy 10 limit lmt=101", "pre", False, False),
        ("buy 10 limit lmt=101 ext", "pre", True, False),
        ("buy 10 limit lmt=101 ext", "post", True, False),
        ("buy 10 limit lmt=101 ext", "closed", False, False),
        ("buy 10 limit lmt=101 ext", "open", True, False),
        ("sell 10 stop stp=150 ext", "pre", False, False),
        ("buy 10 ioc", "closed", False, True),
        ("buy 10 fok", "post", False, True),
    ],
)
def test_outside_regular_hours_only_limits_that_asked_for_it_trade(text, phase, fills, ends) -> None:
    got = run(text, view(phase=phase))
    assert (got.execution is not None, got.ends is not None) == (fills, ends)
    assert fills or got.why == "The market is not open for it."
    if fills:
        assert got.execution.receipt["phase"] == phase


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"condition": "halted"}, "AAPL is halted."),
        ({"condition": "suspect"}, "The price of AAPL is not confirmed."),
        ({"received_at": NOW - timedelta(seconds=5, microseconds=1)}, "The newest quote is too old."),
        ({"bid": None}, "The quote has no bid and ask."),
        ({"ask": None}, "The quote has no bid and ask."),
        ({"bid_size": None}, "The quote has no bid and ask."),
        ({"ask_size": None}, "The quote has no bid and ask."),
    ],
)
@pytest.mark.parametrize("text", ["buy 10", "buy 10 ioc", "sell 10 stop stp=150", "sell 10 trailing_stop trl=0.01"])
def test_what_cannot_be_used_puts_everything_off_and_triggers_nothing(text, change, why) -> None:
    at = view()
    got = run(text, at._replace(quote=replace(at.quote, **change)), watch=Watch(False, Decimal(100), Decimal(99)))
    assert (got.execution, got.ends, got.why) == (None, None, why)
    assert got.watch == Watch(False, Decimal(100), Decimal(99))


def test_a_quote_of_exactly_the_oldest_age_is_used() -> None:
    at = view()
    old = at._replace(quote=replace(at.quote, received_at=NOW - timedelta(seconds=5)))
    assert run("buy 10", old).execution.receipt["quote"]["age_ms"] == 5000
    assert run("buy 10").execution.receipt["quote"]["age_ms"] == 0
    ahead = at._replace(quote=replace(at.quote, received_at=NOW + timedelta(seconds=1)))
    assert run("buy 10", ahead).execution.receipt["quote"]["age_ms"] == 0


@pytest.mark.parametrize(
    ("text", "preset", "at", "result"),
    [
        ("buy 10", FRICTIONLESS, view(), "10 @ 100.03 market_at_mid"),
        ("sell 10", FRICTIONLESS, view(), "10 @ 100.02 market_at_mid"),
        ("buy 99999", FRICTIONLESS, view(), "99999 @ 100.03 market_at_mid"),
        ("buy 10 limit lmt=100.03", FRICTIONLESS, view(), "10 @ 100.03 limit_at_mid"),
        ("buy 10 limit lmt=100.02", FRICTIONLESS, view(), ""),
        ("buy 99999", ALPACA, view(), "99999 @ 100.05 market_at_touch"),
        ("buy 1000", REALISTIC, view(traded_qty=Decimal(20_000)), "1000 @ 100.07 market_at_touch"),
        # the part beyond the touch would cost 100.07: only what is shown, at the touch
        ("buy 1000 limit lmt=100.06", REALISTIC, view(traded_qty=Decimal(20_000)), "500 @ 100.05 limit_at_touch"),
        ("buy 1000 limit lmt=100.07", REALISTIC, view(traded_qty=Decimal(20_000)), "1000 @ 100.07 limit_at_touch"),
        ("buy 250", REALISTIC, view(size="199", lot_size=Decimal(100)), "100 @ 100.05 market_at_touch"),
        ("buy 0.75", REALISTIC, view(size="0.7", lot_size=Decimal("0.1")), "0.7 @ 100.05 market_at_touch"),
        ("buy 99", REALISTIC, view(lot_size=Decimal(100)), ""),
        ("buy 100", HARSH, view(), "100 @ 100.05 market_at_touch"),
        # half of the 500 shown; what is wanted beyond it moves the price: 150/400 of two half-spreads of 0.025
        ("buy 400", HARSH, view(), "250 @ 100.07 market_at_touch"),
        # by the square root: 2 % of 100.05 times the root of 150/240000 is 0.0500, up to the tick 0.06
        ("buy 400", HARSH, view(volume="240000"), "250 @ 100.11 market_at_touch"),
        ("sell 400", HARSH, view(volume="240000"), "250 @ 99.95 market_at_touch"),
        ("buy 400 limit lmt=100.06", HARSH, view(), "250 @ 100.06 limit_at_touch"),
        ("sell 400 limit lmt=99.99", HARSH, view(), "250 @ 99.99 limit_at_touch"),
        ("buy 400", HARSH, view(traded_qty=Decimal(6_000)), "300 @ 100.07 market_at_touch"),
    ],
)
def test_each_preset_has_its_price(text: str, preset, at, result: str) -> None:
    assert filled(run(text, at, preset)) == result


@pytest.mark.parametrize(
    ("preset", "ask", "fills"), [("harsh", "100.05", False), ("harsh", "100.04", True), ("realistic", "100.05", True)]
)
def test_a_resting_limit_of_the_harsh_market_has_to_be_traded_through(preset, ask, fills) -> None:
    got = run("buy 10 limit lmt=100.05", view(f"100.00/{ask}"), PRESETS[preset], resting=True)
    assert filled(got) == ("10 @ 100.05 limit_resting" if fills else "")
    sold = run("sell 10 limit lmt=100.00", view("100.00/100.05"), PRESETS[preset], resting=True)
    assert (sold.execution is not None) == (preset == "realistic")


def test_one_time_in_ten_alpaca_gives_a_part_and_always_the_same_one() -> None:
    def qty(number: int) -> Decimal:
        one = order("buy 1000")._replace(id=f"order-{number}")
        got = match_quote(one, view(), ALPACA, resting=False)
        assert got == match_quote(one, view(), ALPACA, resting=False)
        assert got.execution.receipt["cap"]["by_chance"] == (got.execution.qty < 1000)
        assert ("Only a part, by chance." in got.execution.receipt["explanation"]) == (got.execution.qty < 1000)
        return got.execution.qty

    drawn = [qty(number) for number in range(1000)]
    parts = [one for one in drawn if one < 1000]
    assert 70 <= len(parts) <= 130
    assert min(parts) >= 1
    assert 350 <= sum(parts) / len(parts) <= 650
    assert run("buy 1000 fok", preset=ALPACA).execution.qty == 1000


def test_the_receipt_says_what_the_other_presets_would_have_given() -> None:
    got = run("sell 1000 limit lmt=100.00", view(traded_qty=Decimal(1000)))
    assert got.execution.receipt["alternatives"] == {
        "frictionless": {"qty": "1000", "price": "100.02", "fees": "0"},
        # SEC 2.78, TAF 0.17, CAT 0.03
        "alpaca": {"qty": "1000", "price": "100", "fees": "2.98"},
        # commission 1.25, CAT 0.01, SEC 0.70, TAF 0.05; the rest of its impact would lie beyond the limit
        "harsh": {"qty": "250", "price": "100", "fees": "2.01"},
    }
    waits = run("buy 10 limit lmt=100.03", preset=FRICTIONLESS).execution.receipt["alternatives"]
    assert waits["realistic"] == {"why": "The ask of 100.05 has not reached its limit of 100.03."}
    assert set(waits) == {"alpaca", "realistic", "harsh"}


def test_the_receipt_adds_up() -> None:
    receipt = run("buy 1000", view(traded_qty=Decimal(20_000)), replace(REALISTIC, fees=HARSH.fees)).execution.receipt
    assert receipt["build_up"] == {"start": "100.05", "moved": "0.02", "price": "100.07", "qty": "1000"}
    assert (receipt["spread"], receipt["half_spread"], receipt["impact"]) == ("0.05", "0.025", "0.02")
    assert receipt["fees_total"] == "5.03"
    assert [line["charged"] for line in receipt["fees"]] == ["5", "0.03"]
    assert receipt["cap"] == {
        "participation_ratio": "0.1",
        "traded_qty": "20000",
        "shown_qty": "500",
        "taken_by_others_qty": "0",
        "available_qty": "2000",
        "wanted_qty": "1000",
        "by_chance": False,
    }
    assert receipt["preset"] == "realistic/2"
    assert receipt["fee_schedule"] == "ib_fixed"
    assert receipt["explanation"] == (
        "Market order: all that was left filled at the ask of 100.05, moved to 100.07 because the order took more than "
        "was shown there."
    )


def test_a_note_on_the_quote_is_in_the_receipt() -> None:
    receipt = run("buy 10", view(note="Made up.")).execution.receipt
    assert receipt["explanation"] == "Market order: all that was left filled at the ask of 100.05. Made up."
    part = run("buy 600 limit lmt=100.10", view(), resting=True).execution.receipt
    assert part["explanation"] == "The ask reached your resting limit of 100.10: 500 of 600 left filled at it."


def test_what_a_purchase_has_money_for_bounds_its_price() -> None:
    got = run("buy 10", max_price=Decimal("100.04"))
    assert (got.execution, got.why) == (None, "The price of 100.05 is more than was set aside for it.")
    assert run("buy 10", max_price=Decimal("100.05")).execution.qty == 10
    assert run("sell 10", max_price=Decimal("1")).execution.qty == 10


def test_fees_count_what_the_order_had_before() -> None:
    preset = replace(REALISTIC, fees=HARSH.fees)
    first = run("buy 100", preset=preset).execution
    assert [line.charged for line in first.fee_lines] == [Decimal("1.00"), Decimal("0.01")]
    more = order("buy 100", filled_qty=Decimal(100), filled_value=Decimal(10_005))
    second = match_quote(more, view(), preset, resting=True).execution
    assert second.fee_lines == ()  # its least commission and its first cent were paid with the part before


@pytest.mark.parametrize(
    ("text", "kind", "price", "qty", "result", "ends"),
    [
        ("buy 10 opg", "opening", "100", "5000", "10 @ 100 opening_auction", None),
        ("buy 600 opg", "opening", "100", "5000", "500 @ 100 opening_auction", "The opening auction is over."),
        ("buy 1 opg", "opening", "100", "10", "1 @ 100 opening_auction", None),
        ("buy 600 opg", "opening", "100", None, "600 @ 100 opening_auction", None),
        ("buy 10 limit opg lmt=99.99", "opening", "100", None, "", "beyond its limit of 99.99"),
        ("buy 10 limit opg lmt=100", "opening", "100", None, "10 @ 100 opening_auction", None),
        ("sell 10 limit cls lmt=100.01", "closing", "100", None, "", "beyond its limit of 100.01"),
        ("sell 10 limit cls lmt=100", "closing", "100", "100", "10 @ 100 closing_auction", None),
        ("sell 10 limit cls lmt=99", "closing", "100", None, "10 @ 100 closing_auction", None),
        ("buy 10 limit cls lmt=101", "closing", "100", None, "10 @ 100 closing_auction", None),
        ("sell 10 cls", "closing", "100", "9", "", "The auction was too small for a part of it."),
    ],
)
def test_an_auction_has_one_price_and_is_over(text, kind, price, qty, result, ends) -> None:
    auction = Auction(kind, Decimal(price), None if qty is None else Decimal(qty), NOW, "test")
    got = match_auction(order(text), auction, REALISTIC, lot_size=Decimal(1))
    assert filled(got) == result
    assert (got.ends is None) == (ends is None)
    assert (ends or "") in (got.ends or "")
    if got.execution is not None:
        assert set(got.execution.receipt["alternatives"]) == {"frictionless", "alpaca", "harsh"}
        assert got.execution.receipt["auction"]["price"] == price
        assert "in the auction, at 100.00" in got.execution.receipt["explanation"]


def test_an_auction_leaves_other_orders_and_what_cannot_be_paid_alone() -> None:
    auction = Auction("opening", Decimal(100), None, NOW, "test", Decimal(0))
    for text in ("buy 10", "buy 10 cls"):
        got = match_auction(order(text), auction, REALISTIC, lot_size=Decimal(1))
        assert (got.execution, got.ends, got.why) == (None, None, "It is not an order for the opening auction.")
    dear = match_auction(order("buy 10 opg"), auction, REALISTIC, lot_size=Decimal(1), max_price=Decimal("99.99"))
    assert dear.ends == "The opening price of 100.00 is more than was set aside for it."
    for paid in ("100", "100.01"):
        got = match_auction(order("buy 10 opg"), auction, REALISTIC, lot_size=Decimal(1), max_price=Decimal(paid))
        assert got.execution.qty == 10
    sold = match_auction(order("sell 10 opg"), auction, REALISTIC, lot_size=Decimal(1), max_price=Decimal(1))
    assert sold.execution.qty == 10
    crowded = replace(auction, qty=Decimal(1000), taken_qty=Decimal(95))
    assert match_auction(order("buy 10 opg"), crowded, REALISTIC, lot_size=Decimal(1)).execution.qty == 5


def test_presets_are_found_by_name_and_by_stamp() -> None:
    assert (preset_of("realistic").stamp, preset_of("realistic/1").version) == ("realistic/2", 1)
    assert set(BY_STAMP) == {"frictionless/1", "alpaca/1", "realistic/1", "realistic/2", "harsh/1"}
    with pytest.raises(KeyError):
        preset_of("realistic/9")
    assert all(one.summary for one in PRESETS.values())
