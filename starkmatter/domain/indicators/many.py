"""One indicator over many series at once: the two newest values of each, for conditions that compare or cross.

The same numbers as `compute.run` gives for each series by itself; what does not change from row to row is done once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starkmatter.domain.indicators.compute import run
from starkmatter.domain.indicators.records import Indicator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

PRICES = frozenset({"open", "high", "low", "close"})


def newest_two(
    indicator: Indicator,
    settled: dict[str, float],
    line: str,
    columns: "Mapping[str, Floats]",
    starts: "Places",
    ends: "Places",
) -> "Floats":
    """Two rows, the value before the newest and the newest, with a column for each series; NaN where there is none.

    `columns` are matrices with a series in each row at `starts[i]:ends[i]`, oldest first, and no NaN among its prices.
    """
    import numpy as np
    import talib

    found = np.full((2, len(starts)), np.nan)
    spans = [(row, start, end) for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))]
    place = [one.id for one in indicator.lines].index(line)
    if indicator.function.islower() or not PRICES.issuperset(indicator.inputs) or indicator.group == "Patterns":
        for row, start, end in spans:
            if end > start:
                series = {name: matrix[row, start:end] for name, matrix in columns.items()}
                newest = run(indicator, settled, series)[line][-2:]
                found[2 - len(newest) :, row] = newest
        return found
    function = getattr(talib, indicator.function)
    arguments = {feed: settled[one.name] for one in indicator.parameters for feed in one.feeds}
    inputs = [columns[name] for name in indicator.inputs]
    for row, start, end in spans:
        if end - start < 2:
            continue
        answer = function(*[matrix[row, start:end] for matrix in inputs], **arguments)
        values = answer[place] if isinstance(answer, list | tuple) else answer
        if values.dtype != found.dtype:
            values = run(indicator, settled, {name: columns[name][row, start:end] for name in columns})[line]
        found[0, row], found[1, row] = values[-2], values[-1]
    found[~np.isfinite(found)] = np.nan
    return found
