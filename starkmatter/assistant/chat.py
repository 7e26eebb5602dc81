"""One answer: ask the model, run the tools it asks for as the caller, ask again, store everything as it happens.

The limits are here and not in a prompt: rounds, calls, proposals, time, the purse, and that a conversation which has
read text from outside proposes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.assistant import queries
from starkmatter.assistant.budget import reserve, settle
from starkmatter.assistant.history import PROPOSE, TITLES, exchanges_of, last_ref, messages_for
from starkmatter.assistant.ports import Block, Model, ModelAnswer, ModelFailure, ModelTurn, ToolCall, Usage
from starkmatter.assistant.prices import saved_by_cache
from starkmatter.assistant.prompts import OUTSIDE_TEXT, SYSTEM, setup_of
from starkmatter.assistant.proposals import NO_MORE, OFFER, Ticket, propose_order
from starkmatter.assistant.records import Exchange, MessageRow, Proposal
from starkmatter.assistant.toolbox import MAX_ARGS_CHARS, MAX_RESULT_CHARS, Fact, Tool, read_args
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Refused, StarkMatterError

MAX_ROUNDS = 8
MAX_CALLS_A_ROUND = 12
MAX_PROPOSALS = 3
MAX_TOKENS = 4_096
MAX_PROMPT_BYTES = 400_000
MAX_DEPTH = 20
MAX_INTEGER = 2**53
MAX_NAME_CHARS = 60
TOOL_SECS = 10.0
CLAIM = timedelta(seconds=100)

ENDINGS = {
    "max_tokens": "The answer reached its length limit and ends here. Ask the analyst to go on.",
    "refusal": "The model declines to answer this.",
    "too_long": "This conversation has become too long for the model. Start a new one.",
    "stopped": "You stopped this answer.",
}
TOO_LONG = "This conversation has become too long. Start a new one."
TOO_MANY_ROUNDS = "The analyst asked for figures eight times without an answer. Ask a narrower question."

Emit = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class Asking:
    """Everything one answer is made with; `caller` is who asked, whatever the model says."""

    b: Backends
    caller: Caller
    chat_id: UUID
    model: Model
    budget_usd: Decimal
    tools: dict[str, Tool]
    emit: Emit
    stop: asyncio.Event
    proposed: int = 0
    said: list[str] = field(default_factory=list)


async def answer(asking: Asking) -> None:
    """Answer the newest question of the conversation. What was said is stored, however it ends."""
    for tool_round in range(MAX_ROUNDS + 1):
        outside = await _go_on(asking)
        if outside is None:
            return
        given = await _ask_model(asking, outside)
        if given.stop == "paused":
            continue
        if given.stop != "tool_use" or not given.calls:
            return
        if tool_round == MAX_ROUNDS:
            await store(asking, "assistant", problem=TOO_MANY_ROUNDS)
            return
        await _run_tools(asking, given.calls)
    await store(asking, "assistant", problem=TOO_MANY_ROUNDS)


async def _go_on(asking: Asking) -> bool | None:
    """Keep the conversation claimed; whether it has read outside text, None when it is to end here."""
    params = {"chat": asking.chat_id, "until": utc_now() + CLAIM}
    found = await asking.b.db.tuples(queries.GO_ON, params)
    if not found:
        return None  # deleted meanwhile
    ((outside, stop_asked),) = found
    if stop_asked or asking.stop.is_set():
        await store(asking, "assistant", problem=ENDINGS["stopped"], stop_reason="stopped")
        return None
    return bool(outside)


async def _ask_model(asking: Asking, outside: bool) -> ModelAnswer:
    offers = tuple(tool.offer for tool in asking.tools.values())
    if asking.caller.may_trade and not outside:
        offers = (*offers, OFFER)
    setup = setup_of(asking.model.name, SYSTEM, offers)
    messages = tuple(messages_for(await rows_of(asking.b, asking.caller, asking.chat_id), setup))
    prompt_bytes = len(SYSTEM.encode()) + len(orjson.dumps([offers, messages]))
    if prompt_bytes > MAX_PROMPT_BYTES:
        raise Refused(TOO_LONG)
    leave = await reserve(
        asking.b,
        asking.caller,
        "chat",
        asking.model.name,
        asking.budget_usd,
        prompt_bytes=prompt_bytes,
        max_tokens=MAX_TOKENS,
    )
    asking.said.clear()
    turn = ModelTurn(SYSTEM, offers, messages, MAX_TOKENS, asking.stop)
    try:
        given = await asking.model.take_turn(turn, lambda text: _say(asking, text))
    except ModelFailure as failure:
        cost = await settle(asking.b, leave, None, may_cost=failure.may_cost)
        said = clean("".join(asking.said))
        content = [{"type": "text", "text": said}] if said.strip() else []
        await store(asking, "assistant", content, said=said, problem=failure.text, cost=cost, stop_reason="failed")
        return ModelAnswer([], "", (), "stopped", None)
    cost = await settle(asking.b, leave, given.usage)
    content, said = keepable(given.content), clean(given.said)
    if given.stop != "tool_use":
        content = [block for block in content if block["type"] != "tool_use"]
    if given.stop == "refusal":
        content = []
    await store(
        asking,
        "assistant",
        content,
        said=said,
        problem=ENDINGS.get(given.stop, ""),
        cost=cost,
        usage=given.usage,
        setup=setup,
        stop_reason=given.stop,
    )
    return given


def _say(asking: Asking, text: str) -> None:
    asking.said.append(text)
    asking.emit("text", {"text": clean(text)})


async def _run_tools(asking: Asking, calls: tuple[ToolCall, ...]) -> None:
    """Run what was asked for, in order; every call gets a result, and the results are stored as one message."""
    chosen = [asking.tools.get(call.name) for call in calls[:MAX_CALLS_A_ROUND]]
    if any(tool is not None and tool.outside_text for tool in chosen):
        # Before one foreign word is read: from here on this conversation proposes nothing.
        await asking.b.db.run(queries.MARK_OUTSIDE_TEXT, {"chat": asking.chat_id, "owner": asking.caller.user_id})
        asking.emit("outside", {})
    ref = last_ref(await rows_of(asking.b, asking.caller, asking.chat_id))
    results: list[Block] = []
    for number, call in enumerate(calls):
        call_id = clean(call.id)
        asking.emit(
            "tool",
            {"id": call_id, "name": clean(call.name)[:MAX_NAME_CHARS], "title": _title(call), "state": "running"},
        )
        tool = chosen[number] if number < len(chosen) else None
        try:
            if asking.stop.is_set():
                raise Refused("The person stopped this answer.")
            if number >= MAX_CALLS_A_ROUND:
                raise Refused(f"At most {MAX_CALLS_A_ROUND} calls are answered at a time.")
            async with asyncio.timeout(TOOL_SECS):
                facts = await _facts(asking, call, tool)
        except StarkMatterError as error:
            results.append(_result(call_id, error.text, failed=True))
        except TimeoutError:
            results.append(_result(call_id, "This took too long.", failed=True))
        else:
            text, ref = _numbered(facts, ref)
            results.append(_result(call_id, text, outside=tool is not None and tool.outside_text))
        failed = bool(results[-1].get("is_error"))
        asking.emit("tool", {"id": call_id, "title": _title(call), "state": "failed" if failed else "done"})
    await store(asking, "tools", results)


async def _facts(asking: Asking, call: ToolCall, tool: Tool | None) -> list[Fact]:
    if call.name == PROPOSE:
        return [await _propose(asking, call)]
    if tool is None:
        raise Refused(f"There is no tool called {clean(call.name)[:MAX_NAME_CHARS]}.")
    return await tool.run(asking.b, asking.caller, read_args(tool.args, call.args))


async def _propose(asking: Asking, call: ToolCall) -> Fact:
    if asking.proposed >= MAX_PROPOSALS:
        raise Refused(f"At most {MAX_PROPOSALS} orders are proposed in one answer.")
    ((outside,),) = await asking.b.db.tuples(
        queries.HAS_OUTSIDE_TEXT, {"chat": asking.chat_id, "owner": asking.caller.user_id}
    ) or ((True,),)
    if outside:
        raise Refused(NO_MORE, code="outside_text")
    ticket = read_args(Ticket, call.args)
    assert isinstance(ticket, Ticket)
    proposal = await propose_order(asking.b, asking.caller, asking.chat_id, ticket)
    asking.proposed += 1
    asking.emit("proposal", {"id": str(proposal.id)})
    return fact_of_proposal(proposal)


def fact_of_proposal(proposal: Proposal) -> Fact:
    """What the model learns of what it proposed."""
    shown = ("est_price", "est_cost", "est_fees", "buying_power", "buying_power_after", "signed_qty_after")
    return {
        "proposal": "shown to the person, not sent",
        "symbol": proposal.symbol,
        "side": proposal.side,
        **{name: proposal.preview[name] for name in shown if proposal.preview.get(name) is not None},
        "refusals": proposal.preview["refusals"],
        "warnings": proposal.preview["warnings"],
    }


def _numbered(facts: list[Fact], ref: int) -> tuple[str, int]:
    """The facts as JSON, each with its footnote number; those that do not fit are counted, not cut."""
    given: list[Fact] = []
    used = 0
    for fact in facts:
        numbered = {"ref": f"[{ref + len(given) + 1}]", **clean(fact)}
        used += len(orjson.dumps(numbered))
        if used > MAX_RESULT_CHARS and given:
            break
        given.append(numbered)
    body: dict[str, Any] = {"facts": given}
    if len(given) < len(facts):
        body["left_out"] = len(facts) - len(given)
    return orjson.dumps(body).decode(), ref + len(given)


def _result(call_id: str, text: str, *, failed: bool = False, outside: bool = False) -> Block:
    content = [{"type": "text", "text": text}]
    if outside:
        content.insert(0, {"type": "text", "text": OUTSIDE_TEXT})
    result: Block = {"type": "tool_result", "tool_use_id": call_id, "content": content}
    return result | {"is_error": True} if failed else result


def _title(call: ToolCall) -> str:
    return TITLES.get(call.name) or str(clean(call.name))[:MAX_NAME_CHARS]


async def store(
    asking: Asking,
    role: str,
    content: list[Block] | None = None,
    *,
    said: str = "",
    problem: str = "",
    cost: Decimal | None = None,
    usage: Usage | None = None,
    setup: str | None = None,
    stop_reason: str | None = None,
) -> None:
    """Keep one message of the answer."""
    name = asking.model.name
    await asking.b.db.run(
        queries.PUT_MESSAGE,
        {
            "chat": asking.chat_id,
            "owner": asking.caller.user_id,
            "role": role,
            "content": orjson.dumps(content or []).decode(),
            "said": said,
            "problem": problem,
            "now": utc_now(),
            "model": name if role == "assistant" else None,
            "setup": setup,
            "stop_reason": stop_reason,
            "usage": None if usage is None else orjson.dumps(asdict(usage)).decode(),
            "cost": cost,
            "saved": None if usage is None else saved_by_cache(name, usage),
        },
    )


async def rows_of(b: Backends, caller: Caller, chat_id: UUID) -> list[MessageRow]:
    """Every message of the caller's conversation; none when it is not theirs."""
    return await b.db.all(MessageRow, queries.MESSAGES, {"chat": chat_id, "owner": caller.user_id})


async def newest_exchange(asking: Asking) -> Exchange | None:
    """The question that was answered, as it is shown."""
    found = exchanges_of(await rows_of(asking.b, asking.caller, asking.chat_id))
    return found[-1] if found else None


def clean(value: Any, depth: int = 0) -> Any:
    """What the database can keep: no NUL, no half of a surrogate pair, no endless nesting, no endless integer."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict | list) and depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {clean(str(name)): clean(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [clean(one, depth + 1) for one in value]
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return "…"
    return value


def keepable(content: list[Block]) -> list[Block]:
    """A model's blocks as they are stored and sent again; arguments that no tool would take are left out."""
    kept = []
    for block in clean(content):
        if block["type"] == "tool_use":
            args = block["input"]
            fits = isinstance(args, dict) and len(orjson.dumps(args)) <= MAX_ARGS_CHARS
            block = {**block, "name": block["name"][:MAX_NAME_CHARS] or "unnamed", "input": args if fits else {}}
        kept.append(block)
    return kept
