"""The edges of moves of shares: how many, how long ago, how many are listed, and what is said where several hold."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from starkmatter.clock import utc_now
from starkmatter.domain.lots import LotPick
from starkmatter.errors import Conflict, InvalidInput
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.transfers.records import Asked
from starkmatter.portfolio.transfers.service import (
    _instant,
    _qty_of,
    _take_back_tracked,
    get_transfer,
    list_transfers,
    move_shares,
    take_back,
)
from tests.portfolio.importing import table
from tests.portfolio.test_transfers import Pair, Tracked, noon, pair, tracked  # noqa: F401
from tests.trading.acting import D, filled

BOUGHT = table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,")
THURSDAY = date(2024, 2, 29)
COPIES = """
INSERT INTO lot_transfer (id, from_account_id, to_account_id, symbol, qty, worth, cost, method, lots, lot_qtys, origin,
                          out_entry_id, in_entry_id, venue_at, booked_at, ended_at)
SELECT gen_random_uuid(), from_account_id, to_account_id, symbol, qty, worth, cost, method, lots, lot_qtys, origin,
       out_entry_id, in_entry_id, venue_at, booked_at - number * interval '1 second', booked_at
  FROM lot_transfer, generate_series(1, 201) AS number
"""


def test_fewer_than_a_million_million_shares_move() -> None:
    most = D("999999999999.999999999")
    assert _qty_of(most, []) == most
    for qty in (D(10) ** 12, D(11) ** 12 / 2):
        with pytest.raises(InvalidInput, match="more than zero"):
            _qty_of(qty.quantize(D(1)), [])


async def test_a_list_has_fifty_unless_more_are_asked_for_and_two_hundred_at_most(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    moved = await tracked.move("1", THURSDAY)
    b, caller = tracked.one.b, tracked.one.caller
    await b.db.run(COPIES)
    found = {limit: len(await list_transfers(b, caller, limit=limit)) for limit in (-1, 0, 1, 3, 200, 201, 10_000)}
    assert found == {-1: 1, 0: 1, 1: 1, 3: 3, 200: 200, 201: 200, 10_000: 200}
    listed = await list_transfers(b, caller)
    assert len(listed) == 50
    assert listed[0].id == moved.id
    before = listed[9].booked_at
    assert [one.id for one in await list_transfers(b, caller, before=before, limit=5)] == [
        one.id for one in listed[10:15]
    ]


async def test_a_price_that_is_said_counts_also_for_a_move_of_now(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    asked = Asked(tracked.one.account_id, tracked.other.account_id, "KO", D(10), price=D("12.50"))
    assert (await move_shares(tracked.one.b, tracked.one.caller, asked)).worth == 125


async def test_the_first_day_is_one_of_1900_and_the_last_instant_is_now(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    with pytest.raises(InvalidInput, match=r"Only 0 KO were in .* on 1900-01-01"):
        await tracked.move("1", date(1900, 1, 1))
    giver = await get_account(tracked.one.b, tracked.one.caller, tracked.one.account_id)
    now = utc_now()
    assert await _instant(tracked.one.b, giver, now, now) == now
    assert await _instant(tracked.one.b, giver, None, now) == now
    with pytest.raises(InvalidInput, match="not to come"):
        await _instant(tracked.one.b, giver, now + timedelta(microseconds=1), now)


async def test_lots_that_are_not_there_are_refused_for_the_first_move_of_all(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    asked = Asked(tracked.one.account_id, tracked.other.account_id, "KO", D(1), at=noon(THURSDAY))
    with pytest.raises(InvalidInput, match=r"^There is no open lot 999"):
        await move_shares(tracked.one.b, tracked.one.caller, asked, [LotPick("999", D(1))])


async def test_former_picks_that_do_not_fit_any_more_are_no_reason_against_new_ones(tracked: Tracked) -> None:  # noqa: F811
    one = tracked.one
    await one.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-26T15:00:00Z,buy,KO,10,60.00,-600.00,,,",
                         "2024-02-27T15:00:00Z,buy,KO,10,61.00,-610.00,,,"))  # fmt: skip
    first, second = (await open_lots(one.b, one.caller, one.account_id)).lots
    asked = Asked(one.account_id, tracked.other.account_id, "KO", D(4), at=noon(THURSDAY))
    await move_shares(one.b, one.caller, asked, [LotPick(first.id, D(4))])
    await one.book(table("2024-02-28T15:00:00Z,sell,KO,10,62.00,620.00,,,"))
    notes = (await open_lots(one.b, one.caller, one.account_id)).notes
    assert [note for note in notes if "do not fit any more" in note]
    again = replace(asked, qty=D(2), at=noon(date(2024, 3, 1)))
    moved = await move_shares(one.b, one.caller, again, [LotPick(second.id, D(2))])
    assert (moved.lots, moved.lot_qtys) == ([second.id], [2])
    with pytest.raises(InvalidInput, match=r"^There is no open lot 999"):
        await move_shares(one.b, one.caller, again, [LotPick("999", D(2))])


async def test_picked_lots_that_a_later_move_needs_are_refused_in_the_words_for_that(tracked: Tracked) -> None:  # noqa: F811
    one = tracked.one
    await one.book(BOUGHT)
    [lot] = (await open_lots(one.b, one.caller, one.account_id)).lots
    await tracked.move("8", date(2024, 3, 4))
    asked = Asked(one.account_id, tracked.other.account_id, "KO", D(3), at=noon(THURSDAY))
    with pytest.raises(InvalidInput, match=r"Later entries of .* sold KO that would be gone then: 1 would be missing"):
        await move_shares(one.b, one.caller, asked, [LotPick(lot.id, D(3))])


async def test_who_owed_the_shares_before_moves_and_gets_back_what_is_there_since(tracked: Tracked) -> None:  # noqa: F811
    for importer in (tracked.one, tracked.other):
        await importer.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-26T15:00:00Z,sell,KO,2,60.00,120.00,,,",
                                  "2024-02-27,buy,KO,12,61.00,-732.00,,,"))  # fmt: skip
    moved = await tracked.move("10", THURSDAY)
    assert [await one.held() for one in (tracked.one, tracked.other)] == [{}, {"KO": 20}]
    await take_back(tracked.one.b, tracked.one.caller, moved.id)
    assert [await one.held() for one in (tracked.one, tracked.other)] == [{"KO": 10}, {"KO": 10}]


async def test_what_a_taken_back_move_would_leave_missing_is_said(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    moved = await tracked.move("5", THURSDAY)
    await tracked.other.book(table("2024-03-04,sell,KO,3,59.00,177.00,,,"))
    with pytest.raises(Conflict, match="sold or moved on since: without it 3 KO would be missing"):
        await take_back(tracked.one.b, tracked.one.caller, moved.id)


async def test_what_was_taken_back_says_so_first(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    b, caller = tracked.one.b, tracked.one.caller
    moved = await tracked.move("4", THURSDAY)
    stood = await get_transfer(b, caller, moved.id)
    await take_back(b, caller, moved.id)
    # Who asked a moment later had seen it standing still.
    with pytest.raises(Conflict, match="taken back already"):
        await _take_back_tracked(b, caller, stood)
    await b.db.run("UPDATE account SET frozen_reason = 'a test'")
    with pytest.raises(Conflict, match="taken back already"):
        await take_back(b, caller, moved.id)
    await b.db.run("UPDATE account SET frozen_reason = NULL")


async def test_an_account_that_froze_meanwhile_is_seen_under_its_lock(tracked: Tracked) -> None:  # noqa: F811
    await tracked.one.book(BOUGHT)
    b, caller = tracked.one.b, tracked.one.caller
    moved = await tracked.move("4", THURSDAY)
    for importer in (tracked.one, tracked.other):
        await b.db.run("UPDATE account SET frozen_reason = 'a test' WHERE id = %s", (importer.account_id,))
        with pytest.raises(Conflict, match="One of the two accounts is closed or frozen"):
            await _take_back_tracked(b, caller, moved)
        await b.db.run("UPDATE account SET frozen_reason = NULL WHERE id = %s", (importer.account_id,))
    assert (await get_transfer(b, caller, moved.id)).ended_at is None


async def test_that_an_account_is_frozen_is_said_also_while_its_market_is_silent(pair: Pair) -> None:  # noqa: F811
    await filled(pair.desk, "buy 10 AAPL")
    moved = await pair.move("4")
    b, caller = pair.desk.b, pair.desk.caller
    await b.cache.flushdb()
    await b.db.run("DELETE FROM replay_run")
    for account_id in (pair.desk.account_id, pair.other):
        await b.db.run("UPDATE account SET frozen_reason = 'a test' WHERE id = %s", (account_id,))
        with pytest.raises(Conflict, match="closed or frozen"):
            await take_back(b, caller, moved.id)
        await b.db.run("UPDATE account SET frozen_reason = NULL WHERE id = %s", (account_id,))
    with pytest.raises(Conflict, match="does not answer"):
        await take_back(b, caller, moved.id)
