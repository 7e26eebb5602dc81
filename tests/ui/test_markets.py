"""The states of the Markets pages: what a person does there, and what they read when it cannot be done."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from starkmatter.domain.actions import Dividend, EarningsDate, Split
from starkmatter.market.actions.reading import Actions
from starkmatter.market.screener.desk import ScreenDesk
from starkmatter.ui.state.correlated import CorrelationState, SessionsState, coefficient_cell
from starkmatter.ui.state.markets import WatchState
from starkmatter.ui.state.markets_map import MapState
from starkmatter.ui.state.markets_screener import ScreenerState
from starkmatter.ui.state.markets_symbol import SymbolState, action_rows
from starkmatter.ui.state.pages import DashboardState
from tests.builders import OPENS_AT, Desk
from tests.ui.conftest import Tab

BARS = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
SELECT 'replay', symbol, '1d', 0, at, at + interval '6 hours 30 minutes', close, close + 1, close - 1, close,
       1000 + day, 'test'
  FROM unnest(ARRAY['AAPL', 'MSFT', '^GSPC']) WITH ORDINALITY AS listed (symbol, place), generate_series(1, 70) AS day,
       LATERAL (SELECT %(opens)s - day * interval '1 day' AS at, 100 + mod(day * place, 7) - day * 0.1 AS close) AS made
"""


@pytest.fixture
async def worker(desk: Desk) -> AsyncIterator[None]:
    """Seventy days of bars, and somebody who answers for the whole venue."""
    await desk.b.db.run(BARS, {"opens": OPENS_AT})
    stop = asyncio.Event()
    serving = asyncio.create_task(ScreenDesk(desk.b.db, desk.b.cache).run(stop))
    await asyncio.sleep(0.2)
    yield
    stop.set()
    await serving


async def test_a_list_is_filled_ordered_renamed_and_deleted(tab: Tab) -> None:
    state = await tab.state(WatchState)
    await state.load()
    assert (state.name, [row["symbol"] for row in state.rows]) == ("Watchlist", ["AAPL", "MSFT", "^GSPC"])
    assert (state.rows[0]["last"], state.rows[0]["change"]) == ("100.00", "+1.00")
    await state.move("^GSPC", 0)
    assert ([row["symbol"] for row in state.rows], state.said) == (
        ["^GSPC", "AAPL", "MSFT"],
        "^GSPC is number 1 now.",
    )
    state.open_dialog("new")
    await state.make({"name": "Second"})
    assert (state.name, state.rows, state.dialog) == ("Second", [], "")
    await state.search("micro")
    assert [(row["symbol"], row["in"]) for row in state.found] == [("MSFT", "")]
    await state.add_first({"query": "aapl"})
    assert ([row["symbol"] for row in state.rows], state.query) == (["AAPL"], "")
    await state.add_first({"query": "nothing like it"})
    assert "No symbol" in state.problem
    await state.move_list(state.chosen, 0)
    assert [row["name"] for row in state.lists] == ["Second", "Watchlist"]
    await state.rename({"name": "Watchlist"})
    assert "already" in state.problem
    await state.rename({"name": "Third"})
    assert (state.name, state.problem) == ("Third", "")
    await state.remove("AAPL")
    assert state.rows == []
    await state.delete()
    assert (state.name, state.said) == ("Watchlist", "“Third” is deleted.")
    await state.delete()
    assert "last watchlist" in state.problem
    for wrong in ("nonsense", "00000000-0000-0000-0000-000000000001"):
        await state.choose(wrong)
        assert state.name == "Watchlist"


async def test_the_dashboard_shows_the_first_list(tab: Tab) -> None:
    lists, dashboard = await tab.state(WatchState), await tab.state(DashboardState)
    await lists.load()
    await lists.remove("AAPL")
    await dashboard.load()
    assert (dashboard.watch_name, [row["symbol"] for row in dashboard.watch]) == ("Watchlist", ["MSFT", "^GSPC"])


async def test_the_map_and_the_screener_say_when_nobody_computes(tab: Tab) -> None:
    for kind in (MapState, ScreenerState):
        state = await tab.state(kind)
        await state.load()
        assert state.problem == "The market's data is not being read right now."
        assert state.ready


async def test_the_map_has_tiles_and_movers(tab: Tab, worker: None) -> None:
    state = await tab.state(MapState)
    await state.load()
    assert state.problem == ""
    assert {tile["symbol"] for tile in state.tiles} == {"AAPL", "MSFT"}
    assert "value traded a day" in state.sizes
    state.choose_area("equal")
    assert {tile["size"] for tile in state.tiles} == {"1"}
    assert len(state.gainers) + len(state.losers) == 2


