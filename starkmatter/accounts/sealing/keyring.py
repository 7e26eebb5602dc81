"""Keys of the vault in a text: one to a line or between blanks as `2:<base64>`, a bare one being number 1."""

import base64
import binascii
import secrets

from starkmatter.errors import ConfigError

KEY_BYTES = 32


def read_keys(text: str) -> dict[int, bytes]:
    """The keys by number; ConfigError when one is not what it should be. Nothing of a key is in the error."""
    found: dict[int, bytes] = {}
    for part in text.replace(",", " ").split():
        number, colon, key = part.rpartition(":")
        raw = _decoded(key)
        if (colon and not (number.isascii() and number.isdigit())) or len(raw) != KEY_BYTES:
            raise ConfigError(
                "STARKMATTER_VAULT_KEY must be 32 random bytes in base64, or several as 2:NEWEST 1:FORMER, or unset to "
                "have one generated; the same goes for the file vault_key of the home."
            )
        if int(number or 1) in found:
            raise ConfigError(f"STARKMATTER_VAULT_KEY, or the file vault_key, has number {int(number or 1)} twice.")
        found[int(number or 1)] = raw
    return found


def write_keys(keys: dict[int, bytes]) -> str:
    """The text of a key file, the newest first."""
    lines = (f"{number}:{base64.urlsafe_b64encode(keys[number]).decode()}\n" for number in sorted(keys, reverse=True))
    return "".join(lines)


def with_a_newer(keys: dict[int, bytes], above: int = 0) -> tuple[int, dict[int, bytes]]:
    """A fresh key added under the next number, which is also more than `above`."""
    number = max(above, *keys, 0) + 1
    return number, {**keys, number: secrets.token_bytes(KEY_BYTES)}


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
