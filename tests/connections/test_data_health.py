"""What an admin sees of market data, over the service and REST, and the order they give its sources."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.vault import keep_secret
from starkmatter.backends import Backends, set_backends
from starkmatter.clock import utc_now
from starkmatter.connections.data_health import SourceView, data_health, move_source, order_sources
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.egress.reports import count_requests, leave_reports
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.jobs.sources import KEYED, MarketSources
from starkmatter.market.health import Health, keep_refusals, tell_sources
from starkmatter.market.providers.alpaca import CAPABILITY as ALPACA
from starkmatter.market.providers.twelvedata import FREE
from starkmatter.market.providers.yahoo import CAPABILITY as YAHOO
from starkmatter.market.source_order import BY_DEFAULT
from starkmatter.settings import load_settings
from tests.builders import make_caller, quote


@pytest.fixture
async def b(database: Database, cache: Redis, tmp_path: Path) -> AsyncIterator[Backends]:
    made = Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)
    set_backends(made)
    yield made
    set_backends(None)


async def seen(b: Backends) -> dict[str, SourceView]:
    found = await data_health(b, await make_caller(b.db, "admin"))
    return {one.adapter: one for one in found.sources}


async def test_before_anything_was_asked_nothing_is_called_good(b: Backends) -> None:
    found = await data_health(b, await make_caller(b.db, "admin"))
    assert found.told_at is None
    assert found.refusals == ()
    assert {one.adapter: one.state for one in found.sources} == {
        adapter: "quiet" if adapter == "yahoo" else "not connected" for adapter in BY_DEFAULT
    }


async def test_who_stands_in_and_what_was_refused_is_seen(b: Backends) -> None:
    await keep_secret(b, "alpaca-data", None, {"key_id": "x", "secret": "y", "feed": "iex"}, {"key_id", "secret"})
    health, now = Health(), utc_now()
    health.ordered([ALPACA, YAHOO])
    health.answered("yahoo", now, with_quotes=True)
    health.failed("alpaca", VendorFailure("Alpaca", "unreachable", "It cannot be reached."), now, with_quotes=True)
    health.told("alpaca", "yahoo")
    shown = replace(quote("AAPL 100.00/100.05", at=now - timedelta(seconds=30)), provider="yahoo")
    health.gave(shown)
    health.refuse_quote("yahoo", "AAPL", shown, "last -1 is not a price", now)
    await tell_sources(b.cache, health, now)
    await keep_refusals(b.db, health.take_refusals())
    sources = await seen(b)
    assert (sources["alpaca"].state, sources["alpaca"].words) == ("does not answer", "It cannot be reached.")
    yahoo = sources["yahoo"]
    assert (yahoo.state, yahoo.answers, yahoo.refused) == ("stands in", 1, 1)
    assert yahoo.words == "Alpaca market data does not answer; Yahoo Finance stands in"
    assert yahoo.newest_age_secs is not None
    assert 29 < yahoo.newest_age_secs < 40
    found = await data_health(b, await make_caller(b.db, "admin"))
    [row] = found.refusals
    assert (row.provider, row.symbol, row.reason) == ("yahoo", "AAPL", "last … is not a price")


async def test_the_meters_show_what_is_used_of_the_plan(b: Backends) -> None:
    async def answer() -> str:
        return "fine"

    async def fail() -> str:
        raise VendorFailure("Twelve Data", "broken", "Twelve Data has a problem.")

    await count_requests(b.cache)  # what others asked in this process before
    await b.cache.flushdb()
    line = Line("Twelve Data", plan=FREE, tries=1)
    await line.read(answer)
    line._bucket = FREE.bucket()
    with pytest.raises(VendorFailure):
        await line.read(fail)
    await count_requests(b.cache)
    await leave_reports(b.cache, "worker")
    view = (await seen(b))["twelvedata"]
    assert (view.day_used, view.day_limit, view.minute_limit) == (2, 800, pytest.approx(6.4))
    assert view.minute_used in {0, 1, 2}, "the minute may have ended"
    assert view.failed_words == "Twelve Data has a problem."
    assert view.last_ok_at is not None
    assert view.last_failed_at is not None


async def test_an_admin_changes_the_order_and_the_worker_follows(b: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starkmatter.jobs.sources.LOOK_SECS", 0.0)
    admin = await make_caller(b.db, "admin")
    await keep_secret(b, "finnhub", None, {"api_key": "finnhub-key-000", "per_min": "60"}, {"api_key"})
    sources = MarketSources(b)
    assert [one.capability.adapter for one in (await sources.current()).providers] == ["finnhub", "yahoo"]
    await order_sources(b, admin, ["yahoo", *(one for one in BY_DEFAULT if one != "yahoo")])
    kept = (await sources.current()).providers
    assert [one.capability.adapter for one in kept] == ["yahoo", "finnhub"]
    await move_source(b, admin, "yahoo", up=True)
    assert (await sources.current()).providers == kept
    await move_source(b, admin, "yahoo", up=False)
    assert {one.adapter: one.place for one in (await data_health(b, admin)).sources}["yahoo"] == 2
    [(action, after)] = await b.db.tuples(
        "SELECT action, after ->> 'order' FROM audit_event ORDER BY sequence DESC LIMIT 1"
    )
    assert (action, after.split(", ")[1]) == ("market.sources_ordered", "yahoo")


@pytest.mark.parametrize("order", [[], ["yahoo"], [*BY_DEFAULT, "yahoo"], [*BY_DEFAULT[:-1], "nobody"]])
async def test_an_order_names_every_source_once(b: Backends, order: list[str]) -> None:
    with pytest.raises(InvalidInput):
        await order_sources(b, await make_caller(b.db, "admin"), order)
    with pytest.raises(NotFound):
        await move_source(b, await make_caller(b.db, "admin"), "nobody", up=True)


async def test_others_neither_see_nor_order(b: Backends) -> None:
    trader = await make_caller(b.db, "trader")
    for call in (
        data_health(b, trader),
        move_source(b, trader, "yahoo", up=True),
        order_sources(b, trader, BY_DEFAULT),
    ):
        with pytest.raises(NotAllowed):
            await call


async def test_a_plan_that_is_none_is_refused_before_it_is_kept(b: Backends) -> None:
    from starkmatter.connections.service import save_connection

    admin = await make_caller(b.db, "admin")
    for kind, _ in KEYED.values():
        values = {"api_key": "k" * 12} if kind != "alpaca-data" else {"key_id": "k" * 12, "secret": "s" * 12}
        with pytest.raises(InvalidInput, match="Requests a minute"):
            await save_connection(b, admin, kind, values | {"per_min": "many"})
