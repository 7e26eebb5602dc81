"""Access tokens: JWTs of ten minutes (RFC 9068), signed with EdDSA on Ed25519 under our own newest key.

The algorithm is pinned and the key is ours by its `kid`; no other header says how to check. The library brings a
second half of the cipher's (9 MB) and is loaded with the first access token.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from starkmatter.accounts.programs.records import SCOPES, InvalidToken, scope_text
from starkmatter.accounts.programs.signing_keys import SigningKey, verifying_key
from starkmatter.accounts.records import Scope
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.settings import Settings

LIFE = timedelta(minutes=10)
ALGORITHM = "Ed25519"
KIND = "at+jwt"
MAX_CHARS = 4_096
MAX_KID_CHARS = 64


@dataclass(frozen=True, slots=True)
class Access:
    """What a good access token says: for whom, of which family, and what it may do at most."""

    user_id: UUID
    family: UUID
    scopes: frozenset[Scope]


def audience(settings: Settings) -> str:
    """Whom our access tokens are for: this installation's API."""
    return f"{settings.browser_url}/api/v1"


def sign_access(
    settings: Settings, key: SigningKey, user_id: UUID, family: UUID, scopes: frozenset[Scope], now: datetime
) -> str:
    """An access token that counts from `now` for ten minutes."""
    from joserfc import jwt
    from joserfc.jwk import OKPKey

    issued_at = int(now.timestamp())
    claims = {
        "iss": settings.browser_url,
        "aud": audience(settings),
        "sub": str(user_id),
        "sid": str(family),
        "scope": scope_text(scopes),
        "iat": issued_at,
        "exp": issued_at + int(LIFE.total_seconds()),
        "jti": str(uuid4()),
    }
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": KIND}
    return jwt.encode(header, claims, OKPKey.import_key({**key.jwk}), algorithms=[ALGORITHM])


async def read_access(b: Backends, text: str) -> Access:
    """What an access token says, once its signature, issuer, audience and times are right; else InvalidToken."""
    if len(text) > MAX_CHARS or text.count(".") != 2 or not text.isascii():
        raise InvalidToken
    key = await verifying_key(b.db, _kid_of(text), utc_now())
    if key is None:
        raise InvalidToken
    claims = _claims_of(b.settings, text, key)
    try:
        scopes = frozenset(cast(list[Scope], claims["scope"].split()))
        return Access(UUID(claims["sub"]), UUID(claims["sid"]), scopes & frozenset(SCOPES))
    except (AttributeError, TypeError, ValueError):
        raise InvalidToken from None


def _kid_of(text: str) -> str:
    """The name of the key in the header, which nobody has vouched for yet."""
    from joserfc.errors import JoseError
    from joserfc.jws import extract_compact

    try:
        kid = extract_compact(text.encode()).headers().get("kid")
    except (JoseError, ValueError):
        raise InvalidToken from None
    if not isinstance(kid, str) or not kid.isascii() or not 0 < len(kid) <= MAX_KID_CHARS or "\0" in kid:
        raise InvalidToken
    return kid


def _claims_of(settings: Settings, text: str, key: dict[str, str]) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey

    ours = jwt.JWTClaimsRegistry(
        now=int(utc_now().timestamp()),
        iss={"essential": True, "value": settings.browser_url},
        aud={"essential": True, "value": audience(settings)},
        sub={"essential": True},
        sid={"essential": True},
        scope={"essential": True, "allow_blank": True},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        token = jwt.decode(text, OKPKey.import_key({**key}), algorithms=[ALGORITHM])
        ours.validate(token.claims)
    except (JoseError, ValueError):
        raise InvalidToken from None
    if token.header.get("typ") != KIND:
        raise InvalidToken
    return token.claims
