"""Keeps one stream of quotes, while there is something to stream: of the first source whose stream is not lost now.

A source that lost its stream rests with growing patience; then it is the first again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from starkmatter import clock
from starkmatter.domain.instruments import class_of
from starkmatter.domain.quotes import Quote
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Unavailable
from starkmatter.market.failover import Failover
from starkmatter.market.health import Health
from starkmatter.market.ports import MarketDataProvider

Quotes = dict[str, Quote]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StreamPace:
    """How long a source rests whose stream was lost: the shortest and the longest; and one that said no."""

    reconnect_secs: tuple[float, float] = (1.0, 60.0)
    refused_secs: float = 120.0


class Say(Protocol):
    """Tells the log, now and then."""

    def __call__(self, event: str, **more: object) -> None: ...


class Streaming:
    """`run` until `stop`. `wanted` says which symbols are to be streamed now, `take` gets what comes."""

    def __init__(
        self,
        sources: Callable[[], Awaitable[Failover]],
        wanted: Callable[[], Awaitable[list[str]]],
        take: Callable[[Failover, Quotes], Awaitable[None]],
        health: Health,
        pace: StreamPace,
        look_secs: float,
        say: Say,
    ) -> None:
        self._sources = sources
        self._wanted = wanted
        self._take = take
        self._health = health
        self._pace = pace
        self._look_secs = look_secs
        self._say = say
        self._waits: dict[str, float] = {}
        self._rests: dict[str, float] = {}
        self.streamed = NOTHING

    def welcome(self, adapter: str) -> None:
        """This source answers again: its stream need not rest any longer."""
        self._rests.pop(adapter, None)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            provider, symbols = await self._offered()
            if provider is None:
                await self._pause(stop, self._look_secs)
                continue
            started = asyncio.get_running_loop().time()
            try:
                await self._stream(stop, provider, symbols)
            except VendorFailure as failure:
                self._rest(provider, failure, started)
            except Unavailable as error:
                self._say("market waits", reason=error.text)
                await self._pause(stop, self._pace.reconnect_secs[0])
            finally:
                self.streamed = NOTHING

    async def _pause(self, stop: asyncio.Event, secs: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), secs)

    async def _offered(self) -> tuple[MarketDataProvider | None, list[str]]:
        """Which source streams which symbols now: the first that has a stream of any of them."""
        with suppress(Unavailable):
            if symbols := await self._wanted():
                now = asyncio.get_running_loop().time()
                for one in (await self._sources()).giving("stream"):
                    served = [symbol for symbol in symbols if class_of(symbol) in one.capability.streams]
                    if served and self._rests.get(one.capability.adapter, 0.0) <= now:
                        return one, served
        return None, []

    def _rest(self, provider: MarketDataProvider, failure: VendorFailure, started: float) -> None:
        """Its stream is lost: how long nobody tries it again."""
        self._say("stream lost", kind=failure.kind, reason=failure.text)
        shortest, longest = self._pace.reconnect_secs
        adapter, now = provider.capability.adapter, asyncio.get_running_loop().time()
        if failure.kind == "garbage":
            self._health.refuse(adapter, "", "answer", failure.text, failure.excerpt, clock.utc_now())
        wait_secs = shortest if now - started > longest else self._waits.get(adapter, shortest)
        self._waits[adapter] = min(wait_secs * 2, longest)
        self._rests[adapter] = now + (self._pace.refused_secs if failure.kind == "refused" else wait_secs)

    async def _stream(self, stop: asyncio.Event, provider: MarketDataProvider, symbols: list[str]) -> None:
        """Until the connection is lost (VendorFailure), or something else should be streamed."""
        failover = await self._sources()

        async def on_quotes(quotes: Quotes) -> None:
            # A stand-in's stream spares nobody the question whether the first is back.
            leads = failover.giving("quotes")[:1] == [provider]
            self.streamed = frozenset(symbols) if leads else NOTHING
            self._health.streamed(provider.capability.adapter, clock.utc_now())
            with suppress(Unavailable):
                await self._take(failover, quotes)

        streaming = asyncio.create_task(provider.stream(symbols, on_quotes))
        try:
            while not stop.is_set() and not streaming.done():
                await asyncio.wait({streaming}, timeout=self._look_secs)
                offered, wished = await self._offered()
                if offered is not provider or set(wished) - set(symbols):
                    return
            if streaming.done():
                streaming.result()
        finally:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
