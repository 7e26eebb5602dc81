"""Moving shares from the chosen account to another of one's own: the dialog, and what was moved before."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import get_args
from uuid import UUID

import reflex as rx

from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.domain.lots import LotMethod
from starkmatter.domain.sessions import instant_of_day
from starkmatter.errors import InvalidInput, StarkMatterError
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.lots.records import LotView
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.tracked import is_tracked
from starkmatter.portfolio.transfers.records import Asked, Transfer
from starkmatter.portfolio.transfers.service import list_transfers, may_move, move_shares, take_back
from starkmatter.ui import format as show
from starkmatter.ui.state.ending import end_one
from starkmatter.ui.state.frame import chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.lots import UNKNOWN_DAY, LotsState, picks_of
from starkmatter.ui.state.rows import Row

SHOWN = 20
PICK = "pick"
HOW = {
    "": "By the account's method",
    "fifo": "First in, first out",
    "lifo": "Last in, first out",
    "hifo": "Highest cost first",
    PICK: "Pick the lots",
}
CLOSED: Row = dict.fromkeys(("open", "title", "tracked", "symbol", "how", "problem", "max"), "")
# Why there is no way back, where the button would be; the panel says the rule below.
STAYS = {"": "", "closed": "Its day has closed", "traded": "Traded since"}
NOWHERE = (
    "There is no account to move them to: it has to be your own, on the same market, of the same kind (paper or real) "
    "and currency."
)


class MovingState(rx.State):
    """The dialog, closed unless somebody opened it, and the newest moves of the account."""

    dialog: Row = CLOSED
    targets: list[Row] = []
    symbols: list[Row] = []
    choices: list[Row] = []
    moves: list[Row] = []
    may: bool = False
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Another account may be shown now."""
        self.dialog, self.said, self.problem = CLOSED, "", ""
        await self._read()

    @rx.event
    @allow("trader")
    async def open_dialog(self) -> None:
        """Ask what is to be moved where."""
        try:
            await self._open(await caller_of(self))
        except StarkMatterError as error:
            self.problem = error.text

    @rx.event
    @allow("user")
    def close_dialog(self) -> None:
        """Nothing is moved."""
        self.dialog = CLOSED

    @rx.event
    @allow("trader")
    async def choose_symbol(self, symbol: str) -> None:
        """Other shares, with their lots."""
        if symbol in {row["symbol"] for row in self.symbols}:
            await self._show(symbol, self.dialog["how"])

    @rx.event
    @allow("trader")
    async def choose_how(self, how: str) -> None:
        """How the lots are found."""
        if how in HOW:
            await self._show(self.dialog["symbol"], how)

    @rx.event
    @allow("trader")
    async def move(self, form: dict[str, str]) -> None:
        """Move what the form says."""
        caller = await caller_of(self)
        try:
            moved = await self._move(caller, form)
        except StarkMatterError as error:
            self.dialog = {**self.dialog, "problem": error.text}
            return
        self.dialog = CLOSED
        self.said = (
            f"Moved {show.quantity(moved.qty)} {moved.symbol} worth {show.money(moved.worth)} {moved.currency} to "
            f"{moved.to_name}. It is no sale."
        )
        await self._read()
        await (await self.get_state(LotsState))._read()

    @rx.event
    @allow("trader")
    async def take_back(self, transfer_id: str) -> None:
        """Write one back."""
        self.said = ""
        await end_one(self, take_back, transfer_id, "There is no such move of shares.")
        await (await self.get_state(LotsState))._read()

    async def _open(self, caller: Caller) -> None:
        b, account_id = backends(), await chosen_account(self)
        account = await get_account(b, caller, account_id)
        self.targets = [
            {"id": str(one.id), "name": one.name}
            for one in await list_accounts(b, caller)
            if one.id != account.id and may_move(one) and _alike(one, account)
        ]
        held: dict[str, Decimal] = {}
        for lot in (await open_lots(b, caller, account_id)).lots:
            held[lot.symbol] = held.get(lot.symbol, Decimal(0)) + lot.qty
        self.symbols = [
            {
                "symbol": symbol,
                "label": f"{symbol}, {show.quantity(qty)} held",
                "qty": show.plain_number(qty.normalize()),
            }
            for symbol, qty in sorted(held.items())
            if qty > 0
        ]
        if not self.targets:
            self.problem = NOWHERE
            return
        self.problem = ""
        self.dialog = CLOSED | {
            "open": "yes",
            "title": f"Move shares of {account.name}",
            "tracked": "yes" if is_tracked(account) else "",
            "symbol": self.symbols[0]["symbol"] if self.symbols else "",
        }
        await self._show(self.dialog["symbol"], "")

    async def _show(self, symbol: str, how: str) -> None:
        most = next((row["qty"] for row in self.symbols if row["symbol"] == symbol), "")
        self.dialog = {**self.dialog, "symbol": symbol, "how": how, "max": most, "problem": ""}
        self.choices = []
        if how == PICK:
            found = await open_lots(backends(), await caller_of(self), await chosen_account(self))
            self.choices = [lot_choice(one) for one in found.lots if one.symbol == symbol and one.qty > 0]

    async def _move(self, caller: Caller, form: Mapping[str, str]) -> Transfer:
        how = self.dialog["how"]
        account_id = await chosen_account(self)
        try:
            picks = picks_of(form, [row["lot"] for row in self.choices]) if how == PICK else []
            said = str(form.get("qty", "")).strip()[:30]
            qty = sum((one.qty for one in picks), Decimal(0)) if how == PICK else Decimal(said or "0")
            price = Decimal(str(form["price"]).strip()[:30]) if str(form.get("price", "")).strip() else None
        except InvalidOperation:
            raise InvalidInput("Give quantities and the price as numbers, such as 2.5.") from None
        if price is not None and not (price.is_finite() and price > 0):
            raise InvalidInput("The price must be more than zero.")
        asked = Asked(
            account_id,
            _account(str(form.get("to", ""))),
            self.dialog["symbol"],
            qty,
            at=_day(str(form.get("on", "")).strip()),
            price=price,
            method=next((one for one in get_args(LotMethod) if one == how and how != PICK), None),
        )
        return await move_shares(backends(), caller, asked, picks)

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            account_id = await chosen_account(self)
            self.may = caller.may_trade and may_move(await get_account(b, caller, account_id))
            found = await list_transfers(b, caller, account_id, limit=SHOWN)
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.moves = move_rows(found, account_id)


