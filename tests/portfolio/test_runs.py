"""A new run of the replay: what was is kept and can only be read, and everybody starts anew once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import Conflict
from starkmatter.portfolio import runs
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit, open_account
from starkmatter.portfolio.runs import CLOSING_REASON, close_former_runs
from starkmatter.portfolio.snapshots import EquityRecorder
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_order, list_fills, order_events
from starkmatter.trading.submit import submit_order
from tests.builders import OPENS_AT, RUN_ID, Desk, make_desk, order, quote
from tests.portfolio.days import tell

NEXT_RUN = RUN_ID + 1


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, number: int):
    return await submit_order(desk.b, desk.caller, desk.account_id, order(text), f"key-{number:08d}")


async def begin_next_run(desk: Desk) -> int:
    return await close_former_runs(desk.b.db, NEXT_RUN, OPENS_AT)


async def test_open_orders_end_in_words_and_hold_nothing_any_more(desk: Desk) -> None:
    await send(desk, "buy 20 AAPL", 1)
    await desk.broker.drain()
    resting = await send(desk, "buy 10 AAPL @ 90.00 gtc", 2)
    selling = await send(desk, "sell 5 AAPL @ 110.00 gtc", 3)
    asked_back = await send(desk, "buy 1 MSFT @ 190.00 gtc", 4)
    await desk.broker.drain()
    await cancel_order(desk.b, desk.caller, asked_back.id)
    unsent = await send(desk, "buy 3 MSFT", 5)

    assert await begin_next_run(desk) == 1

    for placed, status in ((resting, "expired"), (selling, "expired"), (asked_back, "expired"), (unsent, "not_sent")):
        assert (await get_order(desk.b, desk.caller, placed.id)).status == status
        last = (await order_events(desk.b, desk.caller, placed.id))[-1]
        assert (last.status, last.reason) == (status, CLOSING_REASON)
    former = await get_account(desk.b, desk.caller, desk.account_id)
    assert (former.read_only, former.reserved) == (True, 0)
    assert await desk.b.db.value("SELECT count(*) FROM outbox") == 0
    assert await desk.b.db.value("SELECT sum(reserved_qty) FROM holding") == 0


async def test_a_former_account_is_kept_and_can_only_be_read(desk: Desk) -> None:
    await send(desk, "buy 20 AAPL", 1)
    await desk.broker.drain()
    entries = await list_entries(desk.b, desk.caller, desk.account_id)
    fills = await list_fills(desk.b, desk.caller, account_id=desk.account_id)
    await begin_next_run(desk)

    assert await list_entries(desk.b, desk.caller, desk.account_id) == entries
    assert await list_fills(desk.b, desk.caller, account_id=desk.account_id) == fills
    refused = await send(desk, "buy 1 AAPL", 2)
    assert (refused.status, refused.reject_reason) == (
        "risk_rejected",
        "This account is closed and can only be read.",
    )
    with pytest.raises(Conflict, match="only be read"):
        await deposit(desk.b, desk.caller, desk.account_id, Decimal(1))


async def test_everybody_gets_one_fresh_account_however_often_it_is_repeated(desk: Desk) -> None:
    other = await desk.person()
    await open_account(desk.b, desk.caller, name="Second", cash=Decimal(500))
    assert await begin_next_run(desk) == 3
    assert await begin_next_run(desk) == 0
    for person, former in ((desk, 2), (other, 1)):
        fresh, *kept = await list_accounts(desk.b, person.caller)
        assert (fresh.read_only, fresh.name, fresh.equity, fresh.day_pl) == (False, "Practice", runs.FIRST_CASH, 0)
        assert len(kept) == former
        assert all(account.read_only for account in kept)


async def test_two_workers_at_once_open_one_fresh_account(desk: Desk) -> None:
    closed = await asyncio.gather(begin_next_run(desk), begin_next_run(desk))
    assert sorted(closed) == [0, 1]
    assert len(await list_accounts(desk.b, desk.caller)) == 2


async def test_a_crash_halfway_leaves_everything_as_it_was_and_the_next_try_does_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = await send(desk, "buy 10 AAPL @ 90.00 gtc", 1)
    await desk.broker.drain()

    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(runs, "create_account", crash)
        with pytest.raises(RuntimeError):
            await begin_next_run(desk)
    assert (await get_order(desk.b, desk.caller, resting.id)).status == "working"
    [account] = await list_accounts(desk.b, desk.caller)
    assert (account.read_only, account.reserved) == (False, Decimal("900.00"))
    assert await begin_next_run(desk) == 1


async def test_an_order_that_races_with_the_new_run_ends_or_is_refused(desk: Desk) -> None:
    sent = [send(desk, "buy 1 AAPL @ 99.00 gtc", number) for number in range(20)]
    *orders, _ = await asyncio.gather(*sent, begin_next_run(desk))
    for placed in orders:
        now = await get_order(desk.b, desk.caller, placed.id)
        assert now.status in {"not_sent", "risk_rejected"}, now
    assert (await get_account(desk.b, desk.caller, desk.account_id)).reserved == 0


async def test_a_former_account_is_valued_as_it_stood_whatever_the_new_run_pays(desk: Desk) -> None:
    recorder = EquityRecorder(desk.b.db, "replay")
    await send(desk, "buy 10 AAPL", 1)
    await desk.broker.drain()
    await tell(desk, recorder, quote("AAPL 110.00/110.05"))
    # Paid in after the last point of its value line.
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("5000.00"))
    await begin_next_run(desk)
    await desk.tell(quote("AAPL 500.00/500.05"))
    former = await get_account(desk.b, desk.caller, desk.account_id)
    assert (former.market_value, former.unrealized_pl) == (Decimal("1100.00"), Decimal("99.50"))
    assert former.equity == former.cash + Decimal("1100.00")
    assert former.day_pl == 0
    [held] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert (held.last, held.market_value) == (None, Decimal("1000.50"))


async def test_a_former_account_without_shares_is_worth_its_cash(desk: Desk) -> None:
    recorder = EquityRecorder(desk.b.db, "replay")
    await send(desk, "buy 10 AAPL", 1)
    await desk.broker.drain()
    await tell(desk, recorder, quote("AAPL 110.00/110.05"))
    await desk.tell(quote("AAPL 90.00/90.05"))
    await send(desk, "sell 10 AAPL", 2)
    await desk.broker.drain()
    await begin_next_run(desk)
    former = await get_account(desk.b, desk.caller, desk.account_id)
    assert (former.equity, former.market_value, former.unrealized_pl) == (former.cash, 0, 0)
