"""One line per vendor: a token bucket, a time limit, retries for reads only and a circuit breaker.

A line that is open-circuited answers at once instead of asking, so a dead vendor costs nothing and floods no log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from weakref import WeakSet

import stamina
import structlog
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from starkmatter.clock import utc_now
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.errors import StarkMatterError
from starkmatter.ops.seldom import Seldom

BREAKER_THRESHOLD = 5
BREAKER_PAUSE_SECS = 30.0
READ_TRIES = 3
WAIT_FOR_TURN_SECS = 5.0

T = TypeVar("T")


def _is_an_answer(error: StarkMatterError) -> bool:
    """Whether the vendor works although it did not give what was asked: that must not interrupt the line."""
    return not isinstance(error, VendorFailure) or error.kind in {"rate_limited", "refused"}


log = structlog.get_logger("egress")
_living: "WeakSet[Line]" = WeakSet()


def living_lines() -> "list[Line]":
    """Every line this process holds, for the reports."""
    return list(_living)


@dataclass(frozen=True, slots=True)
class LineStatus:
    """How a vendor has answered lately: for the settings page, health and the doctor."""

    vendor: str
    asked_count: int
    failed_count: int
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    last_failure: FailureKind | None
    last_text: str


class Line:
    """The way to one vendor. `per_min` is the bucket's size and refill, below the vendor's own limit."""

    def __init__(
        self,
        vendor: str,
        *,
        per_min: float,
        timeout_secs: float = 15.0,
        tries: int = READ_TRIES,
        pause_secs: float = BREAKER_PAUSE_SECS,
    ) -> None:
        self.vendor = vendor
        self._bucket = AsyncLimiter(per_min, 60)
        self._timeout_secs = timeout_secs
        self._tries = tries
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=BREAKER_THRESHOLD,
            default_ttl=pause_secs,
            exclude=[(StarkMatterError, _is_an_answer)],
        )
        self._quiet_until = 0.0
        self._asked = self._failed = 0
        self._last_ok_at: datetime | None = None
        self._last_failed_at: datetime | None = None
        self._last: VendorFailure | None = None
        self._seldom = Seldom()
        _living.add(self)

    async def read(self, work: Callable[[], Awaitable[T]]) -> T:
        """Ask something that changes nothing at the vendor; what is retryable is tried again, `tries` times in all."""
        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, VendorFailure) and error.retryable,
            attempts=self._tries,
            timeout=self._timeout_secs,
            wait_initial=0.2,
            wait_max=3.0,
        ):
            with attempt:
                return await self._ask(work)
        raise AssertionError("stamina returns or raises")

    async def send(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something at the vendor, at most once: nothing is ever sent again here."""
        return await self._ask(work)

    @property
    def status(self) -> LineStatus:
        """Counts and the last good and bad answer since this process started."""
        return LineStatus(
            self.vendor,
            self._asked,
            self._failed,
            self._last_ok_at,
            self._last_failed_at,
            self._last.kind if self._last else None,
            self._last.text if self._last else "",
        )

    async def _ask(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(WAIT_FOR_TURN_SECS):
                await self._bucket.acquire()
        except TimeoutError:
            raise self._noted(
                VendorFailure(self.vendor, "rate_limited", f"{self.vendor} was asked too often; try again in a minute.")
            ) from None
        loop_secs = asyncio.get_running_loop().time()
        if loop_secs < self._quiet_until:
            raise VendorFailure(self.vendor, "rate_limited", f"{self.vendor} asked us to wait; try again shortly.")
        self._asked += 1
        try:
            async with await self._breakers.get_breaker(self.vendor):
                result = await self._in_time(work)
        except OpenedState:
            raise VendorFailure(
                self.vendor, "paused", f"{self.vendor} failed several times in a row; it is asked again shortly."
            ) from None
        except VendorFailure as failure:
            if failure.retry_after_secs:
                self._quiet_until = loop_secs + min(failure.retry_after_secs, 3600.0)
            raise self._noted(failure) from None
        except StarkMatterError:
            self._last_ok_at, self._last = utc_now(), None
            raise
        self._last_ok_at = utc_now()
        self._last = None
        return result

    async def _in_time(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_secs):
                return await work()
        except (TimeoutError, OSError) as error:
            late = isinstance(error, TimeoutError)
            words = f"{self.vendor} did not answer in time." if late else f"{self.vendor} cannot be reached."
            raise VendorFailure(self.vendor, "unreachable", words) from None

    def _noted(self, failure: VendorFailure) -> VendorFailure:
        self._failed += 1
        self._last, self._last_failed_at = failure, utc_now()
        held_back = self._seldom.take()
        if held_back is not None:
            log.warning("vendor failed", vendor=self.vendor, kind=failure.kind, more_like_it=held_back)
        return failure
