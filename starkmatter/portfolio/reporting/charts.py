"""The pictures of a report as SVG, drawn from its figures: no text, no script, colors by role.

What a picture says stands in words and figures beside it; here are only shapes. `paint` gives each role its color.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

WIDTH, HEIGHT, GAP = 720, 180, 6
LINE_POINTS = 400
Paint = Mapping[str, str]


def line_chart(lines: Mapping[str, Sequence[Decimal | None]], paint: Paint) -> str:
    """Lines over one another by role, on one scale, with the first value of the first one as level; None is a gap."""
    points = [float(value) for values in lines.values() for value in values if value is not None]
    if not points:
        return _svg("", paint)
    low, high = min(points), max(points)
    level = next((float(value) for values in lines.values() for value in values if value is not None), low)
    shapes = [f'<line x1="0" x2="{WIDTH}" y1="{_y(level, low, high)}" y2="{_y(level, low, high)}" '
              f'stroke="{paint["rule"]}" stroke-width="1"/>']  # fmt: skip
    for role, values in lines.items():
        for run in _runs(values):
            path = " ".join(f"{x:.1f},{_y(value, low, high)}" for x, value in run)
            shapes.append(
                f'<polyline points="{path}" fill="none" stroke="{paint[role]}" stroke-width="1.6" '
                'stroke-linejoin="round"/>'
            )
    return _svg("".join(shapes), paint)


def column_chart(values: Sequence[Decimal], paint: Paint) -> str:
    """Columns above and below zero, the ones above painted `up`."""
    if not values:
        return _svg("", paint)
    low, high = min(0.0, *map(float, values)), max(0.0, *map(float, values))
    step = WIDTH / len(values)
    width = max(1.0, min(48.0, step * 0.7))
    shapes = [_rule(_y(0.0, low, high), paint)]
    for number, value in enumerate(values):
        top, bottom = sorted((float(_y(float(value), low, high)), float(_y(0.0, low, high))))
        color = paint["up" if value >= 0 else "down"]
        shapes.append(_rect(number * step + (step - width) / 2, top, width, bottom - top, color))
    return _svg("".join(shapes), paint)


def waterfall_chart(start: Decimal, steps: Sequence[Decimal], end: Decimal, flows: Sequence[bool], paint: Paint) -> str:
    """From the level of the start by steps to that of the end; both stand as full columns. Flows are no gains and have
    a color of their own.
    """
    levels = [float(start)]
    for step in steps:
        levels.append(levels[-1] + float(step))
    low, high = min(0.0, *levels, float(end)), max(0.0, *levels, float(end))
    # A change of a hundredth of the value would not be seen from zero: the axis begins near the lowest level.
    spread = max(levels) - min(levels)
    if low == 0 and spread < high * 0.5:
        low = max(0.0, min(*levels, float(end)) - max(spread, high * 0.005))
    count = len(steps) + 2
    width = WIDTH / count * 0.7
    place = [number * WIDTH / count + WIDTH / count * 0.15 for number in range(count)]
    shapes = []
    for x, value in ((place[0], start), (place[-1], end)):
        top, bottom = sorted((float(_y(float(value), low, high)), float(_y(max(low, 0.0), low, high))))
        shapes.append(_rect(x, top, width, bottom - top, paint["whole"]))
    for number, step in enumerate(steps):
        top, bottom = sorted((float(_y(levels[number], low, high)), float(_y(levels[number + 1], low, high))))
        role = "own" if flows[number] else "up" if step >= 0 else "down"
        shapes.append(_rect(place[number + 1], top, width, bottom - top, paint[role]))
    return _svg("".join(shapes), paint)


def thinned(values: Sequence[Decimal | None]) -> list[Decimal | None]:
    """At most a few hundred of them, evenly, the first and the last among them."""
    if len(values) <= LINE_POINTS:
        return list(values)
    last = len(values) - 1
    return [values[round(number * last / (LINE_POINTS - 1))] for number in range(LINE_POINTS)]


def _runs(values: Sequence[Decimal | None]) -> list[list[tuple[float, float]]]:
    """The stretches without a gap, as (x, value)."""
    step = WIDTH / max(1, len(values) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number * step, float(value)))
    return [run for run in runs if run]


def _y(value: float, low: float, high: float) -> str:
    room = HEIGHT - 2 * GAP
    return f"{HEIGHT / 2:.1f}" if high == low else f"{GAP + (high - value) / (high - low) * room:.1f}"


def _rule(y: str, paint: Paint) -> str:
    return f'<line x1="0" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="{paint["rule"]}" stroke-width="1"/>'


def _rect(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 1):.1f}" fill="{color}"/>'


def _svg(shapes: str, paint: Paint) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'preserveAspectRatio="none">{shapes}</svg>'
    )
