"""Settings, Accounts: who else is let in on the person's accounts."""

from uuid import UUID

import reflex as rx

from starkmatter.accounts.sharing.service import end_share, list_shares
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

LEVEL_WORDS = {"view": "Looks", "trade": "Trades"}


class SharesState(rx.State):
    """Those let in, on whichever account."""

    ready: bool = False
    shares: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read them."""
        await self._read()

    @rx.event
    @allow("user")
    async def end(self, account_id: str, user_id: str) -> None:
        """Let somebody in no longer."""
        await self._end(account_id, user_id)

    @rx.event
    @allow("user")
    async def leave(self, account_id: str) -> None:
        """Leave an account that somebody shared with the caller."""
        await self._end(account_id, str((await caller_of(self)).user_id))
        frame = await self.get_state(FrameState)
        await frame._read_accounts(await caller_of(self))

    async def _end(self, account_id: str, user_id: str) -> None:
        try:
            await end_share(backends(), await caller_of(self), UUID(account_id), UUID(user_id))
            self.problem = ""
        except ValueError:
            self.problem = "There is no such account."
        except StarkMatterError as error:
            self.problem = error.text
        await self._read()

    async def _read(self) -> None:
        frame = await self.get_state(FrameState)
        names = {row["id"]: row["name"] for row in frame.accounts}
        try:
            self.shares = [
                {
                    "account_id": str(one.account_id),
                    "user_id": str(one.user_id),
                    "account": names.get(str(one.account_id), ""),
                    "name": one.display_name,
                    "email": one.email,
                    "level": LEVEL_WORDS[one.level],
                    "since": show.wall_time(one.created_at),
                }
                for one in await list_shares(backends(), await caller_of(self))
            ]
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True
