"""Keeps, tests and forgets vendors' keys. Those of the installation are an admin's; a person's are their own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.connections import MAX_VALUE_CHARS, ConnectionField, ConnectionKind, Scope
from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import forget_secret, keep_secret, note_test, open_secret, stored_secrets
from starkmatter.backends import Backends
from starkmatter.connections.catalog import BY_KIND, CATALOG
from starkmatter.errors import ConfigError, InvalidInput, NotAllowed, NotFound, StarkMatterError

TEST_SECS = 20.0


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A vendor that can be connected, and what may be shown of its keys: hints such as `…4f2a`."""

    kind: str
    title: str
    scope: Scope
    adds: str
    where: str
    fields: tuple[ConnectionField, ...]
    connected: bool
    hints: dict[str, str]
    updated_at: datetime | None
    tested_at: datetime | None
    tested_ok: bool | None
    tested_text: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """How the vendor answered, in words."""

    ok: bool
    text: str


async def list_connections(b: Backends, caller: Caller) -> list[ConnectionView]:
    """Every vendor the caller may connect: the installation's for admins, their own for those who trade."""
    of_all = await stored_secrets(b, None) if caller.is_admin else {}
    own = await stored_secrets(b, caller.user_id)
    views = []
    for kind in CATALOG:
        if not _may(caller, kind):
            continue
        kept = (of_all if kind.scope == "installation" else own).get(kind.kind)
        views.append(
            ConnectionView(
                kind.kind,
                kind.title,
                kind.scope,
                kind.adds,
                kind.where,
                kind.fields,
                connected=kept is not None,
                hints=kept.hints if kept else {},
                updated_at=kept.updated_at if kept else None,
                tested_at=kept.tested_at if kept else None,
                tested_ok=kept.tested_ok if kept else None,
                tested_text=kept.tested_text if kept else "",
            )
        )
    return views


async def save_connection(b: Backends, caller: Caller, name: str, values: Mapping[str, str]) -> TestResult:
    """Seal and keep the fields, then test them. An empty secret field keeps what was there before.

    InvalidInput names the field that is missing, unknown or too long; nothing is changed then.
    """
    kind = _kind(caller, name)
    unknown = set(values) - {field.name for field in kind.fields}
    if unknown:
        raise InvalidInput(f"{kind.title} has no field '{min(unknown)[:40]}'.")
    former = await _opened(b, kind, caller)
    kept = {}
    for field in kind.fields:
        given = values.get(field.name, "").strip()
        value = given or (former.get(field.name, "") if field.secret else "") or field.default
        _check(field, value)
        kept[field.name] = value
    if kind.check is not None:
        kind.check(kept)
    hide = {field.name for field in kind.fields if field.secret}
    await keep_secret(b, kind.kind, _owner(kind, caller), kept, hide)
    renewed = [name for name in sorted(hide) if kept[name] and kept[name] != former.get(name)]
    was, now = _open(former, hide) or None, {**_open(kept, hide), "renewed": renewed}
    await note(b, caller, "connection.saved", ("connection", kind.kind), before=was, after=now)
    return await test_connection(b, caller, name)


async def test_connection(b: Backends, caller: Caller, name: str) -> TestResult:
    """Ask the vendor with the kept keys; what came of it is kept as well."""
    kind = _kind(caller, name)
    owner = _owner(kind, caller)
    secrets = await open_secret(b, kind.kind, owner)
    if secrets is None:
        raise NotFound(f"{kind.title} is not connected.")
    try:
        async with asyncio.timeout(TEST_SECS):
            result = TestResult(True, await kind.test(b, secrets))
    except StarkMatterError as error:
        result = TestResult(False, error.text)
    except TimeoutError:
        result = TestResult(False, f"{kind.title} did not answer in time.")
    await note_test(b, kind.kind, owner, ok=result.ok, text=result.text)
    await note(b, caller, "connection.tested", ("connection", kind.kind), after={"ok": result.ok})
    return result


async def forget_connection(b: Backends, caller: Caller, name: str) -> None:
    """Delete the keys; NotFound when there were none."""
    kind = _kind(caller, name)
    if not await forget_secret(b, kind.kind, _owner(kind, caller)):
        raise NotFound(f"{kind.title} is not connected.")
    await note(b, caller, "connection.forgotten", ("connection", kind.kind))


def _open(values: Mapping[str, str], hide: set[str]) -> dict[str, object]:
    """What is no secret of a connection, for the audit log."""
    return {name: value for name, value in values.items() if name not in hide}


async def _opened(b: Backends, kind: ConnectionKind, caller: Caller) -> Mapping[str, str]:
    try:
        return await open_secret(b, kind.kind, _owner(kind, caller)) or {}
    except ConfigError:
        return {}  # Sealed with a lost key: what is entered now replaces it.


def _check(field: ConnectionField, value: str) -> None:
    if field.required and not value:
        raise InvalidInput(f"{field.label} is missing.")
    if len(value) > MAX_VALUE_CHARS or not value.isprintable():
        raise InvalidInput(f"{field.label} is too long or holds characters that no key has.")
    if field.choices and value not in field.choices:
        raise InvalidInput(f"{field.label}: one of {', '.join(field.choices)}.")


def _kind(caller: Caller, name: str) -> ConnectionKind:
    kind = BY_KIND.get(name)
    if kind is None:
        raise NotFound("There is no such connection.")
    if not _may(caller, kind):
        raise NotAllowed("Only an admin connects this." if kind.scope == "installation" else "Viewers connect nothing.")
    return kind


def _may(caller: Caller, kind: ConnectionKind) -> bool:
    return caller.is_admin if kind.scope == "installation" else caller.may_trade


def _owner(kind: ConnectionKind, caller: Caller) -> UUID | None:
    return None if kind.scope == "installation" else caller.user_id
