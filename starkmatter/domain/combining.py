"""Several accounts as one book in one currency: its values, and what came to it from outside.

The value of the book at an instant is the sum of what each account was last known to be worth, at the exchange rate of
that day. What was paid in or taken out counts at the rate of its own day, in whole cents. Money that left one account
and came to another the same day, with no more than TRANSFER_SPREAD between the two at that day's rate, is a transfer:
no flow, and what the bank's rate leaves open is a result. On its way it belongs to the book. An instant without a rate
is none: it is named, and the next one that has its rates tells of both.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations

from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.performance import Valuation
from starkmatter.domain.sessions import exchange_day

TRANSFER_SPREAD = Decimal("0.02")
# What one unit of a currency costs in the book's on a day of the exchange; None where no rate is known.
RateOf = Callable[[str, date], Decimal | None]


@dataclass(frozen=True, slots=True)
class Flow:
    """Money that came to an account (positive) or left it, by its ledger, in the account's currency."""

    entry_id: int
    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Member:
    """One account: what it was worth when, in its own currency and ascending order, and its flows in theirs.

    `newest` is this moment's value, which comes after a point of the very same instant.
    """

    name: str
    currency: str
    points: Sequence[Valuation]
    flows: Sequence[Flow]
    newest: Valuation | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that went from one account of the book to another; `spread` is what the exchange gained (or lost)."""

    on: date
    from_name: str
    to_name: str
    value: Decimal
    spread: Decimal
    entry_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Together:
    """The book's valuations in order; `newest` the last one when it is this moment's.

    `lacking`: currencies with the days on which there was no rate.
    """

    valuations: list[Valuation]
    newest: Valuation | None
    transfers: list[Transfer]
    lacking: dict[str, list[date]]


@dataclass(slots=True)
class _Known:
    """A flow as of the first point that knows it: the place of that instant, and its worth in the book's currency."""

    member: int
    place: int
    on: date
    value: Decimal
    entry_id: int


@dataclass(slots=True)
class _Walk:
    """How far a member's points and flows have been gone through."""

    member: Member
    points: list[tuple[datetime, int, Valuation]]
    next_point: int = 0
    next_flow: int = 0
    booked: Decimal = ZERO
    now: Valuation | None = None
    counted: Valuation | None = None
    joined: bool = False
    skipped: bool = False


def combine(members: Sequence[Member], rate_of: RateOf, marks: Sequence[datetime]) -> Together:
    """The members as one book. At `marks`, the closes, nothing is on its way: a transfer over one is two flows."""
    walks = [_Walk(one, _points(one)) for one in members]
    instants = sorted({(at, phase) for walk in walks for at, phase, _ in walk.points})
    values: list[Decimal] = []
    kept: list[tuple[datetime, int]] = []
    flows: list[_Known] = []
    lacking: dict[str, set[date]] = {}
    for instant in instants:
        day = exchange_day(instant[0])
        for walk in walks:
            _go_on(walk, instant)
        value = _value_at(walks, day, rate_of, lacking)
        if value is None:
            continue
        for number, walk in enumerate(walks):
            flows += _new_flows(walk, number, len(kept), day, rate_of)
        kept.append(instant)
        values.append(value)
    transfers, moved = _transfers(flows, members, kept, marks)
    for first, second, part in moved:
        for place in range(first, second):
            values[place] -= part
    paid_in, valuations, outside = ZERO, [], _by_place(flows)
    for place, ((at, _), value) in enumerate(zip(kept, values, strict=True)):
        paid_in += outside.get(place, ZERO)
        valuations.append(Valuation(at, to_cents(value), paid_in))
    ends_now = bool(kept) and kept[-1] == instants[-1] and kept[-1][1] == 1
    days = {currency: sorted(found) for currency, found in sorted(lacking.items())}
    return Together(valuations, valuations[-1] if ends_now else None, transfers, days)


def _points(member: Member) -> list[tuple[datetime, int, Valuation]]:
    found = [(one.at, 0, one) for one in member.points if one is not member.newest]
    return found if member.newest is None else [*found, (member.newest.at, 1, member.newest)]


