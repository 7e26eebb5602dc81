"""The replay's source: real daily history from the package's data folder, turned into one day's ticks at a time."""

import csv
import gzip
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from starkmatter.domain.adjusting import dividends_told_by
from starkmatter.domain.instruments import Instrument, InstrumentKind
from starkmatter.domain.quotes import Quote
from starkmatter.domain.replay import (
    STEP_SECS,
    TICK_SIZE,
    DayFigures,
    DayPath,
    DayTrades,
    build_path,
    build_trades,
    price_of,
    synthesize_figures,
    ticks_of,
)
from starkmatter.domain.sessions import Session

PROVIDER = "replay"
EXCHANGE = "XNYS"
DATA_DIR = Path(__file__).resolve().parents[2] / "data"
NOTE_RANGE_SYNTHESIZED = "range_synthesized"
NOTE_PATH_SYNTHESIZED = "path_synthesized"

_NOTES = {
    "ohlcv": "Real daily open, high, low, close and volume, adjusted for splits, not for dividends; the source names "
    "neither. The path inside a day is synthesized.",
    "close_only": "Only the close is real, adjusted for splits and dividends the source does not name: open, high, "
    "low and the path inside a day are synthesized and there is no volume.",
    "index": "Only the index close is real: open, high, low and the path inside a day are synthesized.",
}


@dataclass(frozen=True, slots=True)
class SymbolHistory:
    """One instrument and its days in order; `figures[i]` belongs to `days[i]`.

    `dividends` (ex-date, cash per share) are those that its prices fell by: none where prices are adjusted for them.
    """

    instrument: Instrument
    days: tuple[date, ...]
    figures: tuple[DayFigures, ...]
    dividends: tuple[tuple[date, Decimal], ...] = ()

    def on(self, day: date) -> DayFigures | None:
        """The figures of `day`; None when the source has no such day."""
        index = bisect_left(self.days, day)
        return self.figures[index] if index < len(self.days) and self.days[index] == day else None

    def before(self, day: date) -> tuple[date, DayFigures] | None:
        """The last day before `day`; None on the first."""
        index = bisect_left(self.days, day) - 1
        return (self.days[index], self.figures[index]) if index >= 0 else None


@dataclass(frozen=True, slots=True)
class ReplayHistory:
    """All symbols by name."""

    symbols: dict[str, SymbolHistory]

    @property
    def starts_on(self) -> date:
        return min(history.days[0] for history in self.symbols.values())

    @property
    def ends_on(self) -> date:
        return max(history.days[-1] for history in self.symbols.values())


