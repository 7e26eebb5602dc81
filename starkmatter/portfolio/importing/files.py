"""A file until it is done with: packed, under a key of its own, and that key sealed as vendors' keys are."""

import asyncio
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

from starkmatter.accounts.sealing.envelope import Sealed, columns, seal, unseal
from starkmatter.accounts.sealing.places import import_file_place
from starkmatter.backends import Backends
from starkmatter.db.database import Connection
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.bounds import MAX_BYTES
from starkmatter.portfolio.importing import queries

KEY_BYTES, NONCE_BYTES = 32, 12
PACK_LEVEL = 1


@dataclass(frozen=True, slots=True)
class _Row(Sealed):
    content_nonce: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class PackedFile:
    """What is stored of a file."""

    content_nonce: bytes
    content: bytes
    key: Sealed


async def pack(b: Backends, import_id: UUID, content: bytes) -> PackedFile:
    """Pack and encrypt a file for the row of that import."""
    key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
    packed = await asyncio.to_thread(_encrypted, key, nonce, content, import_id)
    return PackedFile(nonce, packed, await seal(b.settings, key, import_file_place(import_id)))


async def keep_file(connection: Connection, import_id: UUID, file: PackedFile) -> None:
    """Store it beside its import."""
    row = {"import": import_id, "content_nonce": file.content_nonce, "content": file.content}
    await connection.execute(queries.PUT_FILE, row | columns(file.key))


async def kept_file(b: Backends, import_id: UUID) -> bytes:
    """The bytes as they were sent; InvalidInput when they are gone or do not open with any key."""
    row = await b.db.one(_Row, queries.FILE, (import_id,))
    if row is None:
        raise InvalidInput("The file is not kept any more. Upload it again.")
    key = await unseal(b.settings, row, import_file_place(import_id))
    return await asyncio.to_thread(_decrypted, key, row, import_id)


def _encrypted(key: bytes, nonce: bytes, content: bytes, import_id: UUID) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, zlib.compress(content, PACK_LEVEL), import_file_place(import_id).encode())


def _decrypted(key: bytes, row: _Row, import_id: UUID) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    packed = AESGCM(key).decrypt(row.content_nonce, row.content, import_file_place(import_id).encode())
    # It was packed here; the bound holds whatever stands there.
    return zlib.decompressobj().decompress(packed, MAX_BYTES + 1)
