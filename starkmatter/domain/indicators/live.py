"""An indicator that follows growing bars: after each what the whole computation would give, to the last bit.

An indicator of memory `window` is computed from its newest warm-up bars: the catalogue calls only those so whose value
does not even differ by rounding. All others carry something from the first bar on, be it a recursion or a running sum,
and are computed from the whole series: TA-Lib does a thousand bars in some ten microseconds, which is less than what
a recursion kept in Python would take, and nothing has to be proven equal.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starkmatter.domain.indicators.catalog import find
from starkmatter.domain.indicators.compute import run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIELDS = ("open", "high", "low", "close", "volume", "session")
ROOM = 256
NO_BAR = float("nan")


class GrowingSeries:
    """Bars as float64 columns with room to grow. A bar is a mapping; what it lacks is NaN (`session`: as before)."""

    def __init__(self, series: "Mapping[str, Floats]") -> None:
        import numpy as np

        self.length = len(series["close"])
        self._columns = {name: np.full(self.length + ROOM, np.nan) for name in FIELDS}
        self._columns["session"][:] = 0.0
        for name in FIELDS:
            if name in series:
                self._columns[name][: self.length] = series[name]

    def append(self, bar: Mapping[str, float]) -> None:
        """A new bar begins."""
        import numpy as np

        if self.length == len(self._columns["close"]):
            more = np.full(max(ROOM, self.length // 2), np.nan)
            self._columns = {name: np.concatenate([column, more]) for name, column in self._columns.items()}
        self.length += 1
        before = self._columns["session"][self.length - 2] if self.length > 1 else 0.0
        self._put(bar, float(before))

    def replace(self, bar: Mapping[str, float]) -> None:
        """The newest bar has grown."""
        self._put(bar, float(self._columns["session"][self.length - 1]))

    def _put(self, bar: Mapping[str, float], session: float) -> None:
        for name, column in self._columns.items():
            column[self.length - 1] = bar.get(name, session if name == "session" else NO_BAR)

    def newest(self, bars: int) -> "dict[str, Floats]":
        """The last `bars` of each column, as views."""
        first = max(0, self.length - bars)
        return {name: column[first : self.length] for name, column in self._columns.items()}


class LiveIndicator:
    """One indicator over one growing series, which several may share: tell the series first, then read."""

    def __init__(self, name: str, parameters: dict[str, float] | None, series: GrowingSeries) -> None:
        self.indicator = find(name)
        self.parameters = self.indicator.settle(parameters)
        self._series = series
        self._window: int | None = None

    def values(self) -> dict[str, float]:
        """The newest value of each line, NaN while it has none."""
        import numpy as np

        if not self._series.length:
            return {line.id: NO_BAR for line in self.indicator.lines}
        bars = self._window or self._series.length
        lines = run(self.indicator, self.parameters, self._series.newest(bars))
        if self.indicator.memory == "window" and self._window is None:
            known = [np.flatnonzero(~np.isnan(values)) for values in lines.values()]
            if all(len(one) for one in known):
                self._window = max(int(one[0]) for one in known) + 1
        return {name: float(values[-1]) for name, values in lines.items()}
