"""Proposes the trades that bring an account to its targets, with their cost and tax, and hands them over as a basket.

It sends nothing: a person reviews the basket and sends it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import risk
from starkmatter.domain.fees import total
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.lot_book import WASH_WINDOW
from starkmatter.domain.lots import Lot, a_year_after, averaged, spread, take, with_basis
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.orders import OrderRequest, Side
from starkmatter.domain.presets import preset_of
from starkmatter.domain.quotes import Quote
from starkmatter.domain.rebalancing import Asset, Plan, Trade, drift_of, drifts_of, plan_trades
from starkmatter.errors import InvalidInput, NotFound, Refused
from starkmatter.market.board import QuoteBoard
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.allocating.records import Proposal, SaleTax, TargetSet
from starkmatter.portfolio.allocating.targets import NO_TARGETS, Seen, asset_of, get_targets, look_at
from starkmatter.portfolio.lots.book import Folded, folded_lots
from starkmatter.portfolio.lots.records import AccountMethod
from starkmatter.portfolio.lots.service import method_now, venue_day
from starkmatter.trading.baskets.records import Basket
from starkmatter.trading.baskets.service import MAX_LINES, make_basket

NAME = "Rebalance"
NOTHING_TO_DO = "Every part is within its band, or no whole step fits: there is nothing to trade."


async def propose_trades(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    only_buy: bool = False,
    whole: bool = True,
    spend_at_most: Decimal | None = None,
) -> Proposal:
    """What would bring the account to its targets at the newest quotes; nothing is ordered or stored.

    `only_buy` sells nothing and spends the cash above its target, `spend_at_most` of it; not `whole`: parts of shares
    where they are traded. NotFound without targets, Refused for an account that owes shares.
    """
    if spend_at_most is not None and (not spend_at_most.is_finite() or spend_at_most <= 0):
        raise InvalidInput("Give the cash to spend as a figure above zero, or leave it out.")
    found = await get_targets(b, caller, account_id)
    if found is None:
        raise NotFound(NO_TARGETS)
    seen = await look_at(b, caller, account_id)
    market = await _market_of(b, seen, found)
    assets = [*seen.assets(found.by, whole=whole), *market.wanted(found, seen, whole=whole)]
    tradable = [one for one in assets if market.is_tradable(one.symbol)]
    left = [one.symbol for one in assets if not market.is_tradable(one.symbol)]
    if left:
        seen.missing.append(f"{', '.join(left)} cannot be traded now: its value is kept as it is and left out.")
    plan = plan_trades(
        tradable,
        seen.cash,
        found.targets,
        need_of=market.need_of,
        cost_of=market.cost_of,
        only_buy=only_buy,
        spend_at_most=spend_at_most,
    )
    taxes, method, words = await _tax_of(b, caller, seen, plan)
    return _proposal(seen, found, tradable, plan, taxes, method, [*seen.missing, *market.missing, *words])


async def make_rebalance_basket(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    only_buy: bool = False,
    whole: bool = True,
    spend_at_most: Decimal | None = None,
) -> Basket:
    """The proposal of this moment as a basket, to be reviewed and sent by a person. Refused when there is no trade."""
    found = await propose_trades(b, caller, account_id, only_buy=only_buy, whole=whole, spend_at_most=spend_at_most)
    if not found.trades:
        raise Refused(" ".join([NOTHING_TO_DO, *found.left_out]), code="nothing_to_trade")
    if len(found.trades) > MAX_LINES:
        raise Refused(f"That is {len(found.trades)} orders, and a basket has {MAX_LINES} at most: widen the band.")
    requests = [OrderRequest(one.symbol, one.side, "market", one.qty) for one in found.trades]
    return await make_basket(b, caller, account_id, NAME, requests, source="rebalance")


class _Market:
    """Prices and charges of what may be traded."""

    def __init__(self, seen: Seen, known: Mapping[str, Instrument], quotes: Mapping[str, Quote]) -> None:
        self._known, self._quotes = known, quotes
        self._preset = preset_of(seen.account.preset)
        self._lends = seen.account.kind == "margin"
        self.missing: list[str] = []

    def is_tradable(self, symbol: str) -> bool:
        instrument = self._known.get(symbol)
        quote = self._quotes.get(symbol)
        priced = quote is not None and quote.condition == "normal" and quote.last > 0
        return priced and instrument is not None and instrument.tradable

    def wanted(self, targets: TargetSet, seen: Seen, *, whole: bool) -> list[Asset]:
        """What has a target by its symbol and is not held yet."""
        if targets.by != "symbol":
            return []
        found, held = [], {one.symbol for one in seen.positions}
        for symbol in targets.names:
            if symbol in held:
                continue
            if not self.is_tradable(symbol):
                self.missing.append(f"{symbol} has no quote now and cannot be bought.")
                continue
            last, instrument = self._quotes[symbol].last, self._known[symbol]
            found.append(asset_of(symbol, symbol, ZERO, last, instrument, whole=whole))
        return found

    def need_of(self, symbol: str, qty: Decimal) -> Decimal:
        """What a purchase sets aside, as the order itself will; no less than it comes to, whatever the quote lacks."""
        request = OrderRequest(symbol, "buy", "market", qty)
        reserve = risk.reserve_margin if self._lends else risk.reserve
        aside = reserve(request, self._quotes[symbol], self._known[symbol], self._preset).total
        return max(aside, qty * self._quotes[symbol].last + self.cost_of(symbol, "buy", qty))

    def cost_of(self, symbol: str, side: Side, qty: Decimal) -> Decimal:
        """Fees, and what the touch is worse than the last trade."""
        quote = self._quotes[symbol]
        touch = quote.ask if side == "buy" else quote.bid
        price = quote.last if touch is None else touch
        away = price - quote.last if side == "buy" else quote.last - price
        return to_cents(max(ZERO, away) * qty + total(self._preset.fees.lines(side, qty, price)))


async def _market_of(b: Backends, seen: Seen, targets: TargetSet) -> _Market:
    symbols = sorted({one.symbol for one in seen.positions} | set(targets.names if targets.by == "symbol" else ()))
    known = await instruments_named(b.db, seen.account.venue, symbols)
    return _Market(seen, known, await QuoteBoard(b.cache).quotes(seen.account.venue, symbols))


def _proposal(
    seen: Seen,
    targets: TargetSet,
    assets: Sequence[Asset],
    plan: Plan,
    taxes: list[SaleTax],
    method: AccountMethod,
    notes: list[str],
) -> Proposal:
    before = drifts_of(assets, seen.cash, targets.targets)
    moved = {one.symbol: one.qty if one.side == "buy" else -one.qty for one in plan.trades}
    cash = seen.cash - sum((one.value if one.side == "buy" else -one.value for one in plan.trades), ZERO)
    then = [replace(one, qty=one.qty + moved.get(one.symbol, ZERO)) for one in assets]
    whole = before[0].total
    after = drift_of(drifts_of(then, cash, targets.targets))
    unnamed = sorted({one.part for one in assets if one.qty and one.part not in targets.names})
    if unnamed:
        notes = [f"{', '.join(unnamed)} has no target, which counts as 0 %.", *notes]
    return Proposal(
        account_id=seen.account.id,
        currency=seen.account.currency,
        trades=plan.trades,
        cost=plan.cost,
        taxes=taxes,
        method=method,
        drift_pct=drift_of(before) / whole * 100 if whole > 0 else None,
        drift_pct_after=after / whole * 100 if whole > 0 else None,
        cash_after=cash - plan.cost,
        left_out=plan.left_out,
        notes=notes,
    )


async def _tax_of(
    b: Backends, caller: Caller, seen: Seen, plan: Plan
) -> tuple[list[SaleTax], AccountMethod, list[str]]:
    """What the sales would realize by the account's lot method, and wash sales in words."""
    account_id = seen.account.id
    folded = await folded_lots(b, caller, account_id)
    on = await venue_day(b, seen.account, folded)
    method = method_now([one for one in folded.choices.methods if one.account_id == account_id])
    taxes: list[SaleTax] = []
    words: list[str] = []
    for trade in plan.trades:
        if trade.side == "buy":
            words += _bought_after_a_loss(folded, trade, on)
            continue
        lots = [one for one in folded.lots if one.symbol == trade.symbol and one.account == str(account_id)]
        if sum((one.signed_qty for one in lots), ZERO) < trade.qty:
            words.append(f"The lots of {trade.symbol} are not all known: its gain cannot be told.")
            continue
        tax = tax_of_sale(trade, lots, method, on)
        taxes.append(tax)
        if tax.short_gain < 0 or tax.long_gain < 0:
            words.append(_sold_at_a_loss(folded, trade, on))
    return taxes, method, words


