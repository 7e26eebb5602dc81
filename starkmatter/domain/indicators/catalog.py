"""All indicators by name, and the short form in which people and programs ask for them: `macd:12:26:9`."""

from dataclasses import dataclass

from starkmatter.domain.indicators.averages import AVERAGES, BANDS, PRICES
from starkmatter.domain.indicators.momentum import MOMENTUM
from starkmatter.domain.indicators.patterns import PATTERNS
from starkmatter.domain.indicators.records import Indicator
from starkmatter.domain.indicators.trend import TREND, VOLATILITY
from starkmatter.domain.indicators.volume import VOLUME
from starkmatter.errors import InvalidInput

CATALOG: dict[str, Indicator] = {
    one.name: one for one in (*AVERAGES, *BANDS, *PRICES, *MOMENTUM, *TREND, *VOLATILITY, *VOLUME, *PATTERNS)
}
GROUPS = tuple(dict.fromkeys(one.group for one in CATALOG.values()))
MAX_ASKED = 16
MAX_TEXT_CHARS = 600


@dataclass(frozen=True, slots=True)
class Asked:
    """An indicator with all its parameters settled."""

    indicator: Indicator
    parameters: dict[str, float]

    @property
    def text(self) -> str:
        """The short form with every parameter, such as `macd:12:26:9`."""
        return ":".join([self.indicator.name, *(f"{value:g}" for value in self.parameters.values())])

    @property
    def title(self) -> str:
        """For a person: `MACD 12, 26, 9`."""
        return f"{self.indicator.title} {', '.join(f'{value:g}' for value in self.parameters.values())}".rstrip()


def find(name: str) -> Indicator:
    """The indicator of that name, or InvalidInput."""
    if name not in CATALOG:
        raise InvalidInput(f"There is no indicator {name[:30]!r}; /api/v1/indicators/catalogue lists all.")
    return CATALOG[name]


def read_asked(text: str) -> list[Asked]:
    """`sma:20,macd:12:26:9` read: parameters in the catalogue's order, those left out take their defaults.

    Each is named once. InvalidInput says what cannot be read, is unknown or out of bounds.
    """
    parts = list(dict.fromkeys(part.strip() for part in text[:MAX_TEXT_CHARS].split(",") if part.strip()))
    if not 1 <= len(parts) <= MAX_ASKED or len(text) > MAX_TEXT_CHARS:
        raise InvalidInput(f"names: 1 to {MAX_ASKED} indicators, separated by commas, such as sma:20,rsi:14.")
    return [_read_one(part) for part in parts]


def _read_one(part: str) -> Asked:
    name, *figures = part.split(":")
    indicator = find(name.lower())
    if len(figures) > len(indicator.parameters):
        raise InvalidInput(f"{indicator.name} takes {len(indicator.parameters)} parameters, not {len(figures)}.")
    given: dict[str, float] = {}
    for one, figure in zip(indicator.parameters, figures, strict=False):
        if figure:
            try:
                given[one.name] = float(figure)
            except ValueError:
                raise InvalidInput(f"{indicator.name}: {one.name} must be a number, not {figure[:20]!r}.") from None
    return Asked(indicator, indicator.settle(given))
