"""Stops, trails, times in force, amounts and changes, from the request to the books, on the real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit, parts_of
from starkmatter.errors import Conflict, InvalidInput, NotFound, Refused, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.orders import get_fill, get_order, list_fills, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.replace import Terms, cancel_before_replacing, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, closed_clock, make_desk, open_clock, order, quote

DAY = timedelta(days=1)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, key: str = "key-00000001") -> OrderView:
    placed = await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
    await desk.broker.drain()
    return await now(desk, placed)


async def hold(desk: Desk, qty: int = 100) -> None:
    """Own so many shares of AAPL, bought at 100.05."""
    assert (await send(desk, f"buy {qty} AAPL", "key-holding1")).status == "filled"


async def now(desk: Desk, placed: OrderView) -> OrderView:
    return await get_order(desk.b, desk.caller, placed.id)


async def history(desk: Desk, placed: OrderView) -> list[tuple[str, str | None]]:
    return [(one.status, one.reason) for one in await order_events(desk.b, desk.caller, placed.id)]


async def receipt(desk: Desk, placed: OrderView) -> dict:
    [fill] = await list_fills(desk.b, desk.caller, order_id=placed.id)
    return (await get_fill(desk.b, desk.caller, fill.id)).receipt


async def restart(desk: Desk) -> None:
    """The worker was killed: another one reads the book."""
    desk.broker = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await desk.broker.start()


# --- stops ------------------------------------------------------------------------------------------------------------


async def test_a_stop_waits_for_the_last_trade_and_then_trades_at_the_market(desk: Desk) -> None:
    await hold(desk)
    placed = await send(desk, "sell 100 AAPL stp=95.00 gtc", "key-00000002")
    assert (placed.status, placed.stop_price, placed.triggered_at) == ("working", Decimal(95), None)
    # The bid is far below, but nobody traded there: the quote was only widened.
    await desk.tell(replace(quote("AAPL 90.00/100.05"), last=Decimal("99.00")))
    assert (await now(desk, placed)).status == "working"
    await desk.tell(quote("AAPL 94.90/95.00"))
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("94.90"))
    assert await history(desk, placed) == [
        ("pending_submit", None),
        ("submitting", None),
        ("working", None),
        ("working", "Its stop of 95.00 was reached."),
        ("filled", None),
    ]
    told = await receipt(desk, placed)
    assert told["rule"] == "stop_at_touch"
    assert told["trigger"]["last"] == "94.9"
    assert "The stop of 95.00 was reached." in told["explanation"]


async def test_a_stop_that_was_reached_stays_reached_after_a_kill(desk: Desk) -> None:
    await hold(desk)
    placed = await send(desk, "sell 100 AAPL stp=95.00 gtc", "key-00000002")
    await desk.tell(replace(quote("AAPL 94.90/95.00"), bid_size=Decimal(0)))  # reached, and nobody there to buy
    seen = await now(desk, placed)
    assert (seen.status, seen.triggered_at) == ("working", desk.clock.venue_now)
    await restart(desk)
    await desk.tell(quote("AAPL 97.00/97.05"))
    assert (await now(desk, placed)).avg_price == Decimal("97.00")


async def test_a_stop_limit_becomes_a_limit_order(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 105.00 stp=104.00 gtc")
    assert (placed.type, placed.reserved) == ("stop_limit", Decimal("1050.00"))
    await desk.tell(quote("AAPL 104.50/105.50"))
    assert (await now(desk, placed)).status == "working"
    await desk.tell(quote("AAPL 103.00/103.05"))
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("105.00"))
    assert (await receipt(desk, placed))["rule"] == "stop_limit_resting"


async def test_a_trail_follows_the_best_trade_and_a_kill_does_not_make_it_forget(desk: Desk) -> None:
    await hold(desk)
    placed = await send(desk, "sell 100 AAPL trl=2.00 gtc", "key-00000002")
    assert (placed.water, placed.stop_price) == (Decimal("100.00"), Decimal("98.00"))
    await desk.tell(quote("AAPL 110.00/110.05"))
    seen = await now(desk, placed)
    assert (seen.water, seen.stop_price) == (Decimal("110.00"), Decimal("108.00"))
    await restart(desk)
    await desk.tell(quote("AAPL 108.50/108.55"))
    assert (await now(desk, placed)).status == "working"
    await desk.tell(quote("AAPL 107.90/107.95"))
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("107.90"))
    told = await receipt(desk, placed)
    assert (told["trigger"]["water"], told["trigger"]["stop_price"]) == ("110", "108")


async def test_a_worse_trade_told_late_does_not_take_a_better_ones_place(desk: Desk) -> None:
    await hold(desk)
    placed = await send(desk, "sell 100 AAPL trl=2.00 gtc", "key-00000002")
    sleeper = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await sleeper.start()
    await desk.tell(quote("AAPL 110.00/110.05"))
    await sleeper.on_quotes(desk.clock, {"AAPL": quote("AAPL 105.00/105.05")})
    seen = await now(desk, placed)
    assert (seen.water, seen.stop_price) == (Decimal("110.00"), Decimal("108.00"))


async def test_a_trail_in_percent_comes_down_for_a_purchase(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL pct=5 gtc")
    assert (placed.water, placed.stop_price) == (Decimal("100.00"), Decimal("105.00"))
    await desk.tell(quote("AAPL 80.00/80.05"))
    assert (await now(desk, placed)).stop_price == Decimal("84.00")
    await desk.tell(quote("AAPL 84.00/84.05"))
    assert (await now(desk, placed)).avg_price == Decimal("84.05")


async def test_what_a_trail_saw_while_the_database_was_away_is_not_forgotten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(desk)
    placed = await send(desk, "sell 100 AAPL trl=2.00 gtc", "key-00000002")

    async def away(*_: object) -> list[tuple]:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.b.db, "tuples", away)
        await desk.broker.on_quotes(desk.clock, {"AAPL": quote("AAPL 120.00/120.05")})
    await desk.tell(quote("AAPL 119.00/119.05"))
    assert (await now(desk, placed)).water == Decimal("120.00")
    await desk.tell(quote("AAPL 117.00/117.05"))
    assert (await now(desk, placed)).status == "filled"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("buy 10 AAPL stp=99.00", "must lie above the market"),
        ("buy 10 AAPL stp=101.001", "steps of 0.01"),
        ("buy 10 AAPL stp=110.00 ioc", "only market and limit orders can"),
        ("buy 10 AAPL trl=1 pct=1", "one of the two"),
        ("buy 10 AAPL pct=100", "less than 100 percent"),
        ("buy 10 AAPL until=2021-02-26", "has passed"),
        ("buy 10 AAPL until=2023-03-01", "for a year at most"),
        ("buy 10 AAPL ext", "Extended hours take limit orders only"),
        ("buy 10 AAPL usd=100", "not both"),
        ("buy 0 AAPL usd=100 gtc", "market orders of the day only"),
        ("buy 0 AAPL usd=0.001", "whole cents"),
        ("buy 0 AAPL", "more than zero"),
    ],
)
async def test_what_does_not_fit_together_is_refused_in_words_and_kept(desk: Desk, text: str, words: str) -> None:
    placed = await send(desk, text)
    assert placed.status == "risk_rejected"
    assert words in (placed.reject_reason or "")
    assert words in " ".join((await preview_order(desk.b, desk.caller, desk.account_id, order(text))).refusals)


# --- times in force ---------------------------------------------------------------------------------------------------


async def test_immediate_or_cancel_takes_what_is_there_and_ends(desk: Desk) -> None:
    placed = await send(desk, "buy 800 AAPL @ 100.05 ioc")
    assert (placed.status, placed.filled_qty, placed.reserved) == ("canceled", 500, 0)
    assert (await history(desk, placed))[-2:] == [
        ("partial", None),
        ("canceled", "The rest could not be had at once."),
    ]
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0
    none = await send(desk, "buy 10 AAPL @ 99.00 ioc", "key-00000002")
    assert (none.status, none.filled_qty) == ("canceled", 0)
    assert "has not reached its limit" in ((await history(desk, none))[-1][1] or "")


async def test_an_immediate_sale_gives_the_rest_of_the_shares_back(desk: Desk) -> None:
    await hold(desk, 400)
    await desk.tell(quote("AAPL 100.00/100.05", size="150"))
    placed = await send(desk, "sell 400 AAPL @ 100.00 ioc", "key-00000002")
    assert (placed.status, placed.filled_qty) == ("canceled", 150)
    assert (await send(desk, "sell 250 AAPL @ 110.00 gtc", "key-00000003")).status == "working"


async def test_fill_or_kill_is_all_or_nothing(desk: Desk) -> None:
    assert (await send(desk, "buy 800 AAPL @ 100.05 fok")).filled_qty == 0
    done = await send(desk, "buy 500 AAPL @ 100.05 fok", "key-00000002")
    assert (done.status, done.filled_qty) == ("filled", 500)


async def test_at_once_is_refused_while_the_market_is_closed(desk: Desk) -> None:
    await desk.tell(clock=closed_clock())
    placed = await send(desk, "buy 10 AAPL ioc")
    assert placed.status == "risk_rejected"
    assert "would end at once" in (placed.reject_reason or "")


async def test_good_till_a_date_ends_with_the_close_of_that_date(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 until=2021-03-02")
    await desk.tell(clock=closed_clock())
    assert (await now(desk, placed)).status == "working"
    tomorrow = open_clock(minutes=24 * 60 + 1, session_on=date(2021, 3, 2))
    await desk.tell(quote("AAPL 100.00/100.05", at=OPENS_AT + DAY), clock=tomorrow)
    assert (await now(desk, placed)).status == "working"
    await desk.tell(clock=replace(closed_clock(), venue_now=CLOSES_AT + DAY, session_on=date(2021, 3, 2)))
    assert (await now(desk, placed)).status == "expired"
    assert (await history(desk, placed))[-1] == ("expired", "Its last day is over.")


async def test_an_extended_order_lives_four_hours_longer_and_trades_after_the_close(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 99.00 ext")
    plain = await send(desk, "buy 10 AAPL @ 99.00", "key-00000002")
    after = replace(closed_clock(), venue_now=CLOSES_AT + timedelta(minutes=30))
    await desk.tell(quote("AAPL 98.80/98.90", at=after.venue_now), clock=after)
    assert (await now(desk, plain)).status == "expired"
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("99.00"))
    assert (await receipt(desk, placed))["phase"] == "post"
    late = await send(desk, "buy 10 AAPL @ 90.00 ext", "key-00000003")
    assert late.status == "working"


async def test_an_order_for_the_opening_gets_the_first_price_of_its_day(desk: Desk) -> None:
    placed = await send(desk, "buy 100 AAPL opg")
    assert placed.status == "working"
    await desk.tell(quote("AAPL 90.00/90.05"))
    assert (await now(desk, placed)).status == "working", "this is not its auction"
    opening = open_clock(minutes=24 * 60, session_on=date(2021, 3, 2))
    first = replace(quote("AAPL 101.00/101.40", volume="2000", at=OPENS_AT + DAY), last=Decimal("101.20"))
    await desk.tell(first, clock=opening)
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("101.20"))
    told = await receipt(desk, placed)
    assert (told["rule"], told["auction"]["price"], told["auction"]["qty"]) == ("opening_auction", "101.2", "2000")


async def test_an_auction_gives_its_part_once_and_the_rest_ends(desk: Desk) -> None:
    one = await send(desk, "buy 150 AAPL opg")
    two = await send(desk, "buy 150 AAPL opg", "key-00000002")
    opening = open_clock(minutes=24 * 60, session_on=date(2021, 3, 2))
    await desk.tell(quote("AAPL 101.00/101.40", volume="2000", at=OPENS_AT + DAY), clock=opening)
    ends = sorted([(one.status, int(one.filled_qty)) for one in (await now(desk, one), await now(desk, two))])
    assert ends == [("expired", 50), ("filled", 150)]
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0


async def test_an_order_for_the_close_of_a_half_day_trades_at_its_early_close(desk: Desk) -> None:
    early = CLOSES_AT - timedelta(hours=3)
    await desk.b.db.run("UPDATE market_session SET closes_at = %s WHERE session_on = '2021-03-01'", (early,))
    await restart(desk)
    await desk.tell(quote("AAPL 100.00/100.05", volume="4000"))
    placed = await send(desk, "buy 10 AAPL @ 105.00 cls")
    last = quote("AAPL 103.00/103.05", volume="5000", at=early - timedelta(seconds=1))
    await desk.tell(last, clock=open_clock(venue_now=early - timedelta(seconds=1)))
    assert (await now(desk, placed)).status == "working"
    # The replay may go on to the next morning at once: the last price of the day is the closing price all the same.
    tomorrow = open_clock(minutes=24 * 60, session_on=date(2021, 3, 2))
    await desk.tell(quote("AAPL 150.00/150.05", volume="10", at=OPENS_AT + DAY), clock=tomorrow)
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("103.00"))
    assert (await receipt(desk, placed))["rule"] == "closing_auction"


async def test_an_auction_nobody_saw_ends_the_order(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL opg")
    await restart(desk)
    later = open_clock(minutes=24 * 60 + 30, session_on=date(2021, 3, 2))
    await desk.tell(quote("AAPL 101.00/101.40", volume="2000", at=later.venue_now), clock=later)
    assert await history(desk, placed) == [
        ("pending_submit", None),
        ("submitting", None),
        ("working", None),
        ("expired", "The opening auction is over."),
    ]


# --- amounts and parts of a share -------------------------------------------------------------------------------------


async def test_an_amount_buys_parts_of_a_share_and_never_more_than_the_amount(desk: Desk) -> None:
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 0 AAPL usd=1000.00"))
    assert (seen.est_cost, seen.reserve) == (Decimal("1000.00"), Decimal("1000.00"))
    assert seen.signed_qty_after == Decimal("9.995002498")
    placed = await send(desk, "buy 0 AAPL usd=1000.00")
    assert (placed.status, placed.notional, placed.filled_qty) == ("filled", Decimal(1000), Decimal("9.995002498"))
    account = await get_account(desk.b, desk.caller, desk.account_id)
    assert (account.cash, account.reserved) == (Decimal("99000.00"), 0)


async def test_an_amount_beyond_what_is_shown_fills_in_parts_at_moving_prices(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.00", size="6"))
    placed = await send(desk, "buy 0 AAPL usd=1000.00")
    assert (placed.status, placed.filled_qty) == ("partial", 6)
    await desk.tell(quote("AAPL 103.00/103.00"))
    done = await now(desk, placed)
    assert done.status == "filled"
    assert done.filled_qty == done.qty == 6 + Decimal("3.883495145")  # 400 USD at 103.00
    assert (await get_account(desk.b, desk.caller, desk.account_id)).cash == Decimal("99000.00")


async def test_an_amount_of_a_sale_sells_no_more_shares_than_it_asked_for(desk: Desk) -> None:
    await hold(desk, 20)
    placed = await send(desk, "sell 0 AAPL usd=1000.00", "key-00000002")
    assert (placed.status, placed.filled_qty) == ("filled", 10)
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert position.qty == 10
    await desk.tell(clock=closed_clock())
    later = await send(desk, "sell 0 AAPL usd=500.00", "key-00000003")
    assert later.qty == 5
    opening = open_clock(minutes=24 * 60 + 1, session_on=date(2021, 3, 2))
    await desk.tell(quote("AAPL 125.00/125.05", at=OPENS_AT + DAY), clock=opening)
    done = await now(desk, later)
    assert (done.status, done.filled_qty) == ("filled", 4), "four shares bring the 500 now"
    assert (await send(desk, "sell 6 AAPL @ 130.00", "key-00000004")).status == "working"


async def test_parts_of_a_share_trade_for_the_day(desk: Desk) -> None:
    placed = await send(desk, "buy 2.5 AAPL @ 100.05")
    assert (placed.status, placed.filled_qty) == ("filled", Decimal("2.5"))
    stop = await send(desk, "sell 1.25 AAPL stp=90.00", "key-00000002")
    assert stop.status == "working"
    await desk.tell(quote("AAPL 89.00/89.05"))
    assert (await now(desk, stop)).filled_qty == Decimal("1.25")


# --- changes ----------------------------------------------------------------------------------------------------------


async def test_a_resting_order_is_changed_in_its_place(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    changed = await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(20), limit_price=Decimal(95)))
    assert (changed.id, changed.status, changed.qty, changed.limit_price) == (placed.id, "working", 20, Decimal(95))
    assert (changed.reserved, changed.revision) == (Decimal("1900.00"), 2)
    await desk.broker.drain()
    await desk.tell(quote("AAPL 94.00/94.50"))
    done = await now(desk, placed)
    assert (done.status, done.avg_price) == ("filled", Decimal("95.00"))
    assert (await history(desk, placed))[3:5] == [
        ("pending_replace", "10 shares, limit 90 becomes 20 shares, limit 95."),
        ("working", "Changed."),
    ]


async def test_a_change_that_can_trade_at_once_does(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    await replace_order(desk.b, desk.caller, placed.id, Terms(limit_price=Decimal("100.05")))
    await desk.broker.drain()
    assert (await now(desk, placed)).avg_price == Decimal("100.05")


async def test_nothing_is_booked_by_terms_that_were_changed(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 99.00 gtc")
    await replace_order(desk.b, desk.caller, placed.id, Terms(limit_price=Decimal(90)))
    await desk.tell(quote("AAPL 95.00/95.05"))  # the worker has not heard of the change yet
    assert (await now(desk, placed)).filled_qty == 0
    await desk.broker.drain()
    await desk.tell(quote("AAPL 89.00/89.05"))
    assert (await now(desk, placed)).avg_price == Decimal("90.00")


async def test_a_quantity_that_has_filled_already_ends_the_order_as_filled(desk: Desk) -> None:
    placed = await send(desk, "buy 800 AAPL @ 100.05 gtc")
    assert placed.filled_qty == 500
    done = await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(300), stop_price=Decimal(90)))
    assert (done.status, done.qty, done.reserved, done.stop_price) == ("filled", 500, 0, None)
    await desk.broker.drain()
    assert desk.broker.resting == 0
    with pytest.raises(Conflict, match="already ended as filled"):
        await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(900)))


async def test_a_change_needs_the_money_and_the_shares_it_asks_for(desk: Desk) -> None:
    buy = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    with pytest.raises(Refused, match="the change needs"):
        await replace_order(desk.b, desk.caller, buy.id, Terms(qty=Decimal(2000)))
    await hold(desk, 10)
    sell = await send(desk, "sell 5 AAPL @ 110.00 gtc", "key-00000003")
    with pytest.raises(Refused, match="You can sell 10 AAPL at most"):
        await replace_order(desk.b, desk.caller, sell.id, Terms(qty=Decimal(11)))
    assert (await replace_order(desk.b, desk.caller, sell.id, Terms(qty=Decimal(10)))).qty == 10
    assert (await now(desk, buy)).qty == 10


async def test_a_stop_and_a_trail_are_changed_and_a_reached_stop_is_not(desk: Desk) -> None:
    await hold(desk)
    stop = await send(desk, "sell 50 AAPL stp=95.00 gtc", "key-00000002")
    with pytest.raises(Refused, match="must lie below the market"):
        await replace_order(desk.b, desk.caller, stop.id, Terms(stop_price=Decimal(101)))
    assert (await replace_order(desk.b, desk.caller, stop.id, Terms(stop_price=Decimal(97)))).stop_price == 97
    trail = await send(desk, "sell 50 AAPL trl=5 gtc", "key-00000003")
    await replace_order(desk.b, desk.caller, trail.id, Terms(trail_percent=Decimal(1)))
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05"))
    seen = await now(desk, trail)
    assert (seen.trail_amount, seen.trail_percent, seen.stop_price) == (None, Decimal(1), Decimal("99.00"))
    await desk.tell(replace(quote("AAPL 97.00/97.05"), bid_size=Decimal(0)))
    for order_id, terms in ((stop.id, Terms(stop_price=Decimal(90))), (trail.id, Terms(trail_percent=Decimal(2)))):
        with pytest.raises(Refused, match="was reached already: only its quantity can be changed"):
            await replace_order(desk.b, desk.caller, order_id, terms)


@pytest.mark.parametrize("text", ["sell 50 AAPL stp=97.50 gtc", "sell 50 AAPL trl=2.50 gtc"])
async def test_what_a_reached_stop_left_takes_no_limit_but_another_quantity(desk: Desk, text: str) -> None:
    await hold(desk)
    placed = await send(desk, text, "key-00000002")
    await desk.broker.drain()
    await desk.tell(replace(quote("AAPL 97.00/97.05"), bid_size=Decimal(0)))
    assert (await now(desk, placed)).triggered_at is not None
    with pytest.raises(Refused, match="has no limit price"):
        await replace_order(desk.b, desk.caller, placed.id, Terms(limit_price=Decimal(96)))
    assert (await replace_order(desk.b, desk.caller, placed.id, Terms(qty=Decimal(40)))).qty == 40


async def test_nobody_else_changes_an_order(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    stranger = await desk.person()
    with pytest.raises(NotFound):
        await replace_order(desk.b, stranger.caller, placed.id, Terms(limit_price=Decimal(95)))


# --- what an approval is bound to -------------------------------------------------------------------------------------

FULL = OrderRequest(
    "AAPL",
    "buy",
    "limit",
    Decimal(10),
    "gtc",
    limit_price=Decimal(99),
    stop_price=Decimal(98),
    trail_amount=Decimal(1),
    trail_percent=Decimal(2),
    notional=Decimal(1000),
    expires_on=date(2021, 3, 5),
    extended_hours=True,
    allow_short=True,
    order_class="bracket",
    take_profit=TakeProfit(Decimal(110)),
    stop_loss=StopLoss(Decimal(90), Decimal(89)),
    condition=Condition("MSFT", "at_or_above", Decimal(200)),
)
OTHER: dict[str, object] = {
    "symbol": "MSFT",
    "side": "sell",
    "type": "stop_limit",
    "time_in_force": "gtd",
    "expires_on": date(2021, 3, 6),
    "extended_hours": False,
    "allow_short": False,
    "order_class": "oto",
    "take_profit": TakeProfit(Decimal(111)),
    "stop_loss": StopLoss(Decimal(90)),
    "condition": Condition("MSFT", "at_or_below", Decimal(200)),
}


@pytest.mark.parametrize("name", [field.name for field in fields(OrderRequest)])
def test_an_order_that_differs_in_anything_is_another_order(name: str) -> None:
    value = getattr(FULL, name)
    other = replace(FULL, **{name: OTHER.get(name, value + 1 if isinstance(value, Decimal) else None)})
    assert "|".join(parts_of(other)) != "|".join(parts_of(FULL))


def test_what_is_said_inside_a_name_is_not_taken_for_another_field() -> None:
    sly = replace(FULL, notional=None, condition=Condition("MSFT|notional=1000", "at_or_above", Decimal(200)))
    assert parts_of(sly)[-1] == r"condition=MSFT\|notional=1000,at_or_above,200"


async def test_a_key_is_bound_to_every_field(desk: Desk) -> None:
    await send(desk, "sell 10 AAPL stp=95.00")
    for text in ("sell 10 AAPL stp=94.00", "sell 10 AAPL trl=5", "sell 10 AAPL stp=95.00 gtc"):
        with pytest.raises(InvalidInput, match="already used for another order"):
            await send(desk, text)


# --- another order in place of one at a broker ------------------------------------------------------------------------


async def test_an_order_is_canceled_for_certain_before_another_is_sent(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")

    async def work() -> None:
        while True:
            await asyncio.sleep(0.02)
            await desk.broker.drain()

    working = asyncio.create_task(work())
    try:
        gone = await cancel_before_replacing(desk.b, desk.caller, placed.id, Decimal(0))
    finally:
        working.cancel()
    assert gone.status == "canceled"


async def test_an_order_that_fills_before_its_cancel_is_through_is_not_replaced(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    await desk.tell(quote("AAPL 89.00/89.05"))
    with pytest.raises(Conflict, match="Nothing was sent in its place"):
        await cancel_before_replacing(desk.b, desk.caller, placed.id, Decimal(0))


async def test_while_a_cancel_is_not_certain_nothing_is_sent_in_its_place(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    with pytest.raises(Unavailable, match="not certain yet"):
        await cancel_before_replacing(desk.b, desk.caller, placed.id, Decimal(0), wait_secs=0.2)
    assert (await now(desk, placed)).status == "pending_cancel"


async def test_what_a_changed_order_could_not_take_goes_to_those_that_wait(desk: Desk) -> None:
    """The broker still knew the former terms: its booking is refused, and the quote is not used up by it."""
    await desk.tell(quote("AAPL 101.00/101.05", size="20"))
    first = await send(desk, "buy 15 AAPL @ 100.05 gtc", "key-first-001")
    behind = await send(desk, "buy 9 AAPL @ 100.05 gtc", "key-behind-01")
    assert (first.status, behind.status) == ("working", "working")
    await replace_order(desk.b, desk.caller, first.id, Terms(limit_price=Decimal("99.00")))
    await desk.tell(quote("AAPL 100.00/100.05", size="20"))
    assert [(await now(desk, one)).filled_qty for one in (first, behind)] == [0, 9]
    at_once = await send(desk, "buy 11 AAPL @ 100.10 ioc", "key-at-once-1")
    assert (at_once.status, at_once.filled_qty) == ("filled", 11)
    assert (await now(desk, first)).limit_price == Decimal("99.00")


async def test_an_auction_is_not_used_up_by_an_order_that_had_changed(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05", size="20", volume="1000"))
    first = await send(desk, "buy 5 AAPL cls", "key-first-001")
    behind = await send(desk, "buy 7 AAPL cls", "key-behind-01")
    before = dict(desk.broker._market._auctioned)
    await replace_order(desk.b, desk.caller, first.id, Terms(qty=Decimal(6)))
    await desk.tell(quote("AAPL 100.00/100.05", size="20", at=CLOSES_AT, volume="2000"), clock=closed_clock())
    assert (await now(desk, behind)).filled_qty == 7
    got = sum(desk.broker._market._auctioned.values()) - sum(before.values())
    assert got == sum([(await now(desk, one)).filled_qty for one in (first, behind)])
