"""Set-up, sign-in, sign-out and the caller's sessions."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from starkmatter.accounts.sessions import list_sessions, revoke_session, sign_in
from starkmatter.api.schemas import Login, Me, Page, Register, SessionOut
from starkmatter.api.security import B, SameSite, Signed, clear_session_cookie, client_ip, set_session_cookie
from starkmatter.portfolio.onboarding import set_up_owner
from starkmatter.portfolio.opening import ensure_first_account

router = APIRouter(prefix="/auth", tags=["Sign-in"])


@router.post("/register", status_code=201, dependencies=[SameSite])
async def register(body: Register, request: Request, response: Response, b: B) -> Me:
    """Make the owner with the one-time set-up token and sign them in. Closed afterwards."""
    caller, token = await set_up_owner(
        b,
        email=body.email,
        passphrase=body.password,
        display_name=body.display_name,
        setup_token=body.setup_token,
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    set_session_cookie(response, b.settings, token)
    return Me.model_validate(caller)


@router.post("/login", dependencies=[SameSite])
async def login(body: Login, request: Request, response: Response, b: B) -> Me:
    """Open a session; the answer sets the HttpOnly cookie."""
    caller, token = await sign_in(
        b,
        body.email,
        body.password,
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    await ensure_first_account(b, caller.user_id)
    set_session_cookie(response, b.settings, token)
    return Me.model_validate(caller)


@router.post("/logout", status_code=204)
async def logout(response: Response, caller: Signed, b: B) -> None:
    """End this session everywhere."""
    await revoke_session(b, caller, caller.session_id)
    clear_session_cookie(response, b.settings)


@router.get("/me")
async def me(caller: Signed) -> Me:
    """Who is signed in."""
    return Me.model_validate(caller)


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
