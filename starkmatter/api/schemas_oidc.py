"""What goes over the wire about sign-in at other houses."""

from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Instant, Request


class ProviderOut(Answer):
    """Somebody people may sign in with; its button leads to `/api/v1/auth/oidc/{slug}/start`."""

    slug: str
    title: str


class DepartureOut(Answer):
    """Where the browser goes now, as a whole page."""

    location: str


class RegisterWish(Request):
    invite_token: str = Field(max_length=MAX_TEXT)


class SecondStep(Request):
    totp: str = Field(max_length=64)


class IdentityOut(Answer):
    """One linked sign-in; `label` is what the provider shows for it."""

    id: UUID
    provider: str
    label: str
    created_at: Instant
    last_used_at: Instant | None
