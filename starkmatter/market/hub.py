"""Fans quotes, clocks and a person's own events out to the sockets of one web process.

A message is encoded once for all sockets with the same subscription. A socket that cannot take more gets no queue of
quotes: what it missed is merged and the newest value of each symbol is sent once it can. Events of orders and alerts
are never merged; a socket that falls hopelessly behind on them is closed and loads afresh.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from types import CoroutineType
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.board import QuoteBoard, batch_of, clock_key, quotes_key
from starkmatter.market.wire import clock_json, parse_clock, quote_fields

VENUES: tuple[Venue, ...] = ("replay", "market")
REVOKED_CHANNEL = "sessions:revoked"
USER_CHANNELS = ("orders", "alerts")
MAX_EVENTS_WAITING = 500
STUCK_SECS = 30.0
RETRY_SECS = 0.5
LISTEN_SECS = 1.0

CLOSE_UNAUTHORIZED = 4401
CLOSE_RENEWED = 4402
CLOSE_TOO_SLOW = 1013
CLOSED_BY_PEER = 1006

Send = Callable[[dict[str, Any]], Awaitable[None]]
Subscription = frozenset[str]

log = structlog.get_logger(__name__)


class _Started:
    """A coroutine that has run to its first suspension, as something a task can finish."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> None:
        self._coroutine = coroutine
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, Any, None]:
        resumed = False
        try:
            yield self._waiting_for
            resumed = True
        finally:
            if not resumed:
                self._coroutine.close()
        yield from self._coroutine.__await__()


class HubClient:
    """One socket: what it wants, what it could not take yet, and whether a write is under way."""

    __slots__ = (
        "_background",
        "_busy_since",
        "_clocks",
        "_events",
        "_quotes",
        "_send",
        "close_code",
        "lists",
        "proven_at",
        "session_id",
        "symbols",
        "user_id",
        "wants_clock",
    )

    def __init__(self, send: Send, user_id: UUID, session_id: UUID, proven_at: datetime | None = None) -> None:
        self._send = send
        self.user_id = user_id
        self.session_id = session_id
        self.proven_at = proven_at
        self.symbols: dict[Venue, set[str]] = {venue: set() for venue in VENUES}
        self.wants_clock: set[Venue] = set()
        self.lists: set[str] = set()
        self.close_code: int | None = None
        self._events: deque[str] = deque()
        self._quotes: dict[Venue, dict[str, str]] = {}
        self._clocks: dict[Venue, str] = {}
        self._background: asyncio.Task[None] | None = None
        self._busy_since = 0.0

    @property
    def busy(self) -> bool:
        return self._background is not None

    def is_stuck(self, loop_secs: float) -> bool:
        """Whether one write has been waiting for longer than anyone should be waited for."""
        return self._background is not None and loop_secs - self._busy_since > STUCK_SECS

    def offer_quotes(self, venue: Venue, message: dict[str, Any], parts: Mapping[str, str]) -> None:
        """Send `message` if the socket can take it now, else keep `parts` (symbol → JSON) merged for later."""
        if self.close_code is not None:
            return
        if self._background is not None:
            self._quotes.setdefault(venue, {}).update(parts)
        else:
            self._write(message)

    def offer_clock(self, venue: Venue, message: dict[str, Any]) -> None:
        """Send the clock, or keep only the newest for later."""
        if self.close_code is not None:
            return
        if self._background is not None:
            self._clocks[venue] = message["text"]
        else:
            self._write(message)

    def offer_event(self, text: str) -> None:
        """Send in order, never merged; closes the socket when too many wait."""
        if self.close_code is not None:
            return
        if self._background is None:
            self._write({"type": "websocket.send", "text": text})
        elif len(self._events) < MAX_EVENTS_WAITING:
            self._events.append(text)
        else:
            self.close(CLOSE_TOO_SLOW)

    def close(self, code: int) -> None:
        """Close with `code`, giving up whatever waits."""
        if self.close_code is not None:
            return
        self.close_code = code
        self._events.clear()
        self._quotes.clear()
        self._clocks.clear()
        if self._background is not None:
            self._background.cancel()
        else:
            self._write({"type": "websocket.close", "code": code})

    def drop(self) -> None:
        """The socket is gone: stop writing."""
        self.close_code = CLOSED_BY_PEER
        if self._background is not None:
            self._background.cancel()

    def _write(self, message: dict[str, Any]) -> None:
        """Write without a task when the transport takes it at once, which is the rule."""
        sending: Any = self._send(message)
        if type(sending) is not CoroutineType:  # a server whose send is not written in Python
            sending = _awaited(sending)
        try:
            waiting_for = sending.send(None)
        except StopIteration:
            return
        except (OSError, RuntimeError):  # the peer is gone; the receiving side sees it and says so
            self.close_code = CLOSED_BY_PEER
            return
        loop = asyncio.get_running_loop()
        self._busy_since = loop.time()
        self._background = loop.create_task(self._drain(_Started(sending, waiting_for)))
        self._background.add_done_callback(lambda task: self._settle(task, sending))

    async def _drain(self, started: _Started) -> None:
        """Finish the write that had to wait, then send what came meanwhile."""
        await started
        while (text := self._next()) is not None:
            self._busy_since = asyncio.get_running_loop().time()
            await self._send({"type": "websocket.send", "text": text})

    def _settle(self, task: asyncio.Task[None], sending: Any) -> None:
        self._background = None
        sending.close()  # a task that is canceled before it ran has not closed it
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.close_code = CLOSED_BY_PEER
            if not isinstance(error, OSError | RuntimeError):
                raise error
        elif self.close_code not in (None, CLOSED_BY_PEER):
            self._write({"type": "websocket.close", "code": self.close_code})

    def _next(self) -> str | None:
        if self._events:
            return self._events.popleft()
        if self._clocks:
            return self._clocks.pop(next(iter(self._clocks)))
        if self._quotes:
            venue = next(iter(self._quotes))
            return quotes_frame(venue, self._quotes.pop(venue).values())
        return None


