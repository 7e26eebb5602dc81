"""The analyst over REST: conversations, the event stream, proposals, and who may see them."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from starkmatter.accounts.vault import keep_secret
from starkmatter.assistant import answers, service
from starkmatter.backends import Backends, set_backends
from starkmatter.settings import load_settings
from tests.api.conftest import Api
from tests.builders import Desk
from tests.standins.claude import KEY, ClaudeStandIn, claude_server, say, use

BASE = "/api/v1/assistant"


@pytest.fixture
def claude() -> Iterator[ClaudeStandIn]:
    with claude_server() as started:
        yield started


@pytest.fixture
async def analyst(api: Api, claude: ClaudeStandIn, tmp_path: Path) -> AsyncIterator[Api]:
    """A signed-in person of an installation with a key."""
    desk = api.desk
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": {"claude": claude.url}})
    desk.b = Backends(settings, desk.b.db, desk.b.cache)
    set_backends(desk.b)
    await keep_secret(desk.b, "claude", None, {"key": KEY, "model": "claude-sonnet-5-5", "budget_usd": "20"}, {"key"})
    yield api
    claude.released.set()
    await answers.wait_for_all()
    if (kept := service._models.get(desk.b.db)) is not None:
        await kept[1].close()


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for frame in filter(None, text.split("\n\n")):
        if not frame.startswith(":"):
            name, data = frame.split("\n")
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def new_chat(api: Api) -> str:
    answer = await api.http.post(f"{BASE}/chats", json={})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def ticket(desk: Desk) -> dict[str, str]:
    account = str(desk.account_id)
    return {"account_id": account, "symbol": "AAPL", "side": "buy", "type": "market", "qty": "10", "why": "Asked."}


async def test_an_answer_is_a_stream_of_events_and_a_conversation_afterwards(
    analyst: Api, claude: ClaudeStandIn
) -> None:
    claude.answer_in_turn(use(("list_accounts", {}), ("propose_order", ticket(analyst.desk))), say("Here [1] [2] [7]."))
    chat = await new_chat(analyst)
    answer = await analyst.http.post(f"{BASE}/chats/{chat}/messages", json={"text": "Buy ten."})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    heard = events(answer.text)
    names = [name for name, _ in heard]
    assert list(dict.fromkeys(names)) == ["tool", "proposal", "text", "footnotes", "cost", "done"]
    told = dict(heard)
    assert told["cost"] == {"cost_usd": "0.008", "saved_usd": "0.00", "model": "claude-sonnet-5-5"}
    assert [note["number"] for note in told["footnotes"]["items"]] == [1, 2]
    assert told["footnotes"]["dropped"] == 1
    shown = (await analyst.http.get(f"{BASE}/chats/{chat}")).json()
    assert shown["chat"]["answering"] is False
    assert shown["exchanges"][0]["html"] == told["done"]["html"]
    assert shown["exchanges"][0]["cost_usd"] == "0.008"
    [proposal] = shown["proposals"]
    assert (proposal["state"], proposal["qty"], proposal["preview"]["est_cost"]) == ("open", "10", "1000.5")
    assert (await analyst.http.get(f"{BASE}/proposals/{proposal['id']}")).json() == proposal
    assert (await analyst.http.get("/api/v1/orders")).json()["items"] == []
    usage = (await analyst.http.get(f"{BASE}/usage")).json()
    assert (usage["counted_usd"], usage["own_usd"], usage["budget_usd"]) == ("0.008", "0.008", "20.00")
    assert KEY not in answer.text + json.dumps(shown) + json.dumps(usage)


async def test_conversations_are_listed_renamed_and_deleted(analyst: Api) -> None:
    chat = await new_chat(analyst)
    renamed = await analyst.http.patch(f"{BASE}/chats/{chat}", json={"title": " My  book "})
    assert renamed.json()["title"] == "My book"
    listed = (await analyst.http.get(f"{BASE}/chats")).json()
    assert ([one["title"] for one in listed["items"]], listed["next_cursor"]) == (["My book"], None)
    assert (await analyst.http.delete(f"{BASE}/chats/{chat}")).status_code == 204
    assert (await analyst.http.get(f"{BASE}/chats/{chat}")).status_code == 404


async def test_somebody_elses_conversation_is_not_there_and_nobody_gets_nothing(
    analyst: Api, anonymous, claude: ClaudeStandIn
) -> None:
    claude.answer_in_turn(use(("propose_order", ticket(analyst.desk))), say("Here."))
    chat = await new_chat(analyst)
    await analyst.http.post(f"{BASE}/chats/{chat}/messages", json={"text": "Buy ten."})
    proposal = (await analyst.http.get(f"{BASE}/chats/{chat}")).json()["proposals"][0]["id"]
    stranger = await analyst.as_person(await analyst.desk.person())
    asked = len(claude.asked)
    for chat_id, proposal_id in ((chat, proposal), (uuid4(), uuid4())):
        for http, status in ((stranger.http, 404), (anonymous, 401)):
            answers_ = [
                await http.get(f"{BASE}/chats/{chat_id}"),
                await http.patch(f"{BASE}/chats/{chat_id}", json={"title": "Mine"}),
                await http.delete(f"{BASE}/chats/{chat_id}"),
                await http.post(f"{BASE}/chats/{chat_id}/messages", json={"text": "Hello?"}),
                await http.post(f"{BASE}/chats/{chat_id}/stop"),
                await http.get(f"{BASE}/proposals/{proposal_id}"),
            ]
            assert [one.status_code for one in answers_] == [status] * 6
            assert all(one.headers["content-type"] == "application/problem+json" for one in answers_)
    assert len(claude.asked) == asked
    assert (await stranger.http.get(f"{BASE}/chats")).json()["items"] == []


async def test_a_foreign_page_can_neither_ask_nor_stop_nor_spend(analyst: Api, claude: ClaudeStandIn) -> None:
    chat = await new_chat(analyst)
    evil = {"origin": "http://evil.example"}
    for path, body in (
        ("/chats", {}),
        (f"/chats/{chat}/messages", {"text": "Hello?"}),
        (f"/chats/{chat}/stop", {}),
        ("/brief", {"symbol": "AAPL"}),
    ):
        answer = await analyst.http.post(BASE + path, json=body, headers=evil)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert claude.asked == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/chats", {"title": "x" * 300}),
        ("POST", "/chats", {"owner_id": str(uuid4())}),
        ("POST", "/chats/{chat}/messages", {"text": ""}),
        ("POST", "/chats/{chat}/messages", {"text": "\0"}),
        ("POST", "/chats/{chat}/messages", {"text": "x" * 5_000}),
        ("POST", "/chats/{chat}/messages", {"text": "x" * 9_000}),
        ("POST", "/chats/{chat}/messages", {"text": 7}),
        ("POST", "/chats/{chat}/messages", {"text": "x", "caller": "me"}),
        ("PATCH", "/chats/{chat}", {"title": "   "}),
        ("POST", "/brief", {"symbol": "AAPL", "venue": "moon"}),
        ("GET", "/chats/me", None),
        ("GET", "/brief?symbol=%00", None),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(
    analyst: Api, claude: ClaudeStandIn, method: str, path: str, body: Any
) -> None:
    chat = await new_chat(analyst)
    answer = await analyst.http.request(method, BASE + path.format(chat=chat), json=body)
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert claude.asked == []


async def test_without_a_key_a_question_is_refused_and_the_rest_works(api: Api) -> None:
    chat = await new_chat(api)
    answer = await api.http.post(f"{BASE}/chats/{chat}/messages", json={"text": "Hello?"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_model")
    assert (await api.http.post(f"{BASE}/brief", json={"symbol": "AAPL"})).json()["code"] == "no_model"
    assert (await api.http.get(f"{BASE}/brief", params={"symbol": "AAPL"})).status_code == 200
    assert (await api.http.get(f"{BASE}/brief", params={"symbol": "NOPE"})).status_code == 404
    usage = (await api.http.get(f"{BASE}/usage")).json()
    assert (usage["connected"], usage["budget_usd"]) == (False, None)


async def test_a_second_question_waits_for_the_first(analyst: Api, claude: ClaudeStandIn) -> None:
    claude.script = lambda _: say("One two three four five", pause_secs=20)
    chat = await new_chat(analyst)
    await service.ask(analyst.desk.b, analyst.desk.caller, UUID(chat), "Count.")
    answer = await analyst.http.post(f"{BASE}/chats/{chat}/messages", json={"text": "And?"})
    assert (answer.status_code, answer.json()["code"]) == (409, "answering")
    assert (await analyst.http.post(f"{BASE}/chats/{chat}/stop")).status_code == 204
    await answers.wait_for_all()
    shown = (await analyst.http.get(f"{BASE}/chats/{chat}")).json()
    assert shown["exchanges"][0]["problem"] == "You stopped this answer."
