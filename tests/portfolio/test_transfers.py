"""Shares moved from one of one's own accounts to another: lots and cost go along, both books balance, no sale."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.lots import LotPick
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.market.board import QuoteBoard, quotes_key
from starkmatter.portfolio.explaining import explain_change
from starkmatter.portfolio.importing.booking import standing
from starkmatter.portfolio.importing.folding import holdings
from starkmatter.portfolio.importing.manual import add_entry
from starkmatter.portfolio.importing.service import import_lines
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.lots.book import folded_lots
from starkmatter.portfolio.lots.service import open_lots, realized_gains
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.transfers.records import Asked, Transfer
from starkmatter.portfolio.transfers.service import list_transfers, move_shares, take_back
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from tests.builders import Desk, make_account, make_desk, open_clock, quote
from tests.portfolio.importing import Importer, make_importer, put_closes, put_sessions, table
from tests.trading.acting import D, filled, look, on_day, say, send, told

START = date(2024, 2, 26)


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 17, tzinfo=UTC)


async def held_in(b_db: Database, account_id: UUID) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    rows = await b_db.tuples(
        "SELECT symbol, signed_qty, cost_basis, realized_pl FROM holding WHERE account_id = %s AND signed_qty <> 0",
        (account_id,),
    )
    return {symbol: (qty, cost, realized) for symbol, qty, cost, realized in rows}


@dataclass
class Pair:
    """A person at the desk with a second paper account."""

    desk: Desk
    other: UUID

    async def move(self, qty: str, symbol: str = "AAPL", *, back: bool = False, picks: list[LotPick] | None = None,
                   **more: object) -> Transfer:  # fmt: skip
        ways = (self.desk.account_id, self.other)
        giver, taker = ways[::-1] if back else ways
        asked = Asked(giver, taker, symbol, Decimal(qty), **more)  # type: ignore[arg-type]
        return await move_shares(self.desk.b, self.desk.caller, asked, picks or [])

    async def lots(self, account_id: UUID) -> list[tuple[str, Decimal, Decimal]]:
        found = await open_lots(self.desk.b, self.desk.caller, account_id)
        return [(one.id, one.qty, one.cost) for one in found.lots]


@pytest.fixture
async def pair(database: Database, cache: Redis) -> AsyncIterator[Pair]:
    desk = await make_desk(database, cache)
    made = Pair(desk, await make_account(database, desk.caller, "50000"))
    yield made
    assert await check_books(database) == []


async def test_lots_go_along_with_their_cost_and_nothing_is_realized(pair: Pair) -> None:
    await filled(pair.desk, "buy 10 AAPL")
    await pair.desk.tell(quote("AAPL 110.00/110.05"))
    await filled(pair.desk, "buy 10 AAPL")
    first, second = await pair.lots(pair.desk.account_id)
    moved = await pair.move("12")
    assert (moved.qty, moved.worth, moved.origin) == (12, 1320, "moved")
    assert await pair.lots(pair.other) == [(first[0], D(10), first[2]), (f"{second[0]}~2", D(2), second[2] / 5)]
    [left] = await pair.lots(pair.desk.account_id)
    assert (left[1], left[2]) == (D(8), second[2] * 4 / 5)
    here, there = [await held_in(pair.desk.b.db, one) for one in (pair.desk.account_id, pair.other)]
    # At average cost both together cost what they did, and nothing was gained.
    assert here["AAPL"][1] + there["AAPL"][1] == first[2] + second[2]
    assert there["AAPL"][1] == moved.cost
    assert here["AAPL"][2] == there["AAPL"][2] == 0
    assert (await realized_gains(pair.desk.b, pair.desk.caller, pair.desk.account_id)).lines == []


async def test_picked_lots_go_and_a_rule_finds_others(pair: Pair) -> None:
    for price in ("100.00/100.05", "120.00/120.05", "90.00/90.05"):
        await pair.desk.tell(quote(f"AAPL {price}"))
        await filled(pair.desk, "buy 10 AAPL")
    one, two, three = await pair.lots(pair.desk.account_id)
    await pair.move("4", picks=[LotPick(three[0], D(4))])
    await pair.move("3", method="hifo")
    await pair.move("2", method="lifo")
    costs = [cost / qty for _, qty, cost in await pair.lots(pair.other)]
    assert costs == [two[2] / 10, three[2] / 10, three[2] / 10]
    with pytest.raises(InvalidInput, match=r"^Lot \d+ has 4, not 5\.$"):
        await pair.move("5", picks=[LotPick(three[0], D(5))])
    with pytest.raises(InvalidInput, match="no open lot 999"):
        await pair.move("1", picks=[LotPick("999", D(1))])
    with pytest.raises(InvalidInput, match="add up to 1, but 2"):
        await pair.move("2", picks=[LotPick(one[0], D(1))])


async def test_what_cannot_move_is_refused_in_words(pair: Pair, database: Database) -> None:
    await filled(pair.desk, "buy 10 AAPL")
    with pytest.raises(InvalidInput, match="Only 10 AAPL are in Practice"):
        await pair.move("11")
    with pytest.raises(InvalidInput, match="Only 0 MSFT"):
        await pair.move("1", "MSFT")
    await send(pair.desk, "sell 6 AAPL limit 200")
    with pytest.raises(Conflict, match=r"Open orders hold 6 of the 10 AAPL .* move at most 4"):
        await pair.move("5")
    await pair.desk.b.cache.hdel(quotes_key("replay"), "AAPL")
    with pytest.raises(Conflict, match="AAPL has no price now"):
        await pair.move("1")
    for wrong in ("0", "-1", "NaN", "1.0000000001"):
        with pytest.raises(InvalidInput, match="quantity"):
            await pair.move(wrong)
    with pytest.raises(InvalidInput, match="leave the day open"):
        await pair.move("1", at=noon(START))
    with pytest.raises(InvalidInput, match="choose two"):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(pair.other, pair.other, "AAPL", D(1)))
    stranger = await pair.desk.person()
    with pytest.raises(NotFound):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(pair.desk.account_id, stranger.account_id, "AAPL", D(1)))
    await share_account(pair.desk.b, stranger.caller, stranger.account_id, pair.desk.caller.email, "trade")
    with pytest.raises(NotAllowed, match="somebody else's"):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(pair.desk.account_id, stranger.account_id, "AAPL", D(1)))
    elsewhere = await make_importer(database, pair.desk.b.cache, caller=pair.desk.caller)
    with pytest.raises(Conflict, match="never mixed"):
        await move_shares(
            pair.desk.b, pair.desk.caller, Asked(pair.desk.account_id, elsewhere.account_id, "AAPL", D(1))
        )
    for change, words in (
        ("currency = 'EUR'", "kept in USD and Practice in EUR"),
        ("broker = 'alpaca'", "at its broker"),
        ("venue = 'market', run_id = NULL", "two clocks"),
        ("frozen_reason = 'a test'", "closed or frozen"),
    ):
        kept = await database.tuples(
            "SELECT currency, broker, venue, run_id, frozen_reason FROM account WHERE id = %s", (pair.other,)
        )
        await database.run(f"UPDATE account SET {change} WHERE id = %s", (pair.other,))  # type: ignore[arg-type]
        with pytest.raises(Conflict, match=words):
            await pair.move("1")
        await database.run(
            "UPDATE account SET (currency, broker, venue, run_id, frozen_reason) = (%s, %s, %s, %s, %s) WHERE id = %s",
            (*kept[0], pair.other),
        )


async def test_short_positions_and_what_is_lent_on_do_not_move(pair: Pair) -> None:
    lent = await make_account(pair.desk.b.db, pair.desk.caller, "10000", kind="margin")
    short = Desk(pair.desk.b, pair.desk.broker, pair.desk.caller, lent, pair.desk.clock)
    await filled(short, "sell 10 AAPL short")
    with pytest.raises(Conflict, match="owes AAPL: a short position is closed"):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(lent, pair.other, "AAPL", D(5)))
    await filled(pair.desk, "buy 5 AAPL")
    with pytest.raises(Conflict, match="against a short position"):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(pair.desk.account_id, lent, "AAPL", D(5)))
    await filled(short, "buy 10 AAPL")
    await filled(short, "buy 90 MSFT")
    with pytest.raises(Conflict, match="borrows against these shares"):
        await move_shares(pair.desk.b, pair.desk.caller, Asked(lent, pair.other, "MSFT", D(60)))
    await move_shares(pair.desk.b, pair.desk.caller, Asked(lent, pair.other, "MSFT", D(1)))


async def test_a_move_is_taken_back_until_something_rests_on_it(pair: Pair) -> None:
    await filled(pair.desk, "buy 10 AAPL")
    before = await held_in(pair.desk.b.db, pair.desk.account_id)
    moved = await pair.move("4")
    back = await take_back(pair.desk.b, pair.desk.caller, moved.id)
    assert back.ended_at is not None
    assert await held_in(pair.desk.b.db, pair.desk.account_id) == before
    assert await held_in(pair.desk.b.db, pair.other) == {}
    assert [one[1] for one in await pair.lots(pair.desk.account_id)] == [10]
    with pytest.raises(Conflict, match="already"):
        await take_back(pair.desk.b, pair.desk.caller, moved.id)
    again = await pair.move("4")
    assert (again.stays, again.stays_why, back.stays) == ("", None, "")
    there = Desk(pair.desk.b, pair.desk.broker, pair.desk.caller, pair.other, pair.desk.clock)
    waits = await send(there, "sell 3 AAPL @ 200.00")
    with pytest.raises(Conflict, match="Open orders hold 3 AAPL there: cancel them first"):
        await take_back(pair.desk.b, pair.desk.caller, again.id)
    await cancel_order(pair.desk.b, pair.desk.caller, waits.id)
    await filled(there, "sell 1 AAPL")
    with pytest.raises(Conflict, match="traded in one of the two"):
        await take_back(pair.desk.b, pair.desk.caller, again.id)
    await pair.move("3", back=True)
    assert (await held_in(pair.desk.b.db, pair.desk.account_id))["AAPL"][0] == 9
    listed = await list_transfers(pair.desk.b, pair.desk.caller, pair.other)
    assert [(one.qty, one.ended_at is None) for one in listed] == [(3, True), (4, True), (4, False)]
    assert [one.stays for one in listed] == ["", "traded", ""]
    # A day that closed with them is told: they go back by a move of their own, with the days and costs they had.
    closed = (
        "INSERT INTO account_close (account_id, venue_at, entry_id, symbols, qtys, worths)"
        " VALUES (%s, %s, 0, '{}', '{}', '{}')"
    )
    await pair.desk.b.db.run(closed, (pair.other, listed[0].venue_at))
    with pytest.raises(Conflict, match="Its day has closed since: move the shares back instead"):
        await take_back(pair.desk.b, pair.desk.caller, listed[0].id)
    [newest, *_] = await list_transfers(pair.desk.b, pair.desk.caller, pair.other)
    assert newest.stays_why == "Its day has closed since: move the shares back instead."
    before = await days_and_costs(pair)
    await pair.move("3")
    await pair.move("3", back=True)
    assert await days_and_costs(pair) == before


async def days_and_costs(pair: Pair) -> dict[date | None, tuple[Decimal, Decimal]]:
    """Shares and cost of the desk's lots by the day of their purchase: moves there and back cut lots into pieces."""
    found: dict[date | None, tuple[Decimal, Decimal]] = {}
    for one in (await open_lots(pair.desk.b, pair.desk.caller, pair.desk.account_id)).lots:
        qty, cost = found.get(one.acquired_on, (D(0), D(0)))
        found[one.acquired_on] = qty + one.qty, cost + one.cost
    return found


