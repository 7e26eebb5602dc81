"""How pairs and coins are written, found and priced."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain import risk
from starkmatter.domain.instruments import Instrument, class_of, price_decimals, tick_of, untradable_words
from starkmatter.domain.pairs import COINS, CURRENCIES, LISTED, meant_by, name_of, named_like, pair_of
from starkmatter.market.lookup import SYMBOL
from tests.builders import open_clock, order, quote


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("AAPL", "share"),
        ("BRK.B", "share"),
        ("BRK-B", "share"),
        ("^GSPC", "index"),
        ("EUR-USD", "fx"),
        ("EUR-SEK", "fx"),
        ("USD-USD", "share"),
        ("BTC-USD", "crypto"),
        ("PEPE24478-USD", "crypto"),
        ("BTC-EUR", "share"),
        ("EURUSD", "share"),
        ("EUR-XXX", "share"),
    ],
)
def test_a_symbol_alone_tells_what_it_is(symbol: str, kind: str) -> None:
    assert class_of(symbol) == kind


@pytest.mark.parametrize("typed", ["EUR/USD", "eurusd", "EURUSD=X", "eur usd", "EUR-USD", " Eur_Usd ", "EUR:USD"])
def test_a_pair_is_found_however_it_is_typed(typed: str) -> None:
    assert meant_by(typed) == "EUR-USD"
    assert named_like(typed)[0] == "EUR-USD"


@pytest.mark.parametrize("typed", ["AAPL", "GOOGL", "BRK.B", "^GSPC", "BRK-B", "USD", "EURO", "VOO USD"])
def test_what_is_no_pair_stays_as_it_is_typed(typed: str) -> None:
    assert meant_by(typed) == typed


@given(st.text(max_size=40))
def test_no_text_breaks_the_search_and_what_it_finds_can_be_asked_for(text: str) -> None:
    for symbol in named_like(text):
        assert SYMBOL.fullmatch(symbol)
        assert name_of(symbol)
    assert name_of(meant_by(text)) is None or class_of(meant_by(text)) in {"fx", "crypto"}


def test_words_find_what_they_name_the_likeliest_first() -> None:
    assert named_like("euro")[0] == "EUR-USD"
    assert named_like("bitcoin")[0] == "BTC-USD"
    assert named_like("yen")[0] == "USD-JPY"
    assert named_like("btc") == ["BTC-USD"]
    assert named_like("swiss fr")[0] == "USD-CHF"
    assert named_like("apple") == named_like("e") == named_like("") == []


def test_every_listed_pair_has_a_name_and_a_class() -> None:
    assert len(set(LISTED)) == len(LISTED)
    assert not set(CURRENCIES) & set(COINS)
    for symbol in LISTED:
        assert pair_of(symbol) is not None
        assert name_of(symbol) is not None
        assert class_of(symbol) == ("crypto" if symbol.split("-")[0] in COINS else "fx")
        assert meant_by(symbol.replace("-", "")) == symbol


@pytest.mark.parametrize(
    ("symbol", "price", "decimals"),
    [
        ("EUR-USD", "1.08345", 5),
        ("USD-JPY", "151.237", 3),
        ("BTC-USD", "64250.5", 2),
        ("SOL-USD", "99.5", 4),
        ("DOGE-USD", "0.123", 6),
        ("SHIB-USD", "0.00000812", 8),
        ("AAPL", "190.12", 2),
        ("AAPL", "0.51", 2),
    ],
)
def test_prices_have_the_decimals_they_are_quoted_with(symbol: str, price: str, decimals: int) -> None:
    assert price_decimals(symbol, Decimal(price)) == decimals
    assert tick_of(symbol, Decimal(price)) == Decimal(1).scaleb(-decimals)


@pytest.mark.parametrize(
    ("symbol", "words"),
    [("EUR-USD", "orders for pairs are not offered yet"), ("BTC-USD", "orders for coins are not offered yet")],
)
def test_an_order_for_a_pair_or_coin_is_refused_in_words(symbol: str, words: str) -> None:
    tick, kind = tick_of(symbol, Decimal(1)), class_of(symbol)
    one = Instrument(
        symbol,
        symbol,
        kind,
        "Coins",
        "USD",
        tick,
        Decimal(1),
        "",
        "ohlcv",
        "",
        "",
        None,
        None,
        False,  # type: ignore[arg-type]
    )
    clock = open_clock(venue="market", run_id=None)
    found = risk.refusals(order(f"buy 1 {symbol}"), one, quote(f"{symbol} 1.00/1.01", at=clock.venue_now), clock)
    assert found == [untradable_words(symbol)]
    assert words in found[0]
