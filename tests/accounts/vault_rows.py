"""Sealed rows of every kind for tests of the vault: planted, read back, and put into the form of before."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from starkmatter.accounts import factor
from starkmatter.accounts.programs.signing_keys import signing_key
from starkmatter.accounts.sealing.envelope import Sealed, unseal
from starkmatter.accounts.sealing.keyring import read_keys
from starkmatter.accounts.sealing.places import secret_place, signing_key_place, totp_place
from starkmatter.accounts.vault import keep_secret, open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from tests.builders import make_caller

NONCE = b"\x01" * 12
COLUMNS = "nonce, ciphertext, key_version, wrapped_key, kek_version"


@dataclass
class Planted:
    """What is in the vault in clear: by owner the vendors' keys, by person the seeds, by name the signing key."""

    secrets: dict[UUID | None, dict[str, str]] = field(default_factory=dict)
    seeds: dict[UUID, str] = field(default_factory=dict)
    signing: dict[str, str] = field(default_factory=dict)

    @property
    def canaries(self) -> list[bytes]:
        """Everything that must not be found anywhere, as it is in clear."""
        texts = [value for values in self.secrets.values() for value in values.values()] + list(self.seeds.values())
        return [text.encode() for text in texts] + [urlsafe_b64decode(d + "=") for d in self.signing.values()]


async def plant(b: Backends, people: int = 2) -> Planted:
    """Keys of the installation and of people, seeds, and a signing key."""
    found = Planted()
    for at in range(people + 1):
        owner = (await make_caller(b.db, "trader")) if at else None
        values = {"key_id": f"PKCANARY-{at}-0123456789", "secret": f"s3cr3t-canary-value-{at:04}"}
        await keep_secret(b, "alpaca", owner.user_id if owner else None, values, hide=set(values))
        found.secrets[owner.user_id if owner else None] = values
        if owner:
            found.seeds[owner.user_id] = (await factor.enroll(b, owner)).secret
    key = await signing_key(b.db, b.settings, utc_now())
    found.signing[key.kid] = key.jwk["d"]
    return found


async def opened(b: Backends, planted: Planted) -> Planted:
    """The same rows as they open now."""
    found = Planted()
    for owner in planted.secrets:
        found.secrets[owner] = dict(await open_secret(b, "alpaca", owner) or {})
    for person in planted.seeds:
        [row] = await b.db.tuples(f"SELECT {COLUMNS} FROM user_totp WHERE user_id = %s", (person,))
        found.seeds[person] = (await unseal(b.settings, Sealed(*row), totp_place(person))).decode()
    for kid in planted.signing:
        key = await signing_key(b.db, b.settings, utc_now())
        found.signing[key.kid] = key.jwk["d"]
        assert key.kid == kid
    return found


async def as_before_data_keys(b: Backends, planted: Planted) -> None:
    """Seal every row as the version before data keys did: under key 1 of the home itself."""
    cipher = AESGCM(read_keys((b.settings.home / "secrets" / "vault_key").read_text())[1])

    async def put(table: str, key: str, value: object, plain: bytes, place: str) -> None:
        ciphertext = cipher.encrypt(NONCE, plain, f"{place}|1".encode())
        await b.db.run(
            f"UPDATE {table} SET nonce = %s, ciphertext = %s, key_version = 1, wrapped_key = NULL, kek_version = NULL"
            f" WHERE {key} = %s",
            (NONCE, ciphertext, value),
        )

    for owner, values in planted.secrets.items():
        row_id = await b.db.value("SELECT id FROM vault_secret WHERE owner_id IS NOT DISTINCT FROM %s", (owner,))
        await put("vault_secret", "id", row_id, json.dumps(values).encode(), secret_place(row_id, "alpaca", owner))
    for person, seed in planted.seeds.items():
        await put("user_totp", "user_id", person, seed.encode(), totp_place(person))
    for kid, private in planted.signing.items():
        await put("signing_key", "kid", kid, urlsafe_b64decode(private + "="), signing_key_place(kid))


async def versions(b: Backends) -> set[str | None]:
    """The keys that rows are under."""
    rows = await b.db.tuples(
        "SELECT kek_version FROM vault_secret UNION SELECT kek_version FROM user_totp"
        " UNION SELECT kek_version FROM signing_key"
    )
    return {row[0] for row in rows}
