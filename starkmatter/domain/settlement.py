"""A cash account's money by the day it settles: what may be spent, what may be taken out, which sale comes too early.

A trade settles one business day after it (T+1: SEC rule 15c6-1 as amended, from 2024-05-28). Business days are the
sessions that are passed in. Selling shares before the money that paid for them has settled is a good faith violation
(Regulation T, 12 CFR 220.8(c)); brokers restrict an account after a few of them within a year, so it is warned of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.sessions import SessionCalendar

SETTLEMENT_DAYS = 1


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash that came in (positive) or went out (negative): a trade's on the day it settles, a deposit's on its own."""

    cash: Decimal
    settles_on: date


@dataclass(frozen=True, slots=True)
class CashState:
    """The cash of a cash account on one day.

    `settled` may be taken out, unless purchases that have yet to settle (`owed`, positive) need it. `unsettled` are
    the proceeds of sales that have yet to arrive: they may buy, but what they buy may not be sold before they have.
    """

    settled: Decimal
    unsettled: Decimal
    owed: Decimal

    @property
    def total(self) -> Decimal:
        return self.settled + self.unsettled - self.owed

    @property
    def spendable_settled(self) -> Decimal:
        """Settled cash that no purchase has claimed: what it buys may be sold at any time, and it may be taken out."""
        return max(ZERO, self.settled - self.owed)


@dataclass(frozen=True, slots=True)
class PaidLot:
    """Shares of one purchase. `paid_on`: the day on which all the money that paid for them has settled."""

    symbol: str
    qty: Decimal
    bought_on: date
    paid_on: date


def settles_on(calendar: SessionCalendar, traded_on: date, days: int = SETTLEMENT_DAYS) -> date:
    """The session `days` sessions after the one of the trade. ValueError when the calendar does not reach that far.

    A trade on a day without a session (a weekend's transfer, say) counts from the next one.
    """
    dates = [session.session_on for session in calendar.sessions if session.session_on >= traded_on]
    if len(dates) <= days:
        raise ValueError(f"the calendar ends before the settlement of {traded_on}")
    return dates[days]


def cash_on(moves: Iterable[CashMove], day: date) -> CashState:
    """Settled and unsettled cash at the beginning of `day`; what settles on the day counts as settled."""
    settled = unsettled = owed = ZERO
    for move in moves:
        if move.settles_on <= day:
            settled += move.cash
        elif move.cash > 0:
            unsettled += move.cash
        else:
            owed -= move.cash
    return CashState(settled, unsettled, owed)


def paid_on(moves: Sequence[CashMove], cost: Decimal, day: date) -> date | None:
    """The day by which settled money covers a purchase of `cost` made on `day`; None when there is not enough of it.

    Earlier purchases have the first claim. Settled money is used first, then proceeds in the order in which they come.
    """
    state = cash_on(moves, day)
    missing = cost - (state.settled - state.owed)
    if missing <= 0:
        return day
    coming = sorted((move for move in moves if move.settles_on > day and move.cash > 0), key=lambda m: m.settles_on)
    for move in coming:
        missing -= move.cash
        if missing <= 0:
            return move.settles_on
    return None


def sold_too_early(lots: Sequence[PaidLot], symbol: str, qty: Decimal, day: date) -> str | None:
    """A warning when selling `qty` shares on `day` takes shares that are not paid for yet; the oldest go first."""
    left, early = qty, ZERO
    until = day
    for lot in sorted((one for one in lots if one.symbol == symbol), key=lambda one: one.bought_on):
        part = min(left, lot.qty)
        left -= part
        if part > 0 and lot.paid_on > day:
            early += part
            until = max(until, lot.paid_on)
    if not early:
        return None
    return (
        f"{plain(early)} {symbol} were bought with money that settles on {until.isoformat()}: selling them before is a "
        "good faith violation. Brokers restrict an account after a few of them."
    )
