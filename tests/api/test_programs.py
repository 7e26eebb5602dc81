"""Programs at the front door: what each token may call, and every token that must be refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.people import change_role, disable_person
from starkmatter.accounts.programs import access, signing_keys
from starkmatter.accounts.programs.signing_keys import rotate_keys
from starkmatter.accounts.programs.wording import API_MARK, new_text
from starkmatter.accounts.records import Scope
from starkmatter.accounts.sessions import token_hash
from starkmatter.api.app import build_api, serve_stream
from starkmatter.api.matrix import RULES, STREAM, named_route
from starkmatter.clock import utc_now
from tests.api.conftest import ORIGIN, Api
from tests.api.test_stream import close_code_of, hear, running, say
from tests.builders import Desk, make_caller

PASSPHRASE = "violet harbor counts nine engines"


def routes() -> list[tuple[str, str, str]]:
    """Every route of the application, also those its document leaves out: (method, key, path)."""
    return [
        (method, f"{method} {named_route({'route': route})}", route.path)
        for route in cast(list[APIRoute], build_api().routes)
        for method in sorted(route.methods - {"HEAD"})
    ]


def filled(path: str) -> str:
    return "/".join(str(uuid4()) if part.startswith("{") and part.endswith("id}") else part for part in path.split("/"))


async def give_passphrase(desk: Desk) -> None:
    hashed = await hash_passphrase(PASSPHRASE)
    await desk.b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, desk.caller.user_id))


async def make_token(api: Api, *scopes: Scope, **more: Any) -> str:
    body = {"name": "bot", "scopes": scopes or ["read"]} | more
    answer = await api.http.post("/api/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


@pytest.fixture
async def owner(api: Api) -> Api:
    await give_passphrase(api.desk)
    return api


@asynccontextmanager
async def program(api: Api, token: str, *, peer: str = "127.0.0.1", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client without cookie and without Origin, as a script is."""
    transport = httpx.ASGITransport(api.http._transport.app, client=(peer, 1), raise_app_exceptions=False)
    given = {"authorization": f"Bearer {token}"} | headers
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=given) as client:
        yield client


async def answer_to(api: Api, token: str, peer: str = "127.0.0.1") -> tuple[int, str]:
    async with program(api, token, peer=peer) as http:
        answer = await http.get("/api/v1/orders")
        return answer.status_code, answer.json().get("code", "")


