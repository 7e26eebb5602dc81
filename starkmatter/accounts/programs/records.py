"""What is known of a program: its token as listed, who it acts for, and what a grant hands out."""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from starkmatter.accounts.records import Caller, Role, Scope, scopes_of_role
from starkmatter.errors import NotSignedIn

SCOPES: tuple[Scope, ...] = get_args(Scope)


class InvalidToken(NotSignedIn):
    """A bearer token that opens nothing; why is not told."""

    code = "invalid_token"
    title = "This token is not valid"

    def __init__(self) -> None:
        super().__init__("This token is unknown, expired or revoked.")


@dataclass(frozen=True, slots=True)
class TokenView:
    """One API token, as listed: `hint` is how it begins. The token itself is kept nowhere."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    networks: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_ip: str | None
    user_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class Program:
    """A live token, or family of access tokens (`id`), and the person it acts for; `scopes` before the role's limit."""

    id: UUID
    token_id: UUID
    scopes: list[Scope]
    networks: list[str]
    expires_at: datetime
    last_used_at: datetime | None
    user_id: UUID
    role: Role
    email: str
    display_name: str

    @property
    def allowed(self) -> frozenset[Scope]:
        """What it may do while its person has this role."""
        return frozenset(self.scopes) & scopes_of_role(self.role)

    def caller(self, most: frozenset[Scope] | None = None) -> Caller:
        """The caller a service gets; `most` narrows further."""
        scopes = self.allowed if most is None else self.allowed & most
        return Caller(self.user_id, self.id, self.role, self.email, self.display_name, scopes=scopes, via="token")


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token for ten minutes, and the refresh token that brings the next one, each shown this once."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_at: datetime
    scope: str


def scope_text(scopes: frozenset[Scope]) -> str:
    """Scopes in one text with spaces between, in the usual order."""
    return " ".join(scope for scope in SCOPES if scope in scopes)
