"""Asks for weights, and makes those that were found the account's targets. What asks for too much is refused at once.

What was asked is kept with its symbols, groups and present weights, so that the worker needs nothing but prices.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.money import ZERO, plain
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.market.clocks import venue_clock
from starkmatter.market.service import instruments_named
from starkmatter.market.watchlists.service import get_watchlist
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocating.breakdown import class_name, sector_name
from starkmatter.portfolio.allocating.records import TargetSet
from starkmatter.portfolio.allocating.targets import MAX_PARTS, get_targets, look_at, put_targets
from starkmatter.portfolio.optimizing import queries
from starkmatter.portfolio.optimizing.records import (
    GOALS,
    Bound,
    GroupBy,
    Optimization,
    OptimizingWish,
    wish_as_json,
)
from starkmatter.portfolio.records import AccountView
from starkmatter.trading.facts import account_facts

HUNDRED = Decimal(100)
DAYS = (60, 1_260)
RISK_FREE = (Decimal("-0.05"), Decimal("0.5"))
MAX_BOUNDS = 20
AT_ONCE, KEPT, SHOWN = 3, 50, 10
BAND_PCT = Decimal(2)
FINEST = Decimal("0.0001")
NO_SUCH = "There is no such optimization."
CAUTION = (
    "Estimates from the closes of the days looked back on, without dividends, costs and taxes. Past returns tell very "
    "little about those to come, and weights found from them often lean on what happened to do well: take them as a "
    "question, not as an answer."
)


async def ask_optimization(b: Backends, caller: Caller, account_id: UUID, wish: OptimizingWish) -> Optimization:
    """Have weights looked for; the worker does it, and `get_optimization` says how far it is.

    InvalidInput for bounds that nothing can fulfill, Refused for an account that owes shares or when three are being
    worked on already, NotFound for what is not the caller's to see, NotAllowed for who may not trade on it.
    """
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    await account_facts(b.db, caller, account_id)
    _check_figures(wish)
    account = await get_account(b, caller, account_id)
    symbols, now_pcts = await _what(b, caller, account, wish)
    known = await instruments_named(b.db, account.venue, symbols)
    left_out = _left_out(account, symbols, known)
    if left_out and wish.watchlist_id is None:
        raise InvalidInput(
            f"{', '.join(left_out)} cannot be traded in {account.currency} here. Ask for a list instead."
        )
    kept = [place for place, symbol in enumerate(symbols) if symbol not in left_out]
    symbols = [symbols[place] for place in kept]
    now_pcts = None if now_pcts is None else [now_pcts[place] for place in kept]
    if not 2 <= len(symbols) <= MAX_PARTS:
        raise InvalidInput(f"It takes 2 to {MAX_PARTS} symbols that can be traded, and there are {len(symbols)}.")
    groups = [_group_of(symbol, known.get(symbol), wish.by) for symbol in symbols]
    check_bounds(wish, groups)
    clock = await venue_clock(b.db, b.cache, account.venue, utc_now())
    asked = wish_as_json(wish) | {
        "venue": account.venue,
        "symbols": symbols,
        "groups": groups,
        "left_out": left_out,
        "now_pcts": None if now_pcts is None else [plain(one) for one in now_pcts],
        "until": clock.venue_now.isoformat(),
    }
    optimization_id = uuid4()
    made = {"id": optimization_id, "user": caller.user_id, "account": account_id, "now": utc_now(), "keep": KEPT}
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, made)
        row = await (await connection.execute(queries.COUNT_MOVING, made)).fetchone()
        if row is not None and row[0] >= AT_ONCE:
            raise Refused(f"{AT_ONCE} of yours are being worked on: wait for one of them.", code="too_many_at_once")
        await connection.execute(queries.PUT, made | {"asked": orjson.dumps(asked).decode()})
        await connection.execute(queries.FORGET_OLD, made)
    return await get_optimization(b, caller, optimization_id)


async def get_optimization(b: Backends, caller: Caller, optimization_id: UUID) -> Optimization:
    """One that the caller asked for; NotFound when there is none."""
    found = await b.db.one(Optimization, queries.ONE, {"id": optimization_id, "user": caller.user_id})
    if found is None:
        raise NotFound(NO_SUCH)
    await get_account(b, caller, found.account_id)
    return found


async def list_optimizations(b: Backends, caller: Caller, account_id: UUID) -> list[Optimization]:
    """The newest that the caller asked for of an account, newest first; NotFound when they do not see the account."""
    await get_account(b, caller, account_id)
    asked = {"account": account_id, "user": caller.user_id, "limit": SHOWN}
    return await b.db.all(Optimization, queries.NEWEST, asked)


async def take_as_targets(b: Backends, caller: Caller, optimization_id: UUID) -> TargetSet:
    """Make the weights that were found the account's targets, within the band it has; nothing is traded by it.

    Refused while there are none; what `put_targets` raises.
    """
    one = await get_optimization(b, caller, optimization_id)
    if one.found is None:
        raise Refused(one.words or "The weights are not there yet: wait a moment.", code="not_optimized")
    before = await get_targets(b, caller, one.account_id)
    return await put_targets(
        b,
        caller,
        one.account_id,
        "symbol",
        {part.symbol: part.proposed_pct for part in one.found.parts if part.proposed_pct},
        cash_pct=one.wish.cash_pct,
        tolerance_pct=BAND_PCT if before is None else before.tolerance_pct,
    )


def check_bounds(wish: OptimizingWish, groups: Sequence[str]) -> None:
    """InvalidInput in words when no weights can fulfill them: every group's own are enough to tell, as none overlap."""
    count = len(groups)
    if count * wish.most_pct < HUNDRED:
        raise InvalidInput(
            f"{count} positions of {plain(wish.most_pct)} % at most come to {plain(count * wish.most_pct)} %: "
            "allow more of each."
        )
    if count * wish.least_pct > HUNDRED:
        raise InvalidInput(
            f"{count} positions of {plain(wish.least_pct)} % at least come to {plain(count * wish.least_pct)} %: "
            "ask for less of each."
        )
    bounded = {one.group: one for one in wish.bounds}
    if unknown := sorted(set(bounded) - set(groups)):
        raise InvalidInput(f"{', '.join(unknown)}: nothing of it is there. There is {', '.join(sorted(set(groups)))}.")
    lows, highs = ZERO, ZERO
    for group in sorted(set(groups)):
        size = groups.count(group)
        bound = bounded.get(group, Bound(group, ZERO, HUNDRED))
        low, high = max(bound.least_pct, size * wish.least_pct), min(bound.most_pct, size * wish.most_pct)
        if low > high:
            raise InvalidInput(
                f"{group}: at least {plain(low)} % and at most {plain(high)} %, with the bounds of its positions, do "
                "not go together."
            )
        lows, highs = lows + low, highs + high
    if lows > HUNDRED:
        raise InvalidInput(f"The least of all groups comes to {plain(lows)} %: ask for less.")
    if highs < HUNDRED:
        raise InvalidInput(f"The most of all groups comes to {plain(highs)} %: allow more.")


