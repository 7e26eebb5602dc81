"""What surrounds every page: who is here, which account is chosen, and how the interface looks."""

import json
from uuid import UUID

import reflex as rx

from starkmatter.accounts.profile import get_appearance
from starkmatter.accounts.records import ADMIN_ROLES, NOT_FROM_HERE, Caller
from starkmatter.backends import backends
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.portfolio.accounts import list_accounts
from starkmatter.portfolio.opening import ensure_first_account
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import NO_ACCOUNT, Row, account_row


class ElsewhereState(rx.State):
    """Why somebody who is an admin is none where they are now."""

    words: str = ""


class FrameState(rx.State):
    """The frame of every page."""

    ready: bool = False
    name: str = ""
    initials: str = ""
    is_admin: bool = False
    may_trade: bool = False
    may_ask: bool = False
    accounts: list[Row] = []
    account: Row = NO_ACCOUNT
    holdings: str = "{}"
    theme: str = ""
    swap: bool = False
    rail: str = "wide"
    saw_receipt: bool = False
    saw_ledger: bool = False
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read people, accounts and appearance again."""
        b, caller = backends(), await caller_of(self)
        self.name = caller.display_name
        self.initials = "".join(word[0] for word in caller.display_name.split()[:2]).upper() or "?"
        self.is_admin, self.may_trade, self.may_ask = caller.is_admin, caller.may_trade, caller.may_ask
        elsewhere = caller.role in ADMIN_ROLES and not caller.admin_here
        (await self.get_state(ElsewhereState)).words = NOT_FROM_HERE.format(caller.ip) if elsewhere else ""
        try:
            looks = await get_appearance(b, caller)
            self.theme, self.swap = looks.theme, looks.up_is_red
            await ensure_first_account(b, caller.user_id)  # the market may have been still starting at sign-in
            await self._read_accounts(caller)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("user")
    async def choose_account(self, account_id: str) -> None:
        """Show another of the caller's accounts; the live script starts a page of the other market anew."""
        await self._choose(account_id)

    @rx.event
    @allow("user")
    async def show_newest(self):
        """An account was opened: go on with that one, on the dashboard."""
        caller = await caller_of(self)
        await self._read_accounts(caller)
        newest = next((row for row in self.accounts if not row["read_only"]), None)
        if newest is None:
            return None
        self.account = newest
        await self._read_holdings(caller)
        return rx.redirect("/")

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Something happened to an order: read the accounts again."""
        await self._read_accounts(await caller_of(self))

    @rx.event
    @allow("user")
    def toggle_rail(self) -> None:
        """Show the rail with or without labels."""
        self.rail = "narrow" if self.rail == "wide" else "wide"

    async def _choose(self, account_id: str) -> bool:
        """Whether it is one of the caller's; then every page shows it."""
        chosen = next((row for row in self.accounts if row["id"] == account_id), None)
        if chosen is None:
            return False
        self.account = chosen
        await self._read_holdings(await caller_of(self))
        return True

    async def _read_accounts(self, caller: Caller) -> None:
        self.accounts = [account_row(one) for one in await list_accounts(backends(), caller)]
        was = self.account
        kept = next((row for row in self.accounts if row["id"] == was["id"]), None)
        first = next((row for row in self.accounts if not row["read_only"]), None)
        # A former run's account may be looked at; but when the chosen one becomes one, go on with the new one.
        # One at a broker that was frozen stays where its owner can see why.
        former = kept is not None and kept["read_only"] and kept["venue"] == "replay"
        stays = kept is not None and (not former or was["read_only"] == "yes")
        self.account = (kept if stays else first or kept) or NO_ACCOUNT | {"venue": "replay"}
        await self._read_holdings(caller)

    async def _read_holdings(self, caller: Caller) -> None:
        if not self.account["id"]:
            self.holdings = "{}"
            return
        positions = await list_positions(backends(), caller, UUID(self.account["id"]))
        self.holdings = json.dumps(
            {
                (one.symbol if one.priced else f"={one.symbol}"): {
                    "qty": format(one.qty * one.rate, "f"),  # what a price is multiplied by
                    "value": format(one.market_value, "f"),
                }
                for one in positions
                if one.qty
            }
        )


async def chosen_account(state: rx.State) -> UUID:
    """The account the frame shows, chosen now if the frame has not loaded yet; NotFound when there is none."""
    frame = await state.get_state(FrameState)
    if not frame.account["id"]:
        await frame._read_accounts(await caller_of(state))
    if not frame.account["id"]:
        raise NotFound("You have no account yet. The replay market may still be starting: reload in a few seconds.")
    return UUID(frame.account["id"])


async def chosen_venue(state: rx.State) -> Venue:
    """The market whose prices and clock the page shows: the chosen account's."""
    frame = await state.get_state(FrameState)
    if not frame.account["venue"]:
        await frame._read_accounts(await caller_of(state))
    return "market" if frame.account["venue"] == "market" else "replay"


async def cancel_words(state: rx.State, order_id: str) -> str:
    """Ask for one of the caller's orders back; what went wrong in words, empty when nothing did."""
    try:
        await cancel_order(backends(), await caller_of(state), UUID(str(order_id)))
    except ValueError:
        return "There is no such order."
    except StarkMatterError as error:
        return error.text
    return ""
