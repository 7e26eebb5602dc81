"""Files of other programs and entries that are typed in: dry run, booking, and taking it back."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page, instant_text
from starkmatter.api.schemas_imports import (
    FormatOut,
    ImportLineOut,
    ImportOut,
    NewEntry,
    NewMapping,
    ReadAgain,
    SavedMappingOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.clock import utc_now
from starkmatter.domain.sessions import instant_of_day
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.importers.catalog import IMPORTERS
from starkmatter.portfolio.importing.manual import add_entry
from starkmatter.portfolio.importing.mappings import drop_mapping, keep_mapping, list_mappings
from starkmatter.portfolio.importing.records import Outcome
from starkmatter.portfolio.importing.service import (
    MAX_LINES,
    MAX_LIST,
    cancel_import,
    confirm_import,
    get_import,
    import_lines,
    list_imports,
    read_again,
    start_import,
    undo_import,
)
from starkmatter.portfolio.tracked import own_tracked

BYTES = "application/octet-stream"
FILE_BODY = {"requestBody": {"required": True, "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}

router = APIRouter(prefix=API_PREFIX, tags=["Import"])


@router.post("/accounts/{account_id}/imports", status_code=202, openapi_extra=FILE_BODY)
async def new_import(
    account_id: UUID,
    request: Request,
    caller: Signed,
    b: B,
    file_name: Annotated[str, Query(max_length=300)] = "file",
    format_name: Annotated[str | None, Query(alias="format", max_length=40)] = None,
) -> ImportOut:
    """Hand a file in: its bytes are the body (32 MB at most). It is read within seconds; nothing is booked yet."""
    await own_tracked(b, caller, account_id)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != BYTES:
        raise InvalidInput(f"Send the bytes of the file as {BYTES}.")
    content = await request.body()
    return ImportOut.model_validate(
        await start_import(b, caller, account_id, content, file_name=file_name, format_name=format_name)
    )


@router.post("/accounts/{account_id}/entries", status_code=202)
async def new_entry(account_id: UUID, body: NewEntry, caller: Signed, b: B) -> ImportOut:
    """Type one entry in: it is booked within seconds, as an import of one line."""
    if (body.at is None) == (body.on is None):
        raise InvalidInput("Give either the day (`on`) or the instant (`at`).")
    at = body.at if body.on is None else instant_of_day(body.on, utc_now())
    assert at is not None  # one of the two is given
    return ImportOut.model_validate(
        await add_entry(
            b,
            caller,
            account_id,
            kind=body.kind,
            at=at,
            symbol=body.symbol,
            qty=body.qty,
            price=body.price,
            amount=body.amount,
            fees=body.fees,
            tax=body.tax,
            text=body.text,
        )
    )


@router.get("/imports")
async def imports(
    caller: Signed,
    b: B,
    account_id: UUID | None = None,
    cursor: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIST)] = 50,
) -> Page[ImportOut]:
    """The caller's imports, the newest first."""
    found = await list_imports(b, caller, account_id=account_id, before=cursor, limit=limit)
    more = instant_text(found[-1].created_at) if len(found) == limit else None
    return Page(items=[ImportOut.model_validate(one) for one in found], next_cursor=more)


@router.get("/imports/{import_id}")
async def one_import(import_id: UUID, caller: Signed, b: B) -> ImportOut:
    """How far it has come, and its dry run in sums."""
    return ImportOut.model_validate(await get_import(b, caller, import_id))


@router.get("/imports/{import_id}/lines")
async def lines(
    import_id: UUID,
    caller: Signed,
    b: B,
    outcome: Outcome = "booked",
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = 100,
) -> Page[ImportLineOut]:
    """The dry run line by line: what is booked, known already, not booked and why, problems, notes."""
    found = await import_lines(b, caller, import_id, outcome, after=cursor, limit=limit)
    more = str(found[-1].place + 1) if len(found) == limit else None
    return Page(items=[ImportLineOut.model_validate(one) for one in found], next_cursor=more)


@router.post("/imports/{import_id}/read", status_code=202)
async def read(import_id: UUID, body: ReadAgain, caller: Signed, b: B) -> ImportOut:
    """Read the file another way: by a mapping of its columns, as a format, or with names for its securities."""
    mapping = None if body.mapping is None else body.mapping.model_dump()
    return ImportOut.model_validate(
        await read_again(b, caller, import_id, mapping=mapping, format_name=body.format, symbols=body.symbols)
    )


@router.post("/imports/{import_id}/confirm", status_code=202)
async def confirm(import_id: UUID, caller: Signed, b: B) -> ImportOut:
    """Book what the dry run shows, whole or not at all."""
    return ImportOut.model_validate(await confirm_import(b, caller, import_id))


@router.post("/imports/{import_id}/cancel", status_code=202)
async def cancel(import_id: UUID, caller: Signed, b: B) -> ImportOut:
    """Leave it; nothing of it is booked."""
    return ImportOut.model_validate(await cancel_import(b, caller, import_id))


@router.post("/imports/{import_id}/undo", status_code=202)
async def undo(import_id: UUID, caller: Signed, b: B) -> ImportOut:
    """Take a booked import back by reversing entries, unless later facts rest on it."""
    return ImportOut.model_validate(await undo_import(b, caller, import_id))


@router.get("/import-formats")
async def formats(_: Signed) -> Page[FormatOut]:
    """What files can be read."""
    return Page(items=[FormatOut(name=one.name, title=one.title) for one in IMPORTERS])


@router.get("/import-mappings")
async def mappings(caller: Signed, b: B) -> Page[SavedMappingOut]:
    """How the caller's own tables are read, under their names."""
    return Page(items=[SavedMappingOut.model_validate(one) for one in await list_mappings(b, caller)])


@router.post("/import-mappings", status_code=201)
async def new_mapping(body: NewMapping, caller: Signed, b: B) -> SavedMappingOut:
    """Keep a mapping, in place of a former one of that name."""
    return SavedMappingOut.model_validate(await keep_mapping(b, caller, body.name, body.mapping.model_dump()))


@router.delete("/import-mappings/{mapping_id}", status_code=204)
async def delete_mapping(mapping_id: UUID, caller: Signed, b: B) -> None:
    """Forget one."""
    await drop_mapping(b, caller, mapping_id)
