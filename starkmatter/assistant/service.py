"""What pages and API ask of the analyst: conversations, answers, spending, briefs. The caller is always bound here."""

import contextlib
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import open_secret
from starkmatter.assistant import answers, brief, queries
from starkmatter.assistant.answers import Answer
from starkmatter.assistant.budget import budget_of, spending
from starkmatter.assistant.chat import CLAIM, Asking, answer, clean, newest_exchange, rows_of, store
from starkmatter.assistant.history import exchanges_of
from starkmatter.assistant.models.claude import KIND, ClaudeModel, open_model
from starkmatter.assistant.ports import Model
from starkmatter.assistant.proposals import list_proposals
from starkmatter.assistant.records import AnalystStatus, BriefView, ChatView, Conversation
from starkmatter.assistant.toolbox import Tool
from starkmatter.assistant.tools.registry import READING
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.money import money_text
from starkmatter.domain.quotes import Venue
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Refused, StarkMatterError

MAX_CHATS = 500
MAX_QUESTION_CHARS = 4_000
MAX_TITLE_CHARS = 80
KEEP_CHATS = timedelta(days=365)
NO_KEY = "The analyst needs a key for Claude. An admin can add one under Settings, Connections."
BROKE_OFF = "The answer broke off. What was said is kept; ask again."


class Connected(NamedTuple):
    """A model and what it may spend in a month."""

    model: Model
    budget_usd: Decimal


_models: "WeakKeyDictionary[Database, tuple[str, ClaudeModel]]" = WeakKeyDictionary()


async def connected_model(b: Backends) -> Connected | None:
    """The installation's model; None without a key. InvalidInput when its budget is no figure."""
    secrets = await open_secret(b, KIND)
    if secrets is None:
        return None
    kept = _models.get(b.db)
    if kept is None or kept[0] != secrets.fingerprint:
        kept = (secrets.fingerprint, open_model(b.settings, secrets))
        _models[b.db] = kept
    return Connected(kept[1], budget_of(secrets["budget_usd"]))


async def analyst_status(b: Backends, caller: Caller) -> AnalystStatus:
    """Whether a model is connected, and this month's spending. A budget that is no figure is None: nothing is asked."""
    secrets, budget = await open_secret(b, KIND), None
    if secrets is not None:
        with contextlib.suppress(InvalidInput):
            budget = budget_of(secrets["budget_usd"])
    spent = await spending(b, caller)
    return AnalystStatus(
        connected=secrets is not None,
        model=secrets["model"] if secrets else None,
        budget_usd=budget,
        counted_usd=spent.counted_usd,
        own_usd=spent.own_usd,
        own_calls=spent.own_calls,
        month=spent.month,
    )


async def list_chats(b: Backends, caller: Caller, limit: int = 100) -> list[ChatView]:
    """The caller's conversations, the newest first."""
    params = {"owner": caller.user_id, "now": utc_now(), "limit": max(1, min(limit, MAX_CHATS))}
    return await b.db.all(ChatView, queries.CHATS, params)


async def create_chat(b: Backends, caller: Caller, title: str = "") -> ChatView:
    """A new conversation; without a title it takes its first question's words."""
    chat_id, now = uuid4(), utc_now()
    params = {"chat": chat_id, "owner": caller.user_id, "title": _title(title), "now": now, "most": MAX_CHATS}
    if not await b.db.run(queries.PUT_CHAT, params):
        raise Refused(f"You have {MAX_CHATS} conversations. Delete some you no longer need.")
    return await _chat(b, caller, chat_id)


async def read_chat(b: Backends, caller: Caller, chat_id: UUID) -> Conversation:
    """A whole conversation, with what is being said now; NotFound when it is absent or somebody else's."""
    chat = await _chat(b, caller, chat_id)
    now = answers.running(chat_id)
    return Conversation(
        chat=chat,
        exchanges=exchanges_of(await rows_of(b, caller, chat_id)),
        proposals=await list_proposals(b, caller, chat_id),
        partial=now.partial if now else "",
    )


async def rename_chat(b: Backends, caller: Caller, chat_id: UUID, title: str) -> ChatView:
    """Give it another title."""
    if not _title(title):
        raise InvalidInput("title: say what it is called.")
    await b.db.run(queries.RENAME_CHAT, {"chat": chat_id, "owner": caller.user_id, "title": _title(title)})
    return await _chat(b, caller, chat_id)


async def delete_chat(b: Backends, caller: Caller, chat_id: UUID) -> None:
    """Delete it with its messages and proposals; what it cost stays counted."""
    await _chat(b, caller, chat_id)
    if (now := answers.running(chat_id)) is not None:
        now.stop.set()
    await b.db.run(queries.DELETE_CHAT, {"chat": chat_id, "owner": caller.user_id})


