"""What may come between orders that are sent together: the same key, a bad neighbor, somebody leaving, a switch."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from starkmatter.db.database import Database
from starkmatter.errors import Unavailable
from starkmatter.trading.gate import SubmitGate, gate_of
from starkmatter.trading.guarding.queries import TURN_ON
from tests.builders import make_market
from tests.trading.batch_desk import Desk, item, make_seat

SECS = 20.0


@pytest.fixture
async def desk(database: Database) -> Desk:
    await make_market(database)
    return await make_seat(database)


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[SubmitGate]:
    """The gate of another process."""
    opened = Database(database_url, name="test", max_size=2)
    await opened.open()
    yield gate_of(opened)
    await opened.close()


async def taken_by(desk: Desk) -> list[int]:
    """The quantities of all orders that were taken."""
    rows = await desk.db.tuples(
        "SELECT qty FROM trade_order WHERE account_id = ANY (%s) AND status = 'pending_submit' ORDER BY qty",
        (desk.accounts,),
    )
    return [int(qty) for (qty,) in rows]


@pytest.mark.parametrize("again", ["00", "11"], ids=["the same order", "another order"])
async def test_who_came_first_with_a_key_is_told_so_wherever_the_batch_has_it(desk: Desk, again: str) -> None:
    """Told that nothing was sent, whoever's order was taken would send it once more under another key."""
    once = item(desk, 0, "2")
    sent = [item(desk, 0, "1"), once, once | {"request_hash": again * 32}, item(desk, 0, "3")]
    told = await asyncio.gather(*[gate_of(desk.db).submit(one) for one in sent])
    repeated = "repeated" if again == "00" else "other_body"
    assert [one.outcome for one in told] == ["taken", "taken", repeated, "taken"]
    assert [row[2] for row in (await desk.stored())[:-1]] == [1, 2, 3]


@pytest.mark.parametrize("again", ["00", "11"], ids=["the same order", "another order"])
async def test_one_key_in_the_batches_of_two_processes_is_one_order(
    desk: Desk, elsewhere: SubmitGate, again: str
) -> None:
    here = gate_of(desk.db)
    for number in range(20):
        once = item(desk, 0, "1", reserve="1")
        same = once | {"request_hash": again * 32}
        others = [item(desk, number % 2, "2", reserve="1") for _ in range(4)]
        one, *_, other = await asyncio.gather(
            here.submit(once),
            *[here.submit(found) for found in others[:2]],
            *[elsewhere.submit(found) for found in others[2:]],
            elsewhere.submit(same),
        )
        told = sorted([one.outcome, other.outcome])
        assert told == (["repeated", "taken"] if again == "00" else ["other_body", "taken"])
    assert await taken_by(desk) == [1] * 20 + [2] * 80


@pytest.mark.parametrize("bad", [{"qty": "a few"}, {"qty": object()}, {"words": "\ud800"}, {"symbol": "\0"}])
async def test_an_order_that_cannot_be_stored_takes_no_other_with_it(desk: Desk, bad: dict[str, object]) -> None:
    gate = gate_of(desk.db)
    sent = [item(desk, 0, "1"), item(desk, 0, "2") | bad, item(desk, 1, "3", reserve="1"), item(desk, 0, "4")]
    async with asyncio.timeout(SECS):
        told = await asyncio.gather(*[gate.submit(one) for one in sent], return_exceptions=True)
        assert isinstance(told.pop(1), Unavailable)
        assert [getattr(one, "outcome", one) for one in told] == ["taken"] * 3
        assert (await gate.submit(item(desk, 0, "5"))).outcome == "taken"
    assert await taken_by(desk) == [1, 3, 4, 5]


