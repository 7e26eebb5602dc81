"""From the upload to the ledger and back: each sample adds up, nothing is booked twice, an undo leaves nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from psycopg.errors import RestrictViolation
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.errors import Conflict, InvalidInput, NotFound
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.explaining import explain_change
from starkmatter.portfolio.exporting import json_lines, ledger_hash, whole_journal
from starkmatter.portfolio.importing import reading
from starkmatter.portfolio.importing.manual import add_entry
from starkmatter.portfolio.importing.service import (
    cancel_import,
    confirm_import,
    get_import,
    import_lines,
    read_again,
    start_import,
    undo_import,
)
from starkmatter.portfolio.importing.work import forget_old_imports, work_once
from starkmatter.portfolio.lots.service import open_lots, realized_gains
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.in_play import in_play
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, make_account, make_desk, make_market, open_clock, order, quote
from tests.portfolio.importing import SAMPLES, Importer, make_importer, put_closes, put_sessions, table
from tests.portfolio.test_importers import WHOLE

WORKER = """
import asyncio
from starkmatter.backends import open_backends
from starkmatter.portfolio.importing.work import import_until
from starkmatter.settings import load_settings

async def leads():
    pass

async def main():
    await import_until(await open_backends(load_settings(), "importer"), asyncio.Event(), leads)

