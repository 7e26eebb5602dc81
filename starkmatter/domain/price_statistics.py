"""What a line of daily prices says: returns, volatility, drawdown, averages, and how it moves with an index.

Prices are Decimals in order of time, oldest first, one per session. A figure that the line is too short for is None.
Ratios: 0.0123 is 1.23 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

SESSIONS_PER_YEAR = 252
PERIODS = {"1 week": 5, "1 month": 21, "3 months": 63, "1 year": 252}


@dataclass(frozen=True, slots=True)
class Comovement:
    """How a line moves with another over `sessions` common returns. `correlation` is -1 to 1."""

    beta: Decimal
    correlation: Decimal
    sessions: int


def period_return(closes: Sequence[Decimal], sessions: int) -> Decimal | None:
    """Price return over the last `sessions` sessions: C(t) / C(t-n) - 1."""
    if len(closes) <= sessions or closes[-1 - sessions] <= 0:
        return None
    return closes[-1] / closes[-1 - sessions] - 1


def daily_returns(closes: Sequence[Decimal]) -> list[Decimal]:
    """Simple returns from close to close."""
    return [after / before - 1 for before, after in pairwise(closes) if before > 0]


def annual_volatility(closes: Sequence[Decimal], sessions_a_year: int = SESSIONS_PER_YEAR) -> Decimal | None:
    """Sample standard deviation of daily log returns times the root of the sessions of a year.

    Hull, Options, Futures, and Other Derivatives, "Estimating volatility from historical data". None for fewer than
    twenty returns, or when a price is not positive.
    """
    if len(closes) < 21 or any(close <= 0 for close in closes):
        return None
    returns = [(after / before).ln() for before, after in pairwise(closes)]
    mean = sum(returns, Decimal(0)) / len(returns)
    variance = sum(((one - mean) ** 2 for one in returns), Decimal(0)) / (len(returns) - 1)
    return (variance * sessions_a_year).sqrt()


def below_peak(closes: Sequence[Decimal]) -> Decimal | None:
    """How far the last close lies under the highest one: 0 at a peak, -0.2 for a fifth below it."""
    peak = max(closes, default=Decimal(0))
    return closes[-1] / peak - 1 if peak > 0 else None


def max_drawdown(closes: Sequence[Decimal]) -> Decimal | None:
    """The deepest fall from a running peak, as a ratio of 0 or less (Magdon-Ismail and Atiya, 2004)."""
    if not closes or closes[0] <= 0:
        return None
    peak, deepest = closes[0], Decimal(0)
    for close in closes:
        peak = max(peak, close)
        deepest = min(deepest, close / peak - 1)
    return deepest


def moving_average(closes: Sequence[Decimal], sessions: int) -> Decimal | None:
    """The plain mean of the last `sessions` closes."""
    return sum(closes[-sessions:], Decimal(0)) / sessions if len(closes) >= sessions else None


def comovement(closes: Sequence[Decimal], others: Sequence[Decimal]) -> Comovement | None:
    """Beta and correlation of daily returns on the same sessions: `others` is the index, of equal length.

    beta = cov(r, m) / var(m) (Sharpe, 1964); correlation is Pearson's. None for fewer than twenty returns or when one
    of the two does not move.
    """
    if len(closes) != len(others):
        raise ValueError("both lines must have the same sessions")
    pairs = [
        (after / before - 1, after_m / before_m - 1)
        for (before, after), (before_m, after_m) in zip(pairwise(closes), pairwise(others), strict=True)
        if before > 0 and before_m > 0
    ]
    count = len(pairs)
    if count < 20:
        return None
    mean = sum((one for one, _ in pairs), Decimal(0)) / count
    mean_m = sum((other for _, other in pairs), Decimal(0)) / count
    covariance = sum(((one - mean) * (other - mean_m) for one, other in pairs), Decimal(0))
    variance = sum(((one - mean) ** 2 for one, _ in pairs), Decimal(0))
    variance_m = sum(((other - mean_m) ** 2 for _, other in pairs), Decimal(0))
    if not variance or not variance_m:
        return None
    return Comovement(covariance / variance_m, covariance / (variance * variance_m).sqrt(), count)
