"""Orders for pairs and coins: refused in words with a live price before them, and nothing is reserved."""

from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.market.lookup import open_instrument
from starkmatter.market.wanted import want
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.preview import preview_order
from tests.builders import order
from tests.jobs.test_market_venue import _placed, _quoted, _seat, at_work, until, vendors  # noqa: F401
from tests.market_hours import Vendors, open_now


@pytest.mark.parametrize(
    ("symbol", "text", "words"),
    [
        ("BTC-USD", "buy 1 BTC-USD", "BTC-USD is a coin: orders for coins are not offered yet."),
        ("EUR-USD", "sell 1000 EUR-USD @ 1.08", "EUR-USD is a currency pair: orders for pairs are not offered yet."),
        ("USD-JPY", "buy 1000 USD-JPY", "USD-JPY is a currency pair: orders for pairs are not offered yet."),
    ],
)
async def test_an_order_is_refused_in_words_and_reserves_nothing(
    database: Database,
    cache: Redis,
    vendors: Vendors,  # noqa: F811
    symbol: str,
    text: str,
    words: str,
) -> None:
    await open_now(database)
    b, caller, account_id = await _seat(database, cache, vendors)
    async with at_work(b):
        await open_instrument(database, cache, "market", symbol)
        await want(cache, [symbol], utc_now())
        await until(lambda: _quoted(b, symbol), "a quote")
        seen = await preview_order(b, caller, account_id, order(text))
        refused = await _placed(b, caller, account_id, text)
    assert words in seen.refusals[0]
    assert refused.status == "risk_rejected"
    assert words in str(refused.reject_reason)
    account = await get_account(b, caller, account_id)
    assert (account.cash, account.buying_power) == (Decimal("100000.00"), Decimal("100000.00"))
    assert await check_books(database) == []
