"""Who is calling, and what the account pages show of people and sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Role = Literal["owner", "admin", "trader", "analyst", "viewer"]
Scope = Literal["read", "trade", "admin"]
ADMIN_ROLES: frozenset[str] = frozenset({"owner", "admin"})
NOT_FROM_HERE = "Admins work from the networks in STARKMATTER_ADMIN_NETWORKS only, and {} is in none of them."
# How somebody acts: signed in, with a token, at the door without either, by the operator's command, or nobody: a job or
# the system itself.
Via = Literal["session", "token", "visitor", "command", "job", "system"]
TRADING_ROLES: frozenset[str] = frozenset({"owner", "admin", "trader"})
ASKING_ROLES: frozenset[str] = TRADING_ROLES | {"analyst"}


def scopes_of_role(role: str) -> frozenset[Scope]:
    """The most that a program of somebody with this role may do."""
    found: set[Scope] = {"read"}
    if role in TRADING_ROLES:
        found.add("trade")
    if role in ADMIN_ROLES:
        found.add("admin")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request, resolved from a live session or token; never built from what a client says.

    `session_id` is the session, the API token or the family of access tokens: what ends when the caller is shut out.
    `proven_at` is when the session last saw a proof of who it is; it changes with the session's token. `scopes` is None
    for a session; a program has those of its token that its person's role allows now. `ip` and `via` say for the audit
    log where this very request came from and how; `admin_here` is whether an admin may be one there.
    """

    user_id: UUID
    session_id: UUID
    role: Role
    email: str
    display_name: str
    proven_at: datetime | None = None
    scopes: frozenset[Scope] | None = None
    ip: str = ""
    admin_here: bool = True
    via: Via = "session"

    @property
    def is_admin(self) -> bool:
        return self.role in ADMIN_ROLES and self.admin_here and self._has("admin")

    @property
    def may_trade(self) -> bool:
        return self.role in TRADING_ROLES and self._has("trade")

    @property
    def may_ask(self) -> bool:
        """Whether they may have the analyst work, which costs."""
        return self.role in ASKING_ROLES and self._has("trade")

    @property
    def may_stop(self) -> bool:
        """Whether they may stop their own trading: whoever has an account may, also who may not trade any more."""
        return self._has("trade")

    def _has(self, scope: Scope) -> bool:
        return self.scopes is None or scope in self.scopes


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
