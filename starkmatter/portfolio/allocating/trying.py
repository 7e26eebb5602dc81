"""Tries targets on a branch of the account: its own basket to review there, and both held against each other since."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain import performance as returns
from starkmatter.domain.money import ZERO
from starkmatter.domain.performance import Unmeasurable, Valuation
from starkmatter.errors import NotFound, Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.allocating import queries
from starkmatter.portfolio.allocating.rebalance import NOTHING_TO_DO, make_rebalance_basket, propose_trades
from starkmatter.portfolio.allocating.targets import NO_TARGETS, get_targets, put_targets
from starkmatter.portfolio.allocation import allocate
from starkmatter.portfolio.branching import fork_account
from starkmatter.portfolio.opening import MAX_NAME_CHARS
from starkmatter.portfolio.records import AccountView
from starkmatter.trading.baskets.records import Basket

WHAT_IF = ", what if"
NO_BRANCH = "This account is no branch of another one of yours."


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two since the branch began. Money in the account's currency; `flows` came after that.

    `simple` is the result over what was there and was paid in (a ratio), None with its reason in words.
    """

    account_id: UUID
    name: str
    start_value: Decimal
    flows: Decimal
    value: Decimal
    result: Decimal
    simple: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class Weights:
    """What a part is of either, a ratio of the whole; None of an account that is worth nothing."""

    part: str
    original: Decimal | None
    branch: Decimal | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A branch beside what it was branched from, since `since_at` of the venue. `notes` say what does not compare."""

    since_at: datetime
    currency: str
    original: Side
    branch: Side
    weights: list[Weights]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    value: Decimal


async def try_on_branch(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    *,
    only_buy: bool = False,
    whole: bool = True,
    spend_at_most: Decimal | None = None,
) -> tuple[AccountView, Basket]:
    """A paper branch with the account's targets, and its rebalance basket to be reviewed there; neither sends anything.

    Refused when there is nothing to trade: then no branch is opened. Raises what `propose_trades`, `fork_account` and
    `make_rebalance_basket` raise.
    """
    targets = await get_targets(b, caller, account_id)
    if targets is None:
        raise NotFound(NO_TARGETS)
    seen = await propose_trades(b, caller, account_id, only_buy=only_buy, whole=whole, spend_at_most=spend_at_most)
    if not seen.trades:
        raise Refused(" ".join([NOTHING_TO_DO, *seen.left_out]), code="nothing_to_trade")
    account = await get_account(b, caller, account_id)
    name = account.name[: MAX_NAME_CHARS - len(WHAT_IF)].rstrip() + WHAT_IF
    branch = await fork_account(b, caller, account_id, name=name)
    percents = dict(zip(targets.names, targets.percents, strict=True))
    await put_targets(
        b, caller, branch.id, targets.by, percents, cash_pct=targets.cash_pct, tolerance_pct=targets.tolerance_pct
    )
    basket = await make_rebalance_basket(
        b, caller, branch.id, only_buy=only_buy, whole=whole, spend_at_most=spend_at_most
    )
    return branch, basket


async def compare_branch(b: Backends, caller: Caller, account_id: UUID) -> Comparison:
    """The caller's own branch beside its original since it began; NotFound when it is none."""
    branch = await get_account(b, caller, account_id)
    if branch.branch != "fork" or branch.parent_id is None or branch.access != "own":
        raise NotFound(NO_BRANCH)
    original = await get_account(b, caller, branch.parent_id)
    began = await b.db.one(_Point, queries.FIRST_POINT, (branch.id,))
    if began is None:
        raise NotFound(NO_BRANCH)
    notes = []
    start = began.value
    # A branch of now begins with what the original was worth to the cent; one of a former day does not.
    if branch.as_of is not None and branch.as_of < began.at:
        last = await b.db.one(_Point, queries.POINT_AT, {"account": original.id, "at": began.at})
        if last is None:
            raise NotFound(NO_BRANCH)
        start = last.value
        notes.append(
            f"{branch.name} began with what {original.name} had at the close of {branch.as_of:%Y-%m-%d}: they did not "
            "start alike."
        )
    if original.read_only:
        notes.append(f"{original.name} is closed: its value is that of its end.")
    sides = [await _side(b, one, began.at, value) for one, value in ((original, start), (branch, began.value))]
    return Comparison(
        since_at=began.at,
        currency=branch.currency,
        original=sides[0],
        branch=sides[1],
        weights=await _weights(b, caller, original.id, branch.id),
        notes=notes,
    )


async def _side(b: Backends, account: AccountView, since: datetime, start: Decimal) -> Side:
    asked = {"account": account.id, "since": since}
    # What a branch begins with is paid in at its very first instant: only what came later is a flow.
    flows: Decimal = await b.db.value(queries.FLOWS_SINCE, asked)
    ratio = returns.simple([Valuation(since, start, ZERO), Valuation(since, account.equity, flows)])
    told = None if isinstance(ratio, Unmeasurable) else ratio
    return Side(
        account_id=account.id,
        name=account.name,
        start_value=start,
        flows=flows,
        value=account.equity,
        result=account.equity - start - flows,
        simple=told,
        reason=ratio.reason if isinstance(ratio, Unmeasurable) else "",
    )


async def _weights(b: Backends, caller: Caller, original_id: UUID, branch_id: UUID) -> list[Weights]:
    mixes = []
    for account_id in (original_id, branch_id):
        found = await allocate(b, caller, account_id)
        slices = [found.cash, *found.symbols]
        mixes.append({one.name: one.weight for one in slices} | {"": None if found.equity <= 0 else ZERO})
    of_original, of_branch = mixes
    parts = {part for part in (*of_original, *of_branch) if part}
    rows = [Weights(part, of_original.get(part, of_original[""]), of_branch.get(part, of_branch[""])) for part in parts]
    return sorted(rows, key=lambda one: (one.part == "Cash", -(one.branch or ZERO), one.part))
