"""Lots picked for one sale: on its day, by its owner, and only what fits."""

from dataclasses import replace
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.lots import LotPick
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.lots.picking import MAX_PICKS, pick_lots, sale_lots
from starkmatter.portfolio.lots.service import realized_gains
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, open_clock, order, quote
from tests.portfolio.days import tomorrow


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    """10 AAPL at 100.05, 10 at 110.05, and 8 sold at 120.00."""
    desk = await make_desk(database, cache)
    for number, (text, bid) in enumerate((("buy 10", "100.00"), ("buy 10", "110.00"), ("sell 8", "120.00"))):
        await desk.tell(quote(f"AAPL {bid}/{Decimal(bid) + Decimal('0.05')}"), clock=open_clock(10 + number))
        await submit_order(
            desk.b, desk.caller, desk.account_id, order(f"{text} AAPL"), f"key-{number:08}", acknowledged=ALL_READ
        )
        await desk.broker.drain()
    return desk


async def sale_of(desk: Desk) -> int:
    [sale] = (await realized_gains(desk.b, desk.caller, desk.account_id)).sales
    assert sale.may_pick
    return sale.entry_id


def picks(*pairs: tuple[str, str]) -> list[LotPick]:
    return [LotPick(lot, Decimal(qty)) for lot, qty in pairs]


async def test_the_sale_takes_what_was_picked_and_goes_back_to_the_method(desk: Desk) -> None:
    entry = await sale_of(desk)
    before = await sale_lots(desk.b, desk.caller, desk.account_id, entry)
    first, second = (one.lot_id for one in before.lots)
    assert [(one.qty, one.taken) for one in before.lots] == [(10, 8), (10, 0)]
    fifo = (await realized_gains(desk.b, desk.caller, desk.account_id)).short.gain
    after = await pick_lots(desk.b, desk.caller, desk.account_id, entry, picks((second, "6"), (first, "2")))
    assert [(one.qty, one.taken) for one in after.lots] == [(10, 2), (10, 6)]
    assert after.sale.method == "specific"
    found = await realized_gains(desk.b, desk.caller, desk.account_id)
    assert fifo - found.short.gain == 60
    assert sorted(line.description for line in found.lines) == ["2 AAPL", "6 AAPL"]
    back = await pick_lots(desk.b, desk.caller, desk.account_id, entry, [])
    assert (back.sale.method, [one.taken for one in back.lots]) == ("fifo", [8, 0])
    assert (await realized_gains(desk.b, desk.caller, desk.account_id)).short.gain == fifo
    told = await desk.b.db.tuples("SELECT action FROM audit_event WHERE action = 'account.lots_picked'")
    assert len(told) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((("0", "8"),), "There is no open lot 0"),
        ((("first", "7"),), "add up to 7, but 8 are closed"),
        ((("first", "11"),), "has 10, not 11"),
        ((("first", "4"), ("first", "4")), "picked twice"),
    ],
)
async def test_lots_that_do_not_fit_are_refused_in_words_and_nothing_changes(desk: Desk, wrong, words) -> None:
    entry = await sale_of(desk)
    before = await sale_lots(desk.b, desk.caller, desk.account_id, entry)
    named = [(before.lots[0].lot_id if lot == "first" else lot, qty) for lot, qty in wrong]
    with pytest.raises(InvalidInput, match=words):
        await pick_lots(desk.b, desk.caller, desk.account_id, entry, picks(*named))
    assert await sale_lots(desk.b, desk.caller, desk.account_id, entry) == before


async def test_the_day_after_it_is_too_late(desk: Desk) -> None:
    entry = await sale_of(desk)
    lot = (await sale_lots(desk.b, desk.caller, desk.account_id, entry)).lots[1].lot_id
    await desk.tell(clock=tomorrow())
    with pytest.raises(Conflict, match="picked on its day"):
        await pick_lots(desk.b, desk.caller, desk.account_id, entry, picks((lot, "8")))
    assert not (await sale_lots(desk.b, desk.caller, desk.account_id, entry)).sale.may_pick


async def test_only_the_owner_picks_and_only_for_sales_of_the_account(desk: Desk) -> None:
    entry = await sale_of(desk)
    friend = await desk.person()
    with pytest.raises(NotFound):
        await sale_lots(desk.b, friend.caller, desk.account_id, entry)
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "trade")
    seen = await sale_lots(desk.b, friend.caller, desk.account_id, entry)
    assert not seen.sale.may_pick
    with pytest.raises(NotAllowed):
        await pick_lots(desk.b, friend.caller, desk.account_id, entry, picks((seen.lots[0].lot_id, "8")))
    mine = replace(desk, account_id=friend.account_id, caller=friend.caller)
    for account, number in ((desk.account_id, entry + 999), (desk.account_id, entry - 1), (mine.account_id, entry)):
        caller = desk.caller if account == desk.account_id else friend.caller
        with pytest.raises(NotFound):
            await sale_lots(desk.b, caller, account, number)
    with pytest.raises(InvalidInput, match="At most"):
        await pick_lots(desk.b, desk.caller, desk.account_id, entry, picks(*[("1", "1")] * (MAX_PICKS + 1)))
