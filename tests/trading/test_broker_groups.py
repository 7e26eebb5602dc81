"""Groups at real brokers: sent as one, found as one, in doubt as one, and followed to the end, each order by itself."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.orders import OrderRequest, StopLoss, TakeProfit
from starkmatter.errors import Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.brokered import leg_id
from starkmatter.trading.brokers import catalog, ib, schwab
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import list_orders, order_events
from starkmatter.trading.records import OrderView
from starkmatter.trading.replace import cancel_before_replacing
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, order
from tests.standins import schwab as schwab_standin
from tests.standins.alpaca_trading import alpaca_trading
from tests.standins.ib import tws
from tests.trading.broker_desk import ALPACA_KEYS, BrokerSeat, eventually, make_seat


@dataclass(frozen=True)
class At:
    """A broker and how its stand-in is spoken to: `number` finds an order of ours in its book by ours and its role."""

    opened: Callable[[], Any]
    name: str
    keys: Callable[[Any], dict[str, str]]
    hide: frozenset[str]
    number: Callable[[Any, OrderView, str], str]
    lost: tuple[str, ...]
    never: str
    repeats: bool = True


def _at_alpaca(there: Any, first: OrderView, role: str) -> str:
    entry = "target" if there.orders[first.client_order_id]["order_class"] == "oco" else "entry"
    return first.client_order_id if role == entry else there.leg(first.client_order_id, _KINDS[role])


_KINDS = {"target": "limit", "stop": "stop"}


def _by_reference(there: Any, first: OrderView, role: str) -> str:
    entry = "target" if first.role == "target" else "entry"
    wanted = first.client_order_id if role == entry else leg_id(first.client_order_id, role)  # type: ignore[arg-type]
    return next(one.number for one in there.orders.values() if one.asked["ref"] == wanted)


def _by_place(there: Any, first: OrderView, role: str) -> str:
    """The newest of its kind: these stand-ins keep no id of ours."""
    wanted = {"entry": "BUY", "target": "LIMIT", "stop": "STOP"}[role]
    for one in reversed(list(there.orders.values())):
        side = one.asked["orderLegCollection"][0]["instruction"]
        if wanted == side or (side == "SELL" and one.asked["orderType"].startswith(wanted)):
            return str(one.number)
    raise AssertionError(role)


BROKERS = {
    "alpaca": At(
        alpaca_trading,
        "alpaca",
        lambda _: ALPACA_KEYS,
        frozenset(ALPACA_KEYS),
        _at_alpaca,
        ("accept-504", "accept-drop"),
        "drop",
    ),
    "ib": At(
        tws, "ib", lambda there: there.keys, frozenset(), _by_reference, ("accept-hang", "accept-drop"), "drop", False
    ),
    "schwab": At(
        schwab_standin.schwab,
        "schwab",
        lambda _: schwab_standin.SIGNED_IN,
        frozenset({"key", "secret", "refresh_token"}),
        _by_place,
        ("accept-504", "accept-drop"),
        "drop",
        False,
    ),
}


@pytest.fixture(params=BROKERS)
def at(request: pytest.FixtureRequest) -> At:
    return BROKERS[request.param]


@pytest.fixture
def there(at: At) -> Iterator[Any]:
    with at.opened() as broker:
        if at.name == "ib":
            broker.urls = {}
        yield broker


@dataclass
class GroupSeat:
    """Somebody at the broker, with the orders of a group by their roles."""

    seat: BrokerSeat
    at: At

    async def send(self, request: OrderRequest) -> OrderView:
        seat = self.seat
        return await submit_order(
            seat.b, seat.caller, seat.account_id, request, f"key-{uuid4()}", acknowledged=ALL_READ
        )

    async def orders(self, first: OrderView) -> dict[str, OrderView]:
        seat = self.seat
        found = await list_orders(seat.b, seat.caller, seat.account_id)
        return {str(one.role): one for one in found if one.group_id == first.id}

    async def states(self, first: OrderView) -> dict[str, str]:
        return {role: str(one.status) for role, one in (await self.orders(first)).items()}

    async def until(self, first: OrderView, **wanted: str) -> None:
        """Each order named has one of the states named, a stroke between them."""

        async def there_yet() -> bool:
            states = await self.states(first)
            return all(states[role] in state.split("|") for role, state in wanted.items())

        try:
            await eventually(there_yet, str(wanted))
        except AssertionError as error:
            raise AssertionError(f"{error}; they are {await self.states(first)}, {await self.seat.status()}") from None

    def fill(self, first: OrderView, role: str, qty: str, price: str, **more: Any) -> None:
        self.seat.there.fill(self.at.number(self.seat.there, first, role), qty, price, **more)

    async def same_books(self) -> None:
        seat = self.seat

        async def equal() -> bool:
            return (await get_account(seat.b, seat.caller, seat.account_id)).cash == seat.there.cash

        await eventually(equal, "equal cash")
        held = {one.symbol: one.qty for one in await list_positions(seat.b, seat.caller, seat.account_id) if one.qty}
        assert held == {symbol: qty for symbol, (qty, _) in seat.there.positions.items()}
        assert (await seat.status()).differences == []
        await seat.books_add_up()


@pytest.fixture
async def groups(
    database: Database, cache: Redis, tmp_path: Path, at: At, there: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GroupSeat]:
    with quick(monkeypatch):
        keys = at.keys(there)
        yield GroupSeat(await make_seat(database, cache, tmp_path, there, broker=at.name, keys=keys, hide=at.hide), at)


@contextmanager
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Brokers that hurry."""
    monkeypatch.setattr(ib, "READ_SECS", 0.5)
    monkeypatch.setattr(ib, "CONNECT_SECS", 0.5)
    monkeypatch.setattr(schwab, "POLL_SECS", 0.1)
    monkeypatch.setattr(schwab, "PER_MIN", 6000.0)
    monkeypatch.setattr(schwab.SchwabBroker, "live", False)
    monkeypatch.setitem(catalog.MODES, "schwab", lambda _: "paper")
    yield


