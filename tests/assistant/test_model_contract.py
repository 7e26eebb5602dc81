"""What every language model adapter keeps, against a stand-in that speaks its vendor's wire format."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from starkmatter.assistant.models.claude import CAPABILITY, ClaudeModel
from starkmatter.assistant.ports import ModelAnswer, ModelFailure, ModelTurn, ToolCall, Usage
from starkmatter.egress.line import BREAKER_THRESHOLD
from tests.standins.claude import KEY, ClaudeStandIn, Reply, say, use

TOOL = {"name": "clock", "description": "The time.", "input_schema": {"type": "object", "properties": {}}}
TIMEOUT_SECS = 0.6


@pytest.fixture(params=[ClaudeModel], ids=[CAPABILITY.adapter])
async def model(request: pytest.FixtureRequest, claude: ClaudeStandIn) -> AsyncIterator[ClaudeModel]:
    opened = request.param(KEY, "claude-sonnet-5-5", claude.url, timeout_secs=5.0)
    yield opened
    claude.released.set()
    await opened.close()


def turn(text: str = "Hello?", stop: asyncio.Event | None = None, tools: tuple = (TOOL,)) -> ModelTurn:
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return ModelTurn("Be short.", tools, (message,), 500, stop or asyncio.Event())


async def take(model: ClaudeModel, given: ModelTurn | None = None) -> tuple[ModelAnswer, list[str]]:
    heard: list[str] = []
    return await model.take_turn(given or turn(), heard.append), heard


async def test_text_comes_in_pieces_and_whole_with_what_it_used(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    used = {"input_tokens": 12, "output_tokens": 34, "cache_creation_input_tokens": 56, "cache_read_input_tokens": 78}
    claude.answer_in_turn(say("It is half past three in New York.", usage=used))
    answer, heard = await take(model)
    assert len(heard) > 2
    assert "".join(heard) == answer.said == "It is half past three in New York."
    assert answer.content == [{"type": "text", "text": answer.said}]
    assert (answer.stop, answer.calls, answer.usage) == ("done", (), Usage(12, 34, 56, 78))


async def test_a_tool_call_comes_with_its_arguments_and_thoughts_are_kept_as_they_are(
    model: ClaudeModel, claude: ClaudeStandIn
) -> None:
    claude.answer_in_turn(
        use(("clock", {"venue": "replay", "n": [1, {"a": None}]}), text="Let me look.", thought="sig-1")
    )
    answer, _ = await take(model)
    assert answer.stop == "tool_use"
    [call] = answer.calls
    assert call == ToolCall(call.id, "clock", {"venue": "replay", "n": [1, {"a": None}]})
    assert [block["type"] for block in answer.content] == ["thinking", "text", "tool_use"]
    assert answer.content[0] == {"type": "thinking", "thinking": "", "signature": "sig-1"}
    assert answer.content[2] == {"type": "tool_use", "id": call.id, "name": "clock", "input": call.args}


async def test_what_stays_the_same_is_marked_for_the_cache(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    await take(model, turn(tools=({**TOOL, "name": "first"}, TOOL)))
    [asked] = claude.turns
    assert asked.body["system"] == [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}]
    assert [tool.get("cache_control") for tool in asked.body["tools"]] == [None, {"type": "ephemeral"}]
    assert asked.body["cache_control"] == {"type": "ephemeral"}
    assert asked.body["stream"] is True
    assert asked.headers["anthropic-version"]


async def test_an_empty_answer_is_an_answer(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    claude.answer_in_turn(Reply())
    answer, heard = await take(model)
    assert (answer.said, answer.content, answer.stop, heard) == ("", [], "done", [])


@pytest.mark.parametrize(
    ("told", "stop"),
    [
        ("max_tokens", "max_tokens"),
        ("refusal", "refusal"),
        ("pause_turn", "paused"),
        ("model_context_window_exceeded", "too_long"),
        ("stop_sequence", "done"),
        ("something_new", "done"),
    ],
)
async def test_every_reason_to_stop_has_its_name(
    model: ClaudeModel, claude: ClaudeStandIn, told: str, stop: str
) -> None:
    claude.answer_in_turn(say("So far", stop=told))
    assert (await take(model))[0].stop == stop


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, "refused", "Start a new one"),
        (401, "refused", "refuses the key"),
        (402, "refused", "no credit"),
        (403, "refused", "may not be used"),
        (404, "refused", "does not have this model"),
        (413, "refused", "too large"),
        (418, "garbage", "status 418"),
        (429, "rate_limited", "how often"),
        (500, "broken", "status 500"),
        (529, "broken", "overloaded"),
    ],
)
async def test_every_refusal_is_said_in_words_asked_once_and_free(
    model: ClaudeModel, claude: ClaudeStandIn, status: int, kind: str, words: str
) -> None:
    claude.answer_in_turn(Reply(status=status, headers={"retry-after": "7"} if status == 429 else {}))
    with pytest.raises(ModelFailure) as failed:
        await take(model)
    assert (failed.value.kind, failed.value.may_cost) == (kind, False)
    assert words in failed.value.text
    assert KEY not in repr(failed.value) + str(failed.value.__cause__) + failed.value.text
    assert failed.value.retry_after_secs == (7.0 if status == 429 else None)
    assert len(claude.turns) == 1


async def test_after_too_many_requests_it_waits_as_asked(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    claude.answer_in_turn(Reply(status=429, headers={"retry-after": "60"}))
    for _ in range(3):
        with pytest.raises(ModelFailure) as failed:
            await take(model)
        assert (failed.value.kind, failed.value.may_cost) == ("rate_limited", False)
    assert len(claude.turns) == 1


@pytest.mark.parametrize("error", ["overloaded_error", "api_error", "rate_limit_error"])
async def test_an_error_in_the_middle_of_an_answer_may_have_cost(
    model: ClaudeModel, claude: ClaudeStandIn, error: str
) -> None:
    claude.answer_in_turn(say("Half of it", then_error=error))
    heard: list[str] = []
    with pytest.raises(ModelFailure) as failed:
        await model.take_turn(turn(), heard.append)
    assert "".join(heard) == "Half of it"
    assert failed.value.may_cost
    assert failed.value.kind == ("rate_limited" if error == "rate_limit_error" else "broken")


@pytest.mark.parametrize(
    "reply",
    [
        say("A long answer that never ends", cut_after=5),
        use(("clock", {"venue": "replay", "more": "arguments that are cut in half"}), cut_after=5),
        say("No stop", cut_after=6),
        Reply(raw=b""),
        Reply(raw=b"event: message_start\ndata: {not json\n\n"),
        Reply(raw=b"event: message_stop\ndata: {}\n\n"),
        Reply(raw=b'event: content_block_delta\ndata: {"type":"content_block_delta","index":7}\n\n'),
        Reply(raw=b"<html>a proxy says hello</html>"),
        Reply(raw=b"\xff\xfe\x00\x01" * 50),
        Reply(raw=b'event: message_start\ndata: {"type":"message_start","message":7}\n\n'),
        Reply(raw=b"event: message_start\ndata: [1,2]\n\n"),
    ],
    ids=range(11),
)
async def test_a_cut_or_garbled_answer_is_a_failure_and_no_tool_call(
    model: ClaudeModel, claude: ClaudeStandIn, reply: Reply
) -> None:
    claude.answer_in_turn(reply)
    with pytest.raises(ModelFailure) as failed:
        await take(model)
    assert failed.value.kind in {"broken", "garbage"}
    assert failed.value.may_cost


async def test_a_vendor_that_hangs_is_given_up(claude: ClaudeStandIn) -> None:
    model = ClaudeModel(KEY, "claude-sonnet-5-5", claude.url, timeout_secs=TIMEOUT_SECS)
    await model._sdk()
    claude.answer_in_turn(say("late", hang_secs=20))
    with pytest.raises(ModelFailure) as failed:
        await take(model)
    assert (failed.value.kind, failed.value.may_cost) == ("unreachable", True)
    assert "in time" in failed.value.text
    claude.released.set()
    await model.close()


async def test_a_vendor_that_is_not_there_costs_nothing() -> None:
    model = ClaudeModel(KEY, "claude-sonnet-5-5", "http://127.0.0.1:9")
    with pytest.raises(ModelFailure) as failed:
        await take(model)
    assert (failed.value.kind, failed.value.may_cost) == ("unreachable", False)
    await model.close()


async def test_a_dead_vendor_is_left_alone_for_a_while(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    claude.answer_in_turn(Reply(status=500))
    for _ in range(BREAKER_THRESHOLD + 2):
        with pytest.raises(ModelFailure) as failed:
            await take(model)
    assert (failed.value.kind, failed.value.may_cost) == ("paused", False)
    assert len(claude.turns) == BREAKER_THRESHOLD


async def test_stopping_ends_it_with_what_was_said_and_blames_nobody(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    claude.answer_in_turn(say("One two three four five six seven", pause_secs=5))
    for _ in range(BREAKER_THRESHOLD + 1):
        claude.released.clear()
        stop = asyncio.Event()
        heard: list[str] = []

        def say_and_stop(text: str, stop: asyncio.Event = stop, heard: list[str] = heard) -> None:
            heard.append(text)
            stop.set()

        answer = await model.take_turn(turn(stop=stop), say_and_stop)
        assert (answer.stop, answer.usage, answer.calls) == ("stopped", None, ())
        assert answer.said == "".join(heard) != ""
        claude.released.set()


async def test_counting_tokens_tells_a_good_key_from_a_bad_one(model: ClaudeModel, claude: ClaudeStandIn) -> None:
    assert await model.count_tokens() == 8
    bad = ClaudeModel("sk-wrong", "claude-sonnet-5-5", claude.url)
    with pytest.raises(ModelFailure) as failed:
        await bad.count_tokens()
    assert failed.value.kind == "refused"
    await bad.close()


async def test_an_ambient_key_or_address_is_not_used(monkeypatch: pytest.MonkeyPatch, claude: ClaudeStandIn) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-somebody-elses")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    model = ClaudeModel(KEY, "claude-sonnet-5-5", claude.url)
    assert (await take(model))[0].said == "Hello."
    assert "somebody-elses" not in str(claude.turns[0].headers)
    await model.close()
