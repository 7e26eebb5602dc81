"""Brackets, pairs and conditions on the real database: children wake with the fill, and nothing is sold twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid5

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit
from starkmatter.errors import InvalidInput, Refused, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokers import paper
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_order, list_orders, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, closed_clock, make_desk, open_clock, order, quote
from tests.trading.machine_books import Books, Order


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


def bracket(text: str, target: str | None = "110.00", stop: str | None = "90.00", **more: object) -> OrderRequest:
    """An order of the builders' words with its ways out."""
    return replace(
        order(text),
        order_class="bracket" if target and stop else "oto",
        take_profit=None if target is None else TakeProfit(Decimal(target)),
        stop_loss=None if stop is None else StopLoss(Decimal(stop)),
        **more,  # type: ignore[arg-type]
    )


def pair(text: str, stop: str = "95.00") -> OrderRequest:
    return replace(order(text), order_class="oco", stop_loss=StopLoss(Decimal(stop)))


async def send(desk: Desk, request: OrderRequest, key: str = "key-00000001") -> OrderView:
    placed = await submit_order(desk.b, desk.caller, desk.account_id, request, key, acknowledged=ALL_READ)
    await desk.broker.drain()
    assert await check_books(desk.b.db) == []
    return placed


async def tell(desk: Desk, *quotes: object, **more: object) -> None:
    """Quotes, and the worker's answer to what follows from them."""
    await desk.tell(*quotes, **more)  # type: ignore[arg-type]
    await desk.broker.drain()
    assert await check_books(desk.b.db) == []


async def seen(desk: Desk, placed: OrderView) -> dict[str, str]:
    """Of each order of the group: `working 0/10`, or `held`."""
    found = [one for one in await list_orders(desk.b, desk.caller, limit=100) if one.group_id == placed.id]
    return {
        str(one.role): "held" if one.held and one.status == "pending_submit" else _words(one)
        for one in sorted(found, key=lambda one: str(one.role))
    }


def _words(one: OrderView) -> str:
    return f"{one.status} {one.filled_qty.normalize():f}/{one.qty.normalize():f}"


async def free_shares(desk: Desk) -> Decimal:
    row = await desk.b.db.tuples(
        "SELECT signed_qty - reserved_qty FROM holding WHERE account_id = %s AND symbol = 'AAPL'", (desk.account_id,)
    )
    return row[0][0] if row else Decimal(0)


