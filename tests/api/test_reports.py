"""Reports over REST, and links that show one without an account: what they open, what they never do."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from starkmatter.accounts.programs.wording import new_text
from starkmatter.accounts.reset import make_link as make_reset_link
from starkmatter.accounts.reset import reset_passphrase
from starkmatter.api import rates
from starkmatter.domain.periods import parse_period
from starkmatter.portfolio.reporting.building import make_report
from starkmatter.portfolio.reporting.links import GONE, LINK_MARK, MOST_LINKS, forget_links
from starkmatter.portfolio.reporting.records import Wish
from tests.api.conftest import Api
from tests.portfolio.report_figures import pdf_text
from tests.portfolio.test_explaining import play
from tests.portfolio.test_reporting import HOSTILE, NOW, amounts_of

PERIOD = "2021-03"


async def get(api: Api, path: str, **query: object) -> httpx.Response:
    asked = {"account_id": str(api.desk.account_id), "period": PERIOD, **query}
    return await api.http.get(f"/api/v1/portfolio/{path}", params=asked)  # type: ignore[arg-type]


async def link(api: Api, **more: Any) -> dict[str, Any]:
    answer = await made(api, **more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def made(api: Api, **more: Any) -> httpx.Response:
    body = {"account_ids": [str(api.desk.account_id)], "period": PERIOD, "label": "For my adviser"}
    return await api.http.post("/api/v1/report-links", json=body | more)


def path_of(told: dict[str, Any]) -> str:
    return urlsplit(told["url"]).path


async def test_a_report_is_a_page_that_runs_and_loads_nothing(api: Api) -> None:
    await play(api.desk, 3, 81)
    answer = await get(api, "report.html")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src" not in policies[0]
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|<link|<img|<iframe|https?://(?!www\.w3\.org/2000/svg)", answer.text)
    for section in ("Summary", "Performance", "Allocation", "Activity", "Income", "Realized gains", "Fees", "Risk"):
        assert section in answer.text
    few = (await get(api, "report.html", sections="summary,fees", benchmark="")).text
    assert "How the value changed" in few
    assert "Realized gains" not in few


async def test_the_pdf_comes_as_a_file_with_the_same_figures(api: Api) -> None:
    await play(api.desk, 3, 82)
    answer = await get(api, "report.pdf", period="2021-03-01..2021-03-02", benchmark="")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert f"report-2021-03-01-2021-03-02-{api.desk.account_id}.pdf" in answer.headers["content-disposition"]
    assert "How the value changed" in pdf_text(answer.content)
    gains = await get(api, "gains.pdf", year=2021)
    assert gains.status_code == 200
    assert "(h) Gain" in pdf_text(gains.content) or "Nothing was sold" in pdf_text(gains.content)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"period": "2021-13"}, 422),
        ({"period": "x" * 31}, 422),
        ({"period": "2019"}, 422),
        ({"sections": "summary,secrets"}, 422),
        ({"sections": ""}, 422),
        ({"benchmark": "NOPE"}, 404),
        ({"account_id": "00000000-0000-4000-8000-000000000001"}, 404),
        ({"account_id": "x"}, 422),
        ({"amounts": "perhaps"}, 422),
    ],
)
async def test_what_makes_no_report_is_said_in_words(api: Api, query: dict[str, str], status: int) -> None:
    for kind in ("html", "pdf"):
        answer = await get(api, f"report.{kind}", **query)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_somebody_elses_account_is_not_there(api: Api) -> None:
    stranger = await api.as_person(await api.desk.person())
    mine = {"account_id": str(api.desk.account_id), "period": PERIOD}
    for path in ("report.html", "report.pdf", "gains.pdf"):
        assert (await stranger.http.get(f"/api/v1/portfolio/{path}", params=mine)).status_code == 404
    ids = [str(api.desk.account_id)]
    assert (await made(stranger, account_ids=ids)).status_code == 404
    schedule = {"account_ids": ids, "every": "month"}
    assert (await stranger.http.post("/api/v1/report-schedules", json=schedule)).status_code == 404


async def test_who_may_only_look_makes_reports_but_no_links(api: Api) -> None:
    friend = await api.as_person(await api.desk.person())
    body = {"email": friend.desk.caller.email, "level": "view"}
    await api.http.post(f"/api/v1/accounts/{api.desk.account_id}/shares", json=body)
    mine = {"account_id": str(api.desk.account_id), "period": PERIOD}
    assert (await friend.http.get("/api/v1/portfolio/report.html", params=mine)).status_code == 200
    assert (await made(friend, account_ids=[str(api.desk.account_id)])).status_code == 404


async def test_a_link_shows_its_report_to_whoever_has_it_and_says_when_it_was_used(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    await play(api.desk, 3, 83)
    told = await link(api, sections=["summary", "allocation"])
    assert path_of(told).startswith(f"/shared/{LINK_MARK}")
    page = await anonymous.get(path_of(told))
    assert page.status_code == 200
    assert "How the value changed" in page.text
    assert "Realized gains" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers.get_list("referrer-policy") == ["no-referrer"]
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["cache-control"] == "no-store"
    assert "set-cookie" not in page.headers
    file = await anonymous.get(f"{path_of(told)}/report.pdf")
    assert "How the value changed" in pdf_text(file.content)
    assert "noindex" in file.headers["x-robots-tag"]
    (listed,) = (await api.http.get("/api/v1/report-links")).json()["items"]
    assert (listed["uses"], listed["last_used_ip"], listed["label"]) == (2, "127.0.0.1", "For my adviser")
    assert "url" not in listed
    stored = await api.desk.b.db.value("SELECT to_jsonb(l)::text FROM report_link l")
    assert path_of(told).rpartition("/")[2] not in stored
    noted = await api.desk.b.db.tuples(
        "SELECT action, via FROM audit_event WHERE starts_with(action, 'report.') ORDER BY sequence"
    )
    assert noted == [("report.link_made", "session"), ("report.link_opened", "visitor")]


async def test_wrong_expired_revoked_and_orphaned_links_get_one_and_the_same_answer(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    db = api.desk.b.db
    wrong = [f"/shared/{new_text(LINK_MARK)}", "/shared/sml_x", "/shared/x", f"/shared/{'x' * 5000}", "/shared/%00"]
    expired, revoked, orphaned, shut_out = [await link(api) for _ in range(4)]
    await db.run("UPDATE report_link SET expires_at = now() - interval '1 second' WHERE id = %s", (expired["id"],))
    assert (await api.http.delete(f"/api/v1/report-links/{revoked['id']}")).status_code == 204
    answers = [await anonymous.get(path) for path in (*wrong, path_of(expired), path_of(revoked))]
    stranger = await api.desk.person()
    await db.run("UPDATE account SET user_id = %s WHERE id = %s", (stranger.caller.user_id, api.desk.account_id))
    answers.append(await anonymous.get(path_of(orphaned)))
    await db.run("UPDATE account SET user_id = %s WHERE id = %s", (api.desk.caller.user_id, api.desk.account_id))
    await db.run("UPDATE app_user SET disabled_at = now() WHERE id = %s", (api.desk.caller.user_id,))
    answers.append(await anonymous.get(path_of(shut_out)))
    assert {(one.status_code, one.text) for one in answers} == {(404, answers[0].text)}
    assert GONE in answers[0].text
    assert {tuple(sorted(one.headers.items())) for one in answers} == {tuple(sorted(answers[0].headers.items()))}
    files = [await anonymous.get(f"{path}/report.pdf") for path in (wrong[0], path_of(expired), path_of(revoked))]
    assert {(one.status_code, one.text) for one in files} == {(404, answers[0].text)}
    assert await db.value("SELECT coalesce(sum(uses), 0) FROM report_link") == 0


async def test_a_link_goes_no_further_than_its_scope(api: Api, anonymous: httpx.AsyncClient) -> None:
    await play(api.desk, 3, 84)
    other = await api.desk.person()
    await api.desk.b.db.run(
        "UPDATE account SET user_id = %s, name = 'Other canary' WHERE id = %s",
        (api.desk.caller.user_id, other.account_id),
    )
    told = await link(api, period="2021-03-01..2021-03-01", sections=["summary"])
    plain = (await anonymous.get(path_of(told))).text
    more = {"account_id": str(other.account_id), "period": "2021", "sections": "activity", "amounts": "true"}
    assert (await anonymous.get(path_of(told), params=more)).text.replace("\n", "") == plain.replace("\n", "")
    assert "Other canary" not in plain
    token = path_of(told).rpartition("/")[2]
    for headers in ({"authorization": f"Bearer {token}"}, {"cookie": f"starkmatter_session={token}"}):
        for path in ("accounts", "report-links", f"portfolio/report.html?account_id={api.desk.account_id}&period=2021"):
            assert (await anonymous.get(f"/api/v1/{path}", headers=headers)).status_code == 401
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await anonymous.request(method, path_of(told))).status_code == 405


async def test_percentages_only_say_no_amount_in_the_whole_page_and_file(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    await play(api.desk, 4, 85)
    told = await link(api, amounts=False)
    wish = Wish((api.desk.account_id,), parse_period(PERIOD))
    secret = amounts_of(await make_report(api.desk.b, api.desk.caller, wish, NOW))
    page = await anonymous.get(path_of(told))
    assert page.status_code == 200
    file = await anonymous.get(f"{path_of(told)}/report.pdf")
    for text in (page.text.partition("</style>")[2], pdf_text(file.content)):
        assert [one for one in secret if re.search(rf"(?<![\d.,]){re.escape(one)}(?![\d.,])(?! %)", text)] == []
        assert "percentages only" in text


async def test_names_are_text_behind_a_link_as_well(api: Api, anonymous: httpx.AsyncClient) -> None:
    await api.desk.b.db.run("UPDATE account SET name = %s WHERE id = %s", (HOSTILE[:60], api.desk.account_id))
    text = (await anonymous.get(path_of(await link(api)))).text
    assert "<script" not in text
    assert "onerror=a>" not in text


async def test_a_passphrase_set_anew_by_a_link_ends_the_links_to_reports(
    api: Api, anonymous: httpx.AsyncClient
) -> None:
    """Whoever had the account meanwhile may have made some."""
    told, owner = await link(api), api.desk.caller
    assert (await anonymous.get(path_of(told))).status_code == 200
    admin = await api.desk.person("owner")
    await api.desk.b.db.run("UPDATE app_user SET role = 'trader' WHERE id = %s", (owner.user_id,))
    _, reset = await make_reset_link(api.desk.b, admin.caller, owner.user_id)
    token = reset.partition("token=")[2]
    await reset_passphrase(api.desk.b, token, "seven quiet engines under glass", ip="192.0.2.7")
    assert (await anonymous.get(path_of(told))).status_code == 404


async def test_links_are_counted_judged_and_forgotten(api: Api) -> None:
    for wrong in ({"expires_days": 0}, {"expires_days": 366}, {"label": ""}, {"label": "x" * 61}, {"account_ids": []},
                  {"period": "now"}, {"sections": ["all"]}, {"benchmark": "x" * 21}, {"more": 1}):  # fmt: skip
        assert (await made(api, **wrong)).status_code == 422, wrong
    for _ in range(MOST_LINKS):
        await link(api)
    refused = await made(api)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await api.desk.b.db.run("UPDATE report_link SET expires_at = now() - interval '31 days'")
    assert await forget_links(api.desk.b) == MOST_LINKS
    assert (await api.http.delete(f"/api/v1/report-links/{uuid4()}")).status_code == 404


async def test_nobody_ends_or_lists_somebody_elses_link_or_schedule(api: Api) -> None:
    stranger = await api.as_person(await api.desk.person())
    told = await link(api)
    body = {"account_ids": [str(api.desk.account_id)], "every": "week"}
    schedule = (await api.http.post("/api/v1/report-schedules", json=body)).json()
    for path in (f"report-links/{told['id']}", f"report-schedules/{schedule['id']}"):
        assert (await stranger.http.delete(f"/api/v1/{path}")).status_code == 404
    for path in ("report-links", "report-schedules"):
        assert (await stranger.http.get(f"/api/v1/{path}")).json()["items"] == []
    assert (await api.http.delete(f"/api/v1/report-schedules/{schedule['id']}")).status_code == 204
    assert (await api.http.get("/api/v1/report-schedules")).json()["items"] == []


async def test_visitors_are_counted_by_their_network(api: Api, anonymous: httpx.AsyncClient) -> None:
    statuses: Sequence[int] = [(await anonymous.get("/shared/x")).status_code for _ in range(rates.SHARED_PER_MIN + 5)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


async def test_a_schedule_begins_with_the_running_period_of_the_accounts_market(api: Api) -> None:
    body = {"account_ids": [str(api.desk.account_id)], "every": "month", "sections": ["summary"], "amounts": False}
    await api.desk.tell(clock=replace(api.desk.clock, venue_now=api.desk.clock.venue_now + timedelta(days=5)))
    told = await api.http.post("/api/v1/report-schedules", json=body)
    assert told.status_code == 201
    assert told.json()["done_until"] == "2021-02-28"
    assert (told.json()["sections"], told.json()["amounts"], told.json()["mail"]) == (["summary"], False, "")
    for wrong in ({"every": "day"}, {"account_ids": []}, {"account_ids": body["account_ids"] * 2}, {"sections": []}):
        assert (await api.http.post("/api/v1/report-schedules", json=body | wrong)).status_code == 422
