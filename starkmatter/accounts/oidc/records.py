"""What is known of a provider, a journey to it, and who somebody is there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import Secrets
from starkmatter.errors import StarkMatterError

Purpose = Literal["sign_in", "link", "register", "factor"]


class SignInRefused(StarkMatterError):
    """A journey that does not count, or an answer of a provider that proves nothing; why is said as far as it helps."""

    status = 400
    code = "sign_in_refused"
    title = "Not signed in"


@dataclass(frozen=True, slots=True)
class Provider:
    """A connected provider. `issuer` is exact; `plain_oauth` has no id token, so its API says who it is."""

    slug: str
    title: str
    issuer: str
    keys: Secrets
    scope: str
    algorithms: tuple[str, ...]
    plain_oauth: bool

    @property
    def client_id(self) -> str:
        return self.keys["client_id"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider's doors are. `names_itself`: its answers carry `iss`, so one without it is not from there."""

    authorization: str
    token: str
    jwks: str
    userinfo: str
    auth_method: Literal["client_secret_basic", "client_secret_post"]
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and the secret it takes along in a cookie."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Brought:
    """What the browser brought back in its address."""

    state: str
    code: str = ""
    error: str = ""
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A journey as it was begun."""

    provider: str
    issuer: str
    purpose: Purpose
    user_id: UUID | None
    invitation_hash: bytes | None
    next_path: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Who it is at a provider. `email` is one that the provider has verified, else empty; it decides nothing."""

    subject: str
    label: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the browser goes now; with a session's token, a secret for the second step, or neither (linked)."""

    path: str
    signed: tuple[Caller, str] | None = None
    browser: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider people may sign in with."""

    slug: str
    title: str


@dataclass(frozen=True, slots=True)
class IdentityView:
    """One linked sign-in of a person, as listed."""

    id: UUID
    provider: str
    label: str
    created_at: datetime
    last_used_at: datetime | None
