"""The allocation page: cuts of the account, its targets and drift, and a proposal to rebalance."""

import re
from decimal import Decimal
from typing import get_args

import reflex as rx

from starkmatter.accounts.profile import get_base_currency
from starkmatter.backends import backends
from starkmatter.domain.money import plain
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.portfolio.allocating.breakdown import break_down, put_tags
from starkmatter.portfolio.allocating.rebalance import make_rebalance_basket, propose_trades
from starkmatter.portfolio.allocating.records import Dimension, Proposal, Standing
from starkmatter.portfolio.allocating.targets import drop_targets, put_targets, standing_of
from starkmatter.portfolio.allocating.text import read_percent, read_targets, text_of
from starkmatter.portfolio.allocating.trying import Comparison, Side, compare_branch, try_on_branch
from starkmatter.portfolio.records import Slice
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

MAX_INPUT = 24
MAX_TEXT = 5_001
MAX_TAG_TEXT = 300
METHODS = {
    "fifo": "first in first out",
    "lifo": "last in first out",
    "hifo": "highest cost first",
    "average": "average",
}
NO_TARGETS: Row = dict.fromkeys(("by", "text", "cash", "band", "drift", "set"), "") | {"by": "symbol", "band": "2"}
NO_BESIDE: Row = dict.fromkeys(
    (
        "shown", "since", "currency", "original", "branch", "start_original", "start_branch", "flows_original",
        "flows_branch", "value_original", "value_branch", "result_original", "result_branch", "simple_original",
        "simple_branch",
    ),
    "",
)  # fmt: skip
NO_PROPOSAL: Row = dict.fromkeys(
    ("shown", "cost", "short", "short_dir", "long", "long_dir", "drift", "after", "cash", "method", "currency"), ""
)


class AllocationState(rx.State):
    """`cut` is how the account is cut; `together`: with the person's other accounts of the same market, in
    the base currency.
    """

    ready: bool = False
    cut: str = "class"
    together: bool = False
    slices: list[Row] = []
    symbols: list[Row] = []
    equity: str = show.NOTHING
    missing: list[str] = []
    targets: Row = NO_TARGETS
    drifts: list[Row] = []
    beside: Row = NO_BESIDE
    weights: list[Row] = []
    beside_notes: list[str] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read account and targets."""
        self.said, self.problem = "", ""
        (await self.get_state(RebalanceState))._clear()
        await self._read()
        self.ready = True

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Something happened to an order."""
        await self._read()

    @rx.event
    @allow("user")
    async def choose(self, cut: str) -> None:
        """Cut it another way."""
        if cut in get_args(Dimension):
            self.cut = cut
            await self._read()

    @rx.event
    @allow("user")
    async def add_others(self, together: bool) -> None:
        """With the other accounts, or alone."""
        self.together = together
        await self._read()

    @rx.event
    @allow("user")
    async def tag(self, form: dict[str, str]) -> None:
        """Replace the tags of a symbol."""
        typed = str(form.get("tags", ""))[:MAX_TAG_TEXT].split(",")
        symbol = str(form.get("symbol", ""))[:MAX_INPUT]
        try:
            kept = await put_tags(backends(), await caller_of(self), symbol, typed)
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
            return
        words = ", ".join(kept) or "none"
        self.said, self.problem, self.cut = f"Tags of {symbol.strip().upper()}: {words}.", "", "tag"
        await self._read()

    @rx.event
    @allow("trader")
    async def save(self, form: dict[str, str]) -> None:
        """Say what the account is to consist of."""
        try:
            await put_targets(
                backends(),
                await caller_of(self),
                await chosen_account(self),
                str(form.get("by", ""))[:MAX_INPUT],
                read_targets(str(form.get("targets", ""))[:MAX_TEXT]),
                cash_pct=read_percent(str(form.get("cash", ""))[:MAX_INPUT], "Cash"),
                tolerance_pct=read_percent(str(form.get("band", ""))[:MAX_INPUT], "Band"),
            )
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
            return
        self.said, self.problem = "Saved. Nothing is traded by it.", ""
        (await self.get_state(RebalanceState))._clear()
        await self._read()

    @rx.event
    @allow("trader")
    async def forget(self) -> None:
        """No targets any more."""
        try:
            await drop_targets(backends(), await caller_of(self), await chosen_account(self))
            self.said, self.problem = "The targets are forgotten.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        (await self.get_state(RebalanceState))._clear()
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            account_id = await chosen_account(self)
            base = await get_base_currency(b, caller) if self.together else None
            found = await break_down(b, caller, account_id, together=self.together, currency=base)
            cut: Dimension = next((one for one in get_args(Dimension) if one == self.cut), "class")
            self.slices = [slice_row(one) for one in found.cuts[cut]]
            held = [one.name for one in found.cuts["symbol"] if one.name != "Cash"]
            self.symbols = [{"symbol": one, "tags": ", ".join(found.tags.get(one, []))} for one in held]
            self.equity = f"{show.money(found.equity)} {found.currency}"
            self.missing = found.missing
            try:
                standing = await standing_of(b, caller, account_id)
                self.targets, self.drifts = targets_row(standing), drift_rows(standing)
            except NotFound:
                self.targets, self.drifts = NO_TARGETS, []
            try:
                beside = await compare_branch(b, caller, account_id)
                self.beside, self.weights, self.beside_notes = beside_row(beside), weight_rows(beside), beside.notes
            except NotFound:
                self.beside, self.weights, self.beside_notes = NO_BESIDE, [], []
        except StarkMatterError as error:
            self.problem = error.text


