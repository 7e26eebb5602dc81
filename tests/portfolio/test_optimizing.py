"""Weights that are looked for: against closed forms and scipy, through the worker and its process, into targets."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any
from uuid import uuid4

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.market.watchlists.service import make_watchlist
from starkmatter.ops.outside import Outcome
from starkmatter.portfolio.allocating.rebalance import make_rebalance_basket
from starkmatter.portfolio.allocating.targets import get_targets
from starkmatter.portfolio.optimizing import work
from starkmatter.portfolio.optimizing.records import Bound, Optimization, OptimizingWish
from starkmatter.portfolio.optimizing.service import (
    ask_optimization,
    get_optimization,
    list_optimizations,
    take_as_targets,
)
from starkmatter.portfolio.optimizing.work import MOST_TRIES, optimize_once, shared_out
from starkmatter.trading.submit import submit_order
from tests.builders import OPENS_AT, Desk, make_caller, make_desk, order, quote
from tests.portfolio.test_allocating import tell

D = Decimal
CLOSE = 2e-3
BAR = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, volume, provider)
VALUES ('replay', %s, '1d', 0, %s, %s, %s, %s, %s, %s, NULL, 'test')
"""


# --- the sums ---------------------------------------------------------------------------------------------------------


def solving() -> ModuleType:
    """Loaded when a test runs: skfolio takes a tenth of the time of loading all tests, in each process."""
    return import_module("starkmatter.portfolio.optimizing.solving")


def returns_like(covariance: Sequence[Sequence[float]], mean: Sequence[float], days: int = 400) -> np.ndarray:
    """Days whose sample mean and covariance are exactly these."""
    chance = np.random.default_rng(7)
    drawn = chance.normal(size=(days, len(mean)))
    drawn -= drawn.mean(axis=0)
    own = np.linalg.cholesky(np.cov(drawn, rowvar=False))
    wanted = np.linalg.cholesky(np.array(covariance))
    return drawn @ np.linalg.inv(own).T @ wanted.T + np.array(mean)


def problem(goal: str, returns: np.ndarray, **given: Any) -> Any:
    count = returns.shape[1]
    fields = {"groups": [""] * count, "least": 0.0, "most": 1.0, "bounds": [], "risk_free": 0.0} | given
    return solving().Problem(goal, returns, **fields)


def test_the_least_risk_of_two_is_that_of_the_textbook() -> None:
    a, b, both = 0.0002, 0.0008, 0.0001
    found = solving().solve(problem("least_risk", returns_like([[a, both], [both, b]], [0.001, 0.0005])))
    assert found.weights[0] == pytest.approx((b - both) / (a + b - 2 * both), abs=CLOSE)
    assert found.weights.sum() == pytest.approx(1)


def test_equal_risk_has_equal_parts_in_the_variance_and_without_correlation_weighs_by_one_over_deviation() -> None:
    covariance = [[4e-4, 1e-4, 0], [1e-4, 1e-4, 2e-5], [0, 2e-5, 9e-4]]
    found = solving().solve(problem("equal_risk", returns_like(covariance, [0, 0.001, 0])))
    assert found.risk_shares == pytest.approx([1 / 3] * 3, abs=CLOSE)
    apart = solving().solve(problem("equal_risk", returns_like(np.diag([4e-4, 1e-4, 16e-4]), [0, 0, 0])))
    inverse = np.array([1 / 2, 1, 1 / 4])
    assert apart.weights == pytest.approx(inverse / inverse.sum(), abs=CLOSE)


def test_the_best_ratio_of_what_moves_apart_is_mean_over_variance() -> None:
    mean, variance = np.array([1e-3, 5e-4, 8e-4]), np.array([4e-4, 1e-4, 9e-4])
    found = solving().solve(problem("best_ratio", returns_like(np.diag(variance), mean)))
    assert found.weights == pytest.approx(mean / variance / (mean / variance).sum(), abs=CLOSE)
    free = 1.0001**252 - 1
    excess = (mean - 0.0001) / variance
    found = solving().solve(problem("best_ratio", returns_like(np.diag(variance), mean), risk_free=free))
    assert found.weights == pytest.approx(excess / excess.sum(), abs=CLOSE)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("goal", ["least_risk", "best_ratio"])
