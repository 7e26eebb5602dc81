"""`/emergency`: stop and cancel with PostgreSQL alone. Plain HTML forms: no script, no Reflex, no cache.

It is signed in for as every page is. A form comes from our own origin and carries a word that only a page of the same
session can know. Turning a switch off takes a fresh proof and is not offered here.
"""

import asyncio
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from starkmatter.accounts.factor import SecondFactorNeeded
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import cookie_name, host_cookie, leave_session, token_of_cookies
from starkmatter.accounts.sign_in import sign_in
from starkmatter.api import emergency_page as page
from starkmatter.api.security import B, SameSite, client_ip, set_device_cookie, set_session_cookie, signed_in
from starkmatter.backends import Backends
from starkmatter.errors import InvalidInput, NotAllowed, NotSignedIn, StarkMatterError, Unavailable
from starkmatter.jobs.leader import LEADER_LOCK_KEY
from starkmatter.ops.health import check_cache, check_worker
from starkmatter.trading.guarding.emergency import read_emergency
from starkmatter.trading.guarding.records import Scope
from starkmatter.trading.guarding.stops import turn_on
from starkmatter.trading.guarding.sweeping import cancel_all

PATH = "/emergency"
SIGN_IN_PATH = "/emergency/sign-in"
MAX_FIELDS = 10

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show(request: Request, b: B) -> Response:
    """The page, or the door to it."""
    caller = await _caller(request, b)
    if caller is None:
        return _html(page.door(), 401)
    done = page.done_words(request.query_params.get("done", ""), request.query_params.get("orders", ""))
    return await _page(request, b, caller, done=done)


@router.post(PATH)
async def act(request: Request, b: B) -> Response:
    """Do what the form asks for and show the page anew; what failed is said on it."""
    caller = await _caller(request, b)
    if caller is None:
        return _html(page.door("Your session has ended. Sign in again; nothing was done."), 401)
    fields = await _fields(request)
    if not compare_digest(fields.get("word", ""), _word(request, b)):
        raise NotAllowed("This form is not of your session. Open the page again.", code="foreign_form")
    try:
        done, count = await _do(b, caller, fields)
    except StarkMatterError as error:
        return await _page(request, b, caller, problem=error.text, status=error.status)
    return RedirectResponse(f"{PATH}?{urlencode({'done': done, 'orders': count})}", 303)


@router.post(SIGN_IN_PATH, dependencies=[SameSite])
async def enter(request: Request, b: B) -> Response:
    """Sign in without a script: passphrase, and the code of the second factor where it is on."""
    fields = await _fields(request)
    email, totp = fields.get("email", ""), fields.get("totp", "") or None
    try:
        signed = await sign_in(
            b,
            email,
            fields.get("password", ""),
            totp=totp,
            device=request.cookies.get(host_cookie(b.settings, "device")),
            ip=client_ip(request, b.settings),
            user_agent=request.headers.get("user-agent", ""),
        )
    except SecondFactorNeeded:
        return _html(
            page.door("Enter the code of your authenticator app as well, and the passphrase again.", email), 428
        )
    except StarkMatterError as error:
        return _html(page.door(error.text, email), error.status)
    await leave_session(b, request.cookies.get(cookie_name(b.settings)))
    answer = RedirectResponse(PATH, 303)
    set_session_cookie(answer, b.settings, signed.token)
    set_device_cookie(answer, b.settings, signed.device)
    return answer


async def _do(b: Backends, caller: Caller, fields: dict[str, str]) -> tuple[str, int]:
    """What was done, by the name the page knows it under, and how many orders were asked back."""
    account_id = _account(fields.get("account_id", ""))
    match fields.get("action"):
        case "cancel":
            return "canceled", await cancel_all(b, caller, account_id)
        case "stop":
            scope: Scope = "account" if account_id else "everybody" if fields.get("scope") == "everybody" else "mine"
            reducing = fields.get("reducing") == "yes"
            done = await turn_on(
                b, caller, scope, account_id=account_id, allows_reducing=reducing, reason="Emergency page."
            )
            return "stopped", done.canceled
        case "pause":
            whose: Scope = "everybody" if fields.get("scope") == "everybody" else "mine"
            await turn_on(b, caller, whose, broker=fields.get("broker", "")[:20], reason="Emergency page.")
            return "paused", 0
        case _:
            raise InvalidInput("The form asks for nothing this page can do. Nothing was done.")


def _account(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidInput("There is no such account. Nothing was done.") from None


async def _caller(request: Request, b: Backends) -> Caller | None:
    """Who it is, by the rules of every route; None for nobody, who is shown the door."""
    try:
        return await signed_in(request, b)
    except NotSignedIn:
        if "authorization" in request.headers:
            raise
        return None


async def _fields(request: Request) -> dict[str, str]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise InvalidInput("Send the form of the page itself.")
    try:
        return dict(parse_qsl((await request.body()).decode(), max_num_fields=MAX_FIELDS))
    except ValueError:
        raise InvalidInput("Send the form of the page itself.") from None


def _word(request: Request, b: Backends) -> str:
    """What a form of this session carries. Nobody without the cookie can tell it, and the cookie is HttpOnly."""
    token = token_of_cookies(b.settings, request.headers.get("cookie", "")) or ""
    return sha256(f"emergency|{token}".encode()).hexdigest()


async def _page(
    request: Request, b: Backends, caller: Caller, *, done: str = "", problem: str = "", status: int = 200
) -> Response:
    try:
        standing = await read_emergency(b, caller, LEADER_LOCK_KEY)
    except Unavailable as error:
        return _html(page.nothing_known(problem or error.text), 503)
    cache, worker = await asyncio.gather(check_cache(b.cache), check_worker(b.cache))
    # The lock says who leads; while the cache answers, a leader that has stopped speaking is none either.
    at_work = standing.worker_leads and (worker.ok or not cache.ok)
    seen = page.Seen(
        standing, caller.display_name, caller.is_admin, at_work, cache.ok, _word(request, b), done, problem
    )
    return _html(page.whole(seen), status)


def _html(text: str, status: int, **more: Any) -> HTMLResponse:
    return HTMLResponse(text, status, {"cache-control": "no-store"}, **more)
