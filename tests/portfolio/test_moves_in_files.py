"""Moves of shares in the files of two accounts: read back they are the same moves, with the same lots and hashes."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.db.database import Database
from starkmatter.domain.lots import LotPick
from starkmatter.portfolio.exporting import beancount_text, json_lines, ledger_hash, whole_journal
from starkmatter.portfolio.importing.service import import_lines
from starkmatter.portfolio.lots.service import choose_method, open_lots, realized_gains
from starkmatter.portfolio.transfers.records import Asked
from starkmatter.portfolio.transfers.service import list_transfers, move_shares, take_back
from starkmatter.portfolio.transfers.telling import sides_of
from starkmatter.ui.state.import_rows import warnings_of
from tests.builders import make_account, make_caller, make_desk
from tests.portfolio.importing import Importer, make_importer, put_closes, put_sessions, table
from tests.portfolio.test_exporting import check
from tests.portfolio.test_transfers import START, noon
from tests.trading.acting import filled

D = Decimal
MON, TUE, WED, THU, FRI = (START + timedelta(days=days) for days in range(5))


@dataclass
class Two:
    """One person's two accounts that are held elsewhere."""

    first: Importer
    second: Importer

    @property
    def both(self) -> tuple[Importer, Importer]:
        return self.first, self.second

    async def move(
        self, qty: str, on: date, *, back: bool = False, hour: int = 0, picks: tuple = (), **more: object
    ) -> None:
        ways = [one.account_id for one in (self.both[::-1] if back else self.both)]
        asked = Asked(ways[0], ways[1], "KO", D(qty), at=noon(on) + timedelta(hours=hour), **more)  # type: ignore[arg-type]
        await move_shares(self.first.b, self.first.caller, asked, list(picks))


async def two_of(db: Database, cache: Redis, caller: Caller | None = None) -> Two:
    first = await make_importer(db, cache, caller=caller)
    return Two(first, await make_importer(db, cache, caller=first.caller))


@pytest.fixture
async def two(database: Database, cache: Redis) -> AsyncIterator[Two]:
    """Purchases on both sides, and moves both ways: by picks, by a method, by the account's own, two on one day."""
    await put_sessions(database, START, 12)
    await put_closes(database, "KO", START, "60", "61", "62", "63", "60", "59", "58", "66")
    made = await two_of(database, cache)
    await made.first.book(
        table("2024-02-26,deposit,,,,10000.00,,,", "2024-02-26T15:00:00Z,buy,KO,10,60.00,-600.00,,,",
              "2024-02-27T15:00:00Z,buy,KO,10,61.00,-610.00,,,", "2024-02-27T15:30:00Z,buy,KO,5,40.00,-200.00,,,")
    )  # fmt: skip
    await made.second.book(table("2024-02-26,deposit,,,,5000.00,,,", "2024-02-27T16:00:00Z,buy,KO,4,62.00,-248.00,,,"))
    lots = (await open_lots(made.first.b, made.first.caller, made.first.account_id)).lots
    await made.move("6", WED, picks=(LotPick(lots[1].id, D(4)), LotPick(lots[2].id, D(2))))
    await made.move("3", THU, hour=1, method="hifo")
    await made.move("5", THU, hour=2, back=True)
    await choose_method(made.first.b, made.first.caller, made.first.account_id, "lifo")
    await made.move("2", THU, hour=3)
    theirs = (await open_lots(made.first.b, made.first.caller, made.second.account_id)).lots
    came = next(one for one in theirs if one.acquired_on == TUE and one.qty < 4)
    await made.move(str(came.qty), FRI, back=True, picks=(LotPick(came.id, came.qty),))
    gone = await move_shares(
        made.first.b, made.first.caller, Asked(made.first.account_id, made.second.account_id, "KO", D(1), at=noon(FRI))
    )
    await take_back(made.first.b, made.first.caller, gone.id)
    yield made
    for one in made.both:
        await one.promises_kept()


async def told(one: Importer) -> tuple[bytes, str]:
    """The account's file and its hash."""
    _, entries = await whole_journal(one.b, one.caller, one.account_id)
    sides = await sides_of(one.b, one.caller, one.account_id)
    return b"".join(json_lines(entries, sides)), ledger_hash(entries, sides)


