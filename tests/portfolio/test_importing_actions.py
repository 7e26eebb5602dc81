"""Files and corporate actions on one account: in whichever order either comes, shares and cost end the same."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.market.actions.telling import tell_actions
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.valuation import equity_series, list_positions
from starkmatter.trading.corporate.desk import ActionDesk
from tests.builders import open_clock
from tests.domain.corporate_text import terms
from tests.portfolio.importing import Importer, make_importer, put_closes, put_sessions, table

D = Decimal
NOW = datetime(2024, 6, 14, 15, 0, tzinfo=UTC)
OLD = table("2024-01-02,deposit,,,,5000.00,,,", "2024-01-03,buy,KO,10,60.00,-600.00,,,")
NEW = table("2024-05-02,buy,KO,40,20.00,-800.00,,,", "2024-05-03,sell,KO,40,21.00,840.00,,,")


class Wakes:
    """The worker's desk of actions, as it goes on through everything that comes."""

    def __init__(self, importer: Importer) -> None:
        self.importer = importer
        self.desk = ActionDesk(importer.b, "market")

    async def look(self) -> None:
        """A batch of the market, and then the worker of imports."""
        self.desk._looked_at = float("-inf")
        assert await self.desk.on_quotes(replace(open_clock(), venue_now=NOW, session_on=NOW.date()), {}) is not None
        await self.importer.work()

    async def say(self, words: str, on: date, *, revision: int = 1, id_: str = "a1") -> None:
        one = Told(id_, revision, "KO", on, "USD", None if words == "none" else terms(words), "test")
        async with self.importer.b.db.transaction() as connection:
            await tell_actions(connection, "market", [one], utc_now())
        await self.look()

    async def held(self) -> dict[str, tuple[Decimal, Decimal]]:
        found = await list_positions(self.importer.b, self.importer.caller, self.importer.account_id)
        return {one.symbol: (one.qty, one.cost_basis) for one in found if one.qty}


@pytest.fixture
async def wakes(database: Database, cache: Redis) -> Wakes:
    return Wakes(await make_importer(database, cache))


@pytest.mark.parametrize("order", list(permutations(["old", "new", "split"])), ids="-".join)
async def test_a_split_between_two_files_is_booked_whenever_it_is_told(order: tuple[str, ...], wakes: Wakes) -> None:
    for one in order:
        if one == "split":
            await wakes.say("split 4:1", date(2024, 3, 1))
        else:
            assert (await wakes.importer.book(OLD if one == "old" else NEW)).state == "booked"
            await wakes.look()
        await wakes.importer.promises_kept()
    # 40 for 600.00 became 80 for 1400.00, of which half went.
    assert await wakes.held() == {"KO": (D(40), D("700.00"))}
    assert await wakes.importer.cash() == D("4440.00")
    lots = await open_lots(wakes.importer.b, wakes.importer.caller, wakes.importer.account_id)
    assert sum(one.qty for one in lots.lots) == 40


async def test_an_undone_import_takes_its_split_with_it(wakes: Wakes) -> None:
    await wakes.say("split 4:1", date(2024, 3, 1))
    booked = await wakes.importer.book(OLD)
    await wakes.look()
    assert await wakes.held() == {"KO": (D(40), D("600.00"))}
    assert (await wakes.importer.undo(booked.id)).state == "undone"
    await wakes.look()
    assert await wakes.held() == {}
    assert await wakes.importer.cash() == 0
    await wakes.importer.promises_kept()


async def test_another_name_keeps_cost_when_an_older_file_comes_later(wakes: Wakes) -> None:
    await wakes.importer.book(table("2024-02-02,buy,KO,5,50.00,-250.00,,,"))
    await wakes.say("symbol KOX", date(2024, 3, 1))
    assert await wakes.held() == {"KOX": (D(5), D("250.00"))}
    await wakes.importer.book(OLD)
    await wakes.look()
    assert await wakes.held() == {"KOX": (D(15), D("850.00"))}
    await wakes.importer.promises_kept()


async def test_dividends_come_from_the_file_alone(wakes: Wakes) -> None:
    await wakes.importer.book(OLD)
    await wakes.say("dividend 0.50", date(2024, 3, 1))
    assert await wakes.importer.cash() == D("4400.00")


async def test_former_values_are_told_in_the_shares_of_their_day(wakes: Wakes, database: Database) -> None:
    await put_sessions(database, date(2024, 1, 2), 70)
    await put_closes(database, "KO", date(2024, 1, 2), *["15.00"] * 48)  # in shares of today: 60.00 then
    await database.run(
        "INSERT INTO corporate_split (symbol, ex_on, numerator, denominator, provider, observed_at)"
        " VALUES ('KO', '2024-03-01', 4, 1, 'test', now())"
    )
    await wakes.importer.book(OLD)
    await wakes.say("split 4:1", date(2024, 3, 1))
    await wakes.look()
    points = await equity_series(wakes.importer.b, wakes.importer.caller, wakes.importer.account_id)
    assert {one.equity for one in points if one.at > datetime(2024, 1, 4, tzinfo=UTC)} == {D("5000.00")}
