"""Orders that wait for a confirmation."""

from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_approvals import (
    ApprovalOut,
    Confirmation,
    Decision,
    FromProposal,
    NewApproval,
    NewDrift,
)
from starkmatter.api.schemas_trading import OrderOut
from starkmatter.api.security import B, Signed
from starkmatter.assistant.proposals import send_to_approvals
from starkmatter.clock import utc_now
from starkmatter.domain.orders import OrderRequest
from starkmatter.trading.approvals import service
from starkmatter.trading.approvals.records import ApprovalView

router = APIRouter(prefix=API_PREFIX, tags=["Approvals"])


def _out(one: ApprovalView) -> ApprovalOut:
    return ApprovalOut.model_validate(asdict(one) | {"state": one.state_at(utc_now())})


@router.get("/approvals")
async def approvals(caller: Signed, b: B, waiting: bool = False) -> Page[ApprovalOut]:
    """Proposals on every account the caller sees, the newest hundred first; `waiting`: undecided ones alone."""
    return Page(items=[_out(one) for one in await service.list_approvals(b, caller, waiting=waiting)])


@router.post("/approvals", status_code=201)
async def propose(body: NewApproval, caller: Signed, b: B) -> ApprovalOut:
    """Put an order before those who trade on the account; whoever sees the account may. Nothing is ordered by it."""
    request = OrderRequest(body.symbol.upper(), body.side, body.type, body.qty, body.time_in_force, body.limit_price)
    found = await service.propose(
        b,
        caller,
        body.account_id,
        request,
        thesis=body.thesis,
        invalidation=body.invalidation,
        lives=timedelta(hours=body.lives_hours),
    )
    return _out(found)


@router.get("/approvals/{approval_id}")
async def approval(approval_id: UUID, caller: Signed, b: B) -> ApprovalOut:
    """One proposal."""
    return _out(await service.get_approval(b, caller, approval_id))


@router.post("/approvals/{approval_id}/confirm", status_code=201)
async def confirm(approval_id: UUID, body: Confirmation, caller: Signed, b: B) -> OrderOut:
    """Confirm exactly the ticket of that hash and order it, once; one's own only after a fresh proof of who one is."""
    order = await service.confirm(b, caller, approval_id, body.ticket_hash, acknowledged=body.acknowledge)
    return OrderOut.model_validate(order)


@router.post("/approvals/{approval_id}/order", status_code=201)
async def order(approval_id: UUID, body: Confirmation, caller: Signed, b: B) -> OrderOut:
    """Order what was confirmed within the last two minutes, for when the answer to that was lost."""
    done = await service.order_confirmed(b, caller, approval_id, body.ticket_hash, acknowledged=body.acknowledge)
    return OrderOut.model_validate(done)


@router.post("/approvals/{approval_id}/decline", status_code=204)
async def decline(approval_id: UUID, body: Decision, caller: Signed, b: B) -> None:
    """Say no; one's own is withdrawn."""
    await service.decline(b, caller, approval_id, body.ticket_hash)


@router.put("/accounts/{account_id}/approval-drift", status_code=204)
async def put_drift(account_id: UUID, body: NewDrift, caller: Signed, b: B) -> None:
    """How far the price may move between a proposal and its confirmation, in percent."""
    await service.set_drift(b, caller, account_id, body.drift_pct)


@router.post("/assistant/proposals/{proposal_id}/approval", status_code=201)
async def from_proposal(proposal_id: UUID, body: FromProposal, caller: Signed, b: B) -> ApprovalOut:
    """Put what the analyst proposed before those who trade on the account, instead of opening the ticket oneself."""
    return _out(await send_to_approvals(b, caller, proposal_id, body.invalidation))
