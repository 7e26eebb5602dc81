"""Settings: the programs that act for somebody. Their tokens' texts go over REST only."""

import reflex as rx

from starkmatter.accounts.programs.records import TokenView
from starkmatter.accounts.programs.tokens import list_all_tokens, list_tokens, revoke_any_token, revoke_token
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.errors import StarkMatterError
from starkmatter.ui import format as show
from starkmatter.ui.state.ending import end_one
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

NONE_THERE = "There is no such token."


class ProgramsState(rx.State):
    """The caller's tokens and, for admins, those of others."""

    ready: bool = False
    tokens: list[Row] = []
    others: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read what there is."""
        self.problem = ""
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            self.tokens = [_row(one) for one in await list_tokens(b, caller)]
            everybodys = await list_all_tokens(b, caller) if caller.is_admin else []
            self.others = [_row(one) for one in everybodys if one.user_id != caller.user_id]
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("user")
    async def revoke(self, token_id: str) -> None:
        """Shut out one of one's own."""
        await end_one(self, revoke_token, token_id, NONE_THERE)

    @rx.event
    @allow("admin")
    async def revoke_other(self, token_id: str) -> None:
        """Shut out somebody else's."""
        await end_one(self, revoke_any_token, token_id, NONE_THERE)


def _row(one: TokenView) -> Row:
    return {
        "id": str(one.id),
        "name": one.name,
        "hint": one.hint,
        "scopes": ", ".join(one.scopes),
        "networks": ", ".join(one.networks) or "anywhere",
        "ends": show.wall_time(one.expires_at),
        "ended": "yes" if one.expires_at <= utc_now() else "",
        "used": show.wall_time(one.last_used_at) if one.last_used_at else "never",
        "place": one.last_used_ip or "",
        "email": one.email,
    }
