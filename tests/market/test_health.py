"""What is kept of refused data, and who is said to stand in for whom."""

from datetime import UTC, datetime, timedelta

import pytest

from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.market.health import (
    WAITING_MAX,
    Health,
    forget_refusals,
    keep_refusals,
    newest_refusals,
    refused_since,
)
from starkmatter.market.providers.alpaca import CAPABILITY as ALPACA
from starkmatter.market.providers.yahoo import CAPABILITY as YAHOO
from starkmatter.market.source_order import BY_DEFAULT, choose_order, chosen_order

NOW = datetime(2026, 11, 25, 15, 20, tzinfo=UTC)


def health() -> Health:
    one = Health()
    one.ordered([ALPACA, YAHOO])
    return one


def refuse(one: Health, reason: str, at: datetime = NOW, symbol: str = "AAPL") -> None:
    one.refuse("alpaca", symbol, "quote", reason, f"last {reason}", at)


async def test_what_differs_in_figures_only_is_one_row_of_its_hour(database: Database) -> None:
    one = health()
    refuse(one, "last -1 is not a price")
    refuse(one, "last NaN is not a price", NOW + timedelta(seconds=5))
    await keep_refusals(database, one.take_refusals())
    refuse(one, "last 1E+9 is not a price", NOW + timedelta(minutes=1))
    refuse(one, "last -3.25 is not a price", NOW + timedelta(hours=1))
    await keep_refusals(database, one.take_refusals())
    rows = await newest_refusals(database)
    assert [(row.reason, row.times) for row in rows] == [("last … is not a price", 1), ("last … is not a price", 3)]
    assert rows[1].excerpt == "last last 1E+9 is not a price"
    assert await refused_since(database, NOW) == {"alpaca": (4, 0)}
    assert one.of("alpaca").refused == 4
    assert await forget_refusals(database, NOW + timedelta(minutes=30), 100) == 1
    refuse(one, "last 0 is not a price", NOW + timedelta(hours=2))
    await keep_refusals(database, one.take_refusals())
    assert await forget_refusals(database, NOW, 1) == 1
    assert len(await newest_refusals(database)) == 1


async def test_suspects_are_counted_apart(database: Database) -> None:
    one = health()
    one.refuse("yahoo", "AAPL", "suspect", "jumped, and no second source bears it out", "last 250", NOW)
    await keep_refusals(database, one.take_refusals())
    assert await refused_since(database, NOW) == {"yahoo": (0, 1)}
    assert (one.of("yahoo").refused, one.of("yahoo").suspects) == (0, 1)


def test_a_flood_of_refusals_is_counted_and_takes_no_more_memory() -> None:
    one = health()
    for at in range(WAITING_MAX + 50):
        refuse(one, "nobody asked for this symbol", symbol=f"S{at}")
    assert one.of("alpaca").refused == WAITING_MAX + 50
    assert len(one.take_refusals()) == WAITING_MAX
    assert one.overflow == 50


def test_refusals_that_could_not_be_kept_are_kept_later() -> None:
    one = health()
    refuse(one, "last -1 is not a price")
    taken = one.take_refusals()
    refuse(one, "last -2 is not a price")
    one.give_back(taken)
    assert [row.times for row in one.take_refusals()] == [2]


@pytest.mark.parametrize(
    ("failing", "lead", "note"),
    [
        ({}, "alpaca", ""),
        ({"yahoo": "broken"}, "alpaca", ""),
        ({"alpaca": "unreachable"}, "yahoo", "Alpaca market data does not answer; Yahoo Finance stands in"),
        ({"alpaca": "refused"}, "yahoo", "Alpaca market data refuses the key or the plan; Yahoo Finance stands in"),
        ({"alpaca": "paused", "yahoo": "broken"}, "", "Alpaca market data does not answer; no source answers"),
    ],
)
def test_the_note_says_who_stands_in(failing: dict, lead: str, note: str) -> None:
    one = health()
    for adapter, kind in failing.items():
        one.failed(adapter, VendorFailure("x", kind, "said"), NOW, with_quotes=True)
    one.told("alpaca", lead)
    assert one.note == note


def test_bars_that_a_plan_does_not_have_say_nothing_of_quotes() -> None:
    one = health()
    one.told("alpaca", "alpaca")
    one.failed("alpaca", VendorFailure("x", "refused", "said"), NOW, with_quotes=False)
    assert one.note == ""
    assert one.of("alpaca").failures == 1


async def test_the_order_is_ours_until_somebody_chooses_another(database: Database) -> None:
    assert await chosen_order(database) == list(BY_DEFAULT)
    await choose_order(database, ["yahoo", "alpaca"])
    assert (await chosen_order(database))[:3] == ["yahoo", "alpaca", "finnhub"]
    assert sorted(await chosen_order(database)) == sorted(BY_DEFAULT)
