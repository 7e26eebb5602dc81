"""What the caller has and did: accounts, positions, orders, fills, ledger, performance, allocation."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from starkmatter.accounts.records import Caller
from starkmatter.assistant.toolbox import Args, Fact, Rows, Symbol, Tool, as_json, fact_of
from starkmatter.backends import Backends
from starkmatter.domain.orders import OPEN
from starkmatter.domain.quotes import Venue
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.accounts import list_accounts as read_accounts
from starkmatter.portfolio.allocating.held import value_book
from starkmatter.portfolio.allocation import allocate
from starkmatter.portfolio.books import find_book
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.records import Slice
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.orders import get_fill
from starkmatter.trading.orders import list_fills as read_fills
from starkmatter.trading.orders import list_orders as read_orders

RATIO = Decimal("0.000001")


class NoArgs(Args):
    """Nothing to say."""


class OfAccount(Args):
    """One of the caller's accounts."""

    account_id: UUID


class OfBook(Args):
    """One of the caller's accounts, or `all` of their own of a market as one book; both in any currency."""

    account_id: UUID | Literal["all"]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    venue: Venue | None = None

    @property
    def one(self) -> UUID | None:
        """None: all of them."""
        return None if self.account_id == "all" else self.account_id


class OrdersOf(OfAccount):
    """Which orders of it."""

    open_only: bool = False
    limit: Rows = 20


class FillsOf(OfAccount):
    """Which fills of it."""

    symbol: Symbol | None = None
    limit: Rows = 20


class OneFill(Args):
    """A fill, by its id."""

    fill_id: UUID


class EntriesOf(OfAccount):
    """How many of its entries."""

    limit: Rows = 20


