"""Briefs: figures of finished sessions only, kept per session, the model's only when somebody asks and pays."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from starkmatter.assistant import service
from starkmatter.assistant.local_brief import statistics_of, write_brief
from starkmatter.clock import utc_now
from starkmatter.domain.instruments import class_of
from starkmatter.domain.market_hours import RULED
from starkmatter.domain.quotes import Bar, VenueClock
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.errors import NotFound, Refused
from starkmatter.market.board import QuoteBoard
from starkmatter.market.history.bars import merge_bars
from starkmatter.market.history.market_bars import on_grid
from starkmatter.market.listing import add_instruments, described
from starkmatter.trading.submit import submit_order
from tests.assistant.conftest import connect
from tests.builders import OPENS_AT, Desk, closed_clock, open_clock, order
from tests.market_hours import open_now
from tests.portfolio.history import give_bars
from tests.standins.claude import ClaudeStandIn, Reply, say

LAST = OPENS_AT.date()


def closes(count: int, base: int = 100) -> list[str]:
    """So many calendar days up to and with 2021-03-01, the last one at 31337 as a mark of the future."""
    days = [f"{LAST - timedelta(days=count - 1 - i)} {base + (i * 37) % 11}.00" for i in range(count)]
    return [*days[:-1], f"{LAST} 31337.00"]


@pytest.fixture
def days(database_url: str, desk: Desk) -> None:
    with psycopg.connect(database_url, autocommit=True) as stored:
        give_bars(stored, "AAPL", *closes(300))
        give_bars(stored, "^GSPC", *closes(300, 3_000))
        give_bars(stored, "MSFT", f"{LAST} 200.00")


async def at(desk: Desk, clock: VenueClock) -> None:
    await QuoteBoard(desk.b.cache).publish("replay", {}, clock=clock, now=utc_now())


async def test_the_session_that_still_runs_is_not_in_it(desk: Desk, days: None) -> None:
    await at(desk, open_clock())
    seen = await statistics_of(desk.b, "replay", "AAPL")
    assert seen is not None
    assert seen.session_on == LAST - timedelta(days=1)
    assert seen.close < 200
    assert seen.high < 200
    await at(desk, closed_clock())
    after = await statistics_of(desk.b, "replay", "AAPL")
    assert after is not None
    assert (after.session_on, after.close) == (LAST, Decimal("31337.00"))


async def test_the_local_brief_says_what_the_days_say_and_what_is_held(
    desk: Desk, claude: ClaudeStandIn, days: None
) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "held-0001")
    await desk.broker.drain()
    seen = await service.read_brief(desk.b, desk.caller, "replay", "AAPL")
    assert (seen.model, seen.session_on, seen.can_ask) == (None, LAST - timedelta(days=1), True)
    for part in ("closed at", "over 1 year", "highest price of 52 weeks", "volatility", "200-session average", "beta"):
        assert part in seen.html
    assert "31337" not in seen.html
    assert "you hold 10 shares worth 1,000.00 USD" in seen.own
    stranger = await desk.person()
    theirs = await service.read_brief(desk.b, stranger.caller, "replay", "AAPL")
    assert (theirs.own, theirs.html) == ("", seen.html)
    assert claude.asked == []


async def test_too_few_days_make_no_brief_and_an_unknown_symbol_is_not_found(desk: Desk, days: None) -> None:
    seen = await service.read_brief(desk.b, desk.caller, "replay", "MSFT")
    assert (seen.html, seen.session_on) == ("", None)
    with pytest.raises(NotFound):
        await service.read_brief(desk.b, desk.caller, "replay", "NOPE")


async def test_the_models_brief_is_written_once_a_session_from_the_same_figures(
    desk: Desk, claude: ClaudeStandIn, days: None
) -> None:
    await at(desk, open_clock())
    claude.answer_in_turn(say("It stands **well**. <script>x</script>"))
    seen = await service.ask_for_brief(desk.b, desk.caller, "replay", "AAPL")
    assert (seen.model, seen.cost_usd, seen.can_ask) == ("claude-sonnet-5-5", Decimal("0.004"), False)
    assert "<strong>well</strong>" in seen.html
    assert "<script>" not in seen.html
    [asked] = claude.turns
    assert asked.tools == []
    assert "31337" not in asked.raw
    assert "statistics_to_close_of" in asked.raw
    stranger = await desk.person()
    again = await service.ask_for_brief(desk.b, stranger.caller, "replay", "AAPL")
    assert again.model == "claude-sonnet-5-5"
    assert len(claude.turns) == 1
    await at(desk, closed_clock())
    assert (await service.read_brief(desk.b, desk.caller, "replay", "AAPL")).model is None


@pytest.mark.parametrize("reply", [Reply(status=529), say("", stop="refusal"), say("  ")], ids=range(3))
async def test_a_model_that_writes_nothing_leaves_the_local_brief(
    desk: Desk, claude: ClaudeStandIn, days: None, reply: Reply
) -> None:
    claude.answer_in_turn(reply)
    with pytest.raises(Exception, match=r"overloaded|wrote no brief"):
        await service.ask_for_brief(desk.b, desk.caller, "replay", "AAPL")
    assert (await service.read_brief(desk.b, desk.caller, "replay", "AAPL")).model is None


async def test_no_brief_is_bought_without_budget(desk: Desk, claude: ClaudeStandIn, days: None) -> None:
    await connect(desk.b, budget_usd="0.001")
    with pytest.raises(Refused, match="budget"):
        await service.ask_for_brief(desk.b, desk.caller, "replay", "AAPL")
    assert claude.asked == []


@pytest.mark.parametrize(("symbol", "digits"), [("EUR-USD", 5), ("SHIB-USD", 8)])
async def test_a_brief_of_a_pair_ends_with_its_own_day_and_has_its_decimals(
    desk: Desk, symbol: str, digits: int
) -> None:
    """Its day is over when its own market says so, not at the exchange's close; no index is held against it."""
    await open_now(desk.b.db)
    await add_instruments(desk.b.db, [one for one in [described(symbol)] if one is not None])
    now, hours = utc_now(), RULED[class_of(symbol)]
    days = [one for one in hours.between(now - timedelta(days=400), now + timedelta(days=8)) if one.opens_at <= now]
    step = Decimal(1).scaleb(-digits)
    bars = [Bar(symbol, "1d", one.opens_at, *[(1_000 + n) * step] * 4, None, "test") for n, one in enumerate(days)]
    placed = on_grid(bars, SessionCalendar([]))
    await merge_bars(desk.b.db, [one.row for one in placed])
    seen = await statistics_of(desk.b, "market", symbol)
    assert seen is not None
    finished = [one for one in days if one.closes_at <= now]
    assert seen.session_on == finished[-1].session_on
    assert seen.close == (1_000 + len(finished) - 1) * step
    assert (seen.with_index, seen.volume) == (None, None)
    said = write_brief(seen)
    assert f"**{seen.close:.{digits}f}**" in said
    assert "beta" not in said
