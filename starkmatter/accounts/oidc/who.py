"""Who it is: the id token, checked as OpenID Connect Core 3.1.3.7 says, or GitHub's API. Loaded when needed."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from authlib.oidc.core.util import create_half_hash
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from starkmatter.accounts.oidc.doors import garbage, get_json, keys_of
from starkmatter.accounts.oidc.records import Endpoints, Provider, SignInRefused, Subject
from starkmatter.accounts.setup import MAX_NAME_CHARS
from starkmatter.backends import Backends
from starkmatter.clock import utc_now

MAX_CHARS = 16_384
MAX_SUBJECT_CHARS = 255
MAX_LABEL_CHARS = 120
LEEWAY_SECS = 60


async def subject_of(
    b: Backends,
    provider: Provider,
    endpoints: Endpoints,
    *,
    access_token: str,
    id_token: str | None,
    nonce: str,
    in_full: bool,
) -> Subject:
    """The subject that the provider vouches for; `in_full` also asks its API for a name and a verified address.

    SignInRefused when the proof does not hold, VendorFailure when the provider does not answer.
    """
    if provider.plain_oauth:
        return await _of_github(b, provider, endpoints, access_token, in_full=in_full)
    if id_token is None:
        raise _no_proof(provider)
    keys = await keys_of(b, provider, endpoints)
    claims = checked_claims(provider, id_token, keys, nonce=nonce, access_token=access_token, now=utc_now())
    if in_full and endpoints.userinfo and not claims.get("email"):
        told = await get_json(b, provider, endpoints.userinfo, _bearer(access_token))
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise _no_proof(provider)
        claims = {**told, **claims}
    email = _text(claims.get("email")) if claims.get("email_verified") is True else ""
    name = _text(claims.get("name"))
    label = _text(claims.get("email")) or _text(claims.get("preferred_username")) or name
    return Subject(claims["sub"], label[:MAX_LABEL_CHARS], email, name[:MAX_NAME_CHARS])


def checked_claims(
    provider: Provider, id_token: str, keys: list[dict[str, Any]], *, nonce: str, access_token: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of an id token that is for us, from there, for this journey, and in time; else SignInRefused.

    The algorithms are ours to choose; of the header only the key's name counts.
    """
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=LEEWAY_SECS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        if len(id_token) > MAX_CHARS:
            raise ValueError
        token = jwt.decode(id_token, KeySet.import_key_set({"keys": keys}), algorithms=list(provider.algorithms))
        rules.validate(token.claims)
        claims, algorithm = token.claims, str(token.header["alg"])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise _no_proof(provider) from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else provider.client_id) != provider.client_id:
        raise _no_proof(provider)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS or "\0" in subject:
        raise _no_proof(provider)
    if not _same(claims["nonce"], nonce):
        raise _no_proof(provider)
    if "at_hash" in claims and not _same(claims["at_hash"], _half_hash(access_token, algorithm)):
        raise _no_proof(provider)
    return claims


async def _of_github(
    b: Backends, provider: Provider, endpoints: Endpoints, access_token: str, *, in_full: bool
) -> Subject:
    headers = _bearer(access_token) | {"X-GitHub-Api-Version": "2022-11-28"}
    told = await get_json(b, provider, endpoints.userinfo, headers)
    number = told.get("id") if isinstance(told, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise garbage(provider)
    email = ""
    if in_full:
        found = await get_json(b, provider, f"{endpoints.userinfo}/emails", headers)
        addresses = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        primary = [one for one in addresses if one.get("primary") is True and one.get("verified") is True]
        email = _text(primary[0].get("email")) if primary else ""
    login = _text(told.get("login"))
    return Subject(str(number), login[:MAX_LABEL_CHARS], email, (_text(told.get("name")) or login)[:MAX_NAME_CHARS])


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def _half_hash(access_token: str, algorithm: str) -> str:
    made = create_half_hash(access_token, algorithm)
    return made.decode("ascii") if made is not None else ""


def _same(given: object, ours: str) -> bool:
    return isinstance(given, str) and bool(ours) and secrets.compare_digest(given.encode(), ours.encode())


def _text(value: object) -> str:
    """One printable line of something a provider said."""
    return " ".join(part for part in value.split() if part.isprintable()) if isinstance(value, str) else ""


def _no_proof(provider: Provider) -> SignInRefused:
    return SignInRefused(f"What {provider.title} says of this sign-in does not hold. Begin again.", code="no_proof")