def move_rows(found: Sequence[Transfer], account_id: UUID) -> list[Row]:
    """A line for each move as that account sees it."""
    return [
        {
            "id": str(one.id),
            "on": show.day(one.venue_at),
            "way": "To" if one.from_account_id == account_id else "From",
            "other": (one.to_name if one.from_account_id == account_id else one.from_name)
            or "an account you do not see",
            "symbol": one.symbol,
            "qty": show.quantity(one.qty),
            "worth": show.money(one.worth),
            "cost": show.money(one.cost),
            "state": _state(one),
            "may": "yes" if one.own and one.ended_at is None and one.origin == "moved" and not one.stays else "",
        }
        for one in found
    ]


def _state(one: Transfer) -> str:
    if one.ended_at:
        return "Taken back"
    if one.origin == "matched":
        return "Told by two files"
    return STAYS[one.stays]


def lot_choice(one: LotView) -> Row:
    """A lot that may go."""
    return {
        "lot": one.id,
        "acquired": show.day(one.acquired_on) if one.acquired_on else UNKNOWN_DAY,
        "qty": show.quantity(one.qty),
        "unit": show.money(one.unit_cost),
        "taken": "",
    }


def _alike(one: AccountView, other: AccountView) -> bool:
    return (one.mode, one.venue, one.currency) == (other.mode, other.venue, other.currency)


def _account(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("Choose the account that they go to.") from None


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return instant_of_day(date.fromisoformat(text[:10]), utc_now())
    except ValueError:
        raise InvalidInput("The day is written as 2026-03-31.") from None
