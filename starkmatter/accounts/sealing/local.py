"""Keys of the vault on this machine: in a file of the home that is ours to write, or given by the operator.

The text is looked at before each use (it is one small read), so that every process knows at once what another has put
there and a file that was restored counts without a restart. It is replaced as a whole, never written in place.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from starkmatter.accounts.sealing.keyring import read_keys, with_a_newer, write_keys
from starkmatter.accounts.sealing.ports import LOST, KeyVersion, Source, Wrapped, bound
from starkmatter.errors import ConfigError, Conflict
from starkmatter.settings import Settings, home_secret, kept_secret, present_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "vault_key"
VARIABLE = "STARKMATTER_VAULT_KEY"
NONCE_BYTES = 12
# Longer than anybody holds a data key that is wrapped and not stored yet: a wait for a connection and a statement.
DROP_AFTER = timedelta(minutes=1)


def local_keys(settings: Settings) -> "LocalKeys":
    """The keys of this machine."""
    return LocalKeys(settings)


class LocalKeys:
    """The keys of one home. `STARKMATTER_VAULT_KEY` comes before the file and is the operator's alone to change."""

    source: Source = "local"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.home / "secrets"
        self._path = self._folder / KEY_FILE

    async def newest(self) -> KeyVersion | None:
        ring = self._ring()
        return KeyVersion("local", max(ring)) if ring else None

    async def wrap(self, data_key: bytes, place: str) -> Wrapped:
        ring = self._ring() or _ciphers(home_secret(self._settings, KEY_FILE))
        version = KeyVersion("local", max(ring))
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Wrapped(nonce + ring[version.number].encrypt(nonce, data_key, bound(place, version)), version)

    async def unwrap(self, blob: bytes, place: str, number: int) -> bytes:
        return self._opened(number, blob[:NONCE_BYTES], blob[NONCE_BYTES:], bound(place, KeyVersion("local", number)))

    def open_directly(self, nonce: bytes, ciphertext: bytes, place: str, number: int) -> bytes:
        """What was sealed under the key itself, before rows had data keys of their own."""
        return self._opened(number, nonce, ciphertext, f"{place}|{number}".encode())

    async def make_newer(self, above: int = 0) -> KeyVersion:
        self._refuse_given("put a newer one in front, as 2:NEWEST 1:FORMER, start anew, run `vault rotate --resume`.")
        with self._changing():
            number, keys = with_a_newer(read_keys(kept_secret(self._settings, KEY_FILE) or ""), above)
            self._replace(write_keys(keys))
        return KeyVersion("local", number)

    def drop(self, numbers: set[int], now: datetime) -> None:
        """Forget keys that wrap nothing any more. Conflict when the newest one is younger than a minute: somebody may
        just be storing what a former one wrapped.
        """
        self._refuse_given("take the former ones out of it and start anew.")
        with self._changing():
            keys = read_keys(kept_secret(self._settings, KEY_FILE) or "")
            if not numbers & keys.keys():
                return
            changed_at = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            if now - changed_at < DROP_AFTER:
                raise Conflict("The vault's key was changed within the last minute. Wait a minute, then try again.")
            left = {number: key for number, key in keys.items() if number not in numbers}
            if left:
                self._replace(write_keys(left))
            else:
                self._path.unlink()

    def numbers(self) -> set[int]:
        """The numbers of the keys that are there."""
        return set(self._ring())

    async def about(self) -> str:
        return VARIABLE if self._settings.vault_key else f"the file {self._path}"

    def _opened(self, number: int, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        cipher = self._ring().get(number)
        if cipher is None:
            raise ConfigError(LOST)
        try:
            return cipher.decrypt(nonce, ciphertext, bound_to)
        except (InvalidTag, ValueError):  # ValueError: a nonce or a tag that is too short to be one
            raise ConfigError(LOST) from None

    def _ring(self) -> "dict[int, AESGCM]":
        """The keys there are now, ready for use; none when there is no file yet."""
        given = self._settings.vault_key
        return _ciphers((present_secret(VARIABLE, given) if given else kept_secret(self._settings, KEY_FILE)) or "")

    def _refuse_given(self, what: str) -> None:
        if self._settings.vault_key is not None:
            raise ConfigError(f"The vault's key is given as {VARIABLE}: {what}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time changes the file, over all processes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _replace(self, text: str) -> None:
        """The file is the former or the new one at every instant, also through a loss of power."""
        fresh = self._folder / f"{KEY_FILE}.new"
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            if self._path.exists():  # The operator's command may run as root; the file stays the product's.
                owner = self._path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@lru_cache(maxsize=4)
def _ciphers(text: str) -> "dict[int, AESGCM]":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return {number: AESGCM(key) for number, key in read_keys(text).items()}
