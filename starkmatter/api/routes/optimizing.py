"""Weights that the worker looks for: asked, looked at, made targets."""

from uuid import UUID

from fastapi import APIRouter

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.routes.allocation import standing_out
from starkmatter.api.schemas_allocation import StandingOut
from starkmatter.api.schemas_optimizing import NewOptimization, OptimizationOut, OptimizationsOut, ProposedOut
from starkmatter.api.security import B, Signed
from starkmatter.portfolio.allocating.targets import standing_of
from starkmatter.portfolio.optimizing.records import Bound, Optimization, OptimizingWish
from starkmatter.portfolio.optimizing.service import (
    CAUTION,
    ask_optimization,
    get_optimization,
    list_optimizations,
    take_as_targets,
)

router = APIRouter(prefix=API_PREFIX, tags=["Allocation"])


def _out(one: Optimization) -> OptimizationOut:
    found = one.found
    return OptimizationOut(
        id=one.id,
        account_id=one.account_id,
        goal=one.wish.goal,
        state=one.state,
        words=one.words,
        created_at=one.created_at,
        ended_at=one.ended_at,
        found=None if found is None else ProposedOut.model_validate(found),
        notes=one.notes,
        caution=CAUTION,
    )


@router.post("/accounts/{account_id}/optimizations", status_code=202)
async def optimize(account_id: UUID, body: NewOptimization, caller: Signed, b: B) -> OptimizationOut:
    """Have the worker look for weights. Nothing is traded by it, and no target is changed."""
    wish = OptimizingWish(
        goal=body.goal,
        watchlist_id=body.watchlist_id,
        days=body.days,
        least_pct=body.least_pct,
        most_pct=body.most_pct,
        by=body.by,
        bounds=tuple(Bound(one.group, one.least_pct, one.most_pct) for one in body.bounds),
        cash_pct=body.cash_pct,
        risk_free=body.risk_free,
    )
    return _out(await ask_optimization(b, caller, account_id, wish))


@router.get("/accounts/{account_id}/optimizations")
async def optimizations(account_id: UUID, caller: Signed, b: B) -> OptimizationsOut:
    """The newest that the caller asked for, newest first."""
    return OptimizationsOut(items=[_out(one) for one in await list_optimizations(b, caller, account_id)])


@router.get("/optimizations/{optimization_id}")
async def optimization(optimization_id: UUID, caller: Signed, b: B) -> OptimizationOut:
    """One of the caller's own: how far it is, or what was found."""
    return _out(await get_optimization(b, caller, optimization_id))


@router.post("/optimizations/{optimization_id}/targets")
async def targets_of_optimization(optimization_id: UUID, caller: Signed, b: B) -> StandingOut:
    """Make the weights that were found the account's targets. Nothing is traded by it."""
    one = await get_optimization(b, caller, optimization_id)
    await take_as_targets(b, caller, optimization_id)
    return standing_out(await standing_of(b, caller, one.account_id))
