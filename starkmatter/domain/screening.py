"""Screens: conditions on figures of symbols, all of which must hold, with columns and an order. Text in, record out.

A figure is a field (`price`), an indicator with its parameters in the catalogue's order (`rsi(14)`,
`macd(12, 26, 9).signal`) or a number. What cannot be read is refused in words; whether an indicator exists is for the
one who computes it to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

from starkmatter.errors import InvalidInput

Op = Literal["above", "below", "crosses_above", "crosses_below"]
Unit = Literal["price", "pct", "times", "shares", "money", "count"]

MAX_CONDITIONS = 10
MAX_COLUMNS = 10
MAX_CHOSEN = 20
MAX_TEXT_CHARS = 80
MAX_PARAMETERS = 8
OP_WORDS: dict[Op, str] = {
    "above": "above",
    "below": "below",
    "crosses_above": "crosses above",
    "crosses_below": "crosses below",
}
_CALL = re.compile(r"([a-z][a-z0-9_]{0,39})(?:\(([-0-9., ]{0,40})\))?(?:\.([a-z][a-z0-9_]{0,39}))?")
_LIMIT = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class FieldKind:
    """A figure every symbol has. `past`: the session before is known too, so that it can cross something."""

    title: str
    unit: Unit
    about: str
    past: bool = False


FIELDS: dict[str, FieldKind] = {
    "price": FieldKind("Last price", "price", "the newest price of the newest session", past=True),
    "change_pct": FieldKind("Change %", "pct", "against the close of the session before"),
    "gap_pct": FieldKind("Gap %", "pct", "the newest open against the close before it"),
    "range_pct": FieldKind("Day range %", "pct", "high less low of the newest session, of its low"),
    "volume": FieldKind("Volume", "shares", "shares of the newest session", past=True),
    "relative_volume": FieldKind("Volume / average", "times", "volume against its average of the 20 sessions before"),
    "traded_value": FieldKind("Traded value", "money", "close times volume, averaged over 20 sessions"),
    "volatility_pct": FieldKind("Volatility %", "pct", "of daily log returns of 20 sessions, for a year"),
    "momentum_1w_pct": FieldKind("1 week %", "pct", "price return of 5 sessions"),
    "momentum_1m_pct": FieldKind("1 month %", "pct", "price return of 21 sessions"),
    "momentum_3m_pct": FieldKind("3 months %", "pct", "price return of 63 sessions"),
    "momentum_6m_pct": FieldKind("6 months %", "pct", "price return of 126 sessions"),
    "momentum_1y_pct": FieldKind("1 year %", "pct", "price return of 252 sessions"),
    "from_high_pct": FieldKind("From 52-week high %", "pct", "0 at the highest price of 252 sessions, else less"),
    "from_low_pct": FieldKind("From 52-week low %", "pct", "0 at the lowest price of 252 sessions, else more"),
    "sessions": FieldKind("Sessions stored", "count", "how many daily bars the figures are made of"),
}
DEFAULT_COLUMNS = ("price", "change_pct", "relative_volume", "momentum_1m_pct", "volatility_pct")


@dataclass(frozen=True, slots=True)
class FieldRef:
    """One of FIELDS."""

    name: str

    @property
    def text(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class IndicatorRef:
    """An indicator with its first parameters in the catalogue's order; an empty `output` means its first line."""

    name: str
    parameters: tuple[Decimal, ...]
    output: str = ""

    @property
    def text(self) -> str:
        inside = ",".join(format(one, "f") for one in self.parameters)
        return self.name + f"({inside})" + (f".{self.output}" if self.output else "")


Figure = FieldRef | IndicatorRef


@dataclass(frozen=True, slots=True)
class Condition:
    """`left` lies above or below `right` now, or has crossed it since the session before."""

    left: Figure
    op: Op
    right: Figure | Decimal

    @property
    def words(self) -> str:
        """`RSI(14) below 30`."""
        right = f"{self.right:,f}" if isinstance(self.right, Decimal) else figure_title(self.right)
        return f"{figure_title(self.left)} {OP_WORDS[self.op]} {right}"


