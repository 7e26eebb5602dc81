"""Risk figures of a series of periodic returns: how much they vary, fall, and move with a benchmark.

Statistics, not money: floats in, floats out, and never a NaN: what cannot be computed is an `Unmeasurable` with its
reason. A return is a ratio (0.0123 is 1.23 %) of one trading day; a year has 252 of them, the custom of the US market.
Variances are those of a sample (n - 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, isfinite, log1p, sqrt
from operator import mul
from statistics import NormalDist

from starkmatter.domain.performance import Unmeasurable

Figure = float | Unmeasurable
DAYS_A_YEAR = 252
TAIL = 0.05
# A spread this small beside the figures themselves is what rounding leaves of one that is none.
NO_SPREAD = 1e-12
TOO_FEW = Unmeasurable("It takes at least two days with a return.")
NO_VARIATION = Unmeasurable("The returns did not vary.")
NO_MARKET = Unmeasurable("The benchmark's returns did not vary.")
NO_LOSS = Unmeasurable("No day lay below the target.")
NO_FALL = Unmeasurable("The value never fell below a former high.")
ALL_LOST = Unmeasurable("Everything was lost, or more.")


@dataclass(frozen=True, slots=True)
class Fall:
    """A fall below a former high, by places in the series of values: `depth` in [-1, 0), `recovered` None while below.

    Place 0 is the value before the first return.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None


@dataclass(frozen=True, slots=True)
class Rolling:
    """Figures of the window that ends with the return at place `at`."""

    at: int
    volatility: Figure
    sharpe: Figure
    beta: Figure


def daily_rate(annual: float) -> float:
    """The rate of one day that compounds to `annual` (above -1) over a year."""
    return exp(log1p(annual) / DAYS_A_YEAR) - 1


def annual_return(returns: Sequence[float]) -> Figure:
    """The constant yearly return with the same end: (product of (1 + r)) ** (252 / n) - 1."""
    if not returns:
        return TOO_FEW
    if any(one <= -1 for one in returns):
        return ALL_LOST
    return _finite(exp(fsum(log1p(one) for one in returns) * DAYS_A_YEAR / len(returns)) - 1)


def volatility(returns: Sequence[float]) -> Figure:
    """The standard deviation of a year: that of the days times the root of 252 (days taken as independent)."""
    return TOO_FEW if len(returns) < 2 else _finite(_deviation(returns) * sqrt(DAYS_A_YEAR))


def downside_deviation(returns: Sequence[float], target: float = 0.0) -> Figure:
    """The same of what lies below a daily `target` only: root of the mean of min(r - target, 0) ** 2, over all days.

    Sortino and van der Meer, "Downside risk", Journal of Portfolio Management 17 (1991).
    """
    if len(returns) < 2:
        return TOO_FEW
    below = fsum(min(one - target, 0.0) ** 2 for one in returns) / len(returns)
    return _finite(sqrt(below) * sqrt(DAYS_A_YEAR))


def sharpe(returns: Sequence[float], risk_free: float = 0.0) -> Figure:
    """Mean of what a day brought above the daily rate `risk_free`, by its deviation, times the root of 252.

    Sharpe, "The Sharpe ratio", Journal of Portfolio Management 21 (1994).
    """
    if len(returns) < 2:
        return TOO_FEW
    above = [one - risk_free for one in returns]
    deviation = _deviation(above)
    if not _varies(above, deviation):
        return NO_VARIATION
    return _finite(_mean(above) / deviation * sqrt(DAYS_A_YEAR))


def sortino(returns: Sequence[float], target: float = 0.0) -> Figure:
    """A year's mean return above a daily `target`, by the downside deviation (Sortino and van der Meer, 1991)."""
    below = downside_deviation(returns, target)
    if isinstance(below, Unmeasurable):
        return below
    above = _mean([one - target for one in returns]) * DAYS_A_YEAR
    return _finite(above / below) if below > 0 else NO_LOSS


def calmar(returns: Sequence[float]) -> Figure:
    """The yearly return by the depth of the deepest fall (Young, Futures magazine, October 1991; here of all days)."""
    yearly, found = annual_return(returns), falls(returns)
    if isinstance(yearly, Unmeasurable):
        return yearly
    return _finite(yearly / -found[0].depth) if found else NO_FALL


def falls(returns: Sequence[float]) -> list[Fall]:
    """Every fall of the value below a former high, the deepest first; the first of equals first."""
    found: list[Fall] = []
    value = peak = 1.0
    begun, trough, lowest = 0, 0, 0.0
    for place, one in enumerate(returns, start=1):
        value *= 1 + one
        if value >= peak:
            if lowest < 0:
                found.append(Fall(lowest, begun, trough, place))
            peak, begun, lowest = value, place, 0.0
        elif value / peak - 1 < lowest:
            lowest, trough = value / peak - 1, place
    if lowest < 0:
        found.append(Fall(lowest, begun, trough, None))
    return sorted(found, key=lambda fall: fall.depth)


def value_at_risk(returns: Sequence[float], tail: float = TAIL) -> Figure:
    """What a day brought at worst in all but the share `tail` of days: that quantile of the days there were.

    Between two days in proportion (Hyndman and Fan, "Sample quantiles", 1996, type 7). Negative for a loss.
    """
    if len(returns) < 2:
        return TOO_FEW
    ordered = sorted(returns)
    at = (len(ordered) - 1) * tail
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return _finite(ordered[low] + (at - low) * (ordered[high] - ordered[low]))


