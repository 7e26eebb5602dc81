"""What statements about moves of shares touch and what they leave: other accounts, former points, later choices."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.exporting import json_lines, whole_journal
from starkmatter.portfolio.lots.service import choose_method
from starkmatter.portfolio.transfers.records import Asked
from starkmatter.portfolio.transfers.service import list_transfers, move_shares, take_back
from starkmatter.portfolio.transfers.telling import said_ids, sides_of
from tests.builders import make_account
from tests.portfolio.importing import make_importer, table
from tests.portfolio.test_importing_actions import Wakes
from tests.portfolio.test_transfers import Pair, Tracked, noon, pair, tracked  # noqa: F401
from tests.trading.acting import D, filled

CLOSE = """
INSERT INTO account_close (account_id, venue_at, entry_id, symbols, qtys, worths) VALUES (%s, %s, 0, '{}', '{}', '{}')
"""
POINT = "INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits) VALUES (%s, %s, %s, 0, 0)"
POINTS = "SELECT venue_at, equity FROM equity_snapshot WHERE account_id = %s ORDER BY venue_at"
WRONG = Decimal("12345.67")


async def test_a_close_of_another_account_or_of_a_former_day_keeps_no_move(pair: Pair) -> None:  # noqa: F811
    await filled(pair.desk, "buy 10 AAPL")
    third = await make_account(pair.desk.b.db, pair.desk.caller)
    moved = await pair.move("4")
    await pair.desk.b.db.run(CLOSE, (third, moved.venue_at + timedelta(hours=1)))
    await pair.desk.b.db.run(CLOSE, (pair.other, moved.venue_at - timedelta(hours=1)))
    assert [one.stays for one in await list_transfers(pair.desk.b, pair.desk.caller)] == [""]
    assert (await take_back(pair.desk.b, pair.desk.caller, moved.id)).ended_at is not None


async def test_what_others_trade_and_what_else_the_two_trade_keeps_no_move(pair: Pair) -> None:  # noqa: F811
    await filled(pair.desk, "buy 10 AAPL")
    stranger = await pair.desk.person()
    moved = await pair.move("4")
    await filled(pair.desk, "buy 1 MSFT")
    await filled(stranger, "buy 1 AAPL")
    assert [one.stays for one in await list_transfers(pair.desk.b, pair.desk.caller)] == [""]
    assert (await take_back(pair.desk.b, pair.desk.caller, moved.id)).ended_at is not None


async def test_taking_back_drops_the_points_of_the_two_that_knew_of_the_shares(pair: Pair) -> None:  # noqa: F811
    db = pair.desk.b.db
    await filled(pair.desk, "buy 10 AAPL")
    third = await make_account(db, pair.desk.caller)
    moved = await pair.move("4")
    later, accounts = moved.venue_at + timedelta(hours=1), (pair.desk.account_id, pair.other, third)

    async def points(account_id: UUID) -> dict[datetime, Decimal]:
        return dict(await db.tuples(POINTS, (account_id,)))

    for account_id in accounts:
        await db.run(POINT, (account_id, later, WRONG))
    before = {one: await points(one) for one in accounts}
    await take_back(pair.desk.b, pair.desk.caller, moved.id)
    assert await points(third) == before[third]
    for account_id in accounts[:2]:
        after = await points(account_id)
        former = {at: equity for at, equity in before[account_id].items() if at < moved.venue_at}
        assert len(former) > 1
        assert former.items() <= after.items()
        assert later not in after


async def test_the_first_point_of_an_account_that_began_with_the_move_stays(pair: Pair) -> None:  # noqa: F811
    db = pair.desk.b.db
    await filled(pair.desk, "buy 10 AAPL")
    moved = await pair.move("4")
    first = moved.venue_at + timedelta(hours=1)
    await db.run("DELETE FROM equity_snapshot WHERE account_id = %s", (pair.other,))
    for hours in (0, 1):
        await db.run(POINT, (pair.other, first + timedelta(hours=hours), WRONG))
    await take_back(pair.desk.b, pair.desk.caller, moved.id)
    assert first in dict(await db.tuples(POINTS, (pair.other,)))
    assert first + timedelta(hours=1) not in dict(await db.tuples(POINTS, (pair.other,)))


async def test_a_method_that_was_chosen_after_a_move_is_not_the_moves(tracked: Tracked) -> None:  # noqa: F811
    one = tracked.one
    await one.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    moved = await tracked.move("4", date(2024, 2, 29))
    for method in ("hifo", "lifo"):
        await choose_method(one.b, one.caller, one.account_id, method)
    again = await tracked.move("2", date(2024, 3, 1))
    told = await sides_of(one.b, one.caller, one.account_id)
    assert {entry: side.method for entry, side in told.items()} == {
        moved.out_entry_id: "fifo", again.out_entry_id: "lifo"
    }  # fmt: skip
    came = await sides_of(one.b, one.caller, tracked.other.account_id)
    assert {entry: (side.side, side.method, side.mark) for entry, side in came.items()} == {
        moved.in_entry_id: ("in", None, moved.id), again.in_entry_id: ("in", None, again.id)
    }  # fmt: skip


async def test_shares_that_a_split_brought_are_there_to_be_moved(tracked: Tracked, database: Database) -> None:  # noqa: F811
    wakes, other = Wakes(tracked.one), tracked.other
    await tracked.one.book(table("2024-02-26,deposit,,,,5000.00,,,", "2024-02-27,buy,KO,10,60.00,-600.00,,,"))
    await wakes.say("split 2:1", date(2024, 3, 1))
    asked = Asked(tracked.one.account_id, other.account_id, "KO", D(15), at=noon(date(2024, 3, 5)), price=D(30))
    assert (await move_shares(other.b, other.caller, asked)).cost == 450
    assert [await one.held() for one in (tracked.one, other)] == [{"KO": 5}, {"KO": 15}]
    with pytest.raises(InvalidInput, match="Only 5 KO"):
        await move_shares(other.b, other.caller, replace(asked, qty=D(6)))


async def test_what_was_taken_back_may_move_again(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    moved = await tracked.move("10", date(2024, 2, 29))
    with pytest.raises(InvalidInput, match="Only 0 KO"):
        await tracked.move("1", date(2024, 2, 29))
    await take_back(tracked.one.b, tracked.one.caller, moved.id)
    assert (await tracked.move("10", date(2024, 2, 29))).cost == 610


async def test_the_numbers_of_a_file_are_known_while_its_import_stands_and_in_its_own_account(
    tracked: Tracked,  # noqa: F811
    cache: Redis,
) -> None:
    one, b, caller = tracked.one, tracked.one.b, tracked.one.caller
    await one.book(table("2024-02-26,deposit,,,,5000.00,,,", "2024-02-27,buy,KO,10,60.00,-600.00,,,"))
    _, entries = await whole_journal(b, caller, one.account_id)
    file = b"".join(json_lines(entries))
    copies = [await make_importer(b.db, cache, caller=caller) for _ in range(2)]
    imports = [await copy.book(file) for copy in copies]
    for copy in copies:
        _, booked = await whole_journal(b, caller, copy.account_id)
        assert await said_ids(b, {"account": copy.account_id}) == {
            old.id: new.id for old, new in zip(entries, booked, strict=True)
        }
    assert await said_ids(b, {"account": one.account_id}) == {}
    await copies[0].undo(imports[0].id)
    assert await said_ids(b, {"account": copies[0].account_id}) == {}
