"""Keeps, tests and forgets vendors' keys. Those of the installation are an admin's; a person's are their own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.connections import MAX_VALUE_CHARS, ConnectionField, ConnectionKind, Scope, SignIn
from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import (
    Secrets,
    StoredSecret,
    forget_secret,
    keep_secret,
    note_test,
    open_secret,
    stored_secrets,
)
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.connections.catalog import BY_KIND, CATALOG
from starkmatter.errors import ConfigError, InvalidInput, NotAllowed, NotFound, StarkMatterError

TEST_SECS = 20.0
SIGN_IN_WITHIN = timedelta(minutes=15)
MAX_ANSWER_CHARS = 2_000
UNTIL = "signed_in_until"
SignInState = Literal["none", "signed_in", "ended"]


@dataclass(frozen=True, slots=True)
class SignInView:
    """Whether the person is signed in at a vendor that wants it, and until when; what to bring back from there."""

    state: SignInState
    until: datetime | None
    answer: str
    words: str


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
    sign_in: SignInView | None


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
                hints=_shown(kind, kept.hints) if kept else {},
                updated_at=kept.updated_at if kept else None,
                tested_at=kept.tested_at if kept else None,
                tested_ok=kept.tested_ok if kept else None,
                tested_text=kept.tested_text if kept else "",
                sign_in=None if kind.sign_in is None else _sign_in_view(kind.sign_in, kept),
            )
        )
    return views


async def save_connection(b: Backends, caller: Caller, name: str, values: Mapping[str, str]) -> TestResult:
    """Seal and keep the fields, then test them. An empty secret field keeps what was there before.

    Where a sign-in is still to be made there is nothing to test yet, and the answer says so.
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
    was_in = _signed_in(kind, former, kept)
    await keep_secret(b, kind.kind, _owner(kind, caller), kept | was_in, _hidden(kind))
    renewed = [name for name in sorted(hide) if kept[name] and kept[name] != former.get(name)]
    was, now = _open(kind, former) or None, {**_open(kind, kept), "renewed": renewed}
    await note(b, caller, "connection.saved", ("connection", kind.kind), before=was, after=now)
    if kind.sign_in is not None and not was_in:
        return TestResult(True, f"The keys are kept. Now sign in at {kind.title}, below.")
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


async def begin_sign_in(b: Backends, caller: Caller, name: str) -> str:
    """The address of the vendor's own page for this sign-in; it has to be finished within SIGN_IN_WITHIN.

    NotFound without keys, InvalidInput for a vendor without a sign-in, VendorFailure when it does not answer.
    """
    kind, sign_in, secrets = await _to_sign_in(b, caller, name)
    start = await sign_in.begin(b, secrets)
    begun = {"begun_at": utc_now().isoformat(), "for": secrets.fingerprint, **start.keep}
    await keep_secret(b, _pending(kind), _owner(kind, caller), begun, set(begun))
    await note(b, caller, "connection.sign_in_begun", ("connection", kind.kind))
    return start.url


async def finish_sign_in(b: Backends, caller: Caller, name: str, answer: str) -> TestResult:
    """Take what the person brought back, once, keep what it gives, and test it.

    InvalidInput when there is no sign-in under way, it took too long, or this does not belong to it.
    """
    kind, sign_in, secrets = await _to_sign_in(b, caller, name)
    owner = _owner(kind, caller)
    if not answer.strip() or len(answer) > MAX_ANSWER_CHARS or not answer.isprintable():
        raise InvalidInput(f"{sign_in.answer} is missing, too long or holds characters that it cannot have.")
    begun = await open_secret(b, _pending(kind), owner)
    # Whoever takes it away is the one who may use it: two answers at once are one sign-in.
    if begun is None or not await forget_secret(b, _pending(kind), owner):
        raise InvalidInput("No sign-in is under way: begin it first.")
    late = utc_now() - datetime.fromisoformat(begun["begun_at"]) > SIGN_IN_WITHIN
    if late or begun["for"] != secrets.fingerprint:
        raise InvalidInput("This sign-in took too long, or the keys were changed meanwhile: begin again.")
    brought = await sign_in.finish(b, secrets, begun, answer.strip())
    await keep_secret(b, kind.kind, owner, {**secrets, **brought}, _hidden(kind))
    await note(b, caller, "connection.signed_in", ("connection", kind.kind), after={"until": brought[UNTIL]})
    return await test_connection(b, caller, name)


async def forget_connection(b: Backends, caller: Caller, name: str) -> None:
    """Delete the keys; NotFound when there were none."""
    kind = _kind(caller, name)
    if not await forget_secret(b, kind.kind, _owner(kind, caller)):
        raise NotFound(f"{kind.title} is not connected.")
    if kind.sign_in is not None:
        await forget_secret(b, _pending(kind), _owner(kind, caller))
    await note(b, caller, "connection.forgotten", ("connection", kind.kind))


async def _to_sign_in(b: Backends, caller: Caller, name: str) -> tuple[ConnectionKind, SignIn, Secrets]:
    kind = _kind(caller, name)
    if kind.sign_in is None:
        raise InvalidInput(f"{kind.title} needs no sign-in.")
    secrets = await open_secret(b, kind.kind, _owner(kind, caller))
    if secrets is None:
        raise NotFound(f"{kind.title} is not connected: enter its keys first.")
    return kind, kind.sign_in, secrets


def _pending(kind: ConnectionKind) -> str:
    """Where a sign-in that is under way is sealed; no vendor has this name."""
    return f"{kind.kind} sign-in"


def _hidden(kind: ConnectionKind) -> set[str]:
    return {field.name for field in kind.fields if field.secret} | (kind.sign_in.keeps if kind.sign_in else set())


def _signed_in(kind: ConnectionKind, former: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """What a sign-in gave, as long as it still belongs to the keys."""
    if kind.sign_in is None or any(former.get(name) != kept[name] for name in kind.sign_in.bound_to):
        return {}
    return {name: former[name] for name in (*kind.sign_in.keeps, UNTIL) if name in former}


def _shown(kind: ConnectionKind, hints: Mapping[str, str]) -> dict[str, str]:
    return {field.name: hints[field.name] for field in kind.fields if field.name in hints}


def _sign_in_view(sign_in: SignIn, kept: StoredSecret | None) -> SignInView:
    text = kept.hints.get(UNTIL) if kept else None
    until = datetime.fromisoformat(text) if text else None
    state: SignInState = "none" if until is None else "signed_in" if utc_now() < until else "ended"
    return SignInView(state, until, sign_in.answer, sign_in.words)


def _open(kind: ConnectionKind, values: Mapping[str, str]) -> dict[str, object]:
    """What is no secret of a connection, for the audit log."""
    return {field.name: values[field.name] for field in kind.fields if not field.secret and field.name in values}


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
