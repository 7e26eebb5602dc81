"""Orders that come together are judged and stored exactly as each of them alone would be."""

import asyncio

import orjson
import pytest
from psycopg import DatabaseError

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.trading import queries
from starkmatter.trading.gate import gate_of
from tests.builders import make_market
from tests.trading.batch_desk import Desk, Item, item, make_seat


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