asyncio.run(main())
"""


def many(count: int) -> bytes:
    """A deposit and so many purchases."""
    rows = [f"2024-01-{2 + n % 27:02},buy,S{n % 40},1,{10 + n % 7}.00,,,,no {n}" for n in range(count)]
    return table("2024-01-01,deposit,,,,1000000.00,,,", *rows)


@pytest.fixture
async def importer(database: Database, cache: Redis) -> Importer:
    return await make_importer(database, cache)


# By day a third of them is booked; each is read by day and by night in test_importers.py.
BOOKED = [
    pytest.param(name, cash, id=name, marks=[pytest.mark.nightly] if number % 3 else [])
    for number, (name, _, cash, *_) in enumerate(WHOLE)
]


@pytest.mark.parametrize(("name", "cash"), BOOKED)
async def test_each_sample_is_booked_to_what_its_cash_comes_to_and_taken_back_whole(
    name: str, cash: dict[str, str], database: Database, cache: Redis
) -> None:
    [(currency, comes_to)] = cash.items()
    importer = await make_importer(database, cache, currency=currency)
    read = await importer.read((SAMPLES / name).read_bytes())
    assert read.summary is not None
    if unnamed := read.summary["unnamed"]:
        names = {isin: f"X{number}" for number, (isin, _) in enumerate(unnamed)}
        await read_again(importer.b, importer.caller, read.id, symbols=names)
        await importer.work()
    booked = await importer.confirm(read.id)
    assert booked.state == "booked", booked.words
    assert booked.summary is not None
    assert await importer.cash() == Decimal(booked.summary["cash"])
    assert to_cents(sum((Decimal(cash) for _, _, _, cash in booked.summary["kinds"]), Decimal(0))) == Decimal(comes_to)
    await importer.promises_kept()
    held = await importer.held()
    again = await importer.read((SAMPLES / name).read_bytes())
    assert again.summary is not None
    assert again.summary["counts"]["booked"] == 0
    assert again.summary["counts"]["known"] >= booked.summary["counts"]["booked"]
    undone = await importer.undo(booked.id)
    assert undone.state == "undone", undone.words
    assert (await importer.cash(), await importer.held()) == (0, {})
    await importer.promises_kept()
    once_more = await importer.book((SAMPLES / name).read_bytes())
    assert once_more.state == "booked"
    assert await importer.held() == held
    await importer.promises_kept()


async def test_a_longer_export_books_what_is_new_alone(importer: Importer) -> None:
    first = table("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,buy,KO,10,60.00,-600.00,,,")
    longer = table(
        "2024-01-02,deposit,,,,1000.00,,,",
        "2024-01-03,buy,KO,10,60.00,-600.00,,,",
        "2024-02-01,sell,KO,4,61.00,244.00,,,",
    )
    await importer.book(first)
    read = await importer.read(longer)
    assert read.summary is not None
    assert (read.summary["counts"]["booked"], read.summary["counts"]["known"]) == (1, 2)
    assert (await importer.confirm(read.id)).state == "booked"
    assert (await importer.cash(), await importer.held()) == (Decimal("644.00"), {"KO": 6})
    await importer.promises_kept()


async def test_two_dry_runs_of_one_file_book_it_once(importer: Importer) -> None:
    content = table("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,buy,KO,10,60.00,-600.00,,,")
    first, second = await importer.read(content), await importer.read(content)
    assert (await importer.confirm(first.id)).state == "booked"
    late = await importer.confirm(second.id)
    assert (late.state, late.words) == ("failed", "Everything in it was booked by another import meanwhile.")
    assert await importer.cash() == Decimal("400.00")
    await importer.promises_kept()


async def test_shares_that_were_sold_since_keep_their_import_in_words(importer: Importer) -> None:
    bought = await importer.book(table("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,buy,KO,10,60.00,-600.00,,,"))
    sold = await importer.book(table("2024-02-01,sell,KO,10,61.00,610.00,,,"))
    refused = await importer.undo(bought.id)
    assert refused.state == "booked"
    assert "10 KO by 2024-02-01 would be missing" in refused.words
    assert await importer.cash() == Decimal("1010.00")
    assert (await importer.undo(sold.id)).state == "undone"
    assert (await importer.undo(bought.id)).state == "undone"
    assert (await importer.cash(), await importer.held()) == (0, {})
    await importer.promises_kept()


async def test_a_sale_of_what_was_never_bought_is_told_before_it_is_booked(importer: Importer) -> None:
    read = await importer.read(table("2024-02-01,sell,KO,10,61.00,610.00,,,"))
    assert read.summary is not None
    [(symbol, least, since)] = read.summary["below_zero"]
    assert (symbol, least, since[:10]) == ("KO", "-10", "2024-02-01")
    assert (await importer.confirm(read.id)).state == "booked"
    await importer.promises_kept()  # a tracked account may be short: nobody here lent it anything
    older = await importer.book(table("2024-01-03,buy,KO,10,60.00,-600.00,,,"))
    assert older.state == "booked"
    assert await importer.held() == {}
    row = await importer.b.db.tuples("SELECT realized_pl FROM holding WHERE account_id = %s", (importer.account_id,))
    assert row == [(Decimal(10),)], "an older file is folded before the newer one"


async def test_a_day_that_has_not_come_is_not_booked(importer: Importer) -> None:
    read = await importer.read(table("2090-01-02,deposit,,,,1000.00,,,", "2024-01-02,deposit,,,,5.00,,,"))
    assert read.summary is not None
    assert (read.summary["counts"]["booked"], read.summary["counts"]["not_booked"]) == (1, 1)
    [line] = await import_lines(importer.b, importer.caller, read.id, "not_booked")
    assert line.words == "Its day has not come yet."


async def test_a_line_of_today_is_booked_before_its_noon_too(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table("2024-01-02,deposit,,,,5.00,,,", "2024-03-15,deposit,,,,1000.00,,,", "2024-03-16,deposit,,,,7.00,,,")
    morning = datetime(2024, 3, 15, 11, 5, tzinfo=UTC)  # five past seven in New York, before noon in UTC
    monkeypatch.setattr(reading, "utc_now", lambda: morning)
    await importer.book(file)
    booked = await importer.b.db.tuples("SELECT venue_at FROM ledger_entry ORDER BY venue_at")
    assert [at for (at,) in booked] == [datetime(2024, 1, 2, 12, tzinfo=UTC), morning]
    # In the afternoon the same line is known, although its noon has gone by.
    monkeypatch.setattr(reading, "utc_now", lambda: datetime(2024, 3, 15, 20, tzinfo=UTC))
    read = await importer.read(file)
    assert read.summary is not None
    counts = {name: read.summary["counts"][name] for name in ("booked", "known", "not_booked")}
    assert counts == {"booked": 0, "known": 2, "not_booked": 1}
    await cancel_import(importer.b, importer.caller, read.id)


async def test_what_stops_while_it_is_booked_leaves_nothing_and_is_canceled(importer: Importer) -> None:
    read = await importer.read(many(5_000))
    await confirm_import(importer.b, importer.caller, read.id)
    seen: list[str] = []

    async def leads_and_cancels() -> None:
        found = await get_import(importer.b, importer.caller, read.id)
        seen.append(found.state)
        if found.state == "booking" and seen.count("booking") == 2:
            await cancel_import(importer.b, importer.caller, read.id)

    assert await work_once(importer.b, leads_and_cancels)
    ended = await get_import(importer.b, importer.caller, read.id)
    assert (ended.state, await importer.entries(), await importer.cash()) == ("canceled", 0, 0)
    await importer.promises_kept()


async def test_a_worker_that_is_gone_leaves_nothing_and_the_next_one_books_all_of_it(importer: Importer) -> None:
    read = await importer.read(many(5_000))
    await confirm_import(importer.b, importer.caller, read.id)
    calls = 0

    async def dies() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await work_once(importer.b, dies)
    left = await get_import(importer.b, importer.caller, read.id)
    assert (left.state, await importer.entries()) == ("booking", 0)
    await importer.work()
    assert (await get_import(importer.b, importer.caller, read.id)).state == "booked"
    assert await importer.entries() == 5_001
    await importer.promises_kept()


async def test_a_worker_that_was_overtaken_writes_nothing(importer: Importer) -> None:
    read = await importer.read(many(3_000))
    await confirm_import(importer.b, importer.caller, read.id)
    another = uuid4()

    async def is_overtaken() -> None:
        await importer.b.db.run("UPDATE portfolio_import SET claim = %s WHERE state = 'booking'", (another,))

    assert await work_once(importer.b, is_overtaken)
    left = await get_import(importer.b, importer.caller, read.id)
    assert (left.state, await importer.entries()) == ("booking", 0)


async def test_a_killed_worker_books_nothing_twice(importer: Importer, database_url: str, redis_url: str) -> None:
    read = await importer.read(many(20_000))
    await confirm_import(importer.b, importer.caller, read.id)
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=os.environ | environment)
    try:
        for _ in range(600):
            found = await get_import(importer.b, importer.caller, read.id)
            if found.done_count >= 4_000:
                break
            await asyncio.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert found.state == "booking"
    for _ in range(100):
        if await importer.entries() == 0:
            break
        await asyncio.sleep(0.05)
    assert await importer.entries() == 0
    # The planner may have looked before the first entry was there: no step may take ages because of it.
    await importer.b.db.run("ANALYZE import_booking, ledger_entry")
    await importer.work()
    assert (await get_import(importer.b, importer.caller, read.id)).state == "booked"
    assert await importer.entries() == 20_001
    await importer.promises_kept()


async def test_an_import_changes_values_lots_gains_and_performance_of_former_days(importer: Importer) -> None:
    b, caller, account_id = importer.b, importer.caller, importer.account_id
    await put_sessions(b.db, date(2024, 1, 1), 9)
    await put_closes(b.db, "KO", date(2024, 1, 2), *["60", "61", "62", "63", "64", "66"])
    await importer.book(
        table(
            "2024-01-02T15:00:00Z,deposit,,,,1000.00,,,",
            "2024-01-03T15:00:00Z,buy,KO,10,60.50,-606.00,1.00,,",
            "2024-01-05T15:00:00Z,dividend,KO,,,5.00,,,Dividend",
            "2024-01-08T15:00:00Z,deposit,,,,500.00,,,",
            "2024-01-09T15:00:00Z,sell,KO,4,65.00,259.00,1.00,,",
        )
    )
    found = await measure_performance(b, caller, account_id, end=date(2024, 1, 9), benchmark="")
    days = {one.on: one.value for one in found.days}
    assert days[date(2024, 1, 3)] == 1000 - 606 + 610
    assert days[date(2024, 1, 8)] == 1000 - 606 + 5 + 500 + 640
    assert found.end_value == 1000 - 606 + 5 + 500 + 259 + 6 * 66
    assert (found.flows, found.dividends, found.fees) == (500, 5, 2)
    before_the_flow = Decimal(1000 - 606 + 5 + 10 * 63)
    grown = before_the_flow / 1000 * (found.end_value / (before_the_flow + 500))
    assert found.twr is not None
    assert abs(found.twr + 1 - grown) < Decimal("1e-12")
    told = await explain_change(b, caller, account_id, end=date(2024, 1, 9))
    assert sum((one.value for one in told.steps), Decimal(0)) == told.change
    assert told.exact
    [lot] = (await open_lots(b, caller, account_id)).lots
    assert (lot.qty, lot.cost) == (6, Decimal("363.60"))
    gains = await realized_gains(b, caller, account_id, 2024)
    assert [line.gain for line in gains.lines] == [Decimal("16.60")]
    assert not [words for words in found.missing if "stored price" in words]
    await importer.book(table("2024-01-04T15:00:00Z,buy,NONE,1,5.00,-5.00,,,"))
    lacking = await measure_performance(b, caller, account_id, end=date(2024, 1, 9), benchmark="")
    [words] = [words for words in lacking.missing if "stored price" in words]
    assert words.startswith("NONE has no stored price on ")
    # A file of before that comes later belongs before: every day is told anew.
    await importer.book(table("2024-01-02T14:40:00Z,buy,KO,2,59.00,-118.00,,,"))
    anew = await measure_performance(b, caller, account_id, end=date(2024, 1, 9), benchmark="")
    days = {one.on: one.value for one in anew.days}
    assert days[date(2024, 1, 3)] == 1000 - 606 - 118 + 12 * 61, "one day before the other purchase"
    assert (await realized_gains(b, caller, account_id, 2024)).lines[0].cost == Decimal("118.00")
    await importer.promises_kept()


async def test_nothing_is_traded_on_a_tracked_account_by_ticket_or_by_sql(importer: Importer, cache: Redis) -> None:
    await make_market(importer.b.db)
    request = order("buy 1 AAPL")
    taken = await submit_order(importer.b, importer.caller, importer.account_id, request, "key-tracked-1")
    assert taken.status == "risk_rejected"
    assert "held elsewhere" in (taken.reject_reason or "")
    with pytest.raises(RestrictViolation):
        await importer.b.db.run(
            "INSERT INTO trade_order (id, account_id, venue, symbol, side, type, qty, time_in_force, session_on,"
            " status, sequence, filled_qty, filled_value, reserved, reserve_per_share, request_hash, risk,"
            " submitted_venue_at,"
            " created_at, updated_at) VALUES (gen_random_uuid(), %s, 'market', 'AAPL', 'buy', 'market', 1, 'day',"
            " '2024-01-02', 'pending_submit', 1, 0, 0, 0, 0, '', '{}', now(), now(), now())",
            (importer.account_id,),
        )
    with pytest.raises(Conflict, match="held elsewhere"):
        await deposit(importer.b, importer.caller, importer.account_id, Decimal(5))


async def test_what_is_held_elsewhere_asks_for_prices_after_all_else_and_only_of_what_is_known(
    importer: Importer,
) -> None:
    await put_closes(importer.b.db, "KO", date(2024, 1, 2), "60")
    await importer.book(table("2024-01-03,buy,KO,10,60.00,-600.00,,,", "2024-01-03,buy,NO.SUCH,10,60.00,-600.00,,,"))
    found = await in_play(importer.b.db, "market")
    assert (found.symbols, found.accounts, found.tracked) == ([], True, ["KO"])


async def test_books_in_another_currency_show_shares_at_cost_and_say_so(database: Database, cache: Redis) -> None:
    importer = await make_importer(database, cache, currency="EUR")
    await put_closes(database, "KO", date(2024, 1, 2), "60")
    await QuoteBoard(cache).publish("market", {"KO": quote("KO 99.00/99.10")}, clock=open_clock(), now=utc_now())
    content = table("2024-01-03,buy,KO,10,50.00,-500.00,,,").replace(b"USD", b"EUR")
    await importer.book(content)
    [position] = await list_positions(importer.b, importer.caller, importer.account_id)
    assert (position.last, position.market_value, position.priced) == (None, 500, False)
    in_dollars = await make_importer(database, cache)
    await in_dollars.book(table("2024-01-03,buy,KO,10,50.00,-500.00,,,"))
    [position] = await list_positions(in_dollars.b, in_dollars.caller, in_dollars.account_id)
    assert (position.last, position.market_value, position.priced) == (99, 990, True)


async def test_entries_typed_in_are_booked_like_lines_of_a_file(importer: Importer) -> None:
    b, caller, account_id = importer.b, importer.caller, importer.account_id
    at = datetime(2024, 1, 3, 17, tzinfo=UTC)
    await add_entry(b, caller, account_id, kind="deposit", at=at, amount=Decimal(1000))
    bought = await add_entry(
        b, caller, account_id, kind="buy", at=at, symbol="ko", qty=Decimal(10), price=Decimal(60), fees=Decimal(1)
    )
    await add_entry(b, caller, account_id, kind="dividend", at=at, symbol="KO", amount=Decimal(4), tax=Decimal(1))
    await add_entry(b, caller, account_id, kind="transfer_in", at=at, symbol="PEP", qty=Decimal(3), price=Decimal(150))
    await importer.work()
    assert await importer.cash() == 1000 - 601 + 4
    assert await importer.held() == {"KO": 10, "PEP": 3}
    assert (await importer.undo(bought.id)).state == "undone"
    assert await importer.held() == {"PEP": 3}
    await importer.promises_kept()
    with pytest.raises(InvalidInput, match="does not say how many shares"):
        await add_entry(b, caller, account_id, kind="buy", at=at, symbol="KO", price=Decimal(60))
    with pytest.raises(InvalidInput, match="has not come yet"):
        await add_entry(b, caller, account_id, kind="deposit", at=at.replace(year=2124), amount=Decimal(5))
    with pytest.raises(InvalidInput, match="without a sign"):
        await add_entry(b, caller, account_id, kind="deposit", at=at, amount=Decimal(-5))


async def test_somebody_elses_import_is_not_there_and_another_account_takes_none(
    importer: Importer, database: Database, cache: Redis
) -> None:
    read = await importer.read(table("2024-01-02,deposit,,,,1000.00,,,"))
    stranger = await make_importer(database, cache)
    for step in (get_import, confirm_import, cancel_import, undo_import):
        with pytest.raises(NotFound):
            await step(stranger.b, stranger.caller, read.id)
    with pytest.raises(NotFound):
        await start_import(stranger.b, stranger.caller, importer.account_id, b"x", file_name="x")
    paper = await make_account(database, stranger.caller)
    with pytest.raises(Conflict, match="tracked accounts alone"):
        await start_import(stranger.b, stranger.caller, paper, b"x", file_name="x")


async def test_the_file_is_kept_sealed_and_only_until_the_import_has_ended(importer: Importer) -> None:
    content = table("2024-01-02,deposit,,,,1234.56,,,CANARY-IN-A-FILE")
    read = await importer.read(content, "C:\\Users\\x\\..\\statement\x00.csv")
    assert read.file_name == "statement.csv"
    [(stored,)] = await importer.b.db.tuples("SELECT content FROM import_file WHERE import_id = %s", (read.id,))
    assert b"CANARY" not in bytes(stored)
    await importer.confirm(read.id)
    assert await importer.b.db.value("SELECT count(*) FROM import_file") == 0
    left = await importer.read(content.replace(b"1234", b"99"))
    await importer.b.db.run("UPDATE portfolio_import SET changed_at = now() - interval '25 hours'")
    await forget_old_imports(importer.b)
    await importer.b.db.run(
        "UPDATE portfolio_import SET changed_at = now() - interval '2 hours' WHERE id = %s", (left.id,)
    )
    await forget_old_imports(importer.b)
    assert (await get_import(importer.b, importer.caller, left.id)).state == "canceled"
    assert await importer.b.db.value("SELECT count(*) FROM import_file") == 0
    assert await importer.b.db.value("SELECT count(*) FROM import_line WHERE import_id = %s", (left.id,)) == 0


async def test_a_ledger_that_was_exported_comes_back_with_the_same_hash(importer: Importer, cache: Redis) -> None:
    b, caller = importer.b, importer.caller
    await importer.book((SAMPLES / "schwab.csv").read_bytes())
    wrong = await importer.book((SAMPLES / "fidelity.csv").read_bytes())
    assert (await importer.undo(wrong.id)).state == "undone"
    account, entries = await whole_journal(b, caller, importer.account_id)
    assert any(one.reverses for one in entries)
    content = b"".join(json_lines(entries))
    again = await make_importer(b.db, cache)
    booked = await again.book(content)
    assert booked.format == "starkmatter"
    back, copies = await whole_journal(b, again.caller, again.account_id)
    assert ledger_hash(copies) == ledger_hash(entries)
    assert (back.cash, await again.held()) == (account.cash, await importer.held())
    await again.promises_kept()
    lots, original = await open_lots(b, again.caller, again.account_id), await open_lots(b, caller, importer.account_id)
    assert [(one.symbol, one.qty, one.cost) for one in lots.lots] == [
        (one.symbol, one.qty, one.cost) for one in original.lots
    ]
    read = await again.read(content)
    assert read.summary is not None
    assert read.summary["counts"] | {"known": 0} == dict.fromkeys(read.summary["counts"], 0)
    await cancel_import(b, again.caller, read.id)
    assert (await again.undo(booked.id)).state == "undone"
    assert (await again.cash(), await again.held()) == (0, {})
    await again.promises_kept()


async def test_a_ledger_that_was_edited_has_problems_and_not_an_entry(importer: Importer) -> None:
    await importer.book(table("2024-01-02,deposit,,,,1000.00,,,", "2024-01-03,buy,KO,10,60.00,-600.00,,,"))
    _, entries = await whole_journal(importer.b, importer.caller, importer.account_id)
    [deposit_line, buy_line] = list(json_lines(entries))
    edited = [
        deposit_line.replace(b'"1000"', b'"2000"', 1),
        deposit_line.replace(b"assets:cash", b"assets:house"),
        deposit_line.replace(b'"1000"', b'"1e999"'),
        deposit_line.replace(b'"venue_at":"2024', b'"venue_at":"late'),
        b"{}\n",
        b"not json\n",
        buy_line.replace(b'"KO"', b'"=KO()"'),
    ]
    read = await importer.read(buy_line + b"".join(edited))
    assert read.summary is not None
    assert (read.summary["counts"]["problem"], read.summary["counts"]["booked"]) == (7, 1)


async def test_the_ledger_of_a_paper_account_comes_back_as_well(database: Database, cache: Redis) -> None:
    desk = await make_desk(database, cache)
    for number, text in enumerate(("buy 10 AAPL", "sell 4 AAPL", "buy 3 MSFT")):
        await submit_order(
            desk.b, desk.caller, desk.account_id, order(text), f"key-own-{number}", acknowledged=ALL_READ
        )
        await desk.broker.drain()
        await desk.tell(quote("AAPL 100.00/100.05"), quote("MSFT 200.00/200.10"))
    account, entries = await whole_journal(desk.b, desk.caller, desk.account_id)
    assert len(entries) >= 3
    importer = await make_importer(database, cache, caller=desk.caller)
    booked = await importer.book(b"".join(json_lines(entries)))
    assert booked.state == "booked", booked.words
    _, copies = await whole_journal(desk.b, desk.caller, importer.account_id)
    assert ledger_hash(copies) == ledger_hash(entries)
    assert await importer.cash() == account.cash
    await importer.promises_kept()


async def test_what_comes_to_more_than_the_books_keep_is_refused_whole_and_in_words(importer: Importer) -> None:
    read = await importer.read(table(*[f"2024-01-02,deposit,,,,999999999999.00,,,no {n}" for n in range(150)]))
    assert read.state == "read", read.words
    ended = await importer.confirm(read.id)
    assert ended.state == "failed"
    assert "larger than the books keep" in ended.words
    assert (await importer.entries(), await importer.cash()) == (0, 0)
    await importer.promises_kept()