async def lots_of(one: Importer) -> list[tuple[object, ...]]:
    return [(lot.symbol, lot.qty, lot.acquired_on, lot.cost) for lot in (
        await open_lots(one.b, one.caller, one.account_id)).lots]  # fmt: skip


async def moves_of(made: Two) -> list[tuple[object, ...]]:
    names = {made.first.account_id: 1, made.second.account_id: 2}
    rows = await list_transfers(made.first.b, made.first.caller)
    return sorted(
        (row.venue_at, names[row.from_account_id], row.symbol, row.qty, row.worth, row.cost, row.lot_qtys)
        for row in rows
        if row.ended_at is None
    )


@pytest.mark.parametrize("turned", [False, True], ids=["first then second", "second then first"])
async def test_two_files_bring_the_moves_between_them_back(two: Two, cache: Redis, turned: bool) -> None:
    files = [await told(one) for one in two.both]
    again = await two_of(two.first.b.db, cache)
    for one, (content, _) in sorted(
        zip(again.both, files, strict=True), key=lambda pair: turned and pair[0] is again.first
    ):
        booked = await one.book(content)
        assert booked.state == "booked", booked.words
    for one, copy, (_, said) in zip(two.both, again.both, files, strict=True):
        assert (await told(copy))[1] == said
        assert await copy.held() == await one.held()
        assert await copy.cash() == await one.cash()
        assert await lots_of(copy) == await lots_of(one)
        await copy.promises_kept()
    assert await moves_of(again) == await moves_of(two)
    assert len(await moves_of(again)) == 5
    # What was read back is told again, word for word but for the numbers, and read back once more.
    third = await two_of(two.first.b.db, cache)
    for one, copy in zip(again.both, third.both, strict=True):
        await copy.book((await told(one))[0])
    assert [(await told(copy))[1] for copy in third.both] == [said for _, said in files]
    assert [await lots_of(copy) for copy in third.both] == [await lots_of(one) for one in two.both]


async def test_one_file_alone_says_which_other_is_missing(two: Two, cache: Redis) -> None:
    await two.second.b.db.run("UPDATE account SET name = 'Savings' WHERE id = %s", (two.second.account_id,))
    (content, said), (other, _) = [await told(one) for one in two.both]
    again = await two_of(two.first.b.db, cache)
    read = await again.first.read(content)
    assert read.summary is not None
    assert read.summary["moves_alone"] == [["Savings", 5]]
    [words] = [one for one in warnings_of(read.summary) if "Savings" in one]
    assert words.startswith("5 moves of shares have their other side in the ledger of Savings, which is not here.")
    await again.first.confirm(read.id)
    assert (await told(again.first))[1] == said
    assert await moves_of(again) == []
    notes = (await open_lots(again.first.b, again.first.caller, again.first.account_id)).notes
    assert any("left without a trade" in note for note in notes)
    assert any("came without a trade" in note for note in notes)
    # The other comes: everything is as it was, and nothing is missing any more.
    read = await again.second.read(other)
    assert read.summary is not None
    assert read.summary["moves_alone"] == []
    await again.second.confirm(read.id)
    assert await moves_of(again) == await moves_of(two)
    assert [await lots_of(one) for one in again.both] == [await lots_of(one) for one in two.both]
    await again.second.undo(read.id)
    assert await moves_of(again) == []
    await again.first.promises_kept()
    await again.second.book(other)
    assert await moves_of(again) == await moves_of(two)


async def test_another_persons_file_and_another_move_are_no_other_side(two: Two, cache: Redis) -> None:
    (content, _), (other, _) = [await told(one) for one in two.both]
    mine = await make_importer(two.first.b.db, cache)
    await mine.book(content)
    stranger = await make_importer(two.first.b.db, cache, caller=await make_caller(two.first.b.db))
    await stranger.book(other)
    assert await list_transfers(mine.b, mine.caller) == []
    # The same shares on the same days, but of moves with other marks.
    marks = {json.loads(line)["moved"]["move"] for line in other.splitlines() if b'"moved"' in line}
    changed = other.decode()
    for number, mark in enumerate(sorted(marks)):
        changed = changed.replace(mark, str(UUID(int=number + 1)))
    beside = await make_importer(two.first.b.db, cache, caller=mine.caller)
    await beside.book(changed.encode())
    assert await list_transfers(mine.b, mine.caller) == []


