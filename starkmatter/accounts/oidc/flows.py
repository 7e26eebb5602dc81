"""Journeys to a provider: begun here, for ten minutes, once, and for the browser that began them alone.

The browser carries one secret in a cookie. The nonce and the verifier of PKCE are derived from it and the state, so
the database keeps hashes only, and a state without its browser is worth nothing.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import timedelta
from uuid import UUID

from starkmatter.accounts import queries as of_accounts
from starkmatter.accounts.oidc import queries
from starkmatter.accounts.oidc.doors import endpoints_of
from starkmatter.accounts.oidc.providers import open_provider
from starkmatter.accounts.oidc.records import Brought, Departure, Flow, Provider, Purpose, SignInRefused
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import token_hash
from starkmatter.accounts.throttle import take_address_try
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotAllowed

FLOW_KEEPS = timedelta(minutes=10)
SECRET_BYTES = 32
MAX_SECRET_CHARS = 64
MAX_PATH_CHARS = 500
AFTER_LINK = "/settings/security"
AFTER_WELCOME = "/welcome"
_PATH_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./?=&%^")


def own_path(text: str | None) -> str:
    """`text` when it is an absolute path of this house, else the first page: the rule of the sign-in form."""
    if not text or len(text) > MAX_PATH_CHARS or not text.startswith("/") or text[1:2] in {"/", "\\"}:
        return "/"
    return text if set(text) <= _PATH_CHARS else "/"


async def begin_sign_in(b: Backends, slug: str, next_path: str | None, *, ip: str) -> Departure:
    """To the provider, and back to `next_path` signed in. TooMany while this address is paused."""
    await take_address_try(b, ip)
    return await _begin(b, await open_provider(b, slug), "sign_in", next_path=own_path(next_path))


async def begin_registration(b: Backends, slug: str, invite_token: str, *, ip: str) -> Departure:
    """To the provider, and back as a new person with that invitation; NotAllowed when it is used or too old."""
    await take_address_try(b, ip)
    invitation = token_hash(invite_token)
    if await b.db.value(of_accounts.INVITATION_OPEN, {"token_hash": invitation, "now": utc_now()}) is None:
        raise NotAllowed("This invitation was used or is too old. Ask for a new one.", code="registration_closed")
    return await _begin(b, await open_provider(b, slug), "register", invitation=invitation, next_path=AFTER_WELCOME)


async def begin_link(b: Backends, caller: Caller, slug: str) -> Departure:
    """To the provider, and back with one more way in."""
    return await _begin(b, await open_provider(b, slug), "link", user_id=caller.user_id, next_path=AFTER_LINK)


async def take_flow(b: Backends, slug: str, browser: str | None, brought: Brought) -> Flow:
    """The journey that ends with this state in this browser, used up by that; SignInRefused for any other."""
    if not browser or len(browser) > MAX_SECRET_CHARS or not 0 < len(brought.state) <= MAX_SECRET_CHARS:
        raise _over()
    took = {
        "state": token_hash(brought.state),
        "browser": token_hash(browser),
        "provider": slug,
        "now": utc_now(),
    }
    flow = await b.db.one(Flow, queries.TAKE_FLOW, took)
    if flow is None:
        raise _over()
    return flow


async def keep_for_second_step(b: Backends, flow: Flow, user_id: UUID) -> str:
    """The provider has vouched for this person; their own second factor is still to come. The browser's new secret."""
    browser = secrets.token_urlsafe(SECRET_BYTES)
    await _put(b, token_hash(browser), browser, flow.provider, flow.issuer, "factor", flow.next_path, user_id, None)
    return browser


async def flow_at_second_step(b: Backends, browser: str | None) -> Flow:
    """The journey that waits for a code in this browser; SignInRefused when there is none."""
    if not browser or len(browser) > MAX_SECRET_CHARS:
        raise _over()
    waits = {"state": token_hash(browser), "now": utc_now()}
    flow = await b.db.one(Flow, queries.FLOW_AT_SECOND_STEP, waits)
    if flow is None:
        raise _over()
    return flow


async def end_second_step(b: Backends, browser: str) -> None:
    """Use it up; SignInRefused when somebody was faster."""
    waits = {"state": token_hash(browser), "now": utc_now()}
    if await b.db.value(queries.TAKE_FLOW_AT_SECOND_STEP, waits) is None:
        raise _over()


async def forget_old_flows(b: Backends) -> int:
    """Drop journeys that nobody ended; how many."""
    return await b.db.run(queries.FORGET_FLOWS, (utc_now(),))


def nonce_of(browser: str, state: str) -> str:
    """What the id token of this journey must repeat."""
    return _derived(browser, "nonce", state)


def verifier_of(browser: str, state: str) -> str:
    """The code verifier of this journey: 256 bits in 43 characters (RFC 7636 4.1)."""
    return _derived(browser, "verifier", state)


async def _begin(
    b: Backends,
    provider: Provider,
    purpose: Purpose,
    *,
    next_path: str,
    user_id: UUID | None = None,
    invitation: bytes | None = None,
) -> Departure:
    from starkmatter.accounts.oidc.client import authorization_address

    endpoints = await endpoints_of(b, provider)
    state, browser = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    await _put(b, token_hash(state), browser, provider.slug, provider.issuer, purpose, next_path, user_id, invitation)
    address = authorization_address(
        b.settings,
        provider,
        endpoints,
        state=state,
        nonce=nonce_of(browser, state),
        verifier=verifier_of(browser, state),
    )
    return Departure(address, browser)


async def _put(
    b: Backends,
    state: bytes,
    browser: str,
    slug: str,
    issuer: str,
    purpose: Purpose,
    next_path: str,
    user_id: UUID | None,
    invitation: bytes | None,
) -> None:
    await b.db.run(
        queries.PUT_FLOW,
        {
            "state": state,
            "browser": token_hash(browser),
            "provider": slug,
            "issuer": issuer,
            "purpose": purpose,
            "user": user_id,
            "invitation": invitation,
            "next_path": next_path,
            "expires_at": utc_now() + FLOW_KEEPS,
        },
    )


def _derived(browser: str, what: str, state: str) -> str:
    made = hmac.digest(browser.encode(), f"{what}|{state}".encode(), "sha256")
    return urlsafe_b64encode(made).rstrip(b"=").decode("ascii")


def _over() -> SignInRefused:
    return SignInRefused(
        "This sign-in was finished already, took longer than ten minutes, or began in another window. Begin again."
    )
