"""`starkmatter audit verify`: the log and its anchors held against each other, for a person or a program."""

import asyncio

from starkmatter.accounts.audit.anchors import read_anchors
from starkmatter.accounts.audit.reading import check_log
from starkmatter.accounts.audit.records import Anchor, Verdict
from starkmatter.db.database import Database
from starkmatter.ops.oneoff import reachable_database
from starkmatter.settings import Settings


def verify_log(settings: Settings) -> Verdict:
    """Check everything; ConfigError when the database or the anchors' file cannot be read."""
    anchors = read_anchors(settings.home)
    with reachable_database(settings) as url:
        return asyncio.run(_check(url, anchors))


async def _check(url: str, anchors: list[Anchor]) -> Verdict:
    db = Database(url, name="starkmatter audit", max_size=1)
    await db.open()
    try:
        return await check_log(db, anchors)
    finally:
        await db.close()
