"""Makes a report's value from what the portfolio's services say, each asked once. It adds no arithmetic of its own but
sums, and reads an account only through them: whoever may not see it gets no report of it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO
from starkmatter.domain.periods import Period
from starkmatter.domain.tax_report import tax_totals
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.explaining import explain_change
from starkmatter.portfolio.income import income_of
from starkmatter.portfolio.lots.service import realized_gains
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import AccountView, Performance
from starkmatter.portfolio.reporting.activity import activity_of, costs_of
from starkmatter.portfolio.reporting.combining import combined_chapters
from starkmatter.portfolio.reporting.parts import parts_of
from starkmatter.portfolio.reporting.records import (
    MAX_ACCOUNTS,
    Absent,
    Chapter,
    IncomeLine,
    PeriodGains,
    Report,
    TaxYear,
    Total,
    Wish,
)
from starkmatter.portfolio.risk import Risk, risk_of
from starkmatter.portfolio.stories import Booked
from starkmatter.portfolio.valuation import clock_or_none


async def make_report(b: Backends, caller: Caller, wish: Wish, now: datetime) -> Report:
    """The report of one account or several. Days of the period are those of each account's own market.

    Raises NotFound when the caller does not see one of the accounts, InvalidInput for none or too many of them, for an
    unknown benchmark, and when the period says nothing about any of them.
    """
    if not 1 <= len(wish.account_ids) <= MAX_ACCOUNTS or len(set(wish.account_ids)) != len(wish.account_ids):
        raise InvalidInput(f"A report is of one to {MAX_ACCOUNTS} accounts, each once.")
    if not wish.sections:
        raise InvalidInput("A report needs at least one section.")
    accounts = [await get_account(b, caller, one) for one in wish.account_ids]
    chapters, absent = [], []
    for account in accounts:
        try:
            chapters.append(await _chapter(b, caller, account, wish))
        except InvalidInput as error:
            if len(accounts) == 1:
                raise
            absent.append(Absent(account.id, account.name, error.text))
    if not chapters:
        raise InvalidInput(absent[0].why)
    told = {one.account_id for one in chapters}
    combined = await combined_chapters(b, caller, [one for one in accounts if one.id in told], chapters, wish, absent)
    name = accounts[0].name if len(accounts) == 1 else f"{len(accounts)} accounts"
    return Report(
        title=f"{name}, {wish.period.name}",
        period=wish.period,
        made_at=now,
        made_for=caller.display_name,
        sections=wish.sections,
        amounts=wish.amounts,
        chapters=chapters,
        absent=absent,
        totals=_totals(chapters),
        combined=combined,
    )


async def make_tax_year(b: Backends, caller: Caller, account_id: UUID, year: int | None, now: datetime) -> TaxYear:
    """The year's lines of Form 8949 with who they are of; raises what `realized_gains` raises."""
    account = await get_account(b, caller, account_id)
    found = await realized_gains(b, caller, account_id, year)
    return TaxYear(
        account=account.name,
        owner=account.owner_name or caller.display_name,
        currency=found.currency,
        year=found.year,
        made_at=now,
        method=found.method,
        lines=found.lines,
        short=found.short,
        long=found.long,
        disallowed=found.disallowed,
        notes=found.notes,
    )


async def _chapter(b: Backends, caller: Caller, account: AccountView, wish: Wish) -> Chapter:
    start, end = wish.period.start, wish.period.end
    performance = await measure_performance(b, caller, account.id, start=start, end=end, benchmark=wish.benchmark)
    told = await explain_change(b, caller, account.id, start=start, end=end)
    gains = await _gains(b, caller, account.id, wish.period) if "gains" in wish.sections else None
    income = await _income(b, caller, account.id, told.booked) if "income" in wish.sections else []
    risk = await _risk(b, account, performance) if "risk" in wish.sections else None
    step = {one.key: one.value for one in told.steps}
    charged = -step["fees"] - step["taxes"] - step["other_costs"]
    # Ten thousand entries are a good part of a tenth of a second: not on the loop that serves everybody.
    activity = await asyncio.to_thread(activity_of, told.booked, account.currency)
    costs = await asyncio.to_thread(costs_of, told.booked, account.currency, charged)
    notes = [*performance.missing, *told.notes, *(gains[1] if gains else []), *(risk.notes if risk else [])]
    return Chapter(
        account_id=account.id,
        name=account.name,
        venue=account.venue,
        mode=account.mode,
        currency=account.currency,
        start_at=told.start_at,
        end_at=told.end_at,
        since_opening=told.since_opening,
        ends_now=told.ends_now,
        start_value=told.start_value,
        end_value=told.end_value,
        steps=told.steps,
        symbol_gains=told.symbols,
        performance=performance,
        parts=await parts_of(b, account.venue, told.held, told.end_value),
        activity=activity,
        income=income,
        costs=costs,
        gains=gains[0] if gains else None,
        risk=risk,
        missing=list(dict.fromkeys(notes)),
    )


async def _risk(b: Backends, account: AccountView, performance: Performance) -> Risk:
    clock = None if account.read_only else await clock_or_none(b, account.venue)
    return await asyncio.to_thread(risk_of, performance, clock)


async def _gains(b: Backends, caller: Caller, account_id: UUID, period: Period) -> tuple[PeriodGains, list[str]]:
    """The sales on the days of the period, whatever years it touches."""
    first = await realized_gains(b, caller, account_id, period.start.year)
    years = [year for year in first.years if period.start.year < year <= period.end.year]
    found = [first, *[await realized_gains(b, caller, account_id, year) for year in sorted(years)]]
    lines = [line for one in found for line in one.lines if period.start <= line.sold_on <= period.end]
    return PeriodGains(lines, tax_totals(lines, "short"), tax_totals(lines, "long")), found[-1].notes


async def _income(b: Backends, caller: Caller, account_id: UUID, booked: Sequence[Booked]) -> list[IncomeLine]:
    ids = {one.id for one in booked}
    return [
        IncomeLine(one.at, one.kind, one.symbol, one.value, one.description)
        for one in reversed((await income_of(b, caller, account_id)).entries)
        if one.entry_id in ids
    ]


def _totals(chapters: Sequence[Chapter]) -> list[Total]:
    groups: dict[tuple[str, str], list[Chapter]] = defaultdict(list)
    for one in chapters:
        groups[one.venue, one.currency].append(one)
    return [
        Total(
            venue=group[0].venue,
            currency=group[0].currency,
            count=len(group),
            start_value=sum((one.start_value for one in group), ZERO),
            flows=sum((one.flows for one in group), ZERO),
            result=sum((one.result for one in group), ZERO),
            end_value=sum((one.end_value for one in group), ZERO),
        )
        for _, group in sorted(groups.items())
    ]
