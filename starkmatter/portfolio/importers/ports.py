"""What an importer is: one module for one format, asked whether a file is its own and then read item by item."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from starkmatter.portfolio.importers.bounds import HEAD_LINES
from starkmatter.portfolio.importers.records import Item
from starkmatter.portfolio.importers.tables import lines_of, mark_of


@dataclass(frozen=True)
class Source:
    """A file as text, with what is asked of it more than once."""

    text: str

    @cached_property
    def beginning(self) -> str:
        """The first characters, without the space before them: what tells XML, JSON and OFX from a table."""
        return self.text[:4_000].lstrip("\ufeff \t\n")

    @cached_property
    def is_table(self) -> bool:
        return not self.beginning.startswith(("<", "[", "{", "OFXHEADER"))

    @cached_property
    def mark(self) -> str:
        return mark_of(self.text)

    @cached_property
    def head(self) -> list[tuple[int, list[str]]]:
        """The first rows of a table, [] for what is none."""
        if not self.is_table:
            return []
        found = []
        for row in lines_of(self.text, self.mark):
            found.append(row)
            if len(found) == HEAD_LINES:
                break
        return found


class Importer(Protocol):
    """One format. `name` is its word in data, `title` in sentences."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def recognizes(self, source: Source) -> bool:
        """Whether the file itself shows that it is of this format; never by its name, never by more than its head."""
        ...

    def read(self, source: Source) -> Iterator[Item]:
        """Records, remarks and stated totals in the file's order, one by one.

        Every line that says something becomes one or the other. Raises InvalidInput for a file that cannot be read as
        a whole, and nothing else.
        """
        ...
