"""Which scope a program needs for which route, in one table. What is not listed no program may call.

`read` looks, `trade` changes what is the person's own, `admin` what is everybody's. `browser` is for a signed-in
browser alone: how people sign in, their tokens, vendors' keys, and links that let somebody in. `open` asks nobody.
"""

from typing import Any, Literal

from fastapi import FastAPI

from starkmatter.accounts.records import Caller
from starkmatter.errors import NotAllowed

Need = Literal["read", "trade", "admin", "browser", "open"]

STREAM = "WS /stream"

NEEDS: dict[str, Need] = {
    STREAM: "read",
    "POST /auth/register": "open",
    "POST /auth/login": "open",
    "POST /auth/logout": "browser",
    "POST /auth/password": "browser",
    "POST /auth/password/forgot": "open",
    "POST /auth/password/reset": "open",
    "GET /auth/me": "read",
    "GET /auth/sessions": "browser",
    "DELETE /auth/sessions/{session_id}": "browser",
    "GET /auth/totp": "browser",
    "POST /auth/totp/enroll": "browser",
    "POST /auth/totp/confirm": "browser",
    "POST /auth/totp/recovery-codes": "browser",
    "POST /auth/totp/off": "browser",
    "POST /auth/token": "open",
    "GET /tokens": "browser",
    "POST /tokens": "browser",
    "DELETE /tokens/{token_id}": "browser",
    "GET /admin/tokens": "browser",
    "DELETE /admin/tokens/{token_id}": "browser",
    "GET /instruments": "read",
    "GET /quotes": "read",
    "GET /bars": "read",
    "GET /clock": "read",
    "GET /replay": "read",
    "POST /replay": "admin",
    "POST /orders": "trade",
    "POST /orders/preview": "read",
    "GET /orders": "read",
    "GET /orders/{order_id}": "read",
    "DELETE /orders/{order_id}": "trade",
    "GET /orders/{order_id}/events": "read",
    "GET /orders/{order_id}/fills": "read",
    "GET /fills/{fill_id}/receipt": "read",
    "GET /accounts": "read",
    "POST /accounts": "trade",
    "GET /accounts/{account_id}": "read",
    "GET /accounts/{account_id}/broker": "read",
    "POST /accounts/{account_id}/broker/accept": "trade",
    "POST /accounts/{account_id}/deposits": "trade",
    "GET /accounts/{account_id}/shares": "read",
    "POST /accounts/{account_id}/shares": "browser",
    "DELETE /accounts/{account_id}/shares/{user_id}": "browser",
    "GET /accounts/{account_id}/ledger": "read",
    "GET /accounts/{account_id}/ledger.csv": "read",
    "GET /positions": "read",
    "GET /portfolio/summary": "read",
    "GET /portfolio/equity": "read",
    "GET /portfolio/performance": "read",
    "GET /portfolio/performance.csv": "read",
    "GET /portfolio/allocation": "read",
    "GET /connections": "browser",
    "PUT /connections/{kind}": "browser",
    "POST /connections/{kind}/test": "browser",
    "DELETE /connections/{kind}": "browser",
    "GET /alerts": "read",
    "POST /alerts": "trade",
    "GET /alerts/events": "read",
    "PATCH /alerts/{alert_id}": "trade",
    "DELETE /alerts/{alert_id}": "trade",
    "GET /admin/users": "admin",
    "PATCH /admin/users/{user_id}": "admin",
    "POST /admin/invitations": "browser",
    "POST /admin/reset-links": "browser",
    "GET /jobs": "admin",
    "GET /jobs/{name}/runs": "admin",
    "POST /jobs/{name}/runs": "admin",
    "GET /assistant/chats": "read",
    "POST /assistant/chats": "trade",
    "GET /assistant/chats/{chat_id}": "read",
    "PATCH /assistant/chats/{chat_id}": "trade",
    "DELETE /assistant/chats/{chat_id}": "trade",
    "POST /assistant/chats/{chat_id}/messages": "trade",
    "POST /assistant/chats/{chat_id}/stop": "trade",
    "GET /assistant/proposals/{proposal_id}": "read",
    "GET /assistant/brief": "read",
    "POST /assistant/brief": "trade",
    "GET /assistant/usage": "read",
    "GET /news": "read",
    "GET /news/sources": "read",
    "GET /news/feeds": "admin",
    "POST /news/feeds": "admin",
    "PATCH /news/feeds/{feed_id}": "admin",
    "DELETE /news/feeds/{feed_id}": "admin",
    "GET /healthz": "open",
    "GET /readyz": "open",
    "GET /metrics": "open",
    "GET /.well-known/jwks.json": "open",
    "GET /api/docs": "open",
    "GET /api/v1/openapi.json": "open",
}


def check_scope(caller: Caller, route: str) -> None:
    """NotAllowed when this program may not call the route, such as `GET /orders`; a browser's session always may."""
    if caller.scopes is None:
        return
    need = NEEDS.get(route, "browser")
    if need == "browser":
        raise NotAllowed("This is not for programs. Sign in with a browser for it.", code="browser_only")
    if need != "open" and need not in caller.scopes:
        raise NotAllowed(f"This token lacks the scope “{need}”, or your role does.", code="insufficient_scope")


def describe_security(api: FastAPI, prefix: str) -> None:
    """Have the API's own document say how each route is signed in for, from the same table."""
    made = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            spec = made()
            spec.setdefault("components", {})["securitySchemes"] = {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-starkmatter",
                    "description": "A browser's session; on plain http the cookie is `starkmatter_session`.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token smk_…, or an access token.",
                },
            }
            for path, operations in spec["paths"].items():
                for method, operation in operations.items():
                    operation["security"] = _security(f"{method.upper()} {path.removeprefix(prefix)}")
        assert api.openapi_schema is not None
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def _security(route: str) -> list[dict[str, list[str]]]:
    need = NEEDS.get(route, "browser")
    if need == "open":
        return []
    return [{"session": []}] if need == "browser" else [{"session": []}, {"bearer": [need]}]
