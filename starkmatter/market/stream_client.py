"""One socket of the stream: what it wants, what it could not take yet, and how it is written to without a queue."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from datetime import datetime
from types import CoroutineType
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from starkmatter.domain.quotes import Venue

MAX_EVENTS_WAITING = 500
STUCK_SECS = 30.0

CLOSE_UNAUTHORIZED = 4401
CLOSE_RENEWED = 4402
CLOSE_TOO_SLOW = 1013
CLOSED_BY_PEER = 1006

Send = Callable[[dict[str, Any]], Awaitable[None]]
Kind = Literal["quotes", "bars", "depth"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VENUES: tuple[Venue, ...] = ("replay", "market")


class Topic(NamedTuple):
    """What of a venue is told: of each subject (a symbol, or `AAPL:1m` of bars) the newest."""

    kind: Kind
    venue: Venue


TOPICS = tuple(Topic(kind, venue) for kind in KINDS for venue in VENUES)


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
        "_missed",
        "_send",
        "close_code",
        "lists",
        "proven_at",
        "session_id",
        "user_id",
        "wants",
        "wants_clock",
    )

    def __init__(self, send: Send, user_id: UUID, session_id: UUID, proven_at: datetime | None = None) -> None:
        self._send = send
        self.user_id = user_id
        self.session_id = session_id
        self.proven_at = proven_at
        self.wants: dict[Topic, frozenset[str]] = {}
        self.wants_clock: set[Venue] = set()
        self.lists: set[str] = set()
        self.close_code: int | None = None
        self._events: deque[str] = deque()
        self._missed: dict[Topic, dict[str, str]] = {}
        self._clocks: dict[Venue, str] = {}
        self._background: asyncio.Task[None] | None = None
        self._busy_since = 0.0

    @property
    def busy(self) -> bool:
        return self._background is not None

    def is_stuck(self, loop_secs: float) -> bool:
        """Whether one write has been waiting for longer than anyone should be waited for."""
        return self._background is not None and loop_secs - self._busy_since > STUCK_SECS

    def offer_newest(self, topic: Topic, message: dict[str, Any], parts: Mapping[str, str]) -> None:
        """Send `message` if the socket can take it now, else keep `parts` (what of → JSON) merged for later."""
        if self.close_code is not None:
            return
        if self._background is not None:
            self._missed.setdefault(topic, {}).update(parts)
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
        self._missed.clear()
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
        if self._missed:
            topic = next(iter(self._missed))
            return topic_frame(topic, self._missed.pop(topic).values())
        return None


async def _awaited(waiting: Awaitable[None]) -> None:
    await waiting


def topic_frame(topic: Topic, parts: Iterable[str]) -> str:
    """One frame with the newest of each part."""
    return f'{{"ch":"{topic.kind}","venue":"{topic.venue}","d":[{",".join(parts)}]}}'


def event_frame(channel: str, payload: str) -> str:
    """One frame with what happened to somebody's own."""
    body = payload if payload.startswith("[") else f"[{payload}]"
    return f'{{"ch":"{channel}","d":{body}}}'
