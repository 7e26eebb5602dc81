"""The purse: the worst case of a call is reserved before it, what it did cost is settled after it. It fails closed.

Without a price, a budget or a database there is no reservation, and without a reservation there is no call. A crash
leaves the reservation counted.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID, uuid4

from starkmatter.accounts.records import Caller
from starkmatter.assistant import queries
from starkmatter.assistant.ports import Usage
from starkmatter.assistant.prices import cost_of, worst_cost
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import CENT, ZERO
from starkmatter.errors import InvalidInput, Refused

MAX_BUDGET_USD = Decimal(10_000)
LOST_AFTER = timedelta(minutes=10)
BILLED_OUTCOME, FREE_OUTCOME, UNKNOWN_OUTCOME = "used", "free", "unknown"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Leave to make one call of `model` that costs `worst_usd` at most."""

    id: UUID
    model: str
    worst_usd: Decimal


@dataclass(frozen=True, slots=True)
class Spending:
    """This month (UTC) in USD: `counted_usd` is everybody's with open reservations, `own_usd` the caller's."""

    month: date
    counted_usd: Decimal
    own_usd: Decimal
    own_calls: int


def budget_of(text: str) -> Decimal:
    """The monthly budget as entered, in USD; InvalidInput when it is not a figure from 0 to 10,000."""
    try:
        budget = Decimal(text.strip())
    except InvalidOperation:
        budget = Decimal("NaN")
    if not budget.is_finite() or not 0 <= budget <= MAX_BUDGET_USD:
        raise InvalidInput("The monthly budget is a figure in USD, from 0 to 10000.")
    return budget


async def reserve(
    b: Backends, caller: Caller, purpose: str, model: str, budget_usd: Decimal, *, prompt_bytes: int, max_tokens: int
) -> Reservation:
    """Set the worst case aside; Refused when the month's budget does not hold it, Unavailable without a database."""
    worst = worst_cost(model, prompt_bytes, max_tokens)
    now = utc_now()
    found = await b.db.value(
        queries.RESERVE,
        {
            "id": uuid4(),
            "owner": caller.user_id,
            "month": month_of(now),
            "purpose": purpose,
            "model": model,
            "worst": worst,
            "budget": budget_usd,
            "now": now,
        },
    )
    if found is None:
        raise Refused(
            f"This month's budget for the analyst, {budget_usd:,.2f} USD, does not hold this question, which may cost "
            f"up to {max(worst, CENT):,.2f} USD. It starts anew next month; an admin can raise it under Settings, "
            "Connections.",
            code="budget_spent",
        )
    return Reservation(found, model, worst)


async def settle(b: Backends, reservation: Reservation, usage: Usage | None, *, may_cost: bool = True) -> Decimal:
    """Book what the call cost and free the rest. Without usage it is the worst case, or nothing if it cannot cost."""
    if usage is not None:
        spent: Decimal | None = cost_of(reservation.model, usage)
        outcome = BILLED_OUTCOME
    else:
        spent, outcome = (None, UNKNOWN_OUTCOME) if may_cost else (ZERO, FREE_OUTCOME)
    await b.db.run(
        queries.SETTLE,
        {
            "id": reservation.id,
            "spent": spent,
            "usage": None if usage is None else json.dumps(asdict(usage)),
            "outcome": outcome,
            "now": utc_now(),
        },
    )
    return reservation.worst_usd if spent is None else spent


async def settle_lost_calls(b: Backends) -> int:
    """Count calls whose maker is gone as spent in full; how many there were."""
    now = utc_now()
    return await b.db.run(queries.SETTLE_LOST, {"now": now, "before": now - LOST_AFTER})


async def spending(b: Backends, caller: Caller) -> Spending:
    """What this month has cost so far."""
    month = month_of(utc_now())
    counted = await b.db.value(queries.COUNTED, {"month": month})
    ((calls, own),) = await b.db.tuples(queries.SPENT_BY, {"owner": caller.user_id, "month": month})
    return Spending(month, counted or ZERO, own, calls)


def month_of(at: datetime) -> date:
    """The first day of its month, in UTC."""
    return date(at.year, at.month, 1)
