"""What every broker's adapter must do, through its real SDK against its stand-in on loopback.

A new broker adds one entry to `SIDES`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from aiolimiter import AsyncLimiter

from starkmatter.clock import utc_now
from starkmatter.domain.order_groups import legs_of
from starkmatter.domain.orders import OrderStatus
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import BREAKER_THRESHOLD
from starkmatter.trading.brokered import leg_id
from starkmatter.trading.brokers import etrade, schwab
from starkmatter.trading.ports import BrokerOrder, CancelRefused, OrderRefused, OrderUnsent, SeveralAlike
from tests.builders import order
from tests.trading.sides import READ_SECS, SIDES, Side, flat


async def _fail() -> None:
    raise VendorFailure("it", "broken", "It has a problem of its own.")


async def _wait() -> None:
    raise VendorFailure("it", "rate_limited", "It limits how often it may be asked.", retry_after_secs=60)


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LOST = [
    (429, "rate_limited"),
    (503, "broken"),
    ("hang", "unreachable"),
    ("drop", "unreachable"),
    ("garbage", "garbage"),
    ("empty", "garbage"),
    ("html-403", "refused"),
]


@pytest.fixture(params=SIDES, autouse=True)
async def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Side]:
    with SIDES[request.param]() as opened:
        # Only where nobody answers is the wait for it a short one: a busy machine takes its time for everything else.
        if request.param == "ib" or any(one == "hang" for one in request.node.callspec.params.values()):
            monkeypatch.setattr(opened.module, "READ_SECS", READ_SECS)
        for module in (schwab, etrade):
            monkeypatch.setattr(module, "POLL_SECS", 0.02)
        yield opened
        await opened.broker.close()


async def test_the_book_has_cash_positions_and_open_orders(side: Side) -> None:
    side.there.positions["AAPL"] = (Decimal(10), Decimal("1500.25"))
    side.there.prices["AAPL"] = Decimal("151.5")
    await side.submit("sm-1", order("buy 5 MSFT @ 200.10 gtc"))
    book = await side.broker.read_book()
    assert (book.cash, book.currency, book.blocked) == (Decimal("100000"), "USD", None)
    [position] = book.positions
    assert (position.symbol, position.signed_qty, position.cost_basis) == ("AAPL", Decimal(10), Decimal("1500.25"))
    assert position.market_value == Decimal("1515")
    [found] = book.open_orders
    assert (found.client_order_id, found.symbol, found.side, found.filled_qty) == ("sm-1", "MSFT", "buy", Decimal(0))


async def test_an_empty_account_is_empty_and_no_failure(side: Side) -> None:
    book = await side.broker.read_book()
    assert (book.positions, book.open_orders) == ((), ())
    assert await side.broker.activities(LONG_AGO) == []


async def test_every_kind_of_order_goes_out_in_the_brokers_words_with_exact_figures(side: Side) -> None:
    for number, (text, wire) in enumerate(side.wires):
        request = order(text)
        assert side.refusals(request) == [], text
        taken = await side.submit(f"sm-kind-{number}", request)
        assert taken.status in {OrderStatus.ACCEPTED, OrderStatus.WORKING}, text
        sent = flat(side.there.posts[-1])
        assert {name: sent.get(name) for name in wire} == wire, text
        assert side.figures & sent.keys() <= wire.keys() | {name for name in side.figures if name.endswith("quantity")}
        if side.by_our_id:
            assert f"sm-kind-{number}" in sent.values()
    assert len(side.there.orders) == len(side.wires)


async def test_a_group_goes_out_at_once_and_is_found_whole_by_its_first_order(side: Side) -> None:
    for text, wires in side.groups:
        request, first = order(text), f"sm-{uuid4()}"
        assert side.refusals(request) == [], text
        taken = await side.submit(first, request)
        roles = [role for role, _ in legs_of(request)][1:]
        ids = {leg_id(first, role) for role in roles}
        if taken.legs:  # some tell the number of the first alone
            assert {one.client_order_id for one in taken.legs} == ids, text
        sent = [flat(one) for one in side.there.posts[-len(wires) :]]
        assert [{name: one.get(name) for name in wire} for one, wire in zip(sent, wires, strict=True)] == wires, text
        found = await side.broker.find(first)
        assert found is not None
        assert found.client_order_id == first
        assert {one.client_order_id for one in found.legs} == ids, text
        assert len({found.broker_order_id, *(one.broker_order_id for one in found.legs)}) == len(roles) + 1
        assert all(one.status in {OrderStatus.ACCEPTED, OrderStatus.WORKING} for one in (found, *found.legs)), text
    assert len(side.there.orders) == sum(len(legs_of(order(text))) for text, _ in side.groups)


async def test_a_group_whose_answer_was_lost_is_found_whole_and_one_that_never_arrived_is_not(side: Side) -> None:
    for text, _ in side.groups[:1]:  # E*TRADE has none
        taken, lost = f"sm-{uuid4()}", f"sm-{uuid4()}"
        for client_id, fault in ((taken, "accept-504"), (lost, "drop")):
            side.fault("submit", fault)
            with pytest.raises(VendorFailure):
                await side.submit(client_id, order(text if client_id == taken else text.replace(" 7 ", " 8 ")))
        found = await side.broker.find(taken)
        assert found is not None
        assert {one.client_order_id for one in found.legs} == {leg_id(taken, "target"), leg_id(taken, "stop")}
        assert await side.broker.find(lost) is None
        assert len(side.there.orders) == 3


async def test_what_the_broker_does_not_take_is_refused_in_words(side: Side) -> None:
    assert side.refusals(order("buy 1 AAPL")) == []
    for text, words in side.refused.items():
        [said] = side.refusals(order(text))
        assert words in said, text
        assert said.endswith("."), text


async def test_an_unknown_id_is_none_and_a_known_one_is_found(side: Side) -> None:
    assert await side.broker.find("sm-nothing") is None
    await side.submit("sm-2", order("buy 10 AAPL"))
    side.fill("sm-2", "4", "100.50")
    found = await side.broker.find("sm-2")
    assert found is not None
    assert (found.client_order_id, found.filled_qty, found.avg_price) == ("sm-2", Decimal(4), Decimal("100.5"))
    assert found.status in {OrderStatus.PARTIAL, OrderStatus.WORKING}


async def test_the_same_id_twice_is_one_order_where_orders_may_be_repeated(side: Side) -> None:
    first = await side.submit("sm-3", order("buy 10 AAPL"))
    if side.broker.repeatable:
        assert (await side.submit("sm-3", order("buy 10 AAPL"))).broker_order_id == first.broker_order_id
    assert len(side.there.orders) == 1


async def test_who_let_go_of_its_connections_may_ask_again(side: Side) -> None:
    await side.broker.close()  # there are none yet
    assert (await side.broker.read_book()).open_orders == ()
    await side.broker.close()
    await side.broker.close()
    assert (await side.broker.read_book()).open_orders == ()


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_certain_no_is_a_refusal_with_the_brokers_reason(side: Side, status: int) -> None:
    side.fault("submit", status)
    with pytest.raises(OrderRefused) as refusal:
        await side.submit("sm-4", order("buy 10 AAPL"))
    assert "a fault of the test" in refusal.value.text
    assert len(side.there.posts) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (408, "broken"),
        (429, "rate_limited"),
        (500, "broken"),
        (504, "broken"),
        ("hang", "unreachable"),
        ("drop", "unreachable"),
        ("garbage", "garbage"),
        ("empty", "garbage"),
        ("html-403", "refused"),
        ("accept-504", "broken"),
        ("accept-drop", "unreachable"),
    ],
)
async def test_anything_uncertain_leaves_the_order_in_doubt_and_is_sent_once(side: Side, fault: Any, kind: str) -> None:
    side.fault("submit", fault)
    with pytest.raises(VendorFailure) as failure:
        await side.submit("sm-5", order("buy 10 AAPL"))
    assert failure.value.kind == side.kind(kind)
    assert len(side.there.posts) == 1
    assert not [secret for secret in side.secrets if secret in failure.value.text]


@pytest.mark.parametrize("how", ["paused", "told to wait", "too often", "nobody there", "nobody there any more"])
async def test_an_order_that_certainly_never_left_is_in_no_doubt(
    side: Side, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how != "nobody there":
        await side.broker.read_book()
    line = side.broker._line  # type: ignore[attr-defined]
    kind = {"too often": "rate_limited", "told to wait": "rate_limited"}.get(how, "unreachable")
    if how == "paused":
        kind = how
        for _ in range(BREAKER_THRESHOLD):
            with pytest.raises(VendorFailure):
                await line.send(_fail)
    elif how == "told to wait":
        with pytest.raises(VendorFailure):
            await line.send(_wait)
    elif how == "too often":
        monkeypatch.setattr("starkmatter.egress.line.WAIT_FOR_TURN_SECS", 0.05)
        line._bucket = AsyncLimiter(1, 3600)
        await line._bucket.acquire()
    else:
        side.vanish()
    side.sent.note("sm-6", order("buy 10 AAPL"))
    with pytest.raises(OrderUnsent) as unsent:
        await side.broker.submit("sm-6", order("buy 10 AAPL"))
    assert isinstance(unsent.value.cause, VendorFailure)
    assert unsent.value.cause.kind == kind
    assert (side.there.posts, side.there.orders) == ([], {})
    assert not [secret for secret in side.secrets if secret in unsent.value.text]


@pytest.mark.parametrize("fault", ["accept-504", "accept-drop"])
async def test_an_order_whose_answer_was_lost_is_found_and_one_that_never_arrived_is_not(
    side: Side, fault: str
) -> None:
    for client_id, how in (("sm-taken", fault), ("sm-lost", "drop")):
        side.fault("submit", how)
        request = order("buy 10 AAPL @ 99.50 gtc" if client_id == "sm-taken" else "buy 11 AAPL @ 99.50 gtc")
        with pytest.raises(VendorFailure):
            await side.submit(client_id, request)
    found = await side.broker.find("sm-taken")
    assert found is not None
    assert (found.client_order_id, found.symbol, found.side) == ("sm-taken", "AAPL", "buy")
    assert await side.broker.find("sm-lost") is None
    assert len(side.there.orders) == 1


async def test_of_orders_that_look_alike_none_is_taken_and_others_are_never_meant(side: Side) -> None:
    if side.by_our_id:
        return  # It is asked by our id, which is nobody else's.
    other = order("buy 10 AAPL @ 99.50 gtc")
    await side.submit("sm-other", other)  # one of ours, the same to the last term, whose number is known
    for text in (
        "buy 10 AAPL @ 99.51 gtc",
        "buy 10 AAPL @ 99.50",
        "sell 10 AAPL @ 99.50 gtc",
        "buy 10 MSFT @ 99.50 gtc",
    ):
        await side.submit(f"sm-{text}", order(text))
        number = side.number(f"sm-{text}")
        side.sent.attempts.pop(f"sm-{text}")  # entered by somebody else
        assert number in side.there.orders
    side.there.fault("submit", "drop")
    with pytest.raises(VendorFailure):
        await side.submit("sm-doubt", other)
    assert await side.broker.find("sm-doubt") is None
    # By hand, long before and long after: not this attempt.
    for apart in (timedelta(minutes=-2), timedelta(minutes=4)):
        old = await side.submit("sm-old", other)
        side.sent.attempts.pop("sm-old")
        side.there.orders[old.broker_order_id].entered_at = utc_now() + apart
    assert await side.broker.find("sm-doubt") is None
    for number in range(2):
        twin = await side.submit(f"sm-twin-{number}", other)
        side.sent.attempts.pop(f"sm-twin-{number}")
        if number == 0:
            found = await side.broker.find("sm-doubt")
            assert found is not None
            assert (found.broker_order_id, found.client_order_id) == (twin.broker_order_id, "sm-doubt")
    with pytest.raises(SeveralAlike) as alike:
        await side.broker.find("sm-doubt")
    assert len(alike.value.found) == 2
    assert "2 orders" in alike.value.text


@pytest.mark.parametrize(("fault", "kind"), LOST)
async def test_a_book_of_which_a_part_is_missing_is_no_book(side: Side, fault: Any, kind: str) -> None:
    for what in side.parts:
        with SIDES[side.name]() as fresh:
            await fresh.begin()
            fresh.fault(what, fault)
            with pytest.raises(VendorFailure) as failure:
                await fresh.broker.read_book()
            assert failure.value.kind == side.kind(kind), what


@pytest.mark.parametrize("fault", [429, 500, "hang", "drop", "garbage", "empty", "html-403"])
async def test_an_order_that_cannot_be_asked_for_is_not_called_absent(side: Side, fault: Any) -> None:
    await side.submit("sm-known", order("buy 10 AAPL"))
    side.sent.note("sm-doubt", order("buy 11 AAPL"))
    for kind, client_id in zip(side.looks, ("sm-known", "sm-doubt"), strict=False):
        with SIDES[side.name]() as fresh:
            fresh.sent.attempts = side.sent.attempts
            side.hand_over(fresh)
            await fresh.broker.read_book()
            fresh.fault(kind, fault)
            with pytest.raises(VendorFailure):
                await fresh.broker.find(client_id)


async def test_a_fill_whose_price_is_not_told_yet_has_not_ended_the_order(side: Side) -> None:
    if side.by_our_id:
        return  # It tells price and quantity at once.
    await side.submit("sm-10", order("buy 10 AAPL"))
    side.fill("sm-10", "10", "100.25")
    side.there.late_parts = True
    early = await side.broker.find("sm-10")
    assert early is not None
    assert (early.status, early.filled_qty, early.avg_price) == (OrderStatus.WORKING, Decimal(0), None)
    side.there.late_parts = False
    found = await side.broker.find("sm-10")
    assert found is not None
    assert (found.status, found.filled_qty, found.avg_price) == (OrderStatus.FILLED, Decimal(10), Decimal("100.25"))


async def test_a_cancel_is_asked_for_and_refused_when_it_is_too_late(side: Side) -> None:
    taken = await side.submit("sm-7", order("buy 10 AAPL @ 90.00 gtc"))
    await side.broker.cancel(taken.broker_order_id)
    found = await side.broker.find("sm-7")
    assert found is not None
    assert found.status is OrderStatus.CANCELED
    with pytest.raises(CancelRefused):
        await side.broker.cancel(taken.broker_order_id)


async def test_activities_come_with_their_kind_and_sign_over_all_pages(side: Side) -> None:
    expected = side.activities()
    found = await side.broker.activities(LONG_AGO)
    assert [(str(one.kind), one.cash) for one in found] == expected
    assert len({one.id for one in found}) == len(found)


async def test_the_stream_tells_of_orders_and_of_its_end(side: Side) -> None:
    heard: list[BrokerOrder] = []
    connected = asyncio.Event()

    async def on_order(report: BrokerOrder) -> None:
        heard.append(report)

    async def on_connected() -> None:
        connected.set()

    listening = asyncio.create_task(side.broker.listen(on_order, on_connected))
    await asyncio.wait_for(connected.wait(), 10)
    await side.submit("sm-8", order("buy 10 AAPL"))
    side.fill("sm-8", "10", "100.25")
    while not heard or heard[-1].status is not OrderStatus.FILLED:
        await asyncio.sleep(0.01)
    assert (heard[-1].filled_qty, heard[-1].avg_price) == (Decimal(10), Decimal("100.25"))
    assert {one.client_order_id for one in heard} == {"sm-8"}
    side.drop_stream()
    with pytest.raises(VendorFailure) as failure:
        await asyncio.wait_for(listening, 10)
    assert failure.value.kind == "unreachable"


async def test_wrong_keys_are_refused_by_rest_and_stream(side: Side) -> None:
    wrong = side.wrong()

    async def nothing(*_: Any) -> None:
        raise AssertionError("must not be called")

    for call in (wrong.read_book(), wrong.listen(nothing, nothing)):
        with pytest.raises(side.wrong_is) as failure:
            await call
        assert getattr(failure.value, "kind", failure.value.code) == "refused"
        assert not [secret for secret in side.secrets if secret in failure.value.text]


async def test_every_word_for_a_state_is_understood_and_a_new_one_is_unknown(side: Side) -> None:
    await side.submit("sm-9", order("buy 10 AAPL"))
    side.fill("sm-9", "10", "100.00")
    for word in (*side.statuses, "made_up"):
        side.say("sm-9", word)
        found = await side.broker.find("sm-9")
        assert found is not None
        assert found.status is side.statuses.get(word, OrderStatus.UNKNOWN), word
        assert found.status_text == word
