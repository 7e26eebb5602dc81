"""Orders at brokers that keep no id of ours: never sent twice, found by their terms, and a person asked when in doubt.

Accounts at these brokers may be of real money; here they count as paper, and test_live_orders.py has what real money
asks for on top.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import keep_secret
from starkmatter.db.database import Database
from starkmatter.errors import NotAllowed, Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.at_broker import accept_brokers_book
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokers import catalog, etrade, schwab
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.live.standing import LIVE_OFF
from starkmatter.trading.orders import list_fills, list_orders, order_events
from starkmatter.trading.records import OrderView
from tests.standins import etrade as etrade_standin
from tests.standins import schwab as schwab_standin
from tests.trading.broker_desk import BrokerSeat, eventually, make_seat

SEED = 20261126
ORDERS = 24


@dataclass(frozen=True)
class Kind:
    """A broker, its stand-in, and the keys of somebody who is signed in."""

    adapter: Any
    module: Any
    opened: Callable[[], AbstractContextManager[Any]]
    keys: dict[str, str]
    hide: frozenset[str]


KINDS = {
    "schwab": Kind(
        schwab.SchwabBroker,
        schwab,
        schwab_standin.schwab,
        schwab_standin.SIGNED_IN,
        frozenset({"key", "secret", "refresh_token"}),
    ),
    "etrade": Kind(
        etrade.ETradeBroker,
        etrade,
        etrade_standin.etrade,
        etrade_standin.SIGNED_IN,
        frozenset({"key", "secret", "token", "token_secret"}),
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    found = KINDS[request.param]
    monkeypatch.setattr(found.module, "POLL_SECS", 0.1)
    monkeypatch.setattr(found.module, "PER_MIN", 6000.0)  # the stand-in has no limit
    return found


@pytest.fixture
async def seat(
    database: Database, cache: Redis, tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BrokerSeat]:
    name = kind.adapter.capability.adapter
    monkeypatch.setattr(kind.adapter, "live", False)
    monkeypatch.setitem(catalog.MODES, name, lambda _: "paper")
    with kind.opened() as there:
        yield await make_seat(database, cache, tmp_path, there, broker=name, keys=kind.keys, hide=kind.hide)


def number_at(seat: BrokerSeat, placed: OrderView) -> str:
    """The broker's number of our order, told apart by its quantity."""
    [found] = [one.number for one in seat.there.orders.values() if one.qty == placed.qty]
    return found


async def same_books(seat: BrokerSeat) -> None:
    account = await get_account(seat.b, seat.caller, seat.account_id)
    assert account.cash == seat.there.cash
    positions = {one.symbol: one.qty for one in await list_positions(seat.b, seat.caller, seat.account_id) if one.qty}
    assert positions == {symbol: qty for symbol, (qty, _) in seat.there.positions.items()}
    await seat.books_add_up()


async def test_an_order_goes_out_fills_and_is_booked_and_a_restart_knows_it(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "accepted", "working")
        seat.there.fill(number_at(seat, placed), "4", "100.10")
        await seat.until(placed, "partial")
    seat.there.fill(number_at(seat, placed), "6", "100.20")
    async with seat.house():
        done = await seat.until(placed, "filled")
        await seat.until_state("ready")
    assert done.avg_price == Decimal("100.16")
    assert len(seat.there.posts) == 1
    await same_books(seat)


@pytest.mark.parametrize("fault", ["accept-504", "accept-drop"])
async def test_an_answer_that_got_lost_after_the_order_was_taken_is_one_order(seat: BrokerSeat, fault: str) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        await seat.until(placed, "working", "accepted")
        seat.there.fill(number_at(seat, placed), "10", "100.05")
        await seat.until(placed, "filled")
    states = [event.status for event in await order_events(seat.b, seat.caller, placed.id)]
    assert states[:3] == ["pending_submit", "submitting", "unknown"]
    assert len(seat.there.orders) == len(seat.there.posts) == 1
    await same_books(seat)


@pytest.mark.parametrize("fault", [500, 504, "drop", "html-403"])
async def test_an_order_that_never_arrived_is_not_sent_again_and_gives_its_money_back(
    seat: BrokerSeat, fault: Any
) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", fault)
        placed = await seat.order("buy 10 AAPL @ 100.00 gtc")
        ended = await seat.until(placed, "not_sent")
        await seat.until_state("ready")
    assert "Look there before you order anew" in (ended.reject_reason or "")
    assert (len(seat.there.posts), len(seat.there.orders)) == (1, 0)
    assert (await get_account(seat.b, seat.caller, seat.account_id)).reserved == 0
    await seat.books_add_up()


