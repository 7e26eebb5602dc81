"""The replay market's prices: a day's path second by second through its real open, high, low and close.

A path is a function of (seed, symbol, date) and the day's figures only, so any day can be rebuilt alone. Randomness
is SHAKE-256 and arithmetic is limited to integers and correctly rounded operations (no sine, no logarithm, no pairwise
sums): the same seed gives the same bytes on any machine and any numpy. Prices are whole ticks of 0.01; index k of every
array is the state k seconds after the open.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TICK_SIZE = Decimal("0.01")
TICK_DECIMALS = 2
STEP_SECS = 1
ROUND_LOT = 100
SYNTHETIC_RANGE_SEED = "daily range"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BYTES_PER_STEP = 16
_INCREMENT_STD = 37837.0  # of the sum of four uniform 16-bit integers
_RANGE_OVER_STD = 1.6  # expected range of a Brownian day over its standard deviation (Feller 1951: sqrt(8/pi))
_AUCTION_SHARE = 0.04
_QUIET_BELOW = 128  # of 256: half of the seconds pass without a trade


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A day's open, high, low and close in ticks with low <= open, close <= high; `volume` None when unknown."""

    open: int
    high: int
    low: int
    close: int
    volume: int | None


@dataclass(frozen=True, slots=True)
class DayPath:
    """One symbol's day, held from second to second; `ticked[k]` says that something changed at second k.

    `bid` < `ask` and `bid` <= `last` <= `ask` everywhere; `volume` never falls and is None when the day's is.
    An index has no sides: `quoted` is False and bid, ask and sizes mean nothing.
    """

    last: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    volume: Ints | None
    ticked: NDArray[np.bool_]
    quoted: bool

    @property
    def steps(self) -> int:
        return len(self.last)


@dataclass(frozen=True, slots=True)
class DayTrades:
    """One symbol's day of trades alone, held from second to second; `volume` as that of a path."""

    last: Ints
    volume: Ints | None

    @property
    def steps(self) -> int:
        return len(self.last)


@dataclass(frozen=True, slots=True)
class PathBars:
    """Bars of one path in ticks: row i covers seconds [first_step[i], end_step[i]); `volume` None when unknown."""

    first_step: Ints
    end_step: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints | None


def price_of(ticks: int) -> Decimal:
    """A price of two decimals."""
    return Decimal(int(ticks)).scaleb(-TICK_DECIMALS)


def ticks_of(price: Decimal) -> int:
    """A price rounded to whole ticks, halves to even, at least one tick."""
    return max(1, int((price / TICK_SIZE).quantize(Decimal(1))))


