"""The assistant's page: whether a model is connected and what it has cost. Conversations themselves go over REST."""

import reflex as rx

from starkmatter.assistant.service import analyst_status
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.valuation import list_positions
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of

ALWAYS = ("AAPL", "MSFT", "KO", "^GSPC")
SYMBOLS_SHOWN = 8


class AssistantState(rx.State):
    """What surrounds the conversations."""

    ready: bool = False
    connected: bool = False
    model: str = ""
    spent: str = ""
    budget: str = ""
    own: str = ""
    used_pct: str = "0"
    symbols: list[str] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read status, spending and the symbols that are held."""
        await self._read_spending()
        try:
            held = await list_positions(backends(), await caller_of(self), await chosen_account(self))
            symbols = [one.symbol for one in held if one.qty]
        except StarkMatterError:
            symbols = []
        self.symbols = list(dict.fromkeys((*symbols, *ALWAYS)))[:SYMBOLS_SHOWN]
        self.ready = True

    @rx.event
    @allow("user")
    async def spent_more(self) -> None:
        """An answer was paid for: read the spending again."""
        await self._read_spending()

    async def _read_spending(self) -> None:
        try:
            status = await analyst_status(backends(), await caller_of(self))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.connected, self.model, self.problem = status.connected, status.model or "", ""
        self.spent, self.own = show.money(status.counted_usd), show.money(status.own_usd)
        self.budget = show.money(status.budget_usd)
        share = status.counted_usd / status.budget_usd * 100 if status.budget_usd else 100
        self.used_pct = f"{min(share, 100):.0f}"
        if status.connected and status.budget_usd is None:
            self.problem = (
                "The monthly budget of the analyst is no figure, so nothing is asked. An admin can correct it."
            )
