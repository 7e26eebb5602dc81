"""What every broker's adapter must do, through its real SDK against its stand-in on loopback.

A new broker adds one entry to `BROKERS`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from starkmatter.accounts.vault import Secrets
from starkmatter.domain.orders import OrderStatus
from starkmatter.egress.failures import VendorFailure
from starkmatter.settings import load_settings
from starkmatter.trading.brokers import alpaca
from starkmatter.trading.brokers.alpaca import STATUSES, AlpacaBroker
from starkmatter.trading.ports import Broker, BrokerOrder, CancelRefused, OrderRefused
from tests.builders import order
from tests.standins.alpaca_trading import KEY_ID, SECRET, AlpacaTrading, alpaca_trading

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Side:
    """An adapter and the stand-in it talks to."""

    broker: Broker
    there: AlpacaTrading


@contextmanager
def at_alpaca() -> Iterator[Side]:
    with alpaca_trading(hang_secs=0.6) as there:
        settings = load_settings({"STARKMATTER_VENDOR_URLS": there.urls})
        yield Side(AlpacaBroker(settings, Secrets({"key_id": KEY_ID, "secret": SECRET}), tries=1), there)


BROKERS: dict[str, Callable[[], AbstractContextManager[Side]]] = {"alpaca": at_alpaca}


@pytest.fixture(params=BROKERS, autouse=True)
async def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Side]:
    monkeypatch.setattr(alpaca, "READ_SECS", 0.3)
    with BROKERS[request.param]() as opened:
        yield opened


async def test_the_book_has_cash_positions_and_open_orders(side: Side) -> None:
    side.there.positions["AAPL"] = (Decimal(10), Decimal("1500.25"))
    side.there.prices["AAPL"] = Decimal("151.5")
    await side.broker.submit("sm-1", order("buy 5 MSFT @ 200.10 gtc"))
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


async def test_an_order_goes_out_with_our_id_and_exact_figures(side: Side) -> None:
    taken = await side.broker.submit("sm-exact", order("sell 7 AAPL @ 101.37 gtc"))
    assert taken.status in {OrderStatus.ACCEPTED, OrderStatus.WORKING}
    [sent] = side.there.posts
    assert sent["client_order_id"] == "sm-exact"
    assert (Decimal(str(sent["qty"])), Decimal(str(sent["limit_price"]))) == (Decimal(7), Decimal("101.37"))
    assert (sent["side"], sent["time_in_force"]) == ("sell", "gtc")


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("buy 7 AAPL stp=101.37 gtc", {"type": "stop", "qty": "7", "stop_price": "101.37", "time_in_force": "gtc"}),
        ("sell 7 AAPL @ 98 stp=99", {"type": "stop_limit", "limit_price": "98", "stop_price": "99"}),
        ("sell 7 AAPL trl=1.25", {"type": "trailing_stop", "trail_price": "1.25"}),
        ("sell 7 AAPL pct=2.5 gtc", {"type": "trailing_stop", "trail_percent": "2.5"}),
        ("buy 7 AAPL ioc", {"type": "market", "time_in_force": "ioc"}),
        ("buy 7 AAPL @ 99 fok", {"type": "limit", "time_in_force": "fok", "limit_price": "99"}),
        ("buy 7 AAPL opg", {"type": "market", "time_in_force": "opg"}),
        ("sell 7 AAPL @ 99 cls", {"type": "limit", "time_in_force": "cls"}),
        ("buy 7 AAPL @ 99 ext", {"type": "limit", "time_in_force": "day", "extended_hours": "True"}),
        ("buy 0 AAPL usd=250.50", {"type": "market", "notional": "250.5"}),
        ("buy 0.125 AAPL @ 99", {"type": "limit", "qty": "0.125"}),
    ],
)
async def test_every_kind_of_order_goes_out_in_the_brokers_words(side: Side, text: str, wire: dict[str, str]) -> None:
    await side.broker.submit("sm-kind", order(text))
    [sent] = side.there.posts
    figures = {"qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent", "extended_hours"}
    for name, value in wire.items():
        assert str(sent[name]).removesuffix(".0") == value
    assert (figures & sent.keys()) - wire.keys() <= {"qty", "limit_price"}
    assert ("qty" in sent) == ("notional" not in sent)


async def test_an_unknown_id_is_none_and_a_known_one_is_found(side: Side) -> None:
    assert await side.broker.find("sm-nothing") is None
    await side.broker.submit("sm-2", order("buy 10 AAPL"))
    side.there.fill("sm-2", "4", "100.50")
    found = await side.broker.find("sm-2")
    assert found is not None
    assert (found.status, found.filled_qty, found.avg_price) == (OrderStatus.PARTIAL, Decimal(4), Decimal("100.5"))


async def test_the_same_id_twice_is_one_order(side: Side) -> None:
    first = await side.broker.submit("sm-3", order("buy 10 AAPL"))
    second = await side.broker.submit("sm-3", order("buy 10 AAPL"))
    assert first.broker_order_id == second.broker_order_id
    assert len(side.there.orders) == 1


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_certain_no_is_a_refusal_with_the_brokers_reason(side: Side, status: int) -> None:
    side.there.fault("submit", status)
    with pytest.raises(OrderRefused) as refusal:
        await side.broker.submit("sm-4", order("buy 10 AAPL"))
    assert "a fault of the test" in refusal.value.text


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
    side.there.fault("submit", fault)
    with pytest.raises(VendorFailure) as failure:
        await side.broker.submit("sm-5", order("buy 10 AAPL"))
    assert failure.value.kind == kind
    assert len(side.there.posts) == 1
    assert SECRET not in failure.value.text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (429, "rate_limited"),
        (503, "broken"),
        ("hang", "unreachable"),
        ("drop", "unreachable"),
        ("garbage", "garbage"),
        ("empty", "garbage"),
        ("html-403", "refused"),
    ],
)
@pytest.mark.parametrize("what", ["account", "positions", "orders"])
async def test_a_book_of_which_a_part_is_missing_is_no_book(side: Side, what: str, fault: Any, kind: str) -> None:
    side.there.fault(what, fault)
    with pytest.raises(VendorFailure) as failure:
        await side.broker.read_book()
    assert failure.value.kind == kind


@pytest.mark.parametrize("fault", [429, 500, "hang", "drop", "garbage", "empty", "html-403"])
async def test_an_order_that_cannot_be_asked_for_is_not_called_absent(side: Side, fault: Any) -> None:
    side.there.fault("find", fault)
    with pytest.raises(VendorFailure):
        await side.broker.find("sm-6")


async def test_a_cancel_is_asked_for_and_refused_when_it_is_too_late(side: Side) -> None:
    taken = await side.broker.submit("sm-7", order("buy 10 AAPL @ 90.00 gtc"))
    await side.broker.cancel(taken.broker_order_id)
    found = await side.broker.find("sm-7")
    assert found is not None
    assert found.status is OrderStatus.CANCELED
    with pytest.raises(CancelRefused):
        await side.broker.cancel(taken.broker_order_id)


async def test_activities_come_with_their_kind_and_sign_over_all_pages(side: Side) -> None:
    words = {"FEE": "-0.02", "DIV": "12.40", "CSD": "500", "CSW": "-100", "ACATS": "0", "INT": "0.11"}
    side.there.activities = [
        {"id": f"{number:03}::{word}", "activity_type": word, "net_amount": cash, "date": "2026-11-24", "status": "x"}
        for number in range(40)
        for word, cash in words.items()
    ]
    found = await side.broker.activities(LONG_AGO)
    assert len(found) == len({one.id for one in found}) == 240
    assert [(one.kind, one.cash) for one in found[:6]] == [
        ("fee", Decimal("-0.02")),
        ("dividend", Decimal("12.40")),
        ("deposit", Decimal(500)),
        ("withdrawal", Decimal(-100)),
        ("other", Decimal(0)),
        ("interest", Decimal("0.11")),
    ]


async def test_the_stream_tells_of_orders_and_of_its_end(side: Side) -> None:
    heard: list[BrokerOrder] = []
    connected = asyncio.Event()

    async def on_order(report: BrokerOrder) -> None:
        heard.append(report)

    async def on_connected() -> None:
        connected.set()

    listening = asyncio.create_task(side.broker.listen(on_order, on_connected))
    await asyncio.wait_for(connected.wait(), 10)
    await side.broker.submit("sm-8", order("buy 10 AAPL"))
    side.there.fill("sm-8", "10", "100.25")
    while not heard or heard[-1].status is not OrderStatus.FILLED:
        await asyncio.sleep(0.01)
    assert (heard[-1].filled_qty, heard[-1].avg_price) == (Decimal(10), Decimal("100.25"))
    side.there.drop_stream()
    with pytest.raises(VendorFailure) as failure:
        await asyncio.wait_for(listening, 10)
    assert failure.value.kind == "unreachable"


async def test_wrong_keys_are_refused_by_rest_and_stream(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = AlpacaBroker(
        load_settings({"STARKMATTER_VENDOR_URLS": side.there.urls}), Secrets({"key_id": "PKWRONG", "secret": "no"})
    )

    async def nothing(*_: Any) -> None:
        raise AssertionError("must not be called")

    for call in (wrong.read_book(), wrong.listen(nothing, nothing)):
        with pytest.raises(VendorFailure) as failure:
            await call
        assert failure.value.kind == "refused"


@pytest.mark.parametrize("word", [*STATUSES, "made_up"])
async def test_every_word_for_a_state_is_understood_and_a_new_one_is_unknown(side: Side, word: str) -> None:
    await side.broker.submit("sm-9", order("buy 10 AAPL"))
    side.there.orders["sm-9"]["status"] = word
    found = await side.broker.find("sm-9")
    assert found is not None
    assert (found.status is OrderStatus.UNKNOWN) == (word == "made_up")
    assert found.status_text == word