async def test_an_order_that_could_be_either_of_two_stops_the_account_until_a_person_says_so(
    seat: BrokerSeat,
) -> None:
    def by_hand(body: Any) -> None:
        """At the very moment of our attempt its owner enters the same order there."""
        seat.there.on_post = None
        seat.there.enter(body)

    async with seat.house():
        await seat.until_state("ready")
        seat.there.on_post = by_hand
        seat.there.fault("submit", "accept-504")
        placed = await seat.order("buy 10 AAPL @ 101.00 gtc")
        apart = await seat.until_state("apart")
        [difference] = apart.differences
        assert (difference["subject"], difference["theirs"]) == (f"order {placed.id}", "2")
        refused = await seat.order("buy 1 MSFT")
        assert refused.status == "risk_rejected"
        await asyncio.sleep(0.3)
        assert (await seat.now(placed)).status == "unknown"
        assert (len(seat.there.posts), len(seat.there.orders)) == (1, 2)
        await accept_brokers_book(seat.b, seat.caller, seat.account_id)
        await seat.until(placed, "accepted", "working")
        agreed = await seat.until_state("ready")
        assert agreed.external_orders == 1
        # They are alike to the last term; the one nearer to the attempt counts as ours.
        nearer, other = seat.there.orders.values()
        seat.there.fill(nearer.number, "10", "100.00")
        await seat.until(placed, "filled")
    assert other.filled == 0
    await seat.books_add_up()


