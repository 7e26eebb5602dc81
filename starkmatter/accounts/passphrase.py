"""Passphrases: Argon2id through passlib, two hashes at a time, as slow for an unknown name as for a known one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from passlib.context import CryptContext

from starkmatter.errors import InvalidInput, Unavailable

MIN_CHARS = 12
MAX_CHARS = 128
MEMORY_KIB = 47_104
PARALLEL_HASHES = 2
MAX_WAITING = 50

T = TypeVar("T")

_context = CryptContext(
    schemes=["argon2"], argon2__type="ID", argon2__memory_cost=MEMORY_KIB, argon2__time_cost=1, argon2__parallelism=1
)
_hashers = ThreadPoolExecutor(max_workers=PARALLEL_HASHES, thread_name_prefix="argon2")
_waiting = 0


def check_passphrase(passphrase: str, *, email: str, display_name: str) -> None:
    """Refuse what is too short, too long or simply the person's own name or address; raises InvalidInput."""
    if len(passphrase) < MIN_CHARS:
        raise InvalidInput(f"The passphrase needs at least {MIN_CHARS} characters; fifteen or more are better.")
    if len(passphrase) > MAX_CHARS:
        raise InvalidInput(f"The passphrase may have {MAX_CHARS} characters at most.")
    lowered = passphrase.casefold()
    if lowered in {email.casefold(), display_name.casefold()} or len(set(lowered)) < 5:
        raise InvalidInput("This passphrase is too easy to guess. Several unrelated words make a good one.")


async def hash_passphrase(passphrase: str) -> str:
    """The Argon2id hash (46 MiB, one pass): about 50 ms of one core, done beside the event loop."""
    return str(await _beside_the_loop(_context.hash, passphrase))


async def verify_passphrase(passphrase: str, stored_hash: str | None) -> bool:
    """Whether it fits. With no stored hash (unknown person) a dummy is checked, so that the answer takes as long."""
    fits = await _beside_the_loop(_context.verify, passphrase[: MAX_CHARS + 1], stored_hash or _dummy_hash())
    return bool(fits) and stored_hash is not None


async def _beside_the_loop(function: Callable[..., T], *arguments: str) -> T:
    global _waiting
    if _waiting >= MAX_WAITING:
        raise Unavailable("Too many people are signing in at this moment. Try again in a few seconds.")
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_hashers, function, *arguments)
    finally:
        _waiting -= 1


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return str(_context.hash("nobody has this passphrase"))
