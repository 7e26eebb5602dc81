"""The daily bars of every symbol of a venue as rows of float64, kept by the worker and moved on as days finish.

A row holds its bars at `starts[i]:ends[i]`, oldest first; the last of them is the growing day where there is one. What
the venue has not lived through is never read: every statement ends at its now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from starkmatter.clock import monotonic_secs
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.market.screener import queries

Floats = NDArray[np.float64]

MOST_BARS, FEWEST_BARS = 1_300, 300
CELLS = 1_500_000  # of each figure: 12 MB, so 60 MB for five
SPARE = 32
AT_ONCE = 250
CATCH_UP = timedelta(days=40)
LATE = timedelta(hours=3)
A_DAY = timedelta(days=1)
LISTED_SECS = 60.0
CALENDAR_RATIO = 365 / 250
COLUMNS = ("open", "high", "low", "close", "volume")


class Listed(NamedTuple):
    """What is said of a symbol beside its bars."""

    symbol: str
    name: str
    kind: str
    exchange: str
    currency: str
    sector: str
    tradable: bool


class Universe:
    """All symbols of one venue. `generation` changes with every change of a figure."""

    def __init__(self, db: Database, venue: Venue) -> None:
        self._db = db
        self.venue: Venue = venue
        self.generation = 0
        self.until: datetime | None = None
        self.run_id: int | None = None
        self._fetched_at: datetime | None = None
        self._grows: list[tuple[Any, ...]] = []
        self._listed_at = float("-inf")
        self._clear([])

    def _clear(self, listed: Sequence[Listed]) -> None:
        count = len(listed)
        self.listed = list(listed)
        self.row = {one.symbol: number for number, one in enumerate(self.listed)}
        self.width = max(FEWEST_BARS, min(MOST_BARS, CELLS // max(1, count)))
        shape = (count, self.width + SPARE)
        self.columns: dict[str, Floats] = {name: np.full(shape, np.nan) for name in COLUMNS}
        self.days: NDArray[np.int32] = np.zeros(shape, dtype=np.int32)
        self.starts: NDArray[np.int64] = np.full(count, self.width)
        self._finished: NDArray[np.int64] = np.full(count, self.width)
        self.ends: NDArray[np.int64] = self._finished.copy()

    def __len__(self) -> int:
        return len(self.listed)

    async def refresh(self, until: datetime, run_id: int | None) -> None:
        """Bring every row to venue time `until`; another run of the replay, or an earlier hour of it, begins anew."""
        listed = await self._listing()
        anew = (
            self.until is None
            or run_id != self.run_id
            or not self.until <= until <= self.until + CATCH_UP
            or (listed is not self.listed and [one.symbol for one in listed] != list(self.row))
        )
        fetched_at = await self._db.value(queries.NEWEST_FETCH) if self.venue == "market" else None
        if anew:
            self.until = None  # a read that fails halfway is begun anew
            self._clear(listed)
            await self._read([one.symbol for one in listed], until)
        else:
            self.listed = listed
            await self._catch_up(until)
            if fetched_at is not None and fetched_at != self._fetched_at:
                asked = {"since": self._fetched_at or "-infinity"}
                told = [symbol for (symbol,) in await self._db.tuples(queries.FETCHED_SINCE, asked)]
                await self._read([symbol for symbol in told if symbol in self.row], until)
        self._fetched_at, self.run_id, self.until = fetched_at, run_id, until
        await self._grow(until)

    async def _listing(self) -> list[Listed]:
        """Who is listed: read anew each minute, and at once when somebody joined."""
        asked = {"venue": self.venue}
        now = monotonic_secs()
        count = int(await self._db.value(queries.COUNT_LISTED, asked))
        if count == len(self.listed) and now - self._listed_at < LISTED_SECS:
            return self.listed
        self._listed_at = now
        return [Listed(*row) for row in await self._db.tuples(queries.LISTED, asked)]

    def _since(self, until: datetime) -> datetime:
        return until - timedelta(days=self.width * CALENDAR_RATIO + 10)

    async def _read(self, symbols: Sequence[str], until: datetime) -> None:
        """Whole rows anew, some hundreds in one statement."""
        for first in range(0, len(symbols), AT_ONCE):
            some = list(symbols[first : first + AT_ONCE])
            asked = {"venue": self.venue, "symbols": some, "since": self._since(until), "until": until}
            for symbol, count, days, *blocks in await self._db.tuples(queries.HISTORY, asked):
                self._put(self.row[symbol], count, days, blocks)
        if symbols:
            self.generation += 1

    def _put(self, row: int, count: int, days: bytes, blocks: Sequence[bytes]) -> None:
        kept = min(count, self.width)
        start = self.width - kept
        for name, block in zip(COLUMNS, blocks, strict=True):
            self.columns[name][row] = np.nan
            self.columns[name][row, start : self.width] = np.frombuffer(block, dtype=">f8")[-kept:]
        self.days[row, start : self.width] = np.frombuffer(days, dtype=">i4")[-kept:]
        self.starts[row], self._finished[row], self.ends[row] = start, self.width, self.width

    async def _catch_up(self, until: datetime) -> None:
        """Append the days that have finished since the last look."""
        assert self.until is not None
        # A bar may be stored a while after its end: those of the last hours are looked for again.
        after = self.until - LATE
        asked = {"venue": self.venue, "symbols": list(self.row), "since": after - A_DAY, "after": after, "until": until}
        if not await self._db.value(queries.SESSION_ENDED, asked):
            return
        found = await self._db.tuples(queries.FINISHED_SINCE, asked)
        appended = False
        for symbol, day, *figures in found:
            row = self.row[symbol]
            if self._finished[row] > self.starts[row] and self.days[row, self._finished[row] - 1] >= day:
                continue
            self._write(row, day, figures)
            self._finished[row] += 1
            self.ends[row] = self._finished[row]
            appended = True
        if appended:
            self.generation += 1

    async def _grow(self, until: datetime) -> None:
        """Put the growing days behind the finished ones, in place of those of the last look."""
        told = await self._db.tuples(queries.GROWING, {"venue": self.venue, "until": until})
        found = [one for one in told if one[0] in self.row]
        same = found == self._grows and bool(np.any(self.ends > self._finished)) == bool(found)
        self._grows = found
        if same:
            return
        self.ends[:] = self._finished
        self.generation += 1
        if not found:
            return
        rows = np.array([self.row[one[0]] for one in found])
        days = np.array([one[1] for one in found], dtype=np.int32)
        for row in rows[self._finished[rows] >= self.width + SPARE - 1]:
            self._shift(int(row))
        places = self._finished[rows]
        newer = (places == self.starts[rows]) | (self.days[rows, places - 1] < days)
        rows, places = rows[newer], places[newer]
        for number, name in enumerate(COLUMNS, 2):
            values = np.array([one[number] for one in found], dtype=np.float64)
            self.columns[name][rows, places] = values[newer]
        self.days[rows, places] = days[newer]
        self.ends[rows] = places + 1

    def _write(self, row: int, day: int, figures: Sequence[float]) -> None:
        if self._finished[row] >= self.width + SPARE - 1:
            self._shift(row)
        place = self._finished[row]
        for name, value in zip(COLUMNS, figures, strict=True):
            self.columns[name][row, place] = value
        self.days[row, place] = day

    def _shift(self, row: int) -> None:
        """Make room at the end: the oldest bars go."""
        for matrix in self.columns.values():
            matrix[row, :-SPARE] = matrix[row, SPARE:].copy()
        self.days[row, :-SPARE] = self.days[row, SPARE:].copy()
        self._finished[row] -= SPARE
        self.starts[row] = max(0, self.starts[row] - SPARE)

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many bars each symbol has."""
        return self.ends - self.starts

    def ago(self, name: str, bars: int) -> Floats:
        """The figure of each symbol so many bars before its newest (0); NaN where there is none."""
        places = self.ends - 1 - bars
        rows = np.arange(len(self))
        found: Floats = np.where(places >= self.starts, self.columns[name][rows, np.maximum(places, 0)], np.nan)
        return found

    def window(self, name: str, bars: int, skip: int = 0) -> Floats:
        """The newest bars of each symbol, `skip` left out, oldest first; NaN where there are fewer."""
        places = (self.ends - skip - bars)[:, None] + np.arange(bars)
        values = np.take_along_axis(self.columns[name], np.maximum(places, 0), axis=1)
        found: Floats = np.where(places >= self.starts[:, None], values, np.nan)
        return found

    def newest_days(self) -> NDArray[np.int32]:
        """The day of each symbol's newest bar, counted from 1970-01-01; 0 where there is none."""
        days = self.days[np.arange(len(self)), np.maximum(self.ends - 1, 0)]
        return np.where(self.counts > 0, days, 0).astype(np.int32)