async def test_shares_moved_on_paper_come_back_into_accounts_held_elsewhere(database: Database, cache: Redis) -> None:
    desk = await make_desk(database, cache)
    other = await make_account(database, desk.caller, "50000")
    await filled(desk, "buy 10 AAPL")
    await move_shares(desk.b, desk.caller, Asked(desk.account_id, other, "AAPL", D(4)))
    await move_shares(desk.b, desk.caller, Asked(other, desk.account_id, "AAPL", D(1)))
    paper = Two(Importer(desk.b, desk.caller, desk.account_id), Importer(desk.b, desk.caller, other))
    again = await two_of(database, cache)
    files = [await told(one) for one in paper.both]
    for copy, (content, _) in zip(again.both, files, strict=True):
        await copy.book(content)
    assert [(await told(copy))[1] for copy in again.both] == [said for _, said in files]
    assert [await lots_of(copy) for copy in again.both] == [await lots_of(one) for one in paper.both]
    assert len(await moves_of(again)) == 2
    await again.first.promises_kept()


async def test_a_file_that_lies_about_a_move_has_problems(two: Two, cache: Redis) -> None:
    content, _ = await told(two.first)
    line = next(line for line in content.splitlines() if b'"out"' in line and b'"lots":[{' in line)
    said = json.loads(line)["moved"]
    wrong = [
        {"side": "in"}, {"side": "both"}, {"move": "none"}, {"move": 5}, {"method": "best"}, {"account": 5},
        {"account": "a\u0000b"}, {"lots": "all"}, {"lots": [{"lot": "1'; DROP", "qty": "6"}]},
        {"lots": [{"lot": "1", "qty": "5"}]}, {"lots": [{"lot": "1", "qty": "7"}, {"lot": "2", "qty": "-1"}]},
        {"lots": [{"lot": "0", "qty": "6"}]}, {"lots": [{"lot": "1", "qty": "NaN"}]},
    ]  # fmt: skip
    lines = [json.dumps(json.loads(line) | {"moved": said | one}) for one in wrong]
    lines += [json.dumps(json.loads(line) | {"moved": one}) for one in ([], "x", 5, {})]
    fill = next(line for line in content.splitlines() if b'"fill"' in line)
    lines.append(json.dumps(json.loads(fill) | {"moved": said}))
    again = await make_importer(two.first.b.db, cache)
    read = await again.read("\n".join(lines).encode())
    assert read.summary is not None
    assert read.summary["counts"]["problem"] == len(lines)
    problems = await import_lines(again.b, again.caller, read.id, "problem")
    assert {one.words for one in problems} == {"What it says of a move between accounts does not fit it."}


async def test_gains_after_a_move_are_those_of_the_lots_that_came(two: Two, cache: Redis) -> None:
    await two.second.book(table("2024-03-05T15:00:00Z,sell,KO,3,58.00,174.00,,,"))
    files = [await told(one) for one in two.both]
    again = await two_of(two.first.b.db, cache)
    for copy, (content, _) in reversed(list(zip(again.both, files, strict=True))):
        await copy.book(content)
    found = [
        [(line.description, line.acquired_on, line.sold_on, line.proceeds, line.cost) for line in (
            await realized_gains(one.b, one.caller, one.account_id, 2024)).lines]
        for one in (two.second, again.second)
    ]  # fmt: skip
    assert found[0] == found[1] != []


async def test_beancount_says_a_move_as_shares_that_left_and_came_at_their_worth(two: Two) -> None:
    for one in two.both:
        account, entries = await whole_journal(one.b, one.caller, one.account_id)
        text = beancount_text(account, entries)
        assert check(text) == len(entries)
        assert text.count('"transfer_out"') + text.count('"transfer_in"') == sum(
            entry.kind.startswith("transfer_") for entry in entries
        )
