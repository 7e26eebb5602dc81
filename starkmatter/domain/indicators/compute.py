"""The numbers of an indicator over a series of bars, by TA-Lib (BSD, ta-lib.org). Loads numpy and TA-Lib when called.

A series is a mapping of equally long float64 arrays, oldest bar first: `open`, `high`, `low`, `close`, `volume` (NaN or
absent: no volume) and `session` (any number that changes with each session; absent: one session).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from starkmatter.domain.indicators.catalog import find
from starkmatter.domain.indicators.records import Indicator, Input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def compute(name: str, parameters: dict[str, float] | None, series: "Mapping[str, Floats]") -> "dict[str, Floats]":
    """The lines of an indicator, each as long as the series, NaN before its warm-up and where it has no value.

    Parameters that are not given take their defaults. Where only some bars have a volume, the others count as zero;
    where none has, an indicator that needs it has no values. Infinite values are NaN. InvalidInput: unknown name or a
    parameter out of bounds.
    """
    indicator = find(name)
    return run(indicator, indicator.settle(parameters), series)


def run(indicator: Indicator, settled: dict[str, float], series: "Mapping[str, Floats]") -> "dict[str, Floats]":
    """The same with parameters that `Indicator.settle` has given."""
    import numpy as np

    length = len(series["close"])
    nothing = {line.id: np.full(length, np.nan) for line in indicator.lines}
    inputs = [_input(name, series) for name in indicator.inputs]
    if not length or any(bool(np.all(np.isnan(one))) for one in inputs):
        return nothing
    answers = _call(indicator, inputs, settled)
    return {line.id: _clean(values) for line, values in zip(indicator.lines, answers, strict=True)}


def _call(indicator: Indicator, inputs: "list[Floats]", settled: dict[str, float]) -> "tuple[Floats, ...]":
    import numpy as np
    import talib

    if indicator.function.islower():
        from starkmatter.domain.indicators import own

        ours: tuple[Floats, ...] = getattr(own, indicator.function)(*inputs, **settled)
        return ours
    arguments = {feed: settled[one.name] for one in indicator.parameters for feed in one.feeds}
    found = getattr(talib, indicator.function)(*inputs, **arguments)
    answers = tuple(found) if isinstance(found, list | tuple) else (found,)
    if any(one.dtype != np.float64 for one in answers):
        # Whole numbers have no NaN: TA-Lib says separately how many of the first mean nothing.
        warm_up = import_module("talib.abstract").Function(indicator.function).lookback
        answers = tuple(one.astype(np.float64) for one in answers)
        for one in answers:
            one[:warm_up] = np.nan
    return answers


def _input(name: Input, series: "Mapping[str, Floats]") -> "Floats":
    import numpy as np

    length = len(series["close"])
    if name == "session":
        return series.get("session", np.zeros(length))
    values = series.get(name, np.full(length, np.nan))
    if name == "volume" and bool(np.any(np.isnan(values))) and not bool(np.all(np.isnan(values))):
        return np.nan_to_num(values, nan=0.0)
    return np.ascontiguousarray(values, dtype=np.float64)


def _clean(values: "Floats") -> "Floats":
    import numpy as np

    return np.where(np.isfinite(values), values, np.nan)
