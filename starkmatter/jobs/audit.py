"""The audit log's hour: bring it up to date, check it from the first row to the last, write its head down elsewhere."""

import asyncio
from datetime import timedelta

import structlog

from starkmatter.accounts.audit.anchors import post_anchor, read_anchors, write_anchor
from starkmatter.accounts.audit.reading import check_log
from starkmatter.backends import Backends
from starkmatter.errors import Conflict, StarkMatterError
from starkmatter.trading.audit.journals import carry_over

LOOK_BACK = timedelta(days=1)

log = structlog.get_logger("audit")


async def anchor_log(b: Backends) -> str:
    """One sentence on how the log stands. Conflict, in words that name the row, when it is not whole.

    The head of a log that is not whole is not anchored. A webhook that fails does not keep the file from its line.
    """
    await carry_over(b, LOOK_BACK)
    anchors = await asyncio.to_thread(read_anchors, b.settings.home)
    verdict = await check_log(b.db, anchors)
    if not verdict.whole:
        log.error("audit log is not whole", sequence=verdict.bad_sequence)
        raise Conflict(verdict.words)
    words = f"{verdict.count:,} events, whole"
    head = verdict.head
    if head is None:
        return words
    if not anchors or anchors[-1].sequence < head.sequence:
        await asyncio.to_thread(write_anchor, b.settings.home, head)
    try:
        await post_anchor(b.settings, head)
    except StarkMatterError as error:
        log.warning("anchor not posted", reason=error.code)
        return f"{words}; the webhook did not take its head: {error.text}"
    return words
