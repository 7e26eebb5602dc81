"""What an order has to pass, and what it is told: each bound from both of its sides, each sentence once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.instruments import Instrument
from starkmatter.domain.money import ZERO
from starkmatter.domain.presets import FRICTIONLESS, PRESETS
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.domain.risk import (
    Reservation,
    consequences,
    margin_still_needed,
    reference_price,
    refusals,
    reserve,
    reserve_margin,
    short_price,
    sized_qty,
    still_needed,
    trades_in_parts,
    warnings,
)
from tests.builders import OPENS_AT, closed_clock, open_clock, order, quote

D = Decimal
SHARE = Instrument("AAPL", "Apple", "equity", "XNYS", "USD", D("0.01"), D(1), "", "ohlcv", "", "test", None, None, True)
NOW = OPENS_AT + timedelta(minutes=10)
TOUCH = quote("AAPL 100.00/100.05", at=NOW)
ALONE = replace(TOUCH, bid=None, ask=None, last=D("100.02"))
OPEN, CLOSED = open_clock(), closed_clock()
MARKET = open_clock(venue="market")


def old(secs: int) -> Quote:
    return replace(TOUCH, observed_at=NOW - timedelta(seconds=secs))


HIGH = "A limit of {} is more than 20 % {} the market ({}): check the price."
NO_SHORT = "A sale with orders behind it would open a short position, which is not offered on this account."
STALE = (
    "The newest price of AAPL is 61 seconds old (test): no market order is taken on it. A limit order can wait for a"
    " fresh one."
)
AT_ONCE = "The market is closed: an order that is to fill at once would end at once."


@pytest.mark.parametrize(
    ("text", "at", "clock", "words"),
    [
        ("buy 10 AAPL", TOUCH, OPEN, []),
        ("buy 1000000 AAPL", TOUCH, OPEN, []),
        ("buy 1000001 AAPL", TOUCH, OPEN, ["One order may have 1000000 shares at most."]),
        ("buy 10 AAPL", TOUCH, CLOSED, []),
        ("buy 10 AAPL @ 100.00 ioc", TOUCH, OPEN, []),
        ("buy 10 AAPL @ 100.00 ioc", TOUCH, CLOSED, [AT_ONCE]),
        ("buy 10 AAPL @ 100.00 fok", TOUCH, replace(CLOSED, state="pre"), [AT_ONCE]),
        (
            "buy 10 AAPL @ 100.00 ioc",
            TOUCH,
            open_clock(state="ended"),
            ["This replay has reached the end of its data. An admin can start a new run."],
        ),
        ("buy 10 AAPL", None, OPEN, ["There is no quote for AAPL right now."]),
        (
            "buy 10 AAPL",
            replace(TOUCH, condition="halted"),
            OPEN,
            ["AAPL is halted: its price history is over in this run."],
        ),
        (
            "buy 10 AAPL",
            replace(TOUCH, condition="suspect"),
            OPEN,
            ["The last price of AAPL jumped and is not confirmed: no orders are taken on it."],
        ),
        ("buy 10 AAPL", old(60), MARKET, []),
        ("buy 10 AAPL", old(61), MARKET, [STALE]),
        ("buy 10 AAPL", old(61), OPEN, []),
        ("buy 10 AAPL cls", old(61), MARKET, []),
        ("buy 10 AAPL @ 100.00", old(61), MARKET, []),
        ("buy 10 AAPL stp=101", old(61), MARKET, []),
        ("buy 10 AAPL @ 120.06", TOUCH, OPEN, []),
        ("buy 10 AAPL @ 120.07", TOUCH, OPEN, [HIGH.format("120.07", "above", "100.05")]),
        ("sell 10 AAPL @ 80.00", TOUCH, OPEN, []),
        ("sell 10 AAPL @ 79.99", TOUCH, OPEN, [HIGH.format("79.99", "below", "100")]),
        ("buy 10 AAPL @ 120.03", ALONE, OPEN, []),
        ("buy 10 AAPL @ 120.04", ALONE, OPEN, [HIGH.format("120.04", "above", "100.02")]),
        ("buy 10 AAPL @ 0", TOUCH, OPEN, ["The limit price must be more than zero."]),
        ("sell 10 AAPL @ 0", TOUCH, OPEN, ["The limit price must be more than zero."]),
        ("buy 10 AAPL above=MSFT:200", TOUCH, OPEN, []),
        ("buy 10 AAPL @ 500.00", None, OPEN, ["There is no quote for AAPL right now."]),
        ("buy 10 AAPL @ 100.00 gtc tp=110 sl=90", TOUCH, OPEN, []),
        ("sell 10 AAPL @ 100.00 gtc tp=90 sl=110", TOUCH, OPEN, [NO_SHORT]),
        ("sell 10 AAPL @ 100.00 gtc sl=110", TOUCH, OPEN, [NO_SHORT]),
        ("sell 10 AAPL @ 101.00 gtc oco sl=99", TOUCH, OPEN, []),
        ("buy 10 AAPL @ 99.00 gtc oco sl=101", TOUCH, OPEN, ["An OCO is a way out of what you hold: a sale."]),
        (
            "sell 10 AAPL @ 101.00 gtc oco sl=99 above=MSFT:200",
            TOUCH,
            OPEN,
            ["An OCO works at once: it waits for no condition."],
        ),
        ("buy 0 AAPL usd=1", TOUCH, OPEN, []),
        ("buy 0 AAPL usd=1.23", TOUCH, OPEN, []),
        ("buy 0 AAPL usd=1.234", TOUCH, OPEN, ["An amount has whole cents."]),
    ],
)
def test_what_is_refused_and_what_just_passes(text: str, at: Quote | None, clock: VenueClock, words: list[str]) -> None:
    assert refusals(order(text), SHARE, at, clock) == words


def test_what_is_no_share_of_this_market_is_refused() -> None:
    assert refusals(order("buy 1 AAPL"), None, TOUCH, OPEN) == ["There is no instrument AAPL on this market."]
    index = replace(SHARE, symbol="^GSPC", tradable=False)
    assert "index" in refusals(order("buy 1 ^GSPC"), index, TOUCH, OPEN)[0]
    assert refusals(order("buy 1 AAPL"), SHARE, TOUCH, None) == [
        "The market's clock is not known right now: the feed does not answer."
    ]
    lots = replace(SHARE, lot_size=D(10))
    assert refusals(order("buy 20 AAPL"), lots, TOUCH, OPEN) == []
    assert len(refusals(order("buy 2.5 AAPL"), lots, TOUCH, OPEN)) == 1
    assert len(refusals(order("buy 2000000.5 AAPL"), lots, TOUCH, OPEN)) == 1, "one sentence for one mistake"


@pytest.mark.parametrize(
    ("text", "lends", "borrowable", "words"),
    [
        ("sell 10 AAPL short", True, True, []),
        ("sell 10 AAPL", False, False, []),
        ("sell 10 AAPL short", False, True, ["Short selling is not offered on this account"]),
        ("sell 10 AAPL short", True, False, ["Shares of AAPL cannot be borrowed now"]),
        ("sell 10 AAPL @ 101.00 gtc oco sl=99 short", True, True, ["A short sale is an order of its own"]),
    ],
)
def test_what_may_be_sold_short(text: str, lends: bool, borrowable: bool, words: list[str]) -> None:
    found = refusals(order(text), replace(SHARE, borrowable=borrowable), TOUCH, OPEN, lends=lends)
    assert [one[: len(begin)] for one, begin in zip(found, words, strict=True)] == words


PENNY = replace(SHARE, tick_size=D("0.0001"))
CHEAP = replace(TOUCH, bid=D("0.0030"), ask=D("0.0040"), last=D("0.0035"))
LITTLE = "An amount, or a part of a share, is worth at least 1.00 USD."
NOTHING_WORTH = "An order is worth at least 0.01 USD."


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("buy 0.01 AAPL", TOUCH, []),
        ("buy 0.009 AAPL", TOUCH, [LITTLE]),
        ("buy 0.01 AAPL @ 99.99", TOUCH, [LITTLE]),  # by its own price, where it has one
        ("buy 0.01 AAPL @ 100.00", TOUCH, []),
        ("buy 1.001 AAPL", TOUCH, []),
        ("buy 0 AAPL usd=0.99", TOUCH, [LITTLE]),
        ("sell 0 AAPL usd=0.99", TOUCH, [LITTLE]),
        ("buy 0 AAPL usd=1", TOUCH, []),
        ("sell 0.009 AAPL", TOUCH, []),  # what is left of a holding can be sold
        ("buy 2 AAPL", CHEAP, [NOTHING_WORTH]),
        ("buy 3 AAPL", CHEAP, []),
        ("buy 100 AAPL @ 0.0001", CHEAP, []),
        ("buy 99 AAPL @ 0.0001", CHEAP, [NOTHING_WORTH]),
        ("sell 1 AAPL", CHEAP, []),
    ],
)
def test_what_is_bought_has_a_least_worth_and_what_is_left_can_be_sold(text: str, at: Quote, words: list[str]) -> None:
    assert refusals(order(text), PENNY, at, OPEN) == words


def test_what_nobody_knows_the_price_of_is_not_called_worth_little() -> None:
    unpriced = "There is no quote for AAPL right now."
    assert refusals(order("buy 0.009 AAPL"), PENNY, None, OPEN) == [unpriced]
    assert refusals(order("buy 0.009 AAPL @ 1.00"), PENNY, None, OPEN) == [LITTLE, unpriced]


WAITS = "The market is closed: the order waits for the open and may meet another price there."
AUCTION = "An auction has one price, which nobody knows before; what it does not fill ends with it."
STOP = "A stop trades at the market once it is reached: in a gap the price may be far from it."
CROWD = "The order is more than a tenth of what traded today: it will fill in parts."
EARLY = "The replay has no early and late trading: the order fills in regular hours or not at all."


@pytest.mark.parametrize(
    ("text", "at", "clock", "words"),
    [
        ("buy 10 AAPL", TOUCH, OPEN, []),
        ("buy 10 AAPL", TOUCH, CLOSED, [WAITS]),
        ("buy 10 AAPL", TOUCH, replace(CLOSED, state="pre"), [WAITS]),
        ("buy 10 AAPL", None, None, []),
        ("buy 10 AAPL", None, OPEN, []),
        ("buy 10 AAPL opg", TOUCH, CLOSED, [AUCTION]),
        ("buy 10 AAPL cls", TOUCH, OPEN, [AUCTION]),
        ("buy 10 AAPL stp=101", TOUCH, OPEN, [STOP]),
        ("sell 10 AAPL trl=1", TOUCH, OPEN, [STOP]),
        ("buy 10 AAPL @ 102.00 stp=101", TOUCH, OPEN, []),
        ("buy 10 AAPL @ 100.00 ext", TOUCH, OPEN, [EARLY]),
        ("buy 10 AAPL @ 100.00 ext", TOUCH, MARKET, []),
        ("buy 10 AAPL @ 100.00 ext", TOUCH, None, []),
        ("buy 10 AAPL @ 100.00", old(15), MARKET, []),
        (
            "buy 10 AAPL @ 100.00",
            old(16),
            MARKET,
            ["The newest price is 16 seconds old (test): the market may be elsewhere."],
        ),
        ("buy 10 AAPL", old(60), MARKET, ["The newest price is 60 seconds old (test): the market may be elsewhere."]),
        ("buy 10 AAPL", old(61), MARKET, []),  # refused, which says so
        (
            "buy 10 AAPL @ 100.00",
            old(61),
            MARKET,
            ["The newest price is 61 seconds old (test): the market may be elsewhere."],
        ),
        ("buy 10 AAPL", replace(TOUCH, volume=D(100)), OPEN, []),
        ("buy 11 AAPL", replace(TOUCH, volume=D(100)), OPEN, [CROWD]),
        ("buy 11 AAPL", replace(TOUCH, volume=D(0)), OPEN, []),
    ],
)
def test_what_is_said_before_sending(text: str, at: Quote | None, clock: VenueClock | None, words: list[str]) -> None:
    assert warnings(order(text), at, clock) == words


BEHIND = "As it fills, sales of as many shares follow: "
OTHER = "What one sells the other no longer has; one that is canceled leaves the other alone."


@pytest.mark.parametrize(
    ("text", "price", "words"),
    [
        ("buy 10 AAPL", "100", []),
        (
            "buy 10 AAPL above=MSFT:200",
            "100",
            ["It is sent once the last trade of MSFT is at or above 200.00."],
        ),
        (
            "buy 10 AAPL @ 100.00 gtc tp=110 sl=90",
            "100",
            [
                BEHIND + "the target at 110.00 (+100.00 before fees) and the stop at 90.00 (-100.00 before fees).",
                OTHER,
            ],
        ),
        ("buy 10 AAPL @ 100.00 gtc sl=100", "100", [BEHIND + "the stop at 100.00 (0.00 before fees)."]),
        ("buy 10 AAPL @ 100.00 gtc tp=110", None, [BEHIND + "the target at 110.00."]),
        (
            "sell 10 AAPL @ 110.00 gtc oco sl=90",
            "100",
            ["Two sales share the shares: the target at 110.00 and the stop at 90.00.", OTHER],
        ),
    ],
)
def test_what_an_order_sets_in_motion(text: str, price: str | None, words: list[str]) -> None:
    assert consequences(order(text), D(10), None if price is None else D(price)) == words


def test_the_price_that_counts_is_the_touch_else_the_last_trade() -> None:
    buy, sell = order("buy 1 AAPL"), order("sell 1 AAPL")
    assert (reference_price(buy, TOUCH), reference_price(sell, TOUCH)) == (D("100.05"), D("100.00"))
    assert (reference_price(buy, ALONE), reference_price(sell, ALONE)) == (D("100.02"), D("100.02"))
    assert reference_price(buy, None) is None
    amount = order("buy 0 AAPL usd=200.10")
    assert (sized_qty(amount, TOUCH), sized_qty(amount, None), sized_qty(buy, None)) == (D(2), ZERO, D(1))


@pytest.mark.parametrize(
    ("text", "at", "price", "total"),
    [
        ("sell 10 AAPL", TOUCH, "0", "0"),
        ("sell 10 AAPL short", TOUCH, "103.06", "1030.60"),
        ("sell 10 AAPL short", ALONE, "103.03", "1030.30"),
        ("sell 10 AAPL @ 110.00 short", TOUCH, "110", "1100"),
        ("sell 10 AAPL @ 90.00 short", TOUCH, "103.06", "1030.60"),
        ("sell 10 AAPL @ 90.00 short", None, "90", "900"),
        ("sell 10 AAPL short", None, "0", "0"),
        ("buy 10 AAPL", TOUCH, "105.06", "1050.60"),
        ("buy 10 AAPL @ 99.00", TOUCH, "99", "990"),
        ("buy 0 AAPL usd=500", TOUCH, "105.06", "500"),
        ("buy 10 AAPL", None, "0", "0"),
    ],
)
def test_the_buying_power_an_order_takes_of_a_margin_account(
    text: str, at: Quote | None, price: str, total: str
) -> None:
    assert reserve_margin(order(text), at, SHARE, FRICTIONLESS) == Reservation(D(total), D(price))


def test_what_costs_less_than_a_dollar_is_set_aside_too_and_what_costs_nothing_is_not() -> None:
    assert reserve(order("buy 10 AAPL @ 0.50"), TOUCH, SHARE, FRICTIONLESS) == Reservation(D(5), D("0.50"))
    assert reserve_margin(order("buy 10 AAPL @ 0.50"), TOUCH, SHARE, FRICTIONLESS) == Reservation(D(5), D("0.50"))
    for reckon in (reserve, reserve_margin):
        for text in ("buy 10 AAPL @ 0", "buy 0 AAPL @ 0 usd=5"):
            assert reckon(order(text), TOUCH, SHARE, FRICTIONLESS) == Reservation(ZERO, ZERO)


def test_parts_are_traded_of_what_is_traded_and_sold_singly() -> None:
    assert trades_in_parts(SHARE)
    assert not trades_in_parts(replace(SHARE, tradable=False))
    assert not trades_in_parts(replace(SHARE, lot_size=D(10)))


def test_a_short_sale_is_reckoned_above_the_ask() -> None:
    assert short_price(order("sell 1 AAPL short"), TOUCH, SHARE) == D("103.06")
    assert short_price(order("sell 1 AAPL short"), None, SHARE) is None


def test_fees_count_as_often_as_they_are_lent_upon() -> None:
    fees = replace(FRICTIONLESS, fees=PRESETS["realistic"].fees)
    plain = margin_still_needed(FRICTIONLESS, "sell", D(1_000), D(100))
    charged = margin_still_needed(fees, "sell", D(1_000), D(100))
    [lines] = [fees.fees.lines("sell", D(1_000), D(100))]
    assert plain == D(100_000)
    assert charged - plain == 2 * sum(line.charged for line in lines) > 0
    assert margin_still_needed(fees, "buy", ZERO, D(100)) == margin_still_needed(fees, "buy", D(-1), D(100)) == 0


def test_the_rest_of_a_purchase_has_room_for_rounding_where_it_stands_at_parts_of_a_cent() -> None:
    assert still_needed(FRICTIONLESS, D(10), D("100.05")) == D("1000.50")
    assert still_needed(FRICTIONLESS, D(10), D("100.05"), filled_value=D("1.005")) == D("1000.52")
    assert still_needed(FRICTIONLESS, D("0.1"), D("100.05")) == D("10.03")
    assert margin_still_needed(FRICTIONLESS, "buy", D("0.1"), D("100.05")) == D("10.01")
    assert still_needed(FRICTIONLESS, ZERO, D("100.05")) == still_needed(FRICTIONLESS, D(-1), D(1)) == 0
