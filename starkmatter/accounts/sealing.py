"""Sealing small secrets: AES-256-GCM under the vault's key, each ciphertext bound to the place it was written for.

The cipher brings an OpenSSL of its own (6 MB) and is loaded with the first secret.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from starkmatter.errors import ConfigError
from starkmatter.settings import Settings, home_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "vault_key"
KEY_VERSION = 1
NONCE_BYTES = 12
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored. Each sealing takes a fresh random nonce (NIST SP 800-38D)."""

    nonce: bytes
    ciphertext: bytes
    key_version: int


def seal(settings: Settings, plain: bytes, place: str) -> Sealed:
    """Encrypt `plain` for `place`, such as table, row and person; anywhere else it does not open."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Sealed(nonce, _cipher(settings).encrypt(nonce, plain, _bound(place, KEY_VERSION)), KEY_VERSION)


def unseal(settings: Settings, sealed: Sealed, place: str) -> bytes:
    """The plain bytes; ConfigError when the key is not the one they were sealed with, or the place is another."""
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(settings).decrypt(sealed.nonce, sealed.ciphertext, _bound(place, sealed.key_version))
    except InvalidTag:
        raise ConfigError(
            "A stored secret cannot be opened: the vault's key file is another one. Restore it, or enter the secret "
            "again."
        ) from None


def _bound(place: str, key_version: int) -> bytes:
    return f"{place}|{key_version}".encode()


def _cipher(settings: Settings) -> "AESGCM":
    return _cipher_of(home_secret(settings, KEY_FILE, settings.vault_key))


@lru_cache(maxsize=4)
def _cipher_of(text: str) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError("STARKMATTER_VAULT_KEY must be 32 random bytes in base64, or unset to have one generated.")
    return AESGCM(key)
