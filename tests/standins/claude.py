"""The Messages API on loopback: streamed answers, tool calls, token counts and failures, as a test scripts them."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-ant-canary-key-51c7e0"
USAGE = {"input_tokens": 1_000, "output_tokens": 200, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
PIECE_CHARS = 12


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: str

    @property
    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.body.get("tools", [])]

    @property
    def last(self) -> dict[str, Any]:
        return self.body["messages"][-1]

    def facts(self) -> list[dict[str, Any]]:
        """Every fact the tools have given so far."""
        found: list[dict[str, Any]] = []
        for message in self.body["messages"]:
            for block in message["content"]:
                if block["type"] == "tool_result" and not block.get("is_error"):
                    found += json.loads(block["content"][-1]["text"])["facts"]
        return found

    def errors(self) -> list[str]:
        """What the tools refused, in words."""
        return [
            block["content"][-1]["text"]
            for message in self.body["messages"]
            for block in message["content"]
            if block["type"] == "tool_result" and block.get("is_error")
        ]


@dataclass(frozen=True)
class Reply:
    """What to answer. Without `status` it is a stream of `blocks`; `cut_after` ends it after so many events."""

    blocks: Sequence[dict[str, Any]] = ()
    stop: str = "end_turn"
    usage: dict[str, int] = field(default_factory=lambda: dict(USAGE))
    status: int = 200
    error: str = "api_error"
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    raw: bytes | None = None
    hang_secs: float = 0.0
    pause_secs: float = 0.0
    then_error: str | None = None


def say(text: str, **more: Any) -> Reply:
    """A plain answer."""
    return Reply([{"type": "text", "text": text}], **more)


def use(*calls: tuple[str, Any], text: str = "", thought: str = "", **more: Any) -> Reply:
    """An answer that asks for tools: `use(("list_accounts", {}))`."""
    blocks: list[dict[str, Any]] = []
    if thought:
        blocks.append({"type": "thinking", "thinking": "", "signature": thought})
    if text:
        blocks.append({"type": "text", "text": text})
    for number, (name, args) in enumerate(calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{_next()}_{number}", "name": name, "input": args})
    return Reply(blocks, stop="tool_use", **more)


_count = iter(range(10**9))
_lock = threading.Lock()


def _next() -> int:
    with _lock:
        return next(_count)


class ClaudeStandIn:
    """The server, what it was asked, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Callable[[Asked], Reply] = lambda _: say("Hello.")
        self.count: Reply | None = None
        self.released = threading.Event()
        self.url = ""

    @property
    def turns(self) -> list[Asked]:
        return [one for one in self.asked if one.path == "/v1/messages"]

    def answer_in_turn(self, *replies: Reply) -> None:
        """One reply after the other; the last one for ever."""
        left = list(replies)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]


def _events(reply: Reply, model: str) -> Iterator[dict[str, Any]]:
    start = {**reply.usage, "output_tokens": 1}
    yield {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": start,
        },
    }
    yield {"type": "ping"}
    for index, block in enumerate(reply.blocks):
        head, deltas = _pieces(block)
        yield {"type": "content_block_start", "index": index, "content_block": head}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    if reply.then_error:
        yield {"type": "error", "error": {"type": reply.then_error, "message": "in the middle"}}
        return
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reply.stop, "stop_sequence": None},
        "usage": {"output_tokens": reply.usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if block["type"] == "text":
        text = block["text"]
        parts = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in parts]
    if block["type"] == "tool_use":
        text = json.dumps(block["input"])
        parts = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
        return {**block, "input": {}}, deltas
    if block["type"] == "thinking":
        return {**block, "signature": ""}, [{"type": "signature_delta", "signature": block["signature"]}]
    return block, []


def _handler(server: ClaudeStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            asked = Asked(
                self.path.partition("?")[0], {k.lower(): v for k, v in self.headers.items()}, json.loads(raw), raw
            )
            server.asked.append(asked)
            if asked.headers.get("authorization") != f"Bearer {KEY}" and asked.headers.get("x-api-key") != KEY:
                self._error(Reply(status=401, error="authentication_error"))
                return
            counts = asked.path == "/v1/messages/count_tokens"
            if counts and server.count is None:
                self._json(200, {"input_tokens": 8}, {})
                return
            reply = server.count if counts and server.count else server.script(asked)
            if reply.hang_secs:
                server.released.wait(reply.hang_secs)
            if reply.status != 200:
                self._error(reply)
            elif counts:
                self._raw(200, reply.raw or b"", {})
            else:
                self._stream(reply, asked.body["model"])

        def _error(self, reply: Reply) -> None:
            body = {"type": "error", "error": {"type": reply.error, "message": f"no, {KEY}"}}
            self._json(reply.status, body, reply.headers)

        def _json(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
            self._raw(status, json.dumps(body).encode(), headers)

        def _raw(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, reply: Reply, model: str) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            if reply.raw is not None:
                self.wfile.write(reply.raw)
                return
            try:
                for number, event in enumerate(_events(reply, model)):
                    if reply.cut_after is not None and number >= reply.cut_after:
                        return
                    self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                    self.wfile.flush()
                    if reply.pause_secs and event["type"] == "content_block_delta":
                        server.released.wait(reply.pause_secs)
            except OSError:
                return  # whoever listened has gone

    return Handler


@contextmanager
def claude_server() -> Iterator[ClaudeStandIn]:
    """A server that wants KEY; hanging answers end with it."""
    standin = ClaudeStandIn()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(standin))
    http.daemon_threads = True
    standin.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        standin.released.set()
        http.shutdown()
        http.server_close()
        thread.join()
