"""Orders that come together are judged and stored exactly as each of them alone would be."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import orjson
import psycopg
import pytest
from psycopg import DatabaseError

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.trading import queries
from starkmatter.trading.gate import gate_of
from tests.builders import make_market
from tests.trading.batch_desk import Desk, Item, as_it_is, item, make_seat, now_is


def mixed(desk: Desk) -> list[Item]:
    """One of each kind, several of them of one account."""
    return [
        item(desk, 0, "1"),
        item(desk, 0, "2", words="Seen before it was sent."),
        item(desk, 0, "3", side="sell"),
        item(desk, 0, "4", reserve="99999"),
        item(desk, 1, "5"),
        item(desk, 2, "6"),
        item(desk, 3, "7"),
        item(desk, 0, "8", refusal="No."),
        item(desk, 0, "9", held=True, cond_symbol="MSFT", cond_relation="at_or_above", cond_price="1"),
        item(desk, 0, "10", cautions=True),
    ]


async def test_a_batch_of_every_kind_ends_as_the_same_orders_one_by_one(database: Database) -> None:
    await make_market(database)
    together, apart = await make_seat(database), await make_seat(database)
    batch = mixed(together)
    assert await together.send(batch) == await apart.send(*([one] for one in mixed(apart)))
    assert await together.stored() == await apart.stored()


@pytest.mark.parametrize("other", [0, 1], ids=["one account", "two accounts"])
async def test_one_key_twice_in_a_batch_is_one_order_and_the_others_are_taken(database: Database, other: int) -> None:
    """Nothing of such a batch is stored as one: the gate sends each alone."""
    await make_market(database)
    desk = await make_seat(database)
    once = item(desk, 0, "1", reserve="105.06")
    again = once | {"account_id": desk.accounts[other], "request_hash": f"{other:02}" * 32}
    with pytest.raises(DatabaseError, match="used twice"):
        await database.tuples(queries.SUBMIT, (orjson.dumps([once, again]).decode(), utc_now()))
    assert await desk.stored() == [(0, 0, 0, 0)]
    gate = gate_of(database)
    sent = [item(desk, 2, "2"), once, again, item(desk, 1, "3", reserve="105.06")]
    told = await asyncio.gather(*[gate.submit(one) for one in sent])
    told_of_both = sorted(one.outcome for one in told[1:3])  # whichever of the two came first
    assert [told[0].outcome, told[3].outcome] == ["taken", "taken"]
    assert told_of_both == (["repeated", "taken"] if other == 0 else ["other_body", "taken"])
    first = [once, again][[one.outcome for one in told[1:3]].index("taken")]
    assert [one.outcome for one in await asyncio.gather(gate.submit(first), gate.submit(sent[0]))] == ["repeated"] * 2
    stored = await desk.stored()
    assert [row[2] for row in stored[:-1]] == [1, 2, 3]
    assert sum(stored[-1]) == sum(row[5] for row in stored[:-1])


SHARED = """
INSERT INTO account_share (account_id, user_id, level, shared_by, created_at)
SELECT id, %s, %s, user_id, now() FROM account WHERE id = %s
"""
STOPPED = """
INSERT INTO trading_stop (id, account_id, allows_reducing, reason, set_by, set_at)
VALUES (gen_random_uuid(), %s, false, '', %s, now())
"""


async def _stopped(desk: Desk) -> None:
    await desk.db.run(STOPPED, (desk.accounts[0], desk.caller.user_id))
    await now_is("guarded = true")(desk)


def _shared(level: str) -> Callable[[Desk], Awaitable[None]]:
    async def share(desk: Desk) -> None:
        desk.accounts[0], desk.accounts[3] = desk.accounts[3], desk.accounts[0]
        await desk.db.run(SHARED, (desk.caller.user_id, level, desk.accounts[0]))

    return share


LEADING: list[tuple[Item, Callable[[Desk], Awaitable[None]], str]] = [
    ({}, as_it_is, "taken"),
    ({"side": "sell"}, as_it_is, "refused"),
    ({"refusal": "No."}, as_it_is, "refused"),
    ({"venue": "market"}, as_it_is, "refused"),
    ({"reserve": "100000"}, as_it_is, "taken"),
    ({"reserve": "100000.01"}, as_it_is, "refused"),
    ({"reserve": "60000"}, now_is("reserved = 50000"), "refused"),
    ({}, now_is("closed_at = now()"), "refused"),
    ({}, now_is("frozen_reason = 'Books differ.'"), "refused"),
    ({}, _stopped, "refused"),
    ({"price": "100", "marks": {}, "reserve": "90000"}, now_is("kind = 'margin'"), "taken"),
    ({"price": "100", "marks": {}, "reserve": "150000"}, now_is("kind = 'margin'"), "taken"),
    ({"price": "100", "marks": {}, "reserve": "210000"}, now_is("kind = 'margin'"), "refused"),
    ({}, _shared("trade"), "taken"),
    ({"reserve": "100001"}, _shared("trade"), "refused"),
    ({}, _shared("view"), "no_account"),
    ({"cautions": True}, as_it_is, "taken"),
    ({"cautions": True}, now_is("last_order_at = now()"), "needs_cautions"),
    ({"cautions": False}, now_is("last_order_at = now()"), "taken"),
    ({"cautions": True, "refusal": "No."}, now_is("last_order_at = now()"), "refused"),
    ({"cautions": True, "price": "100", "marks": {}}, now_is("kind = 'margin'"), "taken"),
    ({"group": True}, as_it_is, "taken"),
    ({"group": True, "refusal": "No."}, as_it_is, "refused"),
]


async def test_what_is_not_plain_is_judged_the_same_when_it_leads_its_account_in_a_batch(
    database: Database,
) -> None:
    await make_market(database)
    for changes, prepare, outcome in LEADING:
        await _leads(database, changes, prepare, outcome)


async def _leads(database: Database, changes: Item, prepare: Callable[[Desk], Awaitable[None]], outcome: str) -> None:
    found = []
    for together in (True, False):
        desk = await make_seat(database)
        await prepare(desk)
        one, other = item(desk, 0, "5", **changes), item(desk, 1, "6", reserve="1")
        if one.pop("group", False):
            leg = {"id": uuid4(), "role": "stop", "side": "sell", "type": "stop", "qty": "5", "stop_price": "90"}
            one |= {"role": "entry", "legs": [leg | {"time_in_force": "gtc", "held": True}]}
        told = await desk.send([one, other]) if together else await desk.send([one], [other])
        assert [told[0][0], told[1]] == [outcome, ("taken", None)], (changes, outcome)
        found.append((told, await desk.stored(), await desk.send([one, other])))
    assert found[0] == found[1], (changes, outcome)


async def test_accounts_are_held_while_their_orders_are_judged_and_no_strangers(
    database: Database, database_url: str
) -> None:
    await make_market(database)
    desk = await make_seat(database)
    shared = (desk.caller.user_id, "trade", desk.accounts[3])
    sales = [item(desk, account, "1", side="sell") for account in (0, 1, 3)]  # Nothing of it is taken at once.
    free = "SELECT id FROM account WHERE id = ANY (%s) FOR NO KEY UPDATE SKIP LOCKED"
    with psycopg.connect(database_url) as judging, psycopg.connect(database_url) as other:
        for share, held in ((False, {0, 1}), (True, {0, 1, 3})):
            if share:
                await desk.db.run(SHARED, shared)
            taken = judging.execute("SELECT take_plain_orders(%s, now())", (orjson.dumps(sales).decode(),)).fetchall()
            left = {one for (one,) in other.execute(free, (desk.accounts,)).fetchall()}
            assert (taken, set(desk.accounts) - left) == ([([],)], {desk.accounts[place] for place in held})
            judging.rollback()
            other.rollback()


async def test_what_is_plain_is_taken_at_once(database: Database) -> None:
    await make_market(database)
    desk = await make_seat(database)
    assert await desk.send([item(desk, 3, "1"), item(desk, 1, "1", reserve="1")]) == [
        ("no_account", None),
        ("taken", None),
    ]
    batch = [item(desk, 0, "1", cautions=True), item(desk, 1, "2", reserve="1"), item(desk, 0, "3")]
    take = "SELECT take_plain_orders(%s, now())"
    assert set(await database.value(take, (orjson.dumps(batch).decode(),))) == {batch[0]["id"], batch[1]["id"]}
    assert await database.value(take, (orjson.dumps(batch).decode(),)) == []
