"""A small house for tests of sign-in elsewhere: the API over ASGI, a real provider on loopback, and browsers."""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from uuid import UUID

import httpx

from starkmatter.accounts.oidc.connections import SIGN_IN
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import cookie_name, open_session
from starkmatter.accounts.vault import keep_secret
from starkmatter.api.app import Front, build_api
from starkmatter.backends import Backends
from tests.accounts.conftest import make_person
from tests.standins.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider

HOME = "http://localhost:3000"
AUTH = "/api/v1/auth"
SESSION_COOKIE = "starkmatter_session"
SAID = re.compile(r'role="alert">([^<]*)<')


@dataclass
class House:
    """Backends that know the provider, and a door for browsers."""

    b: Backends
    provider: OidcProvider
    app: Front = field(init=False)

    def __post_init__(self) -> None:
        self.app = Front(build_api(), self.b.settings)
        self.provider.redirect_uri = f"{HOME}{AUTH}/oidc/oidc/callback"

    async def connect(self, slug: str = "oidc") -> None:
        """What an admin does on the connections page."""
        kind = next(one for one in SIGN_IN if one.kind == f"sign_in_{slug}")
        given = {**self.provider.fields, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        values = {one.name: given.get(one.name, "") for one in kind.fields}
        await keep_secret(self.b, kind.kind, None, values, {"client_secret"})
        self.provider.redirect_uri = f"{HOME}{AUTH}/oidc/{slug}/callback"

    def browser(self, token: str | None = None) -> "Browser":
        """A new window, signed in when `token` is a session's."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url=HOME, headers={"origin": HOME})
        if token:
            http.cookies.set(cookie_name(self.b.settings), token, domain="localhost.local")
        return Browser(http, self)

    async def person(self, role: Role = "trader") -> tuple[Caller, "Browser"]:
        """Somebody with PASSPHRASE, and their signed-in window."""
        caller = await make_person(self.b, role)
        return caller, await self.signed_in(caller)

    async def signed_in(self, caller: Caller) -> "Browser":
        _, token = await open_session(
            self.b, caller.user_id, caller.role, caller.email, caller.display_name, ip="test", user_agent="test"
        )
        return self.browser(token)

    async def linked_person(self, slug: str = "oidc") -> Caller:
        """Somebody who has linked the provider's present subject."""
        caller, browser = await self.person()
        answer = await browser.link(slug)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/settings/security"), answer.text
        return caller


@dataclass
class Browser:
    """One window: cookies are its own, redirects are followed by the test."""

    http: httpx.AsyncClient
    house: House

    async def start(self, slug: str = "oidc", **query: str) -> httpx.Response:
        return await self.http.get(f"{AUTH}/oidc/{slug}/start", params=query)

    async def come_back(self, brought: dict[str, str], slug: str = "oidc") -> httpx.Response:
        return await self.http.get(f"{AUTH}/oidc/{slug}/callback", params=brought)

    async def leave(self, slug: str = "oidc", **query: str) -> dict[str, str]:
        """To the provider, where the person says yes: what their browser brings back."""
        answer = await self.start(slug, **query)
        assert answer.status_code == 303, answer.text
        return self.house.provider.consent(answer.headers["location"])

    async def sign_in(self, slug: str = "oidc", **query: str) -> httpx.Response:
        return await self.come_back(await self.leave(slug, **query), slug)

    async def depart(self, verb: str, body: dict[str, str] | None = None, slug: str = "oidc") -> dict[str, str]:
        answer = await self.http.post(f"{AUTH}/oidc/{slug}/{verb}", json=body)
        assert answer.status_code == 200, answer.text
        return self.house.provider.consent(answer.json()["location"])

    async def link(self, slug: str = "oidc") -> httpx.Response:
        return await self.come_back(await self.depart("link", slug=slug), slug)

    async def who(self) -> UUID | None:
        """Who is signed in in this window."""
        answer = await self.http.get(f"{AUTH}/me")
        return UUID(answer.json()["user_id"]) if answer.status_code == 200 else None


def cookies_of(answer: httpx.Response) -> SimpleCookie:
    """What the answer sets."""
    return SimpleCookie("\r\n".join(answer.headers.get_list("set-cookie")))


def said(answer: httpx.Response) -> str:
    """The sentence of a page that says no; it leads back, and runs nothing of the asker's."""
    found = SAID.search(answer.text)
    assert found is not None, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/login"' in answer.text or 'href="/settings/security"' in answer.text
    return found.group(1)
