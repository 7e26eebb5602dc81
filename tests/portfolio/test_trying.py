"""Targets tried on a branch: the account itself stays as it is, and both are held against each other since."""

from datetime import timedelta
from decimal import Decimal

import pytest

from starkmatter.errors import NotFound, Refused
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.allocating.targets import get_targets
from starkmatter.portfolio.allocating.trying import compare_branch, try_on_branch
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.trading.baskets.reviewing import review_basket
from starkmatter.trading.baskets.sending import send_basket
from starkmatter.trading.baskets.service import list_baskets
from starkmatter.trading.orders import list_orders
from tests.builders import ALL_READ, Desk, open_clock, quote
from tests.portfolio.test_allocating import desk, tell, wish

__all__ = ["desk"]


async def test_a_branch_has_the_targets_and_its_own_basket_and_the_account_stays_as_it_is(desk: Desk) -> None:
    await wish(desk, "AAPL 30 MSFT 60", cash="10", band="1")
    before = await get_account(desk.b, desk.caller, desk.account_id)
    branch, basket = await try_on_branch(desk.b, desk.caller, desk.account_id)
    assert (branch.name, branch.parent_id, branch.mode, branch.equity) == (
        "Practice, what if",
        desk.account_id,
        "paper",
        before.equity,
    )
    assert (basket.head.account_id, basket.state) == (branch.id, "draft")
    mine, its = [await get_targets(desk.b, desk.caller, one) for one in (desk.account_id, branch.id)]
    assert mine is not None
    assert its is not None
    assert (its.targets, its.by) == (mine.targets, mine.by)
    assert await get_account(desk.b, desk.caller, desk.account_id) == before
    assert await list_baskets(desk.b, desk.caller, desk.account_id) == []
    assert len(await list_orders(desk.b, desk.caller, branch.id)) == 0


async def test_both_are_compared_since_the_branch_began(desk: Desk) -> None:
    await wish(desk, "AAPL 10 MSFT 10", cash="80")
    branch, basket = await try_on_branch(desk.b, desk.caller, desk.account_id)
    first = await compare_branch(desk.b, desk.caller, branch.id)
    assert (first.original.start_value, first.branch.start_value) == (first.original.value, first.branch.value)
    assert (first.original.result, first.branch.result) == (0, 0)
    review = await review_basket(desk.b, desk.caller, basket.head.id)
    seen = {one.line.place: one.preview.est_price for one in review.lines if one.preview and one.preview.est_price}
    read = {one.place: ALL_READ for one in basket.lines}
    await send_basket(desk.b, desk.caller, basket.head.id, basket.hash, read, seen, wait_secs=0)
    await desk.broker.drain()
    await tell(desk, "9000000")
    later = open_clock(90)
    await desk.tell(quote("AAPL 80.00/80.05", size="100000", volume="9500000"), clock=later)
    await deposit(desk.b, desk.caller, desk.account_id, Decimal(1_000))
    found = await compare_branch(desk.b, desk.caller, branch.id)
    # The original still holds 500 of what fell by 20.
    assert (found.original.flows, found.branch.flows) == (1_000, 0)
    assert found.original.result == pytest.approx(Decimal(-10_000), abs=Decimal(30))
    assert Decimal(-3_000) < found.branch.result < Decimal(-1_500)
    assert found.original.simple == found.original.result / (found.original.start_value + 1_000)
    assert found.branch.simple == found.branch.result / found.branch.start_value
    by_part = {one.part: one for one in found.weights}
    assert list(by_part)[-1] == "Cash"
    aapl, cash = by_part["AAPL"], by_part["Cash"]
    assert aapl.original is not None
    assert aapl.branch is not None
    assert cash.branch is not None
    assert aapl.original > aapl.branch
    assert cash.branch > Decimal("0.75")
    assert sum(one.original or 0 for one in found.weights) == pytest.approx(1)
    assert found.notes == []
    assert await check_books(desk.b.db) == []


async def test_without_targets_or_trades_no_branch_is_opened_and_only_branches_compare(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no targets"):
        await try_on_branch(desk.b, desk.caller, desk.account_id)
    await wish(desk, "AAPL 50 MSFT 10", cash="40", band="20")
    with pytest.raises(Refused, match="nothing to trade"):
        await try_on_branch(desk.b, desk.caller, desk.account_id)
    assert len(await list_accounts(desk.b, desk.caller)) == 1
    with pytest.raises(NotFound, match="no branch"):
        await compare_branch(desk.b, desk.caller, desk.account_id)
    stranger = await desk.person()
    await wish(desk, "AAPL 30 MSFT 60", cash="10")
    branch, _ = await try_on_branch(desk.b, desk.caller, desk.account_id)
    with pytest.raises(NotFound):
        await compare_branch(desk.b, stranger.caller, branch.id)
    await desk.b.db.run("UPDATE account SET as_of = as_of - interval '1 day' WHERE id = %s", (branch.id,))
    past = timedelta(days=1)
    await desk.b.db.run(
        "INSERT INTO equity_snapshot (account_id, venue_at, equity, cash, net_deposits)"
        " SELECT id, opened_venue_at - %s, 99999, 0, 100000 FROM account WHERE id = %s",
        (past, desk.account_id),
    )
    [words] = (await compare_branch(desk.b, desk.caller, branch.id)).notes
    assert words.endswith("they did not start alike.")
