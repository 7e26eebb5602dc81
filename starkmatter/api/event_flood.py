"""How many events a page may send and how many event sockets may be open: per socket, person and network address.

An event too many waits for its turn, so that nobody's click is lost; what is behind it stays with the sender. Who has
been over the rate for four seconds on end is no page.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starkmatter.accounts.sessions import caller_of_cookie_header
from starkmatter.accounts.throttle import network_of
from starkmatter.api.buckets import Buckets
from starkmatter.api.security import client_ip_of
from starkmatter.backends import backends
from starkmatter.clock import monotonic_secs
from starkmatter.errors import StarkMatterError
from starkmatter.settings import Settings

MAX_SOCKETS_PER_PERSON = 10
MAX_SOCKETS_PER_ADDRESS = 50
BURST_SECS = 2
PERSON_SHARE = 5  # sockets' worth of events
PATIENCE_SECS = 4.0


class Crowd:
    """Everybody with an event socket at this web process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        per_sec = settings.events_per_sec
        self.per_socket = Buckets(per_sec, BURST_SECS * per_sec)
        self.per_person = Buckets(PERSON_SHARE * per_sec, BURST_SECS * PERSON_SHARE * per_sec)
        self._of_address: Counter[str] = Counter()
        self._of_person: Counter[str] = Counter()

    async def enter(self, scope: Any) -> "Seat | None":
        """A seat for this socket, to be left; None when its person or address has too many."""
        address = network_of(client_ip_of(scope, self._settings))
        if self._of_address[address] >= MAX_SOCKETS_PER_ADDRESS:
            return None
        self._of_address[address] += 1  # at once: others may come while we ask who this is
        person = await asyncio.create_task(_person_behind(scope))  # a task of its own: this one works for nobody yet
        if person and self._of_person[person] >= MAX_SOCKETS_PER_PERSON:
            _less(self._of_address, address)
            return None
        if person:
            self._of_person[person] += 1
        return Seat(self, address, person)

    def leave(self, seat: "Seat") -> None:
        """The socket is closed."""
        _less(self._of_address, seat.address)
        self.per_socket.drop(seat)
        if seat.person:
            _less(self._of_person, seat.person)


class Seat:
    """One socket: whose it is, and since when it has been sending too much."""

    def __init__(self, crowd: Crowd, address: str, person: str) -> None:
        self.address, self.person = address, person
        self._crowd = crowd
        self._over_since: float | None = None

    async def may_send(
        self, now: Callable[[], float] = monotonic_secs, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> bool:
        """Wait until an event may pass; False when the socket has asked too much for too long."""
        waited = False
        while wait := self._take(now()):
            waited = True
            since = self._over_since = now() if self._over_since is None else self._over_since
            if now() - since >= PATIENCE_SECS:
                return False
            await sleep(wait)
        if not waited:
            self._over_since = None
        return True

    def _take(self, now: float) -> float:
        wait = self._crowd.per_socket.take(self, now)
        if wait or not self.person:
            return wait
        wait = self._crowd.per_person.take(self.person, now)
        if wait:
            self._crowd.per_socket.give_back(self)
        return wait


async def _person_behind(scope: Any) -> str:
    cookies = b"; ".join(value for name, value in scope["headers"] if name.lower() == b"cookie")
    try:
        caller = await caller_of_cookie_header(backends(), cookies.decode("latin-1"))
    except StarkMatterError:
        return ""  # the guard will say so at the first event
    return str(caller.user_id) if caller else ""


def _less(count: Counter[str], key: str) -> None:
    count[key] -= 1
    if count[key] <= 0:
        del count[key]
