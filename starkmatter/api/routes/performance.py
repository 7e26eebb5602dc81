"""How an account did and what it consists of, as JSON and as CSV."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from starkmatter.accounts.records import Caller
from starkmatter.api.books import Asked
from starkmatter.api.csv_text import CSV, Cell, csv_text, download_of, ratio
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas_portfolio import (
    AllocationOut,
    AttributionOut,
    ByCurrencyOut,
    ExplanationOut,
    PerformanceOut,
    RiskOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.backends import Backends
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocation import allocate
from starkmatter.portfolio.attribution import attribute_by_sector
from starkmatter.portfolio.currency_attribution import attribute_by_currency
from starkmatter.portfolio.explaining import explain_change
from starkmatter.portfolio.exporting import beancount_text, json_lines, ledger_hash, whole_journal
from starkmatter.portfolio.ledger import MAX_LIMIT, list_entries
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.reporting.wishes import MAX_BENCHMARK_CHARS
from starkmatter.portfolio.risk import WINDOW_DAYS, measure_risk
from starkmatter.portfolio.transfers.telling import sides_of

DAY_HEAD = ("date", "at", "value", "flow", "return", "growth", "below_peak", "benchmark_growth", "currency")
ENTRY_HEAD = ("entry", "booked_at", "venue_at", "kind", "description", "account", "commodity", "amount")

router = APIRouter(prefix=API_PREFIX, tags=["Portfolio"])

Symbol = Annotated[
    str | None,
    Query(
        max_length=MAX_BENCHMARK_CHARS,
        description="A symbol with daily bars, or a blend: 60 SPY, 40 AGG; the venue's index unless given; empty: none",
    ),
]


@router.get("/portfolio/performance")
async def performance(
    caller: Signed, b: B, book: Asked, start: date | None = None, end: date | None = None, benchmark: Symbol = None
) -> PerformanceOut:
    """Returns from the close before `start` to the close of `end`, dates of the exchange; all of it without them.

    With `account_id=all`, or without one, all of one's own accounts of a market as one book in `currency`: each day's
    values at that day's exchange rates, transfers between these accounts no flows.
    """
    return PerformanceOut.model_validate(
        await measure_performance(b, caller, book.account_id, start=start, end=end, benchmark=benchmark, **book.how)
    )


@router.get("/portfolio/performance.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def performance_csv(
    caller: Signed, b: B, book: Asked, start: date | None = None, end: date | None = None, benchmark: Symbol = None
) -> Response:
    """The same period day by day."""
    found = await measure_performance(b, caller, book.account_id, start=start, end=end, benchmark=benchmark, **book.how)
    rows: list[tuple[Cell, ...]] = [DAY_HEAD]
    for day in found.days:
        ratios = (day.ratio, day.growth, day.below_peak, day.benchmark_growth)
        rows.append((day.on, day.at, day.value, day.flow, *(ratio(one) for one in ratios), found.currency))
    return Response(csv_text(rows), media_type=CSV, headers=download_of("performance", book.account_id or "all"))


@router.get("/portfolio/explain")
async def explain(
    caller: Signed, b: B, book: Asked, start: date | None = None, end: date | None = None
) -> ExplanationOut:
    """Where the change in value of the same period came from: steps that sum to it, gains by symbol, ledger entries."""
    return ExplanationOut.model_validate(
        await explain_change(b, caller, book.account_id, start=start, end=end, **book.how)
    )


@router.get("/portfolio/risk")
async def risk(
    caller: Signed,
    b: B,
    book: Asked,
    start: date | None = None,
    end: date | None = None,
    benchmark: Symbol = None,
    risk_free: Annotated[Decimal, Query(description="A yearly rate: 0.04 is 4 %")] = Decimal(0),
    window: Annotated[int, Query(description="Days of the windows, 10 to 252")] = WINDOW_DAYS,
) -> RiskOut:
    """Volatility, drawdowns, ratios and tails of the same period's closed days; a null says why in `reason`."""
    found = await measure_risk(
        b,
        caller,
        book.account_id,
        start=start,
        end=end,
        benchmark=benchmark,
        risk_free=risk_free,
        window_days=window,
        **book.how,
    )
    return RiskOut.model_validate(found)


@router.get("/portfolio/attribution")
async def attribution(
    caller: Signed, b: B, book: Asked, start: date | None = None, end: date | None = None
) -> AttributionOut:
    """Why the same period was better or worse than equal parts of the market's stocks, by sector (Brinson, Fachler)."""
    found = await attribute_by_sector(b, caller, book.account_id, start=start, end=end, **book.how)
    return AttributionOut.model_validate(found)


@router.get("/portfolio/currencies")
async def currencies(
    caller: Signed, b: B, book: Asked, start: date | None = None, end: date | None = None
) -> ByCurrencyOut:
    """What each currency brought to the same period's return: by prices in it, and by its exchange rate."""
    found = await attribute_by_currency(b, caller, book.account_id, start=start, end=end, **book.how)
    return ByCurrencyOut.model_validate(found)


@router.get("/portfolio/allocation")
async def allocation(caller: Signed, b: B, book: Asked) -> AllocationOut:
    """The parts of the account, or of all together, at the newest quotes: by symbol, by sector, and cash."""
    return AllocationOut.model_validate(await allocate(b, caller, book.account_id, **book.how))


@router.get(
    "/accounts/{account_id}/ledger.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}}
)
async def ledger_csv(account_id: UUID, caller: Signed, b: B) -> StreamingResponse:
    """The account's whole journal, the newest entry first, one row per posting."""
    await get_account(b, caller, account_id)
    return StreamingResponse(
        _ledger_pages(b, caller, account_id), media_type=CSV, headers=download_of("ledger", account_id)
    )


@router.get(
    "/accounts/{account_id}/ledger.beancount", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
)
async def ledger_beancount(account_id: UUID, caller: Signed, b: B) -> Response:
    """The account's whole journal as a beancount file, which ends with its balances."""
    account, entries = await whole_journal(b, caller, account_id)
    text = await asyncio.to_thread(beancount_text, account, entries)
    headers = download_of("ledger", account_id, "beancount")
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)


@router.get(
    "/accounts/{account_id}/ledger.jsonl",
    response_class=Response,
    responses={200: {"content": {"application/jsonl": {}}}},
)
async def ledger_json_lines(account_id: UUID, caller: Signed, b: B) -> Response:
    """The account's whole journal, the oldest entry first, one JSON object a line.

    The header `ledger-hash` names what it says: imported into another account it is the same there.
    """
    _, entries = await whole_journal(b, caller, account_id)
    sides = await sides_of(b, caller, account_id)
    text, said = await asyncio.to_thread(lambda: (b"".join(json_lines(entries, sides)), ledger_hash(entries, sides)))
    headers = download_of("ledger", account_id, "jsonl") | {"ledger-hash": said}
    return Response(text, media_type="application/jsonl", headers=headers)


async def _ledger_pages(b: Backends, caller: Caller, account_id: UUID) -> AsyncIterator[str]:
    yield csv_text([ENTRY_HEAD])
    before: int | None = None
    while True:
        entries = await list_entries(b, caller, account_id, MAX_LIMIT, before)
        yield csv_text(
            (one.id, one.booked_at, one.venue_at, one.kind, one.description, leg.account, leg.commodity, leg.amount)
            for one in entries
            for leg in one.postings
        )
        if len(entries) < MAX_LIMIT:
            return
        before = entries[-1].id
