"""The log's head, written down where the database cannot reach: a file that only grows, and a signed webhook.

Whoever can write to the database cannot shorten or replace the log unseen: the anchors still name rows it once had.
What came after the newest anchor is not covered yet, an hour at most.
"""

import hmac
import json
import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from starkmatter.accounts.audit.records import Anchor
from starkmatter.egress.guard import allowed_destinations, post
from starkmatter.errors import ConfigError
from starkmatter.settings import Settings, home_secret

FILE_NAME = "audit_anchors.jsonl"
SECRET_NAME = "audit_webhook"  # noqa: S105 - the name of a file
SIGNATURE_HEADER = "X-StarkMatter-Signature"


def read_anchors(home: Path) -> list[Anchor]:
    """Every anchor, the oldest first; none when there is no file. ConfigError names a line that is none of ours."""
    path = home / FILE_NAME
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    anchors = []
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            anchors.append(Anchor(int(found["sequence"]), str(found["hash"]), datetime.fromisoformat(found["at"])))
        except (ValueError, TypeError, KeyError):
            raise ConfigError(f"{path}, line {number}, is not an anchor: somebody has changed the file.") from None
    return anchors


def write_anchor(home: Path, anchor: Anchor) -> None:
    """Append it, on the disk when this returns; ConfigError when the file cannot be written."""
    path = home / FILE_NAME
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, anchor_json(anchor) + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def set_aside_anchors(home: Path, now: datetime) -> Path | None:
    """After an older log was brought back on purpose: keep the former anchors under another name."""
    path = home / FILE_NAME
    if not path.exists():
        return None
    return path.rename(path.with_suffix(f".before-{now:%Y%m%dT%H%M%S}.jsonl"))


def anchor_json(anchor: Anchor) -> bytes:
    """The line, and the webhook's body."""
    return json.dumps({"sequence": anchor.sequence, "hash": anchor.hash, "at": anchor.at.isoformat()}).encode()


def signature(secret: str, body: bytes) -> str:
    """What the receiver compares: HMAC-SHA256 of the body under the secret in the home."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


async def post_anchor(settings: Settings, anchor: Anchor) -> None:
    """Send it to the operator's webhook, if one is set; VendorFailure or InvalidInput when it was not taken."""
    if settings.audit_webhook is None:
        return
    body = anchor_json(anchor)
    headers = {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: signature(home_secret(settings, SECRET_NAME), body),
    }
    await post(settings.audit_webhook, body, headers=headers, allowed=allowed_destinations(settings.egress_allow))
