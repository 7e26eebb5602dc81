"""The figures of all symbols at once: what `domain.screening` names, as two rows of numbers, before and now.

NaN is no value: no condition holds on it. Sums that lack a bar have none either.
"""

import warnings
from collections.abc import Callable

import numpy as np

from starkmatter.domain.screening import FIELDS
from starkmatter.market.screener.universe import Floats, Universe

SESSIONS_PER_YEAR = 252
AVERAGED = 20
MOMENTA = {
    "momentum_1w_pct": 5,
    "momentum_1m_pct": 21,
    "momentum_3m_pct": 63,
    "momentum_6m_pct": 126,
    "momentum_1y_pct": 252,
}


def field_values(universe: Universe, name: str) -> Floats:
    """Two rows, before and now, a column for each symbol; before is NaN where the field has no past."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN, as they should be
        now = _NOW[name](universe)
        before = _BEFORE[name](universe) if FIELDS[name].past else np.full(len(universe), np.nan)
    now[~np.isfinite(now)] = np.nan
    return np.stack([before, now])


def _change(universe: Universe, bars: int) -> Floats:
    found: Floats = (universe.ago("close", 0) / universe.ago("close", bars) - 1) * 100
    return found


def _gap(universe: Universe) -> Floats:
    found: Floats = (universe.ago("open", 0) / universe.ago("close", 1) - 1) * 100
    return found


def _range(universe: Universe) -> Floats:
    low = universe.ago("low", 0)
    found: Floats = (universe.ago("high", 0) - low) / low * 100
    return found


def _relative_volume(universe: Universe) -> Floats:
    found: Floats = universe.ago("volume", 0) / np.mean(universe.window("volume", AVERAGED, skip=1), axis=1)
    return found


def _traded_value(universe: Universe) -> Floats:
    found: Floats = np.nanmean(universe.window("close", AVERAGED) * universe.window("volume", AVERAGED), axis=1)
    return found


def _volatility(universe: Universe) -> Floats:
    returns = np.diff(np.log(universe.window("close", AVERAGED + 1)), axis=1)
    found: Floats = np.std(returns, axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR) * 100
    return found


def _from_high(universe: Universe) -> Floats:
    found: Floats = (universe.ago("close", 0) / np.nanmax(universe.window("high", SESSIONS_PER_YEAR), axis=1) - 1) * 100
    return found


def _from_low(universe: Universe) -> Floats:
    found: Floats = (universe.ago("close", 0) / np.nanmin(universe.window("low", SESSIONS_PER_YEAR), axis=1) - 1) * 100
    return found


_NOW: dict[str, Callable[[Universe], Floats]] = {
    "price": lambda universe: universe.ago("close", 0),
    "change_pct": lambda universe: _change(universe, 1),
    "gap_pct": _gap,
    "range_pct": _range,
    "volume": lambda universe: universe.ago("volume", 0),
    "relative_volume": _relative_volume,
    "traded_value": _traded_value,
    "volatility_pct": _volatility,
    "from_high_pct": _from_high,
    "from_low_pct": _from_low,
    "sessions": lambda universe: universe.counts.astype(np.float64),
} | {name: lambda universe, bars=bars: _change(universe, bars) for name, bars in MOMENTA.items()}

_BEFORE: dict[str, Callable[[Universe], Floats]] = {
    "price": lambda universe: universe.ago("close", 1),
    "volume": lambda universe: universe.ago("volume", 1),
}
