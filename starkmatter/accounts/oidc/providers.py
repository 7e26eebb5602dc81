"""The providers people can sign in with: presets and any other by its issuer, each connected by an admin with keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from starkmatter.accounts.oidc.records import Provider, ProviderView
from starkmatter.accounts.vault import Secrets, open_secret, stored_secrets
from starkmatter.backends import Backends
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.settings import Settings, is_loopback

CALLBACK = "/api/v1/auth/oidc/{slug}/callback"
GITHUB = "github"
# Signatures that only the provider can make; what a shared secret or nobody at all signs is not among them.
ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "RS512", "ES384", "ES512")


@dataclass(frozen=True, slots=True)
class Preset:
    """What is the same for everybody who connects this provider. Fields in `issuer` are the connection's own."""

    slug: str
    title: str
    issuer: str
    scope: str = "openid email profile"
    algorithms: tuple[str, ...] = ALGORITHMS
    plain_oauth: bool = False

    @property
    def kind(self) -> str:
        """The connection that holds its keys."""
        return f"sign_in_{self.slug}"


PRESETS = (
    Preset("google", "Google", "https://accounts.google.com", algorithms=("RS256",)),
    Preset("microsoft", "Microsoft", "https://login.microsoftonline.com/{tenant}/v2.0", algorithms=("RS256",)),
    Preset(
        GITHUB,
        "GitHub",
        "https://github.com/login/oauth",
        scope="read:user user:email",
        algorithms=(),
        plain_oauth=True,
    ),
    Preset("oidc", "Single sign-on", "{issuer}"),
)
BY_SLUG = {one.slug: one for one in PRESETS}
BY_KIND = {one.kind: one for one in PRESETS}


async def list_providers(b: Backends) -> list[ProviderView]:
    """Those that are connected, in the presets' order."""
    kept = await stored_secrets(b, None)
    return [
        ProviderView(one.slug, kept[one.kind].hints.get("title") or one.title) for one in PRESETS if one.kind in kept
    ]


async def open_provider(b: Backends, slug: str) -> Provider:
    """A connected one with its keys; NotFound for any other."""
    preset = BY_SLUG.get(slug)
    keys = await open_secret(b, preset.kind) if preset else None
    if preset is None or keys is None:
        raise NotFound("Nobody can sign in with this here.")
    return provider_of(preset, keys)


def provider_of(preset: Preset, keys: Mapping[str, str]) -> Provider:
    """The preset, filled in with the connection's fields."""
    issuer = preset.issuer.format(**{name: keys.get(name, "") for name in ("tenant", "issuer")})
    title = keys.get("title") or preset.title
    return Provider(
        preset.slug, title, issuer, Secrets(keys), preset.scope, preset.algorithms, plain_oauth=preset.plain_oauth
    )


def redirect_uri(settings: Settings, slug: str) -> str:
    """Where the provider sends people back to: exactly this, from wherever they began."""
    return settings.browser_url + CALLBACK.format(slug=slug)


def check_tenant(values: Mapping[str, str]) -> None:
    """The issuer of a tenant is known exactly only by its number; words such as `common` stand for everybody."""
    try:
        UUID(values["tenant"])
    except ValueError:
        raise InvalidInput("Directory (tenant) ID: the number with four dashes, as the overview shows it.") from None


def check_issuer(values: Mapping[str, str]) -> None:
    """An https address without a query; one on this machine may be http."""
    parts = urlsplit(values["issuer"])
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidInput("Issuer: an https address such as https://id.example.org/realms/home.")
