"""OpenFIGI: which symbol of the United States an ISIN or a FIGI stands for, over its public mapping API without a key.

Vendor address (STARKMATTER_VENDOR_URLS): `openfigi`.
"""

import re
from collections.abc import Mapping
from typing import Any

from starkmatter.egress.capability import Capability
from starkmatter.egress.line import Line
from starkmatter.market.identifiers import FIGI, Identifier
from starkmatter.market.ports import Named
from starkmatter.market.providers.asking import JsonVendor
from starkmatter.settings import Settings

NAME = "openfigi"
VENDOR = "OpenFIGI"
URL = "https://api.openfigi.com"
READ_SECS = 2.5
# Without a key it answers 25 requests a minute.
PER_MIN = 20
SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?")
# A FIGI may be that of one listing, of all in a country, or of the share itself.
JOBS = {
    "isin": ("ID_ISIN",),
    "figi": ("ID_BB_GLOBAL", "COMPOSITE_ID_BB_GLOBAL", "ID_BB_GLOBAL_SHARE_CLASS_LEVEL"),
}

CAPABILITY = Capability(
    port="identifiers",
    adapter=NAME,
    vendor=VENDOR,
    client="httpx",
    connection=None,
    gives=("symbols by ISIN", "symbols by FIGI"),
    limits="without a key 25 requests a minute",
    notes="Needs no key. Asked only for an identifier that somebody typed and that is not known yet.",
)


class OpenFigi:
    """May be called from the event loop. What of an answer is no symbol stands for nothing."""

    capability = CAPABILITY

    def __init__(self, settings: Settings, *, tries: int = 1, read_secs: float = READ_SECS) -> None:
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries, timeout_secs=read_secs)
        self._there = JsonVendor(VENDOR, settings.vendor_urls.get(NAME, URL), hide=(), read_secs=read_secs)

    async def named(self, identifier: Identifier) -> Named | None:
        """See the port."""
        jobs = [{"idType": kind, "idValue": identifier.value, "exchCode": "US"} for kind in JOBS[identifier.kind]]
        await self._there.ready()
        answers = await self._line.read(lambda: self._there.post_rows("/v3/mapping", jobs))
        if len(answers) != len(jobs):
            raise self._there.garbage(answers)
        for answer in answers:
            if "data" not in answer and not {"warning", "error"} & set(answer):
                raise self._there.garbage(answer)
            rows = self._there.rows(answer, "data") if "data" in answer else []
            for found in map(_named, rows):
                if found is not None:
                    return found
        return None


def _named(row: Mapping[str, Any]) -> Named | None:
    ticker, composite = row.get("ticker"), row.get("compositeFIGI")
    if row.get("marketSector") != "Equity" or not isinstance(ticker, str):
        return None
    symbol = ticker.replace("/", ".")
    if not SYMBOL.fullmatch(symbol):
        return None
    figi = composite if isinstance(composite, str) and FIGI.fullmatch(composite) else None
    return Named(symbol, str(row.get("name") or symbol)[:120], figi)
