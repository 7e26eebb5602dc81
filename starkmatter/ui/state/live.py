"""Settings, Limits: live trading of the account that is shown."""

from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.trading.live.switch import read_live
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

OFF: Row = {"on": "", "since": "", "limit": "", "raises": "", "ordered": "", "day_most": ""}


class LiveState(rx.State):
    """How it stands. Turning it on and off goes over REST, where the second factor is asked for."""

    row: Row = OFF
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read it for the account that is shown."""
        await self._read()

    async def _read(self) -> None:
        frame = await self.get_state(FrameState)
        self.row, self.problem = OFF, ""
        if not frame.account["id"]:
            return
        try:
            found = await read_live(backends(), await caller_of(self), UUID(frame.account["id"]))
        except StarkMatterError as error:
            self.problem = error.text
            return
        if found is None:
            return
        raises = ""
        if found.raises_to is not None and found.raises_at is not None:
            raises = f"{show.money(found.raises_to)} from {show.wall_time(found.raises_at)}"
        self.row = {
            "on": "yes",
            "since": show.wall_time(found.on_since),
            "limit": show.money(found.most),
            "raises": raises,
            "ordered": show.money(found.day_ordered),
            "day_most": "" if found.day_most is None else show.money(found.day_most),
        }
