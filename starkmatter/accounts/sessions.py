"""Sessions: an opaque 256-bit token in an HttpOnly cookie, its SHA-256 in the database, revocable at once."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from uuid import UUID, uuid4

import structlog
from redis.exceptions import RedisError

from starkmatter.accounts import queries
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller, Role, SessionView
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.actor import act_for
from starkmatter.errors import NotFound, NotSignedIn
from starkmatter.settings import Settings

TOKEN_BYTES = 32
TOUCH_EVERY = timedelta(minutes=1)
JUST_RENEWED = timedelta(seconds=30)
KEPT_SECS = 0.8
MAX_KEPT = 10_000
MAX_USER_AGENT_CHARS = 200
REVOKED_CHANNEL = "sessions:revoked"

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class _CallerRow:
    user_id: UUID
    session_id: UUID
    role: Role
    email: str
    display_name: str
    last_seen_at: datetime
    proven_at: datetime | None


_kept: dict[bytes, tuple[float, Caller]] = {}


def cookie_name(settings: Settings) -> str:
    """`__Host-` needs https; on plain http (loopback) the same cookie goes without the prefix."""
    return "__Host-starkmatter" if settings.secure_cookies else "starkmatter_session"


def host_cookie(settings: Settings, name: str) -> str:
    """The name of another cookie of ours, with the same prefix where the public address is https."""
    return f"__Host-starkmatter-{name}" if settings.secure_cookies else f"starkmatter_{name}"


def token_of_cookies(settings: Settings, cookie_header: str) -> str | None:
    """The session token in a Cookie header, or None."""
    try:
        morsel = SimpleCookie(cookie_header).get(cookie_name(settings))
    except CookieError:
        return None
    return morsel.value if morsel is not None and morsel.value else None


def token_hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


async def open_session(
    b: Backends, user_id: UUID, role: Role, email: str, display_name: str, *, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """A new session for a person whose identity was just proven."""
    act_for(user_id)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = utc_now()
    session_id = uuid4()
    caller = Caller(user_id, session_id, role, email, display_name, now, ip=ip)
    async with b.db.transaction() as connection:
        await connection.execute(
            queries.INSERT_SESSION,
            {
                "id": session_id,
                "user": user_id,
                "token_hash": token_hash(token),
                "now": now,
                "expires_at": now + timedelta(hours=b.settings.session_max_hours),
                "ip": ip[:64],
                "user_agent": user_agent[:MAX_USER_AGENT_CHARS],
            },
        )
        browser = {"browser": user_agent[:MAX_USER_AGENT_CHARS]}
        await note(connection, caller, "session.opened", ("session", session_id), after=browser)
    return caller, token


async def renew_session(b: Backends, caller: Caller, *, factor: bool = False) -> str:
    """Another token for the session of somebody who has just proven again who they are; the former one is void.

    The session keeps its id, so what belongs to it stays where it is. `factor`: a second factor was part of the proof,
    which counts once for what asks for one. NotSignedIn when it has ended meanwhile.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    renewed = {"token_hash": token_hash(token), "now": utc_now(), "session": caller.session_id, "user": caller.user_id}
    renewed["factor"] = factor
    if not await b.db.run(queries.RENEW_SESSION, renewed):
        raise NotSignedIn("Your session has ended. Sign in again; nothing was lost.")
    _drop_kept({caller.session_id})
    await note(b, caller, "session.proven", ("session", caller.session_id))
    return token


async def caller_of_token(b: Backends, token: str | None) -> Caller | None:
    """Who this token speaks for right now; None when it is unknown, over, idle for too long or revoked.

    From here on the task works for that person. An answer is kept for less than a second, and a revocation in this
    process drops it at once.
    """
    caller = await _caller_of_token(b, token)
    act_for(caller.user_id if caller else None)
    return caller


async def _caller_of_token(b: Backends, token: str | None) -> Caller | None:
    if not token:
        return None
    key = token_hash(token)
    kept = _kept.get(key)
    if kept is not None and monotonic_secs() - kept[0] < KEPT_SECS:
        return kept[1]
    now = utc_now()
    row = await b.db.one(
        _CallerRow, queries.CALLER_OF_TOKEN, {"token_hash": key, "now": now, "idle_since": _idle_since(b, now)}
    )
    if row is None:
        _kept.pop(key, None)
        return None
    if now - row.last_seen_at > TOUCH_EVERY:
        await b.db.run(queries.TOUCH_SESSION, (now, row.session_id))
    caller = Caller(row.user_id, row.session_id, row.role, row.email, row.display_name, row.proven_at)
    if len(_kept) >= MAX_KEPT:
        _kept.clear()
    _kept[key] = (monotonic_secs(), caller)
    return caller


