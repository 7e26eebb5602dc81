"""Answers being made in this process: each goes on without its listener, who may come back or another page may look."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import structlog

log = structlog.get_logger("assistant")

Event = tuple[str, dict[str, Any]]

QUIET_SECS = 15.0


class Answer:
    """One answer on its way: everything it has said, for whoever listens and from whenever."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._over = False
        self._task: asyncio.Task[None] | None = None

    def emit(self, name: str, data: dict[str, Any]) -> None:
        """Tell everybody who listens."""
        self._events.append((name, data))
        self._wake()

    def end(self) -> None:
        """Nothing more will be said."""
        self._over = True
        self._wake()

    @property
    def partial(self) -> str:
        """What has been said since the last tool."""
        said: list[str] = []
        for name, data in self._events:
            if name == "text":
                said.append(data["text"])
        return "".join(said)

    async def follow(self) -> AsyncIterator[Event]:
        """Every event from the first on, until the answer is over; `quiet` when nothing was said for a while."""
        seen = 0
        while True:
            news = self._news
            while seen < len(self._events):
                yield self._events[seen]
                seen += 1
            if self._over:
                return
            try:
                async with asyncio.timeout(QUIET_SECS):
                    await news.wait()
            except TimeoutError:
                yield "quiet", {}

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


_running: dict[UUID, Answer] = {}
_tasks: set[asyncio.Task[None]] = set()


def running(chat_id: UUID) -> Answer | None:
    """The answer this process is making in a conversation."""
    return _running.get(chat_id)


def start(chat_id: UUID, answer: Answer, work: Any) -> None:
    """Make the answer in a task of its own, kept until it is over."""
    task: asyncio.Task[None] = asyncio.create_task(work)
    _running[chat_id] = answer
    _tasks.add(task)

    def over(done: asyncio.Task[None]) -> None:
        _tasks.discard(done)
        _running.pop(chat_id, None)
        answer.end()
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("answer failed", error=type(error).__name__, exc_info=error)

    task.add_done_callback(over)


async def wait_for_all() -> None:
    """Until every answer of this process is over: for the end of the process and for tests."""
    await asyncio.gather(*_tasks, return_exceptions=True)
