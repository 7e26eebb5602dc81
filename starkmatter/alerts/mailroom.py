"""Sends what waits in the mail outbox, with growing pauses, up to a day; then it is dead and shown as such.

Nothing in the order path waits for it. A mail is claimed before it is sent, so two workers do not both send it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from starkmatter.accounts.mail import Attachment
from starkmatter.alerts import queries
from starkmatter.alerts.ports import Notifier
from starkmatter.alerts.service import NOTIFIER
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotFound, StarkMatterError, Unavailable

LOOK_SECS = 1.0
CLAIM = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=2)
GIVE_UP_AFTER = timedelta(hours=24)
BATCH = 50

log = structlog.get_logger("mail")


@dataclass(frozen=True, slots=True)
class _Mail:
    key: str
    subject: str
    body: str
    tries: int
    created_at: datetime
    email: str
    gone: bool


async def post_mail(b: Backends, key: str, user_id: object, subject: str, body: str) -> bool:
    """Put a mail into the outbox; False when one of that key was there before."""
    mail = {"key": key, "user": user_id, "subject": subject, "body": body, "now": utc_now()}
    return await b.db.run(queries.PUT_MAIL, mail) == 1


async def deliver_until(
    b: Backends, stop: asyncio.Event, confirm: Callable[[], Awaitable[None]], notifier: Notifier = NOTIFIER
) -> None:
    """Deliver until `stop` is set; whatever is away meanwhile, mails wait."""
    while not stop.is_set():
        with contextlib.suppress(Unavailable):
            await confirm()
            await deliver(b, notifier)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECS)


async def deliver(b: Backends, notifier: Notifier = NOTIFIER) -> int:
    """Send what is due; how many were sent."""
    sent = 0
    for _ in range(BATCH):
        now = utc_now()
        mail = await b.db.one(_Mail, queries.CLAIM_MAIL, {"now": now, "claimed_until": now + CLAIM})
        if mail is None:
            break
        sent += await _deliver_one(b, notifier, mail)
    return sent


async def _deliver_one(b: Backends, notifier: Notifier, mail: _Mail) -> int:
    try:
        if mail.gone:
            raise NotFound("This person's sign-in was closed.")
        attachment = await b.db.one(Attachment, queries.ATTACHMENT, (mail.key,))
        await notifier.send(b, mail.email, mail.subject, mail.body, attachment)
    except StarkMatterError as error:
        now = utc_now()
        if mail.gone or now - mail.created_at > GIVE_UP_AFTER:
            await b.db.run(queries.MAIL_DEAD, {"key": mail.key, "words": error.text[:300]})
            await b.db.run(queries.DROP_ATTACHMENT, (mail.key,))
            log.warning("mail given up", tries=mail.tries)
        else:
            pause = min(FIRST_PAUSE * 2 ** min(mail.tries - 1, 12), LONGEST_PAUSE)
            later = {"key": mail.key, "words": error.text[:300], "next_at": now + pause}
            await b.db.run(queries.MAIL_LATER, later)
        return 0
    await b.db.run(queries.MAIL_SENT, {"key": mail.key, "now": utc_now()})
    await b.db.run(queries.DROP_ATTACHMENT, (mail.key,))
    return 1
