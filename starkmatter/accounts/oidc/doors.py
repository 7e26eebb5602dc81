"""Where a provider's doors are: its own discovery document (OpenID Connect Discovery 1.0), and GitHub's by name.

All is read through the guard. The document must call itself what the admin entered, exactly, and name https addresses;
one on this machine counts only where the operator allowed it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from starkmatter.accounts.oidc.providers import GITHUB
from starkmatter.accounts.oidc.records import Endpoints, Provider
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.egress.exchange import exchange
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import allowed_destinations
from starkmatter.egress.line import Line
from starkmatter.settings import Settings, is_loopback

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT_SECS = 300.0
MAX_KEYS = 50
PER_MIN = 120
GITHUB_SITE = "https://github.com"
GITHUB_API = "https://api.github.com"

_kept: dict[str, tuple[float, Endpoints]] = {}
_lines: dict[str, Line] = {}


def line_to(provider: Provider) -> Line:
    """The way to a provider; one after five failures in a row it rests, so that a dead one costs nothing."""
    return _lines.setdefault(provider.issuer, Line(f"{provider.title} (sign-in)", per_min=PER_MIN, tries=2))


async def endpoints_of(b: Backends, provider: Provider, *, fresh: bool = False) -> Endpoints:
    """Its doors, kept for five minutes. VendorFailure when its document is missing, late or somebody else's."""
    if provider.slug == GITHUB:
        return _github(b.settings)
    kept = _kept.get(provider.issuer)
    if kept is not None and not fresh and monotonic_secs() - kept[0] < KEPT_SECS:
        return kept[1]
    # A gateway of the operator's may hand the document out; what it must call itself stays the issuer.
    site = b.settings.vendor_urls.get(provider.slug, provider.issuer)
    document = await get_json(b, provider, site.rstrip("/") + WELL_KNOWN)
    found = _checked(b.settings, provider, document)
    _kept[provider.issuer] = (monotonic_secs(), found)
    return found


async def keys_of(b: Backends, provider: Provider, endpoints: Endpoints) -> list[dict[str, Any]]:
    """The public keys it signs with, read at each sign-in: there are few, and a withdrawn key ends at once."""
    document = await get_json(b, provider, endpoints.jwks)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise garbage(provider)
    usable = [one for one in keys if isinstance(one, dict) and one.get("kty") in {"RSA", "EC"}]
    return [one for one in usable if one.get("use", "sig") == "sig"]


async def get_json(b: Backends, provider: Provider, url: str, headers: Mapping[str, str] | None = None) -> Any:
    """One document of the provider, whatever it holds, within the guard's limits."""

    async def ask() -> Any:
        allowed = allowed_destinations(b.settings.egress_allow)
        answer = await exchange("GET", url, headers={"Accept": "application/json", **(headers or {})}, allowed=allowed)
        if answer.status != 200:
            raise failure_of_status(provider.title, answer.status)
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise garbage(provider) from None

    return await line_to(provider).read(ask)


def garbage(provider: Provider) -> VendorFailure:
    """Its answer is not what the standard promises."""
    return VendorFailure(provider.title, "garbage", f"{provider.title} answers with something that is no sign-in.")


def _checked(settings: Settings, provider: Provider, document: Any) -> Endpoints:
    if not isinstance(document, dict):
        raise garbage(provider)
    named = document.get("issuer")
    if named != provider.issuer:
        raise VendorFailure(
            provider.title, "garbage", f"It calls itself “{str(named)[:200]}”. The issuer must be exactly that."
        )
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Endpoints(
        authorization=_door(settings, provider, document, "authorization_endpoint"),
        token=_door(settings, provider, document, "token_endpoint"),
        jwks=_door(settings, provider, document, "jwks_uri"),
        userinfo=_door(settings, provider, document, "userinfo_endpoint") if "userinfo_endpoint" in document else "",
        auth_method="client_secret_basic" if "client_secret_basic" in methods else "client_secret_post",
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _door(settings: Settings, provider: Provider, document: Mapping[str, Any], name: str) -> str:
    url = document.get(name)
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    host = parts.hostname or ""
    free = is_loopback(host) and (host, parts.port or 80) in allowed_destinations(settings.egress_allow)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and free)) or parts.fragment:
        raise VendorFailure(provider.title, "garbage", f"{provider.title} names no https address as its {name}.")
    return str(url)


def _github(settings: Settings) -> Endpoints:
    """GitHub is OAuth 2.0 without a discovery document; `userinfo` is its API's own."""
    site = settings.vendor_urls.get("github", GITHUB_SITE).rstrip("/")
    api = settings.vendor_urls.get("github-api", GITHUB_API).rstrip("/")
    return Endpoints(
        authorization=f"{site}/login/oauth/authorize",
        token=f"{site}/login/oauth/access_token",
        jwks="",
        userinfo=f"{api}/user",
        auth_method="client_secret_post",
        names_itself=False,
    )
