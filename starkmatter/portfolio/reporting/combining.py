"""The accounts of a report as one book in the person's base currency, beside each of them.

Entries and costs are those of the explanation, which has them at the rate of their day in whole cents.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from starkmatter.accounts.profile import get_base_currency
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.books import book_of
from starkmatter.portfolio.explaining import explain_period
from starkmatter.portfolio.performance import measure_period
from starkmatter.portfolio.periods import find_period
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.reporting.activity import activity_of, costs_of
from starkmatter.portfolio.reporting.at_rates import AtRates
from starkmatter.portfolio.reporting.parts import parts_of
from starkmatter.portfolio.reporting.records import Absent, Chapter, Wish
from starkmatter.portfolio.risk import risk_of

NAME = "All accounts of this report"
TRIES = 3
TRADED_ON = "An account was traded on while this was read: make the report again."


async def combined_chapters(
    b: Backends,
    caller: Caller,
    accounts: Sequence[AccountView],
    chapters: Sequence[Chapter],
    wish: Wish,
    absent: list[Absent],
) -> list[Chapter]:
    """One for each market that several of the accounts are on, made beside their own `chapters`.

    What cannot be told is added to `absent` in words.
    """
    of_venue: dict[Venue, list[AccountView]] = defaultdict(list)
    for one in accounts:
        of_venue[one.venue].append(one)
    found = []
    for several in of_venue.values():
        if len(several) < 2:
            continue
        try:
            found.append(await _combined(b, caller, several, chapters, wish))
        except InvalidInput as error:
            absent.append(Absent(None, NAME, error.text))
    return found


async def _combined(
    b: Backends, caller: Caller, accounts: list[AccountView], chapters: Sequence[Chapter], wish: Wish
) -> Chapter:
    book = book_of(accounts, await get_base_currency(b, caller))
    for _ in range(TRIES):
        period = await find_period(b, caller, book, wish.period.start, wish.period.end)
        told = await explain_period(b, caller, period)
        if told is not None:
            break
    else:
        raise InvalidInput(TRADED_ON)
    performance = await measure_period(b, caller, period, wish.benchmark)
    risk = await asyncio.to_thread(risk_of, performance, period.clock) if "risk" in wish.sections else None
    sums = AtRates(period, chapters, told.booked)
    step = {one.key: one.value for one in told.steps}
    charged = -step["fees"] - step["taxes"] - step["other_costs"]
    notes = [*performance.missing, *told.notes, *sums.notes(), *(risk.notes if risk else [])]
    modes = {one.mode for one in accounts}
    return Chapter(
        account_id=None,
        name=NAME,
        venue=book.venue,
        mode=modes.pop() if len(modes) == 1 else "paper and live",
        currency=book.currency,
        start_at=told.start_at,
        end_at=told.end_at,
        since_opening=told.since_opening,
        ends_now=told.ends_now,
        start_value=told.start_value,
        end_value=told.end_value,
        steps=told.steps,
        symbol_gains=told.symbols,
        performance=performance,
        parts=await parts_of(b, book.venue, told.held, told.end_value),
        activity=await asyncio.to_thread(activity_of, told.booked, book.currency, told.whose),
        income=sums.income(),
        costs=await asyncio.to_thread(costs_of, told.booked, book.currency, charged),
        gains=sums.gains(),
        risk=risk,
        missing=list(dict.fromkeys(notes)),
    )
