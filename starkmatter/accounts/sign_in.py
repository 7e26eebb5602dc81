"""Signing in: the passphrase, then the second factor when there is one, then a session."""

from dataclasses import dataclass
from uuid import UUID

from starkmatter.accounts import queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.devices import known_device, remember_device
from starkmatter.accounts.factor import SecondFactorNeeded, check_at_sign_in
from starkmatter.accounts.passphrase import verify_passphrase
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.throttle import Paused, account_key, device_key, forgive, take_address_try, take_try, told
from starkmatter.backends import Backends
from starkmatter.errors import NotAllowed, NotSignedIn


@dataclass(frozen=True, slots=True)
class _LoginRow:
    id: UUID
    passphrase_hash: str
    role: Role
    email: str
    display_name: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who it is, the token for the session's cookie, and that for the device's."""

    caller: Caller
    token: str
    device: str


async def sign_in(
    b: Backends,
    email: str,
    passphrase: str,
    *,
    totp: str | None = None,
    device: str | None = None,
    ip: str,
    user_agent: str,
) -> SignedIn:
    """Check who it is and open a session. `device` is the token of a browser that signed in before.

    Raises NotSignedIn with one and the same sentence for an unknown address and a wrong passphrase,
    SecondFactorNeeded when the passphrase is right and a code is still to come, and TooMany while tries are paused.
    """
    visitor = Actor("visitor", ip)
    try:
        await take_address_try(b, ip)
        known = await known_device(b, email, device)
        key = account_key(email) if known is None else device_key(known)
        await take_try(b, key)
    except Paused as paused:
        if not told(paused):
            after = {"why": "too many tries", "until": paused.until}
            await note(b, visitor, "session.refused", _address(email), after=after, source=paused.source)
        raise
    row = await b.db.one(_LoginRow, queries.USER_FOR_LOGIN, (email.strip(),))
    if not await verify_passphrase(passphrase, row.passphrase_hash if row else None) or row is None:
        whose = ("person", row.id) if row else _address(email)
        await note(b, visitor, "session.refused", whose, after={"why": "wrong passphrase" if row else "nobody known"})
        raise NotSignedIn("The address or the passphrase is not right.", code="wrong_credentials")
    try:
        await check_at_sign_in(b, row.id, totp, visitor)
    except (NotSignedIn, NotAllowed, SecondFactorNeeded) as error:
        action = "session.code_asked" if isinstance(error, SecondFactorNeeded) else "session.refused"
        await note(b, visitor, action, ("person", row.id), after={"why": error.code.replace("_", " ")})
        raise
    await forgive(b, key)
    caller, token = await open_session(b, row.id, row.role, row.email, row.display_name, ip=ip, user_agent=user_agent)
    return SignedIn(caller, token, await remember_device(b, row.id, device))


def _address(email: str) -> tuple[str, str]:
    """An address that may be nobody's: people paste other things into that field, so only a digest of it is kept."""
    return "address", account_key(email).hex()[:16]