def test_no_mix_within_the_bounds_is_better_by_scipy(goal: str, seed: int) -> None:
    from scipy.optimize import minimize

    chance = np.random.default_rng(seed)
    returns = chance.normal(0.0006, 0.01, (300, 6)) * np.array([1, 1.5, 0.8, 2, 1.2, 0.6]) + chance.normal(
        0.0, 0.006, (300, 1)
    )
    groups = ["Oil & Gas", "Tech", "Tech", "Oil & Gas", "Health Care", "Health Care"]
    bounds = [("Tech", 0.10, 0.30), ("Health Care", 0.0, 0.45)]
    found = solving().solve(problem(goal, returns, groups=groups, least=0.02, most=0.40, bounds=bounds))

    def worse(weights: np.ndarray) -> float:
        days = returns @ weights
        return float(days.std(ddof=1) if goal == "least_risk" else -days.mean() / days.std(ddof=1)) * 100

    members = {group: np.array([name == group for name in groups], float) for group, _, _ in bounds}
    limits: list[Any] = [{"type": "eq", "fun": lambda w: w.sum() - 1}]
    for group, least, most in bounds:
        limits.append({"type": "ineq", "fun": lambda w, m=members[group], x=least: m @ w - x})
        limits.append({"type": "ineq", "fun": lambda w, m=members[group], x=most: x - m @ w})
        part = members[group] @ found.weights
        assert least - 1e-4 <= part <= most + 1e-4
    best = minimize(worse, np.full(6, 1 / 6), bounds=[(0.02, 0.40)] * 6, constraints=limits, options={"ftol": 1e-12})
    assert best.success
    assert worse(found.weights) == pytest.approx(best.fun, rel=2e-3)
    assert found.weights.min() >= 0.02 - 1e-4
    assert found.weights.max() <= 0.40 + 1e-4


def test_what_has_no_answer_says_so_in_words() -> None:
    falling = returns_like(np.diag([1e-4, 1e-4]), [-1e-3, -5e-4])
    for asked, words in (
        (problem("best_ratio", falling), "gained more than the risk-free rate"),
        (problem("equal_risk", np.column_stack([falling[:, 0], np.zeros(400)])), "did not move at all"),
        (problem("least_risk", falling, most=0.3), "No weights fulfill"),
        (problem("least_risk", np.where(falling > 0.02, np.nan, falling)), "missing"),
    ):
        with pytest.raises(solving().NotSolvedError, match=words):
            solving().solve(asked)


def test_two_that_move_exactly_alike_still_have_weights() -> None:
    one = returns_like(np.diag([1e-4, 1e-4]), [1e-3, 0])[:, :1]
    found = solving().solve(problem("least_risk", np.column_stack([one, one, 2 * one])))
    assert np.isfinite(found.weights).all()
    assert found.weights[2] == pytest.approx(0, abs=CLOSE)


def test_an_estimate_is_the_years_of_its_days() -> None:
    returns = returns_like(np.diag([1e-4, 4e-4]), [1e-3, 0])
    expected, volatility, sharpe = solving().estimate(returns, np.array([1.0, 0.0]), 0.0)
    assert (expected, volatility) == (pytest.approx(0.252), pytest.approx(0.01 * 252**0.5))
    assert sharpe == pytest.approx(0.252 / (0.01 * 252**0.5))
    assert solving().estimate(np.zeros((9, 2)), np.array([0.5, 0.5]), 0.0)[2] is None


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=50).filter(lambda found: sum(found) > 0.1),
    st.decimals(1, 100, places=4),
)
def test_percentages_add_up_to_the_whole_exactly(weights: list[float], whole: Decimal) -> None:
    found = shared_out(weights, whole)
    assert sum(found) == whole
    assert min(found) >= 0
    for pct, weight in zip(found, weights, strict=True):
        assert abs(float(pct) - weight / sum(weights) * float(whole)) < 0.0101


# --- asked, worked on, taken ------------------------------------------------------------------------------------------


async def leads() -> None:
    """This worker leads."""


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    """Somebody who holds 500 AAPL and 50 MSFT, with 300 days of closes behind them."""
    made = await make_desk(database, cache)
    for number, text in enumerate(("buy 500 AAPL", "buy 50 MSFT")):
        await submit_order(made.b, made.caller, made.account_id, order(text), f"before-{number:04}")
    await made.broker.drain()
    await tell(made, "3000000")
    await closes(made, 300)
    return made


