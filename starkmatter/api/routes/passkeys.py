"""Passkeys: added, named, removed, and the sign-in with one."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from starkmatter.accounts.factor import is_on
from starkmatter.accounts.passkeys import keys
from starkmatter.accounts.passkeys.challenges import KEEPS
from starkmatter.accounts.passkeys.place import find_place
from starkmatter.accounts.passkeys.register import begin_registration, finish_registration
from starkmatter.accounts.passkeys.use import begin_sign_in, sign_in_with_passkey
from starkmatter.accounts.sessions import cookie_name, host_cookie, leave_session
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas_people import Me
from starkmatter.api.schemas_step_up import Credential, NewPasskey, PasskeyName, PasskeyOut, PasskeysOut
from starkmatter.api.security import B, SameSite, Signed, client_ip, set_session_cookie
from starkmatter.portfolio.opening import ensure_first_account

router = APIRouter(prefix=f"{API_PREFIX}/auth/passkeys", tags=["Sign-in"])


@router.get("")
async def passkeys(caller: Signed, b: B) -> PasskeysOut:
    """The caller's own."""
    place, items = find_place(b.settings), await keys.list_passkeys(b, caller)
    return PasskeysOut(
        items=[PasskeyOut.model_validate(one) for one in items],
        origin=place.origin if place else None,
        last_factor=len(items) == 1 and not await is_on(b, caller.user_id),
    )


@router.post("/options")
async def options(caller: Signed, b: B) -> dict[str, object]:
    """What `navigator.credentials.create` needs."""
    return await begin_registration(b, caller)


@router.post("", status_code=201)
async def add(body: NewPasskey, caller: Signed, b: B) -> PasskeyOut:
    """Keep a new one; the caller's other sessions end."""
    return PasskeyOut.model_validate(await finish_registration(b, caller, body.name, body.credential))


@router.patch("/{passkey_id}", status_code=204)
async def rename(passkey_id: UUID, body: PasskeyName, caller: Signed, b: B) -> None:
    """Call it something else."""
    await keys.rename_passkey(b, caller, passkey_id, body.name)


@router.delete("/{passkey_id}", status_code=204)
async def remove(passkey_id: UUID, caller: Signed, b: B) -> None:
    """Take it away; the caller's other sessions end."""
    await keys.remove_passkey(b, caller, passkey_id)


@router.post("/sign-in/options", dependencies=[SameSite])
async def sign_in_options(request: Request, response: Response, b: B) -> dict[str, object]:
    """What `navigator.credentials.get` needs, the same for everybody; a cookie binds the answer to this browser."""
    asked, attempt = await begin_sign_in(b, ip=client_ip(request, b.settings))
    response.set_cookie(
        host_cookie(b.settings, "attempt"),
        attempt,
        max_age=int(KEEPS.total_seconds()),
        path="/",
        httponly=True,
        secure=b.settings.secure_cookies,
        samesite="strict",
    )
    return asked


@router.post("/sign-in", dependencies=[SameSite])
async def sign_in(body: Credential, request: Request, response: Response, b: B) -> Me:
    """Open a session with a passkey alone."""
    caller, token = await sign_in_with_passkey(
        b,
        body.credential,
        attempt=request.cookies.get(host_cookie(b.settings, "attempt")),
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    await ensure_first_account(b, caller.user_id)
    await leave_session(b, request.cookies.get(cookie_name(b.settings)))
    set_session_cookie(response, b.settings, token)
    return Me.model_validate(caller)
