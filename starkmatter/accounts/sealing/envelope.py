"""Sealing small secrets: AES-256-GCM under a data key of its own, each bound to the place it was written for.

The data key is wrapped by the vault's key, wherever that is kept, and bound to the same place. The cipher brings an
OpenSSL of its own (6 MB) and is loaded with the first secret.
"""

import secrets
from dataclasses import asdict, dataclass, replace

from starkmatter.accounts.sealing.keepers import keeper_of, newest_keeper
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.ports import LOST
from starkmatter.errors import ConfigError
from starkmatter.settings import Settings

UNDER_A_DATA_KEY = 2
NONCE_BYTES = 12
DATA_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored. Each sealing takes a fresh data key and a fresh random nonce (NIST SP 800-38D).

    `key_version` 2 is the form with a data key. In the former one the vault's key of that number sealed the secret
    itself; `wrapped_key` and `kek_version` are None then.
    """

    nonce: bytes
    ciphertext: bytes
    key_version: int
    wrapped_key: bytes | None
    kek_version: str | None


async def seal(settings: Settings, plain: bytes, place: str) -> Sealed:
    """Encrypt `plain` for `place`, such as table, row and person; anywhere else it does not open."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data_key, nonce = secrets.token_bytes(DATA_KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
    ciphertext = AESGCM(data_key).encrypt(nonce, plain, _bound(place))
    wrapped = await newest_keeper(settings).wrap(data_key, place)
    return Sealed(nonce, ciphertext, UNDER_A_DATA_KEY, wrapped.blob, str(wrapped.version))


async def unseal(settings: Settings, sealed: Sealed, place: str) -> bytes:
    """The plain bytes. ConfigError when the key is not the one they were sealed with, or the place is another;
    Unavailable when the keeper of the key does not answer.
    """
    if sealed.wrapped_key is None or sealed.kek_version is None:
        return local_keys(settings).open_directly(sealed.nonce, sealed.ciphertext, place, sealed.key_version)
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data_key = await _data_key(settings, sealed.wrapped_key, sealed.kek_version, place)
    try:
        return AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, _bound(place))
    except (InvalidTag, ValueError):
        raise ConfigError(LOST) from None


async def rewrap(settings: Settings, sealed: Sealed, place: str) -> Sealed:
    """The same secret under the newest key: its data key is wrapped anew; the former form is sealed anew."""
    if sealed.wrapped_key is None or sealed.kek_version is None:
        return await seal(settings, await unseal(settings, sealed, place), place)
    data_key = await _data_key(settings, sealed.wrapped_key, sealed.kek_version, place)
    wrapped = await newest_keeper(settings).wrap(data_key, place)
    return replace(sealed, wrapped_key=wrapped.blob, kek_version=str(wrapped.version))


def columns(sealed: Sealed) -> dict[str, object]:
    """The stored columns by name, for a statement."""
    return asdict(sealed)


async def _data_key(settings: Settings, blob: bytes, version: str, place: str) -> bytes:
    keeper, number = keeper_of(settings, version)
    return await keeper.unwrap(blob, place, number)


def _bound(place: str) -> bytes:
    return f"{place}|{UNDER_A_DATA_KEY}".encode()
