"""Pages that need neither Reflex nor the cache: health for machines, metrics, and the API's documentation."""

import ipaddress
from html import escape
from secrets import compare_digest
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.responses import HTMLResponse, JSONResponse

from starkmatter.api.security import B
from starkmatter.errors import NotAllowed
from starkmatter.ops.health import check_all, is_ready
from starkmatter.ops.metrics import exposition
from starkmatter.settings import home_secret
from starkmatter.version import VERSION

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive", "version": VERSION}


@router.get("/readyz")
async def readyz(b: B) -> JSONResponse:
    """Database, cache, worker and feed are in order; 503 names what is not."""
    parts = await check_all(b.db, b.cache)
    ready = is_ready(parts)
    body = {"status": "ready" if ready else "not ready", "parts": [part.as_json() for part in parts]}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics")
async def metrics(request: Request, b: B) -> Response:
    """Prometheus text; from this machine directly, from elsewhere with the metrics token."""
    token = home_secret(b.settings, "metrics_token", b.settings.metrics_token)
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not compare_digest(given.encode(), token.encode()) and not _is_local(request):
        raise NotAllowed("The metrics need the metrics token as a Bearer token.")
    body, content_type = exposition()
    return Response(body, media_type=content_type)


def _is_local(request: Request) -> bool:
    """A direct connection from this machine: a proxy in front would add a forwarding header."""
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip")):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def add_docs(app: FastAPI) -> None:
    """Serve the human documentation at /api/docs, made from the OpenAPI document, without a script."""

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_docs_html(app.openapi()))


_STYLE = """
body{font:15px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
h2{margin:2.2rem 0 .4rem;border-bottom:1px solid #8885}h3{font:600 14px ui-monospace,monospace;margin:1.4rem 0 .2rem}
code,pre{font:13px ui-monospace,monospace}b{display:inline-block;min-width:4.2rem}p{margin:.2rem 0}
table{border-collapse:collapse;margin:.4rem 0}td{padding:.1rem .9rem .1rem 0;vertical-align:top}
"""


def _docs_html(spec: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["Other"])[0]
            sections.setdefault(tag, []).append(_operation_html(path, method, operation, spec))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in sections.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>StarkMatter API {escape(spec['info']['version'])}</title><style>{_STYLE}</style>"
        f"<h1>StarkMatter API {escape(spec['info']['version'])}</h1>"
        f"<p>{escape(spec['info'].get('description', ''))}</p>"
        f"<p>Machine-readable: <a href='/api/v1/openapi.json'>openapi.json</a></p>{body}</html>"
    )


def _operation_html(path: str, method: str, operation: dict[str, Any], spec: dict[str, Any]) -> str:
    rows = [
        (parameter["name"], parameter["in"], parameter.get("required", False), parameter.get("schema", {}))
        for parameter in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = spec.get("components", {}).get("schemas", {}).get(body.get("$ref", "").rsplit("/", 1)[-1], {})
    for name, field in schema.get("properties", {}).items():
        rows.append((name, "body", name in schema.get("required", []), field))
    table = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{place}<td>{'required' if required else ''}<td>{escape(_kind(field))}"
        for name, place, required, field in rows
    )
    return (
        f"<h3><b>{method.upper()}</b> {escape(path)}</h3><p>{escape(operation.get('description', ''))}</p>"
        f"<p><i>{escape(_who(operation['security']))}</i></p><table>{table}</table>"
    )


def _who(security: list[dict[str, list[str]]]) -> str:
    scopes = [scope for way in security for scope in way.get("bearer", [])]
    if scopes:
        return f"A browser, or a program with the scope {scopes[0]}."
    return "A signed-in browser." if security else "Anybody."


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(part) for part in field["anyOf"]))
    return str(field.get("format") or field.get("type") or "")
