"""What an action makes of the holdings of one account: bookings that balance, what is held after, trades of parts.

Cost is never made nor lost: a split or another name leaves what the shares cost together as it is, a spin-off divides
it, and only what is paid in cash for shares (a part of one in lieu, or a last price) realizes anything. A short
position does everything with the other sign: it owes the new shares, pays dividends and is closed by a delisting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from starkmatter.domain.corporate.terms import (
    CashDividend,
    CorporateError,
    Delisting,
    SpinOff,
    Splitting,
    StockDividend,
    SymbolChange,
    Told,
    action_words,
)
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.ledger import CASH, DIVIDENDS, HOLDING, ROUNDING, TRADING, WITHHELD, Booking, Leg
from starkmatter.domain.lots import QTY_STEP, LotTrade
from starkmatter.domain.money import MICRO, ZERO, money_text, plain, to_cents, to_micros
from starkmatter.domain.order_rules import WHOLE
from starkmatter.domain.orders import Side

DIVIDENDS_OWED = "expenses:dividends on borrowed shares"
# What the database's quantities have room for.
MOST_SHARES = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Holder:
    """An account as actions see it. `keeps_parts`: parts of a share stay; else they are paid in cash.

    `withheld_pct` (0..100) of a dividend that comes in is kept back as tax.
    """

    account: str
    currency: str
    keeps_parts: bool = False
    may_short: bool = False
    withheld_pct: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Key:
    """What makes an effect one: applied once for each of these, whatever happens."""

    action_id: str
    revision: int
    account: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One symbol before and after."""

    symbol: str
    before: HoldingState
    after: HoldingState


@dataclass(frozen=True, slots=True)
class Effect:
    """An action on one account. `after` has the holdings that changed, `trades` the lots' view of what cash closed.

    `cash` is signed; `figures` and `words` are the record for a person, in the order in which things happened.
    """

    key: Key
    bookings: tuple[Booking, ...]
    after: Mapping[str, HoldingState]
    trades: tuple[LotTrade, ...]
    figures: tuple[Figures, ...]
    words: str

    @property
    def cash(self) -> Decimal:
        return sum((one.cash for one in self.bookings), ZERO)


@dataclass(slots=True)
class _Work:
    """The holdings while an action is carried out."""

    told: Told
    holder: Holder
    before: Mapping[str, HoldingState]
    after: dict[str, HoldingState] = field(default_factory=dict)
    bookings: list[Booking] = field(default_factory=list)
    trades: list[LotTrade] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def held(self, symbol: str) -> HoldingState:
        return self.after.get(symbol) or self.before.get(symbol, HoldingState())

    def move(self, kind: str, text: str, symbol: str, change: Decimal) -> None:
        """Book shares that come or go without money."""
        self.bookings.append(Booking(kind, text, _share_legs(symbol, change)))

    def close(self, kind: str, symbol: str, qty: Decimal, price: Decimal, text: str) -> Decimal:
        """Close `qty` (positive) of what is held for money, and say how much moved (signed)."""
        state = self.held(symbol)
        sign = 1 if state.qty > 0 else -1
        side: Side = "sell" if sign > 0 else "buy"
        exact = to_micros(qty * price) * sign
        cash = to_cents(exact)
        currency = self.holder.currency
        money = [Leg(CASH, currency, cash), Leg(TRADING, currency, -exact), Leg(ROUNDING, currency, exact - cash)]
        legs = (*(leg for leg in money if leg.amount), *_share_legs(symbol, -sign * qty))
        self.bookings.append(Booking(kind, text, legs))
        self.after[symbol] = after_fill(state, side, qty, cash)
        trade_id = f"{self.told.action_id}/{symbol}/{self.holder.account}"
        account, on = self.holder.account, self.told.ex_on
        self.trades.append(LotTrade(trade_id, account, symbol, on, -sign * qty, cash))
        return cash


def _share_legs(symbol: str, change: Decimal) -> tuple[Leg, Leg]:
    return Leg(HOLDING, symbol, change), Leg(TRADING, symbol, -change)


