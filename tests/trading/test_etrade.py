"""What only E*TRADE does: a preview before each order, a token that sleeps, pages, a sandbox beside the real thing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from starkmatter.accounts.vault import Secrets
from starkmatter.settings import load_settings
from starkmatter.trading.brokers import catalog
from starkmatter.trading.brokers.etrade import ETradeBroker
from starkmatter.trading.brokers.etrade_session import ORIGIN, SANDBOX, origin_of
from starkmatter.trading.brokers.etrade_sign_in import next_midnight
from starkmatter.trading.brokers.etrade_words import client_id
from starkmatter.trading.ports import OrderRefused, OrderUnsent
from tests.builders import order
from tests.standins.etrade import SIGNED_IN, TOKEN, ETrade, etrade
from tests.trading.sides import InMemory


@pytest.fixture
def there() -> Iterator[ETrade]:
    with etrade() as broker:
        yield broker


def broker_at(there: ETrade, **changes: str) -> ETradeBroker:
    settings = load_settings({"STARKMATTER_VENDOR_URLS": there.urls})
    return ETradeBroker(settings, Secrets(SIGNED_IN | changes), InMemory(), tries=1)


async def test_what_the_preview_refuses_is_never_placed(there: ETrade) -> None:
    broker = broker_at(there)
    there.fault("preview", 400)
    with pytest.raises(OrderRefused, match="a fault of the test"):
        await broker.submit("sm-1", order("buy 1 AAPL"))
    for fault in (500, "drop", "garbage", "html-403"):
        there.fault("preview", fault)
        with pytest.raises(OrderUnsent):
            await broker.submit("sm-1", order("buy 1 AAPL"))
    assert (there.posts, there.orders) == ([], {})


async def test_an_order_whose_preview_is_the_last_that_the_line_takes_has_not_left(
    there: ETrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_at(there)
    await broker.read_book()
    send = broker._send

    async def send_one(method: str, path: str, body: Mapping[str, Any], *, placing: bool = False) -> Mapping[str, Any]:
        answer = await send(method, path, body, placing=placing)
        broker._line._quiet_until = float("inf")
        return answer

    monkeypatch.setattr(broker, "_send", send_one)
    with pytest.raises(OrderUnsent):
        await broker.submit("sm-1", order("buy 1 AAPL"))
    assert (len(there.previews), there.posts) == (1, [])


async def test_preview_and_order_are_the_same_and_carry_one_id_of_twenty_characters(there: ETrade) -> None:
    await broker_at(there).submit("sm-1", order("buy 3 AAPL @ 99.10 gtc"))
    [placed] = there.posts
    [previewed] = there.previews.values()
    assert {name: placed[name] for name in previewed} == previewed
    assert placed["clientOrderId"] == client_id("sm-1") != client_id("sm-2")
    assert len(placed["clientOrderId"]) == 20
    assert placed["clientOrderId"].isalnum()


async def test_a_token_that_sleeps_is_woken_and_the_question_asked_again(there: ETrade) -> None:
    broker = broker_at(there)
    there.asleep.add(TOKEN)
    assert (await broker.read_book()).cash == there.cash
    assert there.asked.count("/oauth/renew_access_token") == 1


async def test_orders_come_over_all_pages(there: ETrade) -> None:
    there.page_size = 2
    broker = broker_at(there)
    for number in range(5):
        await broker.submit(f"sm-{number}", order(f"buy {number + 1} AAPL @ 90.00 gtc"))
    book = await broker.read_book()
    assert len({one.broker_order_id for one in book.open_orders}) == 5


def test_sandbox_and_real_money_are_two_places_and_two_modes(there: ETrade) -> None:
    for environment, origin, mode in (("sandbox", SANDBOX, "paper"), ("live", ORIGIN, "live")):
        broker = broker_at(there, environment=environment)
        assert origin_of({"environment": environment}) == origin
        assert broker.live is (mode == "live")
        assert catalog.MODES["etrade"]({"environment": environment}) == mode


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-26T17:00:00", "2026-11-27T05:00:00"),
        ("2026-11-27T04:59:59", "2026-11-27T05:00:00"),
        ("2026-03-08T04:00:00", "2026-03-08T05:00:00"),
        ("2026-03-08T12:00:00", "2026-03-09T04:00:00"),
    ],
)
def test_a_sign_in_ends_at_midnight_in_new_york(now: str, until: str) -> None:
    ends = next_midnight(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert ends.astimezone(UTC).replace(tzinfo=None).isoformat() == until
