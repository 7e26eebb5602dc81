"""Who is calling, and what the account pages show of people and sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["owner", "admin", "trader", "viewer"]
ADMIN_ROLES: frozenset[str] = frozenset({"owner", "admin"})
# How somebody acts: signed in, with a token, at the door without either, by the operator's command, or nobody: a job or
# the system itself.
Via = Literal["session", "token", "visitor", "command", "job", "system"]
TRADING_ROLES: frozenset[str] = frozenset({"owner", "admin", "trader"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request, resolved from a live session; never built from what a client says.

    `ip` and `via` say for the audit log where this very request came from and how.
    """

    user_id: UUID
    session_id: UUID
    role: Role
    email: str
    display_name: str
    ip: str = ""
    via: Via = "session"

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
