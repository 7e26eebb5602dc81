"""The panels of market data on the page of connections: what an admin reads and changes, and others do not."""

from datetime import timedelta

from starkmatter.clock import utc_now
from starkmatter.market.health import Health, keep_refusals, tell_sources
from starkmatter.market.providers.yahoo import CAPABILITY as YAHOO
from starkmatter.market.source_order import BY_DEFAULT, chosen_order
from starkmatter.ui.state.data_health import DataHealthState
from tests.builders import Desk, quote
from tests.ui.conftest import Tab, open_tab


async def test_an_admin_sees_every_source_and_an_empty_list_of_refusals(tab: Tab) -> None:
    state = await tab.state(DataHealthState)
    await state.load()
    assert [row["adapter"] for row in state.sources] == list(BY_DEFAULT)
    assert (state.ready, state.silent, state.refusals, state.problem) == (True, True, [], "")
    yahoo = {row["adapter"]: row for row in state.sources}["yahoo"]
    assert (yahoo["state"], yahoo["age"], yahoo["last_ok"]) == ("quiet", "–", "never")


async def test_what_was_refused_is_shown_with_its_excerpt(tab: Tab, desk: Desk) -> None:
    health, now = Health(), utc_now()
    health.ordered([YAHOO])
    health.answered("yahoo", now, with_quotes=True)
    shown = quote("AAPL 100.00/100.05", at=now - timedelta(minutes=5))
    health.refuse_quote("yahoo", "AAPL", shown, "last -1 is not a price", now)
    await tell_sources(desk.b.cache, health, now)
    await keep_refusals(desk.b.db, health.take_refusals())
    state = await tab.state(DataHealthState)
    await state.load()
    [row] = state.refusals
    assert (row["symbol"], row["what"], row["times"]) == ("AAPL", "quote", "1")
    assert row["excerpt"].startswith("symbol AAPL, last 100.00")
    yahoo = {one["adapter"]: one for one in state.sources}["yahoo"]
    assert (yahoo["state"], yahoo["status"], yahoo["refused"]) == ("answers", "filled", "1")


async def test_a_source_is_moved_and_the_ends_stay(tab: Tab, desk: Desk) -> None:
    state = await tab.state(DataHealthState)
    await state.move("yahoo", True)
    order = await chosen_order(desk.b.db)
    assert order.index("yahoo") == BY_DEFAULT.index("yahoo") - 1
    assert [row["adapter"] for row in state.sources] == order
    await state.move("nobody", True)
    assert state.problem == "There is no such source."


async def test_nobody_else_sees_anything(desk: Desk) -> None:
    other = await open_tab(await desk.person("trader"))
    state = await other.state(DataHealthState)
    await state.load()
    assert (state.ready, state.sources) == (False, [])
