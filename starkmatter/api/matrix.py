"""Who may call which route, in one table that decides at every request. What is not listed nobody may call.

Three things are said of a route. The least role of a person; `anyone` need not be signed in. The scope of a program:
`read` looks, `trade` changes what is the person's own, `admin` what is everybody's, and `browser` is for a signed-in
browser alone: how people sign in, their tokens, vendors' keys, and links that let somebody in. And whose things its ids
reach: the caller's `own` only, or also those of accounts shared with them to `view` or to `trade` on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI

from starkmatter.accounts.records import ADMIN_ROLES, ASKING_ROLES, NOT_FROM_HERE, TRADING_ROLES, Caller
from starkmatter.errors import NotAllowed

Need = Literal["read", "trade", "admin", "browser", "open"]

Least = Literal["anyone", "user", "analyst", "trader", "admin"]
Reach = Literal["", "own", "view", "trade"]

API_PREFIX = "/api/v1"
STREAM = "WS /stream"
NOT_FOR: dict[Least, str] = {
    "analyst": "Asking costs, and your role only looks. An admin can give you the role of an analyst.",
    "trader": "Your role may look but not trade.",
    "admin": "Only an admin may do this.",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of its caller; an empty reach: it takes nobody's id. `fresh`: a proof of who it is that is no
    older than five minutes.
    """

    who: Least
    scope: Need
    reach: Reach = ""
    fresh: bool = False


