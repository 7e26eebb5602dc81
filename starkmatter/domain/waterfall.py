"""How an account's value became another one: flows, price gains by position, income and costs, to the cent.

Conservation does it. Cash moved by the ledger's entries; what shares were worth at the start and are worth at the end
is given; so for each symbol gain = worth at the end - worth at the start + cash of its trades, fees aside. It is split
by average cost, beginning with what the shares were worth at the start: what was sold in the period is realized, what
is still held is not. Nothing is a remainder but what is named so.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from starkmatter.domain.ledger import ADJUSTMENTS, CASH, DEPOSITS, DIVIDENDS, HOLDING, INTEREST, ROUNDING, TRADING
from starkmatter.domain.lots import share
from starkmatter.domain.money import CENT, ZERO, to_cents

StepKey = Literal[
    "paid_in", "taken_out", "realized", "unrealized", "dividends", "interest", "other_income", "fees", "other_costs",
    "adjustments", "other", "splits", "fx", "rounding", "unassigned",
]  # fmt: skip
STEP_KEYS: tuple[StepKey, ...] = (
    "paid_in", "taken_out", "realized", "unrealized", "dividends", "interest", "other_income", "fees", "other_costs",
    "adjustments", "other", "splits", "fx", "rounding", "unassigned",
)  # fmt: skip
# Shares that come without money and take no cost of their own: the same position in other shares.
SPLITS = frozenset({"split", "stock_dividend"})
RENAMING = "symbol_change"
FEES_OF = "expenses:fees"
STEP_OF: dict[str, StepKey] = {
    DIVIDENDS: "dividends", INTEREST: "interest", FEES_OF: "fees", ADJUSTMENTS: "adjustments",
}  # fmt: skip


class Booked(Protocol):
    """What `explain` reads of an entry: legs are (account, commodity, amount)."""

    @property
    def id(self) -> int: ...

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
class Worth:
    """Shares (signed) and what they are worth together."""

    qty: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class SymbolGain:
    """What one symbol's price brought. `bought` and `sold` are the cash of its trades, fees aside, not negative."""

    symbol: str
    start: Worth
    end: Worth
    bought: Decimal
    sold: Decimal
    realized: Decimal
    unrealized: Decimal
    entry_ids: tuple[int, ...]

    @property
    def gain(self) -> Decimal:
        return self.realized + self.unrealized


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


@dataclass(slots=True)
class _Position:
    """A symbol's fold: average cost from the start's worth on."""

    start: Worth
    qty: Decimal
    basis: Decimal
    realized: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    entry_ids: list[int] = field(default_factory=list)

    def trade(self, qty: Decimal, cash: Decimal) -> None:
        """`qty` signed shares for `cash` (negative when paid)."""
        if cash < 0:
            self.bought -= cash
        else:
            self.sold += cash
        closing = min(abs(qty), abs(self.qty)) if qty * self.qty < 0 else ZERO
        if closing:
            gone = share(self.basis, closing, abs(self.qty))
            part = share(cash, closing, abs(qty))
            self.realized += part - gone
            self.basis -= gone
            cash -= part
        self.qty += qty
        self.basis -= cash


def explain(
    start_value: Decimal,
    end_value: Decimal,
    start: Mapping[str, Worth],
    end: Mapping[str, Worth],
    entries: Sequence[Booked],
    currency: str,
) -> Waterfall:
    """The steps from one value (whole cents) to the other by the entries in between, in the order of booking."""
    positions = {symbol: _Position(worth, worth.qty, worth.value) for symbol, worth in start.items()}
    sums: dict[StepKey, Decimal] = defaultdict(Decimal)
    ids: dict[StepKey, list[int]] = defaultdict(list)
    notes: list[str] = []
    for entry in entries:
        _take(entry, positions, sums, ids, notes, currency)
    gains = [_gain(symbol, one, end.get(symbol, Worth(ZERO, ZERO))) for symbol, one in sorted(positions.items())]
    gains += [
        _gain(symbol, _Position(Worth(ZERO, ZERO), ZERO, ZERO), worth)
        for symbol, worth in sorted(end.items())
        if symbol not in positions
    ]
    for one in gains:
        if one.end.qty != positions.get(one.symbol, _Position(one.start, ZERO, ZERO)).qty:
            notes.append(f"The shares of {one.symbol} at the end are not those of the ledger.")
    return _waterfall(end_value - start_value, sums, ids, gains, notes)


