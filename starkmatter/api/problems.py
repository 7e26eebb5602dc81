"""Failures as RFC 9457 problem+json: a title, a sentence to act on and a stable code; never a trace or a secret."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg import DataError
from psycopg import Error as DatabaseError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from starkmatter.api.matrix import named_route
from starkmatter.db.actor import current_actor
from starkmatter.errors import StarkMatterError
from starkmatter.ops.seldom import Seldom

RETRY_AFTER_SECS = 2
CHALLENGES = {
    "invalid_token": 'Bearer error="invalid_token"',
    "insufficient_scope": 'Bearer error="insufficient_scope"',
}
TYPE_PREFIX = "urn:starkmatter:problem:"

log = structlog.get_logger("api")
_seldom = Seldom()


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> JSONResponse:
    """One problem document; 429 and 503 say when to try again, a refused bearer token is told why (RFC 6750)."""
    secs = more.get("retry_after_secs", RETRY_AFTER_SECS if status == 503 else None)
    headers = {} if secs is None else {"Retry-After": str(secs)}
    if "per_min" in more:
        headers["RateLimit-Policy"] = f'"{more["limit"]}";q={more["per_min"]};w=60'
        headers["RateLimit"] = f'"{more["limit"]}";r=0;t={secs}'
    if code in CHALLENGES:
        headers["WWW-Authenticate"] = CHALLENGES[code]
    body = {"type": TYPE_PREFIX + code, "title": title, "status": status, "detail": detail, "code": code, **more}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _note_refusal(request: Request, error: StarkMatterError) -> None:
    """Who was refused what, at most once a second; the rest is counted."""
    held_back = _seldom.take()
    if held_back is not None:
        more = {
            "method": request.method,
            "route": named_route(request.scope),
            "why": error.code,
            "user_id": current_actor() or None,
        }
        log.warning("request refused", **more, more_like_it=held_back)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every failure of `app` a problem document."""

    @app.exception_handler(StarkMatterError)
    async def expected(request: Request, error: StarkMatterError) -> JSONResponse:
        if error.status == 403:
            _note_refusal(request, error)
        return problem(error.status, error.code, error.title, error.text, **error.details)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            {"field": ".".join(str(part) for part in entry["loc"][1:]), "problem": entry["msg"]}
            for entry in error.errors()[:20]
        ]
        first = fields[0] if fields else {"field": "", "problem": "not valid"}
        where = f"{first['field']}: " if first["field"] else ""
        return problem(422, "invalid_input", "Invalid input", f"{where}{first['problem']}.", errors=fields)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        titles = {404: "Not found", 405: "Method not allowed", 413: "Too large"}
        title = titles.get(error.status_code, "Not possible")
        return problem(error.status_code, title.lower().replace(" ", "_"), title, str(error.detail))

    @app.exception_handler(DataError)
    async def unstorable(_: Request, error: DataError) -> JSONResponse:
        log.warning("a value no column takes", error=type(error).__name__)
        return problem(422, "invalid_input", "Invalid input", "A text or figure in this request cannot be stored.")

    @app.exception_handler(DatabaseError)
    @app.exception_handler(RedisError)
    async def backend(_: Request, error: Exception) -> JSONResponse:
        log.error("backend failed", error=type(error).__name__)
        return problem(503, "unavailable", "Temporarily unavailable", "A part this needs does not answer. Try again.")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", path=request.url.path[:120], error=type(error).__name__, exc_info=error)
        return problem(500, "internal", "Something went wrong", "The server could not answer. It has been logged.")