async def test_returns_take_it_as_a_flow_at_its_worth_and_both_together_as_none(pair: Pair) -> None:
    desk = pair.desk
    await filled(desk, "buy 100 AAPL")
    values = [one.equity for one in await _accounts(pair)]
    moved = await pair.move("40")
    after = [one.equity for one in await _accounts(pair)]
    assert after == [values[0] - moved.worth, values[1] + moved.worth]
    assert [one.day_pl for one in await _accounts(pair)] == [values[0] - 100_000, 0]
    positions = await list_positions(desk.b, desk.caller, pair.other)
    assert [one.day_pl for one in positions] == [0]
    for account_id, flow in ((desk.account_id, -moved.worth), (pair.other, moved.worth)):
        found = await measure_performance(desk.b, desk.caller, account_id, benchmark="")
        assert found.flows == flow
        assert found.twr is not None
        told_of = await explain_change(desk.b, desk.caller, account_id)
        assert told_of.exact
        assert sum((one.value for one in told_of.steps), D(0)) == told_of.change
    whole = await measure_performance(desk.b, desk.caller, None, benchmark="")
    assert (whole.deposits, whole.withdrawals) == (0, 0)
    assert [one for one in whole.missing if "transfer" in one.lower()]
    told_of = await explain_change(desk.b, desk.caller, None)
    steps = {one.key: one.value for one in told_of.steps}
    assert told_of.exact
    assert (steps["paid_in"], steps["taken_out"], steps["fx"]) == (0, 0, 0)
    assert sum(steps.values()) == told_of.change


