"""The order in which sources of market data are asked: as it comes, until an admin chooses another."""

from collections.abc import Iterable, Sequence

from starkmatter.db.database import Database
from starkmatter.market import queries

# What every plan has as it happens, then what needs no key; behind it whose free plan has no live quotes, or few.
BY_DEFAULT = ("alpaca", "finnhub", "yahoo", "massive", "twelvedata", "alphavantage")


async def chosen_order(db: Database) -> list[str]:
    """Every adapter, the first to be asked first. What an admin has not placed comes after what they have."""
    stored = [adapter for (adapter,) in await db.tuples(queries.SOURCE_ORDER)]
    return in_order(BY_DEFAULT, stored)


async def choose_order(db: Database, adapters: Sequence[str]) -> None:
    """Ask in this order from now on; the worker looks every few seconds."""
    async with db.transaction() as connection:
        await connection.execute(queries.FORGET_SOURCE_ORDER)
        await connection.execute(queries.PUT_SOURCE_ORDER, (list(adapters),))


def in_order(adapters: Iterable[str], order: Sequence[str]) -> list[str]:
    """The adapters as `order` has them, then the others as they come."""
    known = list(dict.fromkeys(adapters))
    return [one for one in order if one in known] + [one for one in known if one not in order]
