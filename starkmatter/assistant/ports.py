"""What the analyst asks of a language model: one turn of a conversation, said as it comes, and what it used."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from starkmatter.egress.failures import FailureKind, VendorFailure

Block = dict[str, Any]
StopReason = Literal["done", "tool_use", "max_tokens", "refusal", "paused", "too_long", "stopped"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, each counted once: `input_tokens` are those that neither filled nor came from the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """Everything that was sent."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """What is to be answered: the standing words, the tools on offer, and every message so far.

    `messages` are {"role": "user" | "assistant", "content": [blocks]}; `tools` {"name", "description", "input_schema"}.
    Setting `stop` ends the turn early, with what was said by then.
    """

    system: str
    tools: tuple[Block, ...]
    messages: tuple[Block, ...]
    max_tokens: int
    stop: asyncio.Event


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """One finished turn. `content` goes back to the model as it is; `calls` only count when `stop` is "tool_use".

    `usage` is None when the turn was stopped before the vendor said what it used: it may have cost the worst case.
    """

    content: list[Block]
    said: str
    calls: tuple["ToolCall", ...]
    stop: StopReason
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. Nothing in it can be trusted: not the name, not one argument."""

    id: str
    name: str
    args: Any


class ModelFailure(VendorFailure):
    """A model did not answer. `may_cost` says that the vendor may charge for it all the same."""

    title = "The analyst did not answer"

    def __init__(
        self, vendor: str, kind: FailureKind, text: str, *, may_cost: bool, retry_after_secs: float | None = None
    ) -> None:
        super().__init__(vendor, kind, text, retry_after_secs=retry_after_secs)
        self.may_cost = may_cost


class Model(Protocol):
    """A language model behind its vendor's line."""

    @property
    def name(self) -> str:
        """The vendor's name of the model, as it is priced."""

    async def take_turn(self, turn: ModelTurn, say: Callable[[str], None]) -> ModelAnswer:
        """Ask once; `say` gets each piece of text as it comes. VendorFailure in words, never asked again here."""
