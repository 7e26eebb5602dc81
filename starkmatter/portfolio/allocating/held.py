"""What the accounts of a book hold now, in the book's currency at today's exchange rates."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """An account of a book: its equity in its own currency, and its `value` in the book's."""

    id: UUID
    name: str
    currency: str
    equity: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class BookValue:
    """What a book is worth now: `equity` is the sum of its accounts' values."""

    name: str
    venue: Venue
    currency: str
    equity: Decimal
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
    accounts = [
        BookAccount(one.account.id, one.account.name, one.account.currency, one.account.equity, one.value)
        for one in held
    ]
    equity = sum((one.value for one in accounts), ZERO)
    return BookValue(book.name, book.venue, book.currency, equity, accounts, missing)


async def held_in(b: Backends, caller: Caller, book: Book) -> tuple[list[HeldAccount], list[str]]:
    """Each account of the book, and in sentences what stands at its cost or cannot be shown in the book's currency."""
    clock = await clock_or_none(b, book.venue)
    today = exchange_day(clock.venue_now if clock else utc_now())
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
