"""Forty-four scripted days on the replay market end as they always did, to the last cent and the last word."""

import os
from datetime import date
from pathlib import Path

from redis.asyncio import Redis

from starkmatter.db.database import Database
from tests.trading.golden import SCRIPT, Run, hashed, read_script, told

KEPT = Path(__file__).with_name("golden_days.txt")
ACTIONS, KEPT_ACTIONS = (
    Path(__file__).with_name(name) for name in ("golden_action_script.txt", "golden_action_days.txt")
)
BEFORE_A_DIVIDEND = date(2021, 5, 6)
LEAST_DAYS = 40


async def test_scripted_days_end_as_they_always_did(database: Database, cache: Redis) -> None:
    """When a change means to end them otherwise: STARKMATTER_GOLDEN=write, and read what differs before keeping it."""
    script = read_script(SCRIPT.read_text(encoding="utf-8"))
    assert len(script) >= LEAST_DAYS
    days = await (await Run.begin(database, cache)).play(script)
    compare(KEPT, days)


async def test_scripted_days_with_corporate_actions_end_as_they_always_did(database: Database, cache: Redis) -> None:
    """A dividend of the replay's own, a split in reverse that is corrected and withdrawn, and orders that follow."""
    script = read_script(ACTIONS.read_text(encoding="utf-8"))
    run = (await Run.begin(database, cache)).acting()
    compare(KEPT_ACTIONS, await run.play(script, BEFORE_A_DIVIDEND))


def compare(kept: Path, days: list[list[str]]) -> None:
    if os.environ.get("STARKMATTER_GOLDEN") == "write":
        kept.write_text(told(days), encoding="utf-8")
    text = kept.read_text(encoding="utf-8")
    assert told(days).splitlines() == text.splitlines()
    assert text.startswith(f"sha256 {hashed(days)}\n")
