"""The providers' connections: what an admin enters for each, and how the keys are tried."""

from collections.abc import Awaitable, Callable

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.oidc.doors import endpoints_of
from starkmatter.accounts.oidc.providers import BY_KIND, CALLBACK, check_issuer, check_tenant, provider_of, redirect_uri
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure

CLIENT_ID = ConnectionField("client_id", "Client ID", secret=False)
CLIENT_SECRET = ConnectionField("client_secret", "Client secret")
ADDS = "A button on the sign-in page. It lets in who has linked it in Settings, Security, or was invited; nobody else."


def _test_of(kind: str) -> Callable[[Backends, Secrets], Awaitable[str]]:
    async def test(b: Backends, secrets: Secrets) -> str:
        from starkmatter.accounts.oidc.client import try_keys

        provider = provider_of(BY_KIND[kind], secrets)
        endpoints = await endpoints_of(b, provider, fresh=True)
        good = await try_keys(b, provider, endpoints)
        address = redirect_uri(b.settings, provider.slug)
        if good is False:
            raise VendorFailure(provider.title, "refused", f"{provider.title} does not take this client ID and secret.")
        known = "knows these keys" if good else "answers; the keys are tried at the first sign-in"
        return f"{provider.title} {known}. Its redirect address for us: {address}"

    return test


def _where(kind: str, place: str) -> str:
    return f"{place} The redirect address is this installation's own, with {CALLBACK.format(slug=BY_KIND[kind].slug)}."


GOOGLE = ConnectionKind(
    kind="sign_in_google",
    title="Sign-in with Google",
    scope="installation",
    adds=ADDS,
    fields=(CLIENT_ID, CLIENT_SECRET),
    test=_test_of("sign_in_google"),
    where=_where("sign_in_google", "Google Cloud, Clients, a web application."),
)
MICROSOFT = ConnectionKind(
    kind="sign_in_microsoft",
    title="Sign-in with Microsoft",
    scope="installation",
    adds=ADDS,
    fields=(ConnectionField("tenant", "Directory (tenant) ID", secret=False), CLIENT_ID, CLIENT_SECRET),
    test=_test_of("sign_in_microsoft"),
    where=_where("sign_in_microsoft", "Entra, App registrations, for one directory."),
    check=check_tenant,
)
GITHUB = ConnectionKind(
    kind="sign_in_github",
    title="Sign-in with GitHub",
    scope="installation",
    adds=ADDS,
    fields=(CLIENT_ID, CLIENT_SECRET),
    test=_test_of("sign_in_github"),
    where=_where("sign_in_github", "GitHub, Developer settings, OAuth apps."),
)
OIDC = ConnectionKind(
    kind="sign_in_oidc",
    title="Sign-in with OpenID Connect",
    scope="installation",
    adds=ADDS,
    fields=(
        ConnectionField("title", "Its name on the button", secret=False, default="Single sign-on"),
        ConnectionField("issuer", "Issuer", secret=False, hint="https://id.example.org/realms/home"),
        CLIENT_ID,
        CLIENT_SECRET,
    ),
    test=_test_of("sign_in_oidc"),
    where=_where("sign_in_oidc", "Keycloak, Authentik, Zitadel, Okta or any other with a discovery document."),
    check=check_issuer,
)
SIGN_IN = (GOOGLE, MICROSOFT, GITHUB, OIDC)


def _capability(kind: str, vendor: str, notes: str) -> Capability:
    return Capability(
        port="sign-in",
        adapter=BY_KIND[kind].slug,
        vendor=vendor,
        client="authlib, joserfc",
        connection=kind,
        gives=("sign-in", "linking", "registering with an invitation"),
        limits="The provider's own; ours: 120 requests a minute.",
        notes=notes,
    )


CAPABILITIES = (
    _capability("sign_in_google", "Google", "OpenID Connect. The account's number counts, not its address."),
    _capability(
        "sign_in_microsoft",
        "Microsoft Entra",
        "OpenID Connect for one directory. Names no verified address: people register with a passphrase, then link it.",
    ),
    _capability("sign_in_github", "GitHub", "OAuth 2.0 with PKCE; who it is comes from its API. No id token to check."),
    _capability(
        "sign_in_oidc",
        "Any OpenID Connect provider",
        "Needs a discovery document, the code flow and signatures by RSA or EC. One inside a private network takes "
        "STARKMATTER_EGRESS_ALLOW.",
    ),
)
