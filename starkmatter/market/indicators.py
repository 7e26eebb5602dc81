"""Indicators over a venue's bars, computed from the first bar that is stored, so that any part joins any other part.

The newest two bars are also followed live: a series stays in memory for a minute and only what came since is read. The
library of numbers is loaded with the first question.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan, nan
from typing import TYPE_CHECKING

import orjson

from starkmatter.clock import monotonic_secs
from starkmatter.db.database import Database
from starkmatter.domain.adjusting import Adjustment
from starkmatter.domain.indicators.catalog import Asked
from starkmatter.domain.indicators.compute import run
from starkmatter.domain.indicators.live import GrowingSeries, LiveIndicator
from starkmatter.domain.quotes import ShownInterval, Venue
from starkmatter.market.actions.reading import columns_of_bars, load_adjusted
from starkmatter.market.records import BarColumns
from starkmatter.market.service import MAX_BARS, load_bar_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Series = dict[str, NDArray[np.float64]]

FIELDS = ("open", "high", "low", "close", "volume", "session")
SIGNIFICANT_DIGITS = 10
LIVE_BARS = 2
KEPT_SECS = 60.0
KEPT_SERIES = 64


async def indicators_json(
    db: Database,
    venue: Venue,
    symbol: str,
    interval: ShownInterval,
    asked: Sequence[Asked],
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
    *,
    until: datetime,
    adjustment: Adjustment = "splits",
) -> bytes:
    """The lines of each indicator on the newest `limit` bars with start <= starts_at < end, as JSON for the API.

    Numbers have ten significant digits, null where there is none. Only MAX_BARS before `end` are looked at.
    """
    if adjustment == "splits":
        bars = await load_bar_columns(db, venue, symbol, interval, None, end, MAX_BARS, until=until)
    else:
        asked_for = (db, venue, symbol, interval, None, end, MAX_BARS)
        bars = columns_of_bars(await load_adjusted(*asked_for, until=until, adjustment=adjustment))
    return await asyncio.to_thread(_compute_json, bars, asked, start, limit)


def _compute_json(bars: BarColumns, asked: Sequence[Asked], start: datetime | None, limit: int) -> bytes:
    series = columns_of(bars)
    first = max(0, len(bars.starts_at) - limit)
    while start is not None and first < len(bars.starts_at) and bars.starts_at[first] < start.timestamp():
        first += 1
    found = [
        {name: values[first:].tolist() for name, values in run(one.indicator, one.parameters, series).items()}
        for one in asked
    ]
    return _json(asked, bars.starts_at[first:], found)


def columns_of(bars: BarColumns) -> "Series":
    """The bars as arrays that `domain.indicators` computes over."""
    import numpy as np

    return {name: np.array(getattr(bars, name), dtype=np.float64) for name in FIELDS}


def _json(asked: Sequence[Asked], starts_at: Sequence[float], found: Sequence[Mapping[str, list[float]]]) -> bytes:
    items = [
        {
            "name": one.text,
            "title": one.title,
            "pane": one.indicator.pane,
            "unit": one.indicator.unit,
            "parameters": one.parameters,
            "levels": one.indicator.levels,
            "lines": [
                {"id": line.id, "title": line.title, "drawn": line.drawn, "values": _rounded(values[line.id])}
                for line in one.indicator.lines
            ],
        }
        for one, values in zip(asked, found, strict=True)
    ]
    return orjson.dumps({"items": items, "starts_at": [_instant(at) for at in starts_at]})


def _instant(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _rounded(values: list[float]) -> list[float | None]:
    return [None if isnan(value) else float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in values]


@dataclass(slots=True)
class _Followed:
    """One series that is followed. `known`: start and close of its newest two bars, which say whether it still fits."""

    series: GrowingSeries
    read_at: float
    known: list[tuple[float, float]]
    indicators: dict[str, LiveIndicator] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class LiveIndicators:
    """Follows the series that pages look at. One per process; what it remembers may be lost at any time."""

    def __init__(self) -> None:
        self._followed: OrderedDict[tuple[Venue, str, ShownInterval], _Followed] = OrderedDict()

    async def newest_json(
        self,
        db: Database,
        venue: Venue,
        symbol: str,
        interval: ShownInterval,
        asked: Sequence[Asked],
        *,
        until: datetime,
    ) -> bytes:
        """What `indicators_json` would answer for the newest two bars."""
        key = (venue, symbol, interval)
        followed = self._followed.get(key)
        if followed is not None and monotonic_secs() - followed.read_at < KEPT_SECS:
            async with followed.turn:
                if await self._catch_up(db, key, followed, until):
                    return _newest_json(followed, asked)
        return _newest_json(await self._begin(db, key, until), asked)

    async def _begin(self, db: Database, key: tuple[Venue, str, ShownInterval], until: datetime) -> _Followed:
        bars = await load_bar_columns(db, *key, until=until)
        series = await asyncio.to_thread(lambda: GrowingSeries(columns_of(bars)))
        known = list(zip(bars.starts_at, bars.close, strict=True))[-LIVE_BARS:]
        followed = self._followed[key] = _Followed(series, monotonic_secs(), known)
        self._followed.move_to_end(key)
        while len(self._followed) > KEPT_SERIES:
            self._followed.popitem(last=False)
        return followed

    async def _catch_up(
        self, db: Database, key: tuple[Venue, str, ShownInterval], followed: _Followed, until: datetime
    ) -> bool:
        """Take in what came since; False when the series is not the one that is known: another run, a correction."""
        if len(followed.known) < LIVE_BARS:
            return False
        (finished_at, close), (growing_at, _) = followed.known
        bars = await load_bar_columns(db, *key, datetime.fromtimestamp(finished_at, UTC), limit=MAX_BARS, until=until)
        if bars.starts_at[:2] != [finished_at, growing_at] or bars.close[0] != close:
            return False
        for i in range(1, len(bars.starts_at)):
            bar = {name: _float(getattr(bars, name)[i]) for name in FIELDS}
            (followed.series.replace if i == 1 else followed.series.append)(bar)
        followed.known = list(zip(bars.starts_at, bars.close, strict=True))[-LIVE_BARS:]
        return True


def _newest_json(followed: _Followed, asked: Sequence[Asked]) -> bytes:
    return _json(asked, [at for at, _ in followed.known], [_newest(followed, one) for one in asked])


def _newest(followed: _Followed, one: Asked) -> dict[str, list[float]]:
    if one.text not in followed.indicators:
        followed.indicators[one.text] = LiveIndicator(one.indicator.name, one.parameters, followed.series)
    return followed.indicators[one.text].newest(LIVE_BARS)


def _float(value: float | None) -> float:
    return nan if value is None else float(value)
