"""One line per vendor: a token bucket, a time limit, retries for reads only and a circuit breaker.

A line that is open-circuited answers at once instead of asking, so a dead vendor costs nothing and floods no log.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from weakref import WeakSet

import structlog
from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from starkmatter.clock import utc_now
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.egress.plan import Plan
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
    """How a vendor has answered lately: for the settings page, health and the doctor.

    `last_text` is empty once it answers again; `failed_text` keeps what its last failure was.
    """

    vendor: str
    asked_count: int
    failed_count: int
    last_ok_at: datetime | None
    last_failed_at: datetime | None
    last_failure: FailureKind | None
    last_text: str
    failed_text: str
    per_min: float
    per_day: int | None


class Line:
    """The way to one vendor. `per_min` is the bucket's size and refill, below the vendor's own limit; a `plan` gives
    them as the vendor's plan has them, with a limit of the day where there is one.
    """

    def __init__(
        self,
        vendor: str,
        *,
        per_min: float = 60.0,
        plan: Plan | None = None,
        timeout_secs: float = 15.0,
        tries: int = READ_TRIES,
        pause_secs: float = BREAKER_PAUSE_SECS,
    ) -> None:
        self.vendor = vendor
        self._plan = plan
        self._per_min = plan.refill_per_min if plan else per_min
        self._bucket = plan.bucket() if plan else AsyncLimiter(per_min, 60)
        self._untold: Counter[datetime] = Counter()
        self._used_on: tuple[date | None, int] = (None, 0)
        self._timeout_secs = timeout_secs
        self._tries = tries
        self._pause_secs = pause_secs
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
        self._failed_text = ""
        self._seldom = Seldom()
        _living.add(self)

    async def read(self, work: Callable[[], Awaitable[T]], *, cost: int = 1, wait_secs: float | None = None) -> T:
        """Ask something that changes nothing at the vendor; what is retryable is tried again, `tries` times in all.

        `cost` is what the vendor counts it for, `wait_secs` how long it may wait for its turn.
        """
        import stamina  # 1 MB, loaded with the first question

        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, VendorFailure) and error.retryable,
            attempts=self._tries,
            timeout=self._timeout_secs,
            wait_initial=0.2,
            wait_max=3.0,
        ):
            with attempt:
                return await self._ask(work, cost, wait_secs)
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
            self._failed_text,
            self._per_min,
            self._plan.per_day if self._plan else None,
        )

    def untold(self) -> "Counter[datetime]":
        """What was asked since the last call, by its minute (UTC): for the counts that all processes share."""
        told, self._untold = self._untold, Counter()
        return told

    def take_back(self, counts: "Counter[datetime]") -> None:
        """These could not be told: they are told next time."""
        self._untold.update(counts)

    def know_used(self, day: date, count: int) -> None:
        """So much was used of this day by all processes together, in this life and former ones."""
        since = sum(cost for minute, cost in self._untold.items() if minute.date() == day)
        self._used_on = (day, count + since)

    async def _take_turn(self, cost: int, wait_secs: float | None) -> None:
        now = utc_now()
        per_day = self._plan.per_day if self._plan else None
        day, used = self._used_on
        used = used if day == now.date() else 0
        if per_day is not None and used + cost > per_day:
            words = f"{self.vendor}: the {per_day:,} requests of this day are used up."
            raise self._noted(VendorFailure(self.vendor, "rate_limited", words, unsent=True))
        try:
            async with asyncio.timeout(WAIT_FOR_TURN_SECS if wait_secs is None else wait_secs):
                await self._bucket.acquire(min(cost, self._bucket.max_rate))
        except TimeoutError:
            words = f"{self.vendor} was asked too often; try again in a minute."
            raise self._noted(VendorFailure(self.vendor, "rate_limited", words, unsent=True)) from None

    def _count(self, cost: int) -> None:
        self._asked += 1
        now = utc_now()
        self._untold[now.replace(second=0, microsecond=0)] += cost
        day, used = self._used_on
        self._used_on = (now.date(), (used if day == now.date() else 0) + cost)

    async def _ask(self, work: Callable[[], Awaitable[T]], cost: int = 1, wait_secs: float | None = None) -> T:
        loop_secs = asyncio.get_running_loop().time()
        if loop_secs < self._quiet_until:
            raise self._held_back("rate_limited", "asked us to wait; try again shortly", self._quiet_until - loop_secs)
        await self._take_turn(cost, wait_secs)
        try:
            async with await self._breakers.get_breaker(self.vendor):
                self._count(cost)
                result = await self._in_time(work)
        except OpenedState as opened:  # Raised where one would enter, so nothing was asked.
            left_secs = min(self._pause_secs, self._pause_secs - (utc_now().timestamp() - opened.opened_at))
            words = "failed several times in a row; it is asked again shortly"
            raise self._held_back("paused", words, left_secs) from None
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

    def _held_back(self, kind: FailureKind, words: str, secs: float) -> VendorFailure:
        """Nothing was asked, and for so many seconds nothing will be."""
        text = f"{self.vendor} {words}."
        return VendorFailure(self.vendor, kind, text, retry_after_secs=max(secs, 0.0), unsent=True)

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
        self._last, self._last_failed_at, self._failed_text = failure, utc_now(), failure.text
        held_back = self._seldom.take()
        if held_back is not None:
            log.warning("vendor failed", vendor=self.vendor, kind=failure.kind, more_like_it=held_back)
        return failure