async def _accounts(pair: Pair):  # type: ignore[no-untyped-def]
    from starkmatter.portfolio.accounts import get_account

    return [await get_account(pair.desk.b, pair.desk.caller, one) for one in (pair.desk.account_id, pair.other)]


async def test_a_split_told_late_takes_the_cost_of_both_accounts_along(pair: Pair) -> None:
    """Ten shares were twenty already when five of them moved: a quarter of the cost went, not half of it."""
    desk = pair.desk
    await filled(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 50.00/50.01"), clock=on_day(1))
    moved = await pair.move("5")
    cost = (await held_in(desk.b.db, desk.account_id))["AAPL"][1] + moved.cost
    assert moved.cost == cost / 2
    await say(desk, told("AAPL split 2:1"))
    await look(desk, 1, "AAPL 50.00/50.01")
    here, there = [await held_in(desk.b.db, one) for one in (desk.account_id, pair.other)]
    assert here["AAPL"] == (15, cost * 3 / 4, 0)
    assert there["AAPL"] == (5, cost / 4, 0)
    assert [(one.symbol, one.cost) for one in await list_transfers(desk.b, desk.caller)] == [("AAPL", cost / 4)]
    lots = [
        (one.account, one.signed_qty, one.basis) for one in (await folded_lots(desk.b, desk.caller, pair.other)).lots
    ]
    assert sorted(lots, key=lambda one: one[1]) == [
        (str(pair.other), 5, cost / 4),
        (str(desk.account_id), 15, cost * 3 / 4),
    ]


@dataclass
class Tracked:
    """One person with two accounts that are held elsewhere."""

    one: Importer
    other: Importer

    async def move(self, qty: str, on: date, **more: object) -> Transfer:
        asked = Asked(self.one.account_id, self.other.account_id, "KO", Decimal(qty), at=noon(on), **more)  # type: ignore[arg-type]
        return await move_shares(self.one.b, self.one.caller, asked)

    async def agree(self) -> None:
        """What is cached is the fold of all events, in both accounts."""
        for importer in (self.one, self.other):
            async with importer.b.db.connection() as connection:
                told_anew = holdings(await standing(connection, importer.account_id))
            cached = await held_in(importer.b.db, importer.account_id)
            assert cached == {
                symbol: (one.state.qty, one.state.cost_basis, one.state.realized_pl)
                for symbol, one in told_anew.items()
                if one.state.qty
            }


@pytest.fixture
async def tracked(database: Database, cache: Redis) -> AsyncIterator[Tracked]:
    await put_sessions(database, START, 12)
    await put_closes(database, "KO", START, "60", "61", "62", "63", "60", "59", "58", "66")
    now = datetime(2024, 3, 6, 21, 30, tzinfo=UTC)
    clock = open_clock(
        venue_now=now, state="closed", session_on=now.date(), next_open=now + timedelta(hours=17), next_close=None
    )
    await QuoteBoard(cache).publish("market", {"KO": quote("KO 66.00/66.10")}, clock=clock, now=now)
    one = await make_importer(database, cache)
    made = Tracked(one, await make_importer(database, cache, caller=one.caller))
    yield made
    await made.agree()
    await one.promises_kept()


async def test_a_tracked_move_lies_in_the_past_and_an_older_file_changes_what_it_cost(tracked: Tracked) -> None:
    await tracked.one.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    moved = await tracked.move("4", date(2024, 2, 29))
    assert (moved.worth, moved.cost) == (248, 244)
    # A file of before that day comes later: ten more at 41.00 had been there, so a share had cost 51.00.
    await tracked.one.book(table("2024-02-26T15:00:00Z,buy,KO,10,41.00,-410.00,,,"))
    [now] = await list_transfers(tracked.one.b, tracked.one.caller)
    assert now.cost == 204
    assert await held_in(tracked.one.b.db, tracked.other.account_id) == {"KO": (4, 204, 0)}
    assert await held_in(tracked.one.b.db, tracked.one.account_id) == {"KO": (16, 816, 0)}
    lots = (await folded_lots(tracked.one.b, tracked.one.caller, tracked.other.account_id)).lots
    there = [one for one in lots if one.account == str(tracked.other.account_id)]
    # First in, first out: four of the earliest ten, as old as they were.
    assert [(one.signed_qty, one.basis, one.opened_on) for one in there] == [(4, 164, date(2024, 2, 26))]
    assert sum(one.basis for one in lots) == 1020


async def test_a_tracked_move_is_refused_where_the_shares_were_not_and_taken_back_in_order(tracked: Tracked) -> None:
    await tracked.one.book(
        table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,",
              "2024-03-04,sell,KO,8,59.00,472.00,,,")
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="Only 0 KO were in"):
        await tracked.move("1", date(2024, 2, 26))
    with pytest.raises(InvalidInput, match="1 would be missing"):
        await tracked.move("3", date(2024, 2, 29))
    with pytest.raises(InvalidInput, match="not to come"):
        await tracked.move("1", date(2099, 1, 4))
    with pytest.raises(InvalidInput, match="Only 0 XYZ"):
        await move_shares(
            tracked.one.b, tracked.one.caller,
            Asked(tracked.one.account_id, tracked.other.account_id, "XYZ", D(1), at=noon(START)),
        )  # fmt: skip
    moved = await tracked.move("2", date(2024, 2, 29), price=D("62.50"))
    assert (moved.worth, moved.cost) == (125, 122)
    await tracked.other.book(table("2024-03-05,sell,KO,2,58.00,116.00,,,"))
    with pytest.raises(Conflict, match="2 KO would be missing"):
        await take_back(tracked.one.b, tracked.one.caller, moved.id)
    [sale] = (await realized_gains(tracked.one.b, tracked.one.caller, tracked.other.account_id, 2024)).lines
    assert (sale.acquired_on, sale.cost, sale.gain) == (date(2024, 2, 27), 122, -6)