def _take(
    entry: Booked,
    positions: dict[str, _Position],
    sums: dict[StepKey, Decimal],
    ids: dict[StepKey, list[int]],
    notes: list[str],
    currency: str,
) -> None:
    """One entry: its shares and their cash to a position, everything else to a step by the account of the other leg."""
    # One turn over the legs: a book of ten years has sixty thousand of them.
    moved: list[tuple[str, Decimal]] = []
    others: list[tuple[str, Decimal]] = []
    adjusted: list[str] = []
    paid = ZERO
    for account, unit, amount in entry.legs:
        if account == HOLDING and amount:
            moved.append((unit, amount))
        elif account == ADJUSTMENTS:
            adjusted.append(unit)
        if unit != currency or account == CASH:
            continue
        if account in (TRADING, ROUNDING):
            paid -= amount
        else:
            others.append((account, amount))
    if len(moved) == 1:
        symbol, qty = moved[0]
        position = _of(positions, symbol)
        position.entry_ids.append(entry.id)
        if entry.kind in SPLITS:
            position.qty += qty
            ids["splits"].append(entry.id)
        elif symbol in adjusted:
            _adjust(entry, position, symbol, qty, sums, ids, notes)
        else:
            position.trade(qty, paid)
            paid = ZERO
    elif moved and entry.kind == RENAMING:
        _rename(entry, positions, moved)
        ids["splits"].append(entry.id)
    elif moved:
        for symbol, qty in moved:
            _of(positions, symbol).qty += qty
    if paid:
        sums["other"] += paid
        ids["other"].append(entry.id)
    for account, amount in others:
        key = _step_of(account, amount)
        sums[key] -= amount
        ids[key].append(entry.id)


def _of(positions: dict[str, _Position], symbol: str) -> _Position:
    if (known := positions.get(symbol)) is not None:
        return known
    return positions.setdefault(symbol, _Position(Worth(ZERO, ZERO), ZERO, ZERO))


def _rename(entry: Booked, positions: dict[str, _Position], moved: Sequence[tuple[str, Decimal]]) -> None:
    """Shares that go on under another symbol: what they are worth and what they had cost goes along."""
    gone = {symbol: qty for symbol, qty in moved if (one := positions.get(symbol)) is not None and one.qty * qty < 0}
    basis = ZERO
    for symbol, qty in gone.items():
        former = positions[symbol]
        part = share(former.basis, min(abs(qty), abs(former.qty)), abs(former.qty))
        former.basis -= part
        basis += part
        former.qty += qty
        former.entry_ids.append(entry.id)
    for symbol, qty in moved:
        if symbol not in gone:
            other = _of(positions, symbol)
            other.qty += qty
            other.basis += basis
            other.entry_ids.append(entry.id)


def _adjust(
    entry: Booked,
    position: _Position,
    symbol: str,
    qty: Decimal,
    sums: dict[StepKey, Decimal],
    ids: dict[StepKey, list[int]],
    notes: list[str],
) -> None:
    """Shares that came or went to agree with a broker: those that went take their worth along, others bring no cost."""
    if qty * position.qty < 0:
        gone = share(position.basis, min(abs(qty), abs(position.qty)), abs(position.qty))
        position.basis -= gone
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


def _gain(symbol: str, position: _Position, end: Worth) -> SymbolGain:
    unrealized = end.value - position.basis
    return SymbolGain(
        symbol,
        position.start,
        end,
        position.bought,
        position.sold,
        position.realized,
        unrealized,
        tuple(position.entry_ids),
    )


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
    parts = [exact.get(key, ZERO) for key in plain] + [part for one in gains for part in (one.realized, one.unrealized)]
    cents = in_cents(parts)
    values: dict[StepKey, Decimal] = dict(zip(plain, cents, strict=False))
    of_gains = cents[len(plain) :]
    shown = [
        replace(one, realized=of_gains[2 * number], unrealized=of_gains[2 * number + 1])
        for number, one in enumerate(gains)
    ]
    values["realized"] = sum((one.realized for one in shown), ZERO)
    values["unrealized"] = sum((one.unrealized for one in shown), ZERO)
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
