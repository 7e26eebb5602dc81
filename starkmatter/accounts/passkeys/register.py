"""A new passkey: the device makes a key pair for this address and proves that its person was there."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import structlog

from starkmatter.accounts.passkeys import queries
from starkmatter.accounts.passkeys.challenges import give_challenge, take_challenge
from starkmatter.accounts.passkeys.keys import PasskeyView, checked_name
from starkmatter.accounts.passkeys.place import NAME, place_of, webauthn
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import revoke_other_sessions
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, InvalidInput

MOST_PASSKEYS = 20

log = structlog.get_logger("accounts")


async def begin_registration(b: Backends, caller: Caller) -> dict[str, Any]:
    """What the browser needs to make one (PublicKeyCredentialCreationOptions as JSON)."""
    place, library = place_of(b.settings), await webauthn()
    from webauthn.helpers import structs

    known = await b.db.tuples(queries.CREDENTIAL_IDS, (caller.user_id,))
    options = library.generate_registration_options(
        rp_id=place.id,
        rp_name=NAME,
        user_id=caller.user_id.bytes,
        user_name=caller.email,
        user_display_name=caller.display_name,
        challenge=await give_challenge(b, "register", str(caller.session_id)),
        attestation=structs.AttestationConveyancePreference.NONE,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=row[0]) for row in known],
    )
    return dict(json.loads(library.options_to_json(options)))


async def finish_registration(b: Backends, caller: Caller, name: str, credential: Mapping[str, Any]) -> PasskeyView:
    """Keep what the device made; the caller's other sessions end.

    InvalidInput when the answer is not one to this session's open question, Conflict when the device is known already.
    """
    name, place, library = checked_name(name), place_of(b.settings), await webauthn()
    from webauthn.helpers.exceptions import WebAuthnException

    challenge = await take_challenge(b, "register", str(caller.session_id))
    refused = InvalidInput("The passkey could not be added. Begin again.", code="wrong_passkey")
    if challenge is None:
        raise refused
    try:
        made = library.verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=place.id,
            expected_origin=place.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("passkey refused", reason=type(error).__name__, user_id=str(caller.user_id))
        raise refused from None
    view = PasskeyView(uuid4(), name, utc_now(), None)
    row = {
        "id": view.id,
        "user": caller.user_id,
        "credential_id": made.credential_id,
        "public_key": made.credential_public_key,
        "sign_count": made.sign_count,
        "name": name,
        "now": view.created_at,
        "most": MOST_PASSKEYS,
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, (caller.user_id,))
        kept = await connection.execute(queries.PUT_PASSKEY, row)
    if kept.rowcount != 1:
        raise Conflict(f"This passkey is known already, or there are {MOST_PASSKEYS}, which is the most.")
    await revoke_other_sessions(b, caller)
    log.info("passkey added", user_id=str(caller.user_id))
    return view
