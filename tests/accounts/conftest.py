"""Backends with a home of their own, and people with a real passphrase."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.records import Caller, Role
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.settings import load_settings
from tests.builders import make_caller

PASSPHRASE = "violet harbor counts nine engines"


@pytest.fixture
async def b(database: Database, cache: Redis, tmp_path: Path) -> Backends:
    return Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)


async def make_person(b: Backends, role: Role = "trader") -> Caller:
    """Somebody who can sign in with PASSPHRASE."""
    caller = await make_caller(b.db, role)
    hashed = await hash_passphrase(PASSPHRASE)
    await b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, caller.user_id))
    return caller
