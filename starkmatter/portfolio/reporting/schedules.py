"""Reports that a person has mailed to themselves after each week, month, quarter or year of the market.

Periods are those of the accounts' own market, so a month of the replay is over when its clock says so. The first one is
the one that runs when the schedule is made. Mails go to the address the person signs in with and to no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.periods import Every, last_complete
from starkmatter.errors import Conflict, InvalidInput, NotFound
from starkmatter.portfolio.reporting import queries
from starkmatter.portfolio.reporting.records import MAX_ACCOUNTS, Section
from starkmatter.portfolio.reporting.wishes import (
    check_accounts,
    in_order,
    read_benchmark,
    read_sections,
    venue_today,
)

MOST_SCHEDULES = 20


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule. Periods up to `done_until` are done; `mail` is the state of the last mail ("" before the first), with
    `mail_words` when it failed; `words` say why a period brought none.
    """

    id: UUID
    user_id: UUID
    account_ids: list[UUID]
    every: Every
    sections: list[Section]
    benchmark: str | None
    amounts: bool
    done_until: date
    created_at: datetime
    last_at: datetime | None
    words: str
    mail: str
    mail_words: str


async def list_schedules(b: Backends, caller: Caller) -> list[ScheduleView]:
    """The caller's, the newest first."""
    return await b.db.all(ScheduleView, queries.SCHEDULES_OF, {"user": caller.user_id})


async def make_schedule(
    b: Backends,
    caller: Caller,
    account_ids: Sequence[UUID],
    every: str,
    sections: Sequence[str] | None = None,
    benchmark: str | None = None,
    *,
    amounts: bool = True,
) -> ScheduleView:
    """A new one. NotFound for an account the caller does not see, InvalidInput for what cannot be, Conflict past the
    twentieth, Unavailable while the market's clock does not answer.
    """
    known: tuple[Every, ...] = get_args(Every)
    chosen = next((one for one in known if one == every), None)
    if chosen is None:
        raise InvalidInput(f"every: one of {', '.join(known)}.")
    if not 1 <= len(account_ids) <= MAX_ACCOUNTS or len(set(account_ids)) != len(account_ids):
        raise InvalidInput(f"account_ids: one to {MAX_ACCOUNTS} accounts, each once.")
    accounts = await check_accounts(b, caller, account_ids, read_benchmark(benchmark))
    schedule_id, now = uuid4(), utc_now()
    row = {
        "id": schedule_id,
        "user": caller.user_id,
        "accounts": list(account_ids),
        "every": chosen,
        "sections": in_order(read_sections(sections)),
        "benchmark": benchmark,
        "amounts": amounts,
        "done_until": last_complete(chosen, await venue_today(b, accounts[0].venue)).end,
        "now": now,
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, (caller.user_id,))
        count = await (await connection.execute(queries.COUNT_SCHEDULES, (caller.user_id,))).fetchone()
        if count is not None and count[0] >= MOST_SCHEDULES:
            raise Conflict(f"You have {MOST_SCHEDULES} schedules. Stop one that is not needed any more.")
        await connection.execute(queries.INSERT_SCHEDULE, row)
        about = {"accounts": list(account_ids), "every": chosen, "amounts": amounts}
        await note(connection, caller, "report.scheduled", ("report_schedule", schedule_id), after=about)
    return next(one for one in await list_schedules(b, caller) if one.id == schedule_id)


async def stop_schedule(b: Backends, caller: Caller, schedule_id: UUID) -> None:
    """Mail it no longer. NotFound when it is not the caller's."""
    async with b.db.transaction() as connection:
        asked = {"id": schedule_id, "user": caller.user_id}
        if (await connection.execute(queries.DELETE_SCHEDULE, asked)).rowcount != 1:
            raise NotFound("There is no such schedule.")
        await note(connection, caller, "report.schedule_stopped", ("report_schedule", schedule_id))
