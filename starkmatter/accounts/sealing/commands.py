"""The work of `starkmatter vault` on a database opened for the moment, whether the product runs or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starkmatter.accounts.sealing.ports import KeyVersion
from starkmatter.accounts.sealing.report import VaultStatus, vault_status
from starkmatter.accounts.sealing.rotation import Moved, drop_former, rotate
from starkmatter.db.database import Database
from starkmatter.ops.oneoff import reachable_database
from starkmatter.settings import Settings

T = TypeVar("T")


def rotate_vault(settings: Settings, *, resume: bool) -> Moved:
    """`rotate` to its end."""
    return _with_database(settings, lambda db: rotate(db, settings, resume=resume))


def status_of_vault(settings: Settings) -> VaultStatus:
    """`vault_status`, as it is now."""
    return _with_database(settings, lambda db: vault_status(db, settings))


def drop_former_keys(settings: Settings) -> list[KeyVersion]:
    """`drop_former`; the versions that are gone."""
    return _with_database(settings, lambda db: drop_former(db, settings))


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def opened(url: str) -> T:
        db = Database(url, name="starkmatter vault", max_size=1)
        await db.open()
        try:
            return await work(db)
        finally:
            await db.close()

    with reachable_database(settings) as database_url:
        return asyncio.run(opened(database_url))
