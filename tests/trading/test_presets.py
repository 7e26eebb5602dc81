"""Each account trades by the rules of its preset, and no history of orders takes its cash below zero."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.fees import IB_FIXED
from starkmatter.domain.presets import PRESETS
from starkmatter.errors import Conflict, InvalidInput, Refused
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.opening import open_account
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_order, list_fills, list_orders
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, OPENS_AT, Desk, make_desk, order, quote

CENT = Decimal("0.01")


async def send(desk: Desk, text: str, number: int = 1):
    key = f"key-{number:08d}"
    return await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)


@pytest.mark.parametrize(
    ("preset", "price", "fees"),
    [
        ("frictionless", "100.03", "0"),
        ("alpaca", "100.05", "0.01"),
        ("realistic", "100.05", "0"),
        ("harsh", None, "1.01"),
    ],
)
async def test_an_account_fills_by_its_own_preset(
    preset: str, price: str | None, fees: str, database: Database, cache: Redis
) -> None:
    desk = await (await make_desk(database, cache)).person(preset=preset)
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    for secs in range(1, 30):  # a part of it at a time, where the preset has that happen now and then
        await desk.tell(quote("AAPL 100.00/100.05", at=OPENS_AT + timedelta(seconds=secs)))
    fills = await list_fills(desk.b, desk.caller, order_id=placed.id)
    stamp = PRESETS[preset].stamp
    assert {(one.preset, one.receipt["preset"]) for one in fills} == {(stamp, stamp)}
    assert set(fills[0].receipt["alternatives"]) == set(PRESETS) - {preset}
    assert sum(one.fees for one in fills) == Decimal(fees)
    assert price is None or {one.price for one in fills} == {Decimal(price)}
    account = await get_account(desk.b, desk.caller, desk.account_id)
    assert (account.preset, account.reserved) == (stamp, 0)
    assert await check_books(database) == []


async def test_a_preset_is_chosen_when_an_account_is_opened_and_must_be_known(database: Database, cache: Redis) -> None:
    desk = await make_desk(database, cache)
    opened = await open_account(desk.b, desk.caller, name="Hard", venue="market", preset="harsh")
    assert (opened.preset, (await get_account(desk.b, desk.caller, opened.id)).preset) == ("harsh/1", "harsh/1")
    with pytest.raises(InvalidInput, match="preset must be one of: frictionless, alpaca, realistic, harsh"):
        await open_account(desk.b, desk.caller, name="Soft", venue="market", preset="soft")


async def test_a_limit_order_that_fills_in_parts_at_its_limit_pays_its_commission_from_what_was_set_aside(
    database: Database, cache: Redis
) -> None:
    desk = await (await make_desk(database, cache)).person(preset="harsh", cash="10002.00")
    placed = await send(desk, "buy 100 AAPL @ 100.00 gtc")
    assert placed.reserved == Decimal("10001.01")
    await desk.broker.drain()
    for _ in range(20):
        await desk.tell(quote("AAPL 99.90/99.95", size="20"))
    done = await get_order(desk.b, desk.caller, placed.id)
    fills = await list_fills(desk.b, desk.caller, order_id=placed.id)
    assert (done.status, len(fills) > 3, {one.price for one in fills}) == ("filled", True, {Decimal(100)})
    assert sum(one.fees for one in fills) == Decimal("1.01")
    account = await get_account(desk.b, desk.caller, desk.account_id)
    assert (account.cash, account.reserved) == (Decimal("0.99"), 0)
    assert await check_books(database) == []


async def test_all_the_cash_cannot_be_spent_when_a_commission_comes_on_top(database: Database, cache: Redis) -> None:
    desk = await (await make_desk(database, cache)).person(preset="harsh", cash="10000.00")
    refused = await send(desk, "buy 100 AAPL @ 100.00")
    assert refused.status == "risk_rejected"
    assert refused.reject_reason == "Buying power is 10,000.00 USD and this order needs 10,001.01 USD."


async def test_an_amount_pays_its_commission_also_when_the_market_falls_first(database: Database, cache: Redis) -> None:
    desk = await (await make_desk(database, cache)).person(preset="harsh", cash="10105.00")
    placed = await send(desk, "buy 0 AAPL usd=10000.00")
    assert placed.reserved == Decimal("10001.01")
    await desk.tell(quote("AAPL 0.98/1.00", size="50000", volume="1000000"))
    await desk.broker.drain()
    await desk.tell(quote("AAPL 0.98/1.00", size="50000", volume="2000000"))
    account = await get_account(desk.b, desk.caller, desk.account_id)
    fills = await list_fills(desk.b, desk.caller, order_id=placed.id)
    spent = sum(one.qty * one.price + one.fees for one in fills)
    assert sum(one.fees for one in fills) > IB_FIXED.commission.minimum  # type: ignore[union-attr, operator]
    assert 0 < spent <= placed.reserved
    assert account.cash >= Decimal("10105.00") - placed.reserved
    assert await check_books(database) == []


@pytest.mark.parametrize("preset", list(PRESETS))
async def test_no_history_of_orders_takes_cash_below_zero(preset: str, database: Database, cache: Redis) -> None:
    """Whoever spends to the last cent, in parts of shares and by amounts, changing and canceling, never owes."""
    desk = await make_desk(database, cache)
    statuses: set[str] = set()
    for seed in range(6):
        rng = random.Random(f"{preset}-{seed}")
        one = await desk.person(cash=str(Decimal(rng.randint(50, 300_000)) / 100), preset=preset)
        for step in range(30):
            await _step(one, rng, step)
            account = await get_account(one.b, one.caller, one.account_id)
            assert account.cash >= account.reserved >= 0, (seed, step)
            assert not account.read_only, (seed, step, "frozen")
        assert await check_books(database) == []
        statuses |= {str(placed.status) for placed in await list_orders(one.b, one.caller, limit=500)}
    assert {"filled", "risk_rejected"} <= statuses


async def _step(desk: Desk, rng: random.Random, step: int) -> None:
    at = Decimal(rng.randint(300, 30_000)) / 100
    touch = quote(f"AAPL {at}/{at + CENT * rng.randint(1, 9)}", size=str(rng.choice([1, 3, 40, 900])))
    match rng.randrange(6):
        case 0 | 1:
            await _order(desk, rng, step, at)
        case 2 | 3:
            await desk.tell(touch)
        case 4:
            await desk.broker.drain()
        case _:
            await _change_one(desk, rng, at)


async def _order(desk: Desk, rng: random.Random, step: int, at: Decimal) -> None:
    account = await get_account(desk.b, desk.caller, desk.account_id)
    power = account.buying_power
    limit = (at * rng.randint(90, 110) / 100).quantize(CENT)
    most = power / limit * rng.choice([1, Decimal("0.999"), Decimal("0.3")])
    parts = rng.choice([Decimal(1), Decimal("0.001"), Decimal("0.000000001")])
    qty = max(parts, most // parts * parts)
    texts = [f"buy {qty} AAPL @ {limit}", f"buy {qty} AAPL", f"sell {max(parts, qty / 2 // parts * parts)} AAPL"]
    if power > 1:
        texts.append(f"buy 0 AAPL usd={(power * rng.choice([1, Decimal('0.98')])).quantize(CENT)}")
    await send(desk, rng.choice(texts), step)


async def _change_one(desk: Desk, rng: random.Random, at: Decimal) -> None:
    alive = await list_orders(desk.b, desk.caller, desk.account_id, ["working", "partial"])
    if not alive:
        return
    placed = rng.choice(alive)
    try:
        if rng.random() < 0.5:
            await cancel_order(desk.b, desk.caller, placed.id)
        else:
            await replace_order(desk.b, desk.caller, placed.id, Terms(limit_price=at))
    except (Conflict, InvalidInput, Refused):
        pass
