"""Vendors' keys: written, masked, tested, forgotten; never read back."""

from fastapi import APIRouter

from starkmatter.api.schemas import Page
from starkmatter.api.schemas_people import ConnectionOut, ConnectionValues, TestOut
from starkmatter.api.security import B, Signed
from starkmatter.connections import service
from starkmatter.connections.catalog import BY_KIND
from starkmatter.jobs.history import ask_soon

router = APIRouter(prefix="/connections", tags=["Connections"])


@router.get("")
async def connections(caller: Signed, b: B) -> Page[ConnectionOut]:
    """What can be connected, and what is."""
    return Page(items=[ConnectionOut.model_validate(one) for one in await service.list_connections(b, caller)])


@router.put("/{kind}")
async def save(kind: str, body: ConnectionValues, caller: Signed, b: B) -> TestOut:
    """Keep the keys, sealed, and test them at once. A secret field left empty keeps what it was.

    When they pass, the job that brings the first of what they add runs at once.
    """
    told = await service.save_connection(b, caller, kind, body.values)
    if told.ok and BY_KIND[kind].begins:
        await ask_soon(b, caller, BY_KIND[kind].begins)
    return TestOut.model_validate(told)


@router.post("/{kind}/test")
async def test(kind: str, caller: Signed, b: B) -> TestOut:
    """Ask the vendor something harmless with the kept keys."""
    return TestOut.model_validate(await service.test_connection(b, caller, kind))


@router.delete("/{kind}", status_code=204)
async def forget(kind: str, caller: Signed, b: B) -> None:
    """Delete the keys."""
    await service.forget_connection(b, caller, kind)
