"""How an account's value became another one: flows, price gains by position, income and costs, to the cent.

Conservation does it. Cash moved by the ledger's entries; what shares were worth at the start and are worth at the end
is given; so for each symbol gain = worth at the end - worth at the start + cash of its trades, fees aside. It is split
by average cost, beginning with what the shares were worth at the start: what was sold in the period is realized, what
is still held is not. Nothing is a remainder but what is named so.

A book can be of several accounts in several currencies, and of shares that are quoted in another currency than the
book's: `domain.symbol_gains` says how a gain is told apart into price and currency. Cash in another currency has a part
of its own: worth at the end - at the start - all that moved it at the rates of its days.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from starkmatter.domain.ledger import (
    ADJUSTMENTS,
    CASH,
    DEPOSITS,
    DIVIDENDS,
    HOLDING,
    INTEREST,
    ROUNDING,
    TRADING,
    WITHHELD,
)
from starkmatter.domain.lots import share
from starkmatter.domain.money import CENT, ZERO, to_cents
from starkmatter.domain.symbol_gains import Position, RateAt, SymbolGain, Worth, gain_of, together

StepKey = Literal[
    "paid_in", "taken_out", "realized", "unrealized", "dividends", "interest", "other_income", "fees", "taxes",
    "other_costs", "adjustments", "other", "splits", "fx", "rounding", "unassigned",
]  # fmt: skip
STEP_KEYS: tuple[StepKey, ...] = (
    "paid_in", "taken_out", "realized", "unrealized", "dividends", "interest", "other_income", "fees", "taxes",
    "other_costs", "adjustments", "other", "splits", "fx", "rounding", "unassigned",
)  # fmt: skip
# Shares that come without money and take no cost of their own: the same position in other shares.
SPLITS = frozenset({"split", "stock_dividend"})
RENAMING = "symbol_change"
FEES_OF = "expenses:fees"
STEP_OF: dict[str, StepKey] = {
    DIVIDENDS: "dividends", INTEREST: "interest", FEES_OF: "fees", WITHHELD: "taxes", ADJUSTMENTS: "adjustments",
}  # fmt: skip


class Booked(Protocol):
    """What `explain` reads of an entry: legs are (account, commodity, amount)."""

    @property
    def id(self) -> int: ...

    @property
    def at(self) -> datetime: ...

    @property
    def kind(self) -> str: ...

    @property
    def legs(self) -> Iterable[tuple[str, str, Decimal]]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry of the period: legs are (account, commodity, amount)."""

    id: int
    at: datetime
    kind: str
    legs: tuple[tuple[str, str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One account of a book over the period, all of it in the book's currency.

    `rate_of` holds the symbols that are quoted in another currency. `cash_start` and `cash_end` are what the account's
    cash was worth, at the rates of `start_at` and `end_at`; None where its currency is the book's. `moved` are entries
    between own accounts: their deposits and withdrawals are none, and what they leave open is one of exchange.
    """

    start: Mapping[str, Worth]
    end: Mapping[str, Worth]
    entries: Sequence[Booked]
    start_at: datetime | None = None
    end_at: datetime | None = None
    rate_of: Mapping[str, RateAt] = field(default_factory=dict)
    cash_start: Decimal | None = None
    cash_end: Decimal | None = None
    moved: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall, in whole cents, and the entries it was made of."""

    key: StepKey
    value: Decimal
    entry_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Steps from the start to the end; they sum to the difference exactly, and so do gains by symbol to theirs.

    `notes`: what could not be told apart, in sentences.
    """

    steps: tuple[Step, ...]
    symbols: tuple[SymbolGain, ...]
    notes: tuple[str, ...]

    def step(self, key: StepKey) -> Decimal:
        return next(one.value for one in self.steps if one.key == key)


def explain(
    start_value: Decimal,
    end_value: Decimal,
    start: Mapping[str, Worth],
    end: Mapping[str, Worth],
    entries: Sequence[Booked],
    currency: str,
) -> Waterfall:
    """The steps from one value (whole cents) to the other by the entries in between, in the order of booking."""
    return explain_book(start_value, end_value, [Part(start, end, entries)], currency)


def explain_book(start_value: Decimal, end_value: Decimal, parts: Sequence[Part], currency: str) -> Waterfall:
    """The same of several accounts together; a symbol that several of them hold has one line."""
    sums: dict[StepKey, Decimal] = defaultdict(Decimal)
    ids: dict[StepKey, list[int]] = defaultdict(list)
    notes: list[str] = []
    gains: dict[str, SymbolGain] = {}
    for part in parts:
        for gain in _explain_part(part, sums, ids, notes, currency):
            gains[gain.symbol] = together(gains[gain.symbol], gain) if gain.symbol in gains else gain
    return _waterfall(end_value - start_value, sums, ids, [gains[symbol] for symbol in sorted(gains)], notes)


def _explain_part(
    part: Part,
    sums: dict[StepKey, Decimal],
    ids: dict[StepKey, list[int]],
    notes: list[str],
    currency: str,
) -> list[SymbolGain]:
    positions = _Positions(part)
    for entry in part.entries:
        _take(entry, positions, sums, ids, notes, currency, moved=entry.id in part.moved)
    if part.cash_start is not None and part.cash_end is not None:
        legs = (leg for entry in part.entries for leg in entry.legs)
        cash = sum((amount for account, unit, amount in legs if account == CASH and unit == currency), ZERO)
        sums["fx"] += part.cash_end - part.cash_start - cash
    for symbol in part.end:
        positions.of(symbol)
    found = []
    for symbol, one in sorted(positions.known.items()):
        ends = part.end.get(symbol, Worth(ZERO, ZERO))
        if ends.qty != one.qty:
            notes.append(f"The shares of {symbol} at the end are not those of the ledger.")
        found.append(gain_of(symbol, one, ends, part.end_at))
        if symbol in part.rate_of and one.rate is None:
            notes.append(f"{symbol}: a rate is missing, so that its gain is not told apart into price and currency.")
    return found


class _Positions:
    """Those of a part, each from what it was worth at the start on."""

    def __init__(self, part: Part) -> None:
        self._rate_of = part.rate_of
        self.known: dict[str, Position] = {}
        for symbol, worth in part.start.items():
            one = self.known[symbol] = Position(worth, worth.qty, worth.value, part.rate_of.get(symbol))
            one.local = one.in_local(worth.value, part.start_at)

    def of(self, symbol: str) -> Position:
        """The one of a symbol, empty when it is new."""
        if symbol not in self.known:
            self.known[symbol] = Position(Worth(ZERO, ZERO), ZERO, ZERO, self._rate_of.get(symbol))
        return self.known[symbol]


def _take(
    entry: Booked,
    positions: _Positions,
    sums: dict[StepKey, Decimal],
    ids: dict[StepKey, list[int]],
    notes: list[str],
    currency: str,
    *,
    moved: bool,
) -> None:
    """One entry: its shares and their cash to a position, everything else to a step by the account of the other leg.

    Of one that is `moved` between own accounts deposits and withdrawals are none: both sides come to what the exchange
    left open. Shares go at what they are worth then, so that each account keeps the gain of its time.
    """
    # One turn over the legs: a book of ten years has sixty thousand of them.
    shares: list[tuple[str, Decimal]] = []
    others: list[tuple[str, Decimal]] = []
    adjusted: list[str] = []
    paid = ZERO
    for account, unit, amount in entry.legs:
        if account == HOLDING and amount:
            shares.append((unit, amount))
        elif account == ADJUSTMENTS:
            adjusted.append(unit)
        if unit != currency or account == CASH:
            continue
        if account in (TRADING, ROUNDING):
            paid -= amount
        else:
            others.append((account, amount))
    if len(shares) == 1:
        symbol, qty = shares[0]
        position = positions.of(symbol)
        position.entry_ids.append(entry.id)
        if entry.kind in SPLITS:
            position.qty += qty
            ids["splits"].append(entry.id)
        elif symbol in adjusted:
            _adjust(entry, position, symbol, qty, sums, ids, notes)
        else:
            position.trade(qty, paid, entry.at)
            paid = ZERO
    elif shares and entry.kind == RENAMING:
        _rename(entry, positions, shares)
        ids["splits"].append(entry.id)
    elif shares:
        for symbol, qty in shares:
            positions.of(symbol).qty += qty
    if paid:
        sums["other"] += paid
        ids["other"].append(entry.id)
    for account, amount in others:
        key = "fx" if moved and account == DEPOSITS else _step_of(account, amount)
        sums[key] -= amount
        ids[key].append(entry.id)


def _rename(entry: Booked, positions: _Positions, moved: Sequence[tuple[str, Decimal]]) -> None:
    """Shares that go on under another symbol: what they are worth and what they had cost goes along."""
    gone = {symbol: qty for symbol, qty in moved if (one := positions.known.get(symbol)) and one.qty * qty < 0}
    basis = local = ZERO
    for symbol, qty in gone.items():
        former = positions.known[symbol]
        leaving = min(abs(qty), abs(former.qty))
        part, local_part = share(former.basis, leaving, abs(former.qty)), former.share_of_local(leaving)
        former.basis -= part
        former.local -= local_part
        basis, local = basis + part, local + local_part
        former.qty += qty
        former.entry_ids.append(entry.id)
    for symbol, qty in moved:
        if symbol not in gone:
            other = positions.of(symbol)
            other.qty += qty
            other.basis += basis
            other.local += local
            other.entry_ids.append(entry.id)


def _adjust(
    entry: Booked,
    position: Position,
    symbol: str,
    qty: Decimal,
    sums: dict[StepKey, Decimal],
    ids: dict[StepKey, list[int]],
    notes: list[str],
) -> None:
    """Shares that came or went to agree with a broker: those that went take their worth along, others bring no cost."""
    if qty * position.qty < 0:
        leaving = min(abs(qty), abs(position.qty))
        gone, local_gone = share(position.basis, leaving, abs(position.qty)), position.share_of_local(leaving)
        position.basis -= gone
        position.local -= local_gone
        sums["adjustments"] -= gone
    else:
        notes.append(f"Shares of {symbol} came without a price: what they are worth counts among its gains.")
    position.qty += qty
    ids["adjustments"].append(entry.id)


def _step_of(account: str, amount: Decimal) -> StepKey:
    if account == DEPOSITS:
        return "paid_in" if amount < 0 else "taken_out"
    if (named := STEP_OF.get(account)) is not None:
        return named
    return "other_income" if account.startswith("income:") else "other_costs" if _is_cost(account) else "other"


def _is_cost(account: str) -> bool:
    return account.startswith("expenses:")


def _waterfall(
    change: Decimal,
    sums: Mapping[StepKey, Decimal],
    ids: Mapping[StepKey, list[int]],
    gains: Sequence[SymbolGain],
    notes: list[str],
) -> Waterfall:
    """Round to cents so that every sum stands: running sums are rounded, parts are their differences."""
    exact = dict(sums)
    plain: list[StepKey] = [key for key in STEP_KEYS if key not in ("realized", "unrealized", "rounding", "unassigned")]
    parts = [exact.get(key, ZERO) for key in plain] + [
        part for one in gains for part in (one.realized, one.unrealized, one.fx)
    ]
    cents = in_cents(parts)
    values: dict[StepKey, Decimal] = dict(zip(plain, cents, strict=False))
    of_gains = cents[len(plain) :]
    shown = [
        replace(one, realized=of_gains[3 * number], unrealized=of_gains[3 * number + 1], fx=of_gains[3 * number + 2])
        for number, one in enumerate(gains)
    ]
    values["realized"] = sum((one.realized for one in shown), ZERO)
    values["unrealized"] = sum((one.unrealized for one in shown), ZERO)
    values["fx"] += sum((one.fx for one in shown), ZERO)
    told = sum(exact.values(), ZERO) + sum((one.gain for one in gains), ZERO)
    left = change - sum(values.values(), ZERO)
    if abs(change - told) > CENT:
        values["unassigned"] = to_cents(change - told)
        notes.append("Part of the change belongs to no entry and no price that was kept.")
    values["rounding"] = left - values.get("unassigned", ZERO)
    traded = tuple(sorted({entry for one in gains for entry in one.entry_ids}))
    return Waterfall(
        tuple(
            Step(key, values.get(key, ZERO), traded if key == "realized" else tuple(ids.get(key, ())))
            for key in STEP_KEYS
        ),
        tuple(shown),
        tuple(dict.fromkeys(notes)),
    )


def in_cents(parts: Sequence[Decimal]) -> list[Decimal]:
    """Whole cents that sum to the rounded sum of the parts, each less than a cent from its own."""
    found, exact, told = [], ZERO, ZERO
    for part in parts:
        exact += part
        cents = to_cents(exact) - told
        found.append(cents)
        told += cents
    return found
