"""Watchlists: the caller's own, with their import and export."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from starkmatter.api.csv_text import Cell, csv_text, ratio
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_markets import ImportedOut, ImportText, NewWatchlist, WatchlistChange, WatchlistOut
from starkmatter.api.security import B, Signed
from starkmatter.domain.quotes import Venue
from starkmatter.market.board import QuoteBoard
from starkmatter.market.service import instruments_named
from starkmatter.market.watchlists import service

CSV = "text/csv; charset=utf-8"
HEAD = ("symbol", "name", "last", "change", "bid", "ask", "volume", "currency", "observed_at", "provider")

router = APIRouter(prefix=f"{API_PREFIX}/watchlists", tags=["Watchlists"])


@router.get("")
async def watchlists(caller: Signed, b: B, venue: Venue = "replay") -> Page[WatchlistOut]:
    """The caller's lists on a venue in their order; the first one is made of what the venue knows."""
    found = await service.list_watchlists(b.db, caller.user_id, venue)
    return Page(items=[WatchlistOut.model_validate(one) for one in found])


@router.post("", status_code=201)
async def new_watchlist(body: NewWatchlist, caller: Signed, b: B) -> WatchlistOut:
    """A new list, 20 a venue and 200 symbols each at most."""
    made = await service.make_watchlist(b.db, b.cache, caller.user_id, body.venue, body.name, body.symbols)
    return WatchlistOut.model_validate(made)


@router.patch("/{watchlist_id}")
async def change(watchlist_id: UUID, body: WatchlistChange, caller: Signed, b: B) -> WatchlistOut:
    """Change what is given."""
    changed = await service.change_watchlist(b.db, b.cache, caller.user_id, watchlist_id, **body.model_dump())
    return WatchlistOut.model_validate(changed)


@router.delete("/{watchlist_id}", status_code=204)
async def forget(watchlist_id: UUID, caller: Signed, b: B) -> None:
    """Delete a list; the last one of a venue stays."""
    await service.delete_watchlist(b.db, caller.user_id, watchlist_id)


@router.post("/{watchlist_id}/import")
async def bring_in(watchlist_id: UUID, body: ImportText, caller: Signed, b: B) -> ImportedOut:
    """Add what a text names; each line that is not taken is named with the reason."""
    found = await service.import_symbols(b.db, b.cache, caller.user_id, watchlist_id, body.text)
    return ImportedOut.model_validate(found)


@router.get("/{watchlist_id}.txt", response_class=PlainTextResponse)
async def as_text(watchlist_id: UUID, caller: Signed, b: B) -> PlainTextResponse:
    """The symbols, one a line, as an import takes them."""
    one = await service.get_watchlist(b.db, caller.user_id, watchlist_id)
    text = "".join(f"{symbol}\n" for symbol in one.symbols)
    return PlainTextResponse(text, headers=_download(watchlist_id, "txt"))


@router.get("/{watchlist_id}.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def as_csv(watchlist_id: UUID, caller: Signed, b: B) -> Response:
    """The symbols with their newest quotes; an import takes the first column."""
    one = await service.get_watchlist(b.db, caller.user_id, watchlist_id)
    quotes = await QuoteBoard(b.cache).quotes(one.venue, one.symbols)
    named = await instruments_named(b.db, one.venue, one.symbols)
    rows: list[tuple[Cell, ...]] = [HEAD]
    for symbol in one.symbols:
        quote, about = quotes.get(symbol), named.get(symbol)
        moved = quote.last / quote.prev_close - 1 if quote and quote.prev_close else None
        figures: tuple[Cell, ...] = (
            (quote.last, ratio(moved), quote.bid, quote.ask, quote.volume) if quote else (None,) * 5
        )
        seen: tuple[Cell, ...] = (quote.observed_at, quote.provider) if quote else (None, None)
        rows.append((symbol, about.name if about else "", *figures, about.currency if about else "", *seen))
    return Response(csv_text(rows), media_type=CSV, headers=_download(watchlist_id, "csv"))


def _download(watchlist_id: UUID, kind: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="starkmatter-watchlist-{watchlist_id}.{kind}"'}
