"""OpenFIGI on loopback: jobs come as a list, each is answered in its place with data, a warning or an error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.standins.json_vendor import JsonVendor, serving

APPLE = {
    "figi": "BBG000B9XRY4",
    "name": "APPLE INC",
    "ticker": "AAPL",
    "exchCode": "US",
    "compositeFIGI": "BBG000B9XRY4",
    "securityType": "Common Stock",
    "marketSector": "Equity",
    "shareClassFIGI": "BBG001S5N8V8",
    "securityType2": "Common Stock",
    "securityDescription": "AAPL",
}
BERKSHIRE = APPLE | {"name": "BERKSHIRE HATHAWAY INC-CL B", "ticker": "BRK/B", "compositeFIGI": "BBG000DWG505"}
VISA = APPLE | {"name": "VISA INC-CLASS A", "ticker": "V", "compositeFIGI": "BBG000PSKYX7"}
BOND = APPLE | {"name": "A BOND", "ticker": "T 4 11/15/52", "marketSector": "Govt"}
KNOWN = {
    ("ID_ISIN", "US0378331005"): [APPLE],
    ("ID_ISIN", "US0846707026"): [BERKSHIRE],
    ("ID_ISIN", "US92826C8394"): [VISA],
    ("ID_ISIN", "US912810TL26"): [BOND],
    ("ID_BB_GLOBAL", "BBG000B9XRY4"): [APPLE],
    ("ID_BB_GLOBAL_SHARE_CLASS_LEVEL", "BBG001S5N8V8"): [APPLE],
}


@dataclass
class OpenFigi(JsonVendor):
    """`jobs` are those it was told, in order."""

    jobs: list[dict[str, str]] = field(default_factory=list)

    @property
    def urls(self) -> dict[str, str]:
        return {"openfigi": self.url}

    def authorized(self, headers: Any, asked: dict[str, str]) -> bool:
        return True

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path != "/v3/mapping":
            return 404, {"error": "not found"}
        jobs = json.loads(asked["body"])
        self.jobs += jobs
        answers: list[dict[str, Any]] = []
        for job in jobs:
            found = KNOWN.get((job["idType"], job["idValue"])) if job["exchCode"] == "US" else None
            answers.append({"data": found} if found else {"warning": "No identifier found."})
        return 200, answers


@contextmanager
def openfigi(**options: Any) -> Iterator[OpenFigi]:
    """OpenFIGI, until the block ends."""
    with serving(OpenFigi(**options)) as there:
        yield there