async def test_a_tracked_move_is_refused_to_whoever_owed_the_shares_and_without_a_worth(tracked: Tracked) -> None:
    for importer in (tracked.one, tracked.other):
        await importer.book(table("2024-02-26,deposit,,,,10000.00,,,"))
    await tracked.one.book(
        table("2024-02-27,buy,KO,10,61.00,-610.00,,,", "2024-02-27,transfer_in,XYZ,3,5.00,,,,",
              "2024-02-28,buy,PEP,2,10.00,-20.00,,,")
    )  # fmt: skip
    await tracked.other.book(table("2024-02-28,sell,KO,2,62.00,124.00,,,"))
    with pytest.raises(Conflict, match="owed KO then: shares cannot be moved against a short position"):
        await tracked.move("1", date(2024, 2, 29))
    with pytest.raises(Conflict, match="owed KO then: a short position is closed, not moved"):
        await move_shares(
            tracked.one.b, tracked.one.caller,
            Asked(tracked.other.account_id, tracked.one.account_id, "KO", D(1), at=noon(date(2024, 2, 29))),
        )  # fmt: skip
    asked = Asked(tracked.one.account_id, tracked.other.account_id, "XYZ", D(3), at=noon(date(2024, 2, 29)))
    with pytest.raises(InvalidInput, match="What XYZ was worth on 2024-02-29 is not known here: say a price"):
        await move_shares(tracked.one.b, tracked.one.caller, asked)
    for year in (1899, 1):
        with pytest.raises(InvalidInput, match="must be in 1900 or later"):
            await move_shares(tracked.one.b, tracked.one.caller, replace(asked, at=datetime(year, 12, 31, tzinfo=UTC)))
    moved = await move_shares(tracked.one.b, tracked.one.caller, replace(asked, price=D("5.50")))
    assert (moved.qty, moved.worth, moved.cost) == (3, D("16.5"), 15)


