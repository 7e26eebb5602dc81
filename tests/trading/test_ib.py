"""What only Interactive Brokers does: a socket of one's own, a restart a day, events that repeat, corrections."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.connections.service import save_connection
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, NotAllowed, Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.brokers import catalog, ib
from starkmatter.trading.brokers.ib import IbBroker
from starkmatter.trading.brokers.ib_connection import check_place, chosen_account
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.live.standing import LIVE_OFF
from starkmatter.trading.orders import list_fills, list_orders, order_events
from starkmatter.trading.records import OrderView
from tests.builders import make_caller, order
from tests.standins.ib import Tws, tws
from tests.trading.broker_desk import BrokerSeat, eventually, make_seat
from tests.trading.sides import InMemory

SEED = 20261126
ORDERS = 16


OPENED: list[IbBroker] = []


@pytest.fixture
async def there() -> AsyncIterator[Tws]:
    with tws() as broker:
        yield broker
        while OPENED:
            await OPENED.pop().close()


@pytest.fixture
async def seat(
    database: Database, cache: Redis, tmp_path: Path, there: Tws, monkeypatch: pytest.MonkeyPatch
) -> BrokerSeat:
    monkeypatch.setattr(ib, "READ_SECS", 0.5)
    monkeypatch.setattr(ib, "CONNECT_SECS", 0.5)
    there.urls = {}  # type: ignore[attr-defined] # its place is in the connection
    return await make_seat(database, cache, tmp_path, there, broker="ib", keys=there.keys, hide=frozenset())


def number_at(there: Tws, placed: OrderView) -> str:
    [found] = [one.number for one in there.orders.values() if one.asked["ref"] == placed.client_order_id]
    return found


def broker_at(there: Tws, **changes: str) -> IbBroker:
    OPENED.append(IbBroker(load_settings({}), Secrets(there.keys | changes), InMemory(), tries=1))
    return OPENED[-1]


async def same_books(seat: BrokerSeat) -> None:
    async def equal() -> bool:
        return (await get_account(seat.b, seat.caller, seat.account_id)).cash == seat.there.cash

    await eventually(equal, "equal cash")
    positions = {one.symbol: one.qty for one in await list_positions(seat.b, seat.caller, seat.account_id) if one.qty}
    assert positions == {symbol: qty for symbol, (qty, _) in seat.there.positions.items()}
    await seat.books_add_up()


@pytest.mark.parametrize("fault", ["accept-hang", "accept-drop"])
async def test_an_answer_that_got_lost_after_the_order_was_taken_is_one_order(seat: BrokerSeat, fault: str) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(number_at(seat.there, placed), "10", "100.05")
        await seat.until(placed, "filled")
    states = [event.status for event in await order_events(seat.b, seat.caller, placed.id)]
    assert states[:3] == ["pending_submit", "submitting", "unknown"]
    assert len(seat.there.orders) == len(seat.there.posts) == 1
    await same_books(seat)


@pytest.mark.parametrize("fault", ["hang", "drop"])
async def test_an_order_that_never_arrived_is_not_sent_again(seat: BrokerSeat, fault: str) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "not_sent")
    assert (len(seat.there.posts), seat.there.orders) == (1, {})
    assert (await get_account(seat.b, seat.caller, seat.account_id)).reserved == 0


async def test_a_refused_order_says_why_and_a_cancel_reaches_it(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", "reject")
        refused = await seat.until(await seat.order("buy 1 AAPL @ 90.00 gtc"), "rejected")
        assert "a fault of the test" in (refused.reject_reason or "")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "working")
        seat.there.fill(number_at(seat.there, placed), "4", "99.00")
        await seat.until(placed, "partial")
        await cancel_order(seat.b, seat.caller, placed.id)
        ended = await seat.until(placed, "canceled")
    assert ended.filled_qty == 4
    await same_books(seat)


async def test_the_daily_restart_is_a_pause_and_what_happened_meanwhile_is_made_good(seat: BrokerSeat) -> None:
    seat.there.commission = Decimal("1.05")
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "working")
        seat.there.fault("connect", *["drop"] * 8)
        seat.there.drop_all()
        away = await seat.until_state("away")
        assert "restarts once a day" in away.words
        seat.there.fill(number_at(seat.there, placed), "10", "100.25", tell=False)
        seat.there.faults.clear()
        await seat.until(placed, "filled")
        await seat.until_state("ready")
    await same_books(seat)


async def test_events_that_repeat_come_late_or_lack_book_nothing_twice_and_miss_nothing(seat: BrokerSeat) -> None:
    rng, there = random.Random(SEED), seat.there
    async with seat.house():
        await seat.until_state("ready")
        for number in range(ORDERS):
            if rng.random() < 0.3:
                there.fault("submit", rng.choice(["accept-hang", "accept-drop"]))
            placed = await seat.order(f"buy {number + 2} AAPL @ 101.00 gtc")
            assert placed.status != "risk_rejected", placed.reject_reason
            await seat.until(placed, "working", "accepted", "partial", "filled")
            key = number_at(there, placed)
            first = str(rng.randrange(1, number + 2))
            there.fill(key, first, f"100.{rng.randrange(10, 90)}", tell=rng.random() < 0.5)
            there.fill(key, str(number + 2 - int(first)), f"100.{rng.randrange(10, 90)}", tell=rng.random() < 0.5)
            told = rng.sample(there.executions, min(4, len(there.executions)))
            for one in (*told, *told):
                there.tell(one["number"], [one])
            if rng.random() < 0.2:
                there.drop_all()
            await seat.until_state("ready")
    async with seat.house():
        await same_books(seat)
        await seat.until_state("ready")
    fills = await list_fills(seat.b, seat.caller, account_id=seat.account_id, limit=500)
    assert sum(one.qty for one in fills) == sum(range(2, ORDERS + 2))
    assert len(there.posts) == len(there.orders) == ORDERS


async def test_the_place_at_tws_is_free_as_soon_as_nobody_works_there(there: Tws, seat: BrokerSeat) -> None:
    """TWS lets one program in under a client id: a place that is still taken would lock out the next start."""
    async with seat.house():
        await seat.until_state("ready")
        assert [one.client for one in there.sessions] == [there.keys["client"]]
        with pytest.raises(VendorFailure):
            await broker_at(there).read_book()

    async def free() -> bool:
        return not there.sessions

    await eventually(free, "nobody at TWS")
    await broker_at(there).read_book()


async def test_a_correction_takes_the_place_of_what_it_corrects(there: Tws) -> None:
    broker = broker_at(there)
    taken = await broker.submit("sm-1", order("buy 10 AAPL"))
    there.fill(taken.broker_order_id, "10", "100.00", tell=False)
    [made] = there.executions
    there.executions.append(made | {"id": made["id"][:-2] + "02", "price": "99.50"})
    found = await broker_at(there, client="18").find("sm-1")
    assert found is not None
    assert (found.filled_qty, found.avg_price) == (Decimal(10), Decimal("99.5"))


@pytest.mark.parametrize("away", [False, True], ids=["told at once", "told after a pause"])
@pytest.mark.parametrize(
    ("qty", "price", "status", "kind"),
    [("10", "99.50", "filled", "correction"), ("6", "100.00", "canceled", "bust"), ("0", "100.00", "canceled", "bust")],
)
async def test_a_corrected_execution_is_booked_back_beside_its_fill(
    seat: BrokerSeat, away: bool, qty: str, price: str, status: str, kind: str
) -> None:
    seat.there.commission = Decimal("1.00")
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "accepted", "working")
        seat.there.fill(number_at(seat.there, placed), "10", "100.00")
        await seat.until(placed, "filled")
        if not away:
            seat.there.correct(qty, price)
            await seat.until(placed, status)
    if away:
        seat.there.correct(qty, price, tell=False)
    for _ in range(2):  # what is told again is booked once
        async with seat.house():
            await same_books(seat)
            await seat.until_state("ready")
    assert (await seat.now(placed)).status == status
    kinds = [one.kind for one in await list_entries(seat.b, seat.caller, seat.account_id)]
    assert (kinds.count(kind), kinds.count("fill"), kinds.count("fee")) == (1, 1, 1)


async def test_the_correction_of_an_order_that_began_to_fill_on_another_day_is_left_to_a_person(there: Tws) -> None:
    """Executions are told for the day only: what the former ones came to cannot be known from them."""
    broker = broker_at(there)
    taken = await broker.submit("sm-1", order("buy 10 AAPL @ 101.00 gtc"))
    there.fill(taken.broker_order_id, "4", "100.00", tell=False)
    there.executions.clear()
    there.fill(taken.broker_order_id, "6", "100.50", tell=False)
    there.correct("6", "100.40", tell=False)
    found = await broker_at(there, client="18").find("sm-1")
    assert found is not None
    assert (found.filled_qty, found.takes_back) == (Decimal(10), "")


async def test_the_commission_of_a_correction_takes_the_place_of_the_former(there: Tws) -> None:
    there.commission = Decimal("1.00")
    broker = broker_at(there)
    taken = await broker.submit("sm-1", order("buy 10 AAPL"))
    there.fill(taken.broker_order_id, "10", "100.00", tell=False)
    there.correct("10", "99.50", tell=False)
    [made, corrected] = there.executions
    [fee] = await broker_at(there, client="18").activities(datetime.now(UTC) - timedelta(days=1))
    assert (fee.id, fee.cash) == (f"{made['id']}-fee", Decimal(-1))
    there.executions.remove(made)  # after a restart TWS may know the correction alone
    [fee] = await broker_at(there, client="19").activities(datetime.now(UTC) - timedelta(days=1))
    assert fee.id == f"{made['id']}-fee"
    assert corrected["id"].endswith(".02")


async def test_an_order_that_ended_before_its_executions_are_told_has_not_ended(there: Tws) -> None:
    taken = await broker_at(there).submit("sm-1", order("buy 10 AAPL"))
    there.fill(taken.broker_order_id, "10", "100.25", tell=False)
    there.late_parts = True
    early = await broker_at(there, client="18").find("sm-1")
    assert early is not None
    assert (early.status.value, early.filled_qty) == ("working", Decimal(0))
    there.late_parts = False
    found = await broker_at(there, client="19").find("sm-1")
    assert found is not None
    assert (found.status.value, found.filled_qty, found.avg_price) == ("filled", Decimal(10), Decimal("100.25"))


async def test_a_message_that_cannot_be_read_is_no_answer(there: Tws) -> None:
    """The SDK would skip it: then an order could be called absent."""
    broker = broker_at(there)
    taken = await broker.submit("sm-1", order("buy 10 AAPL @ 90.00 gtc"))
    there.orders[taken.broker_order_id].asked["limit"] = "not a price"
    with pytest.raises(VendorFailure):
        await asyncio.wait_for(broker.find("sm-1"), 30)


async def test_a_live_account_is_shown_and_its_orders_refused(
    database: Database, cache: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tws(number="U8400123") as there:
        there.urls = {}  # type: ignore[attr-defined]
        there.positions["AAPL"] = (Decimal(10), Decimal(1000))
        keys = there.keys | {"mode": "live"}
        seat = await make_seat(database, cache, tmp_path, there, broker="ib", keys=keys, hide=frozenset())
        async with seat.house():
            await seat.until_state("ready")
            assert (await get_account(seat.b, seat.caller, seat.account_id)).mode == "live"
            assert (await seat.order("sell 1 AAPL")).reject_reason == LIVE_OFF
            monkeypatch.setattr("starkmatter.trading.submit.refusals_of", lambda *_: [])
            with pytest.raises(NotAllowed, match="second factor first"):
                await seat.order("buy 2 AAPL @ 90.00 gtc")
        assert there.posts == []


@pytest.mark.parametrize(("number", "mode"), [("U8400123", "paper"), ("DU8400123", "live")])
async def test_an_account_is_what_it_was_connected_as(number: str, mode: str) -> None:
    with tws(number=number) as there, pytest.raises(Refused, match=f"connected as {mode}"):
        await broker_at(there, mode=mode).read_book()
    assert catalog.MODES["ib"]({"mode": mode}) == mode


@pytest.mark.parametrize("host", ["192.0.2.7", "gateway.example.org", "127.0.0.1.example.org"])
def test_another_machine_is_reached_only_in_a_network_of_ones_own(host: str) -> None:
    with pytest.raises(Refused, match="without encryption"):
        check_place(load_settings({}), {"host": host})
    check_place(load_settings({"STARKMATTER_ALLOW_PLAINTEXT": "true"}), {"host": host})
    for here in ("127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost"):
        check_place(load_settings({}), {"host": here})


def test_no_account_is_guessed_where_there_are_several() -> None:
    assert chosen_account(["DU1"], "") == "DU1"
    assert chosen_account(["DU1", "DU2"], "DU2") == "DU2"
    for accounts, meant in ((["DU1", "DU2"], ""), (["DU1"], "DU2"), ([], "")):
        with pytest.raises(InvalidInput):
            chosen_account(accounts, meant)


async def test_the_connection_says_whether_somebody_listens_there(
    database: Database, cache: Redis, tmp_path: Path, there: Tws
) -> None:
    b = Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)
    caller = await make_caller(database, "trader")
    told = await save_connection(b, caller, "ib", there.keys)
    assert told.ok, told.text
    assert "version 178" in told.text
    nobody = await save_connection(b, caller, "ib", there.keys | {"port": "9"})
    assert not nobody.ok
    assert "Start TWS or IB Gateway" in nobody.text
    far = await save_connection(b, caller, "ib", there.keys | {"host": "192.0.2.7"})
    assert not far.ok
    assert "without encryption" in far.text
    for bad in ({"port": "0"}, {"port": "http"}, {"host": "http://x"}, {"client": "0"}, {"mode": "real"}):
        with pytest.raises(InvalidInput):
            await save_connection(b, caller, "ib", there.keys | bad)


async def test_a_condition_and_a_date_go_out_with_the_order_and_are_tws_to_keep(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        waits = await seat.order("buy 3 AAPL @ 99.00 gtc above=MSFT:250")
        assert waits.held
        await seat.until(waits, "accepted", "working")
        assert not (await seat.now(waits)).held
        [sent] = seat.there.posts
        assert sent["condition"] == "1,a,1,250,272093,SMART,2"
        dated = await seat.order("buy 2 AAPL @ 98.00 until=2027-03-05")
        await seat.until(dated, "accepted", "working")
        assert (seat.there.posts[1]["tif"], seat.there.posts[1]["until"]) == ("GTD", "20270305 23:59:59 US/Eastern")
        assert await seat.b.db.value("SELECT count(*) FROM outbox", ()) == 0
        seat.there.fill(number_at(seat.there, waits), "3", "98.90")
        await seat.until(waits, "filled")
        await same_books(seat)
        unknown = await seat.order("buy 1 AAPL @ 97.00 gtc above=KO:60")
        await seat.until(unknown, "accepted", "working", "risk_rejected")


async def test_half_a_pair_at_tws_is_said_and_taken_back_and_the_account_goes_on(seat: BrokerSeat) -> None:
    """The line breaks after the target of a pair: its stop never arrived."""
    seat.there.positions["AAPL"] = (Decimal(10), Decimal(1000))
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", "accept-drop")
        pair = await seat.order("sell 10 AAPL @ 110 gtc oco sl=90")
        await seat.until(pair, "accepted", "working")
        await seat.until(pair, "canceled")
        words = [one.reason or "" for one in await order_events(seat.b, seat.caller, pair.id)]
        assert any("Only a part of the group arrived" in one for one in words)

        async def ended() -> bool:
            found = await list_orders(seat.b, seat.caller, seat.account_id)
            return {str(one.status) for one in found} == {"canceled", "not_sent"}

        await eventually(ended, "the stop to be given up")
        await seat.until_state("ready")
        again = await seat.order("sell 10 AAPL @ 110 gtc oco sl=90")
        await seat.until(again, "accepted", "working")
    assert len(seat.there.orders) == 3  # the half that arrived and the new pair; the half was never sent again


async def test_what_follows_is_taken_back_when_a_part_of_a_group_is_refused(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", "reject-last")
        first = await seat.order("buy 10 AAPL @ 99.00 gtc tp=110 sl=90")
        await seat.until(first, "canceled")
        legs = [one for one in await list_orders(seat.b, seat.caller, seat.account_id) if one.group_id == first.id]

        async def ended() -> bool:
            found = await list_orders(seat.b, seat.caller, seat.account_id)
            return {str(one.status) for one in found if one.group_id == first.id} <= {"canceled", "not_sent"}

        await eventually(ended, "the whole group to end")
        assert len(legs) == 3
        assert len(seat.there.posts) == 3
        await same_books(seat)
