"""Sign-in at another house against a real provider: one use, this browser, exact proof, and never by an address."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pyotp
import pytest

from starkmatter.accounts import factor
from starkmatter.accounts.oidc import doors, flows, identities, queries
from starkmatter.accounts.oidc.flows import forget_old_flows, own_path
from starkmatter.accounts.people import disable_person, invite
from starkmatter.accounts.records import Caller
from starkmatter.accounts.reset import make_link, reset_passphrase
from starkmatter.accounts.sign_in import sign_in
from starkmatter.backends import Backends, set_backends
from starkmatter.clock import utc_now
from starkmatter.egress.exchange import exchange
from starkmatter.errors import Conflict
from starkmatter.ops.logging import CHATTY
from starkmatter.settings import load_settings
from starkmatter.version import ROOT_DIR
from tests.accounts.conftest import PASSPHRASE
from tests.accounts.oidc_home import AUTH, HOME, SESSION_COOKIE, House, cookies_of, said
from tests.builders import make_caller
from tests.standins.oidc_provider import CLIENT_SECRET, OidcProvider, Subject, oidc_provider


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with oidc_provider() as started:
        yield started


@pytest.fixture
async def house(b: Backends, provider: OidcProvider, tmp_path) -> AsyncIterator[House]:
    settings = load_settings(
        {
            "STARKMATTER_HOME": str(tmp_path),
            "STARKMATTER_EGRESS_ALLOW": provider.allow,
            "STARKMATTER_SIGN_IN_PER_MIN": 1_000,
            "STARKMATTER_VENDOR_URLS": {"github": provider.url, "github-api": provider.url},
        }
    )
    made = House(Backends(settings, b.db, b.cache), provider)
    doors._lines.clear()  # GitHub's is the same in every test, and belongs to one loop
    set_backends(made.b)
    await made.connect()
    yield made
    set_backends(None)


async def counts(b: Backends) -> tuple[int, ...]:
    """People, identities, sessions, and journeys that are open."""
    tables = ("app_user", "oidc_identity", "user_session", "oidc_flow")
    return tuple([int(await b.db.value(f"SELECT count(*) FROM {one}")) for one in tables])


# --- there and back ---------------------------------------------------------------------------------------------------


async def test_who_has_linked_it_signs_in_with_it(house: House) -> None:
    caller = await house.linked_person()
    browser = house.browser()
    answer = await browser.sign_in(next="/portfolio?tab=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/portfolio?tab=1")
    assert await browser.who() == caller.user_id
    [kept] = await identities.list_identities(house.b, caller)
    assert (kept.label, kept.provider) == ("ada@elsewhere.example", "oidc")
    assert kept.last_used_at is not None


async def test_what_is_asked_of_the_provider_is_state_nonce_pkce_and_one_exact_way_back(house: House) -> None:
    answer = await house.browser().start()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["redirect_uri"] == f"{HOME}{AUTH}/oidc/oidc/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) >= 43
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    cookie = cookies_of(answer)["starkmatter_oidc"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/api/v1/auth/oidc")
    assert int(cookie["max-age"]) == 600
    kept = str(await house.b.db.tuples("SELECT f::text FROM oidc_flow f"))
    for secret in (asked["state"], asked["nonce"], cookie.value):
        assert secret not in kept
        assert secret.encode().hex() not in kept


async def test_over_https_the_cookie_belongs_to_this_host_alone(house: House) -> None:
    settings = house.b.settings.model_copy(update={"public_url": "https://trade.example.org"})
    safe = House(Backends(settings, house.b.db, house.b.cache), house.provider)
    set_backends(safe.b)
    answer = await safe.browser().start()
    cookie = cookies_of(answer)["__Host-starkmatter-oidc"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert "redirect_uri=https%3A%2F%2Ftrade.example.org%2Fapi%2F" in answer.headers["location"]


async def test_of_ten_that_come_back_with_one_answer_at_once_one_gets_in(house: House) -> None:
    await house.linked_person()
    browser = house.browser()
    brought = await browser.leave()
    answers = await asyncio.gather(*[browser.come_back(brought) for _ in range(10)])
    assert sorted(one.status_code for one in answers) == [303] + [400] * 9


async def test_an_answer_counts_once(house: House) -> None:
    await house.linked_person()
    browser = house.browser()
    brought = await browser.leave()
    assert (await browser.come_back(brought)).status_code == 303
    before = await counts(house.b)
    again = house.browser()
    again.http.cookies.update(browser.http.cookies)
    assert (await again.come_back(brought)).status_code == 400
    assert await counts(house.b) == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"state": None}, "Begin again"),
        ({"state": ""}, "Begin again"),
        ({"state": "x" * 43}, "Begin again"),
        ({"state": "x" * 9_000}, "Begin again"),
        ({"code": None}, "did not sign you in"),
        ({"code": "x" * 9_000}, "did not sign you in"),
        ({"code": "another-code"}, "did not confirm"),
        ({"iss": "https://evil.test"}, "does not come from"),
        ({"iss": None}, "does not come from"),
        ({"error": "access_denied", "code": None}, "did not sign you in"),
        ({"error": "<script>x</script>"}, "did not sign you in"),
    ],
)
async def test_what_is_missing_or_changed_on_the_way_back_is_refused_on_a_page(house: House, change, word: str) -> None:
    await house.linked_person()
    browser = house.browser()
    brought = {name: text for name, text in ((await browser.leave()) | change).items() if text is not None}
    answer = await browser.come_back(brought)
    assert answer.status_code == 400
    assert word in said(answer)
    assert "<script>x" not in answer.text
    assert SESSION_COOKIE not in cookies_of(answer)
    assert await browser.who() is None


async def test_a_provider_that_does_not_name_itself_may_leave_iss_out_but_not_lie(house: House) -> None:
    await house.linked_person()
    house.provider.names_itself = False
    doors._kept.clear()
    assert (await house.browser().sign_in()).status_code == 303
    browser = house.browser()
    brought = await browser.leave()
    assert (await browser.come_back(brought | {"iss": "https://evil.test"})).status_code == 400


async def test_a_state_in_another_browser_is_worth_nothing_and_stays_good_in_its_own(house: House) -> None:
    await house.linked_person()
    victim, attacker = house.browser(), house.browser()
    brought = await attacker.leave()
    assert (await victim.come_back(brought)).status_code == 400
    own = await victim.leave()
    assert (await victim.come_back(brought)).status_code == 400
    assert await victim.who() is None
    assert (await victim.come_back(own)).status_code == 303
    assert (await attacker.come_back(brought)).status_code == 303


async def test_a_code_of_another_journey_does_not_fit_this_ones_verifier(house: House) -> None:
    await house.linked_person()
    attacker, victim = house.browser(), house.browser()
    stolen = await attacker.leave()
    own = await victim.leave()
    answer = await victim.come_back(own | {"code": stolen["code"]})
    assert answer.status_code == 400
    assert "did not confirm" in said(answer)


async def test_an_answer_at_another_providers_door_is_refused(house: House) -> None:
    await house.linked_person()
    await house.connect("github")
    browser = house.browser()
    house.provider.redirect_uri = f"{HOME}{AUTH}/oidc/oidc/callback"
    brought = await browser.leave()
    assert (await browser.come_back(brought, "github")).status_code == 400


async def test_a_journey_ends_after_ten_minutes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.linked_person()
    browser = house.browser()
    brought = await browser.leave()
    later = utc_now() + flows.FLOW_KEEPS
    monkeypatch.setattr(flows, "utc_now", lambda: later)
    assert (await browser.come_back(brought)).status_code == 400
    assert await forget_old_flows(house.b) == 1


async def test_a_provider_that_was_changed_meanwhile_is_begun_with_anew(house: House) -> None:
    await house.linked_person()
    browser = house.browser()
    brought = await browser.leave()
    await house.b.db.run("UPDATE oidc_flow SET issuer = 'https://former.example'")
    assert "changed" in said(await browser.come_back(brought))


async def test_nobody_signs_in_with_what_no_admin_has_connected(house: House) -> None:
    for slug in ("google", "github", "nothing", "a" * 300):
        answer = await house.browser().start(slug)
        assert answer.status_code == 404
        assert "Nobody can sign in" in said(answer)
    listed = await house.browser().http.get(f"{AUTH}/oidc")
    assert listed.json()["items"] == [{"slug": "oidc", "title": "Home ID"}]


# --- what the provider says -------------------------------------------------------------------------------------------

LIES = [
    *("nonce", "no-nonce", "aud", "several-aud", "azp", "iss", "expired", "no-exp", "future", "at_hash"),
    *("no-sub", "long-sub", "number-sub"),
    *("none", "hs256", "other-key", "other-kid", "own-key", "altered", "no-id-token"),
]


async def test_an_id_token_that_is_not_for_us_from_there_now_and_whole_is_refused(house: House) -> None:
    await house.linked_person()
    before = await counts(house.b)
    browser = house.browser()
    for lie in LIES:
        house.provider.wrong = lie
        answer = await browser.sign_in()
        assert (answer.status_code, await browser.who()) == (400, None), lie
        assert "does not hold" in said(answer), lie
    assert await counts(house.b) == before
    house.provider.wrong = ""
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.parametrize("place", ["discovery", "token", "jwks"])
async def test_a_provider_that_fails_is_said_in_words_and_asked_nowhere_else(
    house: House, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.linked_person()
    monkeypatch.setattr(exchange, "__kwdefaults__", {**(exchange.__kwdefaults__ or {}), "timeout_secs": 0.3})
    browser = house.browser()
    with oidc_provider() as inside:
        house.provider.inside_url = f"{inside.url}/jwks"
        for lie in ("broken", "huge", "inside", "html", "list", "slow"):
            house.provider.wrong = ""
            doors._kept.clear()
            doors._lines.clear()
            brought = {} if place == "discovery" else await browser.leave()
            house.provider.wrong = f"{lie}@{place}"
            answer = await (browser.come_back(brought) if brought else browser.start())
            assert (answer.status_code, await browser.who()) == (503, None), lie
            assert said(answer), lie
        assert inside.asked == []


@pytest.mark.parametrize("lie", ["other-issuer", "token-inside"])
async def test_a_discovery_document_of_somebody_else_or_with_doors_inside_is_refused(house: House, lie: str) -> None:
    house.provider.wrong = lie
    assert (await house.browser().start()).status_code == 503


async def test_a_provider_inside_is_asked_only_where_the_operator_allows_it(house: House) -> None:
    settings = load_settings({"STARKMATTER_HOME": str(house.b.settings.home)})
    closed = House(Backends(settings, house.b.db, house.b.cache), house.provider)
    set_backends(closed.b)
    house.provider.asked.clear()
    assert (await closed.browser().start()).status_code == 422
    assert house.provider.asked == []


# --- whose identity it is ---------------------------------------------------------------------------------------------


async def test_an_identity_nobody_has_linked_opens_nothing_also_with_somebodys_address(house: House) -> None:
    caller = await make_caller(house.b.db, "admin")
    before = await counts(house.b)
    house.provider.user = Subject(sub="stranger", email=caller.email)
    browser = house.browser()
    answer = await browser.sign_in()
    assert answer.status_code == 400
    known = said(answer)
    house.provider.user = Subject(sub="stranger", email="nobody@elsewhere.example")
    assert said(await house.browser().sign_in()) == known
    assert await browser.who() is None
    assert await counts(house.b) == before


async def test_who_is_kept_out_is_told_what_a_stranger_is_told(house: House) -> None:
    stranger = said(await house.browser().sign_in())
    caller = await house.linked_person()
    owner = await make_caller(house.b.db, "owner")
    await disable_person(house.b, owner, caller.user_id, disabled=True)
    assert said(await house.browser().sign_in()) == stranger


async def test_linking_takes_a_fresh_proof_and_the_one_who_began_it(house: House) -> None:
    _, browser = await house.person()
    await house.b.db.run("UPDATE user_session SET proven_at = now() - interval '6 minutes'")
    stale = await browser.http.post(f"{AUTH}/oidc/oidc/link")
    assert (stale.status_code, stale.json()["code"]) == (403, "step_up_required")
    await house.b.db.run("UPDATE user_session SET proven_at = now()")
    foreign = await browser.http.post(f"{AUTH}/oidc/oidc/link", headers={"origin": "https://evil.test"})
    assert foreign.status_code == 403
    brought = await browser.depart("link")
    _, others = await house.person()
    browser.http.cookies.set(SESSION_COOKIE, others.http.cookies[SESSION_COOKIE], domain="localhost.local")
    answer = await browser.come_back(brought)
    assert "Somebody else" in said(answer)
    assert await house.b.db.value("SELECT count(*) FROM oidc_identity") == 0


async def test_one_identity_is_one_persons(house: House) -> None:
    caller = await house.linked_person()
    _, second = await house.person()
    assert "linked already" in said(await second.link())
    assert (await (await house.signed_in(caller)).link()).status_code == 303
    assert len(await identities.list_identities(house.b, caller)) == 1


async def test_unlinking_is_for_ones_own_and_counts_at_once(house: House) -> None:
    caller = await house.linked_person()
    browser, other = await house.signed_in(caller), house.browser()
    await other.sign_in()
    [kept] = (await browser.http.get(f"{AUTH}/identities")).json()["items"]
    _, stranger = await house.person()
    assert (await stranger.http.delete(f"{AUTH}/identities/{kept['id']}")).status_code == 404
    assert (await browser.http.delete(f"{AUTH}/identities/{kept['id']}")).status_code == 204
    assert await other.who() is None
    assert (await house.browser().sign_in()).status_code == 400
    assert (await browser.http.delete(f"{AUTH}/identities/{kept['id']}")).status_code == 404


# --- invited with it --------------------------------------------------------------------------------------------------


async def invitation(house: House) -> str:
    owner = await make_caller(house.b.db, "owner")
    return (await invite(house.b, owner, "analyst")).split("invite=")[1]


async def register(house: House, token: str) -> tuple[httpx.Response, "object"]:
    browser = house.browser()
    brought = await browser.depart("register", {"invite_token": token})
    return await browser.come_back(brought), browser


async def test_an_invitation_can_be_taken_with_the_provider_once(house: House) -> None:
    token = await invitation(house)
    answer, browser = await register(house, token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    row = await house.b.db.tuples(
        "SELECT role, email, display_name, passphrase_hash FROM app_user WHERE id = %s", (await browser.who(),)
    )
    assert row == [("analyst", "ada@elsewhere.example", "Ada Elsewhere", "none")]
    assert (await house.browser().sign_in()).status_code == 303
    again = await house.browser().http.post(f"{AUTH}/oidc/oidc/register", json={"invite_token": token})
    assert again.status_code == 403


async def test_of_two_that_take_one_invitation_at_once_one_is_in(house: House) -> None:
    token = await invitation(house)
    first, second = house.browser(), house.browser()
    one = await first.depart("register", {"invite_token": token})
    house.provider.user = Subject(sub="subject-2", email="bob@elsewhere.example")
    two = await second.depart("register", {"invite_token": token})
    answers = await asyncio.gather(first.come_back(one), second.come_back(two))
    assert sorted(answer.status_code for answer in answers) == [303, 400]
    assert (await counts(house.b))[1] == 1


@pytest.mark.parametrize("case", ["unverified", "somebodys", "linked"])
async def test_an_invitation_is_not_used_up_by_an_identity_that_cannot_register(house: House, case: str) -> None:
    token = await invitation(house)
    if case == "unverified":
        house.provider.user = Subject(email_verified=False)
    elif case == "somebodys":
        house.provider.user = Subject(email=(await make_caller(house.b.db, "trader")).email.upper())
    else:
        await house.linked_person()
    before = await counts(house.b)
    answer, browser = await register(house, token)
    assert answer.status_code == 400
    assert said(answer)
    assert await browser.who() is None
    assert (await counts(house.b))[:2] == before[:2]
    house.provider.user = Subject(sub="subject-3", email="carol@elsewhere.example")
    assert (await register(house, token))[0].status_code == 303


async def test_userinfo_of_another_subject_is_refused(house: House) -> None:
    token = await invitation(house)
    house.provider.wrong = "userinfo-sub"
    answer, _ = await register(house, token)
    assert "does not hold" in said(answer)


async def test_the_last_way_in_stays_until_there_is_a_passphrase(house: House) -> None:
    _, browser = await register(house, await invitation(house))
    me = await browser.who()
    [kept] = (await browser.http.get(f"{AUTH}/identities")).json()["items"]
    refused = await browser.http.delete(f"{AUTH}/identities/{kept['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_way_in")
    owner = await make_caller(house.b.db, "admin")
    _, link = await make_link(house.b, owner, me)
    await reset_passphrase(house.b, link.split("token=")[1], PASSPHRASE, ip="test")
    signed = await sign_in(house.b, "ada@elsewhere.example", PASSPHRASE, ip="test", user_agent="test")
    await identities.unlink(house.b, signed.caller, kept["id"])
    assert await identities.list_identities(house.b, signed.caller) == []


async def test_of_two_that_unlink_the_last_two_at_once_one_is_refused(house: House) -> None:
    _, browser = await register(house, await invitation(house))
    house.provider.user = Subject(sub="subject-2")
    assert (await browser.link()).status_code == 303
    (first, user_id), (second, _) = await house.b.db.tuples("SELECT id, user_id FROM oidc_identity")
    me = Caller(user_id, uuid4(), "analyst", "ada@elsewhere.example", "Ada")
    async with house.b.db.transaction() as connection:  # the other one, between its statements
        await connection.execute(queries.LOCK_PERSON, (user_id,))
        await connection.execute(queries.DROP_IDENTITY, {"id": first, "user": user_id})
        late = asyncio.create_task(identities.unlink(house.b, me, second))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not late.done() and not await house.b.db.value(waiting):
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict):
        await late
    assert [one.id for one in await identities.list_identities(house.b, me)] == [second]


async def test_without_a_passphrase_one_links_only_just_after_signing_in(house: House) -> None:
    _, browser = await register(house, await invitation(house))
    await house.b.db.run("UPDATE user_session SET proven_at = now() - interval '6 minutes'")
    answer = await browser.http.post(f"{AUTH}/oidc/oidc/link")
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
    assert answer.json()["accepted"] == []
    assert "Sign out and in again" in answer.json()["detail"]


# --- the second factor ------------------------------------------------------------------------------------------------


async def test_the_second_factor_of_this_house_is_asked_also_after_anothers(house: House) -> None:
    caller = await house.linked_person()
    phone = pyotp.TOTP((await factor.enroll(house.b, caller)).secret)
    codes = await factor.confirm(house.b, caller, phone.now())
    browser = house.browser()
    answer = await browser.sign_in(next="/orders")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login/code?next=/orders")
    assert SESSION_COOKIE not in cookies_of(answer)
    assert await browser.who() is None
    wrong = await browser.http.post(f"{AUTH}/oidc/finish", json={"totp": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    without = await house.browser().http.post(f"{AUTH}/oidc/finish", json={"totp": codes[0]})
    assert without.status_code == 400
    right = await browser.http.post(f"{AUTH}/oidc/finish", json={"totp": codes[0]})
    assert right.status_code == 200
    assert await browser.who() == caller.user_id


async def test_the_second_step_counts_once(house: House) -> None:
    caller = await house.linked_person()
    phone = pyotp.TOTP((await factor.enroll(house.b, caller)).secret)
    codes = await factor.confirm(house.b, caller, phone.now())
    browser = house.browser()
    await browser.sign_in()
    took = [browser.http.post(f"{AUTH}/oidc/finish", json={"totp": code}) for code in codes[:5]]
    answers = await asyncio.gather(*took)
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400, 400]


# --- GitHub -----------------------------------------------------------------------------------------------------------


async def test_github_is_its_number_and_its_verified_primary_address(house: House) -> None:
    await house.connect("github")
    browser = house.browser()
    brought = await browser.depart("register", {"invite_token": await invitation(house)}, "github")
    answer = await browser.come_back(brought, "github")
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    rows = await house.b.db.tuples("SELECT provider, issuer, subject, label FROM oidc_identity")
    assert rows == [("github", "https://github.com/login/oauth", "4711", "ada")]
    assert (await house.browser().sign_in("github")).status_code == 303
    again = house.browser()
    brought = await again.leave("github")
    assert (await again.come_back(brought | {"code": "used"}, "github")).status_code == 400


# --- what is left of it -----------------------------------------------------------------------------------------------


async def test_no_secret_of_a_journey_is_in_the_log_the_database_or_a_page(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        caller = await house.linked_person()
        browser = house.browser()
        left = await browser.leave()
        cookie = browser.http.cookies["starkmatter_oidc"]
        page = await browser.come_back(left)
        for lie in ("nonce", "broken@token"):
            house.provider.wrong = lie
            page = await house.browser().sign_in()
    secrets = {*house.provider.seen, *left.values(), cookie, CLIENT_SECRET} - {"", house.provider.url}
    assert len(secrets) > 10
    tables = [row[0] for row in await house.b.db.tuples("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    kept = "".join([str(await house.b.db.tuples(f'SELECT t::text FROM "{name}" t')) for name in tables])
    logged = "".join(f"{one.getMessage()}{one.__dict__}" for one in caplog.records if not one.name.startswith(CHATTY))
    for secret in secrets:
        assert secret not in kept
        assert secret not in logged
        assert secret not in page.text
    assert len(await identities.list_identities(house.b, caller)) == 1


async def test_an_address_that_tries_too_often_waits_on_a_page(house: House) -> None:
    settings = house.b.settings.model_copy(update={"sign_in_per_min": 3})
    slow = House(Backends(settings, house.b.db, house.b.cache), house.provider)
    set_backends(slow.b)
    answers = [await slow.browser().start() for _ in range(4)]
    assert [one.status_code for one in answers] == [303, 303, 303, 429]
    assert "Wait" in said(answers[-1])
    assert int(answers[-1].headers["retry-after"]) > 0


# --- where one lands --------------------------------------------------------------------------------------------------

LURES = (
    "https://evil.test/",
    "HTTPS://evil.test",
    "http:evil.test",
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "\\/evil.test",
    "evil.test",
    ".evil.test",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,x",
    " //evil.test",
    "\t//evil.test",
    "\n//evil.test",
    "/\t/evil.test",
    "/\n/evil.test",
    "/\r\nLocation: //evil.test",
    "/\\\\evil.test",
    "/;@evil.test",
    "/@evil.test",
    "?next=//evil.test",
    "#//evil.test",
    "//[::ffff:127.0.0.1]",
    "//①②⑦.⓪.⓪.①",
    "/orders\x00",
    "/<script>",
    "/" + "a" * 600,
    "",
)


async def test_no_lure_leads_out_after_a_sign_in_elsewhere(house: House) -> None:
    assert len(LURES) > 20
    await house.linked_person()
    for lure in LURES:
        assert own_path(lure) == "/", lure
    for lure in ("//evil.test", "/\\evil.test", "https://evil.test/", "/\r\nLocation: //evil.test"):
        answer = await house.browser().sign_in(next=lure)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    for path in ("/", "/orders", "/trade/BRK-B?x=1&y=2", "/portfolio/performance", "/trade/%5EGSPC"):
        assert own_path(path) == path


# --- the admin's form -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "change", "ok", "words"),
    [
        ("oidc", {}, True, "Home ID knows these keys. Its redirect address for us: http://localhost:3000/api/v1/auth"),
        ("oidc", {"client_secret": "wrong"}, False, "does not take this client ID and secret"),
        ("oidc", {"issuer": "{url}/"}, False, "It calls itself"),
        ("github", {}, True, "GitHub knows these keys"),
        ("github", {"client_secret": "wrong"}, False, "does not take this client ID and secret"),
    ],
)
async def test_the_test_button_says_whether_the_provider_is_there_and_knows_the_keys(
    house: House, slug: str, change: dict[str, str], ok: bool, words: str
) -> None:
    admin = await house.signed_in(await make_caller(house.b.db, "admin"))
    given = {name: house.provider.fields[name] for name in ("client_id", "client_secret")}
    if slug == "oidc":
        given |= {"issuer": house.provider.url, "title": "Home ID"}
    given |= {name: text.format(url=house.provider.url) for name, text in change.items()}
    answer = await admin.http.put(f"/api/v1/connections/sign_in_{slug}", json={"values": given})
    assert answer.status_code == 200
    assert answer.json()["ok"] is ok
    assert words in answer.json()["text"]
    listed = await admin.http.get("/api/v1/connections")
    assert CLIENT_SECRET not in listed.text


@pytest.mark.parametrize(
    ("slug", "field", "text"),
    [
        ("microsoft", "tenant", "common"),
        ("oidc", "issuer", "http://id.example.org"),
        ("oidc", "issuer", "https://id.example.org/?x=1"),
        ("oidc", "issuer", "https://user:pass@id.example.org"),
        ("oidc", "issuer", "id.example.org"),
    ],
)
async def test_an_issuer_that_cannot_be_exact_or_safe_is_not_kept(
    house: House, slug: str, field: str, text: str
) -> None:
    admin = await house.signed_in(await make_caller(house.b.db, "admin"))
    given = {"client_id": "x", "client_secret": "y", field: text}
    answer = await admin.http.put(f"/api/v1/connections/sign_in_{slug}", json={"values": given})
    assert answer.status_code == 422


def test_the_libraries_of_a_sign_in_elsewhere_are_loaded_with_the_first_one() -> None:
    asks = "import sys, starkmatter.api.app; print({'authlib', 'httpx2', 'joserfc'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, cwd=ROOT_DIR, check=True)
    assert told.stdout.strip() == "set()"
