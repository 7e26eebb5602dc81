"""Sign-in at other houses: there and back as whole pages, linking and registering, and what is linked."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from starkmatter.accounts.oidc import flows, identities, service
from starkmatter.accounts.oidc.providers import list_providers
from starkmatter.accounts.oidc.records import Brought, Departure
from starkmatter.accounts.sessions import caller_of_cookie_header, cookie_name, host_cookie, leave_session
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.oidc_pages import ENDED, STARTED, refusal_page
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_oidc import DepartureOut, IdentityOut, ProviderOut, RegisterWish, SecondStep
from starkmatter.api.schemas_people import Me
from starkmatter.api.security import B, SameSite, Signed, client_ip, set_session_cookie
from starkmatter.errors import Conflict, StarkMatterError
from starkmatter.portfolio.opening import ensure_first_account
from starkmatter.settings import Settings, is_loopback

# On https the prefix of the name takes the whole house as its path.
COOKIE_PATH = "/api/v1/auth/oidc"

router = APIRouter(prefix=f"{API_PREFIX}/auth", tags=["Sign-in"])


@router.get("/oidc")
async def providers(b: B) -> Page[ProviderOut]:
    """Whom people may sign in with."""
    return Page(items=[ProviderOut.model_validate(one) for one in await list_providers(b)])


@router.get("/oidc/{provider}/start", response_class=RedirectResponse, status_code=303, responses=STARTED)
async def start(provider: str, request: Request, b: B, next: str | None = None) -> Response:
    """To the provider, and back to `next` signed in: for a browser, as a whole page."""
    if _at_another_name(request, b.settings):
        return RedirectResponse(str(request.url.replace(netloc=b.settings.browser_url.split("//")[1])), 303)
    try:
        departure = await flows.begin_sign_in(b, provider, next, ip=client_ip(request, b.settings))
    except StarkMatterError as error:
        return refusal_page(error)
    answer = RedirectResponse(departure.address, 303)
    _set_browser_cookie(answer, b.settings, departure.browser)
    return answer


@router.get("/oidc/{provider}/callback", response_class=RedirectResponse, status_code=303, responses=ENDED)
async def callback(
    provider: str,
    request: Request,
    b: B,
    state: str | None = None,
    code: str | None = None,
    error: str | None = None,
    iss: str | None = None,
) -> Response:
    """Where the provider sends the browser back to; it counts once, in the browser that left."""
    signed_in = await caller_of_cookie_header(b, request.headers.get("cookie", ""))
    try:
        arrival = await service.arrive(
            b,
            provider,
            Brought(state or "", code or "", error or "", iss),
            browser=request.cookies.get(host_cookie(b.settings, "oidc")),
            caller=signed_in,
            ip=client_ip(request, b.settings),
            user_agent=request.headers.get("user-agent", ""),
        )
        if arrival.signed is not None:
            await ensure_first_account(b, arrival.signed[0].user_id)
    except StarkMatterError as refused:
        # The cookie stays: a foreign page that sends somebody here with a made-up state ends no journey of theirs.
        return refusal_page(refused, signed_in=signed_in is not None)
    answer = RedirectResponse(arrival.path, 303)
    if arrival.signed is not None:
        await leave_session(b, request.cookies.get(cookie_name(b.settings)))
        set_session_cookie(answer, b.settings, arrival.signed[1])
    if arrival.browser is not None:
        _set_browser_cookie(answer, b.settings, arrival.browser)
        return answer
    return _forgotten(answer, b.settings)


@router.post("/oidc/finish", dependencies=[SameSite])
async def finish(body: SecondStep, request: Request, response: Response, b: B) -> Me:
    """The code of one's own second factor, after a provider has vouched; the answer sets the session's cookie."""
    caller, token = await service.finish_with_code(
        b,
        request.cookies.get(host_cookie(b.settings, "oidc")),
        body.totp,
        ip=client_ip(request, b.settings),
        user_agent=request.headers.get("user-agent", ""),
    )
    await ensure_first_account(b, caller.user_id)
    await leave_session(b, request.cookies.get(cookie_name(b.settings)))
    set_session_cookie(response, b.settings, token)
    _forgotten(response, b.settings)
    return Me.model_validate(caller)


@router.post("/oidc/{provider}/register", dependencies=[SameSite])
async def register(provider: str, body: RegisterWish, request: Request, response: Response, b: B) -> DepartureOut:
    """Where to go to register with the provider and an invitation."""
    _check_name(request, b.settings)
    ip = client_ip(request, b.settings)
    return _departure(response, b.settings, await flows.begin_registration(b, provider, body.invite_token, ip=ip))


@router.post("/oidc/{provider}/link")
async def link(provider: str, caller: Signed, request: Request, response: Response, b: B) -> DepartureOut:
    """Where to go to link an account of the provider."""
    _check_name(request, b.settings)
    return _departure(response, b.settings, await flows.begin_link(b, caller, provider))


@router.get("/identities")
async def linked(caller: Signed, b: B) -> Page[IdentityOut]:
    """The caller's linked sign-ins."""
    return Page(items=[IdentityOut.model_validate(one) for one in await identities.list_identities(b, caller)])


@router.delete("/identities/{identity_id}", status_code=204)
async def unlink(identity_id: UUID, caller: Signed, b: B) -> None:
    """Take one of them back, unless it is the last way in; the other sessions end."""
    await identities.unlink(b, caller, identity_id)


def _departure(response: Response, settings: Settings, departure: Departure) -> DepartureOut:
    _set_browser_cookie(response, settings, departure.browser)
    return DepartureOut(location=departure.address)


def _set_browser_cookie(response: Response, settings: Settings, browser: str) -> None:
    response.set_cookie(
        host_cookie(settings, "oidc"),
        browser,
        max_age=int(flows.FLOW_KEEPS.total_seconds()),
        path="/" if settings.secure_cookies else COOKIE_PATH,
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",  # the way back comes from the provider's page
    )


def _forgotten(response: Response, settings: Settings) -> Response:
    response.delete_cookie(
        host_cookie(settings, "oidc"),
        path="/" if settings.secure_cookies else COOKIE_PATH,
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",
    )
    return response


def _at_another_name(request: Request, settings: Settings) -> bool:
    """This machine under another of its names: the way back would come without the cookie."""
    here = request.headers.get("host", "")
    name = here.rpartition(":")[0] or here
    return settings.public_url is None and is_loopback(name) and f"http://{here}" != settings.browser_url


def _check_name(request: Request, settings: Settings) -> None:
    if _at_another_name(request, settings):
        raise Conflict(f"Open StarkMatter at {settings.browser_url} for this: the provider sends you back there.")