def expected_shortfall(returns: Sequence[float], tail: float = TAIL) -> Figure:
    """The mean of the days that are no better than the value at risk (CVaR).

    Rockafellar and Uryasev, "Optimization of conditional value-at-risk", Journal of Risk 2 (2000).
    """
    if len(returns) < 2:
        return TOO_FEW
    worst = sorted(returns)[: int((len(returns) - 1) * tail) + 1]
    return _finite(_mean(worst))


def parametric_value_at_risk(returns: Sequence[float], tail: float = TAIL) -> Figure:
    """The same quantile if days were normally distributed with their mean and deviation (J.P. Morgan, RiskMetrics)."""
    if len(returns) < 2:
        return TOO_FEW
    return _finite(_mean(returns) + NormalDist().inv_cdf(tail) * _deviation(returns))


def parametric_shortfall(returns: Sequence[float], tail: float = TAIL) -> Figure:
    """The mean beyond that quantile under the same assumption: mean - deviation x density(z) / tail."""
    if len(returns) < 2:
        return TOO_FEW
    normal = NormalDist()
    return _finite(_mean(returns) - _deviation(returns) * normal.pdf(normal.inv_cdf(tail)) / tail)


def beta(returns: Sequence[float], market: Sequence[float], risk_free: float = 0.0) -> Figure:
    """By how much the returns move when the benchmark's move by one: covariance by variance (Sharpe, CAPM, 1964)."""
    if len(returns) < 2:
        return TOO_FEW
    mine, theirs = [one - risk_free for one in returns], [one - risk_free for one in market]
    if not _varies(theirs, _deviation(theirs)):
        return NO_MARKET
    mean_mine, mean_theirs = _mean(mine), _mean(theirs)
    across = fsum((x - mean_mine) * (y - mean_theirs) for x, y in zip(mine, theirs, strict=True))
    return _finite(across / fsum((y - mean_theirs) ** 2 for y in theirs))


def alpha(returns: Sequence[float], market: Sequence[float], risk_free: float = 0.0) -> Figure:
    """What a year brought beyond what beta explains (Jensen, 1968): a day's mean of it, compounded over a year."""
    slope = beta(returns, market, risk_free)
    if isinstance(slope, Unmeasurable):
        return slope
    beyond = _mean(
        [(one - risk_free) - slope * (other - risk_free) for one, other in zip(returns, market, strict=True)]
    )
    return ALL_LOST if beyond <= -1 else _finite(exp(log1p(beyond) * DAYS_A_YEAR) - 1)


def tracking_error(returns: Sequence[float], market: Sequence[float]) -> Figure:
    """The volatility of the difference between the returns and the benchmark's."""
    return volatility([one - other for one, other in zip(returns, market, strict=True)])


def correlation(returns: Sequence[float], market: Sequence[float]) -> Figure:
    """Pearson's coefficient, -1 to 1."""
    if len(returns) < 2:
        return TOO_FEW
    if not _varies(returns, _deviation(returns)):
        return NO_VARIATION
    if not _varies(market, _deviation(market)):
        return NO_MARKET
    mean_mine, mean_theirs = _mean(returns), _mean(market)
    across = fsum((x - mean_mine) * (y - mean_theirs) for x, y in zip(returns, market, strict=True))
    along = fsum((x - mean_mine) ** 2 for x in returns) * fsum((y - mean_theirs) ** 2 for y in market)
    return max(-1.0, min(1.0, across / sqrt(along))) if along > 0 else NO_VARIATION


def rolling(
    returns: Sequence[float], market: Sequence[float | None], window: int, risk_free: float = 0.0
) -> list[Rolling]:
    """Volatility, Sharpe ratio and beta of each `window` returns in a row; beta where the benchmark has all of them."""
    found = []
    root = sqrt(DAYS_A_YEAR)
    for end in range(window, len(returns) + 1):
        mine, theirs = returns[end - window : end], market[end - window : end]
        # What the figures have in common is computed once: there are as many windows as days.
        mean = _mean(mine)
        apart = [one - mean for one in mine]
        deviation = sqrt(fsum(map(mul, apart, apart)) / (window - 1))
        varies = deviation > NO_SPREAD * max(abs(max(mine) - risk_free), abs(min(mine) - risk_free))
        ratio = _finite((mean - risk_free) / deviation * root) if varies else NO_VARIATION
        slope = NO_MARKET if None in theirs else _slope(apart, [one for one in theirs if one is not None], risk_free)
        found.append(Rolling(end - 1, _finite(deviation * root), ratio, slope))
    return found


def _slope(apart: Sequence[float], theirs: Sequence[float], risk_free: float) -> Figure:
    """Beta from how far the returns lie from their mean, and the benchmark's returns."""
    mean = _mean(theirs)
    others = [one - mean for one in theirs]
    squares = fsum(map(mul, others, others))
    largest = max(abs(max(theirs) - risk_free), abs(min(theirs) - risk_free))
    if not sqrt(squares / (len(theirs) - 1)) > NO_SPREAD * largest:
        return NO_MARKET
    return _finite(fsum(map(mul, apart, others)) / squares)


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    mean = _mean(values)
    return sqrt(fsum((one - mean) ** 2 for one in values) / (len(values) - 1))


def _varies(values: Sequence[float], deviation: float) -> bool:
    return deviation > NO_SPREAD * max(abs(one) for one in values)


def _finite(value: float) -> Figure:
    return value if isfinite(value) else Unmeasurable("The figure is too large to be told.")
