"""What a person does with an import: hand a file in, look at its dry run, confirm it, stop it, take it back.

The worker reads and books (see `work`); each step here is one statement that holds whoever else takes one meanwhile.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, TooMany
from starkmatter.portfolio.importers.bounds import MAX_BYTES, too_large, unreadable
from starkmatter.portfolio.importers.catalog import IMPORTERS
from starkmatter.portfolio.importers.mapping import from_data, to_data
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.files import keep_file, pack
from starkmatter.portfolio.importing.records import OUTCOMES, ImportView, LineView, Outcome
from starkmatter.portfolio.tracked import own_tracked

MAX_UNDER_WAY = 5
MAX_UNDER_WAY_BYTES = 2 * MAX_BYTES
MAX_NAME_CHARS = 120
MAX_SYMBOLS = 500
SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=/-]{0,19}")
MAX_LIST, MAX_LINES = 100, 500
# Files in memory at one time in this process, whoever sends them.
_AT_ONCE = asyncio.Semaphore(2)


async def start_import(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    content: bytes,
    *,
    file_name: str,
    format_name: str | None = None,
) -> ImportView:
    """Take a file for a tracked account; the worker reads it within seconds.

    Raises InvalidInput for what is empty or too large, TooMany while others of the caller's are under way, Conflict for
    an account that is not a tracked one, NotAllowed for somebody else's, NotFound when the caller does not see it.
    """
    account = await own_tracked(b, caller, account_id)
    if not content:
        raise unreadable("The file is empty.")
    if len(content) > MAX_BYTES:
        raise too_large(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Export a shorter period.")
    _check_format(format_name)
    import_id, now = uuid4(), utc_now()
    name = _name_of(file_name)
    async with _AT_ONCE:
        file = await pack(b, import_id, content)
        async with b.db.transaction() as connection:
            await connection.execute("SELECT 1 FROM app_user WHERE id = %s FOR UPDATE", (caller.user_id,))
            row = await (await connection.execute(queries.UNDER_WAY, (caller.user_id,))).fetchone()
            if row is not None and (row[0] >= MAX_UNDER_WAY or row[1] + len(content) > MAX_UNDER_WAY_BYTES):
                raise TooMany("Other imports of yours are not finished. Confirm or cancel one of them first.")
            await connection.execute(
                queries.PUT_IMPORT,
                {
                    "id": import_id,
                    "account": account.id,
                    "user": caller.user_id,
                    "origin": "file",
                    "file_name": name,
                    "file_bytes": len(content),
                    "state": "uploaded",
                    "format_asked": format_name or None,
                    "mapping": None,
                    "format": None,
                    "summary": None,
                    "now": now,
                },
            )
            await keep_file(connection, import_id, file)
            about = {"account": account.id, "file": name, "bytes": len(content)}
            await note(connection, caller, "import.uploaded", ("import", import_id), after=about)
    return await get_import(b, caller, import_id)


async def get_import(b: Backends, caller: Caller, import_id: UUID) -> ImportView:
    """One import of the caller's own; NotFound for any other."""
    found = await b.db.one(ImportView, queries.IMPORT, {"import": import_id, "user": caller.user_id})
    if found is None:
        raise NotFound("There is no such import.")
    return found


async def list_imports(
    b: Backends, caller: Caller, *, account_id: UUID | None = None, before: datetime | None = None, limit: int = 50
) -> list[ImportView]:
    """The caller's imports, the newest first; of one account, or of all."""
    asked = {"user": caller.user_id, "account": account_id, "before": before, "limit": max(1, min(limit, MAX_LIST))}
    return await b.db.all(ImportView, queries.IMPORTS, asked)


async def import_lines(
    b: Backends, caller: Caller, import_id: UUID, outcome: str, *, after: int = 0, limit: int = 100
) -> list[LineView]:
    """Lines of the dry run with that outcome in the file's order, from place `after` on."""
    await get_import(b, caller, import_id)
    chosen: Outcome | None = next((one for one in OUTCOMES if one == outcome), None)
    if chosen is None:
        raise InvalidInput(f"The outcome must be one of: {', '.join(OUTCOMES)}.")
    asked = {"import": import_id, "outcome": chosen, "after": after, "limit": max(1, min(limit, MAX_LINES))}
    return await b.db.all(LineView, queries.LINES, asked)