def effect_of(told: Told, holder: Holder, held: Mapping[str, HoldingState]) -> Effect:
    """What the action does to the account that held `held` (by symbol) when its ex-date began.

    Nothing is booked for somebody who held none, nor for an action that was withdrawn. Raises CorporateError when a
    person has to look: another currency, nothing left of a position, figures that are too large, or new shares that
    meet a position on the other side.
    """
    work = _Work(told, holder, held)
    state = held.get(told.symbol, HoldingState())
    if told.terms is not None and state.qty:
        try:
            _carry_out(work, state)
        except InvalidOperation:
            raise CorporateError(f"{action_words(told)}: its figures are larger than can be kept.") from None
    words = " ".join(work.words) if work.words else _untouched_words(told)
    symbols = [one for one in (told.symbol, getattr(told.terms, "to_symbol", None)) if one in work.after]
    figures = tuple(Figures(one, held.get(one, HoldingState()), work.after[one]) for one in symbols)
    key = Key(told.action_id, told.revision, holder.account)
    return Effect(key, tuple(work.bookings), work.after, tuple(work.trades), figures, words)


def _carry_out(work: _Work, state: HoldingState) -> None:
    match work.told.terms:
        case Splitting(up, down, lieu_price):
            _split(work, state, "split", (up, down), lieu_price)
        case StockDividend(ratio, lieu_price):
            _split(work, state, "stock_dividend", (1 + ratio, WHOLE), lieu_price)
        case CashDividend(per_share):
            _pay(work, state.qty, per_share)
        case SymbolChange(other):
            _rename(work, state, other)
        case Delisting(price):
            _end(work, state, price)
        case SpinOff():
            _spin_off(work, state, work.told.terms)


def _untouched_words(told: Told) -> str:
    if told.terms is None:
        return f"{action_words(told)}."
    return f"{action_words(told)}: none were held before that day, so nothing changes."


def _split(
    work: _Work, state: HoldingState, kind: str, ratio: tuple[Decimal, Decimal], lieu_price: Decimal | None
) -> None:
    told = work.told
    qty = _times(work, state.qty, *ratio)
    if not qty:
        raise CorporateError(f"Nothing is left of {_shares(state.qty, told.symbol)} after {action_words(told)}.")
    after = HoldingState(qty, state.cost_basis, state.realized_pl)
    if qty != state.qty:
        work.move(kind, _sentence(told, f"{_shares(state.qty, told.symbol)} became {plain(qty)}"), told.symbol,
                  qty - state.qty)  # fmt: skip
    work.after[told.symbol] = after
    currency = work.holder.currency
    work.words.append(
        f"{action_words(told)}: {_shares(state.qty, told.symbol)} became {plain(qty)}. Together they cost "
        f"{money_text(state.cost_basis)} {currency} as before, a share {money_text(after.avg_price)} instead of "
        f"{money_text(state.avg_price)}."
    )
    _in_lieu(work, told.symbol, lieu_price)


def _in_lieu(work: _Work, symbol: str, price: Decimal | None) -> None:
    """Pay the part of a share in cash, or say that it waits for a price."""
    state = work.held(symbol)
    part = abs(state.qty) % WHOLE
    if not part or work.holder.keeps_parts:
        return
    if price is None:
        work.words.append(f"{plain(part)} {symbol} stay until somebody says what is paid for them in cash.")
        return
    _same_currency(work)
    realized = state.realized_pl
    text = f"Cash in lieu of {plain(part)} {symbol} at {money_text(price)} {work.holder.currency}"
    cash = work.close("cash_in_lieu", symbol, part, price, text)
    verb = "came" if cash >= 0 else "went"
    work.words.append(
        f"{money_text(abs(cash))} {work.holder.currency} {verb} in lieu of {plain(part)} {symbol}, which realized "
        f"{money_text(work.held(symbol).realized_pl - realized)}."
    )


def _pay(work: _Work, qty: Decimal, per_share: Decimal) -> None:
    _same_currency(work)
    told, currency = work.told, work.holder.currency
    gross = to_cents(abs(qty) * per_share)
    if not gross:
        work.words.append(f"{action_words(told)}: less than half a cent, so nothing is paid.")
        return
    shares = _shares(qty, told.symbol)
    if qty < 0:
        text = f"{told.symbol} dividend of {money_text(per_share)} {currency} owed on {shares}"
        legs = [Leg(CASH, currency, -gross), Leg(DIVIDENDS_OWED, currency, gross)]
        words = (
            f"{plain(-qty)} {told.symbol} were borrowed: {money_text(gross)} {currency} were paid to whoever lent them."
        )
    else:
        withheld = to_cents(gross * work.holder.withheld_pct / 100)
        text = f"{told.symbol} dividend of {money_text(per_share)} {currency} on {shares}"
        legs = [Leg(CASH, currency, gross - withheld), Leg(DIVIDENDS, currency, -gross)]
        words = f"{money_text(gross)} {currency} came for {shares}."
        if withheld:
            legs.append(Leg(WITHHELD, currency, withheld))
            words = f"{words[:-1]}, of which {money_text(withheld)} were withheld as tax."
    work.bookings.append(Booking("dividend", text, tuple(leg for leg in legs if leg.amount)))
    work.words.append(f"{action_words(told)}: {words}")


