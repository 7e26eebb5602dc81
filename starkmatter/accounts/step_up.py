"""Step-up: what matters most takes a proof of who it is that is no older than five minutes.

A session remembers when it last saw one; signing in is one. A new proof renews the session and gives it another token,
so that the former one, in whoever's hands it is, is worth nothing from that moment on.
"""

from datetime import datetime, timedelta
from typing import Literal

from starkmatter.accounts import queries
from starkmatter.accounts.factor import is_on, prove
from starkmatter.accounts.passkeys.keys import has_passkey
from starkmatter.accounts.passphrase import NO_PASSPHRASE
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import renew_session
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import StarkMatterError

FRESH_FOR = timedelta(minutes=5)
NEEDED = "Confirm that it is you: it is more than five minutes since you last did."
SIGN_IN_AGAIN = "Sign out and in again, then do this within five minutes: there is no passphrase to confirm with."
Way = Literal["passphrase", "code", "passkey"]


class StepUpNeeded(StarkMatterError):
    """The caller may do this, after a fresh proof of who they are; `details["accepted"]` says what counts as one."""

    status = 403
    code = "step_up_required"
    title = "Confirm it is you"


class FactorNeeded(StepUpNeeded):
    """The same with a second factor, given after this was raised; a passphrase alone is not enough."""


async def fresh_until(b: Backends, caller: Caller) -> datetime | None:
    """Until when the last proof in the caller's session counts; None when none does now."""
    proven_at: datetime | None = await b.db.value(queries.PROVEN_AT, (caller.session_id, caller.user_id))
    return proven_at + FRESH_FOR if proven_at is not None and utc_now() - proven_at <= FRESH_FOR else None


async def is_fresh(b: Backends, caller: Caller) -> bool:
    """Whether the caller's session has seen a proof within the last five minutes."""
    return await fresh_until(b, caller) is not None


async def require_fresh(b: Backends, caller: Caller) -> None:
    """Raise StepUpNeeded unless that is so."""
    if not await is_fresh(b, caller):
        ways = await accepted_ways(b, caller)
        raise StepUpNeeded(NEEDED if ways else SIGN_IN_AGAIN, details={"accepted": ways})


async def accepted_ways(b: Backends, caller: Caller) -> list[Way]:
    """What the caller may prove themselves with: the passphrase, with a code where the second factor is on, or a
    passkey alone; nothing for somebody who only ever comes from a provider.
    """
    ways: list[Way] = []
    if await b.db.value(queries.PASSPHRASE_HASH, (caller.user_id,)) != NO_PASSPHRASE:
        ways.append("passphrase")
        if await is_on(b, caller.user_id):
            ways.append("code")
    if await has_passkey(b, caller.user_id):
        ways.append("passkey")
    return ways


async def step_up(b: Backends, caller: Caller, passphrase: str, code: str | None) -> str:
    """Prove it with the passphrase, and a code where the second factor is on: the session's new token.

    Raises NotAllowed when one of them is wrong, SecondFactorNeeded when the code is missing, TooMany while tries are
    paused.
    """
    with_code = await prove(b, caller, passphrase, code)
    return await renew_session(b, caller, factor=with_code)


async def factor_ways(b: Backends, caller: Caller) -> list[Way]:
    """The second factors that the caller has: a code, a passkey; none for somebody with a passphrase alone."""
    return [way for way in await accepted_ways(b, caller) if way != "passphrase"]
