"""Who is asking, and whether they may ask it: bearer token or session cookie, Origin, and the caller's address."""

from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from starkmatter.accounts.programs.bearer import caller_of_bearer
from starkmatter.accounts.programs.records import InvalidToken
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import caller_of_cookie_header, cookie_name, host_cookie
from starkmatter.accounts.step_up import require_fresh
from starkmatter.api.matrix import check_rule, named_route
from starkmatter.backends import Backends, backends
from starkmatter.errors import NotAllowed, NotSignedIn
from starkmatter.settings import Settings

DEVICE_DAYS = 180
UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def get_backends() -> Backends:
    """The open backends of this process."""
    return backends()


B = Annotated[Backends, Depends(get_backends)]


async def signed_in(request: Request, b: B) -> Caller:
    """The caller, whom the matrix admits. A bearer token decides alone, also beside a cookie, and within its scopes.

    A state-changing request by cookie must come from one of our own pages; a token is not sent by itself.
    """
    token, ip = bearer_of(request.headers.getlist("authorization")), client_ip(request, b.settings)
    if token is not None:
        caller = await caller_of_bearer(b, token, ip)
    else:
        caller = await _signed_in_by_cookie(request, b)
    caller = replace(caller, ip=ip, admin_here=b.settings.is_admin_address(ip))
    route = f"{request.method} {named_route(request.scope)}"
    rule = check_rule(caller, route)
    taken = await request.scope["starkmatter.rates"].admit_caller(caller, route, rule)
    request.scope["starkmatter.headers"] += taken.headers
    if rule.fresh:
        await require_fresh(b, caller)
    return caller


def bearer_of(authorization: Sequence[str]) -> str | None:
    """The bearer token among the Authorization headers; None when there is none of that kind.

    InvalidToken when it stands beside another one: nobody shall choose between two.
    """
    bearers = [text for text in authorization if text.split(" ", 1)[0].lower() == "bearer"]
    if not bearers:
        return None
    if len(authorization) > 1:
        raise InvalidToken
    return bearers[0][len("bearer") :].strip()


async def _signed_in_by_cookie(request: Request, b: Backends) -> Caller:
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


Signed = Annotated[Caller, Depends(signed_in)]
SameSite = Depends(same_site)


def client_ip(request: Request, settings: Settings) -> str:
    """The peer's address; X-Forwarded-For counts only from the right and only as far as our own proxies go."""
    peer = request.client.host if request.client else "unknown"
    return address_behind(peer, ",".join(request.headers.getlist("x-forwarded-for")), settings.trusted_proxy_hops)


def client_ip_of(scope: MutableMapping[str, Any], settings: Settings) -> str:
    """The same for what is no request yet."""
    peer = scope["client"][0] if scope.get("client") else "unknown"
    forwarded = b",".join(value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for")
    return address_behind(peer, forwarded.decode("latin-1"), settings.trusted_proxy_hops)


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
    """Outlives sign-outs; it opens nothing."""
    response.set_cookie(
        host_cookie(settings, "device"),
        token,
        max_age=DEVICE_DAYS * 86_400,
        path="/",
        httponly=True,
        secure=settings.secure_cookies,
        samesite="strict",
    )


def clear_session_cookie(response: Response, settings: Settings) -> None:
    """Make the browser forget the session."""
    response.delete_cookie(
        cookie_name(settings), path="/", httponly=True, secure=settings.secure_cookies, samesite="lax"
    )
