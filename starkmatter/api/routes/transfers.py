"""Shares that are moved from one of one's own accounts to another, with their lots."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_transfers import NewTransfer, TransferOut
from starkmatter.api.security import B, Signed
from starkmatter.clock import utc_now
from starkmatter.domain.lots import LotPick
from starkmatter.domain.sessions import instant_of_day
from starkmatter.portfolio.transfers.records import Asked
from starkmatter.portfolio.transfers.service import list_transfers, move_shares, take_back

router = APIRouter(prefix=API_PREFIX, tags=["Portfolio"])


@router.get("/accounts/{account_id}/transfers")
async def transfers(
    account_id: UUID,
    caller: Signed,
    b: B,
    before: Annotated[datetime | None, Query(description="Only those booked before this instant")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[TransferOut]:
    """Shares that left the account for another of the same person, or came from one; those booked last first."""
    found = await list_transfers(b, caller, account_id, before=before, limit=limit)
    return Page(items=[TransferOut.model_validate(one) for one in found])


@router.post("/accounts/{account_id}/transfers", status_code=201)
async def new_transfer(account_id: UUID, body: NewTransfer, caller: Signed, b: B) -> TransferOut:
    """Move shares from this account to another of one's own: no sale; lots keep their days and what they had cost.

    Between paper accounts of one market now, between tracked accounts of one currency on any day.
    """
    asked = Asked(
        from_account_id=account_id,
        to_account_id=body.to_account_id,
        symbol=body.symbol,
        qty=body.qty,
        at=None if body.on is None else instant_of_day(body.on, utc_now()),
        price=body.price,
        method=body.method,
    )
    picks = [LotPick(one.lot_id, one.qty) for one in body.lots]
    return TransferOut.model_validate(await move_shares(b, caller, asked, picks))


@router.post("/transfers/{transfer_id}/take-back")
async def transfer_back(transfer_id: UUID, caller: Signed, b: B) -> TransferOut:
    """Take a move of shares back by an entry against each side; refused once something else rests on it."""
    return TransferOut.model_validate(await take_back(b, caller, transfer_id))