class AllOf(Args):
    """Of which market, for whoever has accounts on both, and in which currency."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    venue: Venue | None = None


class PeriodOf(OfBook):
    """From the close before `start` to the close of `end`; all of it without them."""

    start: date | None = None
    end: date | None = None
    benchmark: Annotated[str, Field(pattern=r"^[A-Z0-9.^=\-]{0,20}$")] | None = None


async def list_accounts(b: Backends, caller: Caller, _: NoArgs) -> list[Fact]:
    """Each account as valued now."""
    return [fact_of(one) for one in await read_accounts(b, caller)]


async def value_of_all(b: Backends, caller: Caller, args: AllOf) -> list[Fact]:
    """What the accounts are worth together, then each of them."""
    found = await value_book(b, caller, None, currency=args.currency, venue=args.venue)
    whole = fact_of(found, "name", "venue", "currency", "equity", "day_pl", "missing")
    return [whole, *(fact_of(one) for one in found.accounts)]


async def positions(b: Backends, caller: Caller, args: OfBook) -> list[Fact]:
    """Each position at the newest quote, in the currency of its account, which `all` of them name."""
    if args.one is not None:
        return [fact_of(one) for one in await list_positions(b, caller, args.one)]
    book = await find_book(b, caller, None, currency=args.currency, venue=args.venue)
    return [
        fact_of(one) | {"account": account.name, "account_currency": account.currency}
        for account in book.accounts
        for one in await list_positions(b, caller, account.id)
    ]


async def orders(b: Backends, caller: Caller, args: OrdersOf) -> list[Fact]:
    """The newest orders first."""
    await get_account(b, caller, args.account_id)
    found = await read_orders(b, caller, args.account_id, OPEN if args.open_only else None, args.limit)
    return [fact_of(one) for one in found]


async def fills(b: Backends, caller: Caller, args: FillsOf) -> list[Fact]:
    """The newest fills first, without their receipts."""
    await get_account(b, caller, args.account_id)
    found = await read_fills(b, caller, account_id=args.account_id, symbol=args.symbol, limit=args.limit)
    names = ("id", "order_id", "symbol", "side", "qty", "price", "fees", "realized_pl", "executed_at", "preset")
    return [fact_of(one, *names) for one in found]


async def receipt(b: Backends, caller: Caller, args: OneFill) -> list[Fact]:
    """Why the fill happened at this price."""
    return [fact_of(await get_fill(b, caller, args.fill_id))]


async def ledger(b: Backends, caller: Caller, args: EntriesOf) -> list[Fact]:
    """The newest entries first, each balanced."""
    await get_account(b, caller, args.account_id)
    return [fact_of(one) for one in await list_entries(b, caller, args.account_id, args.limit)]


async def performance(b: Backends, caller: Caller, args: PeriodOf) -> list[Fact]:
    """Three returns, drawdown and months; the days themselves are left out."""
    found = await measure_performance(
        b,
        caller,
        args.one,
        start=args.start,
        end=args.end,
        benchmark=args.benchmark,
        currency=args.currency,
        venue=args.venue,
    )
    names = (
        "account_id",
        "name",
        "currency",
        "since_opening",
        "start_at",
        "end_at",
        "start_value",
        "end_value",
        "pl",
        "flows",
    )
    costs = ("deposits", "withdrawals", "fees", "dividends", "missing")
    fact = fact_of(found, *names, *costs)
    ratios = {name: getattr(found, name) for name in ("twr", "mwr", "simple", "twr_annual", "mwr_annual")}
    if found.fx is not None:
        fact["fx"] = as_json(found.fx)
    if found.rates:
        fact["rates"] = [fact_of(one) for one in found.rates]
    fact |= {name: as_json(ratio.quantize(RATIO)) for name, ratio in ratios.items() if ratio is not None}
    if found.drawdown:
        fact["drawdown"] = _rounded(fact_of(found.drawdown))
    if found.benchmark:
        fact["benchmark"] = _rounded(fact_of(found.benchmark))
    fact["months"] = [_rounded(fact_of(month)) for month in found.months[-24:]]
    return [fact]


async def allocation(b: Backends, caller: Caller, args: OfBook) -> list[Fact]:
    """Shares of equity by symbol, sector and cash."""
    found = await allocate(b, caller, args.one, currency=args.currency, venue=args.venue)
    whole = fact_of(found, "account_id", "currency", "equity", "missing")
    return [
        whole,
        *(_slice("part", one) for one in (found.cash, *found.symbols)),
        *(_slice("sector", one) for one in found.sectors),
    ]


def _slice(kind: str, one: Slice) -> Fact:
    weight = None if one.weight is None else as_json(one.weight.quantize(RATIO))
    return {kind: one.name, "value": as_json(one.value), "weight_ratio": weight}


def _rounded(fact: Fact) -> Fact:
    """Ratios at six decimals; everything else as it is."""
    rounded = {}
    for name, value in fact.items():
        nested = isinstance(value, dict)
        long = (
            isinstance(value, str) and len(value.partition(".")[2]) > 6 and value.lstrip("-").replace(".", "").isdigit()
        )
        rounded[name] = _rounded(value) if nested else as_json(Decimal(value).quantize(RATIO)) if long else value
    return rounded


TOOLS = (
    Tool(
        "list_accounts",
        "Accounts",
        "The caller's accounts with venue, cash, buying power, equity and P&L: ask this first for the account ids.",
        NoArgs,
        list_accounts,
    ),
    Tool(
        "get_book",
        "All accounts together",
        "What all of the caller's own accounts of a market are worth together in one currency at today's exchange "
        "rates, what came of them today, and each account's part.",
        AllOf,
        value_of_all,
    ),
    Tool(
        "list_positions",
        "Positions",
        "The positions of one account (or of `all`) at the newest quotes, each in its account's currency.",
        OfBook,
        positions,
    ),
    Tool("list_orders", "Orders", "The newest orders of one account with their states and reasons.", OrdersOf, orders),
    Tool("list_fills", "Fills", "The newest fills of one account with price, fees and realized P&L.", FillsOf, fills),
    Tool(
        "get_receipt",
        "Receipt",
        "Why one fill happened at its price: quote, rule, spread, impact, fees.",
        OneFill,
        receipt,
    ),
    Tool("list_ledger", "Ledger", "The newest double-entry journal entries of one account.", EntriesOf, ledger),
    Tool(
        "measure_performance",
        "Performance",
        "Returns of one account, or of `all` as one book, over a period (time-weighted, money-weighted, simple) with "
        "drawdown and a benchmark.",
        PeriodOf,
        performance,
    ),
    Tool(
        "get_allocation",
        "Allocation",
        "What one account, or `all` as one book, consists of: by symbol, by sector, cash.",
        OfBook,
        allocation,
    ),
)
