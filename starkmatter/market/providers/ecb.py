"""The European Central Bank's reference rates: the newest day as XML, all days since 1999 as CSV in an archive.

Vendor address (STARKMATTER_VENDOR_URLS): `ecb`. Neither needs a key. The XML is read without DTD, entities or anything
that lies elsewhere; of the archive one file is unpacked, up to a limit.
"""

import csv
import io
import re
import zipfile
import zlib
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import ParseError

from starkmatter.domain.fx import ReferenceRate
from starkmatter.egress.capability import Capability
from starkmatter.egress.line import Line
from starkmatter.market.providers.asking import JsonVendor
from starkmatter.market.providers.figures import code, must_day, price, written
from starkmatter.settings import Settings

NAME = "ecb"
VENDOR = "European Central Bank"
URL = "https://www.ecb.europa.eu"
DAILY, HISTORY = "/stats/eurofxref/eurofxref-daily.xml", "/stats/eurofxref/eurofxref-hist.zip"
READ_SECS = 20.0
PER_MIN = 6
MAX_XML_BYTES, MAX_CSV_BYTES, MAX_DAYS = 200_000, 40_000_000, 20_000
ABSENT = {"", "N/A"}
CURRENCY = re.compile(r"[A-Z]{3}")

CAPABILITY = Capability(
    port="exchange rates",
    adapter=NAME,
    vendor=VENDOR,
    client="httpx, defusedxml",
    connection=None,
    gives=("reference rates",),
    limits="one set a day, published about 16:00 in Frankfurt on TARGET days; asked once an hour until it is there",
    notes="Needs no key. For information, not for trading: about thirty currencies against the euro.",
)


class EcbRates:
    """Both methods may be called from the event loop. What is no rate comes as NaN, for the border to count."""

    capability = CAPABILITY

    def __init__(self, settings: Settings, *, tries: int = 2, read_secs: float = READ_SECS) -> None:
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries, timeout_secs=read_secs * 2)
        self._there = JsonVendor(VENDOR, settings.vendor_urls.get(NAME, URL), hide=(), read_secs=read_secs)

    async def newest(self) -> list[ReferenceRate]:
        """The rates of the last day that is published. VendorFailure when there are none."""
        body = await self._read(DAILY)
        if len(body) > MAX_XML_BYTES:
            raise self._there.garbage(body[:MAX_XML_BYTES], f"more than {MAX_XML_BYTES:,} bytes")
        found = self._of_xml(body)
        if not found:
            raise self._there.garbage(body)
        return found

    async def history(self) -> list[ReferenceRate]:
        """The rates of all days, the newest first. VendorFailure when there are none."""
        return self._of_csv(self._unpacked(await self._read(HISTORY)))

    async def _read(self, path: str) -> bytes:
        await self._there.ready()
        return await self._line.read(lambda: self._there.content(path, {}))

    def _of_xml(self, body: bytes) -> list[ReferenceRate]:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import fromstring

        try:
            root = fromstring(body, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            raise self._there.garbage(body) from None
        return [
            ReferenceRate(code(rate.get("currency")), must_day(day.get("time")), price(written(rate.get("rate"))))
            for day in root.iter()
            if day.get("time") is not None
            for rate in day
        ]

    def _unpacked(self, body: bytes) -> str:
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                [name] = [one for one in archive.namelist() if one.endswith(".csv")]
                with archive.open(name) as file:
                    text = file.read(MAX_CSV_BYTES + 1)
            if len(text) > MAX_CSV_BYTES:
                raise self._there.garbage("", f"more than {MAX_CSV_BYTES:,} bytes")
            return text.decode("ascii")
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError):
            raise self._there.garbage(body[:200]) from None

    def _of_csv(self, text: str) -> list[ReferenceRate]:
        rows = csv.reader(io.StringIO(text))
        head = [one.strip() for one in next(rows, [])]
        currencies = [one for one in head[1:] if one]
        if head[:1] != ["Date"] or not currencies or not all(CURRENCY.fullmatch(one) for one in currencies):
            raise self._there.garbage(text[:200])
        found: list[ReferenceRate] = []
        try:
            for number, row in enumerate(rows):
                if number >= MAX_DAYS:
                    raise self._there.garbage("", f"more than {MAX_DAYS:,} days")
                day: date = must_day(row[0] if row else None)
                for currency, cell in zip(currencies, row[1:], strict=False):
                    if cell.strip() not in ABSENT:
                        rate: Decimal = price(written(cell.strip()))
                        found.append(ReferenceRate(currency, day, rate))
        except csv.Error:
            raise self._there.garbage(text[:200]) from None
        if not found:
            raise self._there.garbage(text[:200])
        return found
