"""Indicators that TA-Lib has no function for, or gives in another form than people draw. Loads numpy and TA-Lib.

Each takes its inputs in the catalogue's order and its parameters by name, and returns its lines in order, NaN where
there is no value.
"""

from itertools import pairwise

import numpy as np
import talib
from numpy.typing import NDArray

from starkmatter.domain.price_statistics import SESSIONS_PER_YEAR

Floats = NDArray[np.float64]


def session_vwap(high: Floats, low: Floats, close: Floats, volume: Floats, session: Floats) -> tuple[Floats]:
    """Sum of typical price times volume over sum of volume, from the start of each session (of the series: no sessions
    known). NaN until something was traded.
    """
    typical = (high + low + close) / 3
    turned, traded = np.empty_like(close), np.empty_like(close)
    starts = [0, *(np.flatnonzero(np.diff(session)) + 1), len(close)]
    for first, after in pairwise(starts):
        turned[first:after] = np.cumsum(typical[first:after] * volume[first:after])
        traded[first:after] = np.cumsum(volume[first:after])
    return (_divide(turned, traded),)


def supertrend(high: Floats, low: Floats, close: Floats, *, period: int, multiplier: float) -> tuple[Floats, Floats]:
    """TA-Lib's SUPERTREND as two lines: below a rising price and above a falling one."""
    line, trend = talib.SUPERTREND(high, low, close, timeperiod=period, multiplier=multiplier)
    rising = np.asarray(trend) > 0
    return np.where(rising, line, np.nan), np.where(rising, np.nan, line)


def ichimoku(high: Floats, low: Floats, *, conversion: int, base: int, span: int) -> tuple[Floats, ...]:
    """Hosoda's lines; the spans stand where they are drawn, `base` bars after what they are made of.

    The lagging line is left out: it is the close itself, drawn where it was not known yet.
    """
    fast, slow, wide = (talib.MIDPRICE(high, low, timeperiod=one) for one in (conversion, base, span))
    return fast, slow, _later((fast + slow) / 2, base), _later(wide, base)


def dmi(high: Floats, low: Floats, close: Floats, *, period: int) -> tuple[Floats, ...]:
    """Wilder's +DI, −DI and ADX together."""
    functions = (talib.PLUS_DI, talib.MINUS_DI, talib.ADX)
    return tuple(one(high, low, close, timeperiod=period) for one in functions)


def historical_volatility(close: Floats, *, period: int) -> tuple[Floats]:
    """Sample deviation of the logarithmic returns of `period` bars times the root of 252, in percent.

    Annual only for daily bars; for others it is the figure per root of 252 bars.
    """
    values = np.full_like(close, np.nan)
    if len(close) > period and bool(np.all(close > 0)):
        returns = np.diff(np.log(close))
        windows = np.lib.stride_tricks.sliding_window_view(returns, period)
        values[period:] = windows.std(axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR) * 100
    return (values,)


def band_width(close: Floats, *, period: int, width: float) -> tuple[Floats]:
    """Distance of the Bollinger bands in percent of the middle."""
    upper, middle, lower = talib.BBANDS(close, timeperiod=period, nbdevup=width, nbdevdn=width)
    return (_divide(upper - lower, middle) * 100,)


def percent_b(close: Floats, *, period: int, width: float) -> tuple[Floats]:
    """Where the close lies between the Bollinger bands: 0 at the lower, 1 at the upper."""
    upper, _, lower = talib.BBANDS(close, timeperiod=period, nbdevup=width, nbdevdn=width)
    return (_divide(close - lower, upper - lower),)


def _later(values: Floats, bars: int) -> Floats:
    shifted = np.full_like(values, np.nan)
    if len(values) > bars:
        shifted[bars:] = values[:-bars]
    return shifted


def _divide(over: Floats, under: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under != 0, over / under, np.nan)