async def test_a_bracket_sleeps_wakes_with_the_fill_and_ends_together(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL @ 99.00 gtc"))
    assert await seen(desk, placed) == {"entry": "working 0/10", "stop": "held", "target": "held"}
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == Decimal("990.00")
    await tell(desk, quote("AAPL 98.90/98.95"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "working 0/10", "target": "working 0/10"}
    assert await free_shares(desk) == 0, "the shares are set aside once, not twice"
    await tell(desk, quote("AAPL 110.20/110.25"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "canceled 0/10", "target": "filled 10/10"}
    stop = await get_order(desk.b, desk.caller, uuid5(placed.id, "stop"))
    assert (await order_events(desk.b, desk.caller, stop.id))[-1].reason == "The other order of the pair filled."
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert position.qty == 0


async def test_the_stop_of_a_bracket_protects_and_its_target_ends(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "working 0/10", "target": "working 0/10"}
    await tell(desk, quote("AAPL 89.00/89.05"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "filled 10/10", "target": "canceled 0/10"}


async def test_children_work_for_what_the_entry_has_filled(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05", size="40"))
    placed = await send(desk, bracket("buy 100 AAPL @ 100.05 gtc"))
    assert await seen(desk, placed) == {"entry": "partial 40/100", "stop": "working 0/40", "target": "working 0/40"}
    await tell(desk, quote("AAPL 100.00/100.05", size="30"))
    assert await seen(desk, placed) == {"entry": "partial 70/100", "stop": "working 0/70", "target": "working 0/70"}
    # The target begins to fill: the way in ends, and the stop has less to sell.
    await tell(desk, quote("AAPL 110.00/110.05", size="20"))
    assert await seen(desk, placed) == {"entry": "canceled 70/100", "stop": "working 0/50", "target": "partial 20/70"}
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0
    await tell(desk, quote("AAPL 89.00/89.05"))
    assert await seen(desk, placed) == {"entry": "canceled 70/100", "stop": "filled 50/50", "target": "canceled 20/70"}


async def test_an_entry_that_ends_without_a_fill_ends_its_children(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL @ 95.00"))
    await tell(desk, clock=closed_clock())
    assert await seen(desk, placed) == {"entry": "expired 0/10", "stop": "not_sent 0/10", "target": "not_sent 0/10"}
    again = await send(desk, bracket("buy 10 AAPL @ 95.00 gtc"), "key-00000002")
    await cancel_order(desk.b, desk.caller, again.id)
    await desk.broker.drain()
    assert await seen(desk, again) == {"entry": "canceled 0/10", "stop": "not_sent 0/10", "target": "not_sent 0/10"}


async def test_a_stop_outlives_the_target_beside_it(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL"))
    await cancel_order(desk.b, desk.caller, uuid5(placed.id, "target"))
    await desk.broker.drain()
    assert (await seen(desk, placed))["stop"] == "working 0/10"
    assert await free_shares(desk) == 0
    await cancel_order(desk.b, desk.caller, uuid5(placed.id, "stop"))
    await desk.broker.drain()
    assert await free_shares(desk) == 10


async def test_one_order_behind_another(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL @ 99.00", target=None))
    assert await seen(desk, placed) == {"entry": "working 0/10", "stop": "held"}
    await tell(desk, quote("AAPL 98.90/98.95"))
    await tell(desk, quote("AAPL 89.90/89.95"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "filled 10/10"}


async def test_a_pair_shares_what_is_held_and_never_sells_it_twice(desk: Desk) -> None:
    await send(desk, order("buy 100 AAPL"), "key-holding1")
    placed = await send(desk, pair("sell 100 AAPL @ 110.00 gtc"))
    assert await seen(desk, placed) == {"stop": "working 0/100", "target": "working 0/100"}
    assert await free_shares(desk) == 0
    await tell(desk, quote("AAPL 110.00/110.05", size="40"))
    assert await seen(desk, placed) == {"stop": "working 0/60", "target": "partial 40/100"}
    await tell(desk, quote("AAPL 94.00/94.05"))
    assert await seen(desk, placed) == {"stop": "filled 60/60", "target": "canceled 40/100"}
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert position.qty == 0


async def test_a_pair_of_which_both_fill_in_part_holds_what_is_left_of_all_that_was_asked_for(desk: Desk) -> None:
    await send(desk, order("buy 100 AAPL"), "key-holding1")
    placed = await send(desk, pair("sell 100 AAPL @ 110.00 gtc"))
    books = Books(Decimal(0))
    pairs = f"SELECT {', '.join(Order._fields)} FROM trade_order WHERE account_id = %s AND group_id = %s"
    for bid, size, states, left in (
        ("110.00", "40", {"stop": "working 0/60", "target": "partial 40/100"}, 60),
        ("94.00", "25", {"stop": "partial 25/60", "target": "partial 40/75"}, 35),
        ("110.00", "35", {"stop": "filled 60/60", "target": "canceled 40/75"}, 0),
    ):
        books.see([Order(*row) for row in await desk.b.db.tuples(pairs, (desk.account_id, placed.id))])
        await tell(desk, quote(f"AAPL {bid}/{Decimal(bid) + 1}", size=size))
        assert await seen(desk, placed) == states
        rows = [Order(*row) for row in await desk.b.db.tuples(pairs, (desk.account_id, placed.id))]
        books.see(rows)
        for one in rows:
            books.orders[one.id].filled = one.filled_qty
        books.held["AAPL"].qty = Decimal(left)
        assert (await free_shares(desk), books.free_shares("AAPL")) == (0, 0)


async def test_a_pair_that_both_could_trade_on_one_quote_sells_once(desk: Desk) -> None:
    await send(desk, order("buy 100 AAPL"), "key-holding1")
    placed = await send(desk, pair("sell 100 AAPL @ 101.00 gtc", stop="99.00"))
    # A wide quote: the last trade reaches the stop while the bid reaches the target.
    await tell(desk, replace(quote("AAPL 101.50/101.55"), last=Decimal("98.00")))
    states = await seen(desk, placed)
    assert sorted(states.values()) == ["canceled 0/100", "filled 100/100"]


@pytest.mark.parametrize("at", ["settle_groups", "announce_orders"])
async def test_a_kill_between_a_fill_and_what_follows_is_made_good(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    placed = await send(desk, bracket("buy 10 AAPL @ 99.00 gtc"))

    class Killed(BaseException):
        """The process is gone."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(paper, at, die)
        with pytest.raises(Killed):
            await desk.tell(quote("AAPL 98.90/98.95"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "held", "target": "held"}
    assert await check_books(desk.b.db) == []
    assert await free_shares(desk) == 0, "nobody can sell what the stop is to protect"
    desk.broker = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await desk.broker.start()
    await tell(desk, quote("AAPL 98.90/98.95"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "working 0/10", "target": "working 0/10"}


async def test_what_follows_waits_for_a_database_that_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = await send(desk, bracket("buy 10 AAPL @ 99.00 gtc"))

    async def away(*_: object) -> None:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(paper, "settle_groups", away)
        await desk.tell(quote("AAPL 98.90/98.95"))
    await tell(desk, quote("AAPL 98.90/98.95"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "working 0/10", "target": "working 0/10"}


async def test_a_group_is_stored_whole_or_not_at_all(desk: Desk) -> None:
    refused = await send(desk, bracket("buy 2000 AAPL @ 100.05 gtc"))
    assert refused.status == "risk_rejected"
    assert [one.status for one in await list_orders(desk.b, desk.caller)] == ["risk_rejected"]
    first = await send(desk, bracket("buy 10 AAPL @ 95.00 gtc"), "key-00000002")
    again = await submit_order(
        desk.b, desk.caller, desk.account_id, bracket("buy 10 AAPL @ 95.00 gtc"), "key-00000002", acknowledged=ALL_READ
    )
    assert again.id == first.id
    assert len(await list_orders(desk.b, desk.caller)) == 4
    other = bracket("buy 10 AAPL @ 95.00 gtc", stop="89.00")
    with pytest.raises(InvalidInput, match="already used for another order"):
        await submit_order(desk.b, desk.caller, desk.account_id, other, "key-00000002", acknowledged=ALL_READ)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (bracket("sell 10 AAPL"), "would open a short position"),
        (pair("buy 10 AAPL @ 95.00", stop="105.00"), "a way out of what you hold"),
        (bracket("buy 10 AAPL", target="99.00"), "The target must lie above"),
        (bracket("buy 10 AAPL", stop="101.00"), "The stop must lie below"),
        (bracket("buy 10 AAPL ioc"), "for the day or good till canceled"),
        (replace(bracket("buy 10 AAPL"), order_class="simple"), "say which"),
        (pair("sell 10 AAPL @ 110.00"), "short selling is not offered"),
        (replace(order("buy 1 AAPL"), condition=Condition("ZZZZ", "at_or_above", Decimal(1))), "to wait for"),
        (replace(order("buy 1 AAPL fok"), condition=Condition("MSFT", "at_or_above", Decimal(1))), "cannot be fill or"),
    ],
)
async def test_a_group_that_does_not_fit_is_refused_in_words(desk: Desk, request_: OrderRequest, words: str) -> None:
    placed = await send(desk, request_)
    assert placed.status == "risk_rejected"
    assert words in (placed.reject_reason or "")


async def test_the_preview_tells_what_follows(desk: Desk) -> None:
    found = await preview_order(desk.b, desk.caller, desk.account_id, bracket("buy 10 AAPL"))
    assert found.notes == [
        "As it fills, sales of as many shares follow: the target at 110.00 (+99.50 before fees) and the stop at 90.00 "
        "(-100.50 before fees).",
        "What one sells the other no longer has; one that is canceled leaves the other alone.",
    ]
    assert found.reserve == Decimal("1050.60")


async def test_the_prices_of_a_leg_are_changed_and_its_quantity_is_not(desk: Desk) -> None:
    placed = await send(desk, bracket("buy 10 AAPL"))
    stop = uuid5(placed.id, "stop")
    changed = await replace_order(desk.b, desk.caller, stop, Terms(stop_price=Decimal(95)))
    assert changed.stop_price == 95
    with pytest.raises(Refused, match="share their quantity"):
        await replace_order(desk.b, desk.caller, stop, Terms(qty=Decimal(5)))
    await desk.broker.drain()
    await tell(desk, quote("AAPL 94.90/94.95"))
    assert (await seen(desk, placed))["stop"] == "filled 10/10"


# --- conditions -------------------------------------------------------------------------------------------------------


def when_msft(text: str, relation: str = "at_or_above", price: str = "205.00") -> OrderRequest:
    return replace(order(text), condition=Condition("MSFT", relation, Decimal(price)))  # type: ignore[arg-type]


async def test_an_order_waits_for_the_last_trade_of_another_symbol(desk: Desk) -> None:
    placed = await send(desk, when_msft("buy 10 AAPL gtc"))
    assert (placed.held, placed.status, placed.reserved) == (True, "pending_submit", Decimal("1050.60"))
    await tell(desk, quote("MSFT 204.90/206.00"))
    assert (await get_order(desk.b, desk.caller, placed.id)).held
    await tell(desk, quote("MSFT 205.00/205.10"))
    done = await get_order(desk.b, desk.caller, placed.id)
    assert (done.status, done.avg_price, done.held) == ("filled", Decimal("100.05"), False)
    events = await order_events(desk.b, desk.caller, placed.id)
    assert events[1].reason == "MSFT traded at 205.00: at or above 205.00."


async def test_a_condition_survives_a_kill_and_one_that_is_met_sends_at_once(desk: Desk) -> None:
    placed = await send(desk, when_msft("buy 10 AAPL gtc"))
    desk.broker = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await desk.broker.start()
    await tell(desk, quote("AAPL 100.00/100.05"), quote("MSFT 206.00/206.10"))
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "filled"
    at_once = await send(desk, when_msft("buy 1 AAPL"), "key-00000002")
    assert (await get_order(desk.b, desk.caller, at_once.id)).status == "filled"


async def test_an_order_of_the_day_does_not_outlive_it_waiting(desk: Desk) -> None:
    placed = await send(desk, when_msft("buy 10 AAPL"))
    lasting = await send(desk, when_msft("buy 10 AAPL gtc"), "key-00000002")
    await tell(desk, clock=closed_clock())
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "not_sent"
    assert (await get_order(desk.b, desk.caller, lasting.id)).held
    tomorrow = open_clock(minutes=24 * 60 + 1, session_on=date(2021, 3, 2))
    await tell(desk, quote("AAPL 101.00/101.05"), quote("MSFT 210.00/210.10"), clock=tomorrow)
    assert (await get_order(desk.b, desk.caller, lasting.id)).avg_price == Decimal("101.05")


async def test_a_waiting_order_is_taken_back_and_its_money_is_free(desk: Desk) -> None:
    placed = await send(desk, when_msft("buy 10 AAPL gtc"))
    assert (await cancel_order(desk.b, desk.caller, placed.id)).status == "not_sent"
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0
    await tell(desk, quote("MSFT 210.00/210.10"))
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "not_sent"


async def test_a_bracket_may_wait_for_a_condition_and_its_children_for_it(desk: Desk) -> None:
    waiting = replace(bracket("buy 10 AAPL gtc"), condition=Condition("MSFT", "at_or_below", Decimal(195)))
    placed = await send(desk, waiting)
    assert await seen(desk, placed) == {"entry": "held", "stop": "held", "target": "held"}
    await tell(desk, quote("MSFT 195.00/195.10"))
    assert await seen(desk, placed) == {"entry": "filled 10/10", "stop": "working 0/10", "target": "working 0/10"}
