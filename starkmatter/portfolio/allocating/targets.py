"""Keeps what an account is to consist of, and says how far it is from that."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.instruments import Instrument
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.rebalancing import Asset, TargetError, Targets, drift_of, drifts_of
from starkmatter.domain.risk import trades_in_parts
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.market.service import instruments_named
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocating import queries
from starkmatter.portfolio.allocating.breakdown import class_name, sector_name
from starkmatter.portfolio.allocating.records import Standing, TargetBy, TargetSet
from starkmatter.portfolio.records import AccountView, PositionView
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.facts import account_facts

MAX_PARTS = 50
MAX_NAME_CHARS = 60
PCT_STEP = Decimal("0.0001")
PART_STEP = Decimal("0.0001")
LEAST_OF_A_PART = Decimal(1)
NO_TARGETS = "This account has no targets yet: say what it is to consist of."


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as rebalancing looks at it. `cash` is without what open orders have set aside."""

    account: AccountView
    cash: Decimal
    positions: list[PositionView]
    known: Mapping[str, Instrument]
    missing: list[str]

    def assets(self, by: TargetBy, *, whole: bool = True) -> list[Asset]:
        """What is held, part by part; parts of a share only where they are traded and wanted."""
        return [
            asset_of(
                at.symbol,
                self.part_of(at.symbol, by),
                at.qty,
                at.last * at.rate,
                self.known.get(at.symbol),
                whole=whole,
            )
            for at in self.positions
            if at.last is not None and at.priced
        ]

    def part_of(self, symbol: str, by: TargetBy) -> str:
        if by == "symbol":
            return symbol
        instrument = self.known.get(symbol)
        return sector_name(instrument) if by == "sector" else class_name(symbol, instrument)


def asset_of(
    symbol: str, part: str, qty: Decimal, price: Decimal, instrument: Instrument | None, *, whole: bool
) -> Asset:
    """With the steps in which the instrument is traded."""
    if instrument is not None and not whole and trades_in_parts(instrument):
        return Asset(symbol, part, qty, price, PART_STEP, LEAST_OF_A_PART)
    return Asset(symbol, part, qty, price, Decimal(1) if instrument is None else instrument.lot_size)


async def get_targets(b: Backends, caller: Caller, account_id: UUID) -> TargetSet | None:
    """None when nobody said any; NotFound when the caller does not see the account."""
    await get_account(b, caller, account_id)
    return await b.db.one(TargetSet, queries.TARGETS, (account_id,))


async def put_targets(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    by: str,
    percents: Mapping[str, Decimal],
    *,
    cash_pct: Decimal = ZERO,
    tolerance_pct: Decimal = ZERO,
) -> TargetSet:
    """Say what the account is to consist of; it replaces what was said before. Nothing is traded by it.

    InvalidInput when the percentages and the cash do not add up to 100, or a part is unknown; NotAllowed for whoever
    may not trade on the account.
    """
    kind: TargetBy | None = next((one for one in get_args(TargetBy) if one == by), None)
    if kind is None:
        raise InvalidInput(f"Targets are by one of: {', '.join(get_args(TargetBy))}.")
    await _may_change(b, caller, account_id)
    if not 1 <= len(percents) <= MAX_PARTS:
        raise InvalidInput(f"Give one to {MAX_PARTS} targets.")
    named = {
        name.strip().upper() if kind == "symbol" else " ".join(name.split()): pct for name, pct in percents.items()
    }
    if len(named) != len(percents) or any(not 1 <= len(name) <= MAX_NAME_CHARS for name in named):
        raise InvalidInput(f"Each target has a name of its own of up to {MAX_NAME_CHARS} characters.")
    figures = [*named.values(), cash_pct, tolerance_pct]
    if any(not one.is_finite() or abs(one) > 1000 or one % PCT_STEP for one in figures):
        raise InvalidInput("Percentages have up to four decimals, such as 12.5.")
    try:
        Targets(named, cash_pct, tolerance_pct).check()
    except TargetError as error:
        raise InvalidInput(str(error)) from error
    if kind == "symbol":
        await _are_tradable(b, caller, account_id, named)
    asked = {
        "account": account_id,
        "by": kind,
        "names": list(named),
        "percents": list(named.values()),
        "cash": cash_pct,
        "tolerance": tolerance_pct,
        "now": utc_now(),
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.PUT_TARGETS, asked)
        about = {"by": kind, "targets": {name: plain(pct) for name, pct in named.items()}, "cash": plain(cash_pct)}
        await note(connection, caller, "account.targets_set", ("account", account_id), after=about)
    found = await get_targets(b, caller, account_id)
    if found is None:
        raise NotFound("There is no such account.")
    return found


async def drop_targets(b: Backends, caller: Caller, account_id: UUID) -> None:
    """Forget them."""
    await _may_change(b, caller, account_id)
    if await b.db.run(queries.DROP_TARGETS, (account_id,)):
        await note(b, caller, "account.targets_dropped", ("account", account_id))


async def standing_of(b: Backends, caller: Caller, account_id: UUID) -> Standing:
    """The targets and how far the account is from each; NotFound when it has none or is not the caller's to see."""
    found = await get_targets(b, caller, account_id)
    if found is None:
        raise NotFound(NO_TARGETS)
    seen = await look_at(b, caller, account_id)
    drifts = drifts_of(seen.assets(found.by), seen.cash, found.targets)
    total = drifts[0].total
    pct = drift_of(drifts) / total * 100 if total > 0 else None
    return Standing(account_id, seen.account.currency, found, drifts, pct, seen.missing)


async def look_at(b: Backends, caller: Caller, account_id: UUID) -> Seen:
    """The account with its positions and what is known of them. Refused when it owes shares."""
    account = await get_account(b, caller, account_id)
    positions = [one for one in await list_positions(b, caller, account_id) if one.qty]
    short = [one.symbol for one in positions if one.qty < 0]
    if short:
        raise Refused(f"{', '.join(short)} is sold short: targets are for accounts that owe no shares.")
    known = await instruments_named(b.db, account.venue, [one.symbol for one in positions]) if positions else {}
    missing = [
        f"{one.symbol} has no price in {account.currency} now and is left out."
        for one in positions
        if one.last is None or not one.priced
    ]
    cash = account.cash
    if account.reserved and account.kind == "cash":
        cash -= account.reserved
        missing.append(f"Open orders have set aside {account.reserved:,.2f} {account.currency}, which is left out.")
    return Seen(account, cash, positions, known, missing)


async def _may_change(b: Backends, caller: Caller, account_id: UUID) -> None:
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    await account_facts(b.db, caller, account_id)


async def _are_tradable(b: Backends, caller: Caller, account_id: UUID, symbols: Mapping[str, Decimal]) -> None:
    account = await get_account(b, caller, account_id)
    known = await instruments_named(b.db, account.venue, list(symbols))
    wrong = sorted(one for one in symbols if one not in known or not known[one].tradable)
    if wrong:
        raise InvalidInput(f"{', '.join(wrong)} cannot be traded on this market.")
