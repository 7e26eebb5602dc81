"""What an account consists of: by symbol, by sector and cash, at the newest quotes."""

from collections import defaultdict
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.records import Allocation, Slice
from starkmatter.portfolio.valuation import list_positions

NO_SECTOR = "Unknown sector"


async def allocate(b: Backends, caller: Caller, account_id: UUID) -> Allocation:
    """The parts of the account's equity; NotFound when it is not the caller's.

    A position without a quote stands at cost and is named in `missing`.
    """
    account = await get_account(b, caller, account_id)
    held = [one for one in await list_positions(b, caller, account_id) if one.qty]
    known = await instruments_named(b.db, account.venue, [one.symbol for one in held]) if held else {}
    sector_of = {symbol: one.sector for symbol, one in known.items()}
    by_symbol = {one.symbol: one.market_value for one in held}
    by_sector: dict[str, Decimal] = defaultdict(Decimal)
    for symbol, value in by_symbol.items():
        by_sector[sector_of.get(symbol) or NO_SECTOR] += value
    # Positions and account are read one after the other; the parts are made to sum to what they are parts of.
    equity = account.cash + sum(by_symbol.values(), ZERO)
    return Allocation(
        account_id=account_id,
        currency=account.currency,
        equity=equity,
        cash=_slice("Cash", account.cash, equity),
        symbols=_slices(by_symbol, equity),
        sectors=_slices(by_sector, equity),
        missing=[f"{one.symbol} has no quote and stands at its cost." for one in held if one.last is None],
    )


def _slices(values: dict[str, Decimal], equity: Decimal) -> list[Slice]:
    return [_slice(name, value, equity) for name, value in sorted(values.items(), key=lambda item: (-item[1], item[0]))]


def _slice(name: str, value: Decimal, equity: Decimal) -> Slice:
    return Slice(name, value, value / equity if equity > 0 else None)
