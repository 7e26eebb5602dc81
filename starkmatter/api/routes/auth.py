"""Set-up, sign-in, sign-out and the caller's sessions."""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter, Request, Response

from starkmatter.accounts import factor
from starkmatter.accounts import reset as passphrases
from starkmatter.accounts.devices import remember_device
from starkmatter.accounts.profile import get_base_currency, set_base_currency, update_profile
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import cookie_name, host_cookie, leave_session, list_sessions, revoke_session
from starkmatter.accounts.setup import Newcomer
from starkmatter.accounts.sign_in import sign_in
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_people import (
    Code,
    EnrollmentOut,
    FactorOut,
    Forgotten,
    Login,
    Me,
    MyProfile,
    NewPassphrase,
    Profile,
    RecoveryCodes,
    Register,
    Reset,
    Said,
    SessionOut,
)
from starkmatter.api.security import (
    B,
    SameSite,
    Signed,
    clear_session_cookie,
    client_ip,
    set_device_cookie,
    set_session_cookie,
)
from starkmatter.backends import Backends
from starkmatter.portfolio.onboarding import welcome_newcomer
from starkmatter.portfolio.opening import ensure_first_account

router = APIRouter(prefix=f"{API_PREFIX}/auth", tags=["Sign-in"])


@router.post("/register", status_code=201, dependencies=[SameSite])
async def register(body: Register, request: Request, response: Response, b: B) -> Me:
    """Make the owner with the one-time set-up token, or let somebody in with an invitation, and sign them in."""
    caller, token = await welcome_newcomer(
        b,
        Newcomer(body.email, body.password, body.display_name),
        setup_token=body.setup_token,
        invite_token=body.invite_token,
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    set_session_cookie(response, b.settings, token)
    set_device_cookie(response, b.settings, await remember_device(b, caller.user_id, None))
    return Me.model_validate(caller)


@router.post("/login", dependencies=[SameSite])
async def login(body: Login, request: Request, response: Response, b: B) -> Me:
    """Open a session; the answer sets the HttpOnly cookie.

    428 asks for the code of the second factor; 429 says how long to wait after too many tries.
    """
    signed = await sign_in(
        b,
        body.email,
        body.password,
        totp=body.totp,
        device=request.cookies.get(host_cookie(b.settings, "device")),
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    await ensure_first_account(b, signed.caller.user_id)
    await leave_session(b, request.cookies.get(cookie_name(b.settings)))
    set_session_cookie(response, b.settings, signed.token)
    set_device_cookie(response, b.settings, signed.device)
    return Me.model_validate(signed.caller)


@router.post("/logout", status_code=204)
async def logout(response: Response, caller: Signed, b: B) -> None:
    """End this session everywhere."""
    await revoke_session(b, caller, caller.session_id)
    clear_session_cookie(response, b.settings)


@router.post("/password")
async def change_password(body: NewPassphrase, caller: Signed, b: B) -> Said:
    """Replace one's own passphrase; the other sessions end. 428 asks for the code of the second factor."""
    await passphrases.change_passphrase(b, caller, body.password, body.new_password, body.totp)
    return Said(text="Your passphrase is changed, and every other session has ended.")


@router.post("/password/forgot", status_code=202, dependencies=[SameSite])
async def forgot_password(body: Forgotten, request: Request, b: B) -> Said:
    """Have a link mailed that sets a new passphrase. The answer is the same whether somebody has the address."""
    await passphrases.ask_for_link(b, body.email, ip=client_ip(request, b.settings))
    return Said(
        text="If somebody here has this address and mail is set up, a link is on its way. It works once, within an "
        "hour. Otherwise an admin can make you one."
    )


@router.post("/password/reset", status_code=204, dependencies=[SameSite])
async def reset_password(body: Reset, request: Request, b: B) -> None:
    """Set a new passphrase with a link's token; every session of the person ends."""
    await passphrases.reset_passphrase(b, body.token, body.password, ip=client_ip(request, b.settings))


@router.get("/me")
async def me(caller: Signed, b: B) -> MyProfile:
    """Who is signed in, and in which currency their accounts are shown together."""
    return await _profile(caller, b)


@router.patch("/me")
async def change_me(body: Profile, caller: Signed, b: B) -> MyProfile:
    """Change one's name, or the base currency; nothing in any account changes."""
    if body.base_currency is not None:
        await set_base_currency(b, caller, body.base_currency)
    if body.display_name is not None:
        await update_profile(b, caller, body.display_name)
        caller = replace(caller, display_name=body.display_name.strip())
    return await _profile(caller, b)


async def _profile(caller: Caller, b: Backends) -> MyProfile:
    person = Me.model_validate(caller).model_dump()
    return MyProfile(**person, base_currency=await get_base_currency(b, caller))


@router.get("/sessions")
async def sessions(caller: Signed, b: B) -> Page[SessionOut]:
    """The caller's live sessions."""
    found = await list_sessions(b, caller)
    items = [SessionOut.model_validate(one) for one in found]
    for item in items:
        item.current = item.id == caller.session_id
    return Page(items=items)


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, caller: Signed, b: B) -> None:
    """End one of the caller's sessions."""
    await revoke_session(b, caller, session_id)


@router.get("/totp")
async def totp(caller: Signed, b: B) -> FactorOut:
    """Whether the second factor is on."""
    return FactorOut.model_validate(await factor.factor_state(b, caller))


@router.post("/totp/enroll")
async def enroll_totp(caller: Signed, b: B) -> EnrollmentOut:
    """A new secret for an authenticator app, shown this once; it counts after `confirm`."""
    import segno  # half a megabyte, loaded with the first code that is drawn

    given = await factor.enroll(b, caller)
    drawn = segno.make(given.otpauth_uri, error="m").svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
    return EnrollmentOut(secret=given.secret, otpauth_uri=given.otpauth_uri, qr_image=drawn)


@router.post("/totp/confirm")
async def confirm_totp(body: Code, caller: Signed, b: B) -> RecoveryCodes:
    """Turn the second factor on with a first code; ten recovery codes, shown this once."""
    return RecoveryCodes(recovery_codes=await factor.confirm(b, caller, body.code))


@router.post("/totp/recovery-codes")
async def renew_recovery_codes(caller: Signed, b: B) -> RecoveryCodes:
    """Ten new recovery codes instead of the former ones."""
    return RecoveryCodes(recovery_codes=await factor.renew_recovery_codes(b, caller))


@router.post("/totp/off", status_code=204)
async def turn_totp_off(caller: Signed, b: B) -> None:
    """Sign in with the passphrase alone again."""
    await factor.turn_off(b, caller)
