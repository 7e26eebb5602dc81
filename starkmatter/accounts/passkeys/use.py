"""Using a passkey: to sign in with it alone, or to prove again who it is.

The device checks its person (a finger, a face, a PIN) before it signs, so a passkey counts as two factors. All that is
wrong with an answer is said in one sentence.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from starkmatter.accounts.passkeys import queries
from starkmatter.accounts.passkeys.challenges import Purpose, give_challenge, take_challenge
from starkmatter.accounts.passkeys.place import place_of, webauthn
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import open_session, renew_session
from starkmatter.accounts.throttle import forgive, person_key, take_address_try, take_try
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotAllowed, NotSignedIn

ATTEMPT_BYTES = 24

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    public_key: bytes
    sign_count: int
    user_id: UUID
    role: Role
    email: str
    display_name: str


async def begin_sign_in(b: Backends, *, ip: str) -> tuple[dict[str, Any], str]:
    """What the browser needs to use one, the same for everybody, and the token of this attempt for its cookie."""
    await take_address_try(b, ip)
    attempt = secrets.token_urlsafe(ATTEMPT_BYTES)
    return await _options(b, "sign_in", attempt, ()), attempt


async def sign_in_with_passkey(
    b: Backends, credential: Mapping[str, Any], *, attempt: str | None, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """Open a session for the passkey's person: the caller and the cookie's token. NotSignedIn in one sentence."""
    await take_address_try(b, ip)
    row = await _answered(b, "sign_in", attempt, credential)
    if row is None:
        raise NotSignedIn(
            "This passkey does not open this door. Try again, or use your passphrase.", code="wrong_passkey"
        )
    return await open_session(b, row.user_id, row.role, row.email, row.display_name, ip=ip, user_agent=user_agent)


async def begin_step_up(b: Backends, caller: Caller) -> dict[str, Any]:
    """What the browser needs to use one of the caller's own."""
    known = await b.db.tuples(queries.CREDENTIAL_IDS, (caller.user_id,))
    return await _options(b, "step_up", str(caller.session_id), [row[0] for row in known])


async def step_up_with_passkey(b: Backends, caller: Caller, credential: Mapping[str, Any]) -> str:
    """Prove it with one of the caller's own passkeys: the session's new token. NotAllowed when it is not one."""
    key = person_key(caller.user_id)
    await take_try(b, key)
    row = await _answered(b, "step_up", str(caller.session_id), credential)
    if row is None or row.user_id != caller.user_id:
        raise NotAllowed("This passkey does not prove it. Try again, or use your passphrase.", code="wrong_passkey")
    await forgive(b, key)
    return await renew_session(b, caller, factor=True)


async def _options(b: Backends, purpose: Purpose, bound_to: str, credential_ids: Any) -> dict[str, Any]:
    place, library = place_of(b.settings), await webauthn()
    from webauthn.helpers import structs

    options = library.generate_authentication_options(
        rp_id=place.id,
        challenge=await give_challenge(b, purpose, bound_to),
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in credential_ids],
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return dict(json.loads(library.options_to_json(options)))


async def _answered(b: Backends, purpose: Purpose, bound_to: str | None, credential: Mapping[str, Any]) -> _Row | None:
    """Whose passkey answered the open question, and rightly; None when anything about it is wrong."""
    place, library = place_of(b.settings), await webauthn()
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = await take_challenge(b, purpose, bound_to) if bound_to else None
    if challenge is None:
        return None
    try:
        row = await b.db.one(_Row, queries.CREDENTIAL, (base64url_to_bytes(credential["rawId"]),))
        if row is None:
            return None
        handle = credential["response"].get("userHandle")
        if handle is not None and base64url_to_bytes(handle) != row.user_id.bytes:
            return None
        used = library.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=place.id,
            expected_origin=place.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("passkey refused", reason=type(error).__name__, purpose=purpose)
        return None
    counted = {"id": row.id, "old_count": row.sign_count, "new_count": used.new_sign_count, "now": utc_now()}
    return row if await b.db.run(queries.USE_PASSKEY, counted) == 1 else None
