"""Whom an account's owner lets look at it, or trade on it."""

from uuid import UUID

from fastapi import APIRouter

from starkmatter.accounts.sharing import service
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_people import Said
from starkmatter.api.schemas_sharing import ShareOut, ShareWith
from starkmatter.api.security import B, Signed

router = APIRouter(prefix=API_PREFIX + "/accounts/{account_id}/shares", tags=["Portfolio"])


@router.get("")
async def shares(account_id: UUID, caller: Signed, b: B) -> Page[ShareOut]:
    """Whom the caller has let in on this account of theirs."""
    return Page(items=[ShareOut.model_validate(one) for one in await service.list_shares(b, caller, account_id)])


@router.post("", status_code=201)
async def share(account_id: UUID, body: ShareWith, caller: Signed, b: B) -> Said:
    """Let somebody in by their address, or change how far."""
    name = await service.share_account(b, caller, account_id, body.email, body.level)
    words = "look at this account" if body.level == "view" else "trade on this account, while their role lets them"
    return Said(text=f"{name} may {words}.")


@router.delete("/{user_id}", status_code=204)
async def end(account_id: UUID, user_id: UUID, caller: Signed, b: B) -> None:
    """Let somebody in no longer; with one's own id: leave an account that somebody shared."""
    await service.end_share(b, caller, account_id, user_id)
