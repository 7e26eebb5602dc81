"""Passphrases: Argon2id through passlib, two hashes at a time, as slow for an unknown name as for a known one."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from passlib.context import CryptContext

from starkmatter.errors import InvalidInput, Unavailable

MIN_CHARS = 12
MAX_CHARS = 128
MEMORY_KIB = 47_104
PARALLEL_HASHES = 2
# Guesses an attacker needs who knows lists of leaked passphrases, words, names, dates and keyboards.
MIN_GUESSES_LOG10 = 9.0
LOOKED_AT_CHARS = 72
NO_PASSPHRASE = "none"  # noqa: S105 - of somebody who signs in another way
MAX_WAITING = 50

T = TypeVar("T")

_context = CryptContext(
    schemes=["argon2"], argon2__type="ID", argon2__memory_cost=MEMORY_KIB, argon2__time_cost=1, argon2__parallelism=1
)
_hashers = ThreadPoolExecutor(max_workers=PARALLEL_HASHES, thread_name_prefix="argon2")
_waiting = 0


async def check_passphrase(passphrase: str, *, email: str, display_name: str) -> None:
    """Refuse what is too short, too long or found on the lists that guessers begin with; raises InvalidInput.

    The lists come with zxcvbn and are on this machine: nothing is asked of anybody.
    """
    if len(passphrase) < MIN_CHARS:
        raise InvalidInput(f"The passphrase needs at least {MIN_CHARS} characters; fifteen or more are better.")
    if len(passphrase) > MAX_CHARS:
        raise InvalidInput(f"The passphrase may have {MAX_CHARS} characters at most.")
    lowered = passphrase.casefold()
    own = {email.casefold(), display_name.casefold()}
    if lowered in own or len(set(lowered)) < 5 or await _beside_the_loop(_is_guessable, lowered, *own):
        raise InvalidInput("This passphrase is too easy to guess. Several unrelated words make a good one.")


def _is_guessable(passphrase: str, *own: str) -> bool:
    from zxcvbn import zxcvbn  # 13 MB of lists, loaded with the first passphrase that is chosen

    words = [word for text in own for word in re.split(r"[^a-z0-9]+", text) if len(word) > 2]
    found = zxcvbn(passphrase[:LOOKED_AT_CHARS], user_inputs=[*words, "starkmatter"])
    return float(found["guesses_log10"]) < MIN_GUESSES_LOG10


async def hash_passphrase(passphrase: str) -> str:
    """The Argon2id hash (46 MiB, one pass): about 50 ms of one core, done beside the event loop."""
    return str(await _beside_the_loop(_context.hash, passphrase))


async def verify_passphrase(passphrase: str, stored_hash: str | None) -> bool:
    """Whether it fits. Without a hash (nobody has the address, or NO_PASSPHRASE) a dummy is checked, as slowly."""
    known = stored_hash is not None and stored_hash != NO_PASSPHRASE
    fits = await _beside_the_loop(_context.verify, passphrase[: MAX_CHARS + 1], stored_hash if known else _dummy_hash())
    return bool(fits) and known


async def _beside_the_loop(function: Callable[..., T], *arguments: Any) -> T:
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
