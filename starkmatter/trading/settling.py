"""The cash of cash accounts by the day it settles (T+1), from what was traded in the last days.

What was paid in or out settles on its own day, so only fills whose session's settlement is still to come count. Where
the calendar does not reach that far, nothing is known to be unsettled.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.sessions import Session, SessionCalendar, exchange_day
from starkmatter.domain.settlement import CashMove, CashState, settles_on
from starkmatter.market.clocks import EXCHANGE
from starkmatter.trading import queries

LOOK_BACK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Settling:
    """An account's cash now. `unsettled` are proceeds on their way, the last of which comes on `settled_on`."""

    state: CashState
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class _Traded:
    account_id: UUID
    traded_on: date
    cash: Decimal


async def settling_of(b: Backends, cash: Mapping[UUID, Decimal], venue_now: datetime) -> dict[UUID, Settling]:
    """How much of each account's `cash` has settled by `venue_now`."""
    today = exchange_day(venue_now)
    asked = {"accounts": list(cash), "since": venue_now - LOOK_BACK, "zone": "America/New_York"}
    traded: dict[UUID, list[_Traded]] = defaultdict(list)
    rows = await b.db.all(_Traded, queries.TRADED_LATELY, asked)
    for row in rows:
        traded[row.account_id].append(row)
    calendar = await calendar_around(b, today) if rows else SessionCalendar([])
    return {account_id: _settling(have, traded[account_id], calendar, today) for account_id, have in cash.items()}


async def calendar_around(b: Backends, day: date) -> SessionCalendar:
    """The sessions some days before and after."""
    asked = {"exchange": EXCHANGE, "first": day - 2 * LOOK_BACK, "last": day + 2 * LOOK_BACK}
    return SessionCalendar(await b.db.all(Session, queries.SESSIONS_AROUND, asked))


def _settling(cash: Decimal, traded: list[_Traded], calendar: SessionCalendar, today: date) -> Settling:
    unsettled = owed = ZERO
    last: date | None = None
    for one in traded:
        try:
            move = CashMove(one.cash, settles_on(calendar, one.traded_on))
        except ValueError:
            continue
        if move.settles_on <= today:
            continue
        if move.cash > 0:
            unsettled, last = unsettled + move.cash, max(last or move.settles_on, move.settles_on)
        else:
            owed -= move.cash
    unsettled, owed = to_cents(unsettled), to_cents(owed)
    return Settling(CashState(cash - unsettled + owed, unsettled, owed), last)
