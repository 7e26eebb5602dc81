"""Claude by Anthropic: streamed turns with tools and a cached prompt, through the official SDK.

Another address for its interface: `claude` in STARKMATTER_VENDOR_URLS. The SDK is imported on first use, in a thread,
since that takes a second; it never repeats a request by itself.
"""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.assistant.budget import budget_of
from starkmatter.assistant.ports import Block, ModelAnswer, ModelFailure, ModelTurn, StopReason, ToolCall, Usage
from starkmatter.assistant.prices import PRICES
from starkmatter.backends import Backends
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.egress.line import Line
from starkmatter.settings import Settings

VENDOR = "Claude"
KIND = "claude"
URL = "https://api.anthropic.com"
PER_MIN = 50
CALL_SECS = 60.0
CONNECT_SECS = 10.0
EFFORT = "medium"
CACHED: Block = {"type": "ephemeral"}
KEPT_FIELDS = {
    "text": ("type", "text"),
    "tool_use": ("type", "id", "name", "input"),
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
}
STOPS: dict[str | None, StopReason] = {
    "end_turn": "done",
    "stop_sequence": "done",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
    "pause_turn": "paused",
    "model_context_window_exceeded": "too_long",
}
ANSWERS: dict[int, tuple[FailureKind, str]] = {
    400: ("refused", "Claude does not accept this conversation. Start a new one."),
    401: ("refused", "Claude refuses the key. An admin can enter it again under Settings, Connections."),
    402: ("refused", "The Anthropic account has no credit left. Add some there, then ask again."),
    403: ("refused", "This key may not be used for that. An admin can look at it in the Anthropic console."),
    404: ("refused", "The Anthropic account does not have this model. An admin can choose another one."),
    413: ("refused", "This conversation is too large for Claude. Start a new one."),
    429: ("rate_limited", "Claude limits how often it may be asked. Try again in a minute."),
    529: ("broken", "Claude is overloaded at the moment. Nothing was lost; try again in a minute."),
}
# What the vendor says inside a stream that began well.
SAID_IN_STREAM = {"rate_limit_error": 429, "overloaded_error": 529, "authentication_error": 401, "billing_error": 402}


class ClaudeModel:
    """One model of one key. Requests share one client and one line."""

    def __init__(self, key: str, name: str, url: str = URL, *, timeout_secs: float = CALL_SECS) -> None:
        self._key, self._name, self._url = key, name, url
        self._timeout_secs = timeout_secs
        self._line = Line(VENDOR, per_min=PER_MIN, timeout_secs=timeout_secs)
        self._client: Any = None

    @property
    def name(self) -> str:
        return self._name

    async def take_turn(self, turn: ModelTurn, say: Callable[[str], None]) -> ModelAnswer:
        """Ask once. ModelFailure says in words what went wrong and whether it may have cost something."""
        began: list[bool] = []
        try:
            return await self._line.send(lambda: self._ask(turn, say, began))
        except ModelFailure:
            raise
        except VendorFailure as failure:  # the line's own: too late, too often, left alone
            late = failure.kind == "unreachable" and bool(began)
            raise ModelFailure(VENDOR, failure.kind, failure.text, may_cost=late) from None

    async def count_tokens(self) -> int:
        """The size of one short message: costs nothing and shows that key and model are good."""
        return await self._line.read(self._count)

    async def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            await self._client.close()

    async def _sdk(self) -> Any:
        sdk = await asyncio.to_thread(importlib.import_module, "anthropic")
        if self._client is None:
            self._client = await asyncio.to_thread(self._open, sdk)
        return sdk

    def _open(self, sdk: Any) -> Any:
        timeout = sdk.Timeout(self._timeout_secs, connect=min(CONNECT_SECS, self._timeout_secs))
        return sdk.AsyncAnthropic(api_key=self._key, base_url=self._url, max_retries=0, timeout=timeout)

    async def _count(self) -> int:
        sdk = await self._sdk()
        try:
            counted = await self._client.messages.count_tokens(
                model=self._name, messages=[{"role": "user", "content": "Hello"}]
            )
            return int(counted.input_tokens)
        except sdk.APIError as error:
            raise _failure(sdk, error, began=False) from None
        except (ValueError, TypeError, AttributeError):
            raise _garbage(began=False) from None

    async def _ask(self, turn: ModelTurn, say: Callable[[str], None], began: list[bool]) -> ModelAnswer:
        sdk = await self._sdk()
        said: list[str] = []

        def hear(text: str) -> None:
            said.append(text)
            say(text)

        reading = asyncio.create_task(self._read(sdk, turn, hear, began))
        stopping = asyncio.create_task(turn.stop.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
            text = "".join(said)
            content = [{"type": "text", "text": text}] if text.strip() else []
            return ModelAnswer(content, text, (), "stopped", None)
        finally:
            for task in (reading, stopping):
                task.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)

    async def _read(self, sdk: Any, turn: ModelTurn, hear: Callable[[str], None], began: list[bool]) -> ModelAnswer:
        import httpx2

        whole = False
        try:
            began.append(True)
            async with self._client.messages.stream(**self._request(turn)) as stream:
                async for event in stream:
                    if event.type == "text":
                        hear(event.text)
                    elif event.type == "message_stop":
                        whole = True
                if not whole:
                    raise ModelFailure(VENDOR, "broken", "Claude's answer was cut off. Ask again.", may_cost=True)
                return _answer(await stream.get_final_message())
        except sdk.APIError as error:
            raise _failure(sdk, error, began=True) from None
        except httpx2.HTTPError:
            raise ModelFailure(VENDOR, "broken", "Claude's answer was cut off. Ask again.", may_cost=True) from None
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, AssertionError, RuntimeError):
            raise _garbage(began=True) from None

    def _request(self, turn: ModelTurn) -> dict[str, Any]:
        """What stays the same from turn to turn is marked for the cache: tools, the standing words, the past."""
        request: dict[str, Any] = {
            "model": self._name,
            "max_tokens": turn.max_tokens,
            "system": [{"type": "text", "text": turn.system, "cache_control": CACHED}],
            "messages": list(turn.messages),
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": EFFORT},
            "cache_control": CACHED,
        }
        if turn.tools:
            request["tools"] = [*turn.tools[:-1], {**turn.tools[-1], "cache_control": CACHED}]
        return request


