"""What a source of news must be able to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starkmatter.egress.capability import Capability


@dataclass(frozen=True, slots=True)
class RawItem:
    """One report as its source sent it: every text may hold anything and is cleaned by `sanitise`, nowhere else.

    `source` is the name of who published it. `published_at` is aware, None when the source does not say.
    """

    title: str
    summary: str
    url: str
    source: str
    published_at: datetime | None


class NewsSource(Protocol):
    """One place where news comes from."""

    capability: Capability

    async def fetch(self, names: Sequence[str]) -> list[RawItem]:
        """What is new there, in no order. Companies' `names` guide a source that searches; others ignore them.

        Empty: the source answered and has nothing (or nothing new). VendorFailure: it did not answer as it promised.
        InvalidInput: its address may not be asked at all. Nothing else is raised, whatever it sends.
        """
        ...