@dataclass(frozen=True, slots=True)
class Screen:
    """All conditions hold; none means every symbol. Empty `kinds` or `sectors` leave none out."""

    conditions: tuple[Condition, ...] = ()
    columns: tuple[Figure, ...] = field(default_factory=lambda: tuple(FieldRef(one) for one in DEFAULT_COLUMNS))
    sort: Figure = FieldRef("change_pct")
    descending: bool = True
    kinds: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure it needs, each once."""
        found: dict[Figure, None] = {}
        for one in self.conditions:
            found[one.left] = None
            if not isinstance(one.right, Decimal):
                found[one.right] = None
        return tuple(found | dict.fromkeys(self.columns) | {self.sort: None})


def figure_title(one: Figure) -> str:
    """What a person calls it: `Last price`, `RSI(14)`, `MACD(12, 26, 9) signal`."""
    if isinstance(one, FieldRef):
        return FIELDS[one.name].title
    inside = ", ".join(format(part, "f") for part in one.parameters)
    return one.name.upper() + (f"({inside})" if inside else "") + (f" {one.output}" if one.output else "")


def parse_figure(text: str) -> Figure:
    """A field or an indicator; InvalidInput when it is neither in form."""
    match = _CALL.fullmatch(" ".join(text.lower().split())) if len(text) <= MAX_TEXT_CHARS else None
    if match is None:
        raise InvalidInput(f"{text[:40]!r} is no figure: write price, rsi(14) or macd(12, 26, 9).signal.")
    name, inside, output = match.groups()
    if name in FIELDS and inside is None and output is None:
        return FieldRef(name)
    parts = [part.strip() for part in (inside or "").split(",") if part.strip()]
    if len(parts) > MAX_PARAMETERS:
        raise InvalidInput(f"{name}: {MAX_PARAMETERS} parameters at most.")
    return IndicatorRef(name, tuple(_number(part) for part in parts), output or "")


def parse_condition(left: str, op: str, right: str) -> Condition:
    """One condition; InvalidInput says what cannot be read or cannot cross."""
    if op not in get_args(Op):
        raise InvalidInput(f"A condition is one of {', '.join(get_args(Op))}.")
    figure = parse_figure(left)
    text = right.strip().replace("\N{MINUS SIGN}", "-")
    against = _number(text) if re.fullmatch(r"[-+]?[0-9][0-9_,]*(\.[0-9]+)?", text) else parse_figure(text)
    if op.startswith("crosses"):
        for one in (figure, against):
            if isinstance(one, FieldRef) and not FIELDS[one.name].past:
                raise InvalidInput(f"{FIELDS[one.name].title} has no former value that could cross.")
    return Condition(figure, op, against)  # type: ignore[arg-type]


def parse_screen(raw: Mapping[str, Any]) -> Screen:
    """A screen from its JSON form; InvalidInput names what is wrong with it.

    `{"conditions": [{"left": "rsi(14)", "op": "below", "right": "30"}], "columns": ["price"], "sort": "price",
    "descending": true, "kinds": [], "sectors": []}`; every part may be left out.
    """
    unknown = set(raw) - {"conditions", "columns", "sort", "descending", "kinds", "sectors"}
    if unknown:
        raise InvalidInput(f"A screen has no {sorted(unknown)[0][:40]!r}.")
    conditions = _listed(raw, "conditions", MAX_CONDITIONS)
    columns = _texts(raw, "columns", MAX_COLUMNS)
    parsed = []
    for one in conditions:
        if not isinstance(one, Mapping) or not all(isinstance(one.get(part), str) for part in ("left", "op", "right")):
            raise InvalidInput("A condition has left, op and right, each a text.")
        parsed.append(parse_condition(one["left"], one["op"], one["right"]))
    sort, descending = raw.get("sort", "change_pct"), raw.get("descending", True)
    if not isinstance(sort, str) or not isinstance(descending, bool):
        raise InvalidInput("sort is the text of a figure, descending true or false.")
    shown = tuple(dict.fromkeys(parse_figure(one) for one in columns or DEFAULT_COLUMNS))
    return Screen(
        tuple(parsed),
        shown,
        parse_figure(sort),
        descending,
        tuple(_texts(raw, "kinds", MAX_CHOSEN)),
        tuple(_texts(raw, "sectors", MAX_CHOSEN)),
    )


def screen_json(screen: Screen) -> dict[str, Any]:
    """The JSON form that `parse_screen` reads."""
    return {
        "conditions": [
            {
                "left": one.left.text,
                "op": one.op,
                "right": format(one.right, "f") if isinstance(one.right, Decimal) else one.right.text,
            }
            for one in screen.conditions
        ],
        "columns": [one.text for one in screen.columns],
        "sort": screen.sort.text,
        "descending": screen.descending,
        "kinds": list(screen.kinds),
        "sectors": list(screen.sectors),
    }


def _listed(raw: Mapping[str, Any], name: str, most: int) -> Sequence[Any]:
    found = raw.get(name, [])
    if not isinstance(found, list | tuple) or len(found) > most:
        raise InvalidInput(f"{name}: a list of {most} at most.")
    return found


def _texts(raw: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = _listed(raw, name, most)
    if not all(isinstance(one, str) and len(one) <= MAX_TEXT_CHARS for one in found):
        raise InvalidInput(f"{name}: a list of short texts.")
    return list(found)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise InvalidInput(f"{text[:40]!r} is no number.") from None
    if not number.is_finite() or abs(number) > _LIMIT:
        raise InvalidInput(f"{text[:40]!r} is no number a figure can have.")
    return number
