"""Risk of an account: over which days it is measured, against what, and what cannot be said."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from starkmatter.domain import ratios
from starkmatter.portfolio.records import BenchmarkView, DayValue, Performance
from starkmatter.portfolio.risk import risk_of
from tests.builders import open_clock

FIRST = date(2021, 3, 1)
MARKET = BenchmarkView("^GSPC", "S&P 500", None, None)


def measured(*days: tuple[str, str | None], **more: Any) -> Performance:
    """A period of days in a row from returns of the account and of the benchmark."""
    found, growth, market = [], Decimal(1), Decimal(1)
    for number, (mine, theirs) in enumerate((("0", "0"), *days)):
        growth *= 1 + Decimal(mine)
        market *= 1 + Decimal(theirs or "0")
        on = FIRST + timedelta(days=number)
        at = datetime(on.year, on.month, on.day, 21, tzinfo=UTC)
        value = Decimal(100) * growth
        known = None if theirs is None else market
        found.append(DayValue(on, at, value, Decimal(0), Decimal(mine), growth, Decimal(0), known))
    fields: dict[str, Any] = dict.fromkeys(Performance.__dataclass_fields__)
    fields |= {"account_id": UUID(int=1), "days": found, "benchmark": MARKET, "start_at": found[0].at}
    return Performance(**fields | {"end_at": found[-1].at} | more)


def test_figures_are_those_of_the_days_and_windows_end_on_their_day() -> None:
    mine = [((-1) ** number * number * 7 % 23 - 9) / 1000 for number in range(1, 81)]
    theirs = [(number * 5 % 17 - 7) / 1000 for number in range(1, 81)]
    found = measured(*((str(one), str(other)) for one, other in zip(mine, theirs, strict=True)))
    risk = risk_of(found, None, risk_free=Decimal("0.03"), window_days=20)
    daily = ratios.daily_rate(0.03)
    told = {one.name: one.value for one in risk.figures}
    for name, figure in (
        ("volatility", ratios.volatility(mine)),
        ("sharpe", ratios.sharpe(mine, daily)),
        ("sortino", ratios.sortino(mine, daily)),
        ("expected_shortfall", ratios.expected_shortfall(mine)),
    ):
        value = told[name]
        assert value is not None
        assert float(value) == pytest.approx(figure, abs=1e-9)
    beta = told["beta"]
    assert beta is not None
    assert float(beta) == pytest.approx(ratios.beta(mine, theirs, daily), abs=1e-9)
    assert (risk.days, risk.against_days, len(risk.windows), risk.notes) == (80, 80, 61, [])
    assert (risk.windows[0].on, risk.windows[-1].on) == (found.days[20].on, found.days[-1].on)


def test_the_day_that_still_runs_is_left_out() -> None:
    found = measured(("0.01", "0.01"), ("-0.02", "0.01"), ("-0.5", "0.01"))
    running = open_clock(session_on=found.days[-1].on)
    risk = risk_of(found, running)
    assert (risk.days, risk.end_on) == (2, found.days[-2].on)
    assert risk.falls[0].depth == Decimal("-0.02")
    assert risk_of(found, replace(running, state="closed")).days == 3
    assert risk_of(found, None).falls[0].depth < Decimal("-0.5")


def test_a_gap_in_the_benchmark_takes_both_days_beside_it_and_is_said() -> None:
    found = measured(("0.01", "0.02"), ("0.02", None), ("0.03", "0.01"), ("-0.01", "-0.02"), ("0.02", "0.01"))
    risk = risk_of(found, None)
    assert (risk.days, risk.against_days) == (5, 3)
    assert "^GSPC has a return on 3 of these 5 days." in risk.notes
    mine, theirs = [0.01, -0.01, 0.02], [0.02, -0.02, 0.01]
    beta = next(one.value for one in risk.figures if one.name == "beta")
    assert beta is not None
    assert float(beta) == pytest.approx(ratios.beta(mine, theirs), abs=1e-9)


def test_without_days_or_a_benchmark_every_figure_has_a_reason() -> None:
    risk = risk_of(measured(benchmark=None), None)
    assert risk.days == 0
    assert all(one.value is None and one.reason for one in risk.figures)
    flat = risk_of(measured(*[("0", None)] * 5, benchmark=None), None)
    told = {one.name: one for one in flat.figures}
    assert told["sharpe"].reason == ratios.NO_VARIATION.reason
    assert told["max_drawdown"].value == 0
    assert told["beta"].reason == "There is no benchmark with a price on these days."
    assert flat.falls == []
