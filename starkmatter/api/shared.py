"""`/shared/{token}`: one report for whoever has its link. No script, no cookie, nothing for robots.

A token that opens nothing gets one and the same answer, whatever is wrong with it.
"""

import asyncio
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from starkmatter.api.routes.reports import OF_REPORTS, PDF, document_of
from starkmatter.api.security import B, client_ip
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.portfolio.reporting.gate import one_of_few
from starkmatter.portfolio.reporting.html import STYLE, html_of
from starkmatter.portfolio.reporting.links import GONE, open_link
from starkmatter.portfolio.reporting.pdf import pdf_of

ROBOTS = {"x-robots-tag": "noindex, nofollow, noarchive"}
HEADERS = {**OF_REPORTS, **ROBOTS}
FILE = {"content-disposition": 'attachment; filename="starkmatter-report.pdf"'}
WHY = "The address may be mistyped, or whoever gave it to you has ended it. Ask them for a new one."

router = APIRouter(include_in_schema=False)


@router.get("/shared/{token}")
async def show(token: str, request: Request, b: B) -> Response:
    """The report as a page."""
    try:
        caller, wish = await open_link(b, token, ip=client_ip(request, b.settings))
        async with one_of_few("visitor"):
            document = await document_of(b, caller, wish)
        page = await asyncio.to_thread(html_of, document, pdf_at=f"{token}/report.pdf")
    except StarkMatterError as error:
        return _nothing(error)
    return HTMLResponse(page, headers=HEADERS)


@router.get("/shared/{token}/report.pdf")
async def save(token: str, request: Request, b: B) -> Response:
    """The same as PDF."""
    try:
        caller, wish = await open_link(b, token, ip=client_ip(request, b.settings))
        async with one_of_few("visitor"):
            pdf = await pdf_of(await document_of(b, caller, wish))
    except StarkMatterError as error:
        return _nothing(error)
    return Response(pdf, media_type=PDF, headers={**HEADERS, **FILE})


def _nothing(error: StarkMatterError) -> HTMLResponse:
    """What a visitor reads: of a link that opens nothing always the same, else what is the matter now."""
    absent = isinstance(error, NotFound)
    title, text, status = (GONE, WHY, 404) if absent else ("This report cannot be shown now.", error.text, error.status)
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>StarkMatter</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body></html>"
    )
    return HTMLResponse(body, status, headers=HEADERS)