def _random_bytes(key: str, count: int) -> bytes:
    return hashlib.shake_256(key.encode()).digest(count)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What of a path comes before its quotes, second by second; `held` is the second whose trade stands."""

    raw: NDArray[np.uint8]
    increments: Ints
    busy: Floats
    last: Ints
    ticked: NDArray[np.bool_]
    held: Ints
    volume: Ints | None


def build_path(
    seed: int, symbol: str, session_on: date, figures: DayFigures, steps: int, *, quoted: bool = True
) -> DayPath:
    """The path of one symbol on one day of `steps` seconds (at least 60).

    It opens at `figures.open`, ends at `figures.close`, touches high and low and never leaves them: Brownian bridges
    between these four points (Karatzas and Shreve, 5.6.B), reflected at high and low.
    """
    drawn = _draw(seed, symbol, session_on, figures, steps)
    last, held, raw = drawn.last, drawn.held, drawn.raw
    spread = _spreads(last, drawn.busy, raw[:, 9].astype(np.int64))
    buyer = drawn.increments > 0
    bid = np.maximum(np.where(buyer, last - spread, last), 1)
    ask = np.maximum(np.where(buyer, last, last + spread), bid + 1)
    draws = raw[:, 10:14].astype(np.int64)
    return DayPath(
        last=last[held],
        bid=bid[held],
        ask=ask[held],
        bid_size=((1 + (draws[:, 0] * draws[:, 1] >> 12)) * ROUND_LOT)[held],
        ask_size=((1 + (draws[:, 2] * draws[:, 3] >> 12)) * ROUND_LOT)[held],
        volume=drawn.volume,
        ticked=drawn.ticked,
        quoted=quoted,
    )


def build_trades(seed: int, symbol: str, session_on: date, figures: DayFigures, steps: int) -> DayTrades:
    """What was traded on the path that `build_path` draws, without its quotes: half of the work, all that bars need."""
    drawn = _draw(seed, symbol, session_on, figures, steps)
    return DayTrades(drawn.last[drawn.held], drawn.volume)


def _draw(seed: int, symbol: str, session_on: date, figures: DayFigures, steps: int) -> _Drawn:
    if steps < 60:
        raise ValueError("a session has at least 60 seconds")
    key = f"{seed}|{symbol}|{session_on.isoformat()}"
    raw = np.frombuffer(_random_bytes(key, steps * _BYTES_PER_STEP), dtype=np.uint8).reshape(steps, _BYTES_PER_STEP)
    busy = _u_shape(steps)
    parts = raw.view("<u2")
    increments = parts[:, 0].astype(np.int64) + parts[:, 1] + parts[:, 2] + parts[:, 3] - 2 * 65535
    marks = _waypoints(figures, steps, _random_bytes(f"{key}|shape", 6))
    last = _bridges(figures, increments, busy, marks)
    ticked = raw[:, 8] >= _QUIET_BELOW
    ticked[[step for step, _ in marks]] = True
    held = np.maximum.accumulate(np.where(ticked, np.arange(steps), 0))
    volume = None
    if figures.volume is not None:
        weights = np.where(ticked, busy * (1 + raw[:, 14].astype(np.int64)) * (1 + raw[:, 15].astype(np.int64)), 0.0)
        volume = _cumulative_volume(figures.volume, weights)[held]
    return _Drawn(raw, increments, busy, last, ticked, held, volume)


@lru_cache(maxsize=4)
def _u_shape(steps: int) -> Floats:
    """How busy each second is: about three times as much at both ends as at noon."""
    x = (2.0 * np.arange(steps) - (steps - 1)) / (steps - 1)
    result: Floats = 1.0 + 2.0 * x * x * x * x
    result.flags.writeable = False
    return result


def _waypoints(figures: DayFigures, steps: int, dice: bytes) -> list[tuple[int, int]]:
    """(second, price) of open, the two extremes in some order, and close.

    Extremes prefer the ends of the day (the arcsine law); a rising day has its low first three times out of four.
    """
    draws = [int.from_bytes(dice[i : i + 2], "big") / 65536 for i in (0, 2)]
    early, late = sorted(1 + int((3 * u * u - 2 * u * u * u) * (steps - 3)) for u in draws)
    if early == late:
        early, late = (early - 1, late) if early > 1 else (early, late + 1)
    rising = figures.close >= figures.open
    low_first = rising == (dice[4] < 192)
    first, second = (figures.low, figures.high) if low_first else (figures.high, figures.low)
    return [(0, figures.open), (early, first), (late, second), (steps - 1, figures.close)]


def _bridges(figures: DayFigures, increments: Ints, busy: Floats, marks: list[tuple[int, int]]) -> Ints:
    height = figures.high - figures.low
    if height == 0:
        return np.full(len(increments), figures.low, dtype=np.int64)
    variance = np.cumsum(busy)
    std = (height / _RANGE_OVER_STD) * np.sqrt(busy / variance[-1])
    walk = np.cumsum(increments / _INCREMENT_STD * std)
    path = np.empty(len(increments), dtype=np.float64)
    for (start, from_price), (end, to_price) in pairwise(marks):
        part = slice(start, end + 1)
        share = (variance[part] - variance[start]) / (variance[end] - variance[start])
        bridge = (walk[part] - walk[start]) - share * (walk[end] - walk[start])
        path[part] = from_price + share * (to_price - from_price) + bridge
    offset = np.mod(path - figures.low, 2.0 * height)
    offset = np.where(offset > height, 2.0 * height - offset, offset)
    result: Ints = figures.low + np.floor(offset + 0.5).astype(np.int64)
    for step, price in marks:
        result[step] = price
    return result


def _spreads(last: Ints, busy: Floats, draw: Ints) -> Ints:
    """At least one tick; around 1 basis point at noon, up to 3 at the open, in ticks."""
    usual = last * 1e-4 * (0.5 + 0.5 * busy)
    result: Ints = 1 + np.floor(usual * (draw / 256.0)).astype(np.int64)
    return result


def _cumulative_volume(total: int, weights: Floats) -> Ints:
    """Whole shares traded by each second, `total` at the last one, which is the closing auction."""
    running = np.cumsum(weights)
    share = running * ((1.0 - _AUCTION_SHARE) / running[-1])
    result: Ints = np.floor(share * total).astype(np.int64)
    result[-1] = total
    return result


def path_bars(path: DayPath | DayTrades, bar_secs: int, until_step: int, *, after_step: int = 0) -> PathBars:
    """Bars of `bar_secs` of the first `until_step` seconds, counted from the open; the last one may be unfinished.

    Those that were finished at `after_step` are left out.
    """
    count = min(until_step, path.steps)
    begin = after_step // bar_secs * bar_secs
    first = np.arange(begin, count, bar_secs, dtype=np.int64)
    end = np.minimum(first + bar_secs, path.steps)
    last = path.last[:count]
    volume = None
    if path.volume is not None and len(first):
        running = path.volume[np.minimum(end, count) - 1]
        volume = np.diff(running, prepend=path.volume[begin - 1] if begin else 0)
    return PathBars(
        first_step=first,
        end_step=end,
        open=last[first],
        high=np.maximum.reduceat(last, first) if len(first) else last[:0],
        low=np.minimum.reduceat(last, first) if len(first) else last[:0],
        close=last[np.minimum(end, count) - 1] if len(first) else last[:0],
        volume=volume,
    )


def synthesize_figures(symbol: str, days: Sequence[date], closes: Sequence[int]) -> list[DayFigures]:
    """Open, high and low around known closes (ticks), the same for every seed of the market; no volume.

    The open lies between the close before and the close, a little beyond at times; high and low exceed both by a
    share of the average absolute move of the last twenty days.
    """
    figures: list[DayFigures] = []
    usual_move = closes[0] * 0.01 if closes else 0.0
    for index, (day, close) in enumerate(zip(days, closes, strict=True)):
        before = closes[index - 1] if index else close
        dice = _random_bytes(f"{SYNTHETIC_RANGE_SEED}|{symbol}|{day.isoformat()}", 8)
        gap, spill, up, down = (int.from_bytes(dice[i : i + 2], "big") / 65536 for i in (0, 2, 4, 6))
        opened = max(1, before + round((close - before) * gap * 0.8 + (spill - 0.5) * 0.6 * usual_move))
        high = max(opened, close) + round(up * up * 1.4 * usual_move)
        low = max(1, min(opened, close) - round(down * down * 1.4 * usual_move))
        figures.append(DayFigures(opened, high, low, close, None))
        usual_move += (abs(close - before) - usual_move) / 20
    return figures
