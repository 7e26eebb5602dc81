"""How the sources of market data do, as the worker sees it: who answers, who stands in, what the border turned away.

Held in memory and told over the cache every moment; what was refused goes to the database in batches.
"""

import re
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, cast

import orjson
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.actions import CorporateAction, EarningsDate
from starkmatter.domain.depth import Depth
from starkmatter.domain.quotes import Bar, Quote
from starkmatter.egress.capability import Capability
from starkmatter.egress.excerpt import excerpt_of
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.market import queries

KEY = "market:sources"
KEPT_SECS = 60
WAITING_MAX = 500
FIGURES = re.compile(r"(?<![A-Za-z^.])-?(?:\d[\dT:.+Ee-]*|NaN|sNaN|Infinity)")
What = Literal["answer", "quote", "bar", "action", "rate", "depth", "suspect"]
WORDS: dict[FailureKind, str] = {
    "rate_limited": "limits how often it may be asked",
    "refused": "refuses the key or the plan",
    "unreachable": "does not answer",
    "broken": "has a problem of its own",
    "garbage": "sends nothing readable",
    "paused": "does not answer",
}


@dataclass
class SourceHealth:
    """One source since the worker began. `failure` is None while its quotes come; `newest_at` the vendor's clock."""

    adapter: str
    vendor: str
    answers: int = 0
    failures: int = 0
    refused: int = 0
    suspects: int = 0
    last_ok_at: datetime | None = None
    last_failed_at: datetime | None = None
    failure: FailureKind | None = None
    text: str = ""
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not let in, `times` so far. An `answer` that could not be read, or a figure in one that could.

    A `suspect` is a quote that came in marked: its price jumped and no second source bore it out.
    """

    provider: str
    symbol: str
    what: What
    reason: str
    excerpt: str
    at: datetime
    times: int = 1


@dataclass(frozen=True, slots=True)
class SourcesNow:
    """The sources in the order they are asked; `first` and `lead` are adapters, `note` what a person should know."""

    told_at: datetime
    first: str
    lead: str
    note: str
    sources: tuple[SourceHealth, ...]


@dataclass
class Health:
    """Filled by `Failover` and the feed; one for the life of the worker, whatever sources come and go."""

    order: tuple[str, ...] = ()
    first: str = ""
    lead: str = ""
    sources: dict[str, SourceHealth] = field(default_factory=dict)
    overflow: int = 0
    _refusals: dict[tuple[str, str, str, str, int], Refusal] = field(default_factory=dict)

    def ordered(self, capabilities: list[Capability]) -> None:
        """These are asked now, in this order."""
        self.order = tuple(one.adapter for one in capabilities)
        for one in capabilities:
            self.sources.setdefault(one.adapter, SourceHealth(one.adapter, one.vendor))

    def of(self, adapter: str) -> SourceHealth:
        """The source of that name."""
        return self.sources.setdefault(adapter, SourceHealth(adapter, adapter))

    def answered(self, adapter: str, now: datetime, *, with_quotes: bool) -> None:
        """It gave what was asked, if nothing more than that there is none."""
        source = self.of(adapter)
        source.answers += 1
        source.last_ok_at = now
        if with_quotes:
            source.failure = None

    def failed(self, adapter: str, failure: VendorFailure, now: datetime, *, with_quotes: bool) -> None:
        """It did not. A plan without bars says nothing of quotes."""
        source = self.of(adapter)
        source.failures += 1
        source.last_failed_at, source.text = now, failure.text
        if with_quotes:
            source.failure = failure.kind
        if failure.kind == "garbage":
            self.refuse(adapter, "", "answer", failure.text, failure.excerpt, now)

    def streamed(self, adapter: str, now: datetime) -> None:
        """Its stream tells of quotes: it answers, whatever it was before."""
        source = self.of(adapter)
        source.last_ok_at, source.failure, self.lead = now, None, adapter

    def told(self, first: str, lead: str) -> None:
        """Who would be asked first, and who gave the newest quotes."""
        self.first, self.lead = first, lead or self.lead

    def gave(self, quote: Quote) -> None:
        """A quote that came in."""
        source = self.of(quote.provider)
        if source.newest_at is None or quote.observed_at > source.newest_at:
            source.newest_at = quote.observed_at

    def refuse(self, adapter: str, symbol: str, what: What, reason: str, excerpt: str, now: datetime) -> None:
        """Count it, and keep one row of its like for this hour."""
        source = self.of(adapter)
        if what == "suspect":
            source.suspects += 1
        else:
            source.refused += 1
        said = FIGURES.sub("…", reason)[:120]
        key = (adapter, symbol[:20], what, said, int(now.timestamp() // 3600))
        former = self._refusals.get(key)
        if former is None and len(self._refusals) >= WAITING_MAX:
            self.overflow += 1
            return
        times = former.times + 1 if former else 1
        self._refusals[key] = Refusal(adapter, symbol[:20], what, said, excerpt, now, times)

    def refuse_quote(self, adapter: str, symbol: str, quote: Quote, reason: str, now: datetime) -> None:
        """A quote that must not come in."""
        self.refuse(adapter, symbol, "quote", reason, quote_excerpt(quote), now)

    def refuse_depth(self, adapter: str, depth: Depth, reason: str, now: datetime) -> None:
        """A book that must not come in."""
        best = (f"{name} {price} x {size}" for name in ("bids", "asks") for price, size in getattr(depth, name)[:2])
        self.refuse(adapter, depth.symbol, "depth", reason, excerpt_of(", ".join(best)), now)

    def refuse_bar(self, adapter: str, bar: Bar, reason: str, now: datetime) -> None:
        """A bar that must not come in."""
        figures = f"{bar.interval} {bar.starts_at.isoformat()} {bar.open} {bar.high} {bar.low} {bar.close} {bar.volume}"
        self.refuse(adapter, bar.symbol, "bar", reason, excerpt_of(figures), now)

    def refuse_action(self, adapter: str, action: CorporateAction | EarningsDate, reason: str, now: datetime) -> None:
        """A split, a dividend or a date of earnings that must not come in."""
        figures = ", ".join(f"{name} {value}" for name, value in asdict(action).items() if name != "provider")
        self.refuse(adapter, action.symbol, "action", reason, excerpt_of(figures), now)

    def take_refusals(self) -> list[Refusal]:
        """What was refused since the last call."""
        taken, self._refusals = list(self._refusals.values()), {}
        return taken

    def give_back(self, refusals: list[Refusal]) -> None:
        """These could not be kept: try again later."""
        for one in refusals:
            key = (one.provider, one.symbol, one.what, one.reason, int(one.at.timestamp() // 3600))
            later = self._refusals.get(key)
            self._refusals[key] = replace(one, times=one.times + (later.times if later else 0))

    @property
    def note(self) -> str:
        """That the first source is not the one that answers, and who stands in; empty when it is."""
        first = self.sources.get(self.first)
        if first is None or first.failure is None:
            return ""
        said = f"{first.vendor} {WORDS[first.failure]}"
        lead = self.sources.get(self.lead)
        if lead is None or lead is first or lead.failure is not None:
            return f"{said}; no source answers" if self.lead_is_gone else said
        return f"{said}; {lead.vendor} stands in"

    @property
    def lead_is_gone(self) -> bool:
        """Whether no source answers."""
        return all(self.of(adapter).failure is not None for adapter in self.order)

    def now(self, at: datetime) -> SourcesNow:
        """All of it as of now."""
        return SourcesNow(at, self.first, self.lead, self.note, tuple(self.of(one) for one in self.order))


def quote_excerpt(quote: Quote) -> str:
    """The figures of a quote in one short line."""
    names = ("symbol", "last", "bid", "ask", "bid_size", "ask_size", "volume", "prev_close")
    shown = [f"{name} {value}" for name in names if (value := getattr(quote, name)) is not None]
    return excerpt_of(f"{', '.join(shown)}, at {quote.observed_at.isoformat()}")


async def tell_sources(cache: Redis, health: Health, now: datetime) -> None:
    """Let every process see it. RedisError when the cache does not answer."""
    await cache.set(KEY, orjson.dumps(asdict(health.now(now))), ex=KEPT_SECS)


async def read_sources(cache: Redis) -> SourcesNow | None:
    """What the worker said last; None when it has said nothing for a minute. RedisError as above."""
    raw = await cast("Awaitable[bytes | None]", cache.get(KEY))
    if raw is None:
        return None
    fields = orjson.loads(raw)
    sources = tuple(
        SourceHealth(**{name: _read(name, value) for name, value in one.items()}) for one in fields["sources"]
    )
    return SourcesNow(
        datetime.fromisoformat(fields["told_at"]), fields["first"], fields["lead"], fields["note"], sources
    )


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value


async def keep_refusals(db: Database, refusals: list[Refusal]) -> None:
    """Store them; those of the same hour that differ in figures only are one row."""
    if refusals:
        rows = [asdict(one) | {"hour_at": one.at.replace(minute=0, second=0, microsecond=0)} for one in refusals]
        await db.run(queries.KEEP_REFUSALS, (orjson.dumps(rows).decode(),))


async def newest_refusals(db: Database, limit: int = 50) -> list[Refusal]:
    """The newest of what was refused, each once for every hour."""
    return await db.all(Refusal, queries.REFUSALS, (limit,))


async def refused_since(db: Database, since: datetime) -> dict[str, tuple[int, int]]:
    """By provider: refused, and suspect, since then."""
    rows = await db.tuples(queries.REFUSED_SINCE, (since,))
    return {provider: (refused, suspects) for provider, refused, suspects in rows}


async def forget_refusals(db: Database, before: datetime, at_most: int) -> int:
    """Drop what is older, and the oldest beyond so many; the number of rows dropped."""
    return await db.run(queries.FORGET_REFUSALS, {"before": before, "at_most": at_most})