async def caller_of_cookie_header(b: Backends, cookie_header: str) -> Caller | None:
    """The same for a raw Cookie header, as a socket's handshake carries it."""
    return await caller_of_token(b, token_of_cookies(b.settings, cookie_header))


async def has_just_had(b: Backends, session_id: str, cookie_header: str) -> bool:
    """Whether the cookie's token is the one that this session, alive, had before it was renewed a moment ago.

    Such a token speaks for nobody; that it was the session's own says only that its bearer was not somebody else.
    """
    token = token_of_cookies(b.settings, cookie_header)
    if token is None:
        return False
    asked = {"session": session_id, "former": token_hash(token), "since": utc_now() - JUST_RENEWED}
    return bool(await b.db.value(queries.HAS_JUST_HAD, asked))


async def alive_sessions(b: Backends, session_ids: set[UUID]) -> dict[UUID, datetime | None]:
    """Which of these sessions are still good and when each was last proven, in one query."""
    now = utc_now()
    rows = await b.db.tuples(
        queries.ALIVE_SESSIONS, {"ids": list(session_ids), "now": now, "idle_since": _idle_since(b, now)}
    )
    return {row[0]: row[1] for row in rows}


async def list_sessions(b: Backends, caller: Caller) -> list[SessionView]:
    """The caller's live sessions, the most recently seen first."""
    now = utc_now()
    return await b.db.all(
        SessionView, queries.SESSIONS, {"user": caller.user_id, "now": now, "idle_since": _idle_since(b, now)}
    )


async def revoke_session(b: Backends, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions everywhere; NotFound when it is not theirs or has ended."""
    async with b.db.transaction() as connection:
        ended = await connection.execute(queries.REVOKE_SESSION, (utc_now(), session_id, caller.user_id))
        if ended.rowcount != 1:
            raise NotFound("There is no such session.")
        await note(connection, caller, "session.ended", ("session", session_id))
    await forget_sessions(b, [session_id])


async def leave_session(b: Backends, token: str | None) -> None:
    """End the session a browser still had when somebody signed in on it anew; nothing when it had none."""
    caller = await caller_of_token(b, token)
    if caller is not None and await b.db.run(queries.REVOKE_SESSION, (utc_now(), caller.session_id, caller.user_id)):
        await forget_sessions(b, [caller.session_id])


async def revoke_other_sessions(b: Backends, caller: Caller) -> int:
    """End all of the caller's sessions but this one; how many ended."""
    async with b.db.transaction() as connection:
        ended = await connection.execute(queries.REVOKE_OTHERS, (utc_now(), caller.user_id, caller.session_id))
        gone = [row[0] for row in await ended.fetchall()]
        if gone:
            await note(connection, caller, "session.others_ended", ("person", caller.user_id), after={"ended": gone})
    await forget_sessions(b, gone)
    return len(gone)


async def delete_old_sessions(b: Backends, keep: timedelta) -> int:
    """Drop sessions that ended longer than `keep` ago; how many."""
    before = utc_now() - keep
    return await b.db.run(queries.DELETE_OLD_SESSIONS, (before, before))


def _idle_since(b: Backends, now: datetime) -> datetime:
    return now - timedelta(minutes=b.settings.session_idle_mins)


async def forget_sessions(b: Backends, session_ids: list[UUID]) -> None:
    """Drop what is kept of ended sessions and tell the other processes."""
    _drop_kept(set(session_ids))
    try:
        for session_id in session_ids:
            await b.cache.publish(REVOKED_CHANNEL, str(session_id))
    except (RedisError, OSError) as error:
        log.warning("revocation not announced", error=type(error).__name__)


def _drop_kept(session_ids: set[UUID]) -> None:
    for key in [key for key, (_, caller) in _kept.items() if caller.session_id in session_ids]:
        del _kept[key]
