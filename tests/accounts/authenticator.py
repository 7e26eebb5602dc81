"""A security key in software, for tests: it makes ES256 keys and signs what it is asked, rightly or as it is told."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:3000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One key. `count` goes up with each use; at a negative `step` it goes back, at none it stays."""

    step: int = 1
    count: int = 0
    id: bytes = field(default_factory=lambda: token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    user_handle: bytes = b""

    def make(self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str = "", verified: bool = True) -> Any:
        """The answer to `navigator.credentials.create`."""
        self.user_handle = plain(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, **point})
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        told = self._data(rp_id or options["rp"]["id"], verified, ATTESTED) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        client = _client_data("webauthn.create", options["challenge"], origin)
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(made)})

    def use(self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str = "", verified: bool = True) -> Any:
        """The answer to `navigator.credentials.get`."""
        self.count += self.step
        told = self._data(rp_id or options["rpId"], verified)
        client = _client_data("webauthn.get", options["challenge"], origin)
        signature = self.key.sign(told + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(told),
                "signature": text(signature),
                "userHandle": text(self.user_handle),
            }
        )

    def _data(self, rp_id: str, verified: bool, more: int = 0) -> bytes:
        flags = PRESENT | (VERIFIED if verified else 0) | more
        return sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}


def _client_data(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}).encode()


def text(value: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def plain(value: str) -> bytes:
    """The bytes of base64url without padding."""
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))