async def grant(api: Api, token: str, **more: str) -> dict[str, Any]:
    answer = await api.http.post("/api/v1/auth/token", json={"grant_type": "api_token", "api_token": token} | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refresh(api: Api, token: str) -> httpx.Response:
    return await api.http.post("/api/v1/auth/token", json={"grant_type": "refresh_token", "refresh_token": token})


async def refresh_from(api: Api, peer: str, token: str) -> dict[str, Any]:
    async with program(api, "none", peer=peer) as http:
        wish = {"grant_type": "refresh_token", "refresh_token": token}
        return dict((await http.post("/api/v1/auth/token", json=wish)).json())


# --- scopes ----------------------------------------------------------------------------------------------------------


# What only a running worker can answer.
OF_THE_WORKER = {"GET /overview", "GET /screener.csv"}


def test_every_route_says_which_scope_it_needs_and_the_table_names_no_other() -> None:
    keys = [key for _, key, _ in routes()]
    assert len(keys) > 75
    assert sorted(set(keys) ^ (set(RULES) - {STREAM})) == []


def test_what_a_reading_program_may_call_changes_nothing() -> None:
    reading = {key for key, rule in RULES.items() if rule.scope == "read"}
    assert {key for key in reading if not key.startswith(("GET ", "WS "))} == {
        "POST /accounts/{account_id}/rebalance",
        "POST /baskets/{basket_id}/review",
        "POST /orders/preview",
        "POST /screener",
    }


@pytest.mark.parametrize("scope", ["read", "trade", "admin"])
async def test_a_token_opens_the_routes_of_its_scope_and_no_other(owner: Api, scope: Scope) -> None:
    token = await make_token(owner, scope)
    wrong, opened = {}, 0
    async with program(owner, token) as http:
        for method, key, path in routes():
            if RULES[key].scope == "open":
                continue
            answer = await http.request(method, filled(path), json={})
            told = answer.json().get("code") if "problem" in answer.headers.get("content-type", "") else None
            if RULES[key].scope == scope:
                opened += 1
                waits = key in OF_THE_WORKER and told == "unavailable"
                fits = answer.status_code not in {401, 403} and (answer.status_code < 500 or waits)
            else:
                expected = "browser_only" if RULES[key].scope == "browser" else "insufficient_scope"
                fits = (answer.status_code, told) == (403, expected)
            if not fits:
                wrong[key] = (answer.status_code, told)
    assert opened > 8
    assert wrong == {}


async def test_a_route_nobody_declared_is_closed_to_everybody(owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await make_token(owner, "read", "trade", "admin")
    assert await answer_to(owner, token) == (200, "")
    monkeypatch.delitem(RULES, "GET /orders")
    assert await answer_to(owner, token) == (403, "undeclared")
    assert (await owner.http.get("/api/v1/orders")).status_code == 403


async def test_a_program_trades_without_a_cookie_or_an_origin(owner: Api) -> None:
    body = {"account_id": str(owner.desk.account_id), "symbol": "AAPL", "side": "buy", "type": "market", "qty": "10"}
    body["time_in_force"] = "day"
    key = {"Idempotency-Key": "key-00000001"}
    async with program(owner, await make_token(owner, "read", "trade")) as http:
        placed = await http.post("/api/v1/orders", json=body, headers=key)
        assert (placed.status_code, placed.json()["status"]) == (201, "pending_submit")
        seen = await http.get(f"/api/v1/orders/{placed.json()['id']}")
        assert seen.status_code == 200
    async with program(owner, await make_token(owner, "read")) as http:
        refused = await http.post("/api/v1/orders", json=body, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
        assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


# --- bearer beside cookie --------------------------------------------------------------------------------------------


async def test_a_bad_bearer_is_refused_also_beside_a_good_cookie(owner: Api) -> None:
    good = await make_token(owner, "read")
    for header in ("Bearer", "Bearer ", "bearer x", f"Bearer {good}x", f"BEARER {good[:-1]}", f"Bearer {good} {good}"):
        answer = await owner.http.get("/api/v1/orders", headers={"authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), header
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    two = [*owner.http.headers.raw, (b"authorization", f"Bearer {good}".encode()), (b"authorization", b"Basic eDp5")]
    assert (await owner.http.request("GET", "/api/v1/orders", headers=two)).status_code == 401


async def test_a_bearer_decides_alone_for_whom_and_a_proxys_basic_header_does_not_count(owner: Api) -> None:
    other = await owner.as_person(await owner.desk.person("viewer"))
    await give_passphrase(other.desk)
    token = await make_token(other, "read")
    answer = await owner.http.get("/api/v1/auth/me", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["email"] == other.desk.caller.email
    basic = await owner.http.get("/api/v1/auth/me", headers={"authorization": "Basic eDp5"})
    assert basic.json()["email"] == owner.desk.caller.email


# --- API tokens ------------------------------------------------------------------------------------------------------


async def test_a_token_needs_a_fresh_proof_and_ends_when_it_should(owner: Api) -> None:
    body = {"name": "bot", "scopes": ["read"]}
    await owner.desk.b.db.run("UPDATE user_session SET proven_at = now() - interval '6 minutes'")
    refused = await owner.http.post("/api/v1/tokens", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    await owner.desk.b.db.run("UPDATE user_session SET proven_at = now()")
    for more in ({"expires_days": 0}, {"expires_days": 366}, {"scopes": []}, {"scopes": ["root"]}, {"name": " "}):
        assert (await owner.http.post("/api/v1/tokens", json=body | more)).status_code == 422
    for network in ("10.0.0.5/8", "everywhere", "10.0.0.0/33", "2001:db8::/129"):
        wrong = body | {"networks": [network]}
        answer = await owner.http.post("/api/v1/tokens", json=wrong)
        assert (answer.status_code, network in answer.json()["detail"]) == (422, True)
    token = await make_token(owner, "read")
    [listed] = (await owner.http.get("/api/v1/tokens")).json()["items"]
    assert listed["hint"] == token[:8] + "…"
    assert listed["last_used_at"] is None
    assert token not in json.dumps(listed)
    assert await answer_to(owner, token) == (200, "")
    [listed] = (await owner.http.get("/api/v1/tokens")).json()["items"]
    assert listed["last_used_ip"] == "127.0.0.1"
    await owner.desk.b.db.run("UPDATE api_token SET expires_at = now() - interval '1 second'")
    assert await answer_to(owner, token) == (401, "invalid_token")


async def test_a_revoked_token_fails_at_its_next_request_and_only_its_person_or_an_admin_revokes_it(owner: Api) -> None:
    other = await owner.as_person(await owner.desk.person("trader"))
    await give_passphrase(other.desk)
    token, hers = await make_token(owner, "read"), await make_token(other, "read", "trade")
    [mine] = (await owner.http.get("/api/v1/tokens")).json()["items"]
    [theirs] = (await other.http.get("/api/v1/tokens")).json()["items"]
    assert (await other.http.delete(f"/api/v1/tokens/{mine['id']}")).status_code == 404
    assert (await owner.http.delete(f"/api/v1/tokens/{theirs['id']}")).status_code == 404
    assert (await other.http.delete(f"/api/v1/admin/tokens/{mine['id']}")).status_code == 403
    assert (await other.http.get("/api/v1/admin/tokens")).status_code == 403
    admin = await owner.as_person(await owner.desk.person("admin"))
    assert (await admin.http.delete(f"/api/v1/admin/tokens/{mine['id']}")).status_code == 404, "the owner's"
    everybodys = (await admin.http.get("/api/v1/admin/tokens")).text
    assert mine["id"] in everybodys
    assert theirs["id"] in everybodys
    assert token not in everybodys
    assert (await answer_to(owner, hers), await answer_to(owner, token)) == ((200, ""), (200, ""))
    assert (await admin.http.delete(f"/api/v1/admin/tokens/{theirs['id']}")).status_code == 204
    assert (await owner.http.delete(f"/api/v1/tokens/{mine['id']}")).status_code == 204
    assert {await answer_to(owner, hers), await answer_to(owner, token)} == {(401, "invalid_token")}
    assert (await owner.http.get("/api/v1/tokens")).json()["items"] == []


async def test_a_lesser_role_counts_for_tokens_at_once(owner: Api) -> None:
    person = await owner.as_person(await owner.desk.person("admin"))
    await give_passphrase(person.desk)
    token = await make_token(person, "read", "trade", "admin")
    pair = await grant(person, token)
    for bearer in (token, pair["access_token"]):
        async with program(owner, bearer) as http:
            assert (await http.get("/api/v1/jobs")).status_code == 200
    await change_role(owner.desk.b, owner.desk.caller, person.desk.caller.user_id, "viewer")
    for bearer in (token, pair["access_token"]):
        async with program(owner, bearer) as http:
            answers = [await http.get("/api/v1/jobs"), await http.post("/api/v1/accounts", json={})]
            assert [answer.json()["code"] for answer in answers] == ["not_allowed"] * 2
            assert (await http.get("/api/v1/orders")).status_code == 200
    assert (await refresh(person, pair["refresh_token"])).json()["scope"] == "read"
    viewer = await owner.as_person(person.desk)
    beyond = await viewer.http.post("/api/v1/tokens", json={"name": "bot", "scopes": ["read", "trade"]})
    assert beyond.status_code == 403
    await disable_person(owner.desk.b, owner.desk.caller, person.desk.caller.user_id, disabled=True)
    assert await answer_to(owner, token) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("networks", "good", "bad"),
    [
        (["192.0.2.0/24"], "192.0.2.77", "192.0.3.1"),
        (["192.0.2.7", "2001:db8::/32"], "2001:db8::1", "2001:db9::1"),
        (["192.0.2.7"], "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
        (["0.0.0.0/0"], "203.0.113.9", "2001:db8::1"),
        (["127.0.0.0/8"], "127.0.0.1", "unknown"),
    ],
)
async def test_a_token_counts_from_its_networks_alone(owner: Api, networks: list[str], good: str, bad: str) -> None:
    token = await make_token(owner, "read", networks=networks)
    assert await answer_to(owner, token, good) == (200, "")
    assert await answer_to(owner, token, bad) == (403, "token_address")
    async with program(owner, token, peer=good) as http:
        wish = {"grant_type": "api_token", "api_token": token}
        pair = (await http.post("/api/v1/auth/token", json=wish)).json()
    assert await answer_to(owner, pair["access_token"], good) == (200, "")
    assert await answer_to(owner, pair["access_token"], bad) == (403, "token_address")
    assert (await refresh_from(owner, bad, pair["refresh_token"]))["code"] == "token_address"
    used = await refresh_from(owner, good, pair["refresh_token"])
    assert used["scope"] == "read"
    assert (await refresh_from(owner, bad, pair["refresh_token"]))["code"] == "invalid_token", "a copy, wherever it is"
    assert await answer_to(owner, used["access_token"], good) == (401, "invalid_token")


async def test_only_hashes_are_in_the_database_and_nothing_of_a_token_is_in_the_log(owner: Api) -> None:
    with capture_logs() as logs:
        token = await make_token(owner, "read")
        pair = await grant(owner, token)
        second = (await refresh(owner, pair["refresh_token"])).json()
        await answer_to(owner, token + "x")
        await answer_to(owner, second["access_token"] + "x")
        await refresh(owner, pair["refresh_token"])
    secret = [token, pair["access_token"], pair["refresh_token"], second["access_token"], second["refresh_token"]]
    stored = ""
    for table in ("api_token", "token_family", "refresh_token", "signing_key"):
        stored += str(await owner.desk.b.db.tuples(f"SELECT to_jsonb(t)::text FROM {table} t"))
    assert logs
    for text in secret:
        assert text not in stored
        assert text[4:] not in stored
        assert text not in str(logs)
    assert token_hash(token).hex() in stored
    private = signing_keys.signing_key(owner.desk.b.db, owner.desk.b.settings, utc_now())
    assert (await private).jwk["d"] not in stored


# --- access tokens ---------------------------------------------------------------------------------------------------


async def test_an_access_token_says_for_whom_and_for_how_long_and_may_ask_for_less(owner: Api) -> None:
    token = await make_token(owner, "read", "trade")
    pair = await grant(owner, token, scope="read")
    assert (pair["token_type"], pair["expires_in"], pair["scope"]) == ("Bearer", 600, "read")
    keys = (await owner.http.get("/.well-known/jwks.json")).json()["keys"]
    read = jwt.decode(pair["access_token"], OKPKey.import_key(keys[0]), algorithms=["Ed25519"])
    assert read.header == {"alg": "Ed25519", "kid": keys[0]["kid"], "typ": "at+jwt"}
    assert set(read.claims) == {"iss", "aud", "sub", "sid", "scope", "iat", "exp", "jti"}
    assert (read.claims["sub"], read.claims["exp"] - read.claims["iat"]) == (str(owner.desk.caller.user_id), 600)
    async with program(owner, pair["access_token"]) as http:
        assert (await http.get("/api/v1/orders")).status_code == 200
        assert (await http.post("/api/v1/accounts", json={})).json()["code"] == "insufficient_scope"
    wish = {"grant_type": "api_token", "api_token": token, "scope": "read admin"}
    assert (await owner.http.post("/api/v1/auth/token", json=wish)).status_code == 403
    again = (await refresh(owner, pair["refresh_token"])).json()
    assert again["scope"] == "read"


async def test_forged_and_altered_access_tokens_are_refused(owner: Api) -> None:
    b = owner.desk.b
    pair = await grant(owner, await make_token(owner, "read"))
    good = pair["access_token"]
    key = await signing_keys.signing_key(b.db, b.settings, utc_now())
    mine = OKPKey.import_key({**key.jwk})
    head, body, signature = good.split(".")
    claims = jwt.decode(good, mine, algorithms=["Ed25519"]).claims
    header = {"alg": "Ed25519", "kid": key.kid, "typ": "at+jwt"}
    now = int(utc_now().timestamp())
    other = await make_caller(b.db)

    def signed(header: dict[str, Any], key: Any = mine, without: str = "", **changes: Any) -> str:
        said = {name: value for name, value in (claims | changes).items() if name != without}
        return str(jwt.encode(header, said, key, algorithms=[header["alg"]]))

    def part(value: dict[str, Any]) -> str:
        return signing_keys._text(json.dumps(value).encode())

    stranger = OKPKey.generate_key("Ed25519")
    public = (await owner.http.get("/.well-known/jwks.json")).json()["keys"][0]
    as_secret = OctKey.import_key(public["x"] + "=")
    forged = {
        "alg none": f"{part(header | {'alg': 'none'})}.{body}.",
        "alg none, signed": f"{part(header | {'alg': 'none'})}.{body}.{signature}",
        "no signature": f"{head}.{body}.",
        "HS256 with the public key": signed(header | {"alg": "HS256"}, as_secret),
        "another key": signed(header, stranger),
        "another key that brings itself": signed(header | {"jwk": stranger.as_dict(private=False)}, stranger),
        "unknown kid": signed(header | {"kid": "nobody"}),
        "no kid": signed({"alg": "Ed25519", "typ": "at+jwt"}),
        "kid with a NUL": signed(header | {"kid": "a\0b"}),
        "another kind": signed(header | {"typ": "JWT"}),
        "expired": signed(header, exp=now - 1),
        "not issued yet": signed(header, iat=now + 600, exp=now + 1_200),
        "no end": signed(header, without="exp"),
        "another issuer": signed(header, iss="https://evil.example"),
        "another audience": signed(header, aud="https://evil.example/api/v1"),
        "another person": signed(header, sub=str(other.user_id)),
        "another family": signed(header, sid=str(uuid4())),
        "no id of a family": signed(header, sid="x"),
        "scope is a number": signed(header, scope=7),
        "altered claims": f"{head}.{part(claims | {'scope': 'read trade admin'})}.{signature}",
        "not JSON": f"{head}.{signing_keys._text(b'nothing')}.{signature}",
        "no JWT": "a.b.c",
        "too long": good + "A" * 5_000,
    }
    assert await answer_to(owner, signed(header)) == (200, ""), "the forger's own tools work"
    answered = {name: await answer_to(owner, text) for name, text in forged.items()}
    assert {name: got for name, got in answered.items() if got != (401, "invalid_token")} == {}
    wider = signed(header, scope="read trade admin")
    async with program(owner, wider) as http:
        assert (await http.get("/api/v1/jobs")).json()["code"] == "insufficient_scope", "the family has read alone"


async def test_an_access_token_ends_with_its_api_token(owner: Api) -> None:
    pair = await grant(owner, await make_token(owner, "read"))
    [listed] = (await owner.http.get("/api/v1/tokens")).json()["items"]
    assert await answer_to(owner, pair["access_token"]) == (200, "")
    await owner.http.delete(f"/api/v1/tokens/{listed['id']}")
    assert await answer_to(owner, pair["access_token"]) == (401, "invalid_token")
    assert (await refresh(owner, pair["refresh_token"])).status_code == 401


async def test_an_access_token_ends_after_ten_minutes(owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = await grant(owner, await make_token(owner, "read"))
    late = utc_now() + timedelta(seconds=601)
    monkeypatch.setattr(access, "utc_now", lambda: late)
    assert await answer_to(owner, pair["access_token"]) == (401, "invalid_token")


# --- signing keys ----------------------------------------------------------------------------------------------------


async def test_a_new_key_signs_while_the_former_one_verifies_what_it_signed(owner: Api) -> None:
    b, now = owner.desk.b, utc_now()
    first = await grant(owner, await make_token(owner, "read"))
    assert not await rotate_keys(b.db, b.settings, now + timedelta(days=29))
    assert await rotate_keys(b.db, b.settings, now + timedelta(days=31))
    await b.db.run("UPDATE signing_key SET verifies_until = verifies_until - interval '31 days'")
    second = (await refresh(owner, first["refresh_token"])).json()
    assert await answer_to(owner, first["access_token"]) == (200, "")
    assert await answer_to(owner, second["access_token"]) == (200, "")
    heads = [text.split(".")[0] for text in (first["access_token"], second["access_token"])]
    assert heads[0] != heads[1]
    until = await b.db.value("SELECT verifies_until FROM signing_key WHERE retired_at IS NOT NULL")
    assert until > now + timedelta(minutes=10)
    assert len((await owner.http.get("/.well-known/jwks.json")).json()["keys"]) == 2
    await rotate_keys(b.db, b.settings, now, force=True, end_former=True)
    assert await answer_to(owner, first["access_token"]) == (401, "invalid_token")
    assert await answer_to(owner, second["access_token"]) == (401, "invalid_token")
    assert await signing_keys.forget_old_keys(b.db, utc_now() + timedelta(seconds=1)) == 2


async def test_of_many_that_need_or_replace_the_key_at_once_one_key_comes(owner: Api) -> None:
    b, now = owner.desk.b, utc_now()
    found = await asyncio.gather(*(signing_keys.signing_key(b.db, b.settings, now) for _ in range(4)))
    assert len({key.kid for key in found}) == 1
    due = now + timedelta(days=31)
    done = await asyncio.gather(*(rotate_keys(b.db, b.settings, due) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]


async def test_the_published_keys_have_public_parts_alone(owner: Api, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/.well-known/jwks.json")).json() == {"keys": []}
    await grant(owner, await make_token(owner, "read"))
    answer = await anonymous.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    [key] = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "Ed25519")


async def test_a_key_moved_to_another_row_does_not_open(owner: Api) -> None:
    b = owner.desk.b
    token = await make_token(owner, "read")
    await grant(owner, token)
    await b.db.run("UPDATE signing_key SET kid = 'another'")
    answer = await owner.http.post("/api/v1/auth/token", json={"grant_type": "api_token", "api_token": token})
    assert (answer.status_code, answer.json()["code"]) == (500, "config")


# --- refresh tokens --------------------------------------------------------------------------------------------------


async def test_a_refresh_token_that_comes_twice_ends_its_family_and_no_other(owner: Api) -> None:
    token = await make_token(owner, "read")
    first, apart = await grant(owner, token), await grant(owner, token)
    second = (await refresh(owner, first["refresh_token"])).json()
    assert await answer_to(owner, second["access_token"]) == (200, "")
    stolen = await refresh(owner, first["refresh_token"])
    assert (stolen.status_code, stolen.json()["code"]) == (401, "invalid_token")
    for pair in (first, second):
        assert await answer_to(owner, pair["access_token"]) == (401, "invalid_token")
    assert (await refresh(owner, second["refresh_token"])).status_code == 401
    assert await answer_to(owner, apart["access_token"]) == (200, "")
    assert (await refresh(owner, apart["refresh_token"])).status_code == 200
    assert await answer_to(owner, token) == (200, "")


async def test_of_twenty_that_use_one_refresh_token_at_once_one_does_and_the_family_has_ended(owner: Api) -> None:
    pair = await grant(owner, await make_token(owner, "read"))
    answers = await asyncio.gather(*(refresh(owner, pair["refresh_token"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    assert await answer_to(owner, won["access_token"]) == (401, "invalid_token")
    assert (await refresh(owner, won["refresh_token"])).status_code == 401


async def test_an_expired_or_unknown_refresh_token_brings_nothing(owner: Api) -> None:
    token = await make_token(owner, "read")
    pair = await grant(owner, token)
    for text in (token, "", "smr_x", new_text("smr_"), pair["access_token"][:200]):
        assert (await refresh(owner, text)).json()["code"] == "invalid_token"
    for text in (pair["refresh_token"], "", new_text(API_MARK)):
        answer = await owner.http.post("/api/v1/auth/token", json={"grant_type": "api_token", "api_token": text})
        assert answer.json()["code"] == "invalid_token"
    await owner.desk.b.db.run("UPDATE refresh_token SET expires_at = now() - interval '1 second'")
    assert (await refresh(owner, pair["refresh_token"])).status_code == 401
    assert await answer_to(owner, pair["access_token"]) == (200, "")


async def test_of_one_api_token_the_fifty_newest_families_live(owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starkmatter.accounts.programs.grants.MOST_FAMILIES", 2)
    token = await make_token(owner, "read")
    pairs = [await grant(owner, token) for _ in range(3)]
    assert [(await answer_to(owner, pair["access_token"]))[0] for pair in pairs] == [401, 200, 200]


# --- the stream ------------------------------------------------------------------------------------------------------


async def test_a_program_opens_the_stream_without_an_origin_and_loses_it_with_its_token(owner: Api) -> None:
    token, trading = await make_token(owner, "read"), await make_token(owner, "trade")
    pair = await grant(owner, await make_token(owner, "read"))
    listed = (await owner.http.get("/api/v1/tokens")).json()["items"]
    async with serve_stream(owner.desk.b) as stream, running(stream) as url:

        def opened(bearer: str, **headers: str):
            return connect(
                url, additional_headers={"Authorization": f"Bearer {bearer}"} | headers, compression=None, proxy=None
            )

        for bearer, status in ((token + "x", 401), (trading, 403), ("", 401)):
            cookie = f"starkmatter_session={owner.http.cookies['starkmatter_session']}"
            with pytest.raises(InvalidStatus) as refused:
                async with opened(bearer, Origin=ORIGIN, Cookie=cookie):
                    pass
            assert refused.value.response.status_code == status
        with pytest.raises(InvalidStatus) as in_the_address:
            async with connect(f"{url}?access_token={token}", compression=None, proxy=None):
                pass
        assert in_the_address.value.response.status_code == 403
        async with opened(token) as plain, opened(pair["access_token"]) as short:
            for socket in (plain, short):
                await say(socket, op="ping")
                assert await hear(socket, "pong") == []
            for one in listed:
                await owner.http.delete(f"/api/v1/tokens/{one['id']}")
            assert [await close_code_of(plain), await close_code_of(short)] == [4401, 4401]


# --- the document ----------------------------------------------------------------------------------------------------


async def test_the_document_says_how_each_route_is_signed_in_for(anonymous: httpx.AsyncClient) -> None:
    spec = (await anonymous.get("/api/v1/openapi.json")).json()
    assert set(spec["components"]["securitySchemes"]) == {"session", "bearer"}
    assert spec["paths"]["/api/v1/orders"]["post"]["security"] == [{"session": []}, {"bearer": ["trade"]}]
    assert spec["paths"]["/api/v1/tokens"]["post"]["security"] == [{"session": []}]
    assert spec["paths"]["/api/v1/auth/token"]["post"]["security"] == []
    page = (await anonymous.get("/api/docs")).text
    assert "A browser, or a program with the scope trade." in page
