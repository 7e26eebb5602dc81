"""What a keeper of the vault's keys offers, and the words for what it cannot open.

A key-encryption key never seals a secret itself: it wraps the data key of one row. Its version says where it is kept,
`local:2` or `hashicorp:5`, so that rows of several keepers live side by side while they move.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Source = Literal["local", "hashicorp"]
LOST = "A stored secret cannot be opened: the vault's key file is another one. Restore it, or enter the secret again."


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One key-encryption key: the keeper that has it, and its number there."""

    source: Source
    number: int

    def __str__(self) -> str:
        return f"{self.source}:{self.number}"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it is stored, and what wrapped it."""

    blob: bytes
    version: KeyVersion


class KeyKeeper(Protocol):
    """Keeps key-encryption keys. The newest wraps; the former ones unwrap what they wrapped.

    Unavailable when it does not answer; ConfigError when it answers and the key is not the one that wrapped.
    """

    source: Source

    async def newest(self) -> KeyVersion | None:
        """The version that wraps now; None when there is no key yet. Makes none."""

    async def wrap(self, data_key: bytes, place: str) -> Wrapped:
        """Wrap with the newest key, for `place` alone."""

    async def unwrap(self, blob: bytes, place: str, number: int) -> bytes:
        """The data key that `wrap` was given for the same place."""

    async def make_newer(self, above: int) -> KeyVersion:
        """Have a fresh key wrap from now on; where we number them, its number is none up to `above`."""

    async def about(self) -> str:
        """Where the keys are, in words without anything secret."""


def bound(place: str, version: KeyVersion | Source) -> bytes:
    """What a wrapped data key is bound to: its row, its own column and what wrapped it."""
    return f"{place}|wrapped_key|{version}".encode()
