"""The analyst: conversations with streamed answers, proposals to review, briefs and what it all cost."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_assistant import (
    BriefOut,
    BriefWish,
    ChatChange,
    ChatOut,
    ConversationOut,
    ExchangeOut,
    NewChat,
    ProposalOut,
    Question,
    UsageOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.assistant import service
from starkmatter.assistant.answers import Answer
from starkmatter.assistant.proposals import get_proposal
from starkmatter.assistant.records import Proposal
from starkmatter.clock import utc_now
from starkmatter.domain.quotes import Venue

router = APIRouter(prefix=f"{API_PREFIX}/assistant", tags=["Assistant"])

SSE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}


@router.get("/chats")
async def chats(caller: Signed, b: B, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Page[ChatOut]:
    """The caller's conversations, the newest first."""
    return Page(items=[ChatOut.model_validate(one) for one in await service.list_chats(b, caller, limit)])


@router.post("/chats", status_code=201)
async def new_chat(body: NewChat, caller: Signed, b: B) -> ChatOut:
    """Begin a conversation; without a title it takes its first question's words."""
    return ChatOut.model_validate(await service.create_chat(b, caller, body.title))


@router.get("/chats/{chat_id}")
async def chat(chat_id: UUID, caller: Signed, b: B) -> ConversationOut:
    """The whole conversation, with what is being said at this moment."""
    found = await service.read_chat(b, caller, chat_id)
    return ConversationOut(
        chat=ChatOut.model_validate(found.chat),
        exchanges=[ExchangeOut.model_validate(one) for one in found.exchanges],
        proposals=[_proposal(one) for one in found.proposals],
        partial=found.partial,
    )


@router.patch("/chats/{chat_id}")
async def rename(chat_id: UUID, body: ChatChange, caller: Signed, b: B) -> ChatOut:
    """Give it another title."""
    return ChatOut.model_validate(await service.rename_chat(b, caller, chat_id, body.title))


@router.delete("/chats/{chat_id}", status_code=204)
async def delete(chat_id: UUID, caller: Signed, b: B) -> None:
    """Delete it with its messages and proposals; what it cost stays counted."""
    await service.delete_chat(b, caller, chat_id)


@router.post("/chats/{chat_id}/messages", response_class=StreamingResponse, responses=SSE)
async def ask(chat_id: UUID, body: Question, caller: Signed, b: B) -> StreamingResponse:
    """Ask, and hear the answer as server-sent events: text, tool, proposal, outside, footnotes, cost, problem, done.

    Whoever stops listening loses nothing: the answer goes on and is in the conversation afterwards.
    """
    made = await service.ask(b, caller, chat_id, body.text)
    return StreamingResponse(
        _events(made), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
    )


@router.post("/chats/{chat_id}/stop", status_code=204)
async def stop(chat_id: UUID, caller: Signed, b: B) -> None:
    """End the answer that is being made; what was said is kept."""
    await service.stop_answer(b, caller, chat_id)


@router.get("/proposals/{proposal_id}")
async def proposal(proposal_id: UUID, caller: Signed, b: B) -> ProposalOut:
    """A ticket the analyst filled in."""
    return _proposal(await get_proposal(b, caller, proposal_id))


@router.get("/brief")
async def brief(
    caller: Signed, b: B, symbol: Annotated[str, Query(max_length=20)], venue: Venue = "replay"
) -> BriefOut:
    """The brief of the last finished session that is there; nothing is spent."""
    return BriefOut.model_validate(await service.read_brief(b, caller, venue, symbol.upper()))


@router.post("/brief")
async def make_brief(body: BriefWish, caller: Signed, b: B) -> BriefOut:
    """Have the model write it, once per session; this costs."""
    return BriefOut.model_validate(await service.ask_for_brief(b, caller, body.venue, body.symbol.upper()))


@router.get("/usage")
async def usage(caller: Signed, b: B) -> UsageOut:
    """This month in USD: everybody's against the budget, and the caller's own."""
    return UsageOut.model_validate(await service.analyst_status(b, caller))


async def _events(made: Answer) -> AsyncIterator[bytes]:
    async for name, data in made.follow():
        if name == "quiet":
            yield b": still at it\n\n"
        else:
            yield b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _proposal(one: Proposal) -> ProposalOut:
    names = [name for name in ProposalOut.model_fields if name != "state"]
    return ProposalOut(**{name: getattr(one, name) for name in names}, state=one.state_at(utc_now()))