class RebalanceState(rx.State):
    """A proposal as it was worked out; a basket is made of the newest one."""

    proposal: Row = NO_PROPOSAL
    trades: list[Row] = []
    notes: list[str] = []
    problem: str = ""
    _wish: dict[str, str] = {}

    @rx.event
    @allow("user")
    async def propose(self, form: dict[str, str]) -> None:
        """Work out what would bring the account to its targets."""
        self._clear()
        self._wish = {name: str(form.get(name, ""))[:MAX_INPUT] for name in ("mode", "sizes", "spend")}
        try:
            only_buy, whole, spend = wish_of(self._wish)
            found = await propose_trades(
                backends(),
                await caller_of(self),
                await chosen_account(self),
                only_buy=only_buy,
                whole=whole,
                spend_at_most=spend,
            )
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.proposal = proposal_row(found)
        self.trades = trade_rows(found)
        self.notes = [*found.left_out, *found.notes]

    @rx.event
    @allow("trader")
    async def hand_over(self):
        """Make a basket of it and go where it is reviewed; nothing is sent."""
        try:
            only_buy, whole, spend = wish_of(self._wish)
            made = await make_rebalance_basket(
                backends(),
                await caller_of(self),
                await chosen_account(self),
                only_buy=only_buy,
                whole=whole,
                spend_at_most=spend,
            )
        except StarkMatterError as error:
            self.problem = error.text
            return None
        return rx.redirect(f"/baskets?basket={made.head.id}")

    @rx.event
    @allow("trader")
    async def try_on_branch(self):
        """The same on a paper branch, which the frame shows from then on; this account stays as it is."""
        caller = await caller_of(self)
        try:
            only_buy, whole, spend = wish_of(self._wish)
            branch, basket = await try_on_branch(
                backends(),
                caller,
                await chosen_account(self),
                only_buy=only_buy,
                whole=whole,
                spend_at_most=spend,
            )
        except StarkMatterError as error:
            self.problem = error.text
            return None
        frame = await self.get_state(FrameState)
        await frame._read_accounts(caller)
        await frame._choose(str(branch.id))
        return rx.redirect(f"/baskets?basket={basket.head.id}")

    def _clear(self) -> None:
        self.proposal, self.trades, self.notes, self.problem = NO_PROPOSAL, [], [], ""


