"""Watchlists: their order, their bounds, imports that name what they refuse, and the small lines of their rows."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import Conflict, InvalidInput, NotFound
from starkmatter.market.listing import add_instruments, described
from starkmatter.market.watchlists import service
from starkmatter.market.watchlists.lines import mini_lines
from starkmatter.market.watchlists.records import MAX_LISTS, MAX_SYMBOLS
from starkmatter.market.watchlists.text import MAX_CHARS, MAX_LINES, parse_symbols
from tests.builders import OPENS_AT, make_caller, make_market

MANY = """
INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector, data_quality,
                        data_note, source, tradable)
SELECT 'replay', 'S' || n, 'Company', 'equity', 'XNYS', 'USD', 0.01, 1, '', 'ohlcv', '', 'test', true
  FROM generate_series(1, 210) AS n
"""
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
VALUES ('replay', %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, 'test')
"""


@pytest.fixture
async def person(database: Database) -> UUID:
    await make_market(database)
    return (await make_caller(database)).user_id


async def test_whoever_has_no_list_begins_with_what_the_venue_knows(database: Database, person: UUID) -> None:
    found = await asyncio.gather(*(service.list_watchlists(database, person, "replay") for _ in range(4)))
    assert {tuple(one.symbols) for lists in found for one in lists} == {("AAPL", "MSFT", "^GSPC")}
    assert len(await service.list_watchlists(database, person, "replay")) == 1
    assert [one.venue for one in await service.list_watchlists(database, person, "market")] == ["market"]


async def test_lists_and_symbols_keep_the_order_they_are_given(database: Database, cache: Redis, person: UUID) -> None:
    [first] = await service.list_watchlists(database, person, "replay")
    second = await service.make_watchlist(database, cache, person, "replay", "  Two   words ", ["msft", "AAPL", "MSFT"])
    assert (second.name, second.symbols) == ("Two words", ["MSFT", "AAPL"])
    await service.change_watchlist(database, cache, person, second.id, place=0)
    assert [one.id for one in await service.list_watchlists(database, person, "replay")] == [second.id, first.id]
    moved = await service.move_symbol_in(database, person, first.id, "^GSPC", 0)
    assert moved.symbols == ["^GSPC", "AAPL", "MSFT"]
    assert (await service.move_symbol_in(database, person, first.id, "^GSPC", 99)).symbols == ["AAPL", "MSFT", "^GSPC"]
    assert (await service.remove_symbol_from(database, person, first.id, "MSFT")).symbols == ["AAPL", "^GSPC"]
    assert (await service.add_symbol_to(database, cache, person, first.id, "msft")).symbols[-1] == "MSFT"
    assert (await service.add_symbol_to(database, cache, person, first.id, "AAPL")).symbols == ["AAPL", "^GSPC", "MSFT"]


async def test_changes_at_the_same_moment_are_all_kept(database: Database, cache: Redis, person: UUID) -> None:
    one = await service.make_watchlist(database, cache, person, "replay", "Race")
    await asyncio.gather(*(service.add_symbol_to(database, cache, person, one.id, name) for name in ("AAPL", "MSFT")))
    assert set((await service.get_watchlist(database, person, one.id)).symbols) == {"AAPL", "MSFT"}


async def test_bounds_are_kept_and_said(database: Database, cache: Redis, person: UUID) -> None:
    await database.run(MANY)
    every = [f"S{n}" for n in range(1, 211)]
    with pytest.raises(InvalidInput, match="200 symbols"):
        await service.make_watchlist(database, cache, person, "replay", "Large", every)
    full = await service.make_watchlist(database, cache, person, "replay", "Full", every[:MAX_SYMBOLS])
    with pytest.raises(InvalidInput, match="200 symbols"):
        await service.add_symbol_to(database, cache, person, full.id, "AAPL")
    for number in range(MAX_LISTS - 1):
        await service.make_watchlist(database, cache, person, "replay", f"List {number}")
    with pytest.raises(InvalidInput, match="20 watchlists"):
        await service.make_watchlist(database, cache, person, "replay", "One more")
    with pytest.raises(Conflict, match="already"):
        await service.change_watchlist(database, cache, person, full.id, name="List 3")
    for name in ("", "x" * 41, "a\x07b"):
        with pytest.raises(InvalidInput):
            await service.change_watchlist(database, cache, person, full.id, name=name)
    with pytest.raises(InvalidInput, match="NOPE"):
        await service.change_watchlist(database, cache, person, full.id, symbols=["AAPL", "NOPE"])


