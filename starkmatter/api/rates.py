"""How often REST may be called: by each person in browsers and by their programs, and from each network address.

Every call is counted in this process first. Now and then, and with each call where it matters, the count is added to
the one in the cache that all web processes share (`limits`, sliding window). Without the cache this process counts
alone, and where guessing or trading is at stake the figures are smaller then.
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.accounts.records import Caller
from starkmatter.api.buckets import Buckets
from starkmatter.api.matrix import RULES, Rule
from starkmatter.backends import backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.errors import TooMany, Unavailable
from starkmatter.ops.seldom import Seldom
from starkmatter.settings import Settings

WINDOW_SECS = 60
EXPORTS_PER_MIN = 20
SHARED_PER_MIN = 30
EXPORTS = (".csv", ".pdf", "report.html")
TOLD_EVERY = 10  # calls that matter little are added to the shared count by tens
ANSWER_SECS = 0.5
LEFT_ALONE_SECS = 1.0
MAX_UNTOLD = 20_000

# What somebody asks who is not signed in yet, and what a guesser would ask.
DOORS = frozenset(
    route.removeprefix("POST ") for route, rule in RULES.items() if rule.scope == "open" and route.startswith("POST ")
)

log = structlog.get_logger("rates")


class Rate:
    """One kind of calls: `per_min` of each key, `alone_per_min` while the cache does not answer."""

    def __init__(self, name: str, per_min: int, *, alone_per_min: int | None = None) -> None:
        self.name, self.per_min = name, per_min
        self.step = min(TOLD_EVERY, per_min) if alone_per_min is None else 1
        self.here = Buckets(per_min / WINDOW_SECS, per_min)
        self.alone = None if alone_per_min is None else Buckets(alone_per_min / WINDOW_SECS, alone_per_min)
        self.shared = RateLimitItemPerMinute(per_min)

    @property
    def policy(self) -> str:
        """As the header RateLimit-Policy says it."""
        return f'"{self.name}";q={self.per_min};w={WINDOW_SECS}'


class TooOften(TooMany):
    """Called more often than this kind of calls may be."""

    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, rate: Rate, wait_secs: float) -> None:
        secs = max(1, math.ceil(wait_secs))
        super().__init__(
            f"That is more than {rate.per_min} calls of this kind in a minute. Go on in {secs} s.",
            details={"retry_after_secs": secs, "limit": rate.name, "per_min": rate.per_min},
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What is left of a rate after a call."""

    rate: Rate
    left: int

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit (IETF draft-ietf-httpapi-ratelimit-headers)."""
        left = f'"{self.rate.name}";r={self.left};t={WINDOW_SECS}'
        return [(b"ratelimit-policy", self.rate.policy.encode()), (b"ratelimit", left.encode())]


class Rates:
    """The rates of one web process."""

    def __init__(self, settings: Settings) -> None:
        sign_ins, writes = settings.sign_in_per_min, settings.writes_per_min
        self.address = Rate("address", settings.requests_per_min)
        self.sign_in = Rate("sign-in", sign_ins, alone_per_min=max(1, sign_ins // 3))
        self.read = Rate("read", settings.reads_per_min)
        self.write = Rate("write", writes, alone_per_min=max(1, writes // 4))
        self.export = Rate("export", EXPORTS_PER_MIN, alone_per_min=EXPORTS_PER_MIN)
        self.shared_link = Rate("shared", SHARED_PER_MIN, alone_per_min=SHARED_PER_MIN // 3)
        self._untold: dict[tuple[str, str], int] = {}
        self._shared: tuple[Redis, SlidingWindowCounterRateLimiter] | None = None
        self._ask_again_at = 0.0
        self._seldom = Seldom()

    async def admit_address(self, address: str, *, signing_in: bool) -> None:
        """Count a call of anybody from there; TooOften when there were too many."""
        await self.take(self.address, address)
        if signing_in:
            await self.take(self.sign_in, address)

    async def admit_visitor(self, address: str) -> None:
        """Count a look through a shared link from there: a report costs more than most pages."""
        await self.take(self.shared_link, address)

    async def admit_caller(self, caller: Caller, route: str, rule: Rule) -> Taken:
        """Count a call of a person: in browsers, or of all their programs together."""
        return await self.take(self._rate_of(route, rule), f"{caller.user_id}/{caller.via}")

    def _rate_of(self, route: str, rule: Rule) -> Rate:
        if route.endswith(EXPORTS):
            return self.export
        return self.read if route.startswith("GET ") or rule.scope == "read" else self.write

    async def take(self, rate: Rate, whose: str) -> Taken:
        """Count one call; TooOften when it is one too many."""
        now = monotonic_secs()
        wait = rate.here.take(whose, now) or await self._wait_for_all(rate, whose, now)
        if wait:
            raise TooOften(rate, wait)
        return Taken(rate, rate.here.left(whose, now))

    async def _wait_for_all(self, rate: Rate, whose: str, now: float) -> float:
        """Seconds to wait by the count of all web processes; 0.0 when this call may go on."""
        key = (rate.name, whose)
        count = self._untold.get(key, 0) + 1
        if count < rate.step:
            if len(self._untold) >= MAX_UNTOLD:
                self._untold.clear()
            self._untold[key] = count
            return 0.0
        self._untold.pop(key, None)
        if now >= self._ask_again_at:
            try:
                async with asyncio.timeout(ANSWER_SECS):
                    wait = await self._tell(rate, whose, count)
            except (RedisError, OSError, TimeoutError, Unavailable) as error:
                self._ask_again_at = now + LEFT_ALONE_SECS
                if (held_back := self._seldom.take()) is not None:
                    log.warning("rates are counted alone", error=type(error).__name__, more_like_it=held_back)
            else:
                if wait and rate.step > 1:
                    self._untold[key] = rate.step - 1  # the next one asks again
                return wait
        return rate.alone.take(whose, now) if rate.alone is not None else 0.0

    async def _tell(self, rate: Rate, whose: str, count: int) -> float:
        """Add to the shared count; how long to wait when it is full."""
        limiter = self._limiter(backends().cache)
        if await limiter.hit(rate.shared, rate.name, whose, cost=count):
            return 0.0
        stats = await limiter.get_window_stats(rate.shared, rate.name, whose)
        return max(1.0, stats.reset_time - utc_now().timestamp())

    def _limiter(self, cache: Redis) -> SlidingWindowCounterRateLimiter:
        if self._shared is None or self._shared[0] is not cache:
            pool: Any = cache.connection_pool
            storage = RedisStorage("async+redis://", implementation="redispy", key_prefix="rate", connection_pool=pool)
            self._shared = cache, SlidingWindowCounterRateLimiter(storage)
        return self._shared[1]
