"""Tax lots, realized gains and income, as JSON and as CSV."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from starkmatter.api.csv_text import CSV, Cell, csv_text, download_of
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas_lots import (
    GainsOut,
    IncomeOut,
    MethodOut,
    NewLotMethod,
    NewOrderLots,
    NewPicks,
    OpenLotsOut,
    OrderLotsOut,
    SaleLotsOut,
)
from starkmatter.api.security import B, Signed
from starkmatter.domain.lots import LotPick
from starkmatter.portfolio.income import income_of
from starkmatter.portfolio.lots.ordering import choose_for_order, order_lots
from starkmatter.portfolio.lots.picking import pick_lots, sale_lots
from starkmatter.portfolio.lots.service import choose_method, open_lots, realized_gains

LOT_HEAD = (
    "lot", "entry", "symbol", "qty", "acquired_on", "held_since", "cost", "unit_cost", "last", "market_value",
    "unrealized_pl", "term", "long_term_on", "washed", "currency",
)  # fmt: skip
# The columns of IRS Form 8949 under their letters; the last ones are ours.
GAIN_HEAD = (
    "(a) description", "(b) acquired", "(c) sold", "(d) proceeds", "(e) cost", "(f) code", "(g) adjustment",
    "(h) gain", "term", "currency", "entry",
)  # fmt: skip
INCOME_HEAD = ("entry", "at", "kind", "symbol", "received", "currency", "description")

router = APIRouter(prefix=API_PREFIX, tags=["Portfolio"])

Entry = Annotated[int, Path(ge=1, le=2**63 - 1, description="The ledger entry of the sale")]
Year = Annotated[int | None, Query(description="The venue's present year unless given")]


@router.get("/portfolio/lots")
async def lots(caller: Signed, b: B, account_id: UUID) -> OpenLotsOut:
    """The account's open tax lots, by symbol and oldest first, at the newest quotes."""
    return OpenLotsOut.model_validate(await open_lots(b, caller, account_id))


@router.get("/portfolio/lots.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def lots_csv(caller: Signed, b: B, account_id: UUID) -> Response:
    """The same as a table."""
    found = await open_lots(b, caller, account_id)
    rows: list[tuple[Cell, ...]] = [LOT_HEAD]
    rows += [
        (
            one.id, one.entry_id, one.symbol, one.qty, one.acquired_on, one.held_since, one.cost, one.unit_cost,
            one.last, one.market_value, one.unrealized_pl, one.term, one.long_term_on, one.washed, found.currency,
        )
        for one in found.lots
    ]  # fmt: skip
    return Response(csv_text(rows), media_type=CSV, headers=download_of("lots", account_id))


@router.get("/portfolio/gains")
async def gains(caller: Signed, b: B, account_id: UUID, year: Year = None) -> GainsOut:
    """What the account's sales of a year came to, as lines of IRS Form 8949 and their sums by term."""
    return GainsOut.model_validate(await realized_gains(b, caller, account_id, year))


@router.get("/portfolio/gains.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def gains_csv(caller: Signed, b: B, account_id: UUID, year: Year = None) -> Response:
    """The lines of the year under the letters of Form 8949."""
    found = await realized_gains(b, caller, account_id, year)
    rows: list[tuple[Cell, ...]] = [GAIN_HEAD]
    rows += [
        (
            one.description, one.acquired_on, one.sold_on, one.proceeds, one.cost, one.code, one.adjustment, one.gain,
            one.term, found.currency, int(one.trade_id),
        )
        for one in found.lines
    ]  # fmt: skip
    return Response(csv_text(rows), media_type=CSV, headers=download_of(f"gains-{found.year}", account_id))


@router.get("/portfolio/income")
async def income(caller: Signed, b: B, account_id: UUID) -> IncomeOut:
    """Dividends and interest that came, by month and symbol, what is to come, and yields on cost."""
    return IncomeOut.model_validate(await income_of(b, caller, account_id))


@router.get("/portfolio/income.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def income_csv(caller: Signed, b: B, account_id: UUID) -> Response:
    """Everything that came, the newest first."""
    found = await income_of(b, caller, account_id)
    rows: list[tuple[Cell, ...]] = [INCOME_HEAD]
    rows += [
        (one.entry_id, one.at, one.kind, one.symbol, one.value, found.currency, one.description)
        for one in found.entries
    ]
    return Response(csv_text(rows), media_type=CSV, headers=download_of("income", account_id))


@router.put("/accounts/{account_id}/lot-method")
async def lot_method(account_id: UUID, body: NewLotMethod, caller: Signed, b: B) -> MethodOut:
    """Choose how sales that are booked from now on find their lots; what was sold keeps its lots."""
    return MethodOut(account_id=account_id, method=await choose_method(b, caller, account_id, body.method))


@router.get("/accounts/{account_id}/sales/{entry}/lots")
async def lots_of_sale(account_id: UUID, entry: Entry, caller: Signed, b: B) -> SaleLotsOut:
    """The lots that were open before a sale (named by its ledger entry), and how much of each it takes."""
    return SaleLotsOut.model_validate(await sale_lots(b, caller, account_id, entry))


@router.put("/accounts/{account_id}/sales/{entry}/lots")
async def pick_lots_of_sale(account_id: UUID, entry: Entry, body: NewPicks, caller: Signed, b: B) -> SaleLotsOut:
    """Pick the lots a sale takes, on the day of the sale; an empty list goes back to the account's method."""
    picks = [LotPick(one.lot_id, one.qty) for one in body.lots]
    return SaleLotsOut.model_validate(await pick_lots(b, caller, account_id, entry, picks))


@router.get("/orders/{order_id}/lots")
async def lots_of_order(order_id: UUID, caller: Signed, b: B) -> OrderLotsOut:
    """How an order finds its lots: by a method of its own or by the account's, and whether that can still be chosen."""
    return OrderLotsOut.model_validate(await order_lots(b, caller, order_id))


@router.put("/orders/{order_id}/lots")
async def lot_method_of_order(order_id: UUID, body: NewOrderLots, caller: Signed, b: B) -> OrderLotsOut:
    """Choose how what the order sells from today on finds its lots; null goes back to the account's method."""
    return OrderLotsOut.model_validate(await choose_for_order(b, caller, order_id, body.method))
