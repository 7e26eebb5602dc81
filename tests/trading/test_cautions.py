"""What has to be read before an order: found, refused without its code, taken with it, and exact under races."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.api.schemas_trading import NewOrder
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import deposit
from starkmatter.trading.guarding.cautions import Unacknowledged
from starkmatter.trading.orders import get_order
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, SESSION, Desk, make_desk, open_clock, order, quote


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, key: str, *read: str) -> OrderView:
    placed = await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=read)
    await desk.broker.drain()
    return placed


async def unread(desk: Desk, text: str, key: str, *read: str) -> list[str]:
    """The codes that the submission asks for, which the preview shows as well; nothing is stored."""
    before = await desk.b.db.value("SELECT count(*) FROM trade_order")
    with pytest.raises(Unacknowledged) as refused:
        await send(desk, text, key, *read)
    assert await desk.b.db.value("SELECT count(*) FROM trade_order") == before
    assert await desk.b.db.value("SELECT reserved FROM account WHERE id = %s", (desk.account_id,)) == 0
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order(text))
    told = refused.value.details["warnings"]
    assert isinstance(told, list)
    codes = [one["code"] for one in told]
    assert [(one.code, one.text) for one in seen.cautions if one.code in codes] == [
        (one["code"], one["text"]) for one in told
    ]
    return codes


async def test_the_same_order_within_seconds_is_asked_about(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL", "first-order-1")
    assert await unread(desk, "buy 10 AAPL", "second-order-1") == ["duplicate"]
    assert (await send(desk, "buy 10 AAPL", "first-order-1")).status == "filled", "the same key is the same order"
    assert (await send(desk, "buy 11 AAPL", "another-qty-1")).status == "pending_submit"
    assert (await send(desk, "sell 10 AAPL @ 110.00", "other-side-01")).status == "pending_submit"
    taken = await send(desk, "buy 10 AAPL", "second-order-1", "duplicate")
    assert taken.status == "pending_submit"
    kept = await desk.b.db.value("SELECT risk->'acknowledged' FROM trade_order WHERE id = %s", (taken.id,))
    assert kept == ["duplicate"]
    await desk.b.db.run("UPDATE account SET last_order_at = last_order_at - interval '11 seconds'")
    await desk.b.db.run("UPDATE trade_order SET created_at = created_at - interval '11 seconds'")
    assert (await send(desk, "buy 10 AAPL", "later-order-1")).status == "pending_submit"
    with pytest.raises(InvalidInput, match="no warning 'everything'"):
        await send(desk, "buy 10 AAPL", "later-order-2", "everything")


async def test_of_the_same_order_sent_twenty_times_at_once_one_is_taken(desk: Desk) -> None:
    calls = (send(desk, "buy 1 AAPL", f"racing-order-{number}") for number in range(20))
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, OrderView) for one in done) == 1
    assert sum(isinstance(one, Unacknowledged) for one in done) == 19
    assert await desk.b.db.value("SELECT count(*) FROM trade_order") == 1


async def test_what_was_sold_at_a_loss_is_not_bought_back_unawares(desk: Desk) -> None:
    await send(desk, "buy 20 AAPL", "bought-first-1")
    await desk.tell(quote("AAPL 95.00/95.05"))
    await send(desk, "sell 10 AAPL", "sold-at-loss-1")
    assert await unread(desk, "buy 5 AAPL", "bought-back-1") == ["wash_sale"]
    assert (await send(desk, "buy 5 MSFT", "another-one-1")).status == "pending_submit"
    assert (await send(desk, "buy 5 AAPL", "bought-back-1", "wash_sale")).status == "pending_submit"


async def test_shares_bought_with_unsettled_money_are_not_sold_unawares(desk: Desk) -> None:
    for days in range(2, 8):
        shift = timedelta(days=days)
        await desk.b.db.run(SESSION, ((OPENS_AT + shift).date(), OPENS_AT + shift, CLOSES_AT + shift))
    deep = (quote("AAPL 101.00/101.05", size="100000"), quote("MSFT 200.00/200.10", size="100000"))
    await desk.tell(*deep)
    for text, key in (
        ("buy 900 AAPL", "all-the-cash-1"),
        ("sell 400 AAPL", "sold-some-001"),
        ("buy 150 MSFT", "with-proceeds"),
    ):
        placed = await send(desk, text, key, *ALL_READ)
        assert (await get_order(desk.b, desk.caller, placed.id)).status == "filled"
        await desk.tell(*deep)
    assert await unread(desk, "sell 150 MSFT", "too-early-001") == ["good_faith"]
    assert (await send(desk, "sell 100 AAPL @ 120.00", "paid-for-0001")).status == "pending_submit"
    next_day = open_clock(10 + 24 * 60, session_on=date(2021, 3, 2))
    await desk.tell(quote("MSFT 200.00/200.10"), quote("AAPL 101.00/101.05"), clock=next_day)
    assert (await send(desk, "sell 150 MSFT", "settled-00001")).status == "pending_submit"


async def test_cash_that_is_on_its_way_is_shown_and_paying_in_pays_for_what_it_bought(desk: Desk) -> None:
    for days in range(2, 8):
        shift = timedelta(days=days)
        await desk.b.db.run(SESSION, ((OPENS_AT + shift).date(), OPENS_AT + shift, CLOSES_AT + shift))
    deep = (quote("AAPL 101.00/101.05", size="100000"), quote("MSFT 200.00/200.10", size="100000"))
    await desk.tell(*deep)

    async def settled() -> tuple[Decimal | None, Decimal | None, date | None]:
        one = await get_account(desk.b, desk.caller, desk.account_id)
        assert one.settled_cash is not None
        assert one.unsettled_cash is not None
        assert one.settled_cash + one.unsettled_cash == one.cash
        return one.settled_cash, one.unsettled_cash, one.settled_on

    assert await settled() == (100_000, 0, None)
    await send(desk, "buy 900 AAPL", "all-the-cash-1", *ALL_READ)
    assert await settled() == (Decimal("9055.00"), 0, None)
    await desk.tell(*deep)
    await send(desk, "sell 400 AAPL", "sold-some-001", *ALL_READ)
    proceeds = Decimal("40400.00") - Decimal("1.13") - Decimal("0.07")
    assert await settled() == (Decimal("9055.00"), proceeds, date(2021, 3, 2))
    asked = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 150 MSFT"))
    assert asked.notes == [
        "20,960.00 USD of it are proceeds that settle on 2021-03-02: selling what they buy before that day is a good "
        "faith violation."
    ]
    await send(desk, "buy 150 MSFT", "with-proceeds", *ALL_READ)
    assert await settled() == (0, proceeds - (Decimal("30015.00") - Decimal("9055.00")), date(2021, 3, 2))
    await desk.tell(*deep)
    assert await unread(desk, "sell 150 MSFT", "too-early-001") == ["good_faith"]
    assert await unread(desk, "sell 0 MSFT usd=29000.00", "too-early-002") == ["good_faith"]
    await deposit(desk.b, desk.caller, desk.account_id, Decimal("20960.00"))
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order("sell 150 MSFT"))
    assert seen.cautions == []
    assert (await settled())[0] == 0
    tomorrow = open_clock(10 + 24 * 60, session_on=date(2021, 3, 2))
    await desk.tell(quote("MSFT 200.00/200.10"), quote("AAPL 101.00/101.05"), clock=tomorrow)
    now = await get_account(desk.b, desk.caller, desk.account_id)
    assert (now.settled_cash, now.unsettled_cash, now.settled_on) == (now.cash, 0, None)


async def test_a_margin_account_borrows_until_its_money_comes(desk: Desk) -> None:
    one = await desk.person(kind="margin")
    assert (await get_account(one.b, one.caller, one.account_id)).settled_cash is None


async def test_much_of_the_account_in_one_symbol_is_pointed_out_and_needs_no_word(desk: Desk) -> None:
    for qty, told in ((600, True), (300, False)):
        seen = await preview_order(desk.b, desk.caller, desk.account_id, order(f"buy {qty} AAPL"))
        assert any("60 % of the account would be in AAPL" in text for text in seen.warnings) is told
        assert seen.cautions == []
    assert (await send(desk, "buy 600 AAPL", "much-at-once-1")).status == "pending_submit"


async def test_a_refusal_is_said_before_any_warning(desk: Desk) -> None:
    refused = await send(desk, "buy 5000 AAPL", "too-expensive")
    assert refused.status == "risk_rejected"
    assert "Buying power" in str(refused.reject_reason)


def test_the_api_takes_known_codes_alone() -> None:
    body = {"account_id": "7c5e6a4e-2f63-4d9b-9a30-3f6f6d2c4a11", "symbol": "AAPL", "side": "buy", "type": "market"}
    assert NewOrder(**body, qty=Decimal(1), acknowledge=["duplicate"]).acknowledge == ["duplicate"]
    with pytest.raises(ValueError, match="acknowledge"):
        NewOrder(**body, qty=Decimal(1), acknowledge=["everything"])
