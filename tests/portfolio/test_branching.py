"""New beginnings and branches: what ends, what is kept, and that a branch has exactly what its parent had."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.orders import StopLoss, TakeProfit
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.branching import fork_account, reset_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.guarding.rules import set_rule
from starkmatter.trading.guarding.stops import turn_on
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, OPENS_AT, RUN_ID, Desk, make_desk, open_clock, order, quote


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, **changes):
    request = replace(order(text), **changes)
    placed = await submit_order(desk.b, desk.caller, desk.account_id, request, f"key-{uuid4()}", acknowledged=ALL_READ)
    assert placed.status == "pending_submit", placed.reject_reason
    await desk.broker.drain()
    return placed


async def held(desk: Desk, account_id) -> dict[str, tuple[Decimal, Decimal]]:
    found = await list_positions(desk.b, desk.caller, account_id)
    return {one.symbol: (one.qty, one.cost_basis) for one in found if one.qty}


# --- a new beginning --------------------------------------------------------------------------------------------------


async def test_a_reset_cancels_keeps_what_was_and_begins_with_what_was_first_paid_in(desk: Desk) -> None:
    await send(desk, "buy 100 AAPL")
    group = {"order_class": "bracket", "take_profit": TakeProfit(Decimal(120)), "stop_loss": StopLoss(Decimal(80))}
    await send(desk, "buy 10 AAPL", **group)
    await send(desk, "buy 5 MSFT @ 150.00 gtc")
    await send(desk, "sell 20 AAPL @ 130.00 gtc")
    await desk.tell(quote("AAPL 110.00/110.05"), quote("MSFT 200.00/200.10"))
    before = await get_account(desk.b, desk.caller, desk.account_id)
    entries = await list_entries(desk.b, desk.caller, desk.account_id)

    new = await reset_account(desk.b, desk.caller, desk.account_id, confirm=" Practice ")

    assert (new.name, new.cash, new.equity, new.kind, new.preset) == (
        "Practice",
        100_000,
        100_000,
        "cash",
        "realistic/2",
    )
    assert (new.branch, new.parent_id, new.parent_name) == ("reset", desk.account_id, "Practice")
    former = await get_account(desk.b, desk.caller, desk.account_id)
    assert (former.read_only, former.equity, former.cash, former.reserved) == (True, before.equity, before.cash, 0)
    assert await list_entries(desk.b, desk.caller, desk.account_id) == entries
    orders = await list_orders(desk.b, desk.caller, desk.account_id)
    assert {one.status for one in orders} == {"filled", "canceled"}
    assert [one.id for one in await list_accounts(desk.b, desk.caller)] == [new.id, desk.account_id]
    # The worker still has them in mind: nothing of them is booked any more.
    await desk.tell(quote("AAPL 140.00/140.05"), quote("MSFT 100.00/100.10"))
    await desk.broker.drain()
    assert (await get_account(desk.b, desk.caller, desk.account_id)).cash == before.cash
    refused = await submit_order(desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"), f"key-{uuid4()}")
    assert refused.reject_reason == "This account is closed and can only be read."
    with pytest.raises(Conflict, match="closed already"):
        await reset_account(desk.b, desk.caller, desk.account_id, confirm="Practice")


async def test_a_reset_is_confirmed_by_name_and_is_the_owners(desk: Desk) -> None:
    for wrong in ("", "practice", "Practise"):
        with pytest.raises(InvalidInput, match="Type the account's name, Practice"):
            await reset_account(desk.b, desk.caller, desk.account_id, confirm=wrong)
    for cash in ("0", "-1", "1000000001"):
        with pytest.raises(InvalidInput, match="opening cash"):
            await reset_account(desk.b, desk.caller, desk.account_id, confirm="Practice", cash=Decimal(cash))
    other, viewer = await desk.person(), await desk.person("viewer")
    with pytest.raises(NotFound):
        await reset_account(desk.b, other.caller, desk.account_id, confirm="Practice")
    with pytest.raises(NotAllowed):
        await reset_account(desk.b, viewer.caller, viewer.account_id, confirm="Practice")
    await share_account(desk.b, desk.caller, desk.account_id, other.caller.email, "trade")
    with pytest.raises(NotAllowed, match="Only its owner"):
        await reset_account(desk.b, other.caller, desk.account_id, confirm="Practice")
    margin = await desk.person(cash="5000", kind="margin")
    with pytest.raises(InvalidInput, match="2,000 USD"):
        await reset_account(desk.b, margin.caller, margin.account_id, confirm="Practice", cash=Decimal(1000))
    new = await reset_account(desk.b, margin.caller, margin.account_id, confirm="Practice", cash=Decimal(2000))
    assert (new.kind, new.cash) == ("margin", 2000)


async def test_a_reset_is_no_way_around_a_switch_or_a_rule(desk: Desk) -> None:
    other = await desk.person()
    await share_account(desk.b, desk.caller, desk.account_id, other.caller.email, "view")
    await set_rule(desk.b, desk.caller, "trades_per_day", Decimal(1), desk.account_id)
    await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id, reason="enough")
    new = await reset_account(desk.b, desk.caller, desk.account_id, confirm="Practice")
    refused = await submit_order(desk.b, desk.caller, new.id, order("buy 1 AAPL"), f"key-{uuid4()}")
    assert "The kill switch of this account is on" in (refused.reject_reason or "")
    assert (await get_account(desk.b, other.caller, new.id)).access == "view"
    rules = await desk.b.db.tuples("SELECT kind FROM trading_rule WHERE account_id = %s", (new.id,))
    assert rules == [("trades_per_day",)]


async def test_orders_that_race_with_a_reset_end_or_are_refused(desk: Desk) -> None:
    async def one(number: int) -> str:
        placed = await submit_order(
            desk.b, desk.caller, desk.account_id, order(f"buy {number} AAPL @ 90.00 gtc"), f"key-{uuid4()}"
        )
        return str(placed.status)

    async def end() -> str:
        for _ in range(20):
            with suppress(Conflict):
                return str((await reset_account(desk.b, desk.caller, desk.account_id, confirm="Practice")).id)
        return ""

    *_, new = await asyncio.gather(*(one(number) for number in range(1, 25)), end())
    assert new
    await desk.broker.drain()
    orders = await list_orders(desk.b, desk.caller, desk.account_id)
    assert {str(one.status) for one in orders} <= {"not_sent", "canceled", "risk_rejected"}
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0


# --- branches ---------------------------------------------------------------------------------------------------------


async def test_a_fork_has_what_its_parent_has_and_goes_its_own_way(desk: Desk) -> None:
    await send(desk, "buy 100 AAPL")
    await send(desk, "sell 30 AAPL @ 130.00 gtc")
    await desk.tell(quote("AAPL 110.00/110.05"))
    parent = await get_account(desk.b, desk.caller, desk.account_id)
    branch = await fork_account(desk.b, desk.caller, desk.account_id, name="What if", preset="harsh")
    assert (branch.name, branch.branch, branch.parent_id) == ("What if", "fork", desk.account_id)
    assert (branch.cash, branch.equity, branch.reserved) == (parent.cash, parent.equity, 0)
    assert (branch.preset, branch.as_of) == ("harsh/1", desk.clock.venue_now)
    assert await held(desk, branch.id) == await held(desk, desk.account_id) == {"AAPL": (100, Decimal("10005.00"))}
    entries = await list_entries(desk.b, desk.caller, branch.id)
    assert [one.description for one in entries] == [
        "Began with 100 AAPL worth 11000.00 USD",
        "Deposited 89995.00 USD",
    ]
    assert (branch.unrealized_pl, branch.day_pl) == (parent.unrealized_pl, 0)
    sold = replace(desk, account_id=branch.id)
    await send(sold, "sell 100 AAPL")
    await desk.tell(quote("AAPL 110.00/110.05"))
    assert (await held(desk, branch.id), (await held(desk, desk.account_id))["AAPL"][0]) == ({}, 100)
    seen = await measure_performance(desk.b, desk.caller, branch.id)
    assert (seen.start_value, seen.flows) == (Decimal("100995.00"), 0)
    again = await fork_account(desk.b, desk.caller, branch.id, name="Again")
    assert again.cash == (await get_account(desk.b, desk.caller, branch.id)).cash


async def test_a_fork_as_of_a_former_day_has_what_was_there_at_its_close(desk: Desk) -> None:
    await send(desk, "buy 100 AAPL")
    at_close = await held(desk, desk.account_id)
    cash = (await get_account(desk.b, desk.caller, desk.account_id)).cash
    tomorrow = open_clock(10 + 24 * 60, session_on=date(2021, 3, 2), next_open=OPENS_AT + timedelta(days=2))
    await desk.tell(quote("AAPL 120.00/120.05"), clock=tomorrow)
    await send(desk, "sell 60 AAPL")
    await send(desk, "buy 7 AAPL @ 130.00")
    branch = await fork_account(desk.b, desk.caller, desk.account_id, name="Yesterday", on=date(2021, 3, 1))
    assert (branch.cash, await held(desk, branch.id)) == (cash, at_close)
    assert branch.equity == cash + 100 * Decimal(120)
    assert branch.as_of is not None
    assert branch.as_of < desk.clock.venue_now
    weekend = await fork_account(desk.b, desk.caller, branch.id, name="Nested")
    assert await held(desk, weekend.id) == at_close
    for on, words in ((date(2021, 2, 26), "not open"), (date(2021, 3, 2), "not closed yet")):
        with pytest.raises(InvalidInput, match=words):
            await fork_account(desk.b, desk.caller, desk.account_id, name="x", on=on)


async def test_a_fork_is_refused_in_words_where_it_cannot_be(desk: Desk) -> None:
    other = await desk.person()
    with pytest.raises(NotFound):
        await fork_account(desk.b, other.caller, desk.account_id, name="x")
    for name in ("", " ", "x" * 61):
        with pytest.raises(InvalidInput, match="name must have"):
            await fork_account(desk.b, desk.caller, desk.account_id, name=name)
    with pytest.raises(InvalidInput, match="preset must be one of"):
        await fork_account(desk.b, desk.caller, desk.account_id, name="x", preset="soft")
    await desk.b.db.run("UPDATE account SET run_id = %s WHERE id = %s", (RUN_ID + 1, desk.account_id))
    with pytest.raises(Conflict, match="former run"):
        await fork_account(desk.b, desk.caller, desk.account_id, name="x")


@pytest.mark.parametrize("seed", range(4))
async def test_a_branch_of_any_history_equals_its_parent(seed: int, database: Database, cache: Redis) -> None:
    """Cash, shares and cost of a random margin account, longs and shorts, and of a branch of its branch."""
    rng = random.Random(seed)
    desk = await (await make_desk(database, cache)).person(kind="margin")
    at = {"AAPL": Decimal(100), "MSFT": Decimal(200)}
    for _ in range(12):
        symbol = rng.choice(list(at))
        at[symbol] = (at[symbol] * rng.randint(95, 105) / 100).quantize(Decimal("0.01"))
        await desk.tell(quote(f"{symbol} {at[symbol]}/{at[symbol] + Decimal('0.03')}", size="900"))
        text = f"{rng.choice(['buy', 'sell'])} {rng.choice([3, 17, 60])} {symbol}"
        await submit_order(
            desk.b,
            desk.caller,
            desk.account_id,
            order(text + " short" * text.startswith("sell")),
            f"key-{uuid4()}",
            acknowledged=ALL_READ,
        )
        await desk.broker.drain()
    parent = await get_account(desk.b, desk.caller, desk.account_id)
    branch = await fork_account(desk.b, desk.caller, desk.account_id, name="One")
    nested = await fork_account(desk.b, desk.caller, branch.id, name="Two")
    for one in (branch, nested):
        assert (one.cash, one.equity, one.kind) == (parent.cash, parent.equity, "margin")
        assert await held(desk, one.id) == await held(desk, desk.account_id)
    assert await check_books(database) == []
