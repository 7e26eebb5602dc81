"""What goes over the wire about indicators."""

from starkmatter.api.schemas import Answer


class ParameterOut(Answer):
    name: str
    title: str
    default: float
    least: float
    most: float
    whole: bool


class LineOut(Answer):
    id: str
    title: str
    drawn: str


class IndicatorOut(Answer):
    """`pane` is `price` for what lies on the candles, else `own`; `unit` says what its values are."""

    name: str
    title: str
    group: str
    parameters: list[ParameterOut]
    inputs: list[str]
    lines: list[LineOut]
    pane: str
    unit: str
    levels: list[float]
