"""Rebalancing: nothing is spent that is not there, no drift grows, and every sum is exact."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import Side
from starkmatter.domain.rebalancing import (
    CASH,
    Asset,
    Plan,
    TargetError,
    Targets,
    drift_of,
    drifts_of,
    plan_trades,
)

PARTS = ("A", "B", "C", "D")
FEE = Decimal("0.35")


def asset(text: str, step: str = "1") -> Asset:
    """`"10 AAPL @ 100"`, its part named like it."""
    qty, symbol, _, price = text.split()
    return Asset(symbol, symbol, Decimal(qty), Decimal(price), Decimal(step))


def targets(text: str, *, cash: str = "0", band: str = "0") -> Targets:
    """`"A 60 B 40"`."""
    words = text.split()
    percents = {name: Decimal(pct) for name, pct in zip(words[::2], words[1::2], strict=True)}
    return Targets(percents, Decimal(cash), Decimal(band))


def said(plan: Plan) -> list[str]:
    return [f"{one.side} {one.qty.normalize():f} {one.symbol}" for one in plan.trades]


def plan(assets: list[Asset], cash: str, wish: Targets, **more: object) -> Plan:
    price = {one.symbol: one.price for one in assets}
    return plan_trades(
        assets, Decimal(cash), wish, need_of=lambda symbol, qty: qty * price[symbol], cost_of=lambda *_: ZERO, **more
    )


def test_what_is_over_is_sold_and_what_is_under_is_bought_with_it() -> None:
    held = [asset("70 A @ 10"), asset("10 B @ 30")]
    assert said(plan(held, "0", targets("A 40 B 60"))) == ["sell 30 A", "buy 10 B"]


def test_a_part_within_its_band_is_left_alone() -> None:
    held = [asset("52 A @ 10"), asset("16 B @ 30")]
    assert said(plan(held, "0", targets("A 50 B 50", band="5"))) == []
    assert said(plan(held, "0", targets("A 50 B 50", band="1.9"))) == ["sell 2 A"]


def test_with_new_cash_alone_nothing_is_sold_and_the_emptiest_part_is_filled_first() -> None:
    held = [asset("60 A @ 10"), asset("10 B @ 30"), asset("1 C @ 100")]
    wish = targets("A 30 B 40 C 30")
    found = plan(held, "500", wish, only_buy=True)
    assert said(found) == ["buy 3 C", "buy 6 B"]
    assert found.left_out == [
        "B stays below its band: there is not enough cash for all of it.",
        "A is above its band, and nothing is sold.",
    ]
    assert said(plan(held, "500", wish, only_buy=True, spend_at_most=Decimal(100))) == ["buy 1 C"]


def test_cash_is_kept_and_parts_of_shares_come_closer() -> None:
    held = [asset("0 A @ 300")]
    assert said(plan(held, "1000", targets("A 90", cash="10"))) == ["buy 3 A"]
    assert said(plan([asset("0 A @ 300", "0.001")], "1000", targets("A 80", cash="20"))) == ["buy 2.666 A"]


def test_what_has_no_target_is_sold_whole_with_its_fraction() -> None:
    held = [asset("10.123456789 A @ 10"), asset("10 B @ 10")]
    assert said(plan(held, "0", targets("B 100"))) == ["sell 10.123456789 A", "buy 10 B"]


def test_a_part_of_which_nothing_is_held_is_named() -> None:
    found = plan([asset("10 A @ 10")], "100", targets("A 50 B 50"))
    assert (said(found), found.left_out) == (
        [],
        ["B stays below its band: nothing of it is held, so it is not known what to buy. Buy something of it first."],
    )


@pytest.mark.parametrize(
    "wish",
    [targets("A 60 B 39"), targets("A 60 B 41"), targets("A -10 B 110"), targets("A 50", cash="49"),
     targets("Cash 100"), targets("A 100", band="51"), targets("A NaN B 100")],
)  # fmt: skip
def test_targets_that_do_not_add_up_are_refused(wish: Targets) -> None:
    with pytest.raises(TargetError):
        wish.check()


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Asset], Decimal, Targets]:
    """Up to six symbols in up to four parts, some cash, and targets that add up to 100."""
    assets = []
    for number in range(draw(st.integers(0, 6))):
        qty = draw(st.decimals(0, 5_000, places=draw(st.sampled_from([0, 9]))))
        price = draw(st.decimals("0.01", 5_000, places=6))
        step = draw(st.sampled_from([Decimal(1), Decimal("0.0001")]))
        assets.append(
            Asset(
                f"S{number}", draw(st.sampled_from(PARTS)), qty, price, step, draw(st.sampled_from([ZERO, Decimal(1)]))
            )
        )
    cuts = sorted(draw(st.lists(st.decimals(0, 100, places=2), min_size=4, max_size=4)))
    edges = [ZERO, *cuts, Decimal(100)]
    shares = [high - low for low, high in pairwise(edges)]
    wish = Targets(dict(zip(PARTS, shares[:4], strict=True)), shares[4], draw(st.decimals(0, 10, places=1)))
    return assets, draw(st.decimals(0, 1_000_000, places=2)), wish


@settings(max_examples=400)
@given(book=books(), only_buy=st.booleans(), limit=st.none() | st.decimals(0, 100_000, places=2))
def test_no_plan_spends_what_is_not_there_or_lets_a_drift_grow(
    book: tuple[list[Asset], Decimal, Targets], only_buy: bool, limit: Decimal | None
) -> None:
    assets, cash, wish = book
    by_symbol = {one.symbol: one for one in assets}

    def cost_of(symbol: str, side: Side, qty: Decimal) -> Decimal:
        return FEE + qty * by_symbol[symbol].price / 1000

    def need_of(symbol: str, qty: Decimal) -> Decimal:
        return qty * by_symbol[symbol].price * Decimal("1.02") + FEE

    before = drifts_of(assets, cash, wish)
    assert sum(one.excess for one in before) == 0
    found = plan_trades(assets, cash, wish, need_of=need_of, cost_of=cost_of, only_buy=only_buy, spend_at_most=limit)
    qtys = {one.symbol: one.qty for one in assets}
    moved, spent, brought = cash, ZERO, ZERO
    assert len({one.symbol for one in found.trades}) == len(found.trades)
    for trade in found.trades:
        held = by_symbol[trade.symbol]
        assert trade.qty > 0
        assert trade.value == trade.qty * held.price
        assert trade.qty % held.step == 0 or (trade.side == "sell" and trade.qty == held.qty)
        if trade.side == "buy":
            qtys[trade.symbol] += trade.qty
            moved -= trade.value
            spent += need_of(trade.symbol, trade.qty)
        else:
            assert not only_buy
            qtys[trade.symbol] -= trade.qty
            moved += trade.value
            brought += trade.value - trade.cost
    assert all(qty >= 0 for qty in qtys.values())
    [kept] = [one.target_value for one in before if one.part == CASH]
    assert spent <= max(ZERO, cash + brought - kept)
    if limit is not None:
        assert spent <= limit
    then = [Asset(one.symbol, one.part, qtys[one.symbol], one.price, one.step) for one in assets]
    after = drifts_of(then, moved, wish)
    assert drift_of(after) <= drift_of(before)
    excess = {one.part: one.excess for one in before}
    for one in after:
        if one.part != CASH:
            assert abs(one.excess) <= abs(excess[one.part])
            assert one.excess * excess[one.part] >= 0, "no trade goes past the target"
    within = {one.part for one in before if not one.outside}
    assert not within & {one.part for one in found.trades}
