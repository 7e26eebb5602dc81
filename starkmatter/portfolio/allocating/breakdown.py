"""Cuts accounts by symbol, class, sector, country, currency, account and tag, and keeps a person's tags.

The country is that of a symbol's ISIN, where one is known: that of its numbering agency, for shares where the company
is registered. Nothing else here knows one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.instruments import Instrument, class_of
from starkmatter.domain.money import ZERO
from starkmatter.domain.rebalancing import CASH
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.allocating import queries
from starkmatter.portfolio.allocating.records import Breakdown, Dimension
from starkmatter.portfolio.allocation import NO_SECTOR
from starkmatter.portfolio.records import AccountView, PositionView, Slice
from starkmatter.portfolio.valuation import list_positions

NO_COUNTRY, NO_TAG = "Unknown country", "No tag"
CLASSES = {"equity": "Shares", "etf": "Funds", "index": "Indices", "fx": "Currency pairs", "crypto": "Coins"}
OF_SYMBOL = {"share": "Shares", "index": "Indices", "fx": "Currency pairs", "crypto": "Coins"}
MAX_TAGS, MAX_TAG_CHARS, MAX_TAGS_OF_ALL = 5, 40, 1_000


async def break_down(b: Backends, caller: Caller, account_id: UUID, *, together: bool = False) -> Breakdown:
    """The account, or with `together` all of the caller's own of its market and currency, at the newest quotes.

    NotFound when the caller does not see it.
    """
    account = await get_account(b, caller, account_id)
    accounts: list[AccountView] = [account]
    missing: list[str] = []
    if together:
        accounts, missing = _alike(account, await list_accounts(b, caller))
    held = {one.id: [at for at in await list_positions(b, caller, one.id) if at.qty] for one in accounts}
    symbols = sorted({at.symbol for positions in held.values() for at in positions})
    known = await instruments_named(b.db, account.venue, symbols) if symbols else {}
    tags = await tags_of(b, caller)
    positions = [at for found in held.values() for at in found]
    cash = sum((one.cash for one in accounts), ZERO)
    # Positions and accounts are read one after the other; the parts are made to sum to what they are parts of.
    equity = cash + sum((at.market_value for at in positions), ZERO)
    cuts: dict[Dimension, list[Slice]] = {
        "symbol": _cut(positions, cash, equity, lambda at: [at.symbol]),
        "class": _cut(positions, cash, equity, lambda at: [class_name(at.symbol, known.get(at.symbol))]),
        "sector": _cut(positions, cash, equity, lambda at: [sector_name(known.get(at.symbol))]),
        "country": _cut(positions, cash, equity, lambda at: [country_name(known.get(at.symbol))]),
        "tag": _cut(positions, cash, equity, lambda at: tags.get(at.symbol) or [NO_TAG]),
        "currency": _of_currency(positions, known, account.currency, cash, equity),
        "account": _slices(_by_account(accounts, held), equity),
    }
    missing += [f"{at.symbol} has no quote and stands at its cost." for at in positions if at.last is None]
    return Breakdown([one.id for one in accounts], account.currency, equity, cuts, tags, missing)


def class_name(symbol: str, instrument: Instrument | None) -> str:
    """What it is, by the stored instrument, else by the form of the symbol."""
    return CLASSES[instrument.kind] if instrument is not None else OF_SYMBOL[class_of(symbol)]


def sector_name(instrument: Instrument | None) -> str:
    """Its sector, or that none is known."""
    return (instrument.sector if instrument is not None else "") or NO_SECTOR


def country_name(instrument: Instrument | None) -> str:
    """The country code of its ISIN, or that none is known."""
    return instrument.isin[:2] if instrument is not None and instrument.isin else NO_COUNTRY


async def tags_of(b: Backends, caller: Caller) -> dict[str, list[str]]:
    """The caller's tags by symbol."""
    found: dict[str, list[str]] = defaultdict(list)
    for symbol, tag in await b.db.tuples(queries.TAGS, (caller.user_id,)):
        found[symbol].append(tag)
    return dict(found)


async def put_tags(b: Backends, caller: Caller, venue_symbol: str, tags: Sequence[str]) -> list[str]:
    """Replace the caller's tags of a symbol; none deletes them. InvalidInput for too many or too long ones."""
    symbol = venue_symbol.strip().upper()
    if not 1 <= len(symbol) <= 20 or not symbol.isprintable() or " " in symbol:
        raise InvalidInput("Give a symbol of up to 20 characters.")
    wanted = sorted({" ".join(tag.split()) for tag in tags} - {""}, key=lambda tag: (tag.lower(), tag))
    if len(wanted) > MAX_TAGS or any(len(tag) > MAX_TAG_CHARS or not tag.isprintable() for tag in wanted):
        raise InvalidInput(f"A symbol has up to {MAX_TAGS} tags of up to {MAX_TAG_CHARS} characters.")
    if set(wanted) & {CASH, NO_TAG}:
        raise InvalidInput(f"“{CASH}” and “{NO_TAG}” name something else already.")
    asked = {"user": caller.user_id, "symbol": symbol}
    async with b.db.transaction() as connection:
        if await (await connection.execute(queries.LOCK_PERSON, (caller.user_id,))).fetchone() is None:
            raise NotFound("There is no such person.")
        await connection.execute(queries.DROP_TAGS, asked)
        row = await (await connection.execute(queries.COUNT_TAGS, (caller.user_id,))).fetchone()
        if row is not None and row[0] + len(wanted) > MAX_TAGS_OF_ALL:
            raise InvalidInput(f"You have {MAX_TAGS_OF_ALL:,} tags already: delete some first.")
        for tag in wanted:
            await connection.execute(queries.PUT_TAG, asked | {"tag": tag})
    return wanted


def _alike(account: AccountView, accounts: Iterable[AccountView]) -> tuple[list[AccountView], list[str]]:
    """The account and the caller's other own ones that can be added to it; the others in words."""
    found, words = [account], []
    for one in accounts:
        if one.id == account.id or one.access != "own" or one.venue != account.venue or one.read_only:
            continue
        if one.currency == account.currency:
            found.append(one)
        else:
            words.append(f"{one.name} is kept in {one.currency} and is not added.")
    return found, words


def _by_account(accounts: Sequence[AccountView], held: Mapping[UUID, Sequence[PositionView]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in accounts:  # of two of the same name the sum
        found[one.name] += one.cash + sum((at.market_value for at in held[one.id]), ZERO)
    return dict(found)


def _of_currency(
    positions: Sequence[PositionView], known: Mapping[str, Instrument], own: str, cash: Decimal, equity: Decimal
) -> list[Slice]:
    """By what each is quoted in; cash is in the account's currency."""
    values: dict[str, Decimal] = defaultdict(Decimal, {own: cash})
    for at in positions:
        instrument = known.get(at.symbol)
        values[instrument.currency if instrument is not None else own] += at.market_value
    return _slices(values, equity)


def _cut(
    positions: Sequence[PositionView], cash: Decimal, equity: Decimal, names_of: Callable[[PositionView], Sequence[str]]
) -> list[Slice]:
    values: dict[str, Decimal] = defaultdict(Decimal, {CASH: cash})
    for at in positions:
        for name in names_of(at):
            values[name] += at.market_value
    return _slices(values, equity)


def _slices(values: Mapping[str, Decimal], equity: Decimal) -> list[Slice]:
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return [Slice(name, value, value / equity if equity > 0 else None) for name, value in ordered]