def _check_figures(wish: OptimizingWish) -> None:
    if wish.goal not in GOALS:
        raise InvalidInput(f"goal: one of {', '.join(GOALS)}.")
    if wish.by not in get_args(GroupBy):
        raise InvalidInput("by: sector or class.")
    if wish.bounds and not wish.by:
        raise InvalidInput("bounds: say by what they group, sector or class.")
    if not DAYS[0] <= wish.days <= DAYS[1]:
        raise InvalidInput(f"days: {DAYS[0]} to {DAYS[1]:,}.")
    if not wish.risk_free.is_finite() or not RISK_FREE[0] <= wish.risk_free <= RISK_FREE[1]:
        raise InvalidInput("risk_free: a yearly rate from -0.05 to 0.5, such as 0.04.")
    if len(wish.bounds) > MAX_BOUNDS or len({one.group for one in wish.bounds}) != len(wish.bounds):
        raise InvalidInput(f"bounds: up to {MAX_BOUNDS}, one for a group.")
    pairs = [(wish.least_pct, wish.most_pct), *((one.least_pct, one.most_pct) for one in wish.bounds)]
    for least, most in pairs:
        figures = (least, most, wish.cash_pct)
        if any(not one.is_finite() or not ZERO <= one <= HUNDRED or one % FINEST for one in figures):
            raise InvalidInput("Percentages are from 0 to 100, with up to four decimals.")
        if least > most:
            raise InvalidInput(f"At least {plain(least)} % and at most {plain(most)} % do not go together.")
    if wish.cash_pct >= HUNDRED:
        raise InvalidInput("cash_pct: nothing would be left to invest.")


async def _what(
    b: Backends, caller: Caller, account: AccountView, wish: OptimizingWish
) -> tuple[list[str], list[Decimal] | None]:
    """Symbols, and what share of the account each is now (None: it is worth nothing)."""
    seen = await look_at(b, caller, account.id)
    held = {one.symbol: one.market_value for one in seen.positions}
    if wish.watchlist_id is None:
        symbols = sorted(held)
    else:
        listed = await get_watchlist(b.db, caller.user_id, wish.watchlist_id)
        if listed.venue != account.venue:
            raise InvalidInput(f"“{listed.name}” is a list of another market than the account's.")
        symbols = sorted(set(listed.symbols))
    total = account.cash + sum(held.values(), ZERO)
    if total <= 0:
        return symbols, None
    return symbols, [(held.get(symbol, ZERO) / total * HUNDRED).quantize(FINEST) for symbol in symbols]


def _left_out(account: AccountView, symbols: Sequence[str], known: Mapping[str, Instrument]) -> list[str]:
    """What the account cannot hold, or only at the risk of a rate besides its own."""
    return [
        one for one in symbols if one not in known or not known[one].tradable or known[one].currency != account.currency
    ]


def _group_of(symbol: str, instrument: Instrument | None, by: GroupBy) -> str:
    if by == "sector":
        return sector_name(instrument)
    return class_name(symbol, instrument) if by == "class" else ""
