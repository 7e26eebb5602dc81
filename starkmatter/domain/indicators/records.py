"""What an indicator is: its name, parameters with bounds, inputs, output lines, where it is drawn and in what unit."""

from dataclasses import dataclass
from typing import Literal

from starkmatter.errors import InvalidInput

Pane = Literal["price", "own"]
Drawn = Literal["line", "histogram", "dots"]
Input = Literal["open", "high", "low", "close", "volume", "session"]
Memory = Literal["window", "series"]

LONGEST_PERIOD = 500


@dataclass(frozen=True, slots=True)
class Parameter:
    """One figure an indicator takes. `feeds` are the TA-Lib arguments that get it; `whole`: no fractions."""

    name: str
    title: str
    default: float
    least: float
    most: float
    whole: bool
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One output."""

    id: str
    title: str
    drawn: Drawn = "line"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry of the catalogue.

    `function` is TA-Lib's name of it, or the name of one of ours in `own`. `pane`: `price` lies on the candles and has
    their unit. `unit`: what the values are (`price`, `percent` 0..100, `points`, `ratio`, `shares`, `bars`, `degrees`).
    `memory`: a value of `window` depends on the newest warm-up bars alone, to the last bit; one of `series` on all bars
    from the first. `levels` are lines that people compare with, such as 30 and 70.
    """

    name: str
    title: str
    group: str
    function: str
    inputs: tuple[Input, ...]
    parameters: tuple[Parameter, ...]
    lines: tuple[Line, ...]
    pane: Pane
    unit: str
    memory: Memory
    levels: tuple[float, ...] = ()

    def settle(self, given: "dict[str, float] | None" = None) -> dict[str, float]:
        """All parameters in order: the given ones, checked against their bounds, and defaults for the others.

        Whole ones come as int. InvalidInput names the parameter that is unknown or out of bounds.
        """
        left = dict(given or {})
        settled: dict[str, float] = {}
        for one in self.parameters:
            value = left.pop(one.name, one.default)
            bounds = f"{self.name}: {one.name} must be from {one.least:g} to {one.most:g}"
            if not one.least <= value <= one.most:
                raise InvalidInput(f"{bounds}.")
            if one.whole and value != int(value):
                raise InvalidInput(f"{bounds}, without a fraction.")
            settled[one.name] = int(value) if one.whole else float(value)
        if left:
            known = ", ".join(one.name for one in self.parameters) or "none"
            raise InvalidInput(f"{self.name}: no parameter {next(iter(left))[:20]!r}; there are: {known}.")
        return settled


def whole(name: str, default: int, *feeds: str, least: int = 2, most: int = LONGEST_PERIOD) -> Parameter:
    """A count of bars."""
    return Parameter(name, _title(name), default, least, most, True, feeds)


def real(name: str, default: float, *feeds: str, least: float, most: float) -> Parameter:
    """A figure that may have a fraction."""
    return Parameter(name, _title(name), default, least, most, False, feeds)


def period(default: int, *, least: int = 2) -> Parameter:
    """The commonest parameter."""
    return whole("period", default, "timeperiod", least=least)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