def wish_of(form: dict[str, str]) -> tuple[bool, bool, Decimal | None]:
    """Whether only to buy, whether in whole shares, and what to spend at most; InvalidInput for what is no figure."""
    typed = form.get("spend", "").strip().replace(",", "")
    spend = None
    if typed:
        # Zero is refused in words by the service.
        spend = Decimal(typed) if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", typed, re.ASCII) else Decimal(0)
    return form.get("mode") == "buy", form.get("sizes") != "parts", spend


def slice_row(one: Slice) -> Row:
    """A part with its share of the whole."""
    pct = None if one.weight is None else one.weight * 100
    return {
        "name": one.name,
        "value": show.money(one.value),
        "pct": f"{show.money(pct, 1)} %" if pct is not None else show.NOTHING,
        "width": f"{max(Decimal(0), min(pct, Decimal(100))):.2f}%" if pct is not None else "0%",
    }


def targets_row(found: Standing) -> Row:
    """The targets as the form shows them."""
    one = found.targets
    return {
        "by": one.by,
        "text": text_of(one.targets.percents),
        "cash": plain(one.cash_pct),
        "band": plain(one.tolerance_pct),
        "drift": f"{show.money(found.drift_pct, 1)} %",
        "set": "yes",
    }


def drift_rows(found: Standing) -> list[Row]:
    """Each part, the furthest off first."""
    return [
        {
            "part": one.part,
            "actual": f"{show.money(one.actual_pct, 1)} %",
            "target": f"{show.money(one.target_pct, 1)} %",
            "value": show.money(one.value),
            "excess": show.change(one.excess),
            "state": "outside its band" if one.outside else "within",
            "outside": "yes" if one.outside else "",
        }
        for one in found.drifts
    ]


def beside_row(found: Comparison) -> Row:
    """Original and branch since it began."""
    row = {
        "shown": "yes",
        "since": show.exchange_minute(found.since_at),
        "currency": found.currency,
        "original": found.original.name,
        "branch": found.branch.name,
    }
    for name, side in (("original", found.original), ("branch", found.branch)):
        row |= {
            f"start_{name}": show.money(side.start_value),
            f"flows_{name}": show.change(side.flows),
            f"value_{name}": show.money(side.value),
            f"result_{name}": show.change(side.result),
            f"simple_{name}": _simple(side),
        }
    return row


def _simple(side: Side) -> str:
    return side.reason if side.simple is None else f"{show.change(side.simple * 100)} %"


def weight_rows(found: Comparison) -> list[Row]:
    """What each part is of either."""

    def pct(weight: Decimal | None) -> str:
        return show.NOTHING if weight is None else f"{show.money(weight * 100, 1)} %"

    return [{"part": one.part, "original": pct(one.original), "branch": pct(one.branch)} for one in found.weights]


def proposal_row(found: Proposal) -> Row:
    """The sums."""
    return {
        "shown": "yes",
        "cost": show.money(found.cost),
        "short": show.change(found.short_gain),
        "short_dir": show.direction(found.short_gain),
        "long": show.change(found.long_gain),
        "long_dir": show.direction(found.long_gain),
        "drift": f"{show.money(found.drift_pct, 1)} %",
        "after": f"{show.money(found.drift_pct_after, 1)} %",
        "cash": show.money(found.cash_after),
        "method": METHODS.get(found.method, found.method),
        "currency": found.currency,
    }


def trade_rows(found: Proposal) -> list[Row]:
    """The trades, sales first, with what a sale realizes."""
    gains = {one.symbol: one.short_gain + one.long_gain for one in found.taxes}
    return [
        {
            "ticket": f"{one.side.capitalize()} {show.quantity(one.qty)} {one.symbol}",
            "part": "" if one.part == one.symbol else one.part,
            "value": show.money(one.value),
            "cost": show.money(one.cost),
            "gain": show.change(gains[one.symbol]) if one.side == "sell" and one.symbol in gains else "",
            "gain_dir": show.direction(gains.get(one.symbol)) if one.side == "sell" else "",
        }
        for one in found.trades
    ]