RULES: dict[str, Rule] = {
    STREAM: Rule("user", "read"),
    "POST /auth/register": Rule("anyone", "open"),
    "POST /auth/login": Rule("anyone", "open"),
    "POST /auth/logout": Rule("user", "browser"),
    "POST /auth/password": Rule("user", "browser"),
    "POST /auth/password/forgot": Rule("anyone", "open"),
    "POST /auth/password/reset": Rule("anyone", "open"),
    "GET /auth/oidc": Rule("anyone", "open"),
    "GET /auth/oidc/{provider}/start": Rule("anyone", "open"),
    "GET /auth/oidc/{provider}/callback": Rule("anyone", "open"),
    "POST /auth/oidc/{provider}/register": Rule("anyone", "open"),
    "POST /auth/oidc/{provider}/link": Rule("user", "browser", fresh=True),
    "POST /auth/oidc/finish": Rule("anyone", "open"),
    "GET /auth/identities": Rule("user", "browser"),
    "DELETE /auth/identities/{identity_id}": Rule("user", "browser", "own", fresh=True),
    "GET /auth/me": Rule("user", "read"),
    "PATCH /auth/me": Rule("user", "browser"),
    "GET /auth/sessions": Rule("user", "browser"),
    "DELETE /auth/sessions/{session_id}": Rule("user", "browser", "own", fresh=True),
    "GET /auth/totp": Rule("user", "browser"),
    "POST /auth/totp/enroll": Rule("user", "browser", fresh=True),
    "POST /auth/totp/confirm": Rule("user", "browser", fresh=True),
    "POST /auth/totp/recovery-codes": Rule("user", "browser", fresh=True),
    "POST /auth/totp/off": Rule("user", "browser", fresh=True),
    "GET /auth/step-up": Rule("user", "browser"),
    "POST /auth/step-up": Rule("user", "browser"),
    "POST /auth/step-up/passkey/options": Rule("user", "browser"),
    "POST /auth/step-up/passkey": Rule("user", "browser"),
    "GET /auth/passkeys": Rule("user", "browser"),
    "POST /auth/passkeys/options": Rule("user", "browser", fresh=True),
    "POST /auth/passkeys": Rule("user", "browser", fresh=True),
    "PATCH /auth/passkeys/{passkey_id}": Rule("user", "browser", "own"),
    "DELETE /auth/passkeys/{passkey_id}": Rule("user", "browser", "own", fresh=True),
    "POST /auth/passkeys/sign-in/options": Rule("anyone", "open"),
    "POST /auth/passkeys/sign-in": Rule("anyone", "open"),
    "POST /auth/token": Rule("anyone", "open"),
    "GET /tokens": Rule("user", "browser"),
    "POST /tokens": Rule("user", "browser", fresh=True),
    "DELETE /tokens/{token_id}": Rule("user", "browser", "own"),
    "GET /admin/tokens": Rule("admin", "browser"),
    "DELETE /admin/tokens/{token_id}": Rule("admin", "browser"),
    "GET /instruments": Rule("user", "read"),
    "PATCH /instruments/{symbol}": Rule("admin", "admin"),
    "GET /quotes": Rule("user", "read"),
    "GET /bars": Rule("user", "read"),
    "GET /fx": Rule("user", "read"),
    "GET /corporate-actions": Rule("user", "read"),
    "GET /ticks": Rule("user", "read"),
    "GET /indicators": Rule("user", "read"),
    "GET /indicators/catalogue": Rule("user", "read"),
    "GET /clock": Rule("user", "read"),
    "GET /sessions": Rule("user", "read"),
    "GET /overview": Rule("user", "read"),
    "GET /figures": Rule("user", "read"),
    "GET /correlations": Rule("user", "read"),
    "GET /screener/figures": Rule("user", "read"),
    "POST /screener": Rule("user", "read"),
    "GET /screener.csv": Rule("user", "read"),
    "GET /screens": Rule("user", "read"),
    "POST /screens": Rule("user", "trade"),
    "PATCH /screens/{screen_id}": Rule("user", "trade", "own"),
    "DELETE /screens/{screen_id}": Rule("user", "trade", "own"),
    "GET /watchlists": Rule("user", "read"),
    "POST /watchlists": Rule("user", "trade"),
    "PATCH /watchlists/{watchlist_id}": Rule("user", "trade", "own"),
    "DELETE /watchlists/{watchlist_id}": Rule("user", "trade", "own"),
    "POST /watchlists/{watchlist_id}/import": Rule("user", "trade", "own"),
    "GET /watchlists/{watchlist_id}.csv": Rule("user", "read", "own"),
    "GET /watchlists/{watchlist_id}.txt": Rule("user", "read", "own"),
    "GET /replay": Rule("user", "read"),
    "POST /replay": Rule("admin", "admin"),
    "POST /orders": Rule("trader", "trade", "trade"),
    "POST /orders/preview": Rule("user", "read", "trade"),
    "GET /orders": Rule("user", "read", "view"),
    "GET /orders.csv": Rule("user", "read", "view"),
    "GET /orders/{order_id}": Rule("user", "read", "view"),
    "DELETE /orders/{order_id}": Rule("trader", "trade", "trade"),
    "PATCH /orders/{order_id}": Rule("trader", "trade", "trade"),
    "GET /orders/{order_id}/events": Rule("user", "read", "view"),
    "GET /orders/{order_id}/fills": Rule("user", "read", "view"),
    "GET /fills/{fill_id}/receipt": Rule("user", "read", "view"),
    "POST /orders/cancel-all": Rule("user", "trade", "trade"),
    "GET /kill-switch": Rule("user", "read", "view"),
    "POST /kill-switch": Rule("user", "trade", "trade"),
    "DELETE /kill-switch": Rule("user", "browser", "own", fresh=True),
    "GET /limits": Rule("user", "read", "own"),
    "PUT /limits/{kind}": Rule("user", "browser", "own"),
    "DELETE /limits/{kind}/loosening": Rule("user", "browser", "own"),
    "GET /baskets": Rule("user", "read", "view"),
    "POST /baskets": Rule("trader", "trade", "trade"),
    "GET /baskets/{basket_id}": Rule("user", "read", "view"),
    "PUT /baskets/{basket_id}/lines": Rule("trader", "trade", "trade"),
    "DELETE /baskets/{basket_id}": Rule("trader", "trade", "trade"),
    "POST /baskets/{basket_id}/review": Rule("trader", "read", "trade"),
    "POST /baskets/{basket_id}/send": Rule("trader", "browser", "trade"),
    "GET /approvals": Rule("user", "read"),
    "POST /approvals": Rule("user", "trade", "view"),
    "GET /approvals/{approval_id}": Rule("user", "read", "view"),
    "POST /approvals/{approval_id}/confirm": Rule("trader", "browser", "trade"),
    "POST /approvals/{approval_id}/order": Rule("trader", "browser", "trade"),
    "POST /approvals/{approval_id}/decline": Rule("user", "browser", "trade"),
    "PUT /accounts/{account_id}/approval-drift": Rule("trader", "browser", "own"),
    "POST /assistant/proposals/{proposal_id}/approval": Rule("user", "trade", "own"),
    "GET /accounts": Rule("user", "read"),
    "POST /accounts": Rule("trader", "trade"),
    "GET /accounts/{account_id}": Rule("user", "read", "view"),
    "GET /accounts/{account_id}/actions": Rule("user", "read", "view"),
    "POST /accounts/{account_id}/actions/waive": Rule("trader", "trade", "own"),
    "GET /orders/{order_id}/actions": Rule("user", "read", "view"),
    "GET /admin/corporate-actions": Rule("admin", "admin"),
    "POST /admin/corporate-actions": Rule("admin", "browser", fresh=True),
    "GET /accounts/{account_id}/margin": Rule("user", "read", "view"),
    "GET /accounts/{account_id}/live-trading": Rule("user", "read", "view"),
    "PUT /accounts/{account_id}/live-trading": Rule("trader", "browser", "own"),
    "DELETE /accounts/{account_id}/live-trading": Rule("user", "trade", "own"),
    "PUT /accounts/{account_id}/live-trading/limit": Rule("trader", "browser", "own"),
    "GET /accounts/{account_id}/broker": Rule("user", "read", "view"),
    "POST /accounts/{account_id}/broker/accept": Rule("trader", "trade", "own"),
    "POST /accounts/{account_id}/deposits": Rule("trader", "trade", "own"),
    "POST /accounts/{account_id}/reset": Rule("trader", "trade", "own"),
    "POST /accounts/{account_id}/fork": Rule("trader", "trade", "own"),
    "GET /accounts/{account_id}/shares": Rule("user", "read", "own"),
    "POST /accounts/{account_id}/shares": Rule("user", "browser", "own", fresh=True),
    "DELETE /accounts/{account_id}/shares/{user_id}": Rule("user", "browser", "own"),
    "GET /accounts/{account_id}/ledger": Rule("user", "read", "view"),
    "GET /accounts/{account_id}/ledger.csv": Rule("user", "read", "view"),
    "GET /accounts/{account_id}/ledger.beancount": Rule("user", "read", "view"),
    "GET /accounts/{account_id}/ledger.jsonl": Rule("user", "read", "view"),
    "GET /positions": Rule("user", "read", "view"),
    "GET /portfolio/summary": Rule("user", "read", "view"),
    "GET /portfolio/equity": Rule("user", "read", "view"),
    "GET /portfolio/performance": Rule("user", "read", "view"),
    "GET /portfolio/performance.csv": Rule("user", "read", "view"),
    "GET /portfolio/explain": Rule("user", "read", "view"),
    "GET /portfolio/risk": Rule("user", "read", "view"),
    "GET /portfolio/attribution": Rule("user", "read", "view"),
    "GET /portfolio/currencies": Rule("user", "read", "view"),
    "GET /portfolio/allocation": Rule("user", "read", "view"),
    "GET /portfolio/breakdown": Rule("user", "read", "view"),
    "PUT /tags/{symbol}": Rule("user", "trade"),
    "GET /accounts/{account_id}/targets": Rule("user", "read", "view"),
    "PUT /accounts/{account_id}/targets": Rule("trader", "trade", "trade"),
    "DELETE /accounts/{account_id}/targets": Rule("trader", "trade", "trade"),
    "POST /accounts/{account_id}/rebalance": Rule("user", "read", "view"),
    "POST /accounts/{account_id}/rebalance/basket": Rule("trader", "trade", "trade"),
    "POST /accounts/{account_id}/rebalance/branch": Rule("trader", "trade", "own"),
    "GET /accounts/{account_id}/comparison": Rule("user", "read", "own"),
    "GET /accounts/{account_id}/optimizations": Rule("user", "read", "view"),
    "POST /accounts/{account_id}/optimizations": Rule("trader", "trade", "trade"),
    "GET /optimizations/{optimization_id}": Rule("user", "read", "own"),
    "POST /optimizations/{optimization_id}/targets": Rule("trader", "trade", "own"),
    "GET /portfolio/income": Rule("user", "read", "view"),
    "GET /portfolio/income.csv": Rule("user", "read", "view"),
    "GET /portfolio/lots": Rule("user", "read", "view"),
    "GET /portfolio/lots.csv": Rule("user", "read", "view"),
    "GET /portfolio/gains": Rule("user", "read", "view"),
    "GET /portfolio/gains.csv": Rule("user", "read", "view"),
    "GET /portfolio/gains.pdf": Rule("user", "read", "view"),
    "GET /portfolio/report.html": Rule("user", "read", "view"),
    "GET /portfolio/report.pdf": Rule("user", "read", "view"),
    "GET /report-schedules": Rule("user", "read"),
    "POST /report-schedules": Rule("user", "trade", "view"),
    "DELETE /report-schedules/{schedule_id}": Rule("user", "trade", "own"),
    "GET /report-links": Rule("user", "read"),
    "POST /report-links": Rule("user", "browser", "own", fresh=True),
    "DELETE /report-links/{link_id}": Rule("user", "browser", "own"),
    "PUT /accounts/{account_id}/lot-method": Rule("trader", "trade", "own"),
    "GET /accounts/{account_id}/sales/{entry}/lots": Rule("user", "read", "view"),
    "PUT /accounts/{account_id}/sales/{entry}/lots": Rule("trader", "trade", "own"),
    "GET /orders/{order_id}/lots": Rule("user", "read", "view"),
    "PUT /orders/{order_id}/lots": Rule("trader", "trade", "own"),
    "GET /accounts/{account_id}/transfers": Rule("user", "read", "view"),
    "POST /accounts/{account_id}/transfers": Rule("trader", "trade", "own"),
    "POST /transfers/{transfer_id}/take-back": Rule("trader", "trade", "own"),
    "GET /imports": Rule("user", "read", "own"),
    "POST /accounts/{account_id}/imports": Rule("trader", "trade", "own"),
    "POST /accounts/{account_id}/entries": Rule("trader", "trade", "own"),
    "GET /imports/{import_id}": Rule("user", "read", "own"),
    "GET /imports/{import_id}/lines": Rule("user", "read", "own"),
    "POST /imports/{import_id}/read": Rule("trader", "trade", "own"),
    "POST /imports/{import_id}/confirm": Rule("trader", "trade", "own"),
    "POST /imports/{import_id}/cancel": Rule("trader", "trade", "own"),
    "POST /imports/{import_id}/undo": Rule("trader", "trade", "own"),
    "GET /import-formats": Rule("user", "read"),
    "GET /import-mappings": Rule("user", "read"),
    "POST /import-mappings": Rule("trader", "trade"),
    "DELETE /import-mappings/{mapping_id}": Rule("trader", "trade", "own"),
    "GET /connections": Rule("user", "browser"),
    "PUT /connections/{kind}": Rule("trader", "browser", fresh=True),
    "POST /connections/{kind}/test": Rule("trader", "browser"),
    "POST /connections/{kind}/sign-in": Rule("trader", "browser", fresh=True),
    "PUT /connections/{kind}/sign-in": Rule("trader", "browser", fresh=True),
    "DELETE /connections/{kind}": Rule("trader", "browser", fresh=True),
    "GET /alerts": Rule("user", "read"),
    "POST /alerts": Rule("user", "trade"),
    "GET /alerts/events": Rule("user", "read"),
    "PATCH /alerts/{alert_id}": Rule("user", "trade", "own"),
    "DELETE /alerts/{alert_id}": Rule("user", "trade", "own"),
    "GET /admin/users": Rule("admin", "admin"),
    "PATCH /admin/users/{user_id}": Rule("admin", "browser", fresh=True),
    "POST /admin/invitations": Rule("admin", "browser", fresh=True),
    "POST /admin/reset-links": Rule("admin", "browser", fresh=True),
    "GET /admin/data-health": Rule("admin", "admin"),
    "PUT /admin/market-sources": Rule("admin", "admin"),
    "GET /audit": Rule("admin", "admin"),
    "GET /audit.csv": Rule("admin", "admin"),
    "GET /jobs": Rule("admin", "admin"),
    "GET /jobs/{name}/runs": Rule("admin", "admin"),
    "POST /jobs/{name}/runs": Rule("admin", "admin"),
    "GET /assistant/chats": Rule("user", "read"),
    "POST /assistant/chats": Rule("user", "trade"),
    "GET /assistant/chats/{chat_id}": Rule("user", "read", "own"),
    "PATCH /assistant/chats/{chat_id}": Rule("user", "trade", "own"),
    "DELETE /assistant/chats/{chat_id}": Rule("user", "trade", "own"),
    "POST /assistant/chats/{chat_id}/messages": Rule("analyst", "trade", "own"),
    "POST /assistant/chats/{chat_id}/stop": Rule("user", "trade", "own"),
    "GET /assistant/proposals/{proposal_id}": Rule("user", "read", "own"),
    "GET /assistant/brief": Rule("user", "read"),
    "POST /assistant/brief": Rule("analyst", "trade"),
    "GET /assistant/usage": Rule("user", "read"),
    "GET /news": Rule("user", "read"),
    "GET /news/sources": Rule("user", "read"),
    "GET /news/feeds": Rule("admin", "admin"),
    "POST /news/feeds": Rule("admin", "admin"),
    "PATCH /news/feeds/{feed_id}": Rule("admin", "admin"),
    "DELETE /news/feeds/{feed_id}": Rule("admin", "admin"),
    "GET /chart/events": Rule("user", "read", "view"),
    "GET /chart/drawings": Rule("user", "read"),
    "POST /chart/drawings": Rule("user", "trade"),
    "PATCH /chart/drawings/{drawing_id}": Rule("user", "trade", "own"),
    "DELETE /chart/drawings/{drawing_id}": Rule("user", "trade", "own"),
    "GET /chart/templates": Rule("user", "read"),
    "POST /chart/templates": Rule("user", "trade"),
    "DELETE /chart/templates/{template_id}": Rule("user", "trade", "own"),
    "GET /emergency": Rule("user", "browser", "view"),
    "POST /emergency": Rule("user", "browser", "trade"),
    "POST /emergency/sign-in": Rule("anyone", "open"),
    "GET /shared/{token}": Rule("anyone", "open"),
    "GET /shared/{token}/report.pdf": Rule("anyone", "open"),
    "GET /healthz": Rule("anyone", "open"),
    "GET /readyz": Rule("anyone", "open"),
    "GET /metrics": Rule("anyone", "open"),
    "GET /.well-known/jwks.json": Rule("anyone", "open"),
    "GET /api/docs": Rule("anyone", "open"),
    "GET /openapi.json": Rule("anyone", "open"),
}


