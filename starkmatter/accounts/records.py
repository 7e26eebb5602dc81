"""Who is calling, and what the account pages show of people and sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["owner", "admin", "trader", "viewer"]
ADMIN_ROLES: frozenset[str] = frozenset({"owner", "admin"})
TRADING_ROLES: frozenset[str] = frozenset({"owner", "admin", "trader"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request, resolved from a live session; never built from what a client says.

    `proven_at` is when the session last saw a proof of who it is. It changes together with the session's token.
    """

    user_id: UUID
    session_id: UUID
    role: Role
    email: str
    display_name: str
    proven_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.role in ADMIN_ROLES

    @property
    def may_trade(self) -> bool:
        return self.role in TRADING_ROLES


@dataclass(frozen=True, slots=True)
class SessionView:
    """One sign-in, as listed in Settings."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Appearance:
    """How one person wants the interface to look; `up_is_red` swaps the colors of up and down."""

    theme: Literal["dark", "light", "system"] = "dark"
    up_is_red: bool = False
    dense: bool = True
