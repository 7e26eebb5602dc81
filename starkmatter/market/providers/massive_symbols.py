"""How Massive writes symbols of each kind, and its quotes of pairs and coins, which are other than those of shares."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starkmatter.domain.instruments import class_of
from starkmatter.domain.pairs import coin_of, pair_of
from starkmatter.domain.quotes import Quote
from starkmatter.market.providers.figures import NAN, instant, number, price, touch

SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")
MARKETS = {"share": "stocks", "fx": "forex", "crypto": "crypto"}
PAIR = re.compile(r"[CX]:([A-Z0-9]{2,10})([A-Z]{3})")


def part(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part that may be absent; one that is none has nothing in it."""
    found = row.get(name)
    return found if isinstance(found, dict) else {}


def quote_of_pair(provider: str, symbol: str, row: Mapping[str, Any], received_at: datetime) -> Quote:
    """A pair has a bid and an ask, whose middle stands for a price; a coin has its last trade. Instants in ms."""
    best, trade, day, before = (part(row, name) for name in ("lastQuote", "lastTrade", "day", "prevDay"))
    bid, ask = touch(number(best.get("b")), number(best.get("a")))
    if trade:
        last, at = price(number(trade.get("p"))), instant(trade.get("t"), 1_000)
    else:
        last, at = NAN if bid is None or ask is None else (bid + ask) / 2, instant(best.get("t"), 1_000)
    return Quote(
        symbol=symbol,
        bid=bid,
        ask=ask,
        last=last,
        bid_size=None,
        ask_size=None,
        volume=number(day.get("v")) if coin_of(symbol) is not None else None,
        observed_at=at,
        received_at=received_at,
        provider=provider,
        prev_close=number(before.get("c")),
    )


def ours(ticker: str) -> str:
    """Our spelling of the vendor's."""
    pair = PAIR.fullmatch(ticker)
    return f"{pair[1]}-{pair[2]}" if pair is not None else ticker


def theirs(symbol: str) -> str | None:
    """`C:EURUSD`, `X:BTCUSD`; None for what it is never asked for."""
    pair = pair_of(symbol)
    if pair is None:
        return symbol if SYMBOL.fullmatch(symbol) else None
    return f"{'X' if coin_of(symbol) is not None else 'C'}:{pair.base}{pair.quote}"


def by_market(symbols: Sequence[str]) -> dict[str, list[str]]:
    """The vendor's spelling of the symbols by its markets."""
    found: dict[str, list[str]] = {}
    for symbol in symbols:
        there = theirs(symbol)
        if there is not None:
            found.setdefault(MARKETS[class_of(symbol)], []).append(there)
    return found
