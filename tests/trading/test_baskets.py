"""Baskets: looked at as one, sent by a person's one action, each line once, and what failed is said in words."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

import starkmatter
from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.approvals.service import set_drift
from starkmatter.trading.baskets.records import Basket, BasketLine
from starkmatter.trading.baskets.reviewing import in_sending_order, judged, review_basket
from starkmatter.trading.baskets.sending import FOR_SALES, send_basket
from starkmatter.trading.baskets.service import drop_basket, get_basket, list_baskets, make_basket, put_lines
from starkmatter.trading.guarding.cautions import Unacknowledged
from starkmatter.trading.orders import list_orders
from starkmatter.trading.records import OrderPreview
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_desk, order, quote


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    return await make_desk(database, cache)


@pytest.fixture
async def holder(desk: Desk) -> AsyncIterator[Desk]:
    """Somebody who holds 900 AAPL and has little cash left."""
    await desk.tell(quote("AAPL 100.00/100.05", size="100000", volume="1000000"))
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 900 AAPL"), "bought-before")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", size="100000", volume="2000000"))
    yield desk
    await check_books(desk.b.db)


async def made(desk: Desk, *lines: str) -> Basket:
    return await make_basket(desk.b, desk.caller, desk.account_id, "Autumn", [order(one) for one in lines])


async def prices_of(desk: Desk, basket: Basket) -> dict[int, Decimal]:
    """What the review shows now."""
    review = await review_basket(desk.b, desk.caller, basket.head.id)
    seen = {one.line.place: one.preview.est_price for one in review.lines if one.preview is not None}
    return {place: price for place, price in seen.items() if price is not None}


async def sent(desk: Desk, basket: Basket, seen: dict[int, Decimal] | None = None) -> Basket:
    everything = {one.place: ALL_READ for one in basket.lines}
    prices = await prices_of(desk, basket) if seen is None else seen
    return await send_basket(desk.b, desk.caller, basket.head.id, basket.hash, everything, prices, wait_secs=0)


async def orders_of(desk: Desk) -> list[str]:
    found = await list_orders(desk.b, desk.caller, desk.account_id)
    return [f"{one.side} {one.qty.normalize():f} {one.symbol} {one.status}" for one in reversed(found)]


async def test_the_review_adds_up_what_each_line_would_do(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL", "buy 5 MSFT @ 199.00 gtc")
    review = await review_basket(desk.b, desk.caller, basket.head.id)
    previews = [one.preview for one in review.lines]
    assert [one.refusals for one in review.lines] == [[], []]
    assert review.est_cost == sum(one.est_cost for one in previews if one)
    assert review.est_fees == sum(one.est_fees for one in previews if one)
    assert review.buying_power == Decimal(100_000)
    assert review.buying_power_after == 100_000 - sum(one.reserve for one in previews if one)
    assert await orders_of(desk) == []


async def test_sent_twice_and_by_two_at_once_each_line_is_one_order(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL", "buy 5 MSFT")
    assert (basket.state, basket.outcome) == ("draft", "")
    await asyncio.gather(*(sent(desk, basket) for _ in range(4)))
    again = await sent(desk, basket)
    assert (again.state, again.outcome) == ("sent", "2 of 2 orders were taken.")
    nothing_left = await review_basket(desk.b, desk.caller, basket.head.id)
    assert (nothing_left.buying_power, nothing_left.buying_power_after) == (None, None)
    assert sorted(one.split(" ", 1)[1].rsplit(" ", 1)[0] for one in await orders_of(desk)) == ["10 AAPL", "5 MSFT"]
    assert [one.order_id for one in again.lines] == [one.order_id for one in basket.lines]
    await desk.broker.drain()
    await check_books(desk.b.db)


async def test_sales_go_first_and_what_only_they_pay_for_waits_until_they_filled(holder: Desk) -> None:
    basket = await made(holder, "buy 100 MSFT", "sell 300 AAPL")
    review = await review_basket(holder.b, holder.caller, basket.head.id)
    assert [(one.line.symbol, one.refusals) for one in review.lines] == [("AAPL", []), ("MSFT", [])]
    first = await sent(holder, basket)
    assert first.state == "waiting"
    assert first.outcome.startswith("1 of 2 orders were taken. Not sent, buy 100 MSFT: Buying power is")
    assert first.outcome.endswith(FOR_SALES)
    assert (await orders_of(holder))[1:] == ["sell 300 AAPL pending_submit"]
    await holder.broker.drain()
    await holder.tell(quote("AAPL 100.00/100.05", size="100000", volume="4000000"))
    second = await sent(holder, basket)
    assert (second.state, second.outcome) == ("sent", "2 of 2 orders were taken.")
    assert (await orders_of(holder))[1:] == ["sell 300 AAPL filled", "buy 100 MSFT pending_submit"]


async def test_the_purchases_follow_by_themselves_when_the_sales_fill_in_time(holder: Desk) -> None:
    basket = await made(holder, "sell 300 AAPL", "buy 100 MSFT")
    everything = {1: ALL_READ, 2: ALL_READ}
    seen = await prices_of(holder, basket)
    sending = send_basket(holder.b, holder.caller, basket.head.id, basket.hash, everything, seen, wait_secs=20)

    async def fill() -> None:
        while len(await orders_of(holder)) < 2:
            await asyncio.sleep(0.05)
        await holder.broker.drain()
        await holder.tell(quote("AAPL 100.00/100.05", size="100000", volume="4000000"))

    done, _ = await asyncio.gather(sending, fill())
    assert done.state == "sent"


async def test_what_cannot_go_says_why_and_the_others_go(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL", "buy 5 ^GSPC", "buy 900 MSFT")
    review = await review_basket(desk.b, desk.caller, basket.head.id)
    refusals = {one.line.symbol: " ".join(one.refusals) for one in review.lines}
    assert refusals["AAPL"] == ""
    assert "Buying power after the orders before it is" in refusals["MSFT"]
    assert refusals["^GSPC"]
    done = await sent(desk, basket)
    assert done.state == "waiting"
    assert done.outcome.startswith("1 of 3 orders were taken. Not sent, buy 5 ^GSPC: ")
    assert await orders_of(desk) == ["buy 10 AAPL pending_submit"]
    await drop_basket(desk.b, desk.caller, basket.head.id)
    assert (await get_basket(desk.b, desk.caller, basket.head.id)).state == "closed"
    with pytest.raises(Conflict, match="closed"):
        await sent(desk, basket)


async def test_when_nothing_could_go_nothing_is_sent_and_it_stays_a_draft(desk: Desk) -> None:
    basket = await made(desk, "buy 900 MSFT", "sell 1 AAPL")
    with pytest.raises(Refused, match="No order of this basket could be sent"):
        await sent(desk, basket)
    assert (await get_basket(desk.b, desk.caller, basket.head.id)).state == "draft"


async def test_nothing_goes_before_each_lines_cautions_were_read(desk: Desk) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "the-same-before")
    basket = await made(desk, "buy 10 AAPL", "buy 5 MSFT")
    seen = await prices_of(desk, basket)
    for read in ({}, {2: ["duplicate"]}):
        with pytest.raises(Unacknowledged) as refused:
            await send_basket(desk.b, desk.caller, basket.head.id, basket.hash, read, seen, wait_secs=0)
        assert [(one["place"], one["code"]) for one in refused.value.details["warnings"]] == [(1, "duplicate")]
    assert len(await orders_of(desk)) == 1
    done = await send_basket(desk.b, desk.caller, basket.head.id, basket.hash, {1: ["duplicate"]}, seen, wait_secs=0)
    assert done.state == "sent"


async def test_a_price_that_moved_further_than_approvals_may_sends_nothing_until_it_is_looked_at_again(
    desk: Desk,
) -> None:
    basket = await made(desk, "buy 10 AAPL", "buy 5 MSFT @ 150.00")
    seen = await prices_of(desk, basket)
    await desk.tell(quote("AAPL 100.90/100.95", size="100000", volume="1000000"))
    moved = quote("AAPL 101.20/101.25", size="100000", volume="2000000")
    await desk.tell(moved)
    with pytest.raises(Refused, match=r"AAPL stood at 100.05 .* stands at 101.25: 1.20 % is more than the 1 %") as why:
        await sent(desk, basket, seen)
    assert why.value.code == "price_moved"
    with pytest.raises(Refused, match="Nobody has looked at a price of AAPL"):
        await sent(desk, basket, {2: Decimal(150)})
    assert await orders_of(desk) == []
    assert (await get_basket(desk.b, desk.caller, basket.head.id)).state == "draft"
    await set_drift(desk.b, desk.caller, desk.account_id, Decimal(2))
    assert (await sent(desk, basket, seen)).state == "sent", (
        "within what the account allows, and a limit is its own price"
    )


async def test_a_purchase_that_waited_for_sales_is_held_against_the_price_that_was_looked_at(holder: Desk) -> None:
    basket = await made(holder, "sell 300 AAPL", "buy 50 MSFT")
    everything = {1: ALL_READ, 2: ALL_READ}
    seen = await prices_of(holder, basket)
    sending = send_basket(holder.b, holder.caller, basket.head.id, basket.hash, everything, seen, wait_secs=20)

    async def move() -> None:
        while len(await orders_of(holder)) < 2:
            await asyncio.sleep(0.05)
        await holder.tell(quote("MSFT 210.00/210.10", size="100000", volume="4000000"))
        await holder.broker.drain()
        await holder.tell(quote("AAPL 100.00/100.05", size="100000", volume="4000000"))

    done, _ = await asyncio.gather(sending, move())
    assert done.state == "waiting"
    assert "MSFT stood at 200.10 when this was looked at and stands at 210.10" in done.outcome
    assert (await sent(holder, basket)).state == "sent"


async def test_only_the_basket_that_was_looked_at_is_sent_and_a_sent_one_stays(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL")
    changed = await put_lines(desk.b, desk.caller, basket.head.id, [order("buy 11 AAPL")], basket.hash)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await sent(desk, basket)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await put_lines(desk.b, desk.caller, basket.head.id, [order("buy 12 AAPL")], basket.hash)
    await sent(desk, changed)
    with pytest.raises(Conflict, match="sent already"):
        await put_lines(desk.b, desk.caller, basket.head.id, [order("buy 12 AAPL")], changed.hash)
    assert await orders_of(desk) == ["buy 11 AAPL pending_submit"]


async def test_neither_a_program_nor_somebody_who_looks_sends_one(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL")
    program = replace(desk.caller, scopes=frozenset({"read", "trade", "admin"}))
    made_by_it = await make_basket(desk.b, program, desk.account_id, "By a program", [order("buy 1 AAPL")])
    assert made_by_it.head.source == "program"
    with pytest.raises(NotAllowed, match="a person sends it"):
        await send_basket(desk.b, program, basket.head.id, basket.hash, {}, {})
    viewer, stranger = await desk.person("viewer"), await desk.person("trader")
    friend = await desk.person("trader")
    await share_account(desk.b, desk.caller, desk.account_id, viewer.caller.email, "view")
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "view")
    for who, error in ((viewer, NotAllowed), (friend, NotAllowed), (stranger, NotFound)):
        with pytest.raises(error):
            await send_basket(desk.b, who.caller, basket.head.id, basket.hash, {}, {})
        with pytest.raises(error):
            await put_lines(desk.b, who.caller, basket.head.id, [order("buy 1 AAPL")], basket.hash)
        with pytest.raises(error):
            await drop_basket(desk.b, who.caller, basket.head.id)
    assert len(await list_baskets(desk.b, viewer.caller)) == 2
    assert await list_baskets(desk.b, stranger.caller) == []
    assert await orders_of(desk) == []


def test_only_a_page_and_a_route_send_baskets() -> None:
    room = Path(starkmatter.__file__).parent
    sends = {
        path.relative_to(room).as_posix()
        for path in room.rglob("*.py")
        if "send_basket" in path.read_text() and path.name != "sending.py"
    }
    assert sends == {"api/routes/baskets.py", "ui/state/baskets.py"}, "not the analyst, a strategy or a job"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["buy 1 AAPL", "sell 1 AAPL"],
        ["buy 0 AAPL"],
        ["buy 0.0000000001 AAPL"],
        ["buy NaN AAPL"],
        ["buy 1 AAPL stp=90"],
        ["buy 0 AAPL usd=100"],
        ["buy 1 AAPL ioc"],
        ["buy 1 AAPL @ 0"],
        ["buy 1 AAPL @ 1.00000001"],
        [f"buy 1 A{number}" for number in range(51)],
    ],
)
async def test_what_a_basket_does_not_keep_is_refused_in_words(desk: Desk, lines: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await made(desk, *lines)
    assert refused.value.text.endswith(".")
    assert await list_baskets(desk.b, desk.caller) == []


async def test_an_unsent_basket_is_deleted_without_a_trace_but_the_audit_log(desk: Desk) -> None:
    basket = await made(desk, "buy 10 AAPL")
    await drop_basket(desk.b, desk.caller, basket.head.id)
    assert await list_baskets(desk.b, desk.caller) == []
    assert await desk.b.db.value("SELECT count(*) FROM basket_line") == 0
    found = await desk.b.db.tuples("SELECT action FROM audit_event WHERE action LIKE 'basket.%%' ORDER BY sequence")
    assert [row[0] for row in found] == ["basket.made", "basket.deleted"]


MONEY = st.decimals(min_value=0, max_value=10_000, places=2)


@given(free=MONEY, steps=st.lists(st.tuples(st.sampled_from(["buy", "sell"]), MONEY), max_size=12))
def test_lines_that_would_go_never_need_more_than_there_is(free: Decimal, steps: list[tuple[str, Decimal]]) -> None:
    spent = Decimal(0)
    lines = [_line(place, side) for place, (side, _) in enumerate(steps, 1)]
    figures = {place: value for place, (_, value) in enumerate(steps, 1)}
    ordered = in_sending_order(lines)
    previews = [_preview(one.side, figures[one.place], free) for one in ordered]
    reviewed, left = judged(ordered, previews, free, "USD")
    assert left >= 0
    for one in reviewed:
        if not one.refusals:
            spent += figures[one.line.place] * (1 if one.line.side == "buy" else -1)
    assert left == free - spent


def _line(place: int, side: str) -> BasketLine:
    nobody = UUID(int=0)
    return BasketLine(
        nobody, place, f"S{place}", side, "market", Decimal(1), None, "day", nobody, "", None, None, None, None, None
    )


def _preview(side: str, value: Decimal, free: Decimal) -> OrderPreview:
    after = free - value if side == "buy" else free + value
    return OrderPreview(
        Decimal(1), value, Decimal(0), value if side == "buy" else Decimal(0), free, after, Decimal(0), Decimal(1), None
    )
