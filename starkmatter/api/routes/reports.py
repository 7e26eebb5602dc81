"""Reports as HTML and PDF, the year's sales as PDF, reports by mail, and links that show one without an account."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from starkmatter.accounts.records import Caller
from starkmatter.api.csv_text import download_of
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.routes.lots import Year
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_reports import LinkMade, LinkOut, NewLink, NewSchedule, ScheduleOut
from starkmatter.api.security import B, Signed
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.portfolio.reporting import links as report_links
from starkmatter.portfolio.reporting import schedules as report_schedules
from starkmatter.portfolio.reporting.building import make_report, make_tax_year
from starkmatter.portfolio.reporting.document import Document
from starkmatter.portfolio.reporting.gate import one_of_few
from starkmatter.portfolio.reporting.html import POLICY, html_of
from starkmatter.portfolio.reporting.layout import layout
from starkmatter.portfolio.reporting.pdf import pdf_of
from starkmatter.portfolio.reporting.records import Wish
from starkmatter.portfolio.reporting.tax_layout import layout_tax_year
from starkmatter.portfolio.reporting.wishes import MAX_BENCHMARK_CHARS, read_wish

PDF = "application/pdf"
OF_REPORTS = {"content-security-policy": POLICY, "referrer-policy": "no-referrer", "cache-control": "no-store"}

router = APIRouter(prefix=API_PREFIX, tags=["Reports"])

Accounts = Annotated[list[UUID], Query(description="One or more of the caller's accounts")]
PeriodText = Annotated[
    str, Query(max_length=30, description="2026-11, 2026-Q4, 2026, 2026-W48 or 2026-01-15..2026-02-14")
]
SectionNames = Annotated[
    str | None,
    Query(max_length=100, description="Of summary,performance,allocation,activity,income,gains,fees,risk; all of them"),
]
Benchmark = Annotated[
    str | None,
    Query(
        max_length=MAX_BENCHMARK_CHARS, description="A symbol or blend; the market's index unless given; empty: none"
    ),
]
Amounts = Annotated[bool, Query(description="false: percentages only")]


def _wish(
    account_id: Accounts,
    period: PeriodText,
    sections: SectionNames = None,
    benchmark: Benchmark = None,
    amounts: Amounts = True,
) -> Wish:
    return read_wish(account_id, period, _names(sections), benchmark, amounts=amounts)


Wished = Annotated[Wish, Depends(_wish)]


@router.get("/portfolio/report.html", response_class=HTMLResponse)
async def report_html(caller: Signed, b: B, wish: Wished) -> HTMLResponse:
    """The report of a period as one page that loads nothing; days are those of the accounts' market."""
    async with one_of_few():
        document = await document_of(b, caller, wish)
        return HTMLResponse(await asyncio.to_thread(html_of, document), headers=OF_REPORTS)


@router.get("/portfolio/report.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}})
async def report_pdf(caller: Signed, b: B, wish: Wished) -> Response:
    """The same as a tagged PDF."""
    async with one_of_few():
        pdf = await pdf_of(await document_of(b, caller, wish))
    return pdf_answer(pdf, f"report-{wish.period.key.replace('..', '-')}", wish.account_ids[0])


@router.get("/portfolio/gains.pdf", response_class=Response, responses={200: {"content": {PDF: {}}}})
async def gains_pdf(caller: Signed, b: B, account_id: UUID, year: Year = None) -> Response:
    """The lines of the year under the letters of Form 8949, by term, with their sums, as PDF."""
    async with one_of_few():
        found = await make_tax_year(b, caller, account_id, year, utc_now())
        pdf = await pdf_of(await asyncio.to_thread(layout_tax_year, found))
    return pdf_answer(pdf, f"gains-{found.year}", account_id)


@router.get("/report-schedules")
async def schedules(caller: Signed, b: B) -> Page[ScheduleOut]:
    """The reports the caller has mailed to themselves, and how the last mail went."""
    return Page(items=[ScheduleOut.model_validate(one) for one in await report_schedules.list_schedules(b, caller)])


@router.post("/report-schedules", status_code=201)
async def schedule(body: NewSchedule, caller: Signed, b: B) -> ScheduleOut:
    """Mail a report to the address the caller signs in with, after each such period of the accounts' market."""
    made = await report_schedules.make_schedule(
        b, caller, body.account_ids, body.every, body.sections, body.benchmark, amounts=body.amounts
    )
    return ScheduleOut.model_validate(made)


@router.delete("/report-schedules/{schedule_id}", status_code=204)
async def stop(schedule_id: UUID, caller: Signed, b: B) -> None:
    """Mail it no longer."""
    await report_schedules.stop_schedule(b, caller, schedule_id)


@router.get("/report-links")
async def links(caller: Signed, b: B) -> Page[LinkOut]:
    """The caller's links that were not revoked, with their last use; without their addresses."""
    return Page(items=[LinkOut.model_validate(one) for one in await report_links.list_links(b, caller)])


@router.post("/report-links", status_code=201)
async def make_link(body: NewLink, caller: Signed, b: B) -> LinkMade:
    """A link that shows one report of the caller's own accounts to whoever has it; its address is told this once."""
    wish = read_wish(body.account_ids, body.period, body.sections, body.benchmark, amounts=body.amounts)
    made, url = await report_links.make_link(b, caller, wish, label=body.label, expires_days=body.expires_days)
    return LinkMade(**LinkOut.model_validate(made).model_dump(), url=url)


@router.delete("/report-links/{link_id}", status_code=204)
async def revoke_link(link_id: UUID, caller: Signed, b: B) -> None:
    """End a link, from its next use on."""
    await report_links.revoke_link(b, caller, link_id)


async def document_of(b: Backends, caller: Caller, wish: Wish) -> Document:
    """The report, laid out beside the loop that serves everybody."""
    return await asyncio.to_thread(layout, await make_report(b, caller, wish, utc_now()))


def pdf_answer(pdf: bytes, what: str, account_id: UUID) -> Response:
    """A file to save."""
    return Response(pdf, media_type=PDF, headers={**OF_REPORTS, **download_of(what, account_id, "pdf")})


def _names(sections: str | None) -> list[str] | None:
    return None if sections is None else [name.strip() for name in sections.split(",") if name.strip()]
