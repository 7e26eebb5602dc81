"""Dividends and interest of an account: what came, by month and symbol, what is to come, and what it is of the cost.

What came is in the ledger. A broker says in words what a dividend was of: the symbol is the first of those that the
account ever held which its words name. What is to come is made of stored corporate actions: on the replay of those that
its days have told so far, since nothing of its future may be known.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.actions import Dividend
from starkmatter.domain.income import Coming, coming_dividends, paid_in_a_year
from starkmatter.domain.ledger import DIVIDENDS, WITHHELD
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.actions.reading import load_dividends
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.lots.book import folded_lots
from starkmatter.portfolio.lots.events import Move
from starkmatter.portfolio.records import AccountView, PositionView
from starkmatter.portfolio.valuation import clock_or_none, list_positions
from starkmatter.trading.corporate.rule import kinds_booked_for

YEAR = timedelta(days=365)
WORD = re.compile(r"[A-Z][A-Z0-9.]{0,9}")
NO_SYMBOL = ""
REPLAY_PAYS = (
    "On the replay AAPL and NVDA pay their real dividends, told by their adjusted closes; META, GOOG, AMZN and NFLX "
    "paid none, and the other prices have dividends in them already."
)
PAPER_PAYS = "On paper a dividend comes on its ex-date, whole: no tax is withheld."


@dataclass(frozen=True, slots=True)
class Received:
    """One leg of income in the ledger, positive when it came. `symbol` is empty where nobody said it."""

    entry_id: int
    at: datetime
    kind: str
    symbol: str
    value: Decimal
    description: str


@dataclass(frozen=True, slots=True)
class MonthIncome:
    """What came in one month of the exchange."""

    year: int
    month: int
    dividends: Decimal
    interest: Decimal

    @property
    def total(self) -> Decimal:
        return self.dividends + self.interest


@dataclass(frozen=True, slots=True)
class SymbolIncome:
    """One symbol's dividends: received at all, in the past year, and expected in the next.

    `yield_on_cost` is what its shares declared in the past 365 days by what the held ones cost, `yield_now` by what
    they are worth; None when nothing is held.
    """

    symbol: str
    received: Decimal
    received_12m: Decimal
    expected_12m: Decimal
    qty: Decimal
    cost: Decimal
    yield_on_cost: Decimal | None
    yield_now: Decimal | None


@dataclass(frozen=True, slots=True)
class ComingView:
    """A dividend that is to come, on `qty` shares: those held before the ex-date, or now where it lies ahead."""

    symbol: str
    ex_on: date
    pay_on: date | None
    per_share: Decimal
    qty: Decimal
    value: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class Income:
    """All of an account's income, in its currency; months and symbols are those that have some, the newest first.

    Income is whole: what was `withheld` of it as tax is told beside it.
    """

    account_id: UUID
    currency: str
    on: date
    received: Decimal
    received_12m: Decimal
    expected_12m: Decimal
    yield_on_cost: Decimal | None
    withheld: Decimal
    withheld_12m: Decimal
    months: list[MonthIncome]
    symbols: list[SymbolIncome]
    coming: list[ComingView]
    entries: list[Received]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Leg:
    id: int
    venue_at: datetime
    kind: str
    description: str
    account: str
    amount: Decimal


async def income_of(b: Backends, caller: Caller, account_id: UUID) -> Income:
    """What the account received and is to receive; NotFound when the caller does not see it."""
    account = await get_account(b, caller, account_id)
    rows = await b.db.all(_Leg, queries.INCOME, {"account": account_id, "user": caller.user_id})
    legs = [one for one in rows if one.account != WITHHELD]
    taxes = [one for one in rows if one.account == WITHHELD]
    moves = [one for one in (await folded_lots(b, caller, account_id)).moves if one.account_id == account_id]
    positions = [one for one in await list_positions(b, caller, account_id) if one.qty]
    on = await _today(b, account, legs)
    dividends = await load_dividends(b.db, account.venue, [one.symbol for one in positions if one.qty > 0], on)
    # Where they are booked here they came on their ex-date already, whatever day the company pays on.
    booked_here = "dividend" in kinds_booked_for(account.broker)
    entries = _received(legs, {one.symbol for one in moves})
    coming, notes = _coming(dividends, positions, moves, on, account.currency)
    coming = [one for one in coming if one.ex_on > on or not booked_here]
    if account.venue == "replay":
        notes.append(REPLAY_PAYS)
    elif booked_here:
        notes.append(PAPER_PAYS)
    symbols = _by_symbol(entries, positions, dividends, coming, on, account.currency)
    cost = sum((one.cost for one in symbols if one.qty > 0), ZERO)
    declared = sum(
        (one.yield_on_cost * one.cost for one in symbols if one.qty > 0 and one.yield_on_cost is not None), ZERO
    )
    return Income(
        account_id=account_id,
        currency=account.currency,
        on=on,
        received=sum((one.value for one in entries), ZERO),
        received_12m=_of_past_year(entries, on),
        expected_12m=sum((one.value for one in coming), ZERO),
        yield_on_cost=declared / cost if cost > 0 else None,
        withheld=sum((one.amount for one in taxes), ZERO),
        withheld_12m=sum((one.amount for one in taxes if on - YEAR < exchange_day(one.venue_at) <= on), ZERO),
        months=_by_month(entries),
        symbols=symbols,
        coming=coming,
        entries=entries[::-1],
        notes=notes,
    )


def _received(legs: Sequence[_Leg], known: set[str]) -> list[Received]:
    return [
        Received(
            entry_id=leg.id,
            at=leg.venue_at,
            kind="dividends" if leg.account == DIVIDENDS else "interest",
            symbol=symbol_in(leg.description, known) if leg.account == DIVIDENDS else NO_SYMBOL,
            value=-leg.amount,
            description=leg.description,
        )
        for leg in legs
    ]


def symbol_in(words: str, known: set[str]) -> str:
    """The first known symbol that stands in the words of a dividend; empty for none."""
    return next((word for word in WORD.findall(words) if word in known), NO_SYMBOL)


def _by_month(entries: Iterable[Received]) -> list[MonthIncome]:
    sums: dict[tuple[int, int], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for one in entries:
        on = exchange_day(one.at)
        sums[on.year, on.month][one.kind] += one.value
    return [
        MonthIncome(year, month, of["dividends"], of["interest"])
        for (year, month), of in sorted(sums.items(), reverse=True)
    ]


def _coming(
    dividends: Mapping[str, Sequence[Dividend]],
    positions: Sequence[PositionView],
    moves: Sequence[Move],
    on: date,
    currency: str,
) -> tuple[list[ComingView], list[str]]:
    found, notes = [], []
    for position in positions:
        for one in coming_dividends(dividends.get(position.symbol, ()), on):
            if one.currency != currency:
                notes.append(f"{one.symbol} pays in {one.currency}: what that is in {currency} is not known yet.")
                continue
            qty = position.qty if one.ex_on > on else _held_before(moves, one)
            if qty > 0:
                value = to_cents(qty * one.per_share)
                found.append(ComingView(one.symbol, one.ex_on, one.pay_on, one.per_share, qty, value, one.estimated))
    return sorted(found, key=lambda one: (one.pay_on or one.ex_on, one.symbol)), list(dict.fromkeys(notes))


def _held_before(moves: Iterable[Move], one: Coming) -> Decimal:
    return sum((move.signed_qty for move in moves if move.symbol == one.symbol and move.on < one.ex_on), ZERO)


def _by_symbol(
    entries: Sequence[Received],
    positions: Sequence[PositionView],
    dividends: Mapping[str, Sequence[Dividend]],
    coming: Sequence[ComingView],
    on: date,
    currency: str,
) -> list[SymbolIncome]:
    held = {one.symbol: one for one in positions}
    paid = [one for one in entries if one.kind == "dividends"]
    named = {one.symbol for one in paid} | {one.symbol for one in coming}
    named |= {symbol for symbol, known in dividends.items() if paid_in_a_year(known, on, currency) > 0}
    return sorted(
        (
            _symbol(symbol, [one for one in paid if one.symbol == symbol], held.get(symbol),
                    paid_in_a_year(dividends.get(symbol, ()), on, currency),
                    sum((one.value for one in coming if one.symbol == symbol), ZERO), on)
            for symbol in named
        ),
        key=lambda one: (-one.received, -one.expected_12m, one.symbol),
    )  # fmt: skip


def _symbol(
    symbol: str,
    paid: Sequence[Received],
    position: PositionView | None,
    a_share: Decimal,
    expected: Decimal,
    on: date,
) -> SymbolIncome:
    long = position is not None and position.qty > 0
    declared = a_share * position.qty if position is not None and long else ZERO
    cost = position.cost_basis if position is not None and long else ZERO
    value = position.market_value if position is not None and long else ZERO
    return SymbolIncome(
        symbol=symbol,
        received=sum((one.value for one in paid), ZERO),
        received_12m=_of_past_year(paid, on),
        expected_12m=expected,
        qty=position.qty if position is not None else ZERO,
        cost=cost,
        yield_on_cost=declared / cost if cost > 0 else None,
        yield_now=declared / value if value > 0 else None,
    )


def _of_past_year(entries: Iterable[Received], on: date) -> Decimal:
    return sum((one.value for one in entries if on - YEAR < exchange_day(one.at) <= on), ZERO)


async def _today(b: Backends, account: AccountView, legs: Sequence[_Leg]) -> date:
    """The venue's day; for an account of a former run the day of its newest income."""
    if account.venue == "market":
        return exchange_day(utc_now())
    clock = None if account.read_only else await clock_or_none(b, account.venue)
    if clock is not None:
        return exchange_day(clock.venue_now)
    return exchange_day(legs[-1].venue_at if legs else utc_now())
