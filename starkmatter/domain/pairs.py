"""Currency pairs and coins: how they are written here, what they are called, and what a person means who types one.

A pair is `EUR-USD`: what is priced, a hyphen, and the currency it is priced in. No share has a hyphen here (classes of
shares have a point), so that a symbol alone tells what it is; it needs no escaping in addresses, topics and forms.
A coin is priced in dollars; a pair may be of any two of the CURRENCIES.
"""

import re
from typing import NamedTuple

CURRENCIES = {
    "USD": "US dollar",
    "EUR": "Euro",
    "JPY": "Japanese yen",
    "GBP": "British pound",
    "CHF": "Swiss franc",
    "AUD": "Australian dollar",
    "CAD": "Canadian dollar",
    "NZD": "New Zealand dollar",
    "CNY": "Chinese yuan",
    "HKD": "Hong Kong dollar",
    "SGD": "Singapore dollar",
    "SEK": "Swedish krona",
    "NOK": "Norwegian krone",
    "DKK": "Danish krone",
    "PLN": "Polish zloty",
    "CZK": "Czech koruna",
    "HUF": "Hungarian forint",
    "TRY": "Turkish lira",
    "ZAR": "South African rand",
    "MXN": "Mexican peso",
    "BRL": "Brazilian real",
    "INR": "Indian rupee",
    "KRW": "South Korean won",
    "THB": "Thai baht",
    "ILS": "Israeli shekel",
}
COINS = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "XRP": "XRP",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "LTC": "Litecoin",
    "BCH": "Bitcoin Cash",
    "DOT": "Polkadot",
    "AVAX": "Avalanche",
    "LINK": "Chainlink",
    "SHIB": "Shiba Inu",
    "XLM": "Stellar",
    "TRX": "TRON",
    "ATOM": "Cosmos",
    "ETC": "Ethereum Classic",
    "AAVE": "Aave",
}
# Offered for a word such as `euro`, in this order; any other pair is found by its two codes.
MAJORS = [
    "EUR-USD",
    "USD-JPY",
    "GBP-USD",
    "USD-CHF",
    "AUD-USD",
    "USD-CAD",
    "NZD-USD",
    "EUR-GBP",
    "EUR-JPY",
    "EUR-CHF",
    "GBP-JPY",
    "USD-CNY",
    "USD-HKD",
    "USD-SGD",
    "USD-SEK",
    "USD-NOK",
    "USD-DKK",
    "USD-PLN",
    "USD-CZK",
    "USD-HUF",
    "USD-TRY",
    "USD-ZAR",
    "USD-MXN",
    "USD-BRL",
    "USD-INR",
    "USD-KRW",
    "USD-THB",
    "USD-ILS",
]
LISTED = (*MAJORS, *(f"{coin}-USD" for coin in COINS))
DOLLAR = "USD"
WRITTEN = re.compile(r"([A-Z][A-Z0-9]{1,9})-([A-Z]{3})")
TYPED = re.compile(r"([A-Z][A-Z0-9]{1,9}?)[-/ _:]?([A-Z]{3})(=X)?")


class Pair(NamedTuple):
    """What is priced, and the currency it is priced in."""

    base: str
    quote: str


def pair_of(symbol: str) -> Pair | None:
    """The two sides of a pair or coin; None for every other symbol."""
    found = WRITTEN.fullmatch(symbol)
    if found is None or found[1] == found[2] or found[2] not in CURRENCIES:
        return None
    pair = Pair(found[1], found[2])
    return pair if pair.base in CURRENCIES or pair.quote == DOLLAR else None


def currencies_of(symbol: str) -> Pair | None:
    """The pair when both sides are currencies."""
    pair = pair_of(symbol)
    return pair if pair is not None and pair.base in CURRENCIES else None


def coin_of(symbol: str) -> str | None:
    """The coin that is priced in dollars; None for every other symbol."""
    pair = pair_of(symbol)
    return pair.base if pair is not None and pair.base not in CURRENCIES else None


def name_of(symbol: str) -> str | None:
    """`Euro / US dollar`, `Bitcoin / US dollar`; None for what is not known by name here."""
    pair = pair_of(symbol)
    if pair is None:
        return None
    base = CURRENCIES.get(pair.base) or COINS.get(pair.base)
    return f"{base} / {CURRENCIES[pair.quote]}" if base is not None else None


def meant_by(text: str) -> str:
    """The symbol of a pair or coin however it is typed (`eur/usd`, `EURUSD`, `EURUSD=X`, `btc usd`); others stay.

    Only what is known by name counts: a share may be written in as many letters, or with a hyphen elsewhere.
    """
    typed = text.strip().upper()
    found = TYPED.fullmatch(typed)
    if found is None:
        return typed
    symbol = f"{found[1]}-{found[2]}"
    return symbol if name_of(symbol) is not None else typed


def named_like(text: str, limit: int = 10) -> list[str]:
    """Pairs and coins whose codes or names a text begins, the likeliest first; none for fewer than two letters."""
    said = " ".join(text.split()).casefold()
    if len(said) < 2:
        return []
    exact = meant_by(text)
    found = [exact] if name_of(exact) is not None else []
    of_code = [one for one in LISTED if said.upper() in one.split("-")]
    of_name = [one for one in LISTED if any(word.startswith(said) for word in _words(one))]
    return list(dict.fromkeys([*found, *of_code, *of_name]))[:limit]


def _words(symbol: str) -> list[str]:
    """The names of both sides, and each from any of its words on: a person says `yen` for `Japanese yen`."""
    sides = (name_of(symbol) or "").casefold().split(" / ")
    return [" ".join(parts[at:]) for side in sides for parts in [side.split()] for at in range(len(parts))]
