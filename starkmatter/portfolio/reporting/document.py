"""What both writers of a report draw: a title and blocks one below the other, with texts that are final and plain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Tone = Literal["", "up", "down", "muted"]


@dataclass(frozen=True, slots=True)
class Heading:
    """Level 2 is a chapter's, 3 a section's; the document's title is the only one of level 1."""

    level: Literal[2, 3]
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    tone: Literal["", "muted"] = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """What a reader has to know before trusting a figure."""

    title: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """A headline figure under its name."""

    name: str
    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Figures:
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class Column:
    """`num` stands at the right; `wide` takes the room that is left."""

    name: str
    num: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """`bar` is a ratio from 0 to 1, drawn behind nothing: a bar of that width."""

    text: str
    tone: Tone = ""
    bar: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`foot` is a last row of sums; `label` says what the table is."""

    label: str
    head: list[Column]
    rows: list[list[Cell]]
    foot: list[Cell] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: `kind` and the figures it is drawn from. `label` says in words what it shows."""

    kind: Literal["lines", "columns", "waterfall"]
    label: str
    lines: dict[str, list[Decimal | None]]
    legend: list[tuple[str, str]] = field(default_factory=list)
    under: tuple[str, str] = ("", "")


Block = Heading | Paragraph | Notes | Figures | Table | Chart


@dataclass(frozen=True, slots=True)
class Document:
    """`title` names it, `lead` says below it for whom and when."""

    title: str
    lead: str
    blocks: Sequence[Block]
    foot: str
    landscape: bool = False