async def test_a_tracked_move_without_a_day_is_of_now_at_the_newest_price(tracked: Tracked) -> None:
    await tracked.one.book(table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    before = utc_now()
    asked = Asked(tracked.one.account_id, tracked.other.account_id, "KO", D(10))
    moved = await move_shares(tracked.one.b, tracked.one.caller, asked)
    assert before <= moved.venue_at <= utc_now()
    assert moved.worth == 660


async def test_who_may_only_look_moves_nothing_and_takes_nothing_back(pair: Pair) -> None:
    await filled(pair.desk, "buy 10 AAPL")
    b, caller = pair.desk.b, pair.desk.caller
    looks = replace(caller, role="viewer")
    with pytest.raises(NotAllowed, match="may look but not move shares"):
        await move_shares(b, looks, Asked(pair.desk.account_id, pair.other, "AAPL", D(1)))
    moved = await pair.move("4")
    with pytest.raises(NotAllowed, match="Only its owner"):
        await take_back(b, looks, moved.id)
    friend, stranger = await pair.desk.person(), await pair.desk.person()
    for account_id in (pair.desk.account_id, pair.other):
        await share_account(b, caller, account_id, friend.caller.email, "trade")
    with pytest.raises(NotAllowed, match="Only its owner"):
        await take_back(b, friend.caller, moved.id)
    with pytest.raises(NotFound, match="no such move of shares"):
        await take_back(b, stranger.caller, moved.id)
    for account_id in (pair.desk.account_id, pair.other):
        await b.db.run("UPDATE account SET frozen_reason = 'a test' WHERE id = %s", (account_id,))
        with pytest.raises(Conflict, match="One of the two accounts is closed or frozen"):
            await take_back(b, caller, moved.id)
        await b.db.run("UPDATE account SET frozen_reason = NULL WHERE id = %s", (account_id,))
    assert (await take_back(b, caller, moved.id)).ended_at is not None


async def test_a_market_that_does_not_answer_moves_nothing(pair: Pair) -> None:
    await filled(pair.desk, "buy 10 AAPL")
    await pair.desk.b.cache.flushdb()
    await pair.desk.b.db.run("DELETE FROM replay_run")
    with pytest.raises(Conflict, match="does not answer"):
        await pair.move("1")


async def test_values_of_former_days_and_returns_follow_a_tracked_move(tracked: Tracked) -> None:
    await tracked.one.book(table("2024-02-26,deposit,,,,1000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    await tracked.other.book(table("2024-02-26,deposit,,,,1000.00,,,"))
    moved = await tracked.move("5", date(2024, 2, 29))
    await tracked.one.work()
    for importer, flow in ((tracked.one, -moved.worth), (tracked.other, moved.worth)):
        found = await measure_performance(importer.b, importer.caller, importer.account_id, benchmark="")
        assert found.flows == flow
        told_of = await explain_change(importer.b, importer.caller, importer.account_id)
        assert told_of.exact, told_of.notes
    whole = await measure_performance(tracked.one.b, tracked.one.caller, None, benchmark="")
    assert whole.flows == 0
    assert whole.pl == 50
    told_of = await explain_change(tracked.one.b, tracked.one.caller, None)
    assert (told_of.exact, told_of.change) == (True, 50)
    await take_back(tracked.one.b, tracked.one.caller, moved.id)
    await tracked.one.work()
    alone = await measure_performance(tracked.one.b, tracked.one.caller, tracked.one.account_id, benchmark="")
    assert (alone.flows, alone.pl) == (0, 50)


async def test_two_files_that_tell_of_one_side_each_are_one_move(tracked: Tracked) -> None:
    await tracked.one.book(
        table("2024-02-26,deposit,,,,1000.00,,,", "2024-02-26T16:00:00Z,buy,KO,10,50.00,-500.00,,,",
              "2024-02-29,transfer_out,KO,10,,,,,")
    )  # fmt: skip
    assert await held_in(tracked.one.b.db, tracked.one.account_id) == {}
    came = await tracked.other.book(table("2024-03-01,transfer_in,KO,10,62.00,,,,"))
    [pair] = await list_transfers(tracked.one.b, tracked.one.caller)
    assert (pair.origin, pair.qty, pair.cost) == ("matched", 10, 500)
    assert await held_in(tracked.one.b.db, tracked.other.account_id) == {"KO": (10, 500, 0)}
    [lot] = (await open_lots(tracked.one.b, tracked.one.caller, tracked.other.account_id)).lots
    assert (lot.acquired_on, lot.cost) == (date(2024, 2, 26), 500)
    with pytest.raises(Conflict, match="take the import of one of them back"):
        await take_back(tracked.one.b, tracked.one.caller, pair.id)
    await tracked.other.undo(came.id)
    assert [one.ended_at is None for one in await list_transfers(tracked.one.b, tracked.one.caller)] == [False]
    assert await held_in(tracked.one.b.db, tracked.other.account_id) == {}


async def test_a_side_without_a_price_takes_the_close_and_without_one_it_is_not_booked(tracked: Tracked) -> None:
    read = await tracked.one.read(
        table(
            "2024-02-26,deposit,,,,1000.00,,,", "2024-02-28,transfer_in,KO,10,,,,,", "2024-02-28,transfer_in,XYZ,3,,,,,"
        )
    )
    assert read.summary is not None
    assert (read.summary["counts"]["booked"], read.summary["counts"]["not_booked"]) == (2, 1)
    lines = await import_lines(tracked.one.b, tracked.one.caller, read.id, "not_booked")
    assert ["neither in the file nor known" in one.words for one in lines] == [True]
    await tracked.one.confirm(read.id)
    # The close of the 27th, the last one at noon of the 28th: what came has that cost until its other side is known.
    assert await held_in(tracked.one.b.db, tracked.one.account_id) == {"KO": (10, 610, 0)}
    lots = await open_lots(tracked.one.b, tracked.one.caller, tracked.one.account_id)
    assert [(one.acquired_on, one.cost) for one in lots.lots] == [(None, 610)]


async def test_typed_in_sides_find_each_other(tracked: Tracked) -> None:
    await tracked.one.book(table("2024-02-26,deposit,,,,1000.00,,,", "2024-02-27,buy,KO,10,61.00,-610.00,,,"))
    for importer, kind, on in ((tracked.other, "transfer_in", 4), (tracked.one, "transfer_out", 1)):
        await add_entry(
            importer.b, importer.caller, importer.account_id, kind=kind, at=noon(date(2024, 3, on)), symbol="KO",
            qty=Decimal(10),
        )  # fmt: skip
        await importer.work()
    [pair] = await list_transfers(tracked.one.b, tracked.one.caller)
    assert (pair.origin, pair.cost, pair.worth) == ("matched", 610, 630)
    assert await held_in(tracked.one.b.db, tracked.other.account_id) == {"KO": (10, 610, 0)}


async def test_who_sees_one_of_the_accounts_sees_what_it_cost_and_no_name(pair: Pair) -> None:
    desk = pair.desk
    guest = await desk.person("viewer")
    await filled(desk, "buy 10 AAPL")
    moved = await pair.move("4")
    await share_account(desk.b, desk.caller, pair.other, guest.caller.email, "view")
    [seen] = await list_transfers(desk.b, guest.caller, pair.other)
    assert (seen.from_name, seen.to_name, seen.own) == (None, "Practice", False)
    with pytest.raises(NotAllowed):
        await take_back(desk.b, guest.caller, moved.id)
    found = await open_lots(desk.b, guest.caller, pair.other)
    assert [(one.qty, one.cost, one.acquired_on) for one in found.lots] == [(4, moved.cost, None)]
