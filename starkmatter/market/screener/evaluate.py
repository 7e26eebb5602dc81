"""One screen, and the map with the movers, over a universe as it stands: plain numbers in, JSON out."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starkmatter.domain.indicators.many import newest_two
from starkmatter.domain.screening import Condition, FieldRef, Figure, Screen
from starkmatter.market.screener.figures import field_values
from starkmatter.market.screener.indicators import settle
from starkmatter.market.screener.universe import Floats, Universe

MAX_KEPT = 64
MAX_ROWS = 500
MAX_TILES = 400
MOVERS = 15
MAX_SECTORS = 60
EPOCH = date(1970, 1, 1)
DECIMALS = 6

Answer = dict[str, Any]


class Figures:
    """The figures of one universe, each computed once until a bar changes."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self._generation = -1
        self._kept: dict[str, dict[str, Floats]] = {}

    def of(self, figure: Figure) -> Floats:
        """Two rows, before and now. InvalidInput for an indicator that is unknown or has such parameters not."""
        if self._generation != self.universe.generation or len(self._kept) >= MAX_KEPT:
            self._kept.clear()
            self._generation = self.universe.generation
        if isinstance(figure, FieldRef):
            if figure.text not in self._kept:
                self._kept[figure.text] = {"": field_values(self.universe, figure.name)}
            return self._kept[figure.text][""]
        indicator, settled, line = settle(figure)
        key = f"{indicator.name}:{list(settled.values())}"
        if key not in self._kept:
            universe = self.universe
            self._kept[key] = newest_two(indicator, settled, universe.columns, universe.starts, universe.ends)
        return self._kept[key][line]


def run_screen(figures: Figures, screen: Screen, limit: int) -> Answer:
    """How many symbols fit, and the first of them in the screen's order with its columns."""
    universe = figures.universe
    fits = _chosen(universe, screen) & (universe.counts > 0)
    for condition in screen.conditions:
        fits &= holds(figures, condition)
    order = figures.of(screen.sort)[1]
    places = np.flatnonzero(fits)
    # Symbols without the figure come last, whichever way; equal ones by their symbols, as the rows are.
    keyed = np.where(np.isnan(order), np.inf, -order if screen.descending else order)[places]
    places = places[np.argsort(keyed, kind="stable")]
    columns = [figures.of(one)[1] for one in screen.columns]
    newest = universe.newest_days()
    latest = int(newest.max(initial=0))
    rows = [
        about(universe, int(place), newest, latest) | {"values": [_text(column[place]) for column in columns]}
        for place in places[: max(1, min(limit, MAX_ROWS))]
    ]
    sectors = sorted({one.sector for one in universe.listed if one.sector})
    return {
        "symbols": int(np.count_nonzero(universe.counts)),
        "count": len(places),
        "rows": rows,
        "sectors": sectors[:MAX_SECTORS],
    }


def holds(figures: Figures, condition: Condition) -> NDArray[np.bool_]:
    """For each symbol whether the condition holds; never where a value is missing."""
    left = figures.of(condition.left)
    right = (
        np.full((2, 1), float(condition.right)) if isinstance(condition.right, Decimal) else figures.of(condition.right)
    )
    with np.errstate(invalid="ignore"):
        match condition.op:
            case "above":
                return np.asarray(left[1] > right[1])
            case "below":
                return np.asarray(left[1] < right[1])
            case "crosses_above":
                return np.asarray((left[0] <= right[0]) & (left[1] > right[1]))
            case "crosses_below":
                return np.asarray((left[0] >= right[0]) & (left[1] < right[1]))


def _chosen(universe: Universe, screen: Screen) -> NDArray[np.bool_]:
    kinds, sectors = set(screen.kinds), set(screen.sectors)
    return np.array(
        [(not kinds or one.kind in kinds) and (not sectors or one.sector in sectors) for one in universe.listed],
        dtype=bool,
    )


def overview(figures: Figures) -> Answer:
    """The map's tiles, largest traded value first, and the movers; only of symbols that have the newest session.

    An index is no tile: it cannot be bought, and its volume is that of its parts.
    """
    universe = figures.universe
    newest = universe.newest_days()
    latest = int(newest.max(initial=0))
    counted = np.array([one.tradable and one.kind != "index" for one in universe.listed], dtype=bool)
    price, change = figures.of(FieldRef("price"))[1], figures.of(FieldRef("change_pct"))[1]
    volume, value = figures.of(FieldRef("volume"))[1], figures.of(FieldRef("traded_value"))[1]
    current = counted & (newest == latest) & ~np.isnan(change)

    def row(place: int) -> Answer:
        figures_of = {"last": price, "change_pct": change, "volume": volume, "traded_value": value}
        return about(universe, place, newest, latest) | {name: _text(one[place]) for name, one in figures_of.items()}

    def first(order: Floats, where: NDArray[np.bool_], count: int) -> list[Answer]:
        places = np.flatnonzero(where & ~np.isnan(order))
        return [row(int(place)) for place in places[np.argsort(-order[places], kind="stable")][:count]]

    ranked = np.where(np.isnan(value), 0.0, value)
    return {
        "symbols": int(np.count_nonzero(counted)),
        "current": int(np.count_nonzero(current)),
        "tiles": first(ranked, current, MAX_TILES),
        "gainers": first(change, current & (change > 0), MOVERS),
        "losers": first(-change, current & (change < 0), MOVERS),
        "active": first(price * volume, current, MOVERS),
    }


def about(universe: Universe, place: int, newest: NDArray[np.int32], latest: int) -> Answer:
    """Who the symbol is, the day of its newest bar, and whether others have a newer one."""
    one, day = universe.listed[place], int(newest[place])
    return {
        "symbol": one.symbol,
        "name": one.name,
        "kind": one.kind,
        "sector": one.sector,
        "exchange": one.exchange,
        "currency": one.currency,
        "day": (EPOCH + timedelta(days=day)).isoformat() if day else None,
        "stale": day < latest,
    }


def _text(value: float) -> str | None:
    """Six decimals at most, none that says nothing; None for no value."""
    if np.isnan(value):
        return None
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
