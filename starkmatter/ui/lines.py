"""Series of values as SVG lines with the few words around them."""

from collections.abc import Sequence
from decimal import Decimal

from starkmatter.portfolio.records import EquityPoint
from starkmatter.ui import format as show

AREA_WIDTH, AREA_HEIGHT = 800, 200
PAD_RATIO = Decimal("0.08")


def line_points(values: Sequence[Decimal], width: int, height: int) -> str:
    """The points of an SVG line that fills the box; a flat line for one value, nothing for none."""
    if not values:
        return ""
    if len(values) == 1:
        values = [values[0], values[0]]
    step, low, high = Decimal(width) / (len(values) - 1), min(values), max(values)
    return " ".join(
        f"{float(step * number):.1f},{float(_height_of(value, low, high, height)):.1f}"
        for number, value in enumerate(values)
    )


def _height_of(value: Decimal, low: Decimal, high: Decimal, height: int) -> Decimal:
    if high == low:
        return Decimal(height) / 2
    pad = Decimal(height) * PAD_RATIO
    return pad + (high - value) / (high - low) * (Decimal(height) - 2 * pad)


def value_chart(points: Sequence[EquityPoint]) -> dict[str, str]:
    """Line, area, the level it began at, and the figures and instants at its edges; empty without points."""
    if not points:
        return {}
    values = [point.equity for point in points]
    line = line_points(values, AREA_WIDTH, AREA_HEIGHT)
    low, high = min(values), max(values)
    gained = values[-1] - values[0]
    return {
        "line": line,
        "area": f"0,{AREA_HEIGHT} {line} {AREA_WIDTH},{AREA_HEIGHT}",
        "start_y": f"{float(_height_of(values[0], low, high, AREA_HEIGHT)):.1f}",
        "high": show.money(high),
        "low": show.money(low),
        "middle": show.money((high + low) / 2),
        "from": show.exchange_minute(points[0].at),
        "to": show.exchange_minute(points[-1].at),
        "gained": show.change(gained),
        "gained_dir": show.direction(gained),
        "flat": "yes" if high == low else "",
    }
