"""The panel of effects by sector: worked out for the page's period, empty again when the page is opened anew."""

import psycopg

from starkmatter.ui.state.attribution import TRADING, AttributionState
from tests.portfolio.history import give_bars
from tests.portfolio.test_attribution import CLOSES, day_of, live_through
from tests.portfolio.test_explaining import play
from tests.ui.conftest import Tab


async def test_effects_are_worked_out_when_asked_and_what_is_left_out_is_said(tab: Tab) -> None:
    await play(tab.desk, 3, 5)
    state = await tab.at("/portfolio/performance").state(AttributionState)
    state.load()
    assert (state.rows, state.head["shown"]) == ([], "")
    await state.work_out()
    assert state.problem == ""
    assert state.rows == []  # there are no daily bars: nothing can be compared, and a sentence says so
    assert state.notes


async def test_rows_show_each_sector_and_last_what_none_brought(tab: Tab, database_url: str) -> None:
    await live_through(tab.desk, "buy 500 AAPL")
    with psycopg.connect(database_url, autocommit=True) as stored:
        for place, symbol in enumerate(("AAPL", "MSFT")):
            give_bars(stored, symbol, *[f"{day_of(n)} {prices[place]}" for n, prices in enumerate(CLOSES)])
    state = await tab.at("/portfolio/performance").state(AttributionState)
    await state.work_out()
    rows = {row["name"]: row for row in state.rows}
    assert set(rows) == {"Technology", "Cash", TRADING}
    assert state.rows[-1]["name"] == TRADING
    assert state.head["words"].endswith("against equal parts of 2 stocks.")
    assert rows["Technology"]["market"] == "100.0 %"