async def test_the_last_list_stays_and_foreign_ones_are_not_there(
    database: Database, cache: Redis, person: UUID
) -> None:
    [only] = await service.list_watchlists(database, person, "replay")
    with pytest.raises(Conflict, match="last"):
        await service.delete_watchlist(database, person, only.id)
    other = (await make_caller(database)).user_id
    for attempt in (
        service.get_watchlist(database, other, only.id),
        service.delete_watchlist(database, other, only.id),
        service.change_watchlist(database, cache, other, only.id, name="Mine"),
        service.change_watchlist(database, cache, person, uuid4(), place=0),
        service.move_symbol_in(database, other, only.id, "AAPL", 1),
        service.remove_symbol_from(database, other, only.id, "AAPL"),
        service.import_symbols(database, cache, other, only.id, "AAPL"),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await service.get_watchlist(database, person, only.id) == only


async def test_an_import_names_each_line_it_does_not_take(database: Database, cache: Redis, person: UUID) -> None:
    one = await service.make_watchlist(database, cache, person, "replay", "From elsewhere", ["AAPL"])
    text = "symbol,name\nMSFT,Microsoft\nAAPL,Apple\nNOPE,Nobody\n'=cmd|x,Formula\nMSFT,again\n"
    done = await service.import_symbols(database, cache, person, one.id, text)
    assert done.watchlist.symbols == ["AAPL", "MSFT"]
    assert done.added == ["MSFT"]
    assert [(refused.line, refused.said) for refused in done.refused] == [
        (3, "AAPL"),
        (4, "NOPE"),
        (5, "'=cmd|x"),
        (6, "MSFT"),
    ]
    assert "already" in done.refused[0].why
    assert "no such symbol" in done.refused[1].why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL, msft;BRK.B\n# a comment\n^GSPC EURUSD=X", ["AAPL", "MSFT", "BRK.B", "^GSPC", "EURUSD=X"]),
        ("###Mine,NASDAQ:AAPL,NYSE:KO", []),
        ("NASDAQ:AAPL,NYSE:KO", ["AAPL", "KO"]),
        ("\ufeffName;Ticker;x\nApple;AAPL;1\n\nKo;'KO;2", ["AAPL", "KO"]),
        ('symbol\n"AAPL"\n', ["AAPL"]),
        ("", []),
    ],
)
def test_texts_of_many_forms_are_read(text: str, expected: list[str]) -> None:
    assert [symbol for _, symbol in parse_symbols(text)[0]] == expected


def test_what_is_too_large_is_refused_as_a_whole() -> None:
    with pytest.raises(InvalidInput, match="characters"):
        parse_symbols("A" * (MAX_CHARS + 1))
    with pytest.raises(InvalidInput, match="lines"):
        parse_symbols("A\n" * (MAX_LINES + 1))
    _, refused = parse_symbols("AAPL\n<img src=x>\nÄÖÜ" + "x" * 60)
    assert [one.line for one in refused] == [2, 2, 3]
    assert len(refused[-1].said) == 41


async def test_small_lines_show_today_then_the_last_session_then_days(database: Database, person: UUID) -> None:
    before = OPENS_AT - timedelta(days=1)
    session = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
    await database.run(session, (before.date(), before, before + timedelta(hours=6.5)))
    step = timedelta(minutes=5)
    for number in range(4):
        for at in (OPENS_AT, before):
            starts_at = at + number * step
            row = ("AAPL", "5m", 0, starts_at, starts_at + step, *[100 + number] * 4)
            await database.run(BAR, row)
        await database.run(BAR, ("MSFT", "1d", 0, before - timedelta(days=number + 1), before, *[200 - number] * 4))
    run = """INSERT INTO replay_run (seed, start_on, speed, paused, skip_closed, anchor_venue_at, anchor_wall_at,
        horizon_venue_at, configured, created_at)
        VALUES (0, '2021-03-01', 1, false, false, now(), now(), now(), '', now())"""
    await database.run(run)
    found = await mini_lines(database, "replay", ["AAPL", "MSFT", "^GSPC"], OPENS_AT + timedelta(hours=1))
    assert ([int(one) for one in found["AAPL"].closes], found["AAPL"].words) == ([100, 101, 102, 103], "Today")
    assert (len(found["MSFT"].closes), found["MSFT"].words) == (4, "4 days")
    assert found["^GSPC"].closes == []
    early = await mini_lines(database, "replay", ["AAPL"], OPENS_AT + 2 * step)
    assert early["AAPL"].words == "Last session"
    assert len(early["AAPL"].closes) == 4


async def test_an_import_takes_pairs_however_they_are_written(database: Database, cache: Redis, person: UUID) -> None:
    await add_instruments(database, [one for symbol in ("EUR-USD", "BTC-USD") if (one := described(symbol))])
    one = await service.make_watchlist(database, cache, person, "market", "World", [])
    done = await service.import_symbols(database, cache, person, one.id, "EUR/USD, BTCUSD\nEURUSD=X")
    assert done.added == ["EUR-USD", "BTC-USD"]
    assert [(refused.line, refused.said, refused.why) for refused in done.refused] == [
        (2, "EUR-USD", "it is in the list already")
    ]