async def test_a_screen_is_put_together_sorted_kept_and_collected(tab: Tab, worker: None) -> None:
    state = await tab.state(ScreenerState)
    await state.load()
    assert (state.count, state.problem) == (3, "")
    await state.choose_left("macd")
    assert (state.left_parameters, state.left_lines) == ("12, 26, 9", ["macd", "signal", "histogram"])
    await state.add({"left": "rsi", "left_parameters": "14", "op": "above", "right": "number", "number": ""})
    assert "Give the number" in state.problem
    await state.add({"left": "rsi", "left_parameters": "900", "op": "above", "right": "number", "number": "1"})
    assert "must be from" in state.problem
    await state.add({"left": "rsi", "left_parameters": "14", "op": "above", "right": "number", "number": "1"})
    assert [one["words"] for one in state.conditions] == ["RSI(14) above 1"]
    assert state.columns[-1]["title"] == "RSI(14)"
    await state.sort("price")
    await state.sort("price")
    assert next(one["order"] for one in state.columns if one["text"] == "price") == "ascending"
    assert len(state.values[0]) == len(state.columns)
    await state.add_column({"column": "sma", "column_parameters": "20"})
    await state.drop_column("change_pct")
    assert "change_pct" not in {one["text"] for one in state.columns}
    await state.choose_kind("index")
    assert [row["symbol"] for row in state.rows] == ["^GSPC"]
    await state.save({"name": "Mine"})
    assert (state.name, [one["name"] for one in state.saved]) == ("Mine", ["Mine"])
    await state.collect({"list": "new"})
    assert state.said == "1 symbols added to “Mine”."
    await state.drop(0)
    await state.update()
    await state.open_saved("")
    assert (state.conditions, state.count) == ([], 3)
    await state.open_saved(state.saved[0]["id"])
    assert (state.name, state.kind, state.conditions) == ("Mine", "index", [])
    await state.delete()
    assert state.saved == []
    await state.take_preset("Oversold")
    assert state.conditions[0]["words"] == "RSI(14) below 30"


async def test_a_symbol_shows_its_figures_or_that_there_is_none(tab: Tab, worker: None) -> None:
    state = await tab.at("/markets/AAPL").state(SymbolState)
    await state.load()
    assert (state.symbol, state.about["name"], state.figures["last"]) == ("AAPL", "Apple", "100.00")
    assert state.figures["beta_of"] == "^GSPC"
    assert [one["period"] for one in state.returns] == ["1 week", "1 month", "3 months", "1 year", "5 years"]
    assert state.returns[-1]["text"] == "–"
    assert [row["symbol"] for row in state.related] == ["MSFT", "^GSPC"]
    await state.add_to({"list": state.lists[0]["id"]})
    assert state.said == "AAPL is in “Watchlist”."
    state = await tab.at("/markets/NOPE").state(SymbolState)
    await state.load()
    assert (state.symbol, state.problem) == ("", "There is no symbol NOPE on this market.")


async def test_correlations_and_sessions(tab: Tab, worker: None) -> None:
    state = await tab.state(CorrelationState)
    await state.load()
    assert state.symbols == ["AAPL", "MSFT", "^GSPC"]
    assert [len(row) for row in state.cells] == [3, 3, 3]
    assert state.cells[0][0]["text"] == "1.00"
    await state.add({"symbol": "nope"})
    assert "There is no instrument" in state.problem
    await state.remove("MSFT")
    await state.remove("AAPL")
    assert state.rows == []
    sessions = await tab.state(SessionsState)
    await sessions.load()
    assert [row["day"] for row in sessions.coming] == ["Monday, Mar 1, 2021", "Tuesday, Mar 2, 2021"]
    assert (sessions.coming[0]["opens"], sessions.coming[0]["closes"]) == ("09:30", "16:00")


def test_coefficients_have_a_number_a_color_and_words() -> None:
    assert coefficient_cell(0.834) == {"text": "0.83", "tint": "up4", "words": "moves strongly with it"}
    assert coefficient_cell(-0.45) == {"text": "−0.45", "tint": "down2", "words": "moves somewhat against it"}
    assert coefficient_cell(-0.001)["text"] == "0.00"
    assert coefficient_cell(None)["text"] == "–"


def test_corporate_actions_are_listed_with_what_is_ahead_on_top() -> None:
    known = Actions(
        [Split("AAPL", date(2020, 8, 31), Decimal(4), Decimal(1), "test")],
        [
            Dividend("AAPL", date(2020, 8, 7), Decimal("0.82"), "USD", date(2020, 8, 13), "test"),
            Dividend("AAPL", date(2026, 12, 1), Decimal("0.3"), "USD", None, "test"),
        ],
        [EarningsDate("AAPL", date(2026, 11, 30), "after_close", True, "test")],
        None,
    )
    rows = action_rows(known, date(2026, 11, 26))
    assert [(row["day"], row["kind"], row["text"], row["more"], row["ahead"]) for row in rows] == [
        ("Dec 1, 2026", "Dividend", "0.3 USD a share", "", "yes"),
        ("Nov 30, 2026", "Earnings", "after the close", "expected", "yes"),
        ("Aug 31, 2020", "Split", "4:1", "", ""),
        ("Aug 7, 2020", "Dividend", "0.82 USD a share", "paid 2020-08-13", ""),
    ]
