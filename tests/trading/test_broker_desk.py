"""Orders at a real broker, effectively once: claimed, sent, answered, lost, found, canceled and filled."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import forget_secret
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.domain.orders import OrderStatus
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import accept_brokers_book, broker_status, open_at_broker
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.brokered import client_order_id
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import list_fills, order_events
from starkmatter.trading.reports import apply_report
from tests.builders import make_caller
from tests.standins.alpaca_trading import AlpacaTrading
from tests.trading.broker_desk import QUICK, BrokerSeat, eventually, make_seat


@pytest.fixture
async def seat(database: Database, cache: Redis, tmp_path: Path, alpaca: AlpacaTrading) -> BrokerSeat:
    return await make_seat(database, cache, tmp_path, alpaca)


async def test_the_brokers_book_becomes_the_accounts_first_entries(seat: BrokerSeat) -> None:
    seat.there.positions["AAPL"] = (Decimal(10), Decimal("1500.25"))
    seat.there.prices["AAPL"] = Decimal("151.50")
    seat.there.activities = [
        {"id": "1::old", "activity_type": "DIV", "net_amount": "9.99", "date": "2026-11-20", "description": "old"}
    ]
    assert (await seat.status()).state == "opening"
    async with seat.house():
        await seat.until_state("ready")
    account = await get_account(seat.b, seat.caller, seat.account_id)
    assert (account.cash, account.broker, account.mode, account.venue) == (
        Decimal("100000"),
        "alpaca",
        "paper",
        "market",
    )
    [position] = await list_positions(seat.b, seat.caller, seat.account_id)
    assert (position.symbol, position.qty, position.cost_basis) == ("AAPL", Decimal(10), Decimal("1500.25"))
    await seat.books_add_up()


async def test_a_market_order_goes_out_fills_and_is_booked_to_the_cent(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(placed.client_order_id, "4", "100.10")
        await seat.until(placed, "partial")
        seat.there.fill(placed.client_order_id, "6", "100.20")
        done = await seat.until(placed, "filled")
        assert done.avg_price == Decimal("100.16")
        sold = await seat.order("sell 3 AAPL @ 99.00")
        await seat.until(sold, "working", "accepted")
        seat.there.fill(sold.client_order_id, "3", "101.00")
        await seat.until(sold, "filled")
    fills = await list_fills(seat.b, seat.caller, account_id=seat.account_id)
    assert [(one.qty, one.price) for one in reversed(fills)] == [
        (Decimal(4), Decimal("100.1")),
        (Decimal(6), Decimal("100.2")),
        (Decimal(3), Decimal(101)),
    ]
    assert fills[0].realized_pl == Decimal("2.52")
    account = await get_account(seat.b, seat.caller, seat.account_id)
    assert (account.cash, account.reserved) == (seat.there.cash, Decimal(0))
    states = [event.status for event in await order_events(seat.b, seat.caller, placed.id)]
    assert states[:2] == ["pending_submit", "submitting"]
    assert states[-1] == "filled"
    await seat.books_add_up()


@pytest.mark.parametrize("fault", ["accept-504", "accept-drop"])
async def test_an_answer_that_got_lost_after_the_order_was_taken_is_one_order(seat: BrokerSeat, fault: str) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(placed.client_order_id, "10", "100.05")
        await seat.until(placed, "filled")
    assert len(seat.there.orders) == len(seat.there.posts) == 1
    await seat.books_add_up()


@pytest.mark.parametrize("fault", [500, 504, 429, "drop", "garbage", "html-403"])
async def test_an_order_that_never_arrived_is_sent_again_under_the_same_id(seat: BrokerSeat, fault: Any) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")
    assert [post["client_order_id"] for post in seat.there.posts] == [placed.client_order_id] * 2
    assert len(seat.there.orders) == 1
    states = [event.status for event in await order_events(seat.b, seat.caller, placed.id)]
    assert (
        states[:5] == ["pending_submit", "submitting", "unknown", "submitting", "accepted"] or "working" in states[4:]
    )


async def test_an_order_in_doubt_that_is_too_old_is_not_sent_again(seat: BrokerSeat) -> None:
    # Long enough to be sent on a busy machine, and over before all looks are.
    late = replace(QUICK, market_valid=timedelta(seconds=2), look_after_secs=(0.6, 0.6, 0.6, 0.6))
    async with seat.house(late):
        await seat.until_state("ready")
        seat.there.fault("submit", 500)
        placed = await seat.order("buy 10 AAPL")
        ended = await seat.until(placed, "not_sent")
    assert ended.reject_reason is not None
    assert "nothing was ordered" in ended.reject_reason
    assert (len(seat.there.posts), len(seat.there.orders)) == (1, 0)
    account = await get_account(seat.b, seat.caller, seat.account_id)
    assert account.reserved == 0
    await seat.books_add_up()


async def test_orders_that_came_too_late_do_not_make_the_next_ones_late(seat: BrokerSeat) -> None:
    """A worker that was away finds a crowd of them: what is still in time goes out before they have all ended."""
    async with seat.house():
        await seat.until_state("ready")
    late = [await seat.order(f"buy 1 AAPL @ {50 + number / 4} gtc") for number in range(100)]
    await seat.b.db.run("UPDATE trade_order SET created_at = created_at - interval '10 minutes'")
    fresh = await seat.order("buy 10 AAPL @ 99.00 gtc")
    async with seat.house():
        await seat.until(fresh, "working", "accepted")
        for one in late:
            await seat.until(one, "not_sent")
    assert [post["client_order_id"] for post in seat.there.posts] == [fresh.client_order_id]
    told = "SELECT order_id, booked_at FROM order_event WHERE status = %s"
    [(_, sent_at)] = await seat.b.db.tuples(told, ("submitting",))
    ended = [at for _, at in await seat.b.db.tuples(told, ("not_sent",))]
    assert len(ended) == len(late)
    assert sum(at < sent_at for at in ended) <= len(late) // 2
    await seat.books_add_up()


async def test_a_refused_order_gives_the_money_back_with_the_brokers_reason(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", 403)
        placed = await seat.order("buy 10 AAPL")
        ended = await seat.until(placed, "rejected")
    assert ended.reject_reason == "Alpaca refused the order: a fault of the test"
    assert (await get_account(seat.b, seat.caller, seat.account_id)).reserved == 0
    await seat.books_add_up()


async def test_a_cancel_reaches_the_broker_and_what_filled_meanwhile_is_kept(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(placed.client_order_id, "4", "99.00")
        await seat.until(placed, "partial")
        await cancel_order(seat.b, seat.caller, placed.id)
        ended = await seat.until(placed, "canceled")
    assert ended.filled_qty == 4
    await seat.books_add_up()


async def test_an_order_goes_out_as_what_it_is_and_not_as_a_market_order(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        stop = await seat.order("buy 10 AAPL stp=104.00 gtc")
        await seat.until(stop, "working")
        [sent] = seat.there.posts
        assert (sent["type"], Decimal(str(sent["stop_price"])), sent["time_in_force"]) == ("stop", Decimal(104), "gtc")
        refused = await seat.order("buy 10 AAPL @ 99.00 until=2099-01-01")
        assert refused.status == "risk_rejected"
        assert "use good till canceled" in (refused.reject_reason or "")


async def test_an_amount_of_money_ends_when_the_broker_says_so(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 0 AAPL usd=1000.00")
        await seat.until(placed, "working")
        seat.there.fill(placed.client_order_id, "4", "100")
        await seat.until(placed, "partial")
        seat.there.fill(placed.client_order_id, "6.25", "96")  # more shares than the estimate said
        done = await seat.until(placed, "filled")
        assert (done.filled_qty, done.qty, done.reserved) == (Decimal("10.25"), Decimal("10.25"), 0)
        await seat.books_add_up()


async def test_a_cancel_that_comes_too_late_leaves_the_fill(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(placed.client_order_id, "10", "99.00", tell=False)
        await cancel_order(seat.b, seat.caller, placed.id)
        await seat.until(placed, "filled")
    await seat.books_add_up()


async def test_a_cancel_while_the_orders_fate_is_unknown_is_carried_out_once_it_is_known(seat: BrokerSeat) -> None:
    slow = replace(QUICK, look_after_secs=(0.5, 0.1, 0.1, 0.1))
    async with seat.house(slow):
        await seat.until_state("ready")
        seat.there.fault("submit", "accept-504")
        seat.there.fault("find", *[500] * 3)
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "unknown", "accepted", "working")
        await cancel_order(seat.b, seat.caller, placed.id)
        await seat.until(placed, "canceled")
    assert len(seat.there.orders) == 1
    await seat.books_add_up()


async def test_what_happened_while_nobody_listened_is_made_good(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        one, two = await seat.order("buy 10 AAPL @ 100.00 gtc"), await seat.order("buy 5 MSFT @ 200.00 gtc")
        for placed in (one, two):
            await seat.until(placed, "working", "accepted")
    seat.there.fill(one.client_order_id, "10", "99.95", tell=False)
    seat.there.fill(two.client_order_id, "2", "199.50", tell=False)
    async with seat.house():
        await seat.until(one, "filled")
        await seat.until(two, "partial")
        await seat.until_state("ready")
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == seat.there.cash
    await seat.books_add_up()


async def test_what_filled_a_moment_ago_is_made_good_and_the_books_are_not_called_apart(seat: BrokerSeat) -> None:
    seat.pace = replace(seat.pace, young=timedelta(hours=1))  # everything is young
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")
    seat.there.fill(placed.client_order_id, "10", "99.95", tell=False)
    async with seat.house():
        await seat.until(placed, "filled")
        await seat.until_state("ready")
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == seat.there.cash
    await seat.books_add_up()


async def test_books_that_are_apart_are_compared_again_soon(seat: BrokerSeat) -> None:
    seat.pace = replace(seat.pace, apart_every_secs=0.2)
    async with seat.house():
        await seat.until_state("ready")
    seat.there.cash += 100
    async with seat.house():
        await seat.until_state("apart")
        seat.there.cash -= 100
        await seat.until_state("ready")


async def test_reports_that_come_twice_late_or_out_of_order_book_nothing_twice(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")
        early = [dict(seat.there.orders[placed.client_order_id])]
        seat.there.fill(placed.client_order_id, "3", "99.00")
        early.append(dict(seat.there.orders[placed.client_order_id]))
        seat.there.fill(placed.client_order_id, "7", "99.50")
        await seat.until(placed, "filled")
        whole = seat.there.orders[placed.client_order_id]
        for old in (*early, *early, whole):
            seat.there.orders[placed.client_order_id] = old
            seat.there.tell(placed.client_order_id, "fill")
        seat.there.orders[placed.client_order_id] = whole
        after = await seat.order("buy 1 MSFT")
        await seat.until(after, "working", "accepted")
    fills = await list_fills(seat.b, seat.caller, order_id=placed.id)
    assert sum(one.qty for one in fills) == 10
    assert (await seat.now(placed)).status == "filled"
    await seat.books_add_up()


async def test_a_fill_after_the_end_is_booked_and_the_order_stays_ended(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")
        await cancel_order(seat.b, seat.caller, placed.id)
        await seat.until(placed, "canceled")
        seat.there.fill(placed.client_order_id, "4", "99.00")

        async def booked() -> bool:
            return (await seat.now(placed)).filled_qty == 4

        await eventually(booked, "the late fill")
    assert (await seat.now(placed)).status == "canceled"
    await seat.books_add_up()


async def test_a_sale_that_fills_after_its_end_leaves_others_the_shares_they_wait_to_sell(seat: BrokerSeat) -> None:
    seat.there.positions["AAPL"] = (Decimal(20), Decimal(2000))
    seat.there.prices["AAPL"] = Decimal(100)
    async with seat.house():
        await seat.until_state("ready")
        other = await seat.order("sell 8 AAPL @ 110.00 gtc")
        placed = await seat.order("sell 10 AAPL @ 101.00 gtc")
        for one in (other, placed):
            await seat.until(one, "working", "accepted")
        await cancel_order(seat.b, seat.caller, placed.id)
        await seat.until(placed, "canceled")
        seat.there.fill(placed.client_order_id, "4", "101.00")

        async def booked() -> bool:
            return (await seat.now(placed)).filled_qty == 4

        await eventually(booked, "the late fill")
        refused = await seat.order("sell 9 AAPL @ 110.00 gtc")
        assert refused.reject_reason == "You can sell 8 AAPL at most: short selling is not offered on this account."
        assert (await seat.order("sell 8 AAPL @ 110.00 gtc")).status != "risk_rejected"
        await seat.books_add_up()


async def test_fees_and_dividends_are_booked_once_each(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
    seat.there.activities = [
        {"id": "2::fee", "activity_type": "FEE", "net_amount": "-0.02", "date": "2026-11-24", "description": "TAF fee"},
        {"id": "3::div", "activity_type": "DIV", "net_amount": "12.40", "date": "2026-11-24", "symbol": "AAPL"},
    ]
    seat.there.cash += Decimal("12.38")
    for _ in range(2):
        async with seat.house(replace(QUICK, check_every_secs=0.0)):
            await asyncio.sleep(0.6)
            await seat.until_state("ready")
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == Decimal("100012.38")
    booked = await seat.b.db.tuples(
        "SELECT description FROM ledger_entry WHERE kind IN ('fee', 'dividend') ORDER BY id"
    )
    assert booked == [("TAF fee",), ("AAPL: DIV",)]
    await seat.books_add_up()


async def test_books_that_differ_stop_new_orders_until_a_person_accepts(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        resting = await seat.order("buy 1 AAPL @ 90.00 gtc")
        await seat.until(resting, "working", "accepted")
    seat.there.cash -= Decimal("750")
    seat.there.positions["MSFT"] = (Decimal(3), Decimal("600"))
    async with seat.house():
        apart = await seat.until_state("apart")
        assert {one["subject"]: (one["ours"], one["theirs"]) for one in apart.differences} == {
            "cash": ("100000.00", "99250.00"),
            "MSFT": ("0", "3"),
        }
        refused = await seat.order("buy 1 AAPL")
        assert refused.status == "risk_rejected"
        assert "differ" in (refused.reject_reason or "")
        # What reduces risk goes on.
        await cancel_order(seat.b, seat.caller, resting.id)
        await seat.until(resting, "canceled")
        await accept_brokers_book(seat.b, seat.caller, seat.account_id)
        await seat.until_state("ready")
        taken = await seat.order("buy 1 AAPL")
        await seat.until(taken, "working", "accepted")
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == Decimal("99250")
    with pytest.raises(Conflict):
        await accept_brokers_book(seat.b, seat.caller, seat.account_id)
    await seat.books_add_up()


async def test_a_broker_that_cannot_be_read_is_never_taken_for_an_empty_one(seat: BrokerSeat) -> None:
    seat.there.positions["AAPL"] = (Decimal(10), Decimal(1000))
    async with seat.house():
        await seat.until_state("ready")
    seat.there.fault("positions", *["garbage", "empty", 500, 500, 500])
    async with seat.house():
        await seat.until_state("away")
        refused = await seat.order("buy 1 AAPL")
        assert refused.status == "risk_rejected"
    [position] = await list_positions(seat.b, seat.caller, seat.account_id)
    assert position.qty == 10


async def test_an_order_the_broker_has_lost_is_a_difference(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 1 AAPL @ 90.00 gtc")
        await seat.until(placed, "working", "accepted")
    seat.there.orders.clear()
    async with seat.house():
        apart = await seat.until_state("apart")
    assert apart.differences[0]["subject"] == f"order {placed.id}"


async def test_foreign_orders_are_counted_and_left_alone(seat: BrokerSeat) -> None:
    seat.there.submit(
        {
            "client_order_id": "by-hand",
            "symbol": "KO",
            "qty": "1",
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
        }
    )
    async with seat.house():
        assert (await seat.until_state("ready")).external_orders == 1
    assert seat.there.orders["by-hand"]["status"] == "new"


async def test_nothing_is_sent_without_keys_and_the_page_says_so(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        await forget_secret(seat.b, "alpaca", seat.caller.user_id)
        away = await seat.until_state("away")
        assert "not connected" in away.words
        assert (await seat.order("buy 1 AAPL")).status == "risk_rejected"
    assert seat.there.posts == []


async def test_a_stream_that_breaks_is_taken_up_again_and_the_gap_made_good(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")

        async def listening() -> bool:
            return seat.there.listeners == 1

        await eventually(listening, "the stream")
        seat.there.drop_stream()
        seat.there.fill(placed.client_order_id, "10", "99.95", tell=False)
        await seat.until(placed, "filled")
        await eventually(listening, "the stream again")


async def test_one_account_is_open_once_and_only_its_owner_sees_it(seat: BrokerSeat) -> None:
    with pytest.raises(Conflict):
        await open_at_broker(seat.b, seat.caller, broker="alpaca", name="Again")
    with pytest.raises(InvalidInput):
        await open_at_broker(seat.b, seat.caller, broker="bank", name="Other")
    other = await make_caller(seat.b.db, "trader")
    with pytest.raises(NotFound):
        await open_at_broker(seat.b, other, broker="alpaca", name="No keys")
    for call in (
        broker_status(seat.b, other, seat.account_id),
        accept_brokers_book(seat.b, other, seat.account_id),
    ):
        with pytest.raises(NotFound):
            await call
    viewer = await make_caller(seat.b.db, "viewer")
    for call in (
        open_at_broker(seat.b, viewer, broker="alpaca", name="x"),
        accept_brokers_book(seat.b, viewer, seat.account_id),
    ):
        with pytest.raises(NotAllowed):
            await call
    with pytest.raises(Conflict):
        await deposit(seat.b, seat.caller, seat.account_id, Decimal(5))


async def test_the_same_book_is_not_kept_by_two_people(
    database: Database, cache: Redis, tmp_path: Path, seat: BrokerSeat
) -> None:
    async with seat.house():
        await seat.until_state("ready")
        twin = replace(seat, caller=await make_caller(database, "trader"))
        from starkmatter.accounts.vault import keep_secret
        from tests.standins.alpaca_trading import KEY_ID, SECRET

        keys = {"key_id": KEY_ID, "secret": SECRET}
        await keep_secret(seat.b, "alpaca", twin.caller.user_id, keys, set(keys))
        twin.account_id = (await open_at_broker(seat.b, twin.caller, broker="alpaca", name="Twin")).id

        async def told() -> bool:
            return "open here already" in (await twin.status()).words

        await eventually(told, "the refusal")
    await seat.books_add_up()


async def test_a_report_of_somebody_elses_order_changes_nothing(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        await seat.until(placed, "working", "accepted")
    from starkmatter.trading.brokers.alpaca_words import order_of

    report = replace(order_of(seat.there.orders[placed.client_order_id]), status=OrderStatus.CANCELED)
    assert await apply_report(seat.b.db, uuid4(), report) is None
    assert await apply_report(seat.b.db, seat.account_id, replace(report, client_order_id="sm-x")) is None
    absent = replace(report, client_order_id=client_order_id(uuid4()))
    assert await apply_report(seat.b.db, seat.account_id, absent) is None
    assert (await seat.now(placed)).status in {"working", "accepted"}


@pytest.mark.parametrize(
    ("said", "key_id", "words"),
    [
        ({}, "AKLIVE00000000001", "live account"),
        ({"environment": "paper"}, "AKLIVE00000000001", "live account"),
        ({"environment": "live"}, "PKPAPER0000000001", "paper account"),
    ],
)
async def test_keys_of_the_other_kind_are_refused_before_they_are_kept(
    database: Database, seat: BrokerSeat, said: dict[str, str], key_id: str, words: str
) -> None:
    from starkmatter.connections.service import list_connections, save_connection

    b: Backends = seat.b
    other = await make_caller(database, "trader")
    with pytest.raises(InvalidInput, match=words):
        await save_connection(b, other, "alpaca", said | {"key_id": key_id, "secret": "a-secret-of-alpaca-01"})
    [view] = [one for one in await list_connections(b, other) if one.kind == "alpaca"]
    assert not view.connected


def test_keys_of_real_money_go_to_the_live_address_alone() -> None:
    from starkmatter.trading.brokers.alpaca_keys import rest_url, stream_url

    settings = load_settings({"STARKMATTER_VENDOR_URLS": {"alpaca-trading": "http://127.0.0.1:1"}})
    live, paper = {"environment": "live"}, {"environment": "paper"}
    assert rest_url(settings, live) == "https://api.alpaca.markets"
    assert stream_url(settings, live) == "wss://api.alpaca.markets/stream"
    assert rest_url(settings, paper) == rest_url(settings, {}) == "http://127.0.0.1:1"
    assert stream_url(settings, paper) == "wss://paper-api.alpaca.markets/stream"
