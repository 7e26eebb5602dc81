"""ISIN and FIGI as people type them: recognized by their form, trusted only with the right check digit.

Both end in one: ISO 6166 reckons it over digits and letters by Luhn, the FIGI standard (X9.145) likewise.
"""

import re
from dataclasses import dataclass
from typing import Literal

from stdnum import figi, isin

from starkmatter.errors import InvalidInput

# Vowels stand in no FIGI, and its third letter is G.
FIGI = re.compile(r"[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}[0-9]")
ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


@dataclass(frozen=True, slots=True)
class Identifier:
    """One of the two, in capitals."""

    kind: Literal["isin", "figi"]
    value: str

    @property
    def words(self) -> str:
        """`ISIN US0378331005`."""
        return f"{self.kind.upper()} {self.value}"


def read_identifier(text: str) -> Identifier | None:
    """None when the text does not look like one; InvalidInput when it does and its check digit is wrong."""
    value = text.strip().upper()
    if FIGI.fullmatch(value) and figi.is_valid(value):
        return Identifier("figi", value)
    if ISIN.fullmatch(value) and isin.is_valid(value):
        return Identifier("isin", value)
    for name, form in (("FIGI", FIGI), ("ISIN", ISIN)):
        if form.fullmatch(value):
            raise InvalidInput(f"{value} is no {name}: its check digit or country is wrong. Was a letter mistyped?")
    return None
