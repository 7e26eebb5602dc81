"""What was held at the end of a report's period, by symbol and sector."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from starkmatter.backends import Backends
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Venue
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.waterfall import in_cents
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.allocation import NO_SECTOR
from starkmatter.portfolio.records import Slice
from starkmatter.portfolio.reporting.records import Parts


async def parts_of(b: Backends, venue: Venue, held: Mapping[str, Worth], total: Decimal) -> Parts:
    """What was held at the end in whole cents that sum to `total` with the cash."""
    symbols = sorted(symbol for symbol, one in held.items() if one.qty)
    worths = dict(zip(symbols, in_cents([held[symbol].value for symbol in symbols]), strict=True))
    known = await instruments_named(b.db, venue, list(worths)) if worths else {}
    sectors: dict[str, Decimal] = defaultdict(Decimal)
    for symbol, value in worths.items():
        sector = known[symbol].sector if symbol in known else None
        sectors[sector or NO_SECTOR] += value
    cash = total - sum(worths.values(), ZERO)
    return Parts(total, _slice("Cash", cash, total), _slices(worths, total), _slices(sectors, total))


def _slices(values: Mapping[str, Decimal], total: Decimal) -> list[Slice]:
    return [_slice(name, value, total) for name, value in sorted(values.items(), key=lambda item: (-item[1], item[0]))]


def _slice(name: str, value: Decimal, total: Decimal) -> Slice:
    return Slice(name, value, value / total if total > 0 else None)