def _go_on(walk: _Walk, until: tuple[datetime, int]) -> None:
    while walk.next_point < len(walk.points) and walk.points[walk.next_point][:2] <= until:
        walk.now = walk.points[walk.next_point][2]
        walk.next_point += 1


def _value_at(walks: Sequence[_Walk], day: date, rate_of: RateOf, lacking: dict[str, set[date]]) -> Decimal | None:
    value = ZERO
    complete = True
    for walk in walks:
        if walk.now is None:
            continue
        rate = rate_of(walk.member.currency, day)
        if rate is None:
            lacking.setdefault(walk.member.currency, set()).add(day)
            walk.skipped = walk.skipped or not walk.joined
            complete = False
        else:
            value += walk.now.value * rate
    return value if complete else None


def _new_flows(walk: _Walk, number: int, place: int, day: date, rate_of: RateOf) -> list[_Known]:
    """What the member's newest point knows that was not counted yet: entry by entry where they make it up."""
    point = walk.now
    if point is None or point is walk.counted:
        return []
    walk.counted = point
    rate = rate_of(walk.member.currency, day) or ZERO
    flows = walk.member.flows
    if walk.skipped and not walk.joined:
        # What it earned before there was a rate is none of the book's: it comes with what it is worth.
        walk.joined = True
        while walk.next_flow < len(flows) and flows[walk.next_flow].at <= point.at:
            walk.next_flow += 1
        walk.booked = point.paid_in
        return [_Known(number, place, day, to_cents(point.value * rate), 0)]
    walk.joined = True
    if point.paid_in == walk.booked:
        return []
    end, total = walk.next_flow, walk.booked
    while end < len(flows) and flows[end].at <= point.at:
        total += flows[end].amount
        end += 1
        if total == point.paid_in:
            break
    if total != point.paid_in:
        moved = point.paid_in - walk.booked
        walk.next_flow, walk.booked = end, point.paid_in
        return [_Known(number, place, day, to_cents(moved * rate), 0)]
    found = []
    for flow in flows[walk.next_flow : end]:
        on = exchange_day(flow.at)
        its_rate = rate_of(walk.member.currency, on)
        found.append(_Known(number, place, on, to_cents(flow.amount * (its_rate or rate)), flow.entry_id))
    walk.next_flow, walk.booked = end, total
    return found


def _transfers(
    flows: list[_Known], members: Sequence[Member], kept: Sequence[tuple[datetime, int]], marks: Sequence[datetime]
) -> tuple[list[Transfer], list[tuple[int, int, Decimal]]]:
    """Pairs of flows that are none, taken out of `flows`; and from which place to which how much is on its way."""
    closes = sorted(marks)
    of_day: dict[tuple[date, int], list[_Known]] = defaultdict(list)
    for one in flows:
        if one.entry_id:
            of_day[one.on, bisect_left(closes, kept[one.place][0])].append(one)
    pairs = []
    for one, other in (pair for alike in of_day.values() for pair in combinations(alike, 2)):
        if one.member == other.member or one.value * other.value >= 0:
            continue
        apart = abs(one.value + other.value) / max(abs(one.value), abs(other.value))
        if apart <= TRANSFER_SPREAD:
            pairs.append((apart, abs(one.place - other.place), one.entry_id, other.entry_id, one, other))
    gone: set[int] = set()
    transfers, moved = [], []
    for *_, one, other in sorted(pairs, key=lambda pair: pair[:4]):
        if {one.entry_id, other.entry_id} & gone:
            continue
        gone |= {one.entry_id, other.entry_id}
        out, into = (one, other) if one.value < 0 else (other, one)
        names = members[out.member].name, members[into.member].name
        ids = frozenset({one.entry_id, other.entry_id})
        transfers.append(Transfer(out.on, *names, -out.value, out.value + into.value, ids))
        first, second = sorted((one, other), key=lambda known: known.place)
        moved.append((first.place, second.place, first.value))
    flows[:] = [one for one in flows if one.entry_id not in gone]
    return sorted(transfers, key=lambda one: (one.on, one.from_name)), moved


def _by_place(flows: Sequence[_Known]) -> dict[int, Decimal]:
    found: dict[int, Decimal] = {}
    for one in flows:
        found[one.place] = found.get(one.place, ZERO) + one.value
    return found
