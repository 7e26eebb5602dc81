"""What a book consists of: by symbol, by sector and cash, at the newest quotes."""

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Venue
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.allocating.held import held_in
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.records import Allocation, Slice

NO_SECTOR = "Unknown sector"


async def allocate(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Allocation:
    """The parts of a book's equity, account, currency and venue as `find_book` takes them, whose errors it raises.

    A position without a quote stands at cost and is named in `missing`.
    """
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    held, missing = await held_in(b, caller, book)
    by_symbol: dict[str, Decimal] = defaultdict(Decimal)
    for one in (position for account in held for position in account.positions):
        by_symbol[one.symbol] += one.value
    known = await instruments_named(b.db, book.venue, list(by_symbol)) if by_symbol else {}
    sector_of = {symbol: one.sector for symbol, one in known.items()}
    by_sector: dict[str, Decimal] = defaultdict(Decimal)
    for symbol, value in by_symbol.items():
        by_sector[sector_of.get(symbol) or NO_SECTOR] += value
    # Positions and account are read one after the other; the parts are made to sum to what they are parts of.
    cash = sum((one.cash for one in held), ZERO)
    equity = cash + sum(by_symbol.values(), ZERO)
    return Allocation(
        account_id=book.account_id,
        currency=book.currency,
        equity=equity,
        cash=_slice("Cash", cash, equity),
        symbols=_slices(by_symbol, equity),
        sectors=_slices(by_sector, equity),
        missing=missing,
    )


def _slices(values: dict[str, Decimal], equity: Decimal) -> list[Slice]:
    return [_slice(name, value, equity) for name, value in sorted(values.items(), key=lambda item: (-item[1], item[0]))]


def _slice(name: str, value: Decimal, equity: Decimal) -> Slice:
    return Slice(name, value, value / equity if equity > 0 else None)
