"""A past for an account: values at each close, flows with the values around them, books that agree with the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

SESSION = """
INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)
ON CONFLICT DO NOTHING
"""
SNAPSHOT = """
INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (account_id, venue_at) DO UPDATE SET equity = excluded.equity, net_deposits = excluded.net_deposits
"""
ENTRY = """
INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts)
VALUES (%s, %s, %s, %s, now(), %s, %s, %s::numeric[])
"""
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
VALUES ('replay', %s, '1d', 0, %s, %s, %s, %s, %s, %s, NULL, 'test')
"""
MARKET_CLOSES = """
WITH grown AS (
    SELECT ends_at, close / lag(close) OVER (PARTITION BY symbol ORDER BY starts_at) AS ratio
      FROM bar WHERE venue = 'replay' AND interval = '1d' AND symbol IN ('AAPL', 'JPM', 'XOM', 'NVDA'))
SELECT ends_at, avg(ratio) FROM grown WHERE ends_at <= %(until)s AND ratio IS NOT NULL
 GROUP BY ends_at ORDER BY ends_at DESC LIMIT %(sessions)s
"""
SESSION_LENGTH = timedelta(hours=6, minutes=30)
FLOW_BEFORE_CLOSE = timedelta(hours=2)
SAMPLE = timedelta(minutes=5)


@dataclass(frozen=True)
class PastDay:
    """A session's close with its value; `flow` came two hours before it, when the account was worth `before`."""

    closes_at: datetime
    value: Decimal
    flow: Decimal = Decimal(0)
    before: Decimal = Decimal(0)


def past(*rows: str) -> list[PastDay]:
    """`"2021-03-01 101000"`, `"2021-03-02 156000 104000+50000"`: day, value at the close, value before and flow."""
    found = []
    for row in rows:
        day, value, *moved = row.split()
        closes_at = datetime.fromisoformat(f"{day}T21:00:00+00:00")
        if not moved:
            found.append(PastDay(closes_at, Decimal(value)))
            continue
        cut = max(moved[0].rfind("+"), moved[0].rfind("-"))
        found.append(PastDay(closes_at, Decimal(value), Decimal(moved[0][cut:]), Decimal(moved[0][:cut])))
    return found


def give_sessions(connection: psycopg.Connection[Any], days: Sequence[PastDay]) -> None:
    """The calendar of these days, where it is not there yet."""
    for day in days:
        connection.execute(SESSION, (day.closes_at.date(), day.closes_at - SESSION_LENGTH, day.closes_at))


def give_bars(connection: psycopg.Connection[Any], symbol: str, *rows: str) -> None:
    """Daily bars from `"2021-03-01 3900.00"`: day and close."""
    for row in rows:
        day, close = row.split()
        closes_at = datetime.fromisoformat(f"{day}T21:00:00+00:00")
        connection.execute(BAR, (symbol, closes_at - SESSION_LENGTH, closes_at, *[Decimal(close)] * 4))


def give_past(
    connection: psycopg.Connection[Any],
    account_id: UUID,
    days: Sequence[PastDay],
    *,
    opened_at: datetime,
    opened_with: Decimal = Decimal(100_000),
) -> None:
    """Let the account have lived through `days`. Its cash and journal agree with the last value."""
    with connection.transaction():  # a running recorder sees all of it or nothing
        connection.execute("DELETE FROM equity_snapshot WHERE account_id = %s", (account_id,))
        connection.execute("UPDATE account SET opened_venue_at = %s WHERE id = %s", (opened_at, account_id))
        paid_in = opened_with
        connection.execute(SNAPSHOT, (account_id, opened_at, opened_with, opened_with, paid_in))
        for day in days:
            if day.flow:
                at = day.closes_at - FLOW_BEFORE_CLOSE
                connection.execute(SNAPSHOT, (account_id, at - SAMPLE, day.before, 0, paid_in))
                paid_in += day.flow
                connection.execute(SNAPSHOT, (account_id, at, day.before + day.flow, 0, paid_in))
                kind = "deposit" if day.flow > 0 else "withdrawal"
                _book(connection, account_id, kind, at, "equity:deposits", day.flow)
            connection.execute(SNAPSHOT, (account_id, day.closes_at, day.value, day.value, paid_in))
        _book(connection, account_id, "fill", days[-1].closes_at, "equity:trading", days[-1].value - paid_in)


def _book(
    connection: psycopg.Connection[Any], account_id: UUID, kind: str, at: datetime, other: str, cash: Decimal
) -> None:
    legs = (["assets:cash", other], ["USD", "USD"], [cash, -cash])
    connection.execute(ENTRY, (account_id, kind, f"{kind.capitalize()} of the past", at, *legs))
    connection.execute("UPDATE account SET cash = cash + %s WHERE id = %s", (cash, account_id))


def market_past(connection: psycopg.Connection[Any], sessions: int, until: datetime) -> list[PastDay]:
    """What 100,000.00 in a few stocks would have been worth at the last closes; money comes twice and goes once."""
    rows = connection.execute(MARKET_CLOSES, {"until": until, "sessions": sessions}).fetchall()[::-1]
    flows = {len(rows) // 4: Decimal(40_000), len(rows) // 2: Decimal(25_000), len(rows) * 4 // 5: Decimal(-30_000)}
    value, found = Decimal(100_000), []
    for number, (closes_at, grown) in enumerate(rows):
        value = (value * grown).quantize(Decimal("0.01"))
        before, flow = value, flows.get(number, Decimal(0))
        value += flow
        found.append(PastDay(closes_at, value, flow, before))
    return found
