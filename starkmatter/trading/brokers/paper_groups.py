"""Groups of paper orders at work: what each has to do next is read from the database and written there.

The rules are those of `domain.order_groups`. A group is looked at as it is now, so a crash between a fill and what
follows from it is made good by looking again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import structlog

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import money_text, plain
from starkmatter.domain.order_groups import Action, Member, Role, follow
from starkmatter.domain.orders import Condition, OrderStatus
from starkmatter.domain.quotes import Quote
from starkmatter.trading import queries

TURNS = 5

log = structlog.get_logger("paper")


@dataclass(frozen=True, slots=True)
class _Row:
    """One order of a group, as stored."""

    id: UUID
    group_id: UUID
    role: Role
    qty: Decimal
    filled_qty: Decimal
    status: str
    held: bool
    shared_qty: Decimal | None


async def open_groups(db: Database, venue: str) -> set[UUID]:
    """The groups of the venue of which something is still open."""
    return {group_id for (group_id,) in await db.tuples(queries.OPEN_GROUPS, (venue,))}


async def settle_groups(db: Database, groups: Iterable[UUID], venue_at: datetime) -> set[UUID]:
    """Do what these groups have to do until nothing is left; the orders that were touched."""
    touched: set[UUID] = set()
    for _ in range(TURNS):
        actions = await _to_do(db, groups)
        done = await carry_out(db, actions, venue_at)
        touched |= done
        if not done:
            return touched
    log.warning("a group does not come to rest", groups=[str(one) for one in groups][:5])
    return touched


async def carry_out(db: Database, actions: Iterable[Action], venue_at: datetime) -> set[UUID]:
    """Write what is to be done; the orders for which it still fitted."""
    batch: list[dict[str, Any]] = [
        {"verb": one.verb, "order": one.order_id, "qty": plain(one.qty), "why": one.why} for one in actions
    ]
    if not batch:
        return set()
    rows = await db.tuples(queries.FOLLOW_GROUPS, (orjson.dumps(batch).decode(), venue_at, utc_now()))
    return {order_id for (order_id,) in rows}


async def _to_do(db: Database, groups: Iterable[UUID]) -> list[Action]:
    found: dict[UUID, list[_Row]] = defaultdict(list)
    for row in await db.all(_Row, queries.GROUP_MEMBERS, (list(groups),)):
        found[row.group_id].append(row)
    return [action for rows in found.values() for action in follow([_member(row) for row in rows], _shared(rows))]


def _member(row: _Row) -> Member:
    return Member(str(row.id), row.role, row.qty, row.filled_qty, OrderStatus(row.status), row.held)


def _shared(rows: list[_Row]) -> Decimal | None:
    return next((row.shared_qty for row in rows if row.shared_qty is not None), None)


def met_words(condition: Condition, quote: Quote) -> str:
    """`MSFT traded at 201.00: at or above 200.00.`"""
    relation = condition.relation.replace("_", " ")
    return f"{condition.symbol} traded at {money_text(quote.last)}: {relation} {money_text(condition.price)}."
