"""The elements of a Flex query's XML one by one, with their lines; no entity, no document type, no endless depth."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax import ContentHandler, SAXException
from xml.sax.expatreader import ExpatParser

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from starkmatter.portfolio.importers.bounds import MAX_COLUMNS, MAX_DEPTH, MAX_ROWS, too_large, unreadable
from starkmatter.portfolio.importers.records import Remark

CHUNK_CHARS = 64 * 1024
# Elements that hold others and say nothing themselves.
FRAMES = frozenset({"FlexQueryResponse", "FlexStatements", "FlexStatement"})
# Other sections come with every query; each of their elements counts too.
MOST_ELEMENTS = MAX_ROWS * 8


class _Elements(ContentHandler):
    def __init__(self, parser: ExpatParser) -> None:
        super().__init__()
        self.parser = parser
        self.depth = 0
        self.count = 0
        self.found: list[tuple[int, str, Mapping[str, str]]] = []

    def startElement(self, name: str, attrs: Any) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH:
            raise too_large(f"The file is nested more than {MAX_DEPTH} deep.")
        if self.count > MOST_ELEMENTS:
            raise too_large(f"The file has more than {MOST_ELEMENTS:,} elements. Query a shorter period.")
        if len(attrs) > MAX_COLUMNS:
            raise too_large(f"An element of the file has more than {MAX_COLUMNS} attributes.")
        if len(attrs) and name not in FRAMES:
            self.found.append((self.parser.getLineNumber() or 0, name, dict(attrs.items())))

    def endElement(self, name: str) -> None:
        self.depth -= 1


def elements_of(text: str) -> Iterator[tuple[int, str, Mapping[str, str] | Remark]]:
    """Every element that says something: line, name and attributes. InvalidInput for XML that is broken or hostile."""
    parser = DefusedExpatParser(forbid_dtd=True)
    handler = _Elements(parser)
    parser.setContentHandler(handler)
    # What is given as text is read as text, whatever encoding the file declares for its bytes.
    body = text.lstrip("\ufeff \t\n")
    lines_before = text.count("\n", 0, len(text) - len(body))
    try:
        for at in range(0, len(body), CHUNK_CHARS):
            parser.feed(body[at : at + CHUNK_CHARS])
            found, handler.found = handler.found, []
            for line_no, name, fields in found:
                yield line_no + lines_before, name, fields
        parser.close()
    except DefusedXmlException:
        raise unreadable("The file defines XML entities or a document type, which no statement needs.") from None
    except (SAXException, ValueError):
        raise unreadable("The file looks like XML but is not whole. Query it again.") from None
