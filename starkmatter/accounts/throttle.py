"""How often a sign-in may be tried: per account with growing pauses, per network address by the minute.

A try is counted before anything is hashed, so that tries at the same instant cannot slip past. Five are free; then each
costs twice the pause of the one before, a quarter of an hour at most and never for good. A device that has signed in
before has pauses of its own: who guesses at an account does not lock its person out.
"""

import math
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from starkmatter.accounts import queries
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import TooMany

FREE_TRIES = 5
LONGEST_PAUSE_SECS = 900
FORGOTTEN_AFTER = timedelta(hours=24)
ADDRESS_WINDOW = timedelta(minutes=1)
IPV6_PREFIX = 64
MAX_TOLD = 10_000


class Paused(TooMany):
    """Tries under `key` are paused, until `until` when that is known."""

    def __init__(self, key: bytes, until: datetime | None, now: datetime) -> None:
        secs = 1 if until is None else max(1, math.ceil((until - now).total_seconds()))
        wait = f"{secs} second{'s' if secs > 1 else ''}" if secs < 120 else f"{math.ceil(secs / 60)} minutes"
        super().__init__(f"Too many tries. Wait {wait}, then try again.", details={"retry_after_secs": secs})
        self.key = key
        self.until = until

    @property
    def source(self) -> str:
        """Names this very pause, however often it is run into."""
        return f"pause/{self.key.hex()}/{self.until.isoformat() if self.until else ''}"


_told: dict[bytes, datetime | None] = {}


def told(paused: Paused) -> bool:
    """Whether this process has asked this of this very pause before: a flood is told of once."""
    before = _told.get(paused.key, paused)
    if len(_told) >= MAX_TOLD:
        _told.clear()
    _told[paused.key] = paused.until
    return before == paused.until


async def take_try(b: Backends, key: bytes) -> None:
    """Count one try under `key`; TooMany, with the seconds to wait, while a pause lasts."""
    now = utc_now()
    params = {
        "key": key,
        "now": now,
        "free": FREE_TRIES,
        "longest": timedelta(seconds=LONGEST_PAUSE_SECS),
        "forgotten_before": now - FORGOTTEN_AFTER,
    }
    if await b.db.value(queries.TAKE_SIGN_IN_TRY, params) is None:
        raise Paused(key, await b.db.value(queries.NEXT_SIGN_IN_TRY, (key,)), now)


async def take_address_try(b: Backends, address: str) -> None:
    """Count one try from a network address, whatever account it is for."""
    now, key = utc_now(), _key("address", network_of(address))
    since = now - ADDRESS_WINDOW
    most = b.settings.sign_in_per_min
    if await b.db.value(queries.TAKE_ADDRESS_TRY, {"key": key, "now": now, "since": since, "most": most}) is None:
        began = await b.db.value(queries.ADDRESS_TRIES_SINCE, (key,))
        raise Paused(key, began + ADDRESS_WINDOW if began else None, now)


async def forgive(b: Backends, key: bytes) -> None:
    """The try was good: the next ones are free again."""
    await b.db.run(queries.FORGET_TRIES, (key,))


async def forget_old_tries(b: Backends) -> int:
    """Drop counts that no longer matter; how many."""
    return await b.db.run(queries.FORGET_OLD_TRIES, (utc_now() - FORGOTTEN_AFTER,))


def account_key(email: str) -> bytes:
    """The count of an address, known or not: both are paused alike."""
    return _key("account", email.strip().casefold())


def device_key(device: bytes) -> bytes:
    """The count of one device that has signed in before."""
    return _key("device", device.hex())


def person_key(user_id: object) -> bytes:
    """The count of a signed-in person's own proofs."""
    return _key("person", str(user_id))


def _key(kind: str, what: str) -> bytes:
    return sha256(f"{kind}|{what}".encode()).digest()


def network_of(address: str) -> str:
    """An IPv6 network of one household counts as one address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