async def _awaited(waiting: Awaitable[None]) -> None:
    await waiting


def quotes_frame(venue: Venue, parts: Iterable[str]) -> str:
    return f'{{"ch":"quotes","venue":"{venue}","d":[{",".join(parts)}]}}'


def event_frame(channel: str, payload: str) -> str:
    body = payload if payload.startswith("[") else f"[{payload}]"
    return f'{{"ch":"{channel}","d":{body}}}'


class Hub:
    """The sockets of this process and the newest quotes they may ask for. `run` listens until `stop` is set."""

    def __init__(self, cache: Redis, wall_clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._wall_clock = wall_clock
        self._newest: dict[Venue, dict[str, dict[str, Any]]] = {venue: {} for venue in VENUES}
        self._clock_texts: dict[Venue, str] = {}
        self._run_ids: dict[Venue, object] = {}
        self._groups: dict[Venue, dict[Subscription, set[HubClient]]] = {venue: {} for venue in VENUES}
        self._of_user: dict[UUID, set[HubClient]] = {}
        self.clients: set[HubClient] = set()
        self.listening = asyncio.Event()

    # --- sockets ------------------------------------------------------------------------------------------------------

    def join(self, client: HubClient) -> None:
        self.clients.add(client)
        self._of_user.setdefault(client.user_id, set()).add(client)

    def leave(self, client: HubClient) -> None:
        """Forget the socket; harmless when it has left already."""
        self.clients.discard(client)
        own = self._of_user.get(client.user_id)
        if own is not None:
            own.discard(client)
            if not own:
                del self._of_user[client.user_id]
        for venue in VENUES:
            self._regroup(client, venue, set())
        client.drop()

    def sockets_of(self, user_id: UUID) -> int:
        return len(self._of_user.get(user_id, ()))

    def symbols_of(self, user_id: UUID) -> int:
        """How many symbols all sockets of a person have subscribed to; one that two want counts twice."""
        return sum(len(listed) for client in self._of_user.get(user_id, ()) for listed in client.symbols.values())

    def resubscribe(self, client: HubClient, venue: Venue, symbols: set[str]) -> None:
        """From now on the socket gets exactly `symbols` of `venue`."""
        self._regroup(client, venue, symbols)

    def _regroup(self, client: HubClient, venue: Venue, symbols: set[str]) -> None:
        groups, before = self._groups[venue], frozenset(client.symbols[venue])
        if before in groups:
            groups[before].discard(client)
            if not groups[before]:
                del groups[before]
        client.symbols[venue] = set(symbols)
        if symbols:
            groups.setdefault(frozenset(symbols), set()).add(client)

    def wanted(self, venue: Venue) -> set[str]:
        """Every symbol of `venue` that some socket asked for."""
        return {symbol for subscription in self._groups[venue] for symbol in subscription}

    def clock_wanted(self, venue: Venue) -> bool:
        """Whether some socket asked for the venue's clock."""
        return any(venue in client.wants_clock for client in self.clients)

    def send_snapshot(self, client: HubClient, venue: Venue, symbols: Iterable[str]) -> None:
        """What is known right now of `symbols`, in one frame; nothing when nothing is known."""
        newest, now = self._newest[venue], self._wall_clock()
        parts = {symbol: _encoded(newest[symbol], now) for symbol in symbols if symbol in newest}
        if parts:
            text = quotes_frame(venue, parts.values())
            client.offer_quotes(venue, {"type": "websocket.send", "text": text}, parts)

    def send_clock(self, client: HubClient, venue: Venue) -> None:
        if venue in self._clock_texts:
            client.offer_clock(venue, {"type": "websocket.send", "text": self._clock_texts[venue]})

    def close_session(self, session_id: UUID) -> int:
        """Close every socket of a session that is over; how many there were."""
        gone = [client for client in self.clients if client.session_id == session_id]
        for client in gone:
            client.close(CLOSE_UNAUTHORIZED)
        return len(gone)

    def close_renewed(self, proven: Mapping[UUID, datetime | None]) -> int:
        """Close sockets that were opened with a token their session no longer has; how many there were.

        Their own browser has the new one and connects again; nobody else can.
        """
        gone = [one for one in self.clients if one.session_id in proven and one.proven_at != proven[one.session_id]]
        for client in gone:
            client.close(CLOSE_RENEWED)
        return len(gone)

    def close_stuck(self) -> None:
        """Close sockets whose peer has not taken a byte for STUCK_SECS."""
        loop_secs = asyncio.get_running_loop().time()
        for client in [client for client in self.clients if client.is_stuck(loop_secs)]:
            client.close(CLOSE_TOO_SLOW)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def take_quotes(self, venue: Venue, batch: list[dict[str, Any]]) -> None:
        """Remember a published batch and send each group of sockets its part of it, encoded once."""
        now = self._wall_clock()
        newest = self._newest[venue]
        encoded: dict[str, str] = {}
        for fields in batch:
            symbol = fields["symbol"]
            newest[symbol] = fields
            encoded[symbol] = _encoded(fields, now)
        for wanted, clients in self._groups[venue].items():
            parts = {symbol: text for symbol, text in encoded.items() if symbol in wanted}
            if parts:
                message = {"type": "websocket.send", "text": quotes_frame(venue, parts.values())}
                for client in tuple(clients):
                    client.offer_quotes(venue, message, parts)

    def take_clock(self, venue: Venue, raw: bytes) -> None:
        """Remember the venue's clock and send it on; a new run forgets the quotes of the former one."""
        clock = parse_clock(raw)
        if clock.run_id != self._run_ids.get(venue):
            self._run_ids[venue] = clock.run_id
            self._newest[venue].clear()
        text = f'{{"ch":"clock","venue":"{venue}","d":[{clock_json(clock).decode()}]}}'
        self._clock_texts[venue] = text
        message = {"type": "websocket.send", "text": text}
        for client in tuple(self.clients):
            if venue in client.wants_clock:
                client.offer_clock(venue, message)

    def take_event(self, channel: str, user_id: UUID, payload: str) -> None:
        """Send a person's own event to those of their sockets that asked for it."""
        own = [client for client in self._of_user.get(user_id, ()) if channel in client.lists]
        if own:
            text = event_frame(channel, payload)
            for client in own:
                client.offer_event(text)

    # --- Valkey -------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; when Valkey goes away, try again and load the board afresh once it is back."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except (RedisError, OSError, Unavailable) as error:
                log.warning("hub_waits", reason=str(error)[:200])
            self.listening.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECS)

    async def _listen(self, stop: asyncio.Event) -> None:
        async with self._cache.pubsub() as channels:
            await channels.subscribe(
                *(quotes_key(venue) for venue in VENUES), *(clock_key(venue) for venue in VENUES), REVOKED_CHANNEL
            )
            await channels.psubscribe(*(f"{name}:*" for name in USER_CHANNELS))
            await self._load_board()
            self.listening.set()
            while not stop.is_set():
                message = await channels.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECS)
                if message is not None:
                    self._dispatch(message["channel"].decode(), message["data"])

    async def _load_board(self) -> None:
        board = QuoteBoard(self._cache)
        for venue in VENUES:
            with suppress(Unavailable):
                self.take_clock(venue, clock_json(await board.venue_clock(venue)))
            quotes = await board.quotes(venue)
            self.take_quotes(venue, [quote_fields(quote) for quote in quotes.values()])

    def _dispatch(self, channel: str, data: bytes) -> None:
        name, _, subject = channel.partition(":")
        try:
            if name == "quotes":
                self.take_quotes(_venue(subject), batch_of(data))
            elif name == "clock":
                self.take_clock(_venue(subject), data)
            elif name in USER_CHANNELS:
                self.take_event(name, UUID(subject), data.decode())
            elif channel == REVOKED_CHANNEL:
                self.close_session(UUID(data.decode()))
        except (InvalidInput, ValueError, KeyError, TypeError) as error:
            log.warning("hub_message_refused", channel=channel[:60], reason=str(error)[:200])


def _venue(text: str) -> Venue:
    for venue in VENUES:
        if venue == text:
            return venue
    raise InvalidInput(f"venue {text!r:.20} is unknown.")


def _encoded(fields: dict[str, Any], now: datetime) -> str:
    received_at = datetime.fromisoformat(fields["received_at"])
    age_ms = max(0, round((now - received_at).total_seconds() * 1000))
    return orjson.dumps({**fields, "age_ms": age_ms}).decode()
