"""The European Central Bank on loopback: the newest day as XML, all days as CSV in an archive, in its format."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.json_vendor import JsonVendor, serving

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
"""
RATES = {
    "2026-11-25": {"USD": "1.0866", "JPY": "168.72", "GBP": "0.84005", "CHF": "0.9561"},
    "2026-11-24": {"USD": "1.0812", "JPY": "169.10", "GBP": "0.84120", "CHF": "0.9549"},
    "2022-03-01": {"USD": "1.1162", "JPY": "128.29", "GBP": "0.83345", "CHF": "1.0287", "RUB": "117.2010"},
    "1999-01-04": {"USD": "1.1789", "JPY": "133.73", "GBP": "0.7111", "CHF": "1.6168"},
}


@dataclass
class Ecb(JsonVendor):
    """`rates`: by day, the newest first. `raw` replaces the content of a path."""

    rates: dict[str, dict[str, str]] = field(default_factory=lambda: {day: dict(one) for day, one in RATES.items()})
    raw: dict[str, bytes] = field(default_factory=dict)

    @property
    def urls(self) -> dict[str, str]:
        return {"ecb": self.url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return True

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        return 404, {"error": "not found"}

    def content(self, path: str) -> bytes:
        if path in self.raw:
            return self.raw[path]
        if path == "/stats/eurofxref/eurofxref-daily.xml":
            return self.xml(next(iter(self.rates)))
        if path == "/stats/eurofxref/eurofxref-hist.zip":
            return zipped(self.csv())
        return b""

    def xml(self, day: str) -> bytes:
        cubes = "".join(f"<Cube currency='{name}' rate='{rate}'/>" for name, rate in self.rates[day].items())
        return f"{HEAD}<Cube><Cube time='{day}'>{cubes}</Cube></Cube></gesmes:Envelope>".encode()

    def csv(self) -> str:
        names = sorted({name for one in self.rates.values() for name in one})
        lines = [f"Date,{','.join(names)},"]
        lines += [f"{day},{','.join(one.get(name, 'N/A') for name in names)}," for day, one in self.rates.items()]
        return "\n".join(lines) + "\n"


def zipped(text: str | bytes, name: str = "eurofxref-hist.csv") -> bytes:
    """An archive with one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


@contextmanager
def ecb(**options: Any) -> Iterator[Ecb]:
    """The bank, until the block ends."""
    with serving(Ecb(**options)) as there:
        yield there
