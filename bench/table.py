"""One row per measurement, and how a table of them is printed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, the floor it is held against, value over floor, and the greatest ratio that is good enough.

    `ratio` and `target` are None where a figure is only reported.
    """

    name: str
    value_text: str
    floor_text: str
    ratio: float | None = None
    target: float | None = None

    @property
    def passed(self) -> bool:
        return self.ratio is None or self.target is None or self.ratio <= self.target


def format_rows(rows: Sequence[Row]) -> str:
    """A plain-text table."""
    cells = [("measurement", "value", "floor", "ratio", "target", "")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        target = "" if row.target is None else f"<= {row.target:.2f}x"
        verdict = "" if row.ratio is None or row.target is None else "ok" if row.passed else "MISSED"
        cells.append((row.name, row.value_text, row.floor_text, ratio, target, verdict))
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