async def test_a_cancel_while_the_orders_fate_is_unknown_is_carried_out_once_it_is_known(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
        seat.there.fault("submit", "accept-504")
        placed = await seat.order("buy 10 AAPL @ 99.00 gtc")
        await seat.until(placed, "unknown", "accepted", "working")
        await cancel_order(seat.b, seat.caller, placed.id)
        await seat.until(placed, "canceled")
    assert len(seat.there.orders) == 1
    await seat.books_add_up()


async def test_a_storm_of_lost_answers_and_looks_that_fail_ends_with_equal_books(seat: BrokerSeat) -> None:
    """Answers are lost before and after the order was taken, looks fail, fills come in parts and out of turn."""
    rng = random.Random(SEED)
    there = seat.there
    async with seat.house():
        await seat.until_state("ready")
        for number in range(ORDERS):
            if rng.random() < 0.5:
                there.fault("submit", rng.choice(["accept-504", "accept-drop", "drop", 500]))
            if rng.random() < 0.3:
                there.fault("orders", rng.choice([500, "drop", 503]))
            placed = await seat.order(f"buy {number + 1} AAPL @ 101.00 gtc")
            assert placed.status != "risk_rejected", placed.reject_reason
            if rng.random() < 0.7:
                open_now = [one for one in there.orders.values() if there.is_open(one)]
                for one in rng.sample(open_now, min(2, len(open_now))):
                    part = Decimal(rng.randrange(1, int(one.qty - one.filled) + 1))
                    there.fill(one.number, str(part), f"100.{rng.randrange(10, 90)}")

            async def settled(placed: OrderView = placed) -> bool:
                found = await seat.now(placed)
                return found.status not in {"pending_submit", "submitting", "unknown"}

            await eventually(settled, "the order to be known or given up")
            await seat.until_state("ready")
    there.faults.clear()
    async with seat.house():

        async def equal() -> bool:
            return (await get_account(seat.b, seat.caller, seat.account_id)).cash == there.cash

        await eventually(equal, "equal books")
        await seat.until_state("ready")
    ours = {one.qty: one for one in await list_orders(seat.b, seat.caller, seat.account_id, limit=100)}
    assert len(ours) == ORDERS
    assert len({one.qty for one in there.orders.values()}) == len(there.orders), "one order each"
    for qty, one in ours.items():
        [taken] = [kept for kept in there.orders.values() if kept.qty == qty] or [None]
        assert (one.status == "not_sent") == (taken is None)
        assert one.filled_qty == (taken.filled if taken else 0)
    assert 2 < len(there.orders) < ORDERS
    fills = await list_fills(seat.b, seat.caller, account_id=seat.account_id, limit=500)
    assert sum(one.qty for one in fills) == sum(one.filled for one in there.orders.values())
    await same_books(seat)


async def test_a_sign_in_that_ends_is_a_state_of_its_own_and_a_new_one_goes_on(seat: BrokerSeat, kind: Kind) -> None:
    name = kind.adapter.capability.adapter
    async with seat.house():
        await seat.until_state("ready")
        resting = await seat.order("buy 3 AAPL @ 90.00 gtc")
        await seat.until(resting, "accepted", "working")
        seat.there.end_sign_in()
    async with seat.house():
        out = await seat.until_state("signed_out")
        assert "ign in again" in out.words
        refused = await seat.order("buy 1 AAPL")
        assert refused.status == "risk_rejected"
        assert "ign in again" in (refused.reject_reason or "")
        await keep_secret(seat.b, name, seat.caller.user_id, seat.there.sign_in_anew(kind.keys), set(kind.hide))
        await seat.until_state("ready")
    assert (await seat.now(resting)).status in {"accepted", "working"}
    await seat.books_add_up()


async def test_where_several_accounts_could_be_meant_the_house_waits_for_a_word_and_stands(seat: BrokerSeat) -> None:
    seat.there.more_accounts = ("84005678",)
    async with seat.house() as house:

        async def told() -> bool:
            return "which account is meant" in (await seat.status()).words

        await eventually(told, "the question")
        [(_, desk, task)] = house._desks.values()
        await asyncio.sleep(1.5)
        assert [(found, running) for _, found, running in house._desks.values()] == [(desk, task)]
        assert not task.done()
    assert seat.there.posts == []


async def test_keys_of_another_account_there_are_refused_and_change_nothing(seat: BrokerSeat) -> None:
    async with seat.house():
        await seat.until_state("ready")
    seat.there.number, seat.there.cash = "84009994", Decimal(5)
    async with seat.house():
        away = await seat.until_state("away")
    assert "another account" in away.words
    assert (await get_account(seat.b, seat.caller, seat.account_id)).cash == Decimal(100_000)


async def test_an_account_of_real_money_is_shown_and_its_orders_are_refused_at_every_step(
    database: Database, cache: Redis, tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = kind.adapter.capability.adapter
    monkeypatch.setattr(kind.adapter, "live", True)
    monkeypatch.setitem(catalog.MODES, name, lambda _: "live")
    with kind.opened() as there:
        there.positions["AAPL"] = (Decimal(10), Decimal(1000))
        seat = await make_seat(database, cache, tmp_path, there, broker=name, keys=kind.keys, hide=kind.hide)
        async with seat.house():
            await seat.until_state("ready")
            assert (await get_account(seat.b, seat.caller, seat.account_id)).mode == "live"
            [position] = await list_positions(seat.b, seat.caller, seat.account_id)
            assert position.qty == 10
            for text in ("buy 1 AAPL @ 90.00 gtc", "sell 10 AAPL"):
                refused = await seat.order(text)
                assert (refused.status, refused.reject_reason) == ("risk_rejected", LIVE_OFF)
            # Whatever got past the ticket: the second factor is asked for, and without it the database stores nothing.
            monkeypatch.setattr("starkmatter.trading.submit.refusals_of", lambda *_: [])
            with pytest.raises(NotAllowed, match="second factor first"):
                await seat.order("buy 2 AAPL @ 90.00 gtc")
            monkeypatch.setattr("starkmatter.trading.submit.require_permit", _no_question)
            with pytest.raises(Refused, match="Live trading is off"):
                await seat.order("buy 2 AAPL @ 90.00 gtc")
        assert there.posts == []
        await seat.books_add_up()


async def _no_question(*_: object) -> None:
    """As if nobody had to be asked."""


async def test_a_paper_account_never_gets_the_keys_of_real_money(
    seat: BrokerSeat, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seat.house():
        await seat.until_state("ready")
    monkeypatch.setattr(kind.adapter, "live", True)
    heard = -1
    while heard != len(seat.there.asked):  # a question that was under way may still come in
        heard = len(seat.there.asked)
        await asyncio.sleep(0.3)
    seat.there.asked.clear()
    async with seat.house():
        away = await seat.until_state("away")
    assert "opened as paper" in away.words
    assert seat.there.asked == []
