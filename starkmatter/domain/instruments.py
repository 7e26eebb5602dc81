"""Instruments: what can be quoted, how it is priced and how far its data can be trusted."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

InstrumentKind = Literal["equity", "etf", "index"]
DataQuality = Literal["ohlcv", "close_only"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol. Prices move in steps of `tick_size`, quantities in steps of `lot_size` shares.

    `data_quality` is `close_only` when the source has closes alone, so that the replay's open, high and low are
    synthesized; `data_note` says that in words. `tradable` is False for an index. `isin`
    and `figi` (of all its listings in one country) are None until somebody has told them.
    """

    symbol: str
    name: str
    kind: InstrumentKind
    exchange: str
    currency: str
    tick_size: Decimal
    lot_size: Decimal
    sector: str
    data_quality: DataQuality
    data_note: str
    source: str
    data_starts_on: date | None
    data_ends_on: date | None
    tradable: bool
    isin: str | None = None
    figi: str | None = None
