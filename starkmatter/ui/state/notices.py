"""What the frame points out on every page: that the account shown takes no orders, that orders wait."""

from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.trading.approvals.service import count_waiting
from starkmatter.trading.guarding.stops import list_stops
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of


class NoticeState(rx.State):
    """`stopped`: `all` or `reducing` when a switch holds for the account shown, else empty.

    `waiting`: proposed orders that the person may decide about.
    """

    stopped: str = ""
    waiting: int = 0

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        caller = await caller_of(self)
        account = (await self.get_state(FrameState)).account
        try:
            found = await list_stops(backends(), caller)
            self.waiting = await count_waiting(backends(), caller)
        except StarkMatterError:
            return
        shown = UUID(account["id"]) if account["id"] else None
        here = [
            one
            for one in found
            if one.account_id in {None, shown}
            and (one.user_id in {None, caller.user_id} or account["owner"] != "")
            and one.broker in {None, account["broker"]}
        ]
        self.stopped = "" if not here else "all" if any(not one.allows_reducing for one in here) else "reducing"
