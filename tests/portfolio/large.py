"""Ten years of trades of many symbols as one file."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.portfolio.importing import table

FIRST = datetime(2016, 1, 4, 16, tzinfo=UTC)
SPAN = timedelta(days=3_640)


def ten_years(rows: int, symbols: int, price_cents: Callable[[str, datetime], int] | None = None) -> bytes:
    """That many rows with the deposit; no more is sold than was bought. Prices are anything unless they are given."""
    chance = random.Random(1)
    held = {f"S{number}": 0 for number in range(symbols)}
    lines = ["2016-01-04T15:00:00Z,deposit,,,,100000000.00,,,"]
    for number in count(1):
        if len(lines) == rows:
            return table(*lines)
        at = FIRST + SPAN * min(1.0, number / (rows + 1))
        symbol, qty = chance.choice(list(held)), chance.randint(1, 50)
        cents = price_cents(symbol, at) if price_cents else chance.randint(1_000, 20_000)
        sells = held[symbol] >= qty and chance.random() < 0.45
        held[symbol] += -qty if sells else qty
        cash = qty * cents - 100 if sells else -qty * cents - 100
        price, cash_text = f"{cents / 100:.2f}", f"{cash / 100:.2f}"
        lines.append(f"{at.isoformat()},{'sell' if sells else 'buy'},{symbol},{qty},{price},{cash_text},1.00,,")