def tax_of_sale(trade: Trade, lots: Sequence[Lot], method: AccountMethod, on: date) -> SaleTax:
    """Proceeds after cost minus the basis of the lots that go, by term (26 USC 1222)."""
    taken = averaged(lots, trade.qty)[1] if method == "average" else with_basis(take(lots, trade.qty, method, ()))
    cash = spread(to_cents(trade.value - trade.cost), [one.qty for one in taken])
    gains = {True: ZERO, False: ZERO}
    for one, part in zip(taken, cash, strict=True):
        gains[on > a_year_after(one.lot.held_since)] += part - one.basis
    return SaleTax(trade.symbol, short_gain=gains[False], long_gain=gains[True])


def _sold_at_a_loss(folded: Folded, trade: Trade, on: date) -> str:
    lately = [one for one in folded.lots if one.symbol == trade.symbol and on - one.opened_on <= WASH_WINDOW]
    if lately:
        return (
            f"{trade.symbol} would be sold partly at a loss, and shares of it were bought on {lately[-1].opened_on}, "
            f"within {WASH_WINDOW.days} days: where they are kept it is a wash sale (US tax)."
        )
    return (
        f"{trade.symbol} would be sold partly at a loss: buying it within {WASH_WINDOW.days} days after makes it a "
        "wash sale (US tax)."
    )


def _bought_after_a_loss(folded: Folded, trade: Trade, on: date) -> list[str]:
    losses = [
        one
        for one in folded.realized
        if one.lot.symbol == trade.symbol and one.gain < 0 and on - one.closed_on <= WASH_WINDOW
    ]
    if not losses:
        return []
    return [
        f"{trade.symbol} was sold at a loss on {losses[-1].closed_on}: bought again within {WASH_WINDOW.days} days it "
        "is a wash sale (US tax)."
    ]
