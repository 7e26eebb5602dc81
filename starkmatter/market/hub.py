"""Fans quotes, bars, depth, clocks and a person's own events out to the sockets of one web process.

A message is encoded once for all sockets with the same subscription. A socket that cannot take more gets no queue of
quotes: what it missed is merged and the newest value of each symbol is sent once it can. Events of orders and alerts
are never merged; a socket that falls hopelessly behind on them is closed and loads afresh.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput, Unavailable
from starkmatter.market.board import QuoteBoard, batch_of, clock_key, quotes_key
from starkmatter.market.stream_client import (
    CLOSE_RENEWED,
    CLOSE_TOO_SLOW,
    CLOSE_UNAUTHORIZED,
    TOPICS,
    VENUES,
    HubClient,
    Kind,
    Topic,
    event_frame,
    topic_frame,
)
from starkmatter.market.told import bars_key, depth_key, parts_of
from starkmatter.market.wire import clock_json, parse_clock, quote_fields

REVOKED_CHANNEL = "sessions:revoked"
USER_CHANNELS = ("orders", "alerts")
RETRY_SECS = 0.5
LISTEN_SECS = 1.0

TOLD = {bars_key(venue): Topic("bars", venue) for venue in VENUES} | {
    depth_key(venue): Topic("depth", venue) for venue in VENUES
}

Subscription = frozenset[str]

log = structlog.get_logger(__name__)


class Hub:
    """The sockets of this process and the newest quotes they may ask for. `run` listens until `stop` is set."""

    def __init__(self, cache: Redis, wall_clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._wall_clock = wall_clock
        self._newest: dict[Venue, dict[str, dict[str, Any]]] = {venue: {} for venue in VENUES}
        self._told: dict[Topic, dict[str, str]] = {topic: {} for topic in TOPICS}
        self._clock_texts: dict[Venue, str] = {}
        self._run_ids: dict[Venue, object] = {}
        self._groups: dict[Topic, dict[Subscription, set[HubClient]]] = {topic: {} for topic in TOPICS}
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
        for topic in TOPICS:
            self.resubscribe(client, topic, set())
        client.drop()

    def sockets_of(self, user_id: UUID) -> int:
        return len(self._of_user.get(user_id, ()))

    def subjects_of(self, user_id: UUID) -> int:
        """How much all sockets of a person have subscribed to; what two want counts twice."""
        return sum(len(listed) for client in self._of_user.get(user_id, ()) for listed in client.wants.values())

    def resubscribe(self, client: HubClient, topic: Topic, subjects: set[str]) -> None:
        """From now on the socket gets exactly `subjects` of the topic."""
        groups, before = self._groups[topic], client.wants.pop(topic, frozenset())
        if before in groups:
            groups[before].discard(client)
            if not groups[before]:
                del groups[before]
        if subjects:
            client.wants[topic] = frozenset(subjects)
            groups.setdefault(frozenset(subjects), set()).add(client)

    def wanted(self, venue: Venue, kind: Kind = "quotes") -> set[str]:
        """Every subject that some socket asked for."""
        return {subject for subscription in self._groups[Topic(kind, venue)] for subject in subscription}

    def clock_wanted(self, venue: Venue) -> bool:
        """Whether some socket asked for the venue's clock."""
        return any(venue in client.wants_clock for client in self.clients)

    def send_snapshot(self, client: HubClient, topic: Topic, subjects: Iterable[str]) -> None:
        """What is known right now of `subjects`, in one frame; nothing when nothing is known."""
        if topic.kind == "quotes":
            newest, now = self._newest[topic.venue], self._wall_clock()
            parts = {symbol: _encoded(newest[symbol], now) for symbol in subjects if symbol in newest}
        else:
            told = self._told[topic]
            parts = {subject: told[subject] for subject in subjects if subject in told}
        if parts:
            client.offer_newest(topic, _message(topic, parts), parts)

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
        self._send(Topic("quotes", venue), {symbol: {symbol: text} for symbol, text in encoded.items()})

    def take_told(self, topic: Topic, raw: bytes) -> None:
        """Remember and send on a published batch of growing and finished bars, or of depth."""
        parts = parts_of(raw)
        told = self._told[topic]
        for subject, of_subject in parts.items():
            told[subject] = list(of_subject.values())[-1]
        self._send(topic, parts)

    def _send(self, topic: Topic, parts: Mapping[str, Mapping[str, str]]) -> None:
        """Send each group of sockets its subjects' parts; of parts with one name a slow socket gets the newest."""
        for wanted, clients in self._groups[topic].items():
            own = {name: text for subject, named in parts.items() if subject in wanted for name, text in named.items()}
            if own:
                message = _message(topic, own)
                for client in tuple(clients):
                    client.offer_newest(topic, message, own)

    def take_clock(self, venue: Venue, raw: bytes) -> None:
        """Remember the venue's clock and send it on; a new run forgets the quotes of the former one."""
        clock = parse_clock(raw)
        if clock.run_id != self._run_ids.get(venue):
            self._run_ids[venue] = clock.run_id
            self._newest[venue].clear()
            self._told[Topic("bars", venue)].clear()
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
            keys = (quotes_key, clock_key, bars_key, depth_key)
            await channels.subscribe(*(key(venue) for key in keys for venue in VENUES), REVOKED_CHANNEL)
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
            elif channel in TOLD:
                self.take_told(TOLD[channel], data)
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


def _message(topic: Topic, parts: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "websocket.send", "text": topic_frame(topic, parts.values())}


def _encoded(fields: dict[str, Any], now: datetime) -> str:
    received_at = datetime.fromisoformat(fields["received_at"])
    age_ms = max(0, round((now - received_at).total_seconds() * 1000))
    return orjson.dumps({**fields, "age_ms": age_ms}).decode()
