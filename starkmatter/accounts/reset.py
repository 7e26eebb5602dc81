"""A new passphrase: changed by its person, or set with a one-time link that a mail or an admin brought.

A link counts once, for an hour, and ends every session of its person. The second factor stays as it is. Who asks for a
link by mail learns nothing: the answer is the same at once, whatever happens behind it.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from starkmatter.accounts import queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.factor import prove
from starkmatter.accounts.mail import can_mail, send_mail
from starkmatter.accounts.passphrase import check_passphrase, hash_passphrase
from starkmatter.accounts.programs.queries import REVOKE_ALL_TOKENS_OF
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import forget_sessions, revoke_other_sessions, token_hash
from starkmatter.accounts.throttle import account_key, forgive, take_address_try
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotAllowed, NotFound, StarkMatterError

LINK_KEEPS = timedelta(hours=1)
MOST_OPEN_LINKS = 3
TOKEN_BYTES = 24

log = structlog.get_logger("accounts")
_mailing: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class _Person:
    id: UUID
    email: str
    display_name: str


async def change_passphrase(b: Backends, caller: Caller, passphrase: str, new: str, code: str | None) -> None:
    """Replace the caller's own passphrase; their other sessions end.

    Raises NotAllowed when the present one is wrong, SecondFactorNeeded when a code is missing, InvalidInput when the
    new one is too weak.
    """
    await prove(b, caller, passphrase, code)
    await check_passphrase(new, email=caller.email, display_name=caller.display_name)
    hashed = await hash_passphrase(new)
    async with b.db.transaction() as connection:
        await connection.execute(queries.SET_PASSPHRASE, (hashed, caller.user_id))
        await note(connection, caller, "passphrase.changed", ("person", caller.user_id))
    await revoke_other_sessions(b, caller)
    log.info("passphrase changed", user_id=str(caller.user_id))


async def ask_for_link(b: Backends, email: str, *, ip: str) -> None:
    """Mail a link if somebody has this address and a mail server is connected; nobody is told which."""
    await take_address_try(b, ip)
    task = asyncio.create_task(_mail_link(b, email.strip(), ip))
    _mailing.add(task)
    task.add_done_callback(_mailing.discard)


async def make_link(b: Backends, caller: Caller, user_id: UUID) -> tuple[str, str]:
    """An admin's way to help: (whose, the link), shown this once. Only the owner helps admins, nobody the owner."""
    if not caller.is_admin:
        raise NotAllowed("Only an admin may look after people.")
    person = await b.db.one(
        _Person, queries.PERSON_TO_HELP, {"user": user_id, "by_owner": caller.role == "owner", "by": caller.user_id}
    )
    if person is None:
        raise NotFound("There is nobody like that whom you may help in again.")
    link = await _new_link(b, person, by=caller.user_id)
    await note(b, caller, "passphrase.link_made", ("person", user_id))
    log.info("reset link made", user_id=str(user_id), by=str(caller.user_id))
    return person.display_name, link


async def reset_passphrase(b: Backends, token: str, new: str, *, ip: str) -> None:
    """Set a new passphrase with a link's token; every session, API token and link to a report of the person ends.

    NotAllowed when the link is unknown, used or too old.
    """
    await take_address_try(b, ip)
    closed = NotAllowed("This link was used or is too old. Ask for a new one.", code="reset_closed")
    link = {"token_hash": token_hash(token), "now": utc_now()}
    person = await b.db.one(_Person, queries.RESET_LINK_OF, link)
    if person is None:
        raise closed
    await check_passphrase(new, email=person.email, display_name=person.display_name)
    hashed = await hash_passphrase(new)
    async with b.db.transaction() as connection:
        used = await connection.execute(queries.USE_RESET_LINK, link)
        if used.rowcount != 1:
            raise closed
        await connection.execute(queries.SET_PASSPHRASE, (hashed, person.id))
        await connection.execute(queries.DROP_RESET_LINKS, (person.id,))
        await connection.execute(REVOKE_ALL_TOKENS_OF, (utc_now(), person.id))
        await connection.execute(queries.END_REPORT_LINKS, (utc_now(), person.id))
        ended = await (await connection.execute(queries.REVOKE_ALL_OF, (utc_now(), person.id))).fetchall()
        who = Actor("visitor", ip, person.id, person.display_name)
        await note(connection, who, "passphrase.reset", ("person", person.id))
    await forget_sessions(b, [row[0] for row in ended])
    await forgive(b, account_key(person.email))
    log.info("passphrase reset", user_id=str(person.id))


async def forget_old_links(b: Backends) -> int:
    """Drop links that have ended; how many."""
    return await b.db.run(queries.FORGET_RESET_LINKS, (utc_now(),))


async def _mail_link(b: Backends, email: str, ip: str) -> None:
    try:
        person = await b.db.one(_Person, queries.PERSON_OF_ADDRESS, (email,))
        if person is None or not await can_mail(b):
            return
        link = await _new_link(b, person, by=None)
        await note(b, Actor("visitor", ip), "passphrase.link_mailed", ("person", person.id))
        await send_mail(
            b,
            person.email,
            "A new passphrase for StarkMatter",
            f"Hello {person.display_name},\n\nwith this link you set a new passphrase. It works once, within an hour:"
            f"\n\n{link}\n\nIf you did not ask for it, nothing has changed and you need do nothing.\n",
        )
    except StarkMatterError as error:
        log.warning("reset link not mailed", reason=error.code)


async def _new_link(b: Backends, person: _Person, *, by: UUID | None) -> str:
    token, now = secrets.token_urlsafe(TOKEN_BYTES), utc_now()
    made = await b.db.run(
        queries.PUT_RESET_LINK,
        {
            "token_hash": token_hash(token),
            "user": person.id,
            "by": by,
            "now": now,
            "expires_at": now + LINK_KEEPS,
            "most": MOST_OPEN_LINKS,
        },
    )
    if not made:
        raise NotAllowed(f"There are {MOST_OPEN_LINKS} open links already. The oldest ends within the hour.")
    return f"{b.settings.browser_url}/reset?token={token}"
