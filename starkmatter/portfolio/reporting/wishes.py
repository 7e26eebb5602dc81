"""Reads what somebody wished for into a wish, and judges it: the period as it is written, sections by their names."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.periods import Period, parse_period
from starkmatter.domain.quotes import Venue
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.benchmark import check_benchmark, read_blend
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.reporting import queries
from starkmatter.portfolio.reporting.records import MAX_ACCOUNTS, SECTIONS, Section, Wish
from starkmatter.portfolio.valuation import clock_or_none

MAX_BENCHMARK_CHARS = 240


def read_wish(
    account_ids: Sequence[UUID],
    period: str,
    sections: Sequence[str] | None = None,
    benchmark: str | None = None,
    *,
    amounts: bool = True,
) -> Wish:
    """The wish. InvalidInput, by the name of the field, for what makes none; no sections: all of them."""
    if not 1 <= len(account_ids) <= MAX_ACCOUNTS or len(set(account_ids)) != len(account_ids):
        raise InvalidInput(f"account_ids: one to {MAX_ACCOUNTS} accounts, each once.")
    return Wish(tuple(account_ids), read_period(period), read_sections(sections), read_benchmark(benchmark), amounts)


def read_period(text: str) -> Period:
    """InvalidInput for what is none."""
    try:
        return parse_period(text)
    except ValueError as error:
        raise InvalidInput(f"period: {error}.") from None


def read_sections(names: Sequence[str] | None) -> frozenset[Section]:
    """The sections by name; all of them for None. InvalidInput for none or an unknown one."""
    if names is None:
        return frozenset(SECTIONS)
    unknown = set(names) - set(SECTIONS)
    if unknown or not names:
        raise InvalidInput(f"sections: one or more of {', '.join(SECTIONS)}.")
    return frozenset(one for one in SECTIONS if one in names)


def read_benchmark(symbol: str | None) -> str | None:
    """A symbol or a blend; None is the market's index, empty is none."""
    if symbol is not None and len(symbol) > MAX_BENCHMARK_CHARS:
        raise InvalidInput("benchmark: a symbol, or a blend such as 60 SPY, 40 AGG.")
    if symbol:
        read_blend(symbol)
    return symbol


async def check_accounts(
    b: Backends, caller: Caller, account_ids: Sequence[UUID], benchmark: str | None
) -> list[AccountView]:
    """The accounts, all of one market. NotFound for one that the caller does not see or an unknown benchmark."""
    accounts = [await get_account(b, caller, one) for one in account_ids]
    if len({one.venue for one in accounts}) > 1:
        raise InvalidInput("The accounts must be of one market: each has days of its own.")
    if benchmark:
        await check_benchmark(b, accounts[0].venue, benchmark)
    return accounts


async def venue_today(b: Backends, venue: Venue) -> date:
    """The market's own day; Unavailable while its clock does not answer."""
    if venue == "market":
        return exchange_day(utc_now())
    clock = await clock_or_none(b, venue)
    if clock is None:
        raise Unavailable("The replay market's clock does not answer. Try again in a few seconds.")
    return exchange_day(clock.venue_now)


async def opened_on(b: Backends, caller: Caller, account_id: UUID) -> date:
    """The day on which the account's life begins, by its market's clock; NotFound when the caller does not see it."""
    at = await b.db.value(queries.OPENED_AT, {"account": account_id, "user": caller.user_id})
    if at is None:
        raise not_there()
    return exchange_day(at)


def in_order(sections: frozenset[Section]) -> list[Section]:
    """As they stand in a report."""
    return [one for one in SECTIONS if one in sections]


def not_there() -> NotFound:
    """The answer for an account that is absent or somebody else's."""
    return NotFound("There is no such account.")
