"""The tags of OFX as a tree: version 1 (SGML, whose values have no end tag) and version 2 (XML) alike.

Nothing is declared, expanded or fetched: a value is the text up to the next tag. Document types are refused.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from starkmatter.portfolio.importers.bounds import MAX_CELL_CHARS, MAX_DEPTH, MAX_ROWS, too_large, unreadable

TAG = re.compile(r"<(/?)([A-Za-z0-9._]{1,40})\s*(/?)>([^<]*)")
BEGINNING = re.compile(r"<OFX>", re.IGNORECASE)
CDATA, CDATA_END = "<![CDATA[", "]]>"
DECLARATION = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
MOST_TAGS = MAX_ROWS * 30


@dataclass(slots=True)
class Aggregate:
    """An element that holds others: the values in it by name, the aggregates in their order, and where it begins."""

    name: str
    line_no: int
    values: dict[str, str] = field(default_factory=dict)
    parts: list["Aggregate"] = field(default_factory=list)

    def get(self, name: str) -> str:
        """The value, wherever below it stands first; "" when there is none."""
        if name in self.values:
            return self.values[name]
        return next((found for part in self.parts if (found := part.get(name))), "")

    def flat(self) -> dict[str, str]:
        """What `get` gives for every name below, told once."""
        found = dict(self.values)
        for part in self.parts:
            for name, value in part.flat().items():
                found.setdefault(name, value)
        return found

    def find(self, *names: str) -> Iterator["Aggregate"]:
        """Every aggregate of these names below, in the file's order."""
        for part in self.parts:
            if part.name in names:
                yield part
            else:
                yield from part.find(*names)


def tree_of(text: str) -> Aggregate:
    """The OFX element; InvalidInput when there is none, or the file is hostile or cut off."""
    text = _plain(text)
    beginning = BEGINNING.search(text)
    if beginning is None:
        raise unreadable("The file has no OFX in it.")
    start = beginning.start()
    if DECLARATION.search(text):
        raise unreadable("The file declares a document type or entities, which no statement needs.")
    root = Aggregate("", 0)
    open_ones = [root]
    line_no, counted = text.count("\n", 0, start) + 1, start
    for tags, found in enumerate(TAG.finditer(text, start), start=1):
        if tags > MOST_TAGS:
            raise too_large(f"The file has more than {MOST_TAGS:,} tags. Export a shorter period.")
        line_no, counted = line_no + text.count("\n", counted, found.start()), found.start()
        end, name, empty, value = found[1], found[2].upper(), found[3], found[4].strip()
        if end:
            _close(open_ones, name)
        elif value:
            if len(value) > MAX_CELL_CHARS:
                raise too_large(f"Line {line_no:,} has a value of more than {MAX_CELL_CHARS:,} characters.")
            open_ones[-1].values.setdefault(name, html.unescape(value))
        elif not empty and not text.startswith(f"</{found[2]}>", found.end()):
            if len(open_ones) > MAX_DEPTH:
                raise too_large(f"The file is nested more than {MAX_DEPTH} deep.")
            inner = Aggregate(name, line_no)
            open_ones[-1].parts.append(inner)
            open_ones.append(inner)
    if len(open_ones) > 1:
        raise unreadable("The file ends before its statement does. Download it again.")
    return root


def _plain(text: str) -> str:
    """The text with what stands in CDATA escaped; each is looked for once, from where the last one ended."""
    parts, at = [], 0
    while (begins := text.find(CDATA, at)) >= 0:
        ends = text.find(CDATA_END, begins)
        if ends < 0:
            raise unreadable("The file ends inside of a text. Download it again.")
        parts += [text[at:begins], html.escape(text[begins + len(CDATA) : ends])]
        at = ends + len(CDATA_END)
    return "".join([*parts, text[at:]]) if parts else text


def _close(open_ones: list[Aggregate], name: str) -> None:
    """Close what is open up to this name; the end tag of a value closes nothing."""
    for depth in range(len(open_ones) - 1, 0, -1):
        if open_ones[depth].name == name:
            # What stands open inside was a value without text (version 1 has an empty <MEMO>).
            for lost in open_ones[depth + 1 :]:
                open_ones[depth].values.update(
                    {k: v for k, v in lost.values.items() if k not in open_ones[depth].values}
                )
                open_ones[depth].parts.extend(lost.parts)
            del open_ones[depth:]
            return
