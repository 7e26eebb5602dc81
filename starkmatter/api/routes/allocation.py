"""What accounts consist of, what they are to consist of, and proposals to bring them there."""

from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter

from starkmatter.api.books import Asked
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.routes.baskets import basket_out
from starkmatter.api.schemas_allocation import (
    BreakdownOut,
    ComparisonOut,
    DriftOut,
    NewTags,
    NewTargets,
    RebalanceOut,
    StandingOut,
    TagsOut,
    TriedOut,
    Wish,
)
from starkmatter.api.schemas_baskets import BasketOut
from starkmatter.api.security import B, Signed
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.allocating.breakdown import break_down, put_tags
from starkmatter.portfolio.allocating.rebalance import make_rebalance_basket, propose_trades
from starkmatter.portfolio.allocating.records import Standing
from starkmatter.portfolio.allocating.targets import drop_targets, put_targets, standing_of
from starkmatter.portfolio.allocating.trying import compare_branch, try_on_branch

router = APIRouter(prefix=API_PREFIX, tags=["Allocation"])


def standing_out(found: Standing) -> StandingOut:
    """Targets and drift as they go over the wire."""
    return StandingOut(
        account_id=found.account_id,
        currency=found.currency,
        by=found.targets.by,
        cash_pct=found.targets.cash_pct,
        tolerance_pct=found.targets.tolerance_pct,
        updated_at=found.targets.updated_at,
        drift_pct=_short(found.drift_pct),
        parts=[
            DriftOut(
                part=one.part,
                value=one.value,
                actual_pct=_short(one.actual_pct),
                target_pct=one.target_pct,
                target_value=one.target_value,
                excess=one.excess,
                outside=one.outside,
            )
            for one in found.drifts
        ],
        missing=found.missing,
    )


def _short(pct: Decimal | None) -> Decimal | None:
    return None if pct is None else pct.quantize(Decimal("0.0001"))


@router.get("/portfolio/breakdown")
async def breakdown(caller: Signed, b: B, book: Asked, together: bool = False) -> BreakdownOut:
    """The account by symbol, class, sector, country, currency, account and tag; `together` with the caller's others."""
    return BreakdownOut.model_validate(await break_down(b, caller, book.account_id, together=together, **book.how))


@router.put("/tags/{symbol}")
async def tags(symbol: str, body: NewTags, caller: Signed, b: B) -> TagsOut:
    """Replace the caller's own tags of a symbol."""
    return TagsOut(symbol=symbol.strip().upper(), tags=await put_tags(b, caller, symbol, body.tags))


@router.get("/accounts/{account_id}/targets")
async def targets(account_id: UUID, caller: Signed, b: B) -> StandingOut:
    """What the account is to consist of, and how far it is from that now."""
    return standing_out(await standing_of(b, caller, account_id))


@router.put("/accounts/{account_id}/targets")
async def set_targets(account_id: UUID, body: NewTargets, caller: Signed, b: B) -> StandingOut:
    """Say what the account is to consist of. Nothing is traded by it."""
    percents = {one.name: one.percent for one in body.targets}
    if len(percents) != len(body.targets):
        raise InvalidInput("A target is named twice.")
    await put_targets(
        b, caller, account_id, body.by, percents, cash_pct=body.cash_pct, tolerance_pct=body.tolerance_pct
    )
    return standing_out(await standing_of(b, caller, account_id))


@router.delete("/accounts/{account_id}/targets", status_code=204)
async def forget_targets(account_id: UUID, caller: Signed, b: B) -> None:
    """Forget them."""
    await drop_targets(b, caller, account_id)


@router.post("/accounts/{account_id}/rebalance")
async def rebalance(account_id: UUID, body: Wish, caller: Signed, b: B) -> RebalanceOut:
    """The trades that would bring the account to its targets, with cost and tax; nothing is ordered or stored."""
    wish = {"only_buy": body.only_buy, "whole": body.whole}
    found = await propose_trades(b, caller, account_id, **wish, spend_at_most=body.spend_at_most)
    out = RebalanceOut.model_validate(found)
    out.drift_pct, out.drift_pct_after = _short(found.drift_pct), _short(found.drift_pct_after)
    return out


@router.post("/accounts/{account_id}/rebalance/basket", status_code=201)
async def rebalance_basket(account_id: UUID, body: Wish, caller: Signed, b: B) -> BasketOut:
    """The same as a basket, for a person to review and send."""
    wish = {"only_buy": body.only_buy, "whole": body.whole}
    return basket_out(await make_rebalance_basket(b, caller, account_id, **wish, spend_at_most=body.spend_at_most))


@router.post("/accounts/{account_id}/rebalance/branch", status_code=201)
async def rebalance_branch(account_id: UUID, body: Wish, caller: Signed, b: B) -> TriedOut:
    """The same on a paper branch of the account, which has its targets: the basket waits for review there."""
    wish = {"only_buy": body.only_buy, "whole": body.whole}
    branch, basket = await try_on_branch(b, caller, account_id, **wish, spend_at_most=body.spend_at_most)
    return TriedOut(account_id=branch.id, account_name=branch.name, basket=basket_out(basket))


@router.get("/accounts/{account_id}/comparison")
async def comparison(account_id: UUID, caller: Signed, b: B) -> ComparisonOut:
    """A branch beside what it was branched from, since it began; 404 for an account that is none."""
    return ComparisonOut.model_validate(await compare_branch(b, caller, account_id))
