"""How closed prices of several symbols move together: correlations of daily returns over common sessions.

Statistics, not money: floats. Pearson's coefficient of simple returns; None where two symbols share too few sessions or
one of them does not move.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from math import sqrt

LEAST_COMMON = 10

Closes = Sequence[tuple[date, Decimal]]


def correlation_table(closes: Mapping[str, Closes]) -> list[list[float | None]]:
    """A row and a column for each symbol, in their order, from -1 to 1; the diagonal is 1 where there are returns.

    `closes` are (session, close), oldest first. A pair is compared on the sessions both have, from one common session
    to the next.
    """
    by_day = [dict(one) for one in closes.values()]
    size = len(by_day)
    table: list[list[float | None]] = [[None] * size for _ in range(size)]
    for row in range(size):
        for column in range(row, size):
            table[row][column] = table[column][row] = _correlation(by_day[row], by_day[column])
    return table


def _correlation(one: Mapping[date, Decimal], other: Mapping[date, Decimal]) -> float | None:
    common = sorted(one.keys() & other.keys())
    first = _returns([float(one[day]) for day in common])
    second = _returns([float(other[day]) for day in common])
    count = len(first)
    if count < LEAST_COMMON or None in first or None in second:
        return None
    xs = [value for value in first if value is not None]
    ys = [value for value in second if value is not None]
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    across = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    along_x, along_y = sum((x - mean_x) ** 2 for x in xs), sum((y - mean_y) ** 2 for y in ys)
    if along_x <= 0 or along_y <= 0:
        return None
    return max(-1.0, min(1.0, across / sqrt(along_x * along_y)))


def _returns(closes: Sequence[float]) -> list[float | None]:
    return [after / before - 1 if before > 0 else None for before, after in pairwise(closes)]
