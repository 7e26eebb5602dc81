"""How the chosen account stands at its broker."""

from uuid import UUID

import reflex as rx

from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.at_broker import accept_brokers_book, broker_status
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.pages import PortfolioState
from starkmatter.ui.state.rows import Row

NOTHING: Row = {"state": "", "words": "", "checked": "", "external": "", "accepting": ""}


class BrokerState(rx.State):
    """The broker's side of the chosen account; nothing of it for a paper account."""

    status: Row = NOTHING
    differences: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self):
        """Read how it stands; when that has changed, the page's figures have as well."""
        before = self.status["state"]
        try:
            await self._read(await chosen_account(self))
            self.problem = ""
        except StarkMatterError as error:
            self.status, self.differences, self.problem = NOTHING, [], error.text
        return PortfolioState.load if before not in {"", self.status["state"]} else None

    @rx.event
    @allow("trader")
    async def accept(self) -> None:
        """Let our book follow the broker's."""
        try:
            account_id = await chosen_account(self)
            await accept_brokers_book(backends(), await caller_of(self), account_id)
            await self._read(account_id)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text

    async def _read(self, account_id: UUID) -> None:
        found = await broker_status(backends(), await caller_of(self), account_id)
        if found is None:
            self.status, self.differences = NOTHING, []
            return
        was = self.status["state"]
        self.status = {
            "state": found.state,
            "words": found.words,
            "checked": show.wall_time(found.checked_at) if found.checked_at else "",
            "external": str(found.external_orders) if found.external_orders else "",
            "accepting": "yes" if found.accept_asked_at else "",
        }
        self.differences = [dict(one) for one in found.differences]
        if was != found.state:
            await (await self.get_state(FrameState))._read_accounts(await caller_of(self))