def _rename(work: _Work, state: HoldingState, other: str) -> None:
    told = work.told
    there = _on_the_same_side(work, state.qty, other)
    text = _sentence(told, f"{_shares(state.qty, told.symbol)} are {other} now")
    legs = (*_share_legs(told.symbol, -state.qty), *_share_legs(other, state.qty))
    work.bookings.append(Booking("symbol_change", text, legs))
    work.after[told.symbol] = HoldingState(realized_pl=state.realized_pl)
    work.after[other] = _joined(there, state.qty, state.cost_basis)
    work.words.append(
        f"{action_words(told)}: {_shares(state.qty, told.symbol)} go on as {other}. Together they cost "
        f"{money_text(state.cost_basis)} {work.holder.currency} as before."
    )


def _end(work: _Work, state: HoldingState, price: Decimal | None) -> None:
    told = work.told
    if price is not None:
        _same_currency(work)
    shares = _shares(state.qty, told.symbol)
    at = "as worthless" if price is None else f"at {money_text(price)} {work.holder.currency}"
    cash = work.close("delisting", told.symbol, abs(state.qty), price or ZERO, _sentence(told, f"{shares} ended {at}"))
    realized = work.held(told.symbol).realized_pl - state.realized_pl
    verb = "came" if cash >= 0 else "went"
    work.words.append(
        f"{action_words(told)}: {shares} ended. {money_text(abs(cash))} {work.holder.currency} {verb}, "
        f"{money_text(realized)} were realized."
    )


def _spin_off(work: _Work, state: HoldingState, terms: SpinOff) -> None:
    told, other, currency = work.told, terms.to_symbol, work.holder.currency
    qty = _times(work, state.qty, terms.numerator, terms.denominator)
    there = _on_the_same_side(work, state.qty, other)
    if not qty:
        work.words.append(f"{action_words(told)}: {_shares(state.qty, told.symbol)} are too few for any {other}.")
        return
    cost = (state.cost_basis * (terms.cost_pct or ZERO) / 100).quantize(MICRO, ROUND_HALF_UP)
    work.move("spin_off", _sentence(told, f"{plain(abs(qty))} {other} came to {_shares(state.qty, told.symbol)}"),
              other, qty)  # fmt: skip
    work.after[told.symbol] = HoldingState(state.qty, state.cost_basis - cost, state.realized_pl)
    work.after[other] = _joined(there, qty, cost)
    work.words.append(
        f"{action_words(told)}: {_shares(qty, other)} came to {_shares(state.qty, told.symbol)}. "
        f"{money_text(cost)} of {money_text(state.cost_basis)} {currency} of cost went along."
    )
    if terms.cost_pct is None:
        work.words.append("Nobody has told yet how much of the cost goes along.")
    _in_lieu(work, other, terms.lieu_price)


def _times(work: _Work, qty: Decimal, up: Decimal, down: Decimal) -> Decimal:
    """`qty` as often as the ratio says, in billionths of a share."""
    found = (qty * up / down).quantize(QTY_STEP)
    if abs(found) >= MOST_SHARES:
        raise CorporateError(f"{action_words(work.told)}: {plain(abs(qty))} would become more shares than can be kept.")
    return found


def _joined(there: HoldingState, qty: Decimal, cost: Decimal) -> HoldingState:
    return HoldingState(there.qty + qty, there.cost_basis + cost, there.realized_pl)


def _on_the_same_side(work: _Work, qty: Decimal, other: str) -> HoldingState:
    there = work.held(other)
    if there.qty * qty < 0:
        raise CorporateError(
            f"{action_words(work.told)}: {_shares(qty, work.told.symbol)} and {_shares(there.qty, other)} are long and "
            "short in one account, which a person has to sort out first."
        )
    return there


def _same_currency(work: _Work) -> None:
    if work.told.currency != work.holder.currency:
        raise CorporateError(
            f"{action_words(work.told)}: it pays in {work.told.currency} and the account is kept in "
            f"{work.holder.currency}: a person has to book what came."
        )


def _sentence(told: Told, what: str) -> str:
    return f"{action_words(told)}: {what}"


def _shares(qty: Decimal, symbol: str) -> str:
    """`10 AAPL`, and `10 borrowed AAPL` for a short position."""
    return f"{plain(abs(qty))} {'borrowed ' if qty < 0 else ''}{symbol}"
