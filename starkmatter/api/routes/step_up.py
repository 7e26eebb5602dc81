"""Step-up: a fresh proof of who it is, which also gives the session another token."""

from fastapi import APIRouter, Response

from starkmatter.accounts import step_up
from starkmatter.accounts.passkeys.use import begin_step_up, step_up_with_passkey
from starkmatter.accounts.records import Caller
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas_people import Proof
from starkmatter.api.schemas_step_up import Credential, StepUpOut
from starkmatter.api.security import B, Signed, set_session_cookie
from starkmatter.backends import Backends

router = APIRouter(prefix=f"{API_PREFIX}/auth/step-up", tags=["Sign-in"])


@router.get("")
async def ways(caller: Signed, b: B) -> StepUpOut:
    """What counts as a proof, and until when the last one does."""
    return await _standing(b, caller)


@router.post("")
async def with_passphrase(body: Proof, response: Response, caller: Signed, b: B) -> StepUpOut:
    """Prove it with the passphrase, and a code where the second factor is on (428 asks for it).

    The answer sets the session's new cookie; the former one is worth nothing any more.
    """
    set_session_cookie(response, b.settings, await step_up.step_up(b, caller, body.password, body.totp))
    return await _standing(b, caller)


@router.post("/passkey/options")
async def passkey_options(caller: Signed, b: B) -> dict[str, object]:
    """What `navigator.credentials.get` needs for one of the caller's own passkeys."""
    return await begin_step_up(b, caller)


@router.post("/passkey")
async def with_passkey(body: Credential, response: Response, caller: Signed, b: B) -> StepUpOut:
    """Prove it with a passkey alone; the cookie changes as above."""
    set_session_cookie(response, b.settings, await step_up_with_passkey(b, caller, body.credential))
    return await _standing(b, caller)


async def _standing(b: Backends, caller: Caller) -> StepUpOut:
    return StepUpOut(accepted=await step_up.accepted_ways(b, caller), fresh_until=await step_up.fresh_until(b, caller))
