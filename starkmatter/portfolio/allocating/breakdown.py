"""Cuts accounts by symbol, class, sector, country, currency, account and tag, and keeps a person's tags.

The country is that of a symbol's ISIN, where one is known: that of its numbering agency, for shares where the company
is registered. Nothing else here knows one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.instruments import Instrument, class_of
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Venue
from starkmatter.domain.rebalancing import CASH
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.allocating import queries
from starkmatter.portfolio.allocating.held import Held, HeldAccount, held_in
from starkmatter.portfolio.allocating.records import Breakdown, Dimension
from starkmatter.portfolio.allocation import NO_SECTOR
from starkmatter.portfolio.books import Book, find_book
from starkmatter.portfolio.records import Slice

NO_COUNTRY, NO_TAG = "Unknown country", "No tag"
CLASSES = {"equity": "Shares", "etf": "Funds", "index": "Indices", "fx": "Currency pairs", "crypto": "Coins"}
OF_SYMBOL = {"share": "Shares", "index": "Indices", "fx": "Currency pairs", "crypto": "Coins"}
MAX_TAGS, MAX_TAG_CHARS, MAX_TAGS_OF_ALL = 5, 40, 1_000


async def break_down(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    together: bool = False,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Breakdown:
    """A book at the newest quotes and rates, account, currency and venue as `find_book` takes them.

    `together`: the account with all of the caller's own of its market, in its currency unless another one is given.
    NotFound when the caller does not see it.
    """
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    if together and account_id is not None:
        book = await _with_others(b, caller, book)
    held, missing = await held_in(b, caller, book)
    positions = [at for one in held for at in one.positions]
    symbols = sorted({at.symbol for at in positions})
    known = await instruments_named(b.db, book.venue, symbols) if symbols else {}
    tags = await tags_of(b, caller)
    cash = sum((one.cash for one in held), ZERO)
    # Positions and accounts are read one after the other; the parts are made to sum to what they are parts of.
    equity = cash + sum((at.value for at in positions), ZERO)
    cuts: dict[Dimension, list[Slice]] = {
        "symbol": _cut(positions, cash, equity, lambda at: [at.symbol]),
        "class": _cut(positions, cash, equity, lambda at: [class_name(at.symbol, known.get(at.symbol))]),
        "sector": _cut(positions, cash, equity, lambda at: [sector_name(known.get(at.symbol))]),
        "country": _cut(positions, cash, equity, lambda at: [country_name(known.get(at.symbol))]),
        "tag": _cut(positions, cash, equity, lambda at: tags.get(at.symbol) or [NO_TAG]),
        "currency": _of_currency(held, known, equity),
        "account": _slices(_by_account(held), equity),
    }
    return Breakdown([one.account.id for one in held], book.currency, equity, cuts, tags, missing)


async def _with_others(b: Backends, caller: Caller, book: Book) -> Book:
    """The account first, which may be a shared or a former one, then the caller's other open ones."""
    try:
        others = await find_book(b, caller, None, currency=book.currency, venue=book.venue)
    except NotFound:
        return book
    rest = [one for one in others.accounts if one.id != book.accounts[0].id]
    return replace(others, accounts=[*book.accounts, *rest])


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


def _by_account(held: Iterable[HeldAccount]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in held:  # of two of the same name the sum
        found[one.account.name] += one.value
    return dict(found)


def _of_currency(held: Iterable[HeldAccount], known: Mapping[str, Instrument], equity: Decimal) -> list[Slice]:
    """By what each is quoted in; cash is in its account's currency."""
    values: dict[str, Decimal] = defaultdict(Decimal)
    for one in held:
        values[one.account.currency] += one.cash
        for at in one.positions:
            instrument = known.get(at.symbol)
            values[instrument.currency if instrument is not None else one.account.currency] += at.value
    return _slices(values, equity)


def _cut(
    positions: Sequence[Held], cash: Decimal, equity: Decimal, names_of: Callable[[Held], Sequence[str]]
) -> list[Slice]:
    values: dict[str, Decimal] = defaultdict(Decimal, {CASH: cash})
    for at in positions:
        for name in names_of(at):
            values[name] += at.value
    return _slices(values, equity)


def _slices(values: Mapping[str, Decimal], equity: Decimal) -> list[Slice]:
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return [Slice(name, value, value / equity if equity > 0 else None) for name, value in ordered]
