"""Signing in: the passphrase, then the second factor when there is one, then a session."""

from dataclasses import dataclass
from uuid import UUID

from starkmatter.accounts import queries
from starkmatter.accounts.factor import check_at_sign_in
from starkmatter.accounts.passphrase import verify_passphrase
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import open_session
from starkmatter.backends import Backends
from starkmatter.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class _LoginRow:
    id: UUID
    passphrase_hash: str
    role: Role
    email: str
    display_name: str


async def sign_in(
    b: Backends, email: str, passphrase: str, *, totp: str | None = None, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """Check who it is and open a session: the caller and the token for the cookie.

    Raises NotSignedIn with one and the same sentence for an unknown address and a wrong passphrase, and
    SecondFactorNeeded when the passphrase is right and a code is still to come.
    """
    row = await b.db.one(_LoginRow, queries.USER_FOR_LOGIN, (email.strip(),))
    if not await verify_passphrase(passphrase, row.passphrase_hash if row else None) or row is None:
        raise NotSignedIn("The address or the passphrase is not right.", code="wrong_credentials")
    await check_at_sign_in(b, row.id, totp)
    return await open_session(b, row.id, row.role, row.email, row.display_name, ip=ip, user_agent=user_agent)
