"""The sums behind an optimization, in a process of their own: skfolio and what it brings weigh more than the worker.

Mean and covariance are those of the sample (n - 1) of daily simple returns; a year has 252 days. Weights are at least
zero and sum to one. Least risk: min w'Cw (Markowitz, 1952). Best ratio: max (m'w - r) / sqrt(w'Cw) (Sharpe, 1966).
Equal risk: every w_i (Cw)_i alike (Maillard, Roncalli and Teiletche, 2010), as far as the bounds let it.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skfolio import RiskMeasure
from skfolio.exceptions import OptimizationError
from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting

DAYS_A_YEAR = 252
# What a solver may be off a bound by, and what counts as nothing.
CLOSE = 1e-4
Floats = NDArray[np.float64]


class NotSolvedError(Exception):
    """There are no such weights; the text says why to a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`returns` by day and symbol; bounds are ratios; `bounds` are (group, least, most)."""

    goal: str
    returns: Floats
    groups: Sequence[str]
    least: float
    most: float
    bounds: Sequence[tuple[str, float, float]]
    risk_free: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Weights that sum to one, and of each symbol its share of the variance."""

    weights: Floats
    risk_shares: Floats


def solve(problem: Problem) -> Solution:
    """The weights; NotSolvedError in words where there are none."""
    if not np.isfinite(problem.returns).all():
        raise NotSolvedError("A price in these days is missing.")
    if (problem.returns.std(axis=0) < 1e-12).any():
        raise NotSolvedError("A price did not move at all in these days: there is no risk to weigh it by.")
    daily = (1 + problem.risk_free) ** (1 / DAYS_A_YEAR) - 1
    mean = problem.returns.mean(axis=0)
    if problem.goal == "best_ratio" and not (mean > daily + 1e-12).any():
        raise NotSolvedError(
            "Nothing of it gained more than the risk-free rate in these days: there is no best ratio. Ask for the "
            "least risk, or for other days."
        )
    # skfolio names groups in equations; ours have blanks and signs, so that they go by their place.
    names = {group: f"g{place}" for place, (group, _, _) in enumerate(problem.bounds)}
    common: dict[str, Any] = {
        "risk_measure": RiskMeasure.VARIANCE,
        "min_weights": problem.least,
        "max_weights": problem.most,
    }
    if problem.bounds:
        common["groups"] = [[names.get(group, "other") for group in problem.groups]]
        common["linear_constraints"] = [
            line
            for group, least, most in problem.bounds
            for line in (f"{names[group]} >= {least:.6f}", f"{names[group]} <= {most:.6f}")
        ]
    if problem.goal == "equal_risk":
        model: Any = RiskBudgeting(**common)
    elif problem.goal == "best_ratio":
        model = MeanRisk(objective_function=ObjectiveFunction.MAXIMIZE_RATIO, risk_free_rate=daily, **common)
    else:
        model = MeanRisk(objective_function=ObjectiveFunction.MINIMIZE_RISK, **common)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a singular covariance, which is repaired, and of solvers
            weights = np.asarray(model.fit(problem.returns).weights_, dtype=float)
    except OptimizationError as error:
        raise NotSolvedError(
            "No weights fulfill these bounds, or the prices of these days move so much alike that none stand out."
        ) from error
    return _checked(problem, weights)


def _checked(problem: Problem, weights: Floats) -> Solution:
    """No solver's word alone is taken for it."""
    wrong = NotSolvedError("The weights that were found do not keep to the bounds: widen them a little.")
    if not np.isfinite(weights).all() or abs(weights.sum() - 1) > CLOSE:
        raise wrong
    if weights.min() < problem.least - CLOSE or weights.max() > problem.most + CLOSE:
        raise wrong
    for group, least, most in problem.bounds:
        part = sum(weight for weight, name in zip(weights, problem.groups, strict=True) if name == group)
        if not least - CLOSE <= part <= most + CLOSE:
            raise wrong
    clean = np.where(weights < CLOSE / 10, 0.0, weights)
    clean /= clean.sum()
    covariance = np.atleast_2d(np.cov(problem.returns, rowvar=False))
    parts = clean * (covariance @ clean)
    whole = parts.sum()
    return Solution(clean, parts / whole if whole > 0 else np.zeros_like(parts))


def estimate(returns: Floats, weights: Floats, risk_free: float) -> tuple[float, float, float | None]:
    """(expected return, volatility, Sharpe ratio) of a year with these weights, held at them day by day; ratios."""
    days = returns @ weights
    daily = (1 + risk_free) ** (1 / DAYS_A_YEAR) - 1
    mean, deviation = float(days.mean()), float(days.std(ddof=1))
    volatility = deviation * DAYS_A_YEAR**0.5
    return mean * DAYS_A_YEAR, volatility, (mean - daily) * DAYS_A_YEAR / volatility if deviation > 1e-12 else None


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a process is asked as JSON: closes by symbol and day, the wish, and the present weights (or None)."""
    closes = np.array(asked["closes"], dtype=float)
    returns = closes[1:] / closes[:-1] - 1
    problem = Problem(
        goal=asked["goal"],
        returns=returns,
        groups=asked["groups"],
        least=float(asked["least"]),
        most=float(asked["most"]),
        bounds=[(group, float(least), float(most)) for group, least, most in asked["bounds"]],
        risk_free=float(asked["risk_free"]),
    )
    try:
        found = solve(problem)
    except NotSolvedError as error:
        return {"problem": str(error)}
    now = asked["now"]
    return {
        "weights": found.weights.tolist(),
        "risk_shares": found.risk_shares.tolist(),
        "proposed": estimate(returns, found.weights, problem.risk_free),
        "now": None if now is None else estimate(returns, np.array(now, dtype=float), problem.risk_free),
    }
