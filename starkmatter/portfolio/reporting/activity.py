"""What a report says of the ledger's entries: each with what it did to the cash, sums by kind, and what was charged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from starkmatter.domain.ledger import CASH, HOLDING
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.portfolio.reporting.records import Activity, CostLine, KindSum, Movement
from starkmatter.portfolio.stories import Booked

SHOWN_MOVEMENTS = 400
ROUNDING_LINE = "Rounding"
EXPENSES = "expenses:"
ONE_ACCOUNT: Mapping[int, str] = MappingProxyType({})


def activity_of(booked: Sequence[Booked], currency: str, whose: Mapping[int, str] = ONE_ACCOUNT) -> Activity:
    """Every entry with what it did to the cash; `whose` names their accounts where there are several."""
    movements = [_movement(one, currency, whose.get(one.id, "")) for one in booked]
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in movements:
        counts[one.kind] += 1
        sums[one.kind] += one.cash
    kinds = [KindSum(kind, count, sums[kind]) for kind, count in sorted(counts.items())]
    return Activity(kinds, movements[-SHOWN_MOVEMENTS:], max(0, len(movements) - SHOWN_MOVEMENTS))


def _movement(one: Booked, currency: str, account: str) -> Movement:
    moved = [(unit, amount) for account, unit, amount in one.legs if account == HOLDING and amount]
    cash = sum((amount for account, unit, amount in one.legs if account == CASH and unit == currency), ZERO)
    symbol, qty = moved[0] if len(moved) == 1 else (", ".join(sorted({unit for unit, _ in moved})), None)
    return Movement(one.venue_at, one.kind, symbol, qty, cash, one.description, account)


def costs_of(booked: Sequence[Booked], currency: str, total: Decimal) -> list[CostLine]:
    """What was charged by kind, in whole cents that sum to `total`; what rounding leaves has a line of its own."""
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in booked:
        for account, unit, amount in one.legs:
            if account.startswith(EXPENSES) and unit == currency:
                counts[account] += 1
                sums[account] += amount
    lines = [
        CostLine(account.removeprefix(EXPENSES).capitalize(), counts[account], to_cents(value))
        for account, value in sorted(sums.items())
    ]
    left = total - sum((one.value for one in lines), ZERO)
    return [*lines, CostLine(ROUNDING_LINE, 0, left)] if left else lines
