"""Vendors' keys: written, masked, tested, forgotten; never read back."""

from fastapi import APIRouter

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_people import ConnectionOut, ConnectionValues, SignInAnswer, SignInPage, TestOut
from starkmatter.api.security import B, Signed
from starkmatter.connections import service
from starkmatter.connections.catalog import BY_KIND
from starkmatter.jobs.history import ask_soon

router = APIRouter(prefix=f"{API_PREFIX}/connections", tags=["Connections"])


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


@router.post("/{kind}/sign-in")
async def begin_sign_in(kind: str, caller: Signed, b: B) -> SignInPage:
    """Begin to sign in at a vendor that wants more than keys: go to that page, and bring back what it gives."""
    return SignInPage(location=await service.begin_sign_in(b, caller, kind))


@router.put("/{kind}/sign-in")
async def finish_sign_in(kind: str, body: SignInAnswer, caller: Signed, b: B) -> TestOut:
    """Finish it with what the vendor gave, once, and test the connection."""
    return TestOut.model_validate(await service.finish_sign_in(b, caller, kind, body.answer))


@router.delete("/{kind}", status_code=204)
async def forget(kind: str, caller: Signed, b: B) -> None:
    """Delete the keys."""
    await service.forget_connection(b, caller, kind)
