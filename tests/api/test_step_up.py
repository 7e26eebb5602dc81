"""What takes a fresh proof over REST is refused without one, and the cookie changes with each proof."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.sessions import cookie_name
from starkmatter.api.matrix import RULES
from starkmatter.api.security import UNSAFE_METHODS
from tests.accounts.authenticator import Authenticator
from tests.accounts.conftest import PASSPHRASE
from tests.api.conftest import Api
from tests.api.described import described

SOMEBODY = str(uuid4())
CREDENTIAL: dict[str, Any] = {"credential": {}}
GUARDED: dict[tuple[str, str], Any] = {
    ("PUT", "/connections/{kind}"): {"values": {}},
    ("DELETE", "/connections/{kind}"): None,
    ("POST", "/connections/{kind}/sign-in"): None,
    ("PUT", "/connections/{kind}/sign-in"): {"answer": "x"},
    ("DELETE", "/auth/sessions/{session_id}"): None,
    ("POST", "/auth/totp/enroll"): None,
    ("POST", "/auth/totp/confirm"): {"code": "000000"},
    ("POST", "/auth/totp/recovery-codes"): None,
    ("POST", "/auth/totp/off"): None,
    ("POST", "/auth/passkeys/options"): None,
    ("POST", "/auth/passkeys"): CREDENTIAL | {"name": "Phone"},
    ("DELETE", "/auth/passkeys/{passkey_id}"): None,
    ("PATCH", "/admin/users/{user_id}"): {"role": "viewer"},
    ("POST", "/admin/invitations"): {"role": "viewer"},
    ("POST", "/admin/reset-links"): {"user_id": SOMEBODY},
    ("POST", "/auth/oidc/{provider}/link"): None,
    ("DELETE", "/auth/identities/{identity_id}"): None,
    ("DELETE", "/kill-switch"): None,
    ("POST", "/tokens"): {"name": "bot", "scopes": ["read"]},
    ("POST", "/report-links"): {"account_ids": [SOMEBODY], "period": "2021", "label": "Tax"},
    ("POST", "/admin/corporate-actions"): {"symbol": "AAPL", "ex_on": "2026-01-02", "kind": "delisting"},
    ("POST", "/accounts/{account_id}/shares"): {"email": "nobody@example.org", "level": "view"},
}
# Before a session, with a proof of their own, or harmless in whoever's hands the session is.
OPEN = {
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/password"),
    ("POST", "/auth/password/forgot"),
    ("POST", "/auth/password/reset"),
    ("POST", "/auth/step-up"),
    ("POST", "/auth/step-up/passkey/options"),
    ("POST", "/auth/step-up/passkey"),
    ("POST", "/auth/passkeys/sign-in/options"),
    ("POST", "/auth/passkeys/sign-in"),
    ("PATCH", "/auth/me"),
    ("PATCH", "/auth/passkeys/{passkey_id}"),
    ("POST", "/connections/{kind}/test"),
    ("POST", "/jobs/{name}/runs"),
    ("POST", "/auth/token"),
    ("POST", "/auth/oidc/{provider}/register"),
    ("POST", "/auth/oidc/finish"),
    ("DELETE", "/tokens/{token_id}"),
    ("DELETE", "/admin/tokens/{token_id}"),
    ("PUT", "/admin/market-sources"),
}


@pytest.fixture
async def ada(api: Api) -> Api:
    """An owner with a passphrase, whose last proof is six minutes old."""
    hashed = await hash_passphrase(PASSPHRASE)
    await api.desk.b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, api.desk.caller.user_id))
    await grow_stale(api)
    token = token_of(api.http, api)
    api.http.cookies.clear()
    api.http.cookies.set(cookie_name(api.desk.b.settings), token, domain="127.0.0.1")  # as the server sets it
    return api


async def grow_stale(api: Api) -> None:
    await api.desk.b.db.run("UPDATE user_session SET proven_at = now() - interval '6 minutes'")


def token_of(http: httpx.AsyncClient, api: Api) -> str:
    return str(http.cookies[cookie_name(api.desk.b.settings)])


async def send(api: Api, method: str, path: str, body: Any) -> httpx.Response:
    for name, value in {
        "kind": "smtp",
        "passkey_id": SOMEBODY,
        "user_id": SOMEBODY,
        "account_id": SOMEBODY,
        "session_id": SOMEBODY,
        "identity_id": SOMEBODY,
        "provider": "oidc",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return await api.http.request(method, f"/api/v1{path}", json=body)


def test_every_change_of_sign_in_keys_and_people_is_on_one_of_the_two_lists() -> None:
    changes = {tuple(key.split(" ", 1)): rule for key, rule in RULES.items() if key.split(" ")[0] in UNSAFE_METHODS}
    assert {key for key, rule in changes.items() if rule.fresh} == set(GUARDED)
    rooms = ("/auth/", "/tokens", "/connections/", "/admin/", "/jobs/")
    assert {key for key, rule in changes.items() if not rule.fresh and key[1].startswith(rooms)} == OPEN


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_stale_proof_is_refused_before_anything_else_is_looked_at(ada: Api, method: str, path: str) -> None:
    body = GUARDED[method, path]
    stale = await send(ada, method, path, body)
    assert (stale.status_code, stale.json()["code"]) == (403, "step_up_required")
    assert stale.json()["accepted"] == ["passphrase"]
    assert (await ada.http.post("/api/v1/auth/step-up", json={"password": PASSPHRASE})).status_code == 200
    fresh = await send(ada, method, path, body)
    assert fresh.status_code < 500
    assert fresh.status_code == 204 or fresh.json().get("code") != "step_up_required"


async def test_who_may_not_do_it_at_all_is_not_asked_for_a_proof(ada: Api) -> None:
    await ada.desk.b.db.run("UPDATE app_user SET role = 'trader' WHERE id = %s", (ada.desk.caller.user_id,))
    answer = await send(ada, "POST", "/admin/invitations", {"role": "viewer"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_the_former_token_is_worth_nothing_after_a_proof(ada: Api) -> None:
    old = token_of(ada.http, ada)
    assert (await ada.http.get("/api/v1/auth/me")).status_code == 200
    answer = await ada.http.post("/api/v1/auth/step-up", json={"password": PASSPHRASE})
    assert answer.json()["accepted"] == ["passphrase"]
    assert answer.json()["fresh_until"] is not None
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert token_of(ada.http, ada) != old
    assert (await ada.http.get("/api/v1/auth/me")).status_code == 200
    stolen = {"cookie": f"{cookie_name(ada.desk.b.settings)}={old}"}
    async with httpx.AsyncClient(transport=ada.http._transport, base_url=ada.http.base_url, headers=stolen) as thief:
        assert (await thief.get("/api/v1/auth/me")).status_code == 401


async def test_a_wrong_proof_changes_no_cookie(ada: Api) -> None:
    old = token_of(ada.http, ada)
    answer = await ada.http.post("/api/v1/auth/step-up", json={"password": "not the passphrase"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_credentials")
    assert token_of(ada.http, ada) == old
    assert (await ada.http.get("/api/v1/auth/step-up")).json() == {"accepted": ["passphrase"], "fresh_until": None}


async def test_a_proof_from_a_foreign_page_is_refused(ada: Api) -> None:
    for path in ("", "/passkey/options", "/passkey"):
        body = {"password": PASSPHRASE} if not path else CREDENTIAL
        answer = await ada.http.post(f"/api/v1/auth/step-up{path}", json=body, headers={"origin": "https://evil.test"})
        assert answer.json()["code"] == "foreign_origin"


async def test_a_passkey_is_added_listed_used_and_removed(ada: Api, anonymous: httpx.AsyncClient) -> None:
    device, at = Authenticator(), "/api/v1/auth/passkeys"
    empty = (await ada.http.get(at)).json()
    assert empty == {"items": [], "origin": "http://localhost:3000", "last_factor": False}
    await ada.http.post("/api/v1/auth/step-up", json={"password": PASSPHRASE})
    options = (await ada.http.post(f"{at}/options")).json()
    added = await ada.http.post(at, json={"name": "Phone", "credential": device.make(options)})
    assert added.status_code == 201, added.text
    one = (await ada.http.get(at)).json()
    assert ([item["name"] for item in one["items"]], one["last_factor"]) == (["Phone"], True)

    asked = await anonymous.post(f"{at}/sign-in/options")
    cookie = asked.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    answer = {"credential": device.use(asked.json())}
    other = httpx.AsyncClient(transport=anonymous._transport, base_url=anonymous.base_url, headers=anonymous.headers)
    async with other:  # the answer in another browser than the one that asked
        assert (await other.post(f"{at}/sign-in", json=answer)).status_code == 401
    signed = await anonymous.post(f"{at}/sign-in", json=answer)
    assert signed.status_code == 200, signed.text
    assert signed.json()["email"] == ada.desk.caller.email
    replayed = await anonymous.post(f"{at}/sign-in", json=answer)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "wrong_passkey")

    await grow_stale(ada)
    asked = await ada.http.post("/api/v1/auth/step-up/passkey/options")
    assert len(asked.json()["allowCredentials"]) == 1
    proof = {"credential": device.use(asked.json())}
    assert (await ada.http.post("/api/v1/auth/step-up/passkey", json=proof)).status_code == 200
    key = one["items"][0]["id"]
    assert (await ada.http.patch(f"{at}/{key}", json={"name": "Old phone"})).status_code == 204
    assert (await ada.http.delete(f"{at}/{key}")).status_code == 204
    assert (await ada.http.delete(f"{at}/{key}")).status_code == 404


async def test_a_new_sign_in_ends_the_session_this_browser_had(ada: Api, anonymous: httpx.AsyncClient) -> None:
    old = token_of(ada.http, ada)
    elsewhere = (await ada.as_person(ada.desk)).http
    body = {"email": ada.desk.caller.email, "password": PASSPHRASE}
    assert (await ada.http.post("/api/v1/auth/login", json=body)).status_code == 200
    assert token_of(ada.http, ada) != old
    assert (await ada.http.get("/api/v1/auth/me")).status_code == 200
    stale = {"cookie": f"{cookie_name(ada.desk.b.settings)}={old}"}
    assert (await anonymous.get("/api/v1/auth/me", headers=stale)).status_code == 401
    assert (await elsewhere.get("/api/v1/auth/me")).status_code == 200


def test_the_new_doors_are_in_the_api() -> None:
    known = described()["paths"]
    assert {f"/api/v1{path}" for _, path in set(GUARDED) | OPEN} <= set(known)
