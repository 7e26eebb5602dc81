"""News as a tab shows it: by the venue of the chosen account, by holdings, by symbol, page by page."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.news import PAGE, FeedsState, NewsPanelState, NewsState
from starkmatter.ui.state.trade import TradeState
from tests.builders import OPENS_AT, Desk, quote
from tests.ui.conftest import open_tab


async def story(desk: Desk, title: str, symbols: list[str], hours_ago: int, *, sample: bool = True) -> None:
    at = (OPENS_AT if sample else datetime.now(UTC)) - timedelta(hours=hours_ago)
    await desk.b.db.run(
        "INSERT INTO news_item (id, venue, title, title_key, source, sources, symbols, published_at, received_at,"
        " sentiment, mood, sample) VALUES (%s, %s, %s, %s, 'Wire', '{Wire,Other}', %s, %s, now(), -0.4, 'bearish', %s)",
        (uuid4(), "replay" if sample else "market", title, title, symbols, at, sample),
    )


async def open_market(desk: Desk) -> str:
    account_id = uuid4()
    await desk.b.db.run(
        "INSERT INTO account (id, user_id, name, venue, broker, mode, currency, preset, cash, reserved, created_at,"
        " opened_venue_at) VALUES (%s, %s, 'World', 'market', 'paper', 'paper', 'USD', 'realistic', 0, 0, now(),"
        " now())",
        (account_id, desk.caller.user_id),
    )
    return str(account_id)


async def test_the_page_follows_the_venue_of_the_chosen_account(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"))
    await story(desk, "Practice", ["AAPL"], 3)
    await story(desk, "Real", ["AAPL"], 30, sample=False)
    tab = await open_tab(desk)
    frame, news = await tab.state(FrameState), await tab.state(NewsState)
    await frame.load()
    await news.load()
    (row,) = news.items
    assert (row["title"], row["sample"], row["age"], row["others"]) == ("Practice", "yes", "3 hours ago", " and 1 more")
    assert (row["mood"], row["score"], row["dir"]) == ("Bearish", "−0.40", "down")
    assert news.sources == []
    account = await open_market(desk)
    await frame.refresh()
    await frame.choose_account(account)
    await news.follow_account()
    (row,) = news.items
    assert (row["title"], row["sample"], row["age"]) == ("Real", "", "1 day ago")
    assert [one["words"] for one in news.sources] == ["not asked yet"] * 2


async def test_holdings_and_one_symbol_choose_the_stories(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"))
    for number, symbol in enumerate(("AAPL", "MSFT", "KO")):
        await story(desk, f"About {symbol}", [symbol], number + 1)
    tab = await open_tab(desk)
    await (await tab.state(FrameState)).load()
    news = await tab.state(NewsState)
    await news.load()
    assert len(news.items) == 3
    await news.choose("holdings")
    assert (news.items, news.holds) == ([], False)
    await desk.b.db.run(
        "INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at,"
        " updated_at) VALUES (%s, 'MSFT', 1, 1, 0, 0, now(), now())",
        (desk.account_id,),
    )
    await news.choose("holdings")
    assert ([one["title"] for one in news.items], news.holds) == (["About MSFT"], True)
    await news.look_for({"symbol": " ko "})
    assert ([one["title"] for one in news.items], news.symbol) == (["About KO"], "KO")
    await news.look_for({"symbol": "<script>"})
    assert news.problem == "A symbol is a word such as AAPL."
    await news.choose("everything")
    assert news.choice == "symbol"


async def test_older_stories_follow_without_repeats_until_the_end(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"))
    for number in range(PAGE + 5):
        await story(desk, f"Story {number}", ["AAPL"], number + 1)
    tab = await open_tab(desk)
    await (await tab.state(FrameState)).load()
    news = await tab.state(NewsState)
    await news.load()
    assert (len(news.items), news.before != "") == (PAGE, True)
    await news.older()
    assert [one["title"] for one in news.items] == [f"Story {number}" for number in range(PAGE + 5)]
    assert news.before == ""
    await news.older()
    await news.refresh()
    assert len(news.items) == PAGE + 5


async def test_the_panels_show_the_symbol_or_the_holdings(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"))
    for number in range(8):
        await story(desk, f"Story {number}", ["AAPL"], number + 1)
    tab = await open_tab(desk)
    await (await tab.state(FrameState)).load()
    panel = await tab.at("/trade/AAPL").state(NewsPanelState)
    await (await tab.state(TradeState)).load()
    await panel.load()
    assert [one["title"] for one in panel.items] == [f"Story {number}" for number in range(5)]
    panel = await tab.at("/").state(NewsPanelState)
    await panel.load()
    assert (panel.items, panel.holds) == ([], False)


async def test_the_feeds_are_an_admins(desk: Desk) -> None:
    tab = await open_tab(await desk.person("trader"))
    feeds = await tab.state(FeedsState)
    await feeds.load()
    assert (feeds.feeds, feeds.problem) == ([], "Only an admin chooses the feeds.")
    tab = await open_tab(desk)
    feeds = await tab.state(FeedsState)
    await feeds.load()
    assert [one["shipped"] for one in feeds.feeds] == ["yes", "yes"]
    await feeds.switch(feeds.feeds[0]["id"], False)
    assert (feeds.feeds[0]["on"], feeds.feeds[0]["words"]) == ("", "paused")
    await feeds.remove(feeds.feeds[0]["id"])
    assert len(feeds.feeds) == 1
    await feeds.remove("not an id")
    assert feeds.problem == "There is no such feed."


@pytest.mark.parametrize(
    ("secs", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (864_000, "10 days ago"),
    ],
)
def test_an_age_is_said_in_words(secs: int, words: str) -> None:
    assert show.age(timedelta(seconds=secs)) == words