def _answer(message: Any) -> ModelAnswer:
    content: list[Block] = []
    calls: list[ToolCall] = []
    for block in message.content:
        fields = KEPT_FIELDS.get(block.type)
        if fields is None:
            continue
        content.append({name: getattr(block, name) for name in fields})
        if block.type == "tool_use":
            calls.append(ToolCall(str(block.id), str(block.name), block.input))
    used = message.usage
    usage = Usage(
        int(used.input_tokens or 0),
        int(used.output_tokens or 0),
        int(used.cache_creation_input_tokens or 0),
        int(used.cache_read_input_tokens or 0),
    )
    said = "".join(str(block["text"]) for block in content if block["type"] == "text")
    return ModelAnswer(content, said, tuple(calls), STOPS.get(message.stop_reason, "done"), usage)


def _failure(sdk: Any, error: Any, *, began: bool) -> ModelFailure:
    """The SDK's error in our words. A refusal costs nothing; what breaks in the middle of an answer may cost."""
    if isinstance(error, sdk.APITimeoutError):
        return ModelFailure(VENDOR, "unreachable", "Claude did not answer in time. Ask again.", may_cost=began)
    if isinstance(error, sdk.APIConnectionError):
        return ModelFailure(VENDOR, "unreachable", "Claude cannot be reached from here.", may_cost=False)
    if not isinstance(error, sdk.APIStatusError):
        return _garbage(began=began)
    status = int(error.status_code)
    in_stream = status < 400
    if in_stream:
        status = SAID_IN_STREAM.get(str(error.type), 500)
    waits = error.response.headers.get("retry-after", "").strip()
    kind, text = ANSWERS.get(status, ("broken", f"Claude has a problem of its own (status {status}). Try again later."))
    if status < 500 and status not in ANSWERS:
        kind, text = "garbage", f"Claude answered with status {status}."
    return ModelFailure(
        VENDOR,
        kind,
        text,
        may_cost=in_stream,
        retry_after_secs=float(waits) if waits.isdigit() else None,
    )


def _garbage(*, began: bool) -> ModelFailure:
    return ModelFailure(VENDOR, "garbage", "Claude's answer cannot be read. Ask again.", may_cost=began)


def open_model(settings: Settings, secrets: Secrets) -> ClaudeModel:
    """The model of a connection."""
    return ClaudeModel(secrets["key"], secrets["model"], settings.vendor_urls.get(KIND, URL))


async def check_connection(b: Backends, secrets: Secrets) -> str:
    """Whether key, model and budget are good; nothing is spent."""
    budget = budget_of(secrets["budget_usd"])
    model = open_model(b.settings, secrets)
    try:
        await model.count_tokens()
    finally:
        await model.close()
    return f"{secrets['model']} answers. At most {budget:,.2f} USD are spent in a month."


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Claude (the analyst)",
    scope="installation",
    adds="With a key the analyst answers questions about your book in words, with footnotes, and fills in tickets.",
    fields=(
        ConnectionField("key", "API key", hint="sk-ant-…"),
        ConnectionField("model", "Model", secret=False, default="claude-sonnet-5-5", choices=tuple(PRICES)),
        ConnectionField("budget_usd", "Budget a month, USD", secret=False, default="20"),
    ),
    test=check_connection,
    where="Anthropic console, API keys.",
)

CAPABILITY = Capability(
    port="model",
    adapter=KIND,
    vendor="Anthropic",
    client="anthropic",
    connection=KIND,
    gives=("streamed answers", "tool calls", "prompt caching"),
    limits="Requests and tokens a minute by the account's tier; ours: 50 requests a minute, 60 s a call.",
    notes="Questions, account names and the tools' figures are sent to Anthropic; keys and mail addresses are not.",
)
