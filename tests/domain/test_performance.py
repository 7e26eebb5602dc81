"""Returns: textbook cases to the digit, and what must hold for any account."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import exp, expm1, fsum, log1p

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyxirr import xirr

from starkmatter.domain.performance import (
    Unmeasurable,
    Valuation,
    annualized,
    below_peak,
    factor,
    flows_of,
    growth_index,
    link,
    money_weighted,
    monthly_returns,
    profit,
    simple,
    time_weighted,
    worst_drawdown,
)

START = datetime(2021, 1, 4, 21, tzinfo=UTC)
TINY = Decimal("2e-15")


def line(*rows: str) -> list[Valuation]:
    """`"0 100.00"`, `"31 150.00 +40"`: day, value, and what was paid in since the row before."""
    paid_in, found = Decimal(0), []
    for row in rows:
        day, value, *flow = row.split()
        paid_in += Decimal(flow[0]) if flow else 0
        found.append(Valuation(START + timedelta(days=int(day)), Decimal(value), paid_in))
    return found


AMOUNTS = st.decimals(min_value="0.01", max_value="1000000", places=2)
FACTORS = st.decimals(min_value="0.5", max_value="2", places=4)


@st.composite
def accounts(draw: st.DrawFn, flows: bool = True, apart: tuple[int, int] = (1, 40)) -> list[Valuation]:
    """An account of two to twelve days: it grows by a factor, then money may come or go at a valuation.

    `apart`: the fewest and the most days between two of them.
    """
    value, paid_in, at = draw(AMOUNTS), Decimal(0), START
    found = [Valuation(at, value, paid_in)]
    for _ in range(draw(st.integers(1, 11))):
        at += timedelta(days=draw(st.integers(*apart)))
        value *= draw(FACTORS)
        found.append(Valuation(at, value, paid_in))
        if flows and draw(st.booleans()):
            flow = (
                draw(AMOUNTS)
                if draw(st.booleans())
                else -value * draw(st.sampled_from(["0.1", "0.5", "0.9"]).map(Decimal))
            )
            value, paid_in = value + flow, paid_in + flow
            found.append(Valuation(at, value, paid_in))
    return found


def close(one: object, other: object, by: Decimal = TINY) -> bool:
    assert isinstance(one, Decimal), one
    assert isinstance(other, Decimal), other
    return abs(one - other) <= by * max(1, abs(one))


# --- textbook --------------------------------------------------------------------------------------------------------


def test_two_halves_of_a_year_are_linked_not_added() -> None:
    # CFA Institute's classic: +15 % and then +6.67 %, with 100 paid in between.
    account = line("0 100", "181 115", "181 215 +100", "365 229.33333333333333333333")
    assert close(time_weighted(account), Decimal("1.15") * (Decimal("229.33333333333333333333") / 215) - 1)


def test_buying_before_a_fall_is_worse_for_the_money_than_for_the_account() -> None:
    # A share at 100 doubles and falls back to 100; nine more are bought at the top.
    account = line("0 100", "100 200", "100 2000 +1800", "200 1000")
    assert time_weighted(account) == 0
    assert simple(account) == Decimal(-900) / Decimal(1900)
    # 100 g^2 + 1800 g = 1000 with g the growth of half the period.
    half = (-Decimal(1800) + (Decimal(1800) ** 2 + 4 * Decimal(100) * 1000).sqrt()) / 200
    assert close(money_weighted(account), half**2 - 1)


def test_xirr_of_the_spreadsheet_manual() -> None:
    # Microsoft's XIRR example: -10,000; 2,750; 4,250; 3,250; 2,750 on its dates give 37.3362535 % a year.
    days = (0, 60, 303, 411, 456)
    account = line(
        "0 10000", *(f"{day} 1 -{back}" for day, back in zip(days[1:], (2750, 4250, 3250, 2750), strict=True))
    )
    account[-1] = Valuation(account[-1].at, Decimal(0), account[-1].paid_in)
    whole = money_weighted(account)
    assert isinstance(whole, Decimal)
    yearly = annualized(whole, account[-1].at - account[0].at)
    assert yearly is not None
    assert abs(yearly - Decimal("0.373362535")) < Decimal("1e-8")


def test_without_flows_all_three_are_the_change_in_value() -> None:
    account = line("0 1000", "10 1100", "20 990")
    assert time_weighted(account) == simple(account) == Decimal("-0.01")
    assert close(money_weighted(account), Decimal("-0.01"))
    assert profit(account) == -10


@pytest.mark.parametrize(
    ("rows", "flow_counts"),
    [
        (("0 100", "1 210 +100"), Decimal(210) / 200),  # paid in: there from the beginning
        (("0 100", "1 60 -50"), Decimal(110) / 100),  # taken out: there until the end
        (("0 0", "1 101 +100"), Decimal("1.01")),
        (("0 100", "1 0 -100"), Decimal(1)),
    ],
)
def test_a_flow_inside_a_sub_period_counts_by_the_convention(rows: tuple[str, ...], flow_counts: Decimal) -> None:
    assert factor(*line(*rows)) == flow_counts


def test_what_cannot_be_measured_is_said_in_words() -> None:
    for figure in (time_weighted, money_weighted, simple):
        nothing = figure(line("0 0", "10 0"))
        assert isinstance(nothing, Unmeasurable)
        assert "Nothing was invested" in nothing.reason
    for rows in (("0 0", "5 10"), ("0 100", "5 -20")):
        broken = time_weighted(line(*rows))
        assert isinstance(broken, Unmeasurable)
        assert "2021-01-09" in broken.reason
    twice = money_weighted(line("0 100", "50 0 -230", "100 0 +132"))
    assert isinstance(twice, Unmeasurable)
    at_once = money_weighted(line("0 100", "0 150 +50"))
    assert isinstance(at_once, Unmeasurable)
    assert "no time has passed" in at_once.reason
    assert "More than one rate" in twice.reason


def test_a_total_loss_is_minus_one_hundred_percent() -> None:
    account = line("0 100", "5 150 +50", "400 0")
    assert time_weighted(account) == money_weighted(account) == simple(account) == -1
    assert annualized(Decimal(-1), timedelta(days=400)) == -1


def test_an_idle_account_is_linked_over_and_counts_again_when_money_comes_back() -> None:
    account = line("0 100", "1 110", "1 0 -110", "50 0", "60 200 +200", "61 220")
    assert close(time_weighted(account), Decimal("0.21"))


def test_nothing_shorter_than_a_year_is_annualized() -> None:
    assert annualized(Decimal("0.1"), timedelta(days=364)) is None
    assert close(annualized(Decimal("0.1"), timedelta(days=365)), Decimal("0.1"))
    assert close(annualized(Decimal("0.21"), timedelta(days=730)), Decimal("0.1"))


def test_a_drawdown_has_its_peak_trough_and_recovery() -> None:
    days = [date(2021, 1, day) for day in range(1, 8)]
    index = [Decimal(value) for value in ("1", "1.2", "0.9", "1.0", "1.2", "1.3", "1.2")]
    found = worst_drawdown(days, index)
    assert found is not None
    assert (found.depth, found.peak_on.day, found.trough_on.day) == (Decimal("-0.25"), 2, 3)
    assert found.recovered_on == date(2021, 1, 5)
    still = worst_drawdown(days[:4], index[:4])
    assert still is not None
    assert still.recovered_on is None
    assert worst_drawdown(days[:2], index[:2]) is None


def test_months_begin_at_the_last_close_before_them() -> None:
    days = [date(2020, 12, 31), date(2021, 1, 15), date(2021, 1, 29), date(2021, 2, 26), date(2021, 3, 3)]
    index = [Decimal(value) for value in ("1", "1.05", "1.1", "0.99", "1.0395")]
    found = monthly_returns(days, index, last_session_of_month=False)
    assert [(one.month, one.ratio, one.whole) for one in found] == [
        (1, Decimal("0.1"), True),
        (2, Decimal("-0.1"), True),
        (3, Decimal("0.05"), False),
    ]
    assert not monthly_returns(days[1:], index[1:], last_session_of_month=True)[0].whole


# --- for any account -------------------------------------------------------------------------------------------------


@given(accounts(), AMOUNTS, st.integers(0, 100))
def test_a_flow_at_a_valuation_does_not_change_the_time_weighted_return(
    account: list[Valuation], flow: Decimal, where: int
) -> None:
    """Whoever pays in and leaves it idle until the next valuation with the same growth changes nothing."""
    cut = where % len(account)
    at, paid = account[cut].at, account[cut].paid_in
    fuller = list(account[: cut + 1])
    value = account[cut].value + flow
    fuller.append(Valuation(at, value, paid + flow))
    for before, after in zip(account[cut:], account[cut + 1 :], strict=False):
        grown = factor(before, after)
        assert isinstance(grown, Decimal)
        moved = after.paid_in - before.paid_in
        value = (value + max(moved, 0)) * grown + min(moved, 0)
        fuller.append(Valuation(after.at, value, after.paid_in + flow))
    assume(all(one.value >= 0 for one in fuller))
    assert close(time_weighted(fuller), time_weighted(account))


@given(accounts(), st.integers(0, 100))
def test_linking_the_parts_gives_the_whole(account: list[Valuation], where: int) -> None:
    cut = where % len(account)
    parts = [time_weighted(account[: cut + 1]), time_weighted(account[cut:])]
    assert all(isinstance(part, Decimal) for part in parts)
    assert close(link(part for part in parts if isinstance(part, Decimal)), time_weighted(account))


@given(st.lists(st.decimals(min_value="-0.9", max_value="2", places=6), min_size=3, max_size=9), st.integers(1, 8))
def test_linking_is_associative(ratios: list[Decimal], where: int) -> None:
    cut = where % len(ratios)
    assert close(link([link(ratios[:cut]), link(ratios[cut:])]), link(ratios))


@given(accounts(), st.decimals(min_value="0.01", max_value="1000", places=2))
def test_returns_do_not_depend_on_the_size_of_the_account(account: list[Valuation], scale: Decimal) -> None:
    larger = [Valuation(one.at, one.value * scale, one.paid_in * scale) for one in account]
    assert close(time_weighted(larger), time_weighted(account))
    assert close(simple(larger), simple(account))
    one, other = money_weighted(account), money_weighted(larger)
    assert isinstance(one, Unmeasurable) == isinstance(other, Unmeasurable)
    if isinstance(one, Decimal):
        assert close(one, other)


@given(accounts())
def test_the_money_weighted_return_satisfies_its_equation(account: list[Valuation]) -> None:
    rate = money_weighted(account)
    assume(isinstance(rate, Decimal) and rate > -1)
    assert isinstance(rate, Decimal)
    first, last = account[0], account[-1]
    total = last.at - first.at
    grown, slope = first.value * (1 + rate), abs(first.value)
    for at, flow in flows_of(account):
        left = Decimal((last.at - at) // timedelta(seconds=1)) / Decimal(total // timedelta(seconds=1))
        share = ((1 + rate).ln() * left).exp()
        grown += flow * share
        slope += abs(flow) * left * share / (1 + rate)
    size = max(abs(one.value) for one in account) + sum(abs(flow) for _, flow in flows_of(account))
    # The rate has fifteen places; near -1 the last of them moves the result the more.
    assert abs(grown - last.value) <= size * max(1, 1 + rate) * Decimal("1e-14") + slope * Decimal("1e-15")


@given(accounts(flows=False))
def test_without_flows_the_three_returns_agree(account: list[Valuation]) -> None:
    assert close(time_weighted(account), simple(account))
    assert close(time_weighted(account), money_weighted(account))


@given(st.lists(st.decimals(min_value="0.01", max_value="100", places=4), min_size=1, max_size=40))
def test_a_drawdown_lies_between_zero_and_a_total_loss(index: list[Decimal]) -> None:
    depths = below_peak(index)
    assert all(-1 <= depth <= 0 for depth in depths)
    days = [date(2021, 1, 1) + timedelta(days=number) for number in range(len(index))]
    found = worst_drawdown(days, index)
    assert (found.depth if found else 0) == min(depths)
    if found:
        assert found.peak_on < found.trough_on
        assert found.recovered_on is None or found.trough_on < found.recovered_on


@given(accounts(flows=False))
def test_the_months_link_to_the_whole(account: list[Valuation]) -> None:
    index = growth_index(account)
    assert isinstance(index, list)
    months = monthly_returns([one.at.date() for one in account], index, last_session_of_month=True)
    assert close(link(month.ratio for month in months), index[-1] - 1)
    assert len({(month.year, month.month) for month in months}) == len(months)


# --- against others ---------------------------------------------------------------------------------------------------


def dated(account: list[Valuation]) -> list[tuple[datetime, Decimal]]:
    """The account as XIRR takes it: what went in negative, the value at the end positive."""
    first, last = account[0], account[-1]
    return [(first.at, -first.value), *((at, -flow) for at, flow in flows_of(account)), (last.at, last.value)]


FLOAT_EPSILON = 2.0**-52


# Yearly rates of single days leave the range in which floats can tell them from a total loss.
@given(account=accounts(apart=(60, 400)))
def test_money_weighted_is_the_xirr_of_pyxirr_and_the_root_that_scipy_finds(account: list[Valuation]) -> None:
    """At 1e-9 of the whole period's growth, on any flows whose rate is one; dates are whole days, as XIRR has them."""
    from scipy.optimize import brentq  # which no other process of a run needs

    ours = money_weighted(account)
    assume(isinstance(ours, Decimal) and ours > -1)
    length = account[-1].at - account[0].at
    paid = dated(account)
    scale = Decimal(10**9) / max(abs(amount) for _, amount in paid)  # it ends at a present value near nothing
    yearly = xirr([at.date() for at, _ in paid], [float(amount * scale) for _, amount in paid])
    shares = [((at - account[0].at) / length, float(amount)) for at, amount in paid]

    def worth(log_growth: float) -> float:
        return fsum(amount * exp(-log_growth * share) for share, amount in shares)

    root = log1p(float(ours))
    # Floats find a root no more closely than their sum of present values is exact where it crosses zero.
    slope = fsum(-share * amount * exp(-root * share) for share, amount in shares)
    noise = fsum(abs(amount * exp(-root * share)) for share, amount in shares) * FLOAT_EPSILON
    assume(noise < abs(slope) * 1e-12)
    found = brentq(worth, root - 0.5, root + 0.5, xtol=1e-15, rtol=1e-14)
    assert expm1(found) == pytest.approx(float(ours), rel=1e-9, abs=1e-9)
    assume(yearly is not None)  # it gives up now and then, where scipy and we do not
    whole = expm1(log1p(yearly) * length.days / 365)
    assert whole == pytest.approx(float(ours), rel=1e-9, abs=1e-9)


@given(account=accounts())
def test_where_no_rate_is_told_there_is_none_or_more_than_one(account: list[Valuation]) -> None:
    """The other way round: a scan of the present value finds exactly one change of sign where a rate is told."""
    ours = money_weighted(account)
    length = account[-1].at - account[0].at
    shares = [((at - account[0].at) / length, float(amount)) for at, amount in dated(account)]
    # Beside the round rates: a root that lies on a step would change no sign.
    steps = [at / 32 + 0.0071 for at in range(-384, 385)]
    scan = [fsum(amount * exp(-at * share) for share, amount in shares) for at in steps]
    changes = sum(one * other < 0 for one, other in pairwise(scan))
    if isinstance(ours, Decimal) and ours > -1:
        assert changes == 1 or abs(log1p(float(ours))) > 11
    elif isinstance(ours, Unmeasurable):
        assert changes != 1
