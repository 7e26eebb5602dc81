"""Who is asking, and whether a browser may ask it: the session cookie, the Origin check and the caller's address."""

from typing import Annotated

from fastapi import Depends, Request, Response

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_cookie_header, cookie_name
from starkmatter.accounts.step_up import require_fresh
from starkmatter.backends import Backends, backends
from starkmatter.errors import NotAllowed, NotSignedIn
from starkmatter.settings import Settings

DEVICE_COOKIE = "starkmatter_device"
DEVICE_DAYS = 180
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def get_backends() -> Backends:
    """The open backends of this process."""
    return backends()


B = Annotated[Backends, Depends(get_backends)]


async def signed_in(request: Request, b: B) -> Caller:
    """The caller; a state-changing request by cookie must come from one of our own pages."""
    caller = await caller_of_cookie_header(b, request.headers.get("cookie", ""))
    if caller is None:
        raise NotSignedIn("Sign in first: there is no valid session.")
    if request.method in UNSAFE_METHODS and request.headers.get("origin") not in b.settings.origins:
        raise NotAllowed("This request did not come from StarkMatter's own pages.", code="foreign_origin")
    return caller


async def same_site(request: Request, b: B) -> None:
    """For routes that need no session: a browser on a foreign page is refused, a program without Origin is not."""
    origin = request.headers.get("origin")
    if origin is not None and origin not in b.settings.origins:
        raise NotAllowed("This request did not come from StarkMatter's own pages.", code="foreign_origin")


async def admin(caller: "Signed") -> Caller:
    """The caller, when they are owner or admin."""
    if not caller.is_admin:
        raise NotAllowed("Only an admin may do this.")
    return caller


async def fresh(caller: "Signed", b: B) -> Caller:
    """The caller, when they have proven within the last five minutes that it is them."""
    await require_fresh(b, caller)
    return caller


async def fresh_admin(caller: "Admin", b: B) -> Caller:
    """The same for owner and admins."""
    await require_fresh(b, caller)
    return caller


Signed = Annotated[Caller, Depends(signed_in)]
Admin = Annotated[Caller, Depends(admin)]
Fresh = Annotated[Caller, Depends(fresh)]
FreshAdmin = Annotated[Caller, Depends(fresh_admin)]
SameSite = Depends(same_site)


def client_ip(request: Request, settings: Settings) -> str:
    """The peer's address; X-Forwarded-For counts only from the right and only as far as our own proxies go."""
    peer = request.client.host if request.client else "unknown"
    return address_behind(peer, request.headers.get("x-forwarded-for", ""), settings.trusted_proxy_hops)


def address_behind(peer: str, forwarded_for: str, hops: int) -> str:
    """The address that stands `hops` trusted proxies behind `peer`; `peer` itself when there are none."""
    chain = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    return chain[-hops][:64] if hops and len(chain) >= hops else peer


def set_session_cookie(response: Response, settings: Settings, token: str) -> None:
    """HttpOnly, same site, https where the public address is https; it ends with the session."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_max_hours * 3600,
        path="/",
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",
    )


def set_device_cookie(response: Response, settings: Settings, token: str) -> None:
    """Outlives sign-outs and goes to the sign-in alone; it opens nothing."""
    response.set_cookie(
        DEVICE_COOKIE,
        token,
        max_age=DEVICE_DAYS * 86_400,
        path="/api/v1/auth/login",
        httponly=True,
        secure=settings.secure_cookies,
        samesite="strict",
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Make the browser forget the session."""
    response.delete_cookie(
        cookie_name(settings), path="/", httponly=True, secure=settings.secure_cookies, samesite="lax"
    )