def named_route(scope: Mapping[str, Any]) -> str:
    """The path of the route that takes this request, as the table writes it; `none` when no route does."""
    path: str = getattr(scope.get("route"), "path", "none")
    return path.removeprefix(API_PREFIX)


def check_rule(caller: Caller, route: str) -> Rule:
    """The rule of a route such as `GET /orders`; NotAllowed when this caller may not call it: their role, or token."""
    rule = RULES.get(route)
    if rule is None:
        raise NotAllowed("Nobody may call this.", code="undeclared")
    if rule.who == "admin" and caller.role in ADMIN_ROLES and not caller.admin_here:
        raise NotAllowed(NOT_FROM_HERE.format(caller.ip), code="admin_network")
    if not has_role(caller, rule.who):
        raise NotAllowed(NOT_FOR[rule.who])
    if caller.scopes is None:
        return rule
    if rule.scope == "browser":
        raise NotAllowed("This is not for programs. Sign in with a browser for it.", code="browser_only")
    if rule.scope != "open" and rule.scope not in caller.scopes:
        raise NotAllowed(f"This token lacks the scope “{rule.scope}”, or your role does.", code="insufficient_scope")
    return rule


def has_role(caller: Caller, least: Least) -> bool:
    """Whether the person's role goes as far as that, whatever their token may do."""
    allowed = {"analyst": ASKING_ROLES, "trader": TRADING_ROLES, "admin": ADMIN_ROLES}.get(least)
    return allowed is None or caller.role in allowed


def describe_security(api: FastAPI) -> None:
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
                    operation["security"] = _security(f"{method.upper()} {path.removeprefix(API_PREFIX)}")
        assert api.openapi_schema is not None
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def _security(route: str) -> list[dict[str, list[str]]]:
    scope = RULES[route].scope if route in RULES else "browser"
    if scope == "open":
        return []
    return [{"session": []}] if scope == "browser" else [{"session": []}, {"bearer": [scope]}]
