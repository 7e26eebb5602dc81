"""What the accounts of a book hold now, in the book's currency at today's exchange rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO, to_cents
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.fx.service import rates_between
from starkmatter.portfolio.books import Book, find_book
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import clock_or_none, list_positions

NO_RATE_THEN = (
    "There is no exchange rate of {} in {} on {}, when {} had its last close: what came today cannot be told of it."
)


@dataclass(frozen=True, slots=True)
class Held:
    """Shares of one account and what they are worth in the book's currency."""

    symbol: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """An account's cash and open positions in the book's currency; its own currency is the account's."""

    account: AccountView
    cash: Decimal
    positions: Sequence[Held]

    @property
    def value(self) -> Decimal:
        return self.cash + sum((one.value for one in self.positions), ZERO)


@dataclass(frozen=True, slots=True)
class BookAccount:
    """An account of a book: its equity in its own currency, its `value` and what came of it today in the book's.

    `day_pl` is None where the exchange rate of its last close is not known.
    """

    id: UUID
    name: str
    currency: str
    equity: Decimal
    value: Decimal
    day_pl: Decimal | None


@dataclass(frozen=True, slots=True)
class BookValue:
    """What a book is worth now: `equity` is the sum of its accounts' values, `day_pl` of what came of them today.

    That counts from each account's value at the last close, at that day's exchange rate; what was paid in or taken out
    since, or moved between the accounts, is no result. None where a rate of that close is missing, which is said.
    """

    name: str
    venue: Venue
    currency: str
    equity: Decimal
    day_pl: Decimal | None
    accounts: list[BookAccount]
    missing: list[str]


async def value_book(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    currency: str | None = None,
    venue: Venue | None = None,
) -> BookValue:
    """A book now, account, currency and venue as `find_book` takes them, whose errors it raises."""
    book = await find_book(b, caller, account_id, currency=currency, venue=venue)
    held, missing = await held_in(b, caller, book)
    of_day = await _results_of_today(b, book, held, missing)
    accounts = [
        BookAccount(
            one.account.id,
            one.account.name,
            one.account.currency,
            one.account.equity,
            one.value,
            of_day[one.account.id],
        )
        for one in held
    ]
    equity = sum((one.value for one in accounts), ZERO)
    results = [one.day_pl for one in accounts if one.day_pl is not None]
    day_pl = sum(results, ZERO) if len(results) == len(accounts) else None
    return BookValue(book.name, book.venue, book.currency, equity, day_pl, accounts, missing)


async def _results_of_today(
    b: Backends, book: Book, held: Sequence[HeldAccount], missing: list[str]
) -> dict[UUID, Decimal | None]:
    """What came of each account today, in whole cents of the book's currency: its value now less that at the last close
    at the rate of that day, less what came from outside since at today's."""
    today = await _today(b, book)
    days = [
        exchange_day(one.account.day_start.at) for one in held if one.account.day_start and one.account.day_start.at
    ]
    currencies = {book.currency, *(one.account.currency for one in held)}
    rates = await rates_between(b.db, currencies if len(currencies) > 1 else (), min([today, *days]), today)
    found: dict[UUID, Decimal | None] = {}
    for one in held:
        start, currency = one.account.day_start, one.account.currency
        if start is None or currency == book.currency:
            found[one.account.id] = one.account.day_pl
            continue
        rate = rates.rate(currency, book.currency, today) or ZERO  # without one it is left out of the book
        value, on = ZERO, today if start.at is None else exchange_day(start.at)
        if start.value:
            then = rates.rate(currency, book.currency, on)
            if then is None:
                missing.append(NO_RATE_THEN.format(currency, book.currency, on, one.account.name))
                found[one.account.id] = None
                continue
            value = to_cents(start.value * then)
        found[one.account.id] = one.value - value - to_cents(start.flow * rate)
    return found


async def _today(b: Backends, book: Book) -> date:
    clock = await clock_or_none(b, book.venue)
    return exchange_day(clock.venue_now if clock else utc_now())


async def held_in(b: Backends, caller: Caller, book: Book) -> tuple[list[HeldAccount], list[str]]:
    """Each account of the book, and in sentences what stands at its cost or cannot be shown in the book's currency."""
    today = await _today(b, book)
    currencies = {book.currency, *(one.currency for one in book.accounts)}
    rates = await rates_between(b.db, currencies if len(currencies) > 1 else (), today, today)
    found: list[HeldAccount] = []
    missing = list(book.missing)
    for account in book.accounts:
        rate = rates.rate(account.currency, book.currency, today)
        if rate is None:
            missing.append(
                f"{account.name} is left out: there is no exchange rate of {account.currency} in {book.currency} today."
            )
            continue
        positions = [one for one in await list_positions(b, caller, account.id) if one.qty]
        missing += [f"{one.symbol} has no quote and stands at its cost." for one in positions if one.last is None]
        same = account.currency == book.currency
        held = [Held(one.symbol, one.market_value if same else to_cents(one.market_value * rate)) for one in positions]
        found.append(HeldAccount(account, account.cash if same else to_cents(account.cash * rate), held))
    return found, list(dict.fromkeys(missing))
