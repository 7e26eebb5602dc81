"""Forty-four scripted days on the replay market end as they always did, to the last cent and the last word."""

import os
from pathlib import Path

from redis.asyncio import Redis

from starkmatter.db.database import Database
from tests.trading.golden import SCRIPT, Run, hashed, read_script, told

KEPT = Path(__file__).with_name("golden_days.txt")
LEAST_DAYS = 40


async def test_scripted_days_end_as_they_always_did(database: Database, cache: Redis) -> None:
    """When a change means to end them otherwise: STARKMATTER_GOLDEN=write, and read what differs before keeping it."""
    script = read_script(SCRIPT.read_text(encoding="utf-8"))
    assert len(script) >= LEAST_DAYS
    days = await (await Run.begin(database, cache)).play(script)
    if os.environ.get("STARKMATTER_GOLDEN") == "write":
        KEPT.write_text(told(days), encoding="utf-8")
    kept = KEPT.read_text(encoding="utf-8")
    assert told(days).splitlines() == kept.splitlines()
    assert kept.startswith(f"sha256 {hashed(days)}\n")