@pytest.fixture
def answered_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks is not about the process that answers: that one takes seconds to load what it solves with."""

    async def answer(arguments: Sequence[str], given: bytes, **_: Any) -> Outcome:
        assert arguments == ["-m", work.MODULE]
        return Outcome(orjson.dumps(solving().answer(orjson.loads(given))), b"", 0)

    monkeypatch.setattr(work, "run_python", answer)


async def closes(desk: Desk, days: int, symbols: Sequence[str] = ("AAPL", "MSFT")) -> None:
    chance = np.random.default_rng(3)
    for symbol, deviation in zip(symbols, (0.02, 0.01, 0.015), strict=False):
        price = 100.0
        for number in range(days, 0, -1):
            price *= 1 + float(chance.normal(0.001, deviation))
            at = OPENS_AT - timedelta(days=number)
            close = D(f"{price:.2f}")
            await desk.b.db.run(BAR, (symbol, at, at + timedelta(hours=6), close, close, close, close))


async def ask(desk: Desk, goal: Any = "least_risk", **wish: Any) -> Optimization:
    return await ask_optimization(desk.b, desk.caller, desk.account_id, OptimizingWish(goal, **wish))


async def done(desk: Desk, one: Optimization) -> Optimization:
    while await optimize_once(desk.b, leads):
        pass
    return await get_optimization(desk.b, desk.caller, one.id)


async def test_from_holdings_over_weights_to_targets_and_a_basket(desk: Desk) -> None:
    asked = await ask(desk, days=250, cash_pct=D(10), most_pct=D(70))
    assert (asked.state, asked.found, asked.is_moving) == ("waiting", None, True)
    with pytest.raises(Refused, match="not there yet"):
        await take_as_targets(desk.b, desk.caller, asked.id)
    found = (await done(desk, asked)).found
    assert found is not None
    assert found.days == 250
    assert {one.symbol: one.proposed_pct for one in found.parts} == {"MSFT": D(63), "AAPL": D(27)}
    assert sum(one.risk_pct for one in found.parts) == 100
    assert all(one.now_pct is not None and one.now_pct > 0 for one in found.parts)
    assert found.now is not None
    assert found.proposed.volatility < found.now.volatility
    targets = await take_as_targets(desk.b, desk.caller, asked.id)
    assert dict(zip(targets.names, targets.percents, strict=True)) == {"MSFT": D(63), "AAPL": D(27)}
    assert (targets.by, targets.cash_pct, targets.tolerance_pct) == ("symbol", 10, 2)
    basket = await make_rebalance_basket(desk.b, desk.caller, desk.account_id)
    assert {line.request.symbol for line in basket.lines} == {"AAPL", "MSFT"}


async def test_of_a_list_with_bounds_by_sector(desk: Desk) -> None:
    await desk.b.db.run(
        "INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector,"
        " data_quality, data_note, source, tradable) VALUES ('replay', 'KO', 'Coca-Cola', 'equity', 'XNYS', 'USD',"
        " 0.01, 1, 'Consumer Staples', 'ohlcv', '', 'test', true)"
    )
    await closes(desk, 300, ("KO",))
    listed = await make_watchlist(
        desk.b.db, desk.b.cache, desk.caller.user_id, "replay", "Three", ["AAPL", "^GSPC", "MSFT", "KO"]
    )
    bounds = (Bound("Consumer Staples", D(25), D(30)),)
    one = await done(desk, await ask(desk, "equal_risk", watchlist_id=listed.id, by="sector", bounds=bounds))
    assert one.found is not None, one.words
    assert one.notes == ["Left out, as it cannot be traded on this account: ^GSPC."]
    assert {part.symbol for part in one.found.parts} == {"AAPL", "MSFT", "KO"}
    staples = sum(part.proposed_pct for part in one.found.parts if part.group == "Consumer Staples")
    assert D("24.98") <= staples <= D("30.02")
    assert [part.now_pct for part in one.found.parts if part.symbol == "KO"] == [0]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"most_pct": D(40)}, "come to 80 %: allow more"),
        ({"least_pct": D(60)}, "come to 120 %: ask for less"),
        ({"least_pct": D(50), "most_pct": D(20)}, "do not go together"),
        ({"most_pct": D("NaN")}, "from 0 to 100"),
        ({"days": 59}, "days"),
        ({"cash_pct": D(100)}, "nothing would be left"),
        ({"risk_free": D("Infinity")}, "risk_free"),
        ({"by": "sector", "bounds": (Bound("Energy", D(0), D(10)),)}, "nothing of it is there. There is Technology"),
        ({"by": "sector", "bounds": (Bound("Technology", D(0), D(90)),)}, "most of all groups comes to 90 %"),
        ({"by": "sector", "bounds": (Bound("Technology", D(0), D(90)),), "least_pct": D(48)}, "do not go together"),
        ({"bounds": (Bound("Technology", D(0), D(90)),)}, "sector or class"),
        ({"watchlist_id": uuid4()}, "no such watchlist"),
        ({"goal": "luck"}, "goal"),
    ],
)
async def test_what_nothing_can_fulfill_is_refused_in_words(desk: Desk, wish: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidInput, NotFound), match=words):
        await ask(desk, **wish)
    assert await list_optimizations(desk.b, desk.caller, desk.account_id) == []


async def test_too_little_history_and_none_at_all_are_said(desk: Desk) -> None:
    await desk.b.db.run("DELETE FROM bar WHERE symbol = 'MSFT' AND starts_at < %s", (OPENS_AT - timedelta(days=40),))
    few = await done(desk, await ask(desk))
    assert few.state == "failed"
    assert "days have a return of every symbol, and it takes 60: MSFT has" in few.words
    await desk.b.db.run("DELETE FROM bar WHERE symbol = 'MSFT'")
    none = await done(desk, await ask(desk))
    assert none.words.startswith("MSFT has no stored daily closes")
    with pytest.raises(Refused, match="MSFT has no stored"):
        await take_as_targets(desk.b, desk.caller, none.id)


@pytest.mark.usefixtures("answered_here")
async def test_prices_after_the_venues_now_are_not_looked_at(desk: Desk) -> None:
    before = await done(desk, await ask(desk))
    for number in range(3):
        at = OPENS_AT + timedelta(days=number)
        for symbol in ("AAPL", "MSFT"):
            await desk.b.db.run(BAR, (symbol, at, at + timedelta(hours=6), *[D(1 + number * 900)] * 4))
    after = await done(desk, await ask(desk))
    assert before.found is not None
    assert after.found == before.found


@pytest.mark.usefixtures("answered_here")
async def test_it_is_its_askers_alone(desk: Desk) -> None:
    one = await done(desk, await ask(desk))
    viewer = await make_caller(desk.b.db, "viewer")
    friend = await make_caller(desk.b.db, "trader")
    await share_account(desk.b, desk.caller, desk.account_id, friend.email, "view")
    for other in (viewer, friend):
        with pytest.raises(NotFound):
            await get_optimization(desk.b, other, one.id)
        with pytest.raises(NotFound):
            await take_as_targets(desk.b, other, one.id)
    assert await list_optimizations(desk.b, friend, desk.account_id) == []
    with pytest.raises(NotAllowed):
        await ask_optimization(desk.b, viewer, desk.account_id, OptimizingWish("least_risk"))
    with pytest.raises(NotAllowed):
        await ask_optimization(desk.b, friend, desk.account_id, OptimizingWish("least_risk"))
    await share_account(desk.b, desk.caller, desk.account_id, friend.email, "trade")
    theirs = await ask_optimization(desk.b, friend, desk.account_id, OptimizingWish("equal_risk"))
    while await optimize_once(desk.b, leads):
        pass
    assert [at.id for at in await list_optimizations(desk.b, desk.caller, desk.account_id)] == [one.id]
    await take_as_targets(desk.b, friend, theirs.id)
    assert await get_targets(desk.b, desk.caller, desk.account_id) is not None


@pytest.mark.usefixtures("answered_here")
async def test_three_wait_at_once_and_each_is_answered_in_turn(desk: Desk) -> None:
    asked = [await ask(desk, goal) for goal in ("least_risk", "equal_risk", "best_ratio")]
    with pytest.raises(Refused, match="wait for one"):
        await ask(desk)
    for one in asked:
        assert (await done(desk, one)).state == "done"
    assert [one.id for one in await list_optimizations(desk.b, desk.caller, desk.account_id)] == [
        one.id for one in reversed(asked)
    ]


@pytest.mark.usefixtures("answered_here")
async def test_what_a_gone_worker_left_is_done_anew_and_given_up_after_a_few_tries(desk: Desk) -> None:
    left, again = await ask(desk), await ask(desk)
    running = "UPDATE portfolio_optimization SET state = 'running', claim = gen_random_uuid(), tries = %s WHERE id = %s"
    await desk.b.db.run(running, (1, left.id))
    await desk.b.db.run(running, (MOST_TRIES, again.id))
    assert (await done(desk, left)).state == "done"
    given_up = await get_optimization(desk.b, desk.caller, again.id)
    assert (given_up.state, given_up.found) == ("failed", None)
    assert given_up.words


@pytest.mark.usefixtures("answered_here")
async def test_who_was_overtaken_writes_nothing(desk: Desk) -> None:
    one = await ask(desk)

    async def overtaken() -> None:
        await desk.b.db.run("UPDATE portfolio_optimization SET claim = gen_random_uuid() WHERE id = %s", (one.id,))

    assert await optimize_once(desk.b, overtaken)
    assert (await get_optimization(desk.b, desk.caller, one.id)).state == "running"


async def test_shares_that_are_owed_and_one_symbol_alone_are_refused(desk: Desk) -> None:
    alone = await desk.person(cash="10000")
    with pytest.raises(InvalidInput, match="2 to 50 symbols that can be traded, and there are 0"):
        await ask_optimization(alone.b, alone.caller, alone.account_id, OptimizingWish("least_risk"))
    short = await desk.person(cash="10000", kind="margin")
    await submit_order(short.b, short.caller, short.account_id, order("sell 7 AAPL short"), "short-0001")
    await short.broker.drain()
    await desk.tell(replace(quote("AAPL 100.00/100.05", volume="4000000")))
    with pytest.raises(Refused, match="sold short"):
        await ask_optimization(short.b, short.caller, short.account_id, OptimizingWish("least_risk"))
