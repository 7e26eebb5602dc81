"""What holdings are worth on many days: exact to the millionth, and about as fast as the plain floats of numpy.

Shares are whole numbers of billionths, worths of millionths of the currency, as the database keeps them, and prices of
ten-billionths: a coin can cost little. Each worth is the exact product, rounded to the millionth half to even. Products
are taken in doubles, whose error is known; the few that lie so near to the middle of two millionths that the error
could decide are told by exact integers. So is everything where 64 bits would not hold the figures.
"""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

NANOS = 10**9
MICROS = 10**6
PRICE_SCALE = 10**10
PER_MICRO = NANOS * PRICE_SCALE // MICROS
DAYS_AT_ONCE = 32
"""So many days of 500 symbols stay in the processor's cache from step to step."""
MICROS_A_PRODUCT = 1.0 / PER_MICRO  # to multiply by: a quotient takes four times as long
# Two conversions, that constant and two products are each off by half a unit in the last place at most: 5 x 2 ** -53
# together, which is less than this.
RELATIVE_ERROR = 2.0**-50
MOST = 2.0**62
# Of 64 bits, or of any size.
Whole = NDArray[Any]


def scaled(values: Iterable[Decimal], scale: int) -> Whole:
    """Decimals as whole numbers of `1 / scale`, half to even where one is finer; of any size where 64 bits are few."""
    found = [int((value * scale).to_integral_value(ROUND_HALF_EVEN)) for value in values]
    try:
        return np.array(found, dtype=np.int64)
    except OverflowError:
        return np.array(found, dtype=object)


def holdings_and_worths(days: Whole, symbols: Whole, nanos: Whole, prices: Whole) -> Iterator[tuple[Whole, Whole]]:
    """For a few days at a time what is held at their ends and what it is worth, both of shape (days, symbols).

    The moves (place of the day, of the symbol, shares) are in the order of days; `prices` have shape (days, symbols).
    The arrays are used again for the next days. No day's worths sum to more than 64 bits hold, or they are of any size.
    """
    small = nanos.dtype != object and prices.dtype != object
    if small and np.abs(nanos.astype(float)).sum() * prices.max(initial=0) / PER_MICRO < MOST:
        return _quickly(days, symbols, nanos, prices)
    return _slowly(days, symbols, nanos.astype(object), prices.astype(object))


def values_by_day(days: Whole, symbols: Whole, nanos: Whole, prices: Whole) -> Whole:
    """What all holdings together are worth at the end of each day, in millionths; arguments as above."""
    sums = [worth.sum(axis=1) for _, worth in holdings_and_worths(days, symbols, nanos, prices)]
    return np.concatenate(sums) if sums else np.zeros(0, np.int64)


def _quickly(days: Whole, symbols: Whole, nanos: Whole, prices: Whole) -> Iterator[tuple[Whole, Whole]]:
    count, width = prices.shape
    edges = np.searchsorted(days, np.arange(0, count + DAYS_AT_ONCE, DAYS_AT_ONCE))
    held, worth = np.zeros((DAYS_AT_ONCE, width), np.int64), np.empty((DAYS_AT_ONCE, width), np.int64)
    carried = np.zeros(width, np.int64)
    room = np.empty((2, DAYS_AT_ONCE, width))
    for number, start in enumerate(range(0, count, DAYS_AT_ONCE)):
        length = min(DAYS_AT_ONCE, count - start)
        some = slice(edges[number], edges[number + 1])
        held[:] = 0
        held[0] = carried
        np.add.at(held, (days[some] - start, symbols[some]), nanos[some])
        np.cumsum(held, axis=0, out=held)
        carried[:] = held[length - 1]
        _worths(held[:length], prices[start : start + length], worth[:length], room[:, :length])
        yield held[:length], worth[:length]


def _worths(nanos: Whole, prices: Whole, found: Whole, room: NDArray[np.float64]) -> None:
    product, nearest = room
    # Copied into doubles first: a product that converts as it goes takes twice as long.
    product[...] = nanos
    nearest[...] = prices
    product *= nearest
    product *= MICROS_A_PRODUCT
    np.rint(product, out=nearest)
    found[...] = nearest
    # The nearer to the middle of two millionths, the larger the distance to the nearest one, up to a half. As a rule
    # even the error of the largest product cannot carry the farthest one over that, and nobody looks at each.
    product -= nearest
    farthest = max(product.max(initial=0.0), -product.min(initial=0.0))
    largest = max(nearest.max(initial=0.0), -nearest.min(initial=0.0)) + 1
    if farthest + largest * RELATIVE_ERROR < 0.5:
        return
    np.abs(product, out=product)
    np.abs(nearest, out=nearest)
    nearest += 1
    nearest *= RELATIVE_ERROR
    nearest += product
    for place in zip(*np.nonzero(nearest >= 0.5), strict=True):
        found[place] = _exactly(int(nanos[place]), int(prices[place]))


def _slowly(days: Whole, symbols: Whole, nanos: Whole, prices: Whole) -> Iterator[tuple[Whole, Whole]]:
    count, width = prices.shape
    held = np.zeros(width, dtype=object)
    edges = np.searchsorted(days, np.arange(count + 1))
    for day in range(count):
        some = slice(edges[day], edges[day + 1])
        np.add.at(held, symbols[some], nanos[some])
        worth = [_exactly(*both) for both in zip(held.tolist(), prices[day].tolist(), strict=True)]
        yield held.reshape(1, -1), np.array([worth], dtype=object)


def _exactly(nanos: int, price: int) -> int:
    whole, rest = divmod(nanos * price, PER_MICRO)
    return whole + (2 * rest > PER_MICRO or (2 * rest == PER_MICRO and whole % 2))
