"""The orders that wait in a market's book, as a source tells of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class Level(NamedTuple):
    """All that waits at one price: in the instrument's currency, and in shares or coins."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Depth:
    """Both sides of a book, the best price first. `observed_at` is the vendor's clock, `received_at` ours."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    observed_at: datetime
    received_at: datetime
    provider: str
