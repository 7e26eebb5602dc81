"""Which keeper wraps now, and which one has the key that a row names."""

from functools import lru_cache

from pydantic import SecretStr

from starkmatter.accounts.sealing.hashicorp import TransitKeys
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.ports import LOST, KeyKeeper
from starkmatter.errors import ConfigError
from starkmatter.settings import Settings


def newest_keeper(settings: Settings) -> KeyKeeper:
    """The one that wraps what is sealed from now on."""
    return _transit(settings) if settings.wraps_at == "hashicorp" else local_keys(settings)


def keeper_of(settings: Settings, version: str) -> tuple[KeyKeeper, int]:
    """The keeper of the key that a row names as `local:2`, and its number there."""
    source, _, number = version.partition(":")
    if not (number.isascii() and number.isdigit()) or source not in {"local", "hashicorp"}:
        raise ConfigError(LOST)
    return (local_keys(settings) if source == "local" else _transit(settings)), int(number)


def _transit(settings: Settings) -> TransitKeys:
    if settings.vault_addr is None or settings.vault_token is None:
        raise ConfigError(
            "A stored secret is under a key of HashiCorp Vault: set STARKMATTER_VAULT_ADDR and STARKMATTER_VAULT_TOKEN."
        )
    return _transit_of(settings.vault_addr, settings.vault_transit_key, settings.vault_token)


@lru_cache(maxsize=4)
def _transit_of(address: str, key_name: str, token: SecretStr) -> TransitKeys:
    return TransitKeys(address, key_name, token)
