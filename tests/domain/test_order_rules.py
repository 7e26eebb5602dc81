"""Every problem of a request is named in words, all of them at once, and an order that fits has none."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.order_rules import problems
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit, opens_short, opposite, qty_for
from starkmatter.domain.quotes import Quote

NOW = datetime(2021, 3, 1, 15, 0, tzinfo=UTC)
TODAY = date(2021, 3, 1)
TICK = Decimal("0.01")
FIELDS = {"lmt": "limit_price", "stp": "stop_price", "trl": "trail_amount", "pct": "trail_percent"}
MARKET = Quote("AAPL", Decimal(100), Decimal("100.05"), Decimal(100), None, None, None, NOW, NOW, "test")


def asked(text: str, **changes) -> OrderRequest:
    """`"buy 10 stop_limit gtc lmt=101 stp=100"`."""
    side, qty, kind, *rest = text.split()
    fields: dict = {}
    for word in rest:
        name, _, value = word.partition("=")
        fields |= {FIELDS[name]: Decimal(value)} if value else {"time_in_force": name}
    return replace(OrderRequest("AAPL", side, kind, Decimal(qty), **fields), **changes)  # type: ignore[arg-type]


def judged(request: OrderRequest, **facts) -> list[str]:
    return problems(request, **({"tick_size": TICK, "today": TODAY, "quote": MARKET, "fractional": True} | facts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("buy 10 market", []),
        ("buy 10 market lmt=100", ["A market order has no limit price."]),
        ("buy 10 market stp=101", ["A market order has no stop price."]),
        ("buy 10 market trl=1", ["A market order has no trail."]),
        ("buy 10 limit lmt=100.01", []),
        ("buy 10 limit", ["A limit order needs a limit price."]),
        ("buy 10 limit lmt=0", ["The limit price must be more than zero."]),
        ("buy 10 limit lmt=100.001", ["AAPL is priced in steps of 0.01."]),
        ("buy 10 limit lmt=100 stp=101", ["A limit order has no stop price."]),
        ("buy 10 stop stp=101", []),
        ("buy 10 stop", ["A stop order needs a stop price."]),
        ("buy 10 stop stp=101 lmt=102", ["A stop order has no limit price."]),
        ("buy 10 stop stp=100", ["purchase must lie above the market (100)"]),
        ("buy 10 stop stp=100.01", []),
        ("sell 10 stop stp=100", ["sale must lie below the market (100)"]),
        ("sell 10 stop stp=99.99", []),
        ("sell 10 stop_limit stp=99 lmt=98.5", []),
        ("sell 10 stop_limit stp=99", ["A stop-limit order needs a limit price."]),
        ("sell 10 stop_limit lmt=99", ["A stop-limit order needs a stop price."]),
        ("sell 10 trailing_stop trl=1", []),
        ("sell 10 trailing_stop pct=1.5", []),
        ("sell 10 trailing_stop", ["as an amount or as a percentage, one of the two"]),
        ("sell 10 trailing_stop trl=1 pct=1", ["one of the two"]),
        ("sell 10 trailing_stop pct=100", ["more than 0 and less than 100 percent"]),
        ("sell 10 trailing_stop pct=0", ["more than 0 and less than 100 percent"]),
        ("sell 10 trailing_stop trl=0", ["The trail must be more than zero."]),
        ("sell 10 trailing_stop trl=0.001", ["steps of 0.01"]),
        ("sell 10 trailing_stop trl=1 stp=99", ["A trailing stop has no stop price."]),
        ("buy 10 market ioc", []),
        ("buy 10 limit fok lmt=100", []),
        ("buy 10 market opg", []),
        ("buy 10 limit cls lmt=100", []),
        ("buy 10 stop ioc stp=101", ["A stop order cannot be immediate or cancel"]),
        ("buy 10 stop_limit fok stp=101 lmt=102", ["cannot be fill or kill"]),
        ("sell 10 trailing_stop opg trl=1", ["A trailing stop cannot be at the open"]),
        ("sell 10 stop cls stp=99", ["cannot be at the close"]),
        ("buy 10 market gtd", ["needs that date"]),
        ("buy 0 market", ["The quantity must be more than zero."]),
        ("buy -1 market", ["The quantity must be more than zero."]),
        ("buy 0.5 market", []),
        ("buy 0.5 market gtc", ["Parts of a share trade in orders of the day only."]),
        ("buy 0.0000000001 market", ["steps of 0.000000001 share"]),
        ("buy 0 limit ioc stp=1", ["quantity must", "needs a limit price", "has no stop price"]),
    ],
)
def test_each_field_belongs_to_its_types(text: str, words: list[str]) -> None:
    found = judged(asked(text))
    assert len(found) == len(words), found
    for word, sentence in zip(words, found, strict=True):
        assert word in sentence


TARGET, STOP = TakeProfit(Decimal(110)), StopLoss(Decimal(95))


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (asked("buy 0 market", notional=Decimal(500)), ""),
        (asked("buy 5 market", notional=Decimal(500)), "not both"),
        (asked("buy 0 market", notional=Decimal(0)), "amount must be more than zero"),
        (asked("buy 0 market", notional=Decimal(10) ** 9), ""),
        (asked("buy 0 market", notional=Decimal(10) ** 40), "1000000000 at most"),
        (asked("buy 0 limit lmt=99", notional=Decimal(500)), "market orders of the day only"),
        (asked("buy 0 market gtc", notional=Decimal(500)), "market orders of the day only"),
        (asked("buy 1 market gtd", expires_on=TODAY), ""),
        (asked("buy 1 market gtd", expires_on=TODAY - timedelta(days=1)), "has passed"),
        (asked("buy 1 market gtd", expires_on=TODAY + timedelta(days=366)), ""),
        (asked("buy 1 market gtd", expires_on=TODAY + timedelta(days=367)), "a year at most"),
        (asked("buy 1 market", expires_on=TODAY), "this one is day"),
        (asked("buy 1 limit lmt=99", extended_hours=True), ""),
        (asked("buy 1 limit gtc lmt=99", extended_hours=True), ""),
        (asked("buy 1 limit ioc lmt=99", extended_hours=True), "Extended hours take limit orders only"),
        (asked("buy 1 market", extended_hours=True), "Extended hours take limit orders only"),
        (asked("sell 5 market", allow_short=True), ""),
        (asked("buy 5 market", allow_short=True), "Only a sale can open a short"),
        (asked("sell 0.5 market", allow_short=True), "borrowed whole"),
        (asked("sell 0 market", allow_short=True, notional=Decimal(50)), "borrowed whole"),
        (asked("buy 1 market", take_profit=TARGET), "say which"),
        (asked("buy 1 market", order_class="bracket", take_profit=TARGET, stop_loss=STOP), ""),
        (asked("buy 1 market", order_class="bracket", take_profit=TARGET), "A bracket needs a target"),
        (asked("buy 1 market", order_class="bracket", stop_loss=STOP), "A bracket needs a target"),
        (asked("buy 1 market", order_class="oto", take_profit=TARGET), ""),
        (asked("buy 1 market", order_class="oto"), "An OTO needs one order"),
        (asked("buy 1 market", order_class="oto", take_profit=TARGET, stop_loss=STOP), "An OTO needs one order"),
        (asked("sell 1 limit lmt=110", order_class="oco", stop_loss=STOP), ""),
        (asked("sell 1 limit lmt=110", order_class="oco"), "An OCO is a limit order"),
        (asked("sell 1 limit lmt=110", order_class="oco", stop_loss=STOP, take_profit=TARGET), "An OCO is a limit"),
        (asked("sell 1 limit lmt=94", order_class="oco", stop_loss=STOP), "target must lie above the stop"),
        (asked("sell 1 limit lmt=110", order_class="oco", stop_loss=StopLoss(Decimal(101))), "stop of a sale must"),
        (asked("buy 1 limit lmt=90", order_class="oco", stop_loss=StopLoss(Decimal(105))), ""),
        (asked("buy 1 limit lmt=90", order_class="oco", stop_loss=STOP), "stop of a purchase must lie above"),
        (asked("buy 1 limit lmt=105", order_class="oco", stop_loss=StopLoss(Decimal(105))), "lie below the stop"),
        (asked("buy 1 market ioc", order_class="oto", take_profit=TARGET), "for the day or good till canceled"),
        (asked("buy 1 limit lmt=111", order_class="oto", take_profit=TARGET), "target must lie above 111"),
        (asked("buy 1 limit lmt=95", order_class="oto", stop_loss=STOP), "stop must lie below 95"),
        (asked("sell 1 market", order_class="oto", stop_loss=StopLoss(Decimal(105))), ""),
        (asked("sell 1 market", order_class="oto", stop_loss=STOP), "stop must lie above 100"),
        (
            asked("buy 1 market", order_class="oto", stop_loss=StopLoss(Decimal(95), Decimal("95.01"))),
            "would not protect",
        ),
        (asked("buy 1 market", order_class="oto", stop_loss=StopLoss(Decimal(95), Decimal(95))), ""),
        (asked("buy 1 market", order_class="oto", stop_loss=StopLoss(Decimal("95.001"))), "steps of 0.01"),
        (asked("buy 1 limit lmt=99", extended_hours=True, order_class="oto", take_profit=TARGET), "regular hours"),
        (asked("buy 1 market", condition=Condition("SPY", "at_or_above", Decimal(400))), ""),
        (asked("buy 1 market", condition=Condition("", "at_or_above", Decimal(400))), "needs a symbol"),
        (asked("buy 1 market", condition=Condition("SPY", "at_or_below", Decimal(0))), "more than zero"),
        (asked("buy 1 market ioc", condition=Condition("SPY", "at_or_below", Decimal(1))), "immediate or cancel"),
        (asked("buy 1 market opg", condition=Condition("SPY", "at_or_below", Decimal(1))), "at the open"),
    ],
)
def test_what_goes_together_is_said_in_one_sentence(request_: OrderRequest, word: str) -> None:
    found = judged(request_)
    assert len(found) == (1 if word else 0), found
    assert word in "".join(found)


def test_a_venue_of_whole_lots_takes_no_part_of_a_share_and_no_amount() -> None:
    assert judged(asked("buy 0.5 market"), fractional=False) == ["AAPL trades in steps of 1 share."]
    assert judged(asked("buy 150 market"), fractional=False, lot_size=Decimal(100)) == [
        "AAPL trades in steps of 100 share."
    ]
    [sentence] = judged(asked("buy 0 market", notional=Decimal(100)), fractional=False)
    assert "a quantity instead of an amount" in sentence


@pytest.mark.parametrize(
    ("held", "qty", "allowed", "refused", "short"),
    [
        ("10", "10", False, False, "0"),
        ("10", "11", False, True, "1"),
        ("10", "11", True, False, "1"),
        ("0", "1", False, True, "1"),
        ("-5", "3", False, True, "3"),
        ("-5", "3", True, False, "3"),
    ],
)
def test_a_sale_beyond_what_is_held_has_to_ask_for_it(held, qty, allowed, refused, short) -> None:
    found = judged(asked(f"sell {qty} market", allow_short=allowed), held_qty=Decimal(held))
    assert bool(found) is refused
    assert all("short position" in sentence for sentence in found)
    assert opens_short(Decimal(held), Decimal(qty)) == Decimal(short)


def test_figures_beyond_all_reason_are_answered_in_words() -> None:
    assert len(judged(asked("sell 1e40 market", allow_short=True))) == 2
    assert len(judged(asked("buy 1 limit lmt=1e40"))) == 1


def test_what_is_not_known_is_not_judged() -> None:
    assert problems(asked("sell 10 stop gtd stp=150.001", expires_on=date(1999, 1, 1))) == []


def test_money_buys_whole_steps_and_never_more_than_was_said() -> None:
    assert qty_for(Decimal(10), Decimal(1), Decimal(1)) == 10
    assert qty_for(Decimal(10), Decimal("0.50"), Decimal(1)) == 20
    assert qty_for(Decimal(100), Decimal(3), Decimal("0.001")) == Decimal("33.333")
    assert qty_for(Decimal(100), Decimal(101), Decimal(1)) == 0
    assert qty_for(Decimal(100), Decimal(0), Decimal(1)) == 0
    assert (opposite("buy"), opposite("sell")) == ("sell", "buy")