async def test_who_leaves_before_the_answer_takes_no_other_along_and_finds_the_order_by_its_key(desk: Desk) -> None:
    gate = gate_of(desk.db)
    sent = [item(desk, 0, str(number)) for number in range(1, 6)]
    tasks = [asyncio.create_task(gate.submit(one)) for one in sent]
    async with desk.db.connection() as holds, holds.transaction():
        await holds.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (desk.accounts[0],))
        await asyncio.sleep(0.3)
        tasks[1].cancel()
        late = asyncio.create_task(gate.submit(item(desk, 1, "6", reserve="1")))
        gone = asyncio.create_task(gate.submit(item(desk, 1, "7", reserve="1")))
        await asyncio.sleep(0.1)
        gone.cancel()
    async with asyncio.timeout(SECS):
        told = await asyncio.gather(*tasks, late, return_exceptions=True)
        assert [getattr(one, "outcome", type(one)) for one in told] == [
            "taken",
            asyncio.CancelledError,
            *["taken"] * 4,
        ]
        assert (await gate.submit(sent[1])).outcome == "repeated"
    assert await taken_by(desk) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "in a batch"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE account SET closed_at = now() WHERE id = %(account)s", "closed"),
        ("UPDATE account SET frozen_reason = 'Books differ.' WHERE id = %(account)s", "Books differ."),
        (TURN_ON, "kill switch"),
    ],
    ids=["closed", "frozen", "stopped"],
)
async def test_what_comes_over_an_account_just_before_its_orders_binds_them(
    desk: Desk, change: str, words: str, others: int
) -> None:
    """The orders wait for its row meanwhile, and are judged by what it is then."""
    gate = gate_of(desk.db)
    asked = {
        **{"account": desk.accounts[0], "id": desk.caller.user_id, "user": None, "broker": None, "sweeps": True},
        **{"allows_reducing": False, "reason": "", "by": desk.caller.user_id, "events": "[]"},
        "now": "2026-11-27T12:00Z",
    }
    async with desk.db.connection() as holds, holds.transaction():
        await holds.execute(change, asked)  # type: ignore[arg-type]
        bound = [asyncio.create_task(gate.submit(item(desk, 0, str(1 + number)))) for number in range(1 + others)]
        free = [asyncio.create_task(gate.submit(item(desk, 1, "9", reserve="1"))) for _ in range(others)]
        await asyncio.sleep(0.3)
    async with asyncio.timeout(SECS):
        for told in await asyncio.gather(*bound):
            assert (told.outcome, words in (told.reason or "")) == ("refused", True), told
        assert [one.outcome for one in await asyncio.gather(*free)] == ["taken"] * others
    assert (await desk.stored())[-1][0] == 0


async def test_a_batch_with_a_refused_order_waits_for_no_booking_of_its_account(desk: Desk) -> None:
    """A booking refers to the account before it changes it. Two that waited for each other would both be late."""
    gate = gate_of(desk.db)
    async with desk.db.connection() as books, books.transaction():
        await books.execute("SELECT FROM account WHERE id = %s FOR KEY SHARE", (desk.accounts[0],))
        sent = [item(desk, 0, "1"), item(desk, 0, "2", reserve="99999999"), item(desk, 0, "3", refusal="No.")]
        async with asyncio.timeout(SECS):
            told = await asyncio.gather(*[gate.submit(one) for one in sent])
    assert [one.outcome for one in told] == ["taken", "refused", "refused"]


async def test_everybody_is_answered_when_the_sender_ends_out_of_turn(desk: Desk) -> None:
    gate = SubmitGate(desk.db)
    async with desk.db.connection() as holds, holds.transaction():
        await holds.execute("SELECT FROM account WHERE id = %s FOR UPDATE", (desk.accounts[0],))
        first = [asyncio.create_task(gate.submit(item(desk, 0, "1"))) for _ in range(2)]
        await asyncio.sleep(0.3)
        waiting = asyncio.create_task(gate.submit(item(desk, 1, "2", reserve="1")))
        await asyncio.sleep(0)
        assert gate._sender is not None
        gate._sender.cancel()
        async with asyncio.timeout(SECS):
            told = await asyncio.gather(*first, waiting, return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable] * 3
    assert (await gate.submit(item(desk, 1, "3", reserve="1"))).outcome == "taken"
