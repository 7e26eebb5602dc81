"""What a moved share was worth then: the last close of that day's shares, in the account's currency, or nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from starkmatter.db.database import Database
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.transfers import pricing
from starkmatter.portfolio.transfers.pricing import price_then
from tests.portfolio.importing import put_closes

D = Decimal
MON = date(2024, 2, 26)
NOON = datetime(2024, 2, 28, 17, tzinfo=UTC)  # Wednesday: the newest close is Tuesday's.
SPLIT = """
INSERT INTO corporate_split (symbol, ex_on, numerator, denominator, provider, observed_at)
VALUES (%s, %s, %s, %s, 'test', now())
"""
RATE = "INSERT INTO fx_rate (day, currency, per_euro, source, observed_at) VALUES (%s, %s, %s, 'test', now())"
ON_REPLAY = "UPDATE {} SET venue = 'replay' WHERE symbol = 'KO'"


@pytest.fixture
async def closes(database: Database) -> Database:
    """Coca-Cola at 60, 61 and 70 dollars from Monday on."""
    await put_closes(database, "KO", MON, "60", "61", "70")
    return database


async def test_the_last_close_before_that_instant(closes: Database) -> None:
    assert await price_then(closes, "market", "KO", NOON, "USD") == 61
    assert await price_then(closes, "market", "KO", NOON.replace(hour=22), "USD") == 70
    assert await price_then(closes, "market", "KO", datetime(2024, 2, 26, 15, tzinfo=UTC), "USD") is None
    assert await price_then(closes, "market", "XYZ", NOON, "USD") is None


async def test_a_close_is_kept_in_shares_of_today_and_told_in_those_of_that_day(closes: Database) -> None:
    """Three for two since: a share of then is one and a half of today's, and was worth as many of their closes."""
    await closes.run(SPLIT, ("KO", date(2024, 2, 20), 2, 1))  # Before that day: its shares are split already.
    await closes.run(SPLIT, ("KO", date(2024, 5, 1), 3, 2))
    await closes.run(SPLIT, ("PEP", date(2024, 5, 1), 7, 1))
    assert await price_then(closes, "market", "KO", NOON, "USD") == D("91.5")
    await closes.run(SPLIT, ("KO", date(2024, 6, 1), 1, 7))
    assert await price_then(closes, "market", "KO", NOON, "USD") == D("13.071429")


async def test_a_split_counts_from_its_own_day_on(closes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await closes.run(SPLIT, ("KO", date(2024, 5, 1), 2, 1))
    for instant, price in ((datetime(2024, 4, 30, 17, tzinfo=UTC), 61), (datetime(2024, 5, 1, 17, tzinfo=UTC), 122)):
        monkeypatch.setattr(pricing, "utc_now", lambda instant=instant: instant)
        assert await price_then(closes, "market", "KO", NOON, "USD") == price, exchange_day(instant)


async def test_the_replay_has_closes_in_shares_of_their_day(closes: Database) -> None:
    await closes.run(SPLIT, ("KO", date(2024, 5, 1), 2, 1))
    for table in ("bar", "instrument"):
        await closes.run(ON_REPLAY.format(table))  # type: ignore[arg-type]
    assert await price_then(closes, "replay", "KO", NOON, "USD") == 61


async def test_in_another_currency_by_the_reference_rate_of_that_day(closes: Database) -> None:
    assert await price_then(closes, "market", "KO", NOON, "EUR") is None
    await closes.run(RATE, (date(2024, 2, 27), "USD", D("1.10")))
    await closes.run(RATE, (date(2024, 2, 29), "USD", D("2.00")))
    assert await price_then(closes, "market", "KO", NOON, "EUR") == D("55.454545")
    assert await price_then(closes, "market", "KO", NOON, "CHF") is None
    await closes.run(RATE, (date(2024, 2, 28), "USD", D("1.22")))
    await closes.run(RATE, (date(2024, 2, 28), "CHF", D("0.95")))
    assert await price_then(closes, "market", "KO", NOON, "EUR") == 50
    assert await price_then(closes, "market", "KO", NOON, "CHF") == D("47.5")


async def test_what_no_list_knows_is_taken_to_be_in_the_accounts_currency(closes: Database) -> None:
    await closes.run("DELETE FROM instrument WHERE symbol = 'KO'")
    assert await price_then(closes, "market", "KO", NOON, "EUR") == 61