async def ask(b: Backends, caller: Caller, chat_id: UUID, question: str, tools: tuple[Tool, ...] = READING) -> Answer:
    """Put a question and start the answer, which goes on whether or not anybody listens.

    NotAllowed for a viewer, Refused without a key, Conflict while another answer to this person is being made.
    """
    _check_role(caller)
    text = clean(question).strip()
    if not 0 < len(text) <= MAX_QUESTION_CHARS:
        raise InvalidInput(f"text: a question of at most {MAX_QUESTION_CHARS:,} characters.")
    await _chat(b, caller, chat_id)
    found = await connected_model(b)
    if found is None:
        raise Refused(NO_KEY, code="no_model")
    await _claim(b, caller, chat_id, text)
    made = Answer()
    asking = Asking(
        b, caller, chat_id, found.model, found.budget_usd, {tool.name: tool for tool in tools}, made.emit, made.stop
    )
    answers.start(chat_id, made, _make(asking))
    return made


async def stop_answer(b: Backends, caller: Caller, chat_id: UUID) -> None:
    """End the answer that is being made; nothing happens when there is none."""
    await _chat(b, caller, chat_id)
    await b.db.run(queries.ASK_TO_STOP, {"chat": chat_id, "owner": caller.user_id})
    if (now := answers.running(chat_id)) is not None:
        now.stop.set()


async def read_brief(b: Backends, caller: Caller, venue: Venue, symbol: str) -> BriefView:
    """The brief of a symbol that is there; nothing is spent."""
    try:
        found = await connected_model(b)
    except StarkMatterError:
        found = None
    return await brief.read_brief(b, caller, venue, symbol, found.model.name if found else None)


async def ask_for_brief(b: Backends, caller: Caller, venue: Venue, symbol: str) -> BriefView:
    """Have the model write the brief of this session, unless it did already; NotAllowed for a viewer."""
    _check_role(caller)
    found = await connected_model(b)
    if found is None:
        raise Refused(NO_KEY, code="no_model")
    return await brief.ask_for_brief(b, caller, venue, symbol, found.model, found.budget_usd)


async def forget_chats(b: Backends) -> int:
    """Delete conversations nobody has touched for a year; how many."""
    return await b.db.run(queries.FORGET_CHATS, {"before": utc_now() - KEEP_CHATS})


def _check_role(caller: Caller) -> None:
    if not caller.may_ask:
        raise NotAllowed("Asking costs, and your role only looks. An admin can give you the role of an analyst.")


async def _claim(b: Backends, caller: Caller, chat_id: UUID, text: str) -> None:
    now = utc_now()
    params = {"chat": chat_id, "owner": caller.user_id, "now": now, "until": now + CLAIM, "title": _title(text)}
    message = {
        "role": "user",
        "content": orjson.dumps([{"type": "text", "text": text}]).decode(),
        "said": text,
        **dict.fromkeys(("model", "setup", "stop_reason", "usage", "cost", "saved")),
        "problem": "",
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.HOLD_PERSON, params)
        if (await connection.execute(queries.CLAIM_CHAT, params)).rowcount != 1:
            raise Conflict("The analyst is still answering you. Wait for it, or stop it.", code="answering")
        await connection.execute(queries.NAME_NEW_CHAT, params)
        await connection.execute(queries.PUT_MESSAGE, params | message)


async def _make(asking: Asking) -> None:
    """Make the answer, free the conversation and say how it ended."""
    code, whole = "ended", False
    try:
        try:
            await answer(asking)
        except StarkMatterError as error:
            code = error.code
            await store(asking, "assistant", problem=error.text, stop_reason="failed")
        whole = True
    finally:
        with contextlib.suppress(StarkMatterError):
            if not whole:
                await store(asking, "assistant", problem=BROKE_OFF, stop_reason="failed")
        with contextlib.suppress(StarkMatterError):
            await asking.b.db.run(queries.FREE_CHAT, {"chat": asking.chat_id, "now": utc_now()})
        try:
            await _tell_end(asking, code)
        except StarkMatterError:
            asking.emit("problem", {"text": BROKE_OFF, "code": "broke_off"})


async def _tell_end(asking: Asking, code: str) -> None:
    shown = await newest_exchange(asking)
    if shown is None:
        return
    notes = [{"number": one.number, "tool_id": one.tool_id, "words": one.words} for one in shown.footnotes]
    asking.emit("footnotes", {"items": notes, "dropped": shown.dropped})
    asking.emit("cost", {"cost_usd": _usd(shown.cost_usd), "saved_usd": _usd(shown.saved_usd), "model": shown.model})
    if shown.problem:
        asking.emit("problem", {"text": shown.problem, "code": code})
    asking.emit("done", {"id": shown.id, "html": shown.html})


def _usd(value: Decimal | None) -> str | None:
    return None if value is None else money_text(value)


def _title(text: str) -> str:
    return " ".join(clean(text).split())[:MAX_TITLE_CHARS]


async def _chat(b: Backends, caller: Caller, chat_id: UUID) -> ChatView:
    found = await b.db.one(ChatView, queries.CHAT, {"owner": caller.user_id, "chat": chat_id, "now": utc_now()})
    if found is None:
        raise NotFound("There is no such conversation.")
    return found
