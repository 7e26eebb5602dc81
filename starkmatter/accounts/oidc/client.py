"""Authlib's OAuth 2.0 client over the guarded way out. Loaded with the first sign-in (3 MB, joserfc 9).

Tokens live in here for the moment of one sign-in: nothing needs them afterwards, so nothing of them is kept.
"""

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from starkmatter.accounts.oidc.doors import garbage, line_to
from starkmatter.accounts.oidc.providers import redirect_uri
from starkmatter.accounts.oidc.records import Endpoints, Provider, SignInRefused
from starkmatter.backends import Backends
from starkmatter.egress.exchange import exchange
from starkmatter.egress.failures import failure_of_status
from starkmatter.egress.guard import allowed_destinations
from starkmatter.settings import Settings

MAX_TOKEN_CHARS = 16_384
# What a provider says of our own keys (RFC 6749 5.2; the last is GitHub's), against what it says of a bad code.
KEYS_REFUSED = frozenset({"invalid_client", "unauthorized_client", "incorrect_client_credentials"})
CODE_REFUSED = frozenset({"invalid_grant", "bad_verification_code"})


class _ThroughTheGuard(httpx2.AsyncBaseTransport):
    """The library's requests, sent by our own guarded client: checked address, no redirect, a cap."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = allowed_destinations(settings.egress_allow)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await exchange(
            request.method,
            str(request.url),
            headers=dict(request.headers),
            content=await request.aread(),
            allowed=self._allowed,
        )
        return httpx2.Response(
            answer.status, headers={"content-type": answer.headers.get("content-type", "")}, content=answer.body
        )


def authorization_address(
    settings: Settings, provider: Provider, endpoints: Endpoints, *, state: str, nonce: str, verifier: str
) -> str:
    """Where the browser goes: code flow, exact redirect, state, nonce, and the S256 challenge of PKCE, always."""
    more = {} if provider.plain_oauth else {"nonce": nonce}
    address, _ = _client(settings, provider, endpoints).create_authorization_url(
        endpoints.authorization, state=state, code_verifier=verifier, **more
    )
    return str(address)


async def redeem(
    b: Backends, provider: Provider, endpoints: Endpoints, *, code: str, verifier: str
) -> tuple[str, str | None]:
    """Exchange the code, once: (access token, id token). SignInRefused when the provider does not take it."""

    async def ask() -> tuple[str, str | None]:
        try:
            async with _client(b.settings, provider, endpoints) as client:
                token = await client.fetch_token(
                    endpoints.token, grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except AuthlibBaseError as error:
            raise _refused(provider, str(error.error)) from None
        except httpx2.HTTPStatusError as error:
            raise failure_of_status(provider.title, error.response.status_code) from None
        except (ValueError, TypeError):
            raise garbage(provider) from None
        access, identity = token.get("access_token"), token.get("id_token")
        if not isinstance(access, str) or not access.isascii() or not 0 < len(access) <= MAX_TOKEN_CHARS:
            raise garbage(provider)
        return access, identity if isinstance(identity, str) else None

    return await line_to(provider).send(ask)


async def try_keys(b: Backends, provider: Provider, endpoints: Endpoints) -> bool | None:
    """Whether the provider knows our client id and secret, asked with no real code; None when it does not say."""
    try:
        await redeem(b, provider, endpoints, code="this-is-no-code", verifier="0" * 43)
    except KeysRefused:
        return False
    except CodeRefused:
        return True
    except SignInRefused:
        return None
    return None


class KeysRefused(SignInRefused):
    """The provider does not take our client id or secret."""


class CodeRefused(SignInRefused):
    """The provider does not take the code: used, too old, or another's."""


def _refused(provider: Provider, error: str) -> SignInRefused:
    if error in KEYS_REFUSED:
        return KeysRefused(f"{provider.title} does not take the keys of this installation. Tell an admin.")
    words = f"{provider.title} did not confirm this sign-in. Begin again."
    return CodeRefused(words) if error in CODE_REFUSED else SignInRefused(words)


def _client(settings: Settings, provider: Provider, endpoints: Endpoints) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        provider.client_id,
        provider.keys["client_secret"],
        token_endpoint_auth_method=endpoints.auth_method,
        scope=provider.scope,
        redirect_uri=redirect_uri(settings, provider.slug),
        code_challenge_method="S256",
        transport=_ThroughTheGuard(settings),
        trust_env=False,
        follow_redirects=False,
    )
