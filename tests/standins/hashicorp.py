"""HashiCorp Vault's transit engine on loopback: keys with versions, encrypt, decrypt, rewrap, rotate; failing as told.

It answers in the wire format of Vault's HTTP API, with real AES-256-GCM under keys that never leave it.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.standins.feeds import QuietServer

TOKEN = "hvs.canary-vault-token-5b1d"
KEY = "starkmatter"


@dataclass
class Transit:
    """`keys` by name, newest last. `faults` are used up front to back: a status or a word of `sealed`, `hang`, `drop`,
    `html`, `redirect`, `wrong-types`; `always` is one that stays."""

    port: int = 0
    token: str = TOKEN
    keys: dict[str, list[bytes]] = field(default_factory=lambda: {KEY: [secrets.token_bytes(32)]})
    oldest: int = 1
    faults: list[int | str] = field(default_factory=list)
    always: int | str | None = None
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """For the product's environment."""
        return {"STARKMATTER_VAULT_ADDR": self.url, "STARKMATTER_VAULT_TOKEN": self.token}

    def counted(self, verb: str) -> int:
        """How often the engine was asked to `encrypt`, `decrypt` and so on."""
        return sum(f"/{verb}/" in path for _, path, _ in self.asked)


class _Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status)
        self.status, self.errors = status, list(errors)


class _Handler(BaseHTTPRequestHandler):
    transit: Transit
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve(json.loads(raw) if raw else {})

    def _serve(self, body: dict[str, Any]) -> None:
        transit = self.transit
        transit.asked.append((self.command, self.path, body))
        fault = transit.faults.pop(0) if transit.faults else transit.always
        if fault == "hang":
            transit.released.wait(20)
        if fault in {"hang", "drop"}:
            self.close_connection = True
            return None
        if fault == "html":
            return self._send(200, b"<html>A gateway</html>", "text/html")
        if fault == "redirect":
            return self._send(307, b"", Location=f"{transit.url}/elsewhere")
        if fault == "wrong-types":
            return self._json(200, {"data": {"ciphertext": 7, "plaintext": ["x"], "latest_version": "one"}})
        if fault == "sealed":
            return self._json(503, {"errors": ["Vault is sealed"]})
        if isinstance(fault, int):
            return self._json(fault, {"errors": [f"because of {transit.token}"]})
        if self.headers.get("X-Vault-Token") != transit.token or self.headers.get("X-Vault-Request") != "true":
            return self._json(403, {"errors": ["permission denied"]})
        try:
            data = self._answer(body)
        except _Refused as refused:
            return self._json(refused.status, {"errors": refused.errors})
        if data is None:
            return self._send(204, b"")
        return self._json(200, {"request_id": "8a1b", "lease_duration": 0, "renewable": False, "data": data})

    def _answer(self, body: dict[str, Any]) -> dict[str, Any] | None:
        parts = self.path.split("/")
        if parts[1:3] != ["v1", "transit"] or len(parts) < 5:
            raise _Refused(404)
        verb, name = parts[3], parts[4]
        keys = self.transit.keys.get(name)
        if keys is None:
            raise _Refused(404) if verb == "keys" else _Refused(400, "encryption key not found")
        bound = base64.b64decode(body.get("associated_data", ""))
        if verb == "keys" and parts[5:] == ["rotate"] and self.command == "POST":
            keys.append(secrets.token_bytes(32))
            return None
        if verb == "keys" and self.command == "GET":
            numbers = {str(number): 1_780_000_000 for number in range(1, len(keys) + 1)}
            return {
                "name": name,
                "type": "aes256-gcm96",
                "derived": False,
                "latest_version": len(keys),
                "keys": numbers,
            }
        if verb == "encrypt":
            return self._encrypted(keys, base64.b64decode(body["plaintext"]), bound)
        if verb == "decrypt":
            return {"plaintext": base64.b64encode(self._opened(keys, body["ciphertext"], bound)).decode()}
        if verb == "rewrap":
            return self._encrypted(keys, self._opened(keys, body["ciphertext"], bound), bound)
        raise _Refused(404)

    def _encrypted(self, keys: list[bytes], plain: bytes, bound: bytes) -> dict[str, Any]:
        nonce = secrets.token_bytes(12)
        sealed = base64.b64encode(nonce + AESGCM(keys[-1]).encrypt(nonce, plain, bound)).decode()
        return {"ciphertext": f"vault:v{len(keys)}:{sealed}", "key_version": len(keys)}

    def _opened(self, keys: list[bytes], ciphertext: str, bound: bytes) -> bytes:
        mark, _, rest = ciphertext.partition(":v")
        number, _, text = rest.partition(":")
        if mark != "vault" or not number.isdigit() or int(number) > len(keys):
            raise _Refused(400, "invalid ciphertext: no prefix")
        if int(number) < self.transit.oldest:
            raise _Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            raw = base64.b64decode(text, validate=True)
            return AESGCM(keys[int(number) - 1]).decrypt(raw[:12], raw[12:], bound)
        except (InvalidTag, ValueError):
            raise _Refused(400, "cipher: message authentication failed") from None

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json", **more: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hashicorp_vault() -> Iterator[Transit]:
    """A running stand-in; what hangs ends with it."""
    transit = Transit()
    server = QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"transit": transit}))
    transit.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield transit
    finally:
        transit.released.set()
        server.shutdown()
        server.server_close()