def load_history(folder: Path = DATA_DIR) -> ReplayHistory:
    """Read the packaged history (about a third of a second)."""
    with (folder / "instruments.csv").open(encoding="utf-8", newline="") as file:
        described = {row["symbol"]: row for row in csv.DictReader(file)}
    symbols: dict[str, SymbolHistory] = {}
    with gzip.open(folder / "us_daily.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for symbol, rows in groupby(csv.DictReader(file), key=itemgetter("symbol")):
            symbols[symbol] = _symbol_history(described[symbol], list(rows))
    return ReplayHistory(symbols)


def _symbol_history(described: dict[str, str], rows: list[dict[str, str]]) -> SymbolHistory:
    days = tuple(date.fromisoformat(row["date"]) for row in rows)
    full = all(row["open"] for row in rows)
    if full:
        figures = [_real_figures(row) for row in rows]
    else:
        closes = [ticks_of(Decimal(row["adj_close"])) for row in rows]
        figures = synthesize_figures(described["symbol"], days, closes)
    kind: InstrumentKind = "index" if described["kind"] == "index" else "equity"
    instrument = Instrument(
        symbol=described["symbol"],
        name=described["name"],
        kind=kind,
        exchange=described["exchange"],
        currency=described["currency"],
        tick_size=TICK_SIZE,
        lot_size=Decimal(1),
        sector=described["sector"],
        data_quality="ohlcv" if full else "close_only",
        data_note=_NOTES["index" if kind == "index" else "ohlcv" if full else "close_only"],
        source=rows[0]["source"],
        data_starts_on=days[0],
        data_ends_on=days[-1],
        tradable=kind == "equity",
    )
    return SymbolHistory(instrument, days, tuple(figures), _dividends(days, rows) if full else ())


def _dividends(days: tuple[date, ...], rows: list[dict[str, str]]) -> tuple[tuple[date, Decimal], ...]:
    closes, adjusted = ([Decimal(row[name]) for row in rows] for name in ("close", "adj_close"))
    return tuple(dividends_told_by(days, closes, adjusted))


def _real_figures(row: dict[str, str]) -> DayFigures:
    opened, high, low, close = (ticks_of(Decimal(row[name])) for name in ("open", "high", "low", "close"))
    return DayFigures(opened, high, low, close, int(row["volume"]) if row["volume"] else None)


@dataclass(frozen=True, slots=True)
class ReplayDay:
    """One session of the market: the paths of the symbols that trade, and those whose history is over.

    `halted` holds (last day, its close) of a symbol without figures on this day but with earlier ones.
    """

    session: Session
    paths: dict[str, DayPath]
    prev_closes: dict[str, Decimal]
    halted: dict[str, tuple[date, Decimal]]

    @property
    def last_step(self) -> int:
        return self.session.length_secs // STEP_SECS - 1

    def step_at(self, venue_now: datetime) -> int:
        """The last step that has happened by `venue_now`; -1 before the open."""
        return min((venue_now - self.session.opens_at) // timedelta(seconds=STEP_SECS), self.last_step)

    def ticks(self, step: int, received_at: datetime) -> dict[str, Quote]:
        """Quotes of the symbols in which something changed at `step`, in order of symbol."""
        return {
            symbol: self._quote(symbol, path, step, step, received_at)
            for symbol, path in self.paths.items()
            if path.ticked[step]
        }

    def snapshot(self, step: int, received_at: datetime) -> dict[str, Quote]:
        """The newest quote of every trading symbol as of `step`."""
        return {
            symbol: self._quote(symbol, path, step, int(np.flatnonzero(path.ticked[: step + 1])[-1]), received_at)
            for symbol, path in self.paths.items()
        }

    def halted_quotes(self, closed_at: dict[date, datetime], received_at: datetime) -> dict[str, Quote]:
        """Last closes of the symbols that trade no more: nobody bids, nobody offers."""
        return {
            symbol: Quote(
                symbol, None, None, close, None, None, None, closed_at[day], received_at, PROVIDER, close, "halted"
            )
            for symbol, (day, close) in self.halted.items()
        }

    def _quote(self, symbol: str, path: DayPath, step: int, tick_step: int, received_at: datetime) -> Quote:
        quoted = path.quoted
        return Quote(
            symbol=symbol,
            bid=price_of(path.bid[step]) if quoted else None,
            ask=price_of(path.ask[step]) if quoted else None,
            last=price_of(path.last[step]),
            bid_size=Decimal(int(path.bid_size[step])) if quoted else None,
            ask_size=Decimal(int(path.ask_size[step])) if quoted else None,
            volume=None if path.volume is None else Decimal(int(path.volume[step])),
            observed_at=self.session.opens_at + timedelta(seconds=tick_step * STEP_SECS),
            received_at=received_at,
            provider=PROVIDER,
            prev_close=self.prev_closes.get(symbol),
        )


def build_day(history: ReplayHistory, seed: int, session: Session) -> ReplayDay:
    """One session from the seed and the day's figures alone (about 2 ms per symbol)."""
    paths: dict[str, DayPath] = {}
    prev_closes: dict[str, Decimal] = {}
    halted: dict[str, tuple[date, Decimal]] = {}
    steps = session.length_secs // STEP_SECS
    for symbol in sorted(history.symbols):
        one = history.symbols[symbol]
        figures, before = one.on(session.session_on), one.before(session.session_on)
        if before is not None:
            prev_closes[symbol] = price_of(before[1].close)
        if figures is not None:
            quoted = one.instrument.kind != "index"
            paths[symbol] = build_path(seed, symbol, session.session_on, figures, steps, quoted=quoted)
        elif before is not None:
            halted[symbol] = (before[0], price_of(before[1].close))
    return ReplayDay(session, paths, prev_closes, halted)


def day_trades(history: ReplayHistory, seed: int, session: Session) -> dict[str, DayTrades]:
    """What `build_day` draws of the same session, without quotes, by symbol."""
    steps = session.length_secs // STEP_SECS
    found = {}
    for symbol in sorted(history.symbols):
        figures = history.symbols[symbol].on(session.session_on)
        if figures is not None:
            found[symbol] = build_trades(seed, symbol, session.session_on, figures, steps)
    return found


def tick_stream(
    history: ReplayHistory, seed: int, session: Session, received_at: datetime
) -> Iterator[dict[str, Quote]]:
    """Every tick of one session in order: one batch per second."""
    day = build_day(history, seed, session)
    for step in range(day.last_step + 1):
        yield day.ticks(step, received_at)
