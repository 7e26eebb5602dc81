"""Lots told another way: every share is a row of its own, money is fractions, nothing is summed up or shared out."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from starkmatter.domain.actions import Split
from starkmatter.domain.lots import LotEvent, LotMethod, LotRename, LotSpinOff, LotTrade, LotTransfer


@dataclass(frozen=True)
class Share:
    """One share: `sign` -1 when it was sold short, `basis` with the same sign."""

    account: str
    symbol: str
    sign: int
    trade: int
    opened_on: date
    held_since: date
    basis: Fraction
    washed: bool = False


@dataclass
class Sale:
    """One share that was closed, or the part of one that a later split made of it."""

    trade_id: str
    share: Share
    closed_on: date
    cash: Fraction
    disallowed: Fraction | None = None  # None until a replacement is found
    qty: Fraction = Fraction(1)


class ShareBook:
    """All shares in the order in which they came."""

    def __init__(self, methods: dict[str, LotMethod]) -> None:
        self.methods = methods
        self.shares: list[Share] = []
        self.sales: list[Sale] = []
        self.trades = 0

    def apply(self, event: LotEvent) -> None:
        match event:
            case LotTrade():
                self._trade(event)
            case LotTransfer():
                moving = self._order(event.account, event.symbol, self._leaving(event.account))[: int(event.qty)]
                for one in moving:
                    self._put(one, replace(one, account=event.to_account))
            case LotRename():
                self.shares = [
                    replace(one, symbol=event.to_symbol) if one.symbol == event.symbol else one for one in self.shares
                ]
                for sale in self.sales:
                    if sale.share.symbol == event.symbol:
                        sale.share = replace(sale.share, symbol=event.to_symbol)
            case LotSpinOff():
                self._spin_off(event)
            case Split():
                times = int(event.numerator)
                self.shares = [
                    part
                    for one in self.shares
                    for part in (
                        [replace(one, basis=one.basis / times)] * times if one.symbol == event.symbol else [one]
                    )
                ]
                self.sales = [part for sale in self.sales for part in _split_sale(sale, event.symbol, times)]

    def _spin_off(self, event: LotSpinOff) -> None:
        """Each share brings so many others."""
        times, part = int(event.numerator), Fraction(event.cost_ratio)
        parents = [one for one in self.shares if one.symbol == event.symbol]
        self.shares = [
            replace(one, basis=one.basis * (1 - part)) if one.symbol == event.symbol else one for one in self.shares
        ]
        for one in parents:
            self.shares += [replace(one, symbol=event.to_symbol, basis=one.basis * part / times)] * times

    def _leaving(self, account: str) -> LotMethod:
        method = self.methods.get(account, "fifo")
        return "fifo" if method == "average" else method

    def _trade(self, trade: LotTrade) -> None:
        self.trades += 1
        sign = 1 if trade.signed_qty > 0 else -1
        count = abs(int(trade.signed_qty))
        each = Fraction(trade.cash) / count
        method = trade.method or self.methods.get(trade.account, "fifo")
        closable = [one for one in self._order(trade.account, trade.symbol, method) if one.sign == -sign]
        if closable and method == "average":
            mean = sum((one.basis for one in closable), Fraction(0)) / len(closable)
            for one in closable:
                self._put(one, replace(one, basis=mean))
            closable = [one for one in self._order(trade.account, trade.symbol, "fifo") if one.sign == -sign]
        closing = closable[:count]
        fresh = []
        for one in closing:
            self._drop(one)
            sale = Sale(trade.id, one, trade.traded_on, each)
            self.sales.append(sale)
            fresh.append(sale)
        for sale in fresh:
            if sale.cash < sale.share.basis:
                self._look_back(sale, self.trades)
        for _ in range(count - len(closing)):
            day = trade.traded_on
            new = Share(trade.account, trade.symbol, sign, self.trades, day, day, -each)
            self.shares.append(self._look_for_a_loss(new))

    def _look_back(self, sale: Sale, trade: int) -> None:
        since = sale.closed_on - timedelta(days=30)
        found = [
            one
            for one in self.shares
            if one.symbol == sale.share.symbol
            and one.sign == sale.share.sign
            and not one.washed
            and one.trade not in (sale.share.trade, trade)
            and since <= one.opened_on <= sale.closed_on
        ]
        if found:
            one = min(found, key=lambda one: (one.trade, one.account))
            self._put(one, self._wash(sale, one))

    def _look_for_a_loss(self, new: Share) -> Share:
        for sale in self.sales:
            if (
                sale.disallowed is None
                and sale.cash < sale.share.basis
                and sale.share.symbol == new.symbol
                and sale.share.sign == new.sign
                and sale.closed_on >= new.opened_on - timedelta(days=30)
            ):
                return self._wash(sale, new)
        return new

    def _wash(self, sale: Sale, one: Share) -> Share:
        sale.disallowed = sale.share.basis - sale.cash
        held = sale.closed_on - sale.share.held_since
        return replace(one, basis=one.basis + sale.disallowed, held_since=one.held_since - held, washed=True)

    def _order(self, account: str, symbol: str, method: LotMethod) -> list[Share]:
        found = [one for one in self.shares if one.account == account and one.symbol == symbol]
        found.sort(key=lambda one: one.trade)
        if method == "lifo":
            return _last_lots_first(found)
        if method == "hifo":
            return sorted(found, key=lambda one: -one.basis)
        return found

    def _put(self, old: Share, new: Share) -> None:
        self.shares[self._place(old)] = new

    def _drop(self, one: Share) -> None:
        del self.shares[self._place(one)]

    def _place(self, one: Share) -> int:
        return next(place for place, other in enumerate(self.shares) if other == one)


def _last_lots_first(found: list[Share]) -> list[Share]:
    """Lots are shares that are the same; within one the order says nothing."""
    lots: list[list[Share]] = []
    for one in found:
        if lots and lots[-1][0] == one:
            lots[-1].append(one)
        else:
            lots.append([one])
    return [one for lot in reversed(lots) for one in lot]


def _split_sale(sale: Sale, symbol: str, times: int) -> list[Sale]:
    """A loss that has not been replaced waits as that many smaller ones."""
    if sale.share.symbol != symbol:
        return [sale]
    part = replace(sale.share, basis=sale.share.basis / times)
    shared = None if sale.disallowed is None else sale.disallowed / times
    cash, qty = sale.cash / times, sale.qty / times
    return [Sale(sale.trade_id, part, sale.closed_on, cash, shared, qty) for _ in range(times)]
