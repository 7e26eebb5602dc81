"""Asks one source after the other, in order: what the first cannot give comes from the next, and says so itself.

A quote and a bar name their provider, so nothing is handed over silently; `health` says who answers and who stands in.
What the border refuses is counted there and asked of the next source. A source that is slow is not waited for: after
HEDGE_SECS the next one is asked as well, and the slow one is left alone until it has answered.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from starkmatter.clock import utc_now
from starkmatter.domain.actions import CorporateAction, EarningsDate
from starkmatter.domain.depth import Depth
from starkmatter.domain.instruments import CLASS_WORDS, class_of
from starkmatter.domain.quotes import Bar, Interval
from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.errors import Unavailable
from starkmatter.market.border import action_refusal_of, bar_refusal_of, depth_refusal_of, refusal_of
from starkmatter.market.health import Health
from starkmatter.market.ports import BookSource, Found, MarketDataProvider, Quotes

HEDGE_SECS = 1.2
# A source whose plan allows a quote less often than this for all that is wanted is asked after the others.
SUITED_SECS = 60.0
# What a source did not know it is not asked again for a while: that would use up its plan.
UNKNOWN_SECS = 60.0
# How long a source that said no is not asked for quotes again, while there are others: asking would use up its plan.
REST_SECS: dict[FailureKind, float] = {"refused": 120.0, "rate_limited": 15.0}


# A plan does not change within hours.
EXCLUDED_SECS = 6 * 3600.0
T = TypeVar("T")
Action = TypeVar("Action", CorporateAction, EarningsDate)


@dataclass(frozen=True, slots=True)
class Told(Generic[Action]):
    """What `adapter` said, without what the border refused; `whole` when that was nothing."""

    adapter: str
    rows: list[Action]
    whole: bool


class NoSource(Unavailable):
    """No source of market data answered; the text says what each one said."""

    code = "no_market_data"


class Failover:
    """Sources in order of preference. Every method raises NoSource when none of them answered."""

    def __init__(self, providers: Sequence[MarketDataProvider], health: Health | None = None) -> None:
        self.providers = tuple(providers)
        self.health = health or Health()
        self.health.ordered([one.capability for one in self.giving("quotes")])
        self._ready: set[MarketDataProvider] = set()
        self._lead = ""  # who gave the newest quotes that were asked for
        self._rests: dict[str, float] = {}
        self._excluded: dict[tuple[str, str], float] = {}
        self._unknown: dict[tuple[str, str], float] = {}
        self._late: dict[str, asyncio.Task[Quotes]] = {}
        self._overtaken: set[asyncio.Task[Quotes]] = set()

    def giving(self, what: str) -> list[MarketDataProvider]:
        """The sources that offer `what`, in order."""
        return [one for one in self.providers if what in one.capability.gives]

    def for_quotes(self, symbols: int) -> list[MarketDataProvider]:
        """The sources of quotes in the order in which they are asked for so many symbols."""
        return sorted(self.giving("quotes"), key=lambda one: one.every_secs(symbols) > SUITED_SECS)

    def pace_secs(self, symbols: int) -> float:
        """How often the source that answers now may be asked for so many symbols."""
        offering = self.for_quotes(symbols)
        lead = next((one for one in offering if one.capability.adapter == self._lead), None)
        asked = lead or (offering[0] if offering else None)
        return asked.every_secs(symbols) if asked is not None else 0.0

    async def quotes(self, symbols: Sequence[str], *, but: str = "") -> Quotes:
        """The newest quote of each symbol that any source knows; `but` is an adapter that is not asked."""
        asking = _Asking(tuple(dict.fromkeys(symbols)))
        asked = [one for one in self.for_quotes(len(symbols)) if one.capability.adapter != but]
        offering = [one for one in asked if any(serves(one, symbol) for symbol in asking.symbols)]
        first = offering[0].capability.adapter if offering else ""
        waiting = deque(self._awake(offering))
        await self._prepare(waiting)
        running: dict[asyncio.Task[Quotes], MarketDataProvider] = {}
        slow, ended = False, False
        try:
            while asking.missing and (waiting or running):
                if waiting and (slow or not running):
                    self._ask(waiting.popleft(), asking, running)
                    slow = False
                    continue
                # Who has something does not wait for the slow ones beyond a moment.
                patience = HEDGE_SECS if waiting or asking.found else None
                done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                slow = not done
                for task in done:
                    self._take(asking, running.pop(task), task)
                if slow and not waiting:
                    break
            ended = True
        finally:
            for task in () if ended else running:
                task.cancel()
        for task, provider in running.items():
            self._leave(asking, provider, task)
        if not but:
            lead = asking.lead(offering[0]) if offering else ""
            self._lead = lead or self._lead
            self.health.told(first, lead)
        lacking = [_lacks(one, asking.symbols) for one in asked if one not in offering]
        if not asking.answered and (asking.failures or (lacking and not offering)):
            raise _none([*asking.failures, *lacking])
        return asking.found

    def _awake(self, offering: Sequence[MarketDataProvider]) -> list[MarketDataProvider]:
        """Those that are not resting after they said no; all of them when each one does."""
        now = asyncio.get_running_loop().time()
        awake = [one for one in offering if self._rests.get(one.capability.adapter, 0.0) <= now]
        return awake or list(offering)

    async def _prepare(self, providers: Iterable[MarketDataProvider]) -> None:
        """Before the first question: none of them is slow because of an import."""
        fresh = [one for one in providers if one not in self._ready]
        await asyncio.gather(*(one.ready() for one in fresh))
        self._ready.update(fresh)

    def _ask(
        self, provider: MarketDataProvider, asking: "_Asking", running: dict[asyncio.Task[Quotes], MarketDataProvider]
    ) -> None:
        late = self._late.get(provider.capability.adapter)
        if late is not None and not late.done():
            asking.failures.append(_slow(provider))
            return
        now = asyncio.get_running_loop().time()
        adapter = provider.capability.adapter
        known = [
            symbol
            for symbol in asking.missing
            if serves(provider, symbol) and self._unknown.get((adapter, symbol), 0.0) <= now
        ]
        if not known:
            return
        task = asyncio.create_task(provider.quotes(known))
        asking.asked[task] = known
        running[task] = provider
        asking.since[task] = now

    def _take(self, asking: "_Asking", provider: MarketDataProvider, task: asyncio.Task[Quotes]) -> None:
        """What one source said, through the border."""
        adapter, now = provider.capability.adapter, utc_now()
        try:
            quotes = task.result()
        except VendorFailure as failure:
            self.health.failed(adapter, failure, now, with_quotes=True)
            asking.failures.append(failure)
            if failure.kind in REST_SECS:
                rest_secs = failure.retry_after_secs or REST_SECS[failure.kind]
                self._rests[adapter] = asyncio.get_running_loop().time() + rest_secs
            return
        self.health.answered(adapter, now, with_quotes=True)
        asking.answered += 1
        forget_at = asyncio.get_running_loop().time() + UNKNOWN_SECS
        self._unknown |= {(adapter, symbol): forget_at for symbol in asking.asked[task] if symbol not in quotes}
        for symbol, quote in quotes.items():
            reason = refusal_of(quote, venue_now=now, asked=symbol)
            if reason is None and symbol not in asking.symbols:
                reason = "nobody asked for this symbol"
            if reason is not None:
                self.health.refuse_quote(adapter, symbol, quote, reason, now)
            elif symbol not in asking.found:
                asking.found[symbol] = quote

    def _leave(self, asking: "_Asking", provider: MarketDataProvider, task: asyncio.Task[Quotes]) -> None:
        """Who is too slow is not asked again until it has answered; what it says then is only noted.

        Who was asked a moment ago and overtaken by another has done nothing wrong.
        """
        adapter = provider.capability.adapter
        if asyncio.get_running_loop().time() - asking.since[task] < HEDGE_SECS:
            self._overtaken.add(task)
            task.add_done_callback(self._overtaken.discard)
        else:
            failure = _slow(provider)
            asking.failures.append(failure)
            self.health.failed(adapter, failure, utc_now(), with_quotes=True)
            self._late[adapter] = task

        def end(ended: asyncio.Task[Quotes]) -> None:
            if ended.cancelled():
                return
            error = ended.exception()
            if isinstance(error, VendorFailure):
                self.health.failed(adapter, error, utc_now(), with_quotes=True)

        task.add_done_callback(end)

    async def bars(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> list[Bar]:
        """The bars of the first source that has any sound ones."""
        failures: list[VendorFailure] = []
        offering = self.giving("bars")
        for provider in offering:
            adapter = provider.capability.adapter
            if not serves(provider, symbol):
                failures.append(_lacks(provider, [symbol]))
                continue
            bars = await self._heard(provider, provider.bars(symbol, interval, start, end), failures)
            if bars is None:
                continue
            sound = self._sound(adapter, bars, start)
            if sound:
                return [bar for bar in sound if bar.starts_at < end]
        if offering and len(failures) == len(offering):
            raise _none(failures)
        return []

    def _sound(self, adapter: str, bars: Sequence[Bar], start: datetime) -> list[Bar]:
        now = utc_now()
        sound = []
        for bar in bars:
            reason = bar_refusal_of(bar, now)
            if reason is None and bar.starts_at < start:
                reason = "begins before what was asked for"
            if reason is None:
                sound.append(bar)
            else:
                self.health.refuse_bar(adapter, bar, reason, now)
        return sound

    async def actions(self, symbol: str) -> Told[CorporateAction]:
        """What the first source told that answered with anything sound, or with nothing.

        A source that refuses, as plans do that do not include this, is not asked again for hours if there are others.
        """
        return await self._first_told("actions", symbol, lambda one: one.actions(symbol))

    async def earnings(self, symbol: str) -> Told[EarningsDate]:
        """The same for dates of earnings."""
        return await self._first_told("earnings", symbol, lambda one: one.earnings(symbol))

    async def _first_told(
        self, what: str, symbol: str, ask: Callable[[MarketDataProvider], Awaitable[list[Action]]]
    ) -> Told[Action]:
        failures: list[VendorFailure] = []
        moment = asyncio.get_running_loop().time()
        offering = self.giving(what)
        awake = [one for one in offering if self._excluded.get((what, one.capability.adapter), 0.0) <= moment]
        for provider in awake or offering:
            adapter = provider.capability.adapter
            told = await self._heard(provider, ask(provider), failures)
            if told is None:
                if failures[-1].kind == "refused":
                    self._excluded[what, adapter] = moment + EXCLUDED_SECS
                continue
            now = utc_now()
            sound: list[Action] = []
            for one in told:
                reason = action_refusal_of(one, symbol, exchange_day(now))
                if reason is None:
                    sound.append(one)
                else:
                    self.health.refuse_action(adapter, one, reason, now)
            if sound or not told:
                return Told(adapter, sound, whole=len(sound) == len(told))
            words = f"{provider.capability.vendor} told nothing that may come in."
            failures.append(VendorFailure(provider.capability.vendor, "garbage", words))
        raise _none(failures)

    async def depth(self, symbols: Sequence[str]) -> dict[str, Depth]:
        """The books that the first source of any has of these; what it has none of is absent."""
        failures: list[VendorFailure] = []
        for provider in self.giving("depth"):
            adapter = provider.capability.adapter
            if not isinstance(provider, BookSource) or not any(serves(provider, symbol) for symbol in symbols):
                continue
            books = await self._heard(provider, provider.depth(symbols), failures)
            if books is None:
                continue
            now, sound = utc_now(), {}
            for symbol, book in books.items():
                reason = depth_refusal_of(book, now=now, asked=symbols)
                if reason is None:
                    sound[symbol] = book
                else:
                    self.health.refuse_depth(adapter, book, reason, now)
            return sound
        if failures:
            raise _none(failures)
        return {}

    async def search(self, text: str) -> list[Found]:
        """What the first source that answers has found."""
        failures: list[VendorFailure] = []
        for provider in self.giving("search"):
            found = await self._heard(provider, provider.search(text), failures)
            if found is not None:
                return found
        raise _none(failures)

    async def _heard(
        self, provider: MarketDataProvider, answer: Awaitable[T], failures: list[VendorFailure]
    ) -> T | None:
        """What one source answers; None, and why among the failures, when it does not."""
        adapter = provider.capability.adapter
        try:
            told = await answer
        except VendorFailure as failure:
            self.health.failed(adapter, failure, utc_now(), with_quotes=False)
            failures.append(failure)
            return None
        self.health.answered(adapter, utc_now(), with_quotes=False)
        return told


@dataclass
class _Asking:
    """One question for quotes on its way through the sources."""

    symbols: tuple[str, ...]
    found: Quotes = field(default_factory=dict)
    failures: list[VendorFailure] = field(default_factory=list)
    answered: int = 0
    since: dict[asyncio.Task[Quotes], float] = field(default_factory=dict)
    asked: dict[asyncio.Task[Quotes], list[str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        return [symbol for symbol in self.symbols if symbol not in self.found]

    def lead(self, first: MarketDataProvider) -> str:
        """Who gave most of what the first source might have given: nobody stands in for who has no such thing."""
        counts = Counter(quote.provider for symbol, quote in self.found.items() if serves(first, symbol))
        return counts.most_common(1)[0][0] if counts else ""


def _slow(provider: MarketDataProvider) -> VendorFailure:
    vendor = provider.capability.vendor
    return VendorFailure(vendor, "unreachable", f"{vendor} is slow to answer.")


def serves(provider: MarketDataProvider, symbol: str) -> bool:
    """Whether the source has symbols of this kind at all."""
    return class_of(symbol) in provider.capability.classes


def _lacks(provider: MarketDataProvider, symbols: Sequence[str]) -> VendorFailure:
    """Why a source is skipped, in words."""
    vendor = provider.capability.vendor
    kinds = " and ".join(dict.fromkeys(CLASS_WORDS[class_of(one)] for one in symbols))
    return VendorFailure(vendor, "refused", f"{vendor} has no {kinds} here.")


def _none(failures: Sequence[VendorFailure]) -> NoSource:
    return NoSource(" ".join(dict.fromkeys(one.text for one in failures)) or "No source of market data offers this.")
