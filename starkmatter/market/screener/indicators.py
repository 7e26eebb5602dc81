"""Indicators of a screen against the catalogue: which there are, and with what parameters. Loads no numbers."""

from starkmatter.domain.indicators.catalog import CATALOG, find
from starkmatter.domain.indicators.records import Indicator
from starkmatter.domain.screening import FieldRef, IndicatorRef, Screen
from starkmatter.errors import InvalidInput

OF_DAYS = {name: one for name, one in CATALOG.items() if "session" not in one.inputs}


def settle(figure: IndicatorRef) -> tuple[Indicator, dict[str, float], str]:
    """The indicator, its parameters and the asked line; InvalidInput when the catalogue has none such."""
    indicator = find(figure.name)
    if indicator.name not in OF_DAYS:
        raise InvalidInput(f"{indicator.name} is one of bars inside a day; a screen looks at days.")
    if len(figure.parameters) > len(indicator.parameters):
        raise InvalidInput(f"{indicator.name} takes {len(indicator.parameters)} parameters.")
    given = {one.name: float(value) for one, value in zip(indicator.parameters, figure.parameters, strict=False)}
    lines = [line.id for line in indicator.lines]
    if figure.output and figure.output not in lines:
        raise InvalidInput(f"{indicator.name} has no {figure.output!r}; there are: {', '.join(lines)}.")
    return indicator, indicator.settle(given), figure.output or lines[0]


def check_screen(screen: Screen) -> None:
    """InvalidInput when the screen names an indicator, parameter or line that does not exist."""
    for figure in screen.figures:
        if not isinstance(figure, FieldRef):
            settle(figure)