async def read_again(
    b: Backends,
    caller: Caller,
    import_id: UUID,
    *,
    mapping: Mapping[str, Any] | None = None,
    format_name: str | None = None,
    symbols: Mapping[str, str] | None = None,
) -> ImportView:
    """Have the file read another way: as a table by a `mapping`, or as that format; neither, as what it shows to be.

    `symbols` says what its securities are called here. InvalidInput for a mapping or a symbol that is none,
    Conflict once it is booked, canceled or being worked on.
    """
    _check_format(format_name)
    data = None if mapping is None else orjson.dumps(to_data(from_data(mapping))).decode()
    asked = {"import": import_id, "user": caller.user_id, "format": format_name or None, "mapping": data}
    asked["symbols"] = orjson.dumps(_symbols_of(symbols or {})).decode()
    return await _step(b, caller, import_id, queries.ASK_READ, asked, "It cannot be read again now")


async def confirm_import(b: Backends, caller: Caller, import_id: UUID) -> ImportView:
    """Book what the dry run shows; the worker does it within seconds, whole or not at all."""
    view = await get_import(b, caller, import_id)
    await own_tracked(b, caller, view.account_id)
    asked = {"import": import_id, "user": caller.user_id}
    found = await _step(b, caller, import_id, queries.CONFIRM, asked, "There is nothing to book in it")
    about = {"account": found.account_id, "file": found.file_name, "counts": (found.summary or {}).get("counts")}
    await note(b, caller, "import.confirmed", ("import", import_id), after=about)
    return found


async def cancel_import(b: Backends, caller: Caller, import_id: UUID) -> ImportView:
    """Leave it: nothing of it is booked. Conflict once it is booked or has ended."""
    asked = {"import": import_id, "user": caller.user_id}
    return await _step(b, caller, import_id, queries.CANCEL, asked, "It cannot be canceled any more")


async def undo_import(b: Backends, caller: Caller, import_id: UUID) -> ImportView:
    """Take a booked import back by reversing entries; the worker does it, or says why later facts forbid it."""
    view = await get_import(b, caller, import_id)
    await own_tracked(b, caller, view.account_id)
    asked = {"import": import_id, "user": caller.user_id}
    found = await _step(b, caller, import_id, queries.UNDO, asked, "Only a booked import can be taken back")
    about = {"account": found.account_id, "file": found.file_name}
    await note(b, caller, "import.undo_asked", ("import", import_id), after=about)
    return found


async def _step(
    b: Backends, caller: Caller, import_id: UUID, statement: Any, asked: Mapping[str, Any], refusal: str
) -> ImportView:
    """One step of a person's; Conflict with the state it is in when it cannot be taken from there."""
    if not caller.may_trade:
        await get_import(b, caller, import_id)
        raise NotAllowed("Your role may look but not import.")
    if await b.db.run(statement, {**asked, "now": utc_now()}) != 1:
        found = await get_import(b, caller, import_id)
        raise Conflict(f"{refusal}: it is {STATE_WORDS[found.state]}.")
    return await get_import(b, caller, import_id)


STATE_WORDS = {
    "uploaded": "waiting to be read",
    "reading": "being read",
    "needs_mapping": "waiting for its columns to be mapped",
    "read": "read and not confirmed",
    "confirmed": "waiting to be booked",
    "booking": "being booked",
    "booked": "booked",
    "undoing": "being taken back",
    "undone": "taken back",
    "canceled": "canceled",
    "failed": "failed",
}


def _check_format(name: str | None) -> None:
    if name and name not in {one.name for one in IMPORTERS}:
        raise unreadable(f"The format must be one of: {', '.join(one.name for one in IMPORTERS)}.")


def _symbols_of(symbols: Mapping[str, str]) -> dict[str, str]:
    """Names of securities with their symbols in capital letters; empty ones are left out."""
    if len(symbols) > MAX_SYMBOLS or any(len(name) > MAX_NAME_CHARS for name in symbols):
        raise InvalidInput(f"At most {MAX_SYMBOLS} securities can be named at once.")
    found = {name: symbol.strip().upper() for name, symbol in symbols.items() if symbol.strip()}
    for name, symbol in found.items():
        if not SYMBOL.fullmatch(symbol):
            raise InvalidInput(f"{symbol[:20]} cannot be the symbol of {name}: use letters, figures and . - ^ = /")
    return found


def _name_of(file_name: str) -> str:
    """The name alone, whatever path came with it, without what cannot be shown. It names nothing on this machine."""
    bare = file_name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(char for char in bare if char.isprintable()).strip()
    return shown[:MAX_NAME_CHARS] or "file"
