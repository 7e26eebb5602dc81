"""What goes over the wire about programs: API tokens and grants."""

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from starkmatter.accounts.records import Scope
from starkmatter.api.schemas import MAX_TEXT, Answer, Instant, Request


class NewToken(Request):
    """A wish for a token. Without `networks` it counts from everywhere; it ends after 365 days at most."""

    name: str = Field(max_length=MAX_TEXT)
    scopes: list[Scope] = Field(min_length=1, max_length=3)
    expires_days: int = Field(90, ge=1, le=365)
    networks: list[str] = Field(default_factory=list, max_length=20, examples=[["192.0.2.0/24", "2001:db8::/32"]])


class TokenOut(Answer):
    """`hint` is how the token begins; its text is kept nowhere."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    networks: list[str]
    created_at: Instant
    expires_at: Instant
    last_used_at: Instant | None
    last_used_ip: str | None


class PersonsTokenOut(TokenOut):
    user_id: UUID
    email: str


class NewTokenOut(Answer):
    """`token` is shown this once."""

    id: UUID
    token: str


class GrantWish(Request):
    """With `api_token` the first pair of a family, with `refresh_token` the next one."""

    model_config = ConfigDict(extra="forbid")

    grant_type: Literal["api_token", "refresh_token"]
    api_token: str = Field("", max_length=MAX_TEXT)
    refresh_token: str = Field("", max_length=MAX_TEXT)
    scope: str | None = Field(None, max_length=MAX_TEXT, examples=["read trade"])


class GrantOut(Answer):
    """An access token for `expires_in` seconds, and the refresh token that brings the next pair, once."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no secret, a word of RFC 6750
    expires_in: int
    scope: str
    refresh_token: str
    refresh_expires_at: Instant
