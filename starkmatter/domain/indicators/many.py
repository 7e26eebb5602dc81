"""One indicator over many series at once: the two newest values of each, for conditions that compare or cross.

The same numbers as `compute.run` gives for each series by itself; what does not change from row to row is done once.
"""

from collections.abc import Mapping
from inspect import unwrap
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
    columns: "Mapping[str, Floats]",
    starts: "Places",
    ends: "Places",
) -> "dict[str, Floats]":
    """For each line two rows, the value before the newest and the newest, with a column for each series.

    NaN where there is none. `columns` are matrices with a series in each row at `starts[i]:ends[i]`, oldest first, and
    no NaN among its prices.
    """
    import numpy as np
    import talib

    spans = [(row, start, end) for row, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))]
    # Without the wrapper that looks for data frames: it takes as long as a short average.
    function = None if indicator.function.islower() else unwrap(getattr(talib, indicator.function))
    if function is None or not PRICES.issuperset(indicator.inputs) or _whole_numbers(indicator):
        return _one_by_one(indicator, settled, columns, spans)
    arguments = {feed: settled[one.name] for one in indicator.parameters for feed in one.feeds}
    inputs = [columns[name] for name in indicator.inputs]
    newest = [np.full((len(spans), 2), np.nan) for _ in indicator.lines]
    alone = newest[0] if len(newest) == 1 else None
    for row, start, end in spans:
        if end <= start:
            continue
        kept = slice(2 - min(2, end - start), 2)
        answer = function(*[matrix[row, start:end] for matrix in inputs], **arguments)
        if alone is not None:
            alone[row, kept] = answer[-2:]
        else:
            for one, values in zip(newest, answer, strict=True):
                one[row, kept] = values[-2:]
    return {
        line.id: np.where(np.isfinite(one), one, np.nan).T for line, one in zip(indicator.lines, newest, strict=True)
    }


def _whole_numbers(indicator: Indicator) -> bool:
    """Whether TA-Lib answers in whole numbers, which have no NaN before the warm-up."""
    return indicator.group == "Patterns" or indicator.function == "HT_TRENDMODE"


def _one_by_one(
    indicator: Indicator, settled: dict[str, float], columns: "Mapping[str, Floats]", spans: list[tuple[int, int, int]]
) -> "dict[str, Floats]":
    import numpy as np

    found = {line.id: np.full((2, len(spans)), np.nan) for line in indicator.lines}
    for row, start, end in spans:
        if end > start:
            lines = run(indicator, settled, {name: matrix[row, start:end] for name, matrix in columns.items()})
            for name, values in lines.items():
                newest = values[-2:]
                found[name][2 - len(newest) :, row] = newest
    return found
