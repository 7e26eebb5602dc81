"""How a person's own tables are read, kept under names of theirs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.portfolio.importers.mapping import from_data, to_data
from starkmatter.portfolio.importing import queries
from starkmatter.portfolio.importing.records import SavedMapping

MAX_MAPPINGS = 50
MAX_NAME_CHARS = 60


async def list_mappings(b: Backends, caller: Caller) -> list[SavedMapping]:
    """The caller's own, by name."""
    return await b.db.all(SavedMapping, queries.MAPPINGS, (caller.user_id,))


async def keep_mapping(b: Backends, caller: Caller, name: str, mapping: Mapping[str, Any]) -> SavedMapping:
    """Keep a mapping under that name, in place of a former one of the name; InvalidInput for what is none."""
    title = " ".join(name.split())
    if not 1 <= len(title) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The name must have 1 to {MAX_NAME_CHARS} characters.")
    data = to_data(from_data(mapping))
    if data["unsure"]:
        raise InvalidInput("A mapping that leaves something open cannot be kept: choose it first.")
    if await b.db.value(queries.COUNT_MAPPINGS, {"user": caller.user_id, "name": title}) >= MAX_MAPPINGS:
        raise InvalidInput(f"One person can keep {MAX_MAPPINGS} mappings.")
    row = {"id": uuid4(), "user": caller.user_id, "name": title, "mapping": orjson.dumps(data).decode()}
    kept = await b.db.one(SavedMapping, queries.KEEP_MAPPING, row | {"now": utc_now()})
    assert kept is not None
    return kept


async def drop_mapping(b: Backends, caller: Caller, mapping_id: UUID) -> None:
    """Forget one of the caller's own; NotFound for any other."""
    if await b.db.run(queries.DROP_MAPPING, {"id": mapping_id, "user": caller.user_id}) != 1:
        raise NotFound("There is no such mapping.")
