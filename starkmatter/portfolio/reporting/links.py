"""Links that show one report to somebody without an account: a random token, one scope, one end.

The token has 256 random bits and is shown once; its SHA-256 is kept. What it opens was fixed when it was made:
accounts, period, sections, and whether amounts are shown. A token that is wrong, expired or revoked, or whose maker is
shut out or owns one of the accounts no longer, gets one and the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog

from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.programs.wording import hint_of, is_text, new_text
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import token_hash
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.actor import act_for
from starkmatter.errors import Conflict, InvalidInput, NotFound
from starkmatter.portfolio.reporting import queries
from starkmatter.portfolio.reporting.records import Section, Wish
from starkmatter.portfolio.reporting.wishes import check_accounts, in_order, not_there, read_wish

LINK_MARK = "sml_"
SHARED_PATH = "/shared"
MOST_LINKS = 20
MOST_DAYS = 365
MAX_LABEL_CHARS = 60
KEEP_ENDED = timedelta(days=30)
GONE = "There is no report at this address."

log = structlog.get_logger("reports")


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as its maker sees it: how its token begins, what it shows, and when it was last used."""

    id: UUID
    user_id: UUID
    hint: str
    label: str
    account_ids: list[UUID]
    period: str
    sections: list[Section]
    benchmark: str | None
    amounts: bool
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_ip: str | None
    uses: int

    def wish(self) -> Wish:
        """What it shows."""
        return read_wish(self.account_ids, self.period, self.sections, self.benchmark, amounts=self.amounts)


@dataclass(frozen=True, slots=True)
class _Opened(LinkView):
    role: Role
    email: str
    display_name: str


async def make_link(b: Backends, caller: Caller, wish: Wish, *, label: str, expires_days: int) -> tuple[LinkView, str]:
    """A new link: (itself, its address), the address shown this once.

    Raises NotFound when an account is not the caller's own, InvalidInput for a wish or a span that cannot be, Conflict
    past the twentieth.
    """
    name = " ".join(label.split())
    if not 1 <= len(name) <= MAX_LABEL_CHARS or not name.isprintable():
        raise InvalidInput(f"label: 1 to {MAX_LABEL_CHARS} printable characters.")
    if not 1 <= expires_days <= MOST_DAYS:
        raise InvalidInput(f"expires_days: 1 to {MOST_DAYS}.")
    await _check_owns(b, caller, wish.account_ids)
    await check_accounts(b, caller, wish.account_ids, wish.benchmark)
    link_id, text, now = uuid4(), new_text(LINK_MARK), utc_now()
    row = {
        "id": link_id,
        "user": caller.user_id,
        "token_hash": token_hash(text),
        "hint": hint_of(text),
        "label": name,
        "accounts": list(wish.account_ids),
        "period": wish.period.key,
        "sections": in_order(wish.sections),
        "benchmark": wish.benchmark,
        "amounts": wish.amounts,
        "now": now,
        "expires_at": now + timedelta(days=expires_days),
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, (caller.user_id,))
        live = await (await connection.execute(queries.LIVE_LINKS, (caller.user_id, now))).fetchone()
        if live is not None and live[0] >= MOST_LINKS:
            raise Conflict(f"You have {MOST_LINKS} links. Revoke one that is not needed any more.")
        await connection.execute(queries.INSERT_LINK, row)
        scope = {name: row[name] for name in ("label", "accounts", "period", "sections", "amounts", "expires_at")}
        await note(connection, caller, "report.link_made", ("report_link", link_id), after=scope)
    log.info("report link made", link=str(link_id), user_id=str(caller.user_id))
    made = next(one for one in await list_links(b, caller) if one.id == link_id)
    return made, f"{b.settings.browser_url}{SHARED_PATH}/{text}"


async def list_links(b: Backends, caller: Caller) -> list[LinkView]:
    """The caller's links that were not revoked, the newest first; expired ones stay for thirty days."""
    return await b.db.all(LinkView, queries.LINKS_OF, {"user": caller.user_id})


async def revoke_link(b: Backends, caller: Caller, link_id: UUID) -> None:
    """End a link; it counts from the next request. NotFound when it is not the caller's or has been revoked."""
    async with b.db.transaction() as connection:
        asked = {"id": link_id, "user": caller.user_id, "now": utc_now()}
        if (await connection.execute(queries.REVOKE_LINK, asked)).rowcount != 1:
            raise NotFound("There is no such link.")
        await note(connection, caller, "report.link_revoked", ("report_link", link_id))
    log.info("report link revoked", link=str(link_id), by=str(caller.user_id))


async def open_link(b: Backends, text: str, *, ip: str) -> tuple[Caller, Wish]:
    """On whose behalf, and what may be shown; from here on the task reads for that person. NotFound, always the same.

    The use is kept, and once a day in the audit log.
    """
    now = utc_now()
    opened = None
    if is_text(text, LINK_MARK):
        opened = await b.db.one(_Opened, queries.LINK_OF_TOKEN, {"token_hash": token_hash(text), "now": now})
    if opened is None:
        raise NotFound(GONE)
    act_for(opened.user_id)
    owned = await b.db.value(queries.OWN_ACCOUNTS, {"accounts": opened.account_ids, "user": opened.user_id})
    if owned != len(opened.account_ids):
        raise NotFound(GONE)
    await b.db.run(queries.USE_LINK, {"id": opened.id, "now": now, "ip": ip[:64]})
    if opened.last_used_at is None or opened.last_used_at.date() != now.date():
        visitor = Actor("visitor", ip, opened.user_id, opened.display_name)
        once_a_day = f"report_link/{opened.id}/{now:%Y-%m-%d}"
        await note(b, visitor, "report.link_opened", ("report_link", opened.id), source=once_a_day)
    caller = Caller(
        opened.user_id, opened.id, opened.role, opened.email, opened.display_name,
        scopes=frozenset({"read"}), ip=ip, admin_here=False, via="visitor",
    )  # fmt: skip
    return caller, opened.wish()


async def forget_links(b: Backends) -> int:
    """Drop links that ended thirty days ago; how many."""
    return await b.db.run(queries.FORGET_LINKS, (utc_now() - KEEP_ENDED,))


async def _check_owns(b: Backends, caller: Caller, account_ids: Sequence[UUID]) -> None:
    owned = await b.db.value(queries.OWN_ACCOUNTS, {"accounts": list(account_ids), "user": caller.user_id})
    if owned != len(account_ids):
        raise not_there()