def bracket(text: str, target: str | None = "110", stop: str | None = "90", limit: str | None = None) -> OrderRequest:
    return replace(
        order(text),
        order_class="bracket" if target and stop else "oto",
        take_profit=TakeProfit(Decimal(target)) if target else None,
        stop_loss=StopLoss(Decimal(stop), Decimal(limit) if limit else None) if stop else None,
    )


def oco(text: str, stop: str = "90") -> OrderRequest:
    return replace(order(text), order_class="oco", stop_loss=StopLoss(Decimal(stop)))


OPEN = "accepted|working"


async def test_a_bracket_is_three_orders_there_and_its_target_ends_its_stop(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL @ 100.00 gtc"))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
        assert not any(one.held for one in (await groups.orders(first)).values())
        assert len(groups.seat.there.orders) == 3
        groups.fill(first, "entry", "10", "99.90")
        await groups.until(first, entry="filled")
        aside = await groups.seat.b.db.value("SELECT reserved_qty FROM holding WHERE symbol = 'AAPL'", ())
        assert aside == Decimal(10)
        await groups.seat.books_add_up()
        groups.fill(first, "target", "4", "110.00")
        await groups.until(first, target="partial")
        await groups.seat.books_add_up()
        groups.fill(first, "target", "6", "110.50")
        await groups.until(first, entry="filled", target="filled", stop="canceled")
        await groups.same_books()
    account = await get_account(groups.seat.b, groups.seat.caller, groups.seat.account_id)
    assert (account.cash, account.reserved) == (Decimal("100104"), 0)


async def test_the_stop_of_a_bracket_protects(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL", limit="89"))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
        groups.fill(first, "entry", "10", "100")
        await groups.until(first, entry="filled")
        groups.fill(first, "stop", "10", "89.50")
        await groups.until(first, stop="filled", target="canceled")
        await groups.same_books()


@pytest.mark.parametrize(("target", "stop"), [("110", None), (None, "90")])
async def test_an_oto_has_one_way_out(groups: GroupSeat, target: str | None, stop: str | None) -> None:
    role = "target" if target else "stop"
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL @ 100.00 gtc", target, stop))
        await groups.until(first, **{"entry": OPEN, role: OPEN})
        assert len(groups.seat.there.orders) == 2
        groups.fill(first, "entry", "10", "100")
        await groups.until(first, entry="filled")
        groups.fill(first, role, "10", "105")
        await groups.until(first, **{role: "filled"})
        await groups.same_books()


async def test_an_oco_shares_its_shares(groups: GroupSeat) -> None:
    groups.seat.there.positions["AAPL"] = (Decimal(10), Decimal(1000))
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(oco("sell 10 AAPL @ 110 gtc"))
        await groups.until(first, target=OPEN, stop=OPEN)
        assert len(groups.seat.there.orders) == 2
        await groups.seat.books_add_up()
        groups.fill(first, "stop", "10", "89.95")
        await groups.until(first, stop="filled", target="canceled")
        await groups.same_books()


async def test_an_order_of_a_group_is_not_moved_by_another_in_its_place(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
        for one in (await groups.orders(first)).values():
            with pytest.raises(Refused, match="Cancel the group"):
                await cancel_before_replacing(groups.seat.b, groups.seat.caller, one.id, Decimal(0))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)


async def test_an_entry_that_is_canceled_takes_its_ways_out_with_it(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
        await cancel_order(groups.seat.b, groups.seat.caller, first.id)
        await groups.until(first, entry="canceled", target="canceled", stop="canceled")
        await groups.same_books()


async def test_a_group_whose_answer_got_lost_is_one_group(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        for lost in groups.at.lost:
            before = len(groups.seat.there.orders)
            groups.seat.there.fault("submit", lost)
            first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
            await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
            assert len(groups.seat.there.orders) == before + 3
            seen = {role: [] for role in ("entry", "target", "stop")}  # type: dict[str, list[str]]
            for role, one in (await groups.orders(first)).items():
                events = await order_events(groups.seat.b, groups.seat.caller, one.id)
                seen[role] = [str(event.status) for event in events[:3]]
            # The entry may be heard of on the stream before its answer is missed.
            assert seen["target"] == seen["stop"] == ["pending_submit", "submitting", "unknown"], seen
            groups.fill(first, "entry", "10", "95")
            await groups.until(first, entry="filled")
            groups.fill(first, "target", "10", "110")
            await groups.until(first, target="filled", stop="canceled")
        await groups.same_books()


async def test_a_group_that_never_arrived_is_one_group_or_none(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        groups.seat.there.fault("submit", groups.at.never)
        first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
        if groups.at.repeats:
            await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
            assert len(groups.seat.there.orders) == 3
        else:
            await groups.until(first, entry="not_sent", target="not_sent", stop="not_sent")
            assert len(groups.seat.there.orders) == 0
        await groups.same_books()
        account = await get_account(groups.seat.b, groups.seat.caller, groups.seat.account_id)
        assert account.reserved == (Decimal(950) if groups.at.repeats else 0)


async def test_a_refused_group_is_refused_whole(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        groups.seat.there.fault("submit", "reject" if groups.at.name == "ib" else 422)
        first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
        await groups.until(first, entry="rejected", target="rejected", stop="rejected")
        assert len(groups.seat.there.orders) == 0
        assert "a fault of the test" in str((await groups.orders(first))["stop"].reject_reason)
        await groups.same_books()


async def test_what_happened_to_a_group_while_nobody_listened_is_made_good(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
        first = await groups.send(bracket("buy 10 AAPL @ 100.00 gtc"))
        await groups.until(first, entry=OPEN, target=OPEN, stop=OPEN)
    groups.fill(first, "entry", "10", "99.90")
    groups.fill(first, "stop", "10", "90")
    async with groups.seat.house():
        await groups.until(first, entry="filled", target="canceled", stop="filled")
        await groups.seat.until_state("ready")
        await groups.same_books()


async def test_a_part_that_is_taken_back_before_it_was_sent_takes_the_group_back(groups: GroupSeat) -> None:
    async with groups.seat.house():
        await groups.seat.until_state("ready")
    first = await groups.send(bracket("buy 10 AAPL @ 95.00 gtc"))
    await cancel_order(groups.seat.b, groups.seat.caller, (await groups.orders(first))["stop"].id)
    async with groups.seat.house():
        await groups.until(first, entry="not_sent", target="not_sent", stop="not_sent")
    assert len(groups.seat.there.posts) == 0
    await groups.same_books()
