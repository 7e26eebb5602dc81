"""Writes a document as PDF: tagged for screen readers (PDF/UA-1), its fonts in it, the same bytes for the same data.

Typesetting runs in a process of its own, so that a long one neither holds up the server nor leaves memory behind.
"""

import asyncio
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fontpkg_noto_sans
import orjson
import structlog

from starkmatter.errors import Unavailable
from starkmatter.ops.outside import run_python
from starkmatter.portfolio.reporting.document import (
    Block,
    Cell,
    Chart,
    Document,
    Figures,
    Heading,
    Notes,
    Paragraph,
    Table,
)
from starkmatter.portfolio.reporting.html import svg_of

FONTS = Path(fontpkg_noto_sans.__file__).parent / "files"
TEMPLATE, PROGRAM = Path(__file__).with_name("report.typ"), Path(__file__).with_name("typesetting.py")
PAINT = {
    "own": "#1d6fd8",
    "other": "#b45309",
    "up": "#0b7a53",
    "down": "#b42318",
    "whole": "#64748b",
    "rule": "#d9dee6",
}
LONGEST_SECS, MAX_SAID = 40, 200
INSTEAD = "\N{REPLACEMENT CHARACTER}"
NOT_IN_THE_FONT = (
    f"Some characters of names are not in this file's font and stand as {INSTEAD}; the HTML report shows them."
)
TOO_LONG = "The PDF took too long or too much memory. Choose a shorter period or fewer sections; the HTML has no limit."

log = structlog.get_logger("reports")


async def pdf_of(one: Document) -> bytes:
    """The file. Unavailable, in words, when it cannot be typeset."""
    data = await asyncio.to_thread(_data, one)
    done = await run_python(["-I", str(PROGRAM), str(TEMPLATE), str(FONTS)], data, within_secs=LONGEST_SECS)
    if done is None:
        raise Unavailable(TOO_LONG)
    if done.exit_code != 0 or not done.out.startswith(b"%PDF-"):
        said = done.err[-MAX_SAID:].decode(errors="replace")
        log.warning("pdf not typeset", exit_code=done.exit_code, said=said)
        raise Unavailable(TOO_LONG)
    return done.out


def _data(one: Document) -> bytes:
    """The document as the template takes it, every text in characters the font has."""
    texts = _Texts()
    blocks = [_block(block, texts) for block in one.blocks]
    whole = {
        "title": texts.shown(one.title) or "Report",
        "lead": texts.shown(one.lead),
        "foot": texts.shown(one.foot),
        "landscape": one.landscape,
    }
    if texts.replaced:
        blocks.insert(0, {"is": "paragraph", "text": NOT_IN_THE_FONT, "tone": "muted"})
    return orjson.dumps({**whole, "blocks": blocks})


class _Texts:
    """Makes texts printable, and remembers whether something had to be replaced."""

    def __init__(self) -> None:
        self.replaced = False
        self._known = _characters()

    def shown(self, text: str) -> str:
        """Without controls and marks that are not seen; what the font lacks is replaced."""
        found = []
        for character in unicodedata.normalize("NFC", text):
            if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn"):
                found.append(" " if character.isspace() else "")
            elif ord(character) in self._known:
                found.append(character)
            else:
                found.append(INSTEAD)
                self.replaced = True
        return "".join(found)


@cache
def _characters() -> frozenset[int]:
    """The code points of the font. Read when the first PDF is made: the library takes a fifth of a second to load."""
    from fontTools.ttLib import TTFont

    path = next(path for path in sorted(FONTS.glob("NotoSans*.ttf")) if "Italic" not in path.name)
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _block(block: Block, texts: _Texts) -> dict[str, Any]:
    match block:
        case Heading(level, text):
            return {"is": "heading", "level": level, "text": texts.shown(text)}
        case Paragraph(text, tone):
            return {"is": "paragraph", "text": texts.shown(text), "tone": tone}
        case Notes(title, lines):
            return {"is": "notes", "title": texts.shown(title), "lines": [texts.shown(line) for line in lines]}
        case Figures(figures):
            told = [{"name": texts.shown(f.name), "text": texts.shown(f.text), "tone": f.tone} for f in figures]
            return {"is": "figures", "figures": told}
        case Table():
            head = [{"name": texts.shown(c.name), "num": c.num, "wide": c.wide} for c in block.head]
            rows = [_cells(row, texts) for row in block.rows]
            label = texts.shown(block.label)
            return {"is": "table", "label": label, "head": head, "rows": rows, "foot": _cells(block.foot, texts)}
        case Chart():
            legend = [[role, texts.shown(name), PAINT[role]] for role, name in block.legend]
            under = [texts.shown(text) for text in block.under]
            label = texts.shown(block.label)
            return {"is": "chart", "label": label, "svg": svg_of(block, PAINT), "legend": legend, "under": under}


def _cells(row: Sequence[Cell], texts: _Texts) -> list[dict[str, Any]]:
    bars = [None if cell.bar is None else float(cell.bar) for cell in row]
    return [
        {"text": texts.shown(cell.text), "tone": cell.tone, "bar": bar} for cell, bar in zip(row, bars, strict=True)
    ]
