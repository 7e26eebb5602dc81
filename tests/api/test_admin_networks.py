"""Where admins may work as such: REST, their tokens and the events of their pages, counted behind our own proxies."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from reflex.event import Event

from starkmatter.accounts.programs.tokens import make_token
from starkmatter.accounts.sessions import cookie_name
from starkmatter.api.app import Front, build_api
from starkmatter.api.matrix import RULES
from starkmatter.backends import Backends, set_backends
from starkmatter.errors import ConfigError
from starkmatter.settings import load_settings
from starkmatter.ui.state import guard
from tests.api.conftest import ORIGIN, _sign_in
from tests.builders import Desk

OFFICE = "192.0.2.0/24, 2001:db8::/48"


@pytest.fixture
def office(desk: Desk) -> Desk:
    """Admins work from the office alone, behind one proxy."""
    more = {"STARKMATTER_ADMIN_NETWORKS": OFFICE, "STARKMATTER_TRUSTED_PROXY_HOPS": 1}
    b = Backends(load_settings(more), desk.b.db, desk.b.cache)
    set_backends(b)
    return replace(desk, b=b)


async def asked(desk: Desk, route: str, forwarded: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """What an owner gets who comes through our proxy from there."""
    transport = httpx.ASGITransport(Front(build_api(), desk.b.settings), client=("10.0.0.2", 1))
    method, _, path = route.partition(" ")
    own = headers or {"cookie": f"{cookie_name(desk.b.settings)}={await _sign_in(desk)}"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as http:
        return await http.request(method, f"/api/v1{path}", headers={**own, "x-forwarded-for": forwarded})


@pytest.mark.parametrize(
    ("forwarded", "admitted"),
    [
        ("192.0.2.7", True),
        ("2001:db8:0:5::1", True),
        ("::ffff:192.0.2.7", True),
        ("203.0.113.7", False),
        ("192.0.2.7, 203.0.113.7", False),  # the first part is what the client said of itself
        ("203.0.113.7, 192.0.2.7", True),
        ("unknown", False),
    ],
)
async def test_only_from_there_and_a_forged_header_does_not_help(office: Desk, forwarded: str, admitted: bool) -> None:
    answer = await asked(office, "GET /admin/users", forwarded)
    assert answer.status_code == (200 if admitted else 403)
    if not admitted:
        assert answer.json()["code"] == "admin_network"
        assert "STARKMATTER_ADMIN_NETWORKS" in answer.json()["detail"]
    # What is their own they may do from everywhere.
    assert (await asked(office, "GET /accounts", forwarded)).status_code == 200


async def test_no_route_for_admins_opens_elsewhere(office: Desk) -> None:
    for_admins = [route for route, rule in RULES.items() if rule.who == "admin" or rule.scope == "admin"]
    assert len(for_admins) > 15
    unknown = "00000000-0000-0000-0000-000000000000"
    for route in for_admins:
        for name in ("user_id", "token_id", "feed_id", "name"):
            route = route.replace(f"{{{name}}}", unknown)
        answer = await asked(office, route, "203.0.113.7")
        # A body that does not fit is looked at together with who sent it.
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_network"), route


async def test_a_token_with_the_scope_admin_opens_nothing_of_it_elsewhere(office: Desk) -> None:
    scopes = ["read", "admin"]
    _, text = await make_token(office.b, office.caller, name="ops", scopes=scopes, expires_days=1, networks=[])
    bearer = {"authorization": f"Bearer {text}"}
    assert (await asked(office, "GET /jobs", "192.0.2.7", bearer)).status_code == 200
    refused = await asked(office, "GET /jobs", "203.0.113.7", bearer)
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_network")
    assert (await asked(office, "GET /accounts", "203.0.113.7", bearer)).status_code == 200


@pytest.mark.parametrize(("address", "passes"), [("192.0.2.7", True), ("203.0.113.7", False)])
async def test_the_events_of_their_pages_are_refused_elsewhere(
    office: Desk, monkeypatch: pytest.MonkeyPatch, address: str, passes: bool
) -> None:
    async def bound(*_: Any) -> None: ...

    cookie = f"{cookie_name(office.b.settings)}={await _sign_in(office)}"
    router = SimpleNamespace(headers=SimpleNamespace(cookie=cookie), session=SimpleNamespace(client_ip=address))
    monkeypatch.setattr(guard, "_bind", bound)
    monkeypatch.setattr(guard, "declared", lambda _: "admin")
    monkeypatch.setattr(guard, "fits", lambda *_: True)
    state: Any = SimpleNamespace(router=router)
    answer = await guard.Guard().preprocess(None, state, Event(name="jobs.load"))  # type: ignore[arg-type]
    assert (answer is None) == passes
    caller = await guard.caller_of(state)
    assert (caller.role, caller.is_admin, caller.may_trade) == ("owner", passes, True)


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="STARKMATTER_ADMIN_NETWORKS"):
        load_settings({"STARKMATTER_ADMIN_NETWORKS": "192.0.2.7/24"})


def test_without_a_network_they_work_from_everywhere() -> None:
    assert load_settings({}).is_admin_address("203.0.113.7")
