"""The owner's own rules at the gate: which figure broke which limit, races, and loosening by the database's clock."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.limits import Limit, LimitKind, change, withdraw
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.guarding.rules import list_rules, set_rule, withdraw_loosening
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_account, make_desk, order, quote

SHIFT = "UPDATE trading_rule SET loosens_at = loosens_at - %s"
IN_FORCE = "SELECT kind, value FROM rules_in_force(%s, %s)"
GUARDED = "SELECT guarded FROM account WHERE id = %s"


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


_keys = iter(range(1, 1_000_000))


async def send(desk: Desk, text: str) -> OrderView:
    placed = await submit_order(
        desk.b, desk.caller, desk.account_id, order(text), f"own-rules-{next(_keys)}", acknowledged=ALL_READ
    )
    await desk.broker.drain()
    return placed


async def refused(desk: Desk, text: str) -> str:
    """The words of the refusal, which the preview says before."""
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order(text))
    placed = await send(desk, text)
    assert placed.status == "risk_rejected"
    assert " ".join(seen.refusals) == placed.reject_reason
    return str(placed.reject_reason)


async def taken(desk: Desk, text: str) -> None:
    assert (await preview_order(desk.b, desk.caller, desk.account_id, order(text))).refusals == []
    placed = await send(desk, text)
    assert placed.status == "pending_submit", placed.reject_reason


async def aged(desk: Desk, mins: int) -> None:
    """As if every fill had been booked so much earlier; the trigger that keeps fills as they are steps aside."""
    async with desk.b.db.transaction() as connection:
        await connection.execute("ALTER TABLE fill DISABLE TRIGGER USER")
        await connection.execute("UPDATE fill SET booked_at = booked_at - make_interval(mins => %s)", (mins,))
        await connection.execute("ALTER TABLE fill ENABLE TRIGGER USER")


async def rule(desk: Desk, kind: LimitKind, value: str | None, *, everywhere: bool = False) -> None:
    figure = None if value is None else Decimal(value)
    await set_rule(desk.b, desk.caller, kind, figure, None if everywhere else desk.account_id)


async def test_so_many_orders_a_day_and_the_way_out_stays_open(desk: Desk) -> None:
    await rule(desk, "trades_per_day", "2")
    await taken(desk, "buy 10 AAPL")
    await taken(desk, "buy 1 AAPL @ 90.00 gtc")
    words = await refused(desk, "buy 1 MSFT")
    assert words == "Your rules allow 2 orders a day and this would be number 3."
    await taken(desk, "sell 4 AAPL")
    await taken(desk, "sell 6 AAPL @ 120.00 gtc")
    await rule(desk, "trades_per_day", "0", everywhere=True)
    assert "allow 0 orders a day" in await refused(desk, "buy 1 MSFT")


async def test_racing_orders_never_exceed_the_days_number(desk: Desk) -> None:
    await rule(desk, "trades_per_day", "7")
    other = await desk.person("trader")
    await share_account(desk.b, desk.caller, desk.account_id, other.caller.email, "trade")

    async def one(number: int) -> str:
        who = desk.caller if number % 2 else other.caller
        text = f"buy 1 {'AAPL' if number % 3 else 'MSFT'}"
        return (
            await submit_order(
                desk.b, who, desk.account_id, order(text), f"racing-order-{number}", acknowledged=ALL_READ
            )
        ).status

    for _ in range(3):
        statuses = await asyncio.gather(*(one(number) for number in range(60)))
        assert statuses.count("pending_submit") == 7, "the same keys give the same orders again"
    assert await desk.b.db.value("SELECT count(*) FROM trade_order WHERE status <> 'risk_rejected'") == 7


async def test_a_day_that_lost_so_much_is_over_but_for_the_way_out(desk: Desk) -> None:
    await rule(desk, "loss_per_day", "500")
    await taken(desk, "buy 100 AAPL")
    await desk.tell(quote("AAPL 95.10/95.15"))
    await taken(desk, "buy 1 AAPL")
    await desk.tell(quote("AAPL 94.00/94.05"))
    words = await refused(desk, "buy 1 MSFT")
    assert words.startswith("Today has lost 60")
    assert words.endswith("USD, and your rules end a day at 500.00 USD.")
    await taken(desk, "sell 50 AAPL")


async def test_after_a_loss_it_waits_by_the_databases_clock(desk: Desk) -> None:
    await rule(desk, "cooldown_mins", "30")
    await taken(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 99.00/99.05"))
    await taken(desk, "sell 5 AAPL")
    assert "have you wait 30 minutes: until " in await refused(desk, "buy 1 AAPL")
    await aged(desk, 29)
    await refused(desk, "buy 1 AAPL")
    await aged(desk, 2)
    await taken(desk, "buy 1 AAPL")


async def test_a_position_has_a_largest_value_open_orders_counted(desk: Desk) -> None:
    await rule(desk, "position_value", "3000")
    await taken(desk, "buy 10 AAPL")
    await taken(desk, "buy 15 AAPL @ 90.00 gtc")
    words = await refused(desk, "buy 5 AAPL")
    assert words == "With this order AAPL is worth 3,001.50 USD, and your rules allow 3,000.00 USD of one symbol."
    await taken(desk, "buy 4 AAPL")
    await taken(desk, "buy 14 MSFT")


async def test_a_position_has_a_largest_share_of_what_the_account_is_worth(desk: Desk) -> None:
    await rule(desk, "position_pct", "10", everywhere=True)
    words = await refused(desk, "buy 100 AAPL")
    assert words == "With this order AAPL is 10,005.00 USD of an account worth 100,000.00 USD: your rules allow 10 %."
    await taken(desk, "buy 99 AAPL")
    await desk.tell(quote("AAPL 50.00/50.05"))
    await taken(desk, "buy 50 AAPL")


async def test_nothing_is_added_to_a_position_at_a_loss(desk: Desk) -> None:
    await rule(desk, "no_averaging_down", "1")
    await taken(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 98.00/98.05"))
    words = await refused(desk, "buy 1 AAPL")
    assert words == "AAPL stands at a loss (100.05 USD on average, 98.05 USD now), and your rules add nothing to it."
    await taken(desk, "buy 1 MSFT")
    await desk.tell(quote("AAPL 101.00/101.05"))
    await taken(desk, "buy 1 AAPL")


async def test_a_loosening_is_seen_waits_its_day_and_can_be_withdrawn(desk: Desk) -> None:
    await rule(desk, "trades_per_day", "1")
    await taken(desk, "buy 1 AAPL")
    await rule(desk, "trades_per_day", None)
    [seen] = await list_rules(desk.b, desk.caller)
    assert (seen.in_force, seen.pending, seen.loosens_to) == (1, True, None)
    assert seen.loosens_at is not None
    assert abs(seen.loosens_at - seen.now - timedelta(hours=24)) < timedelta(seconds=10)
    await refused(desk, "buy 1 AAPL")
    await withdraw_loosening(desk.b, desk.caller, "trades_per_day", desk.account_id)
    with pytest.raises(NotFound):
        await withdraw_loosening(desk.b, desk.caller, "trades_per_day", desk.account_id)
    await desk.b.db.run(SHIFT, (timedelta(hours=30),))
    await refused(desk, "buy 1 AAPL")
    await rule(desk, "trades_per_day", None)
    await desk.b.db.run(SHIFT, (timedelta(hours=23, minutes=59),))
    await refused(desk, "buy 1 AAPL")
    await desk.b.db.run(SHIFT, (timedelta(minutes=2),))
    await taken(desk, "buy 1 AAPL")
    assert await list_rules(desk.b, desk.caller) == []


async def test_the_database_knows_what_the_domain_knows_of_any_changes(desk: Desk) -> None:
    """The clock moves by aging what is stored; both sides are asked after each step."""
    chance = Random(20_261_126)
    limit, account = Limit("position_pct"), desk.account_id
    for _ in range(60):
        hours = timedelta(hours=chance.choice([0, 1, 11, 13, 25]))
        await desk.b.db.run(SHIFT, (hours,))
        if limit.loosens_at is not None:
            limit = Limit(limit.kind, limit.value, limit.loosens_to, limit.loosens_at - hours)
        now = await desk.b.db.value("SELECT clock_timestamp()")
        if chance.random() < 0.2 and limit.is_loosening(now):
            await withdraw_loosening(desk.b, desk.caller, "position_pct", account)
            limit = withdraw(limit, now)
        else:
            wanted = chance.choice([None, *(Decimal(figure) for figure in (5, 10, 20, 40))])
            await set_rule(desk.b, desk.caller, "position_pct", wanted, account)
            limit = change(limit, wanted, now)
        rows = await desk.b.db.tuples(IN_FORCE, (account, desk.caller.user_id))
        assert (rows[0][1] if rows else None) == limit.in_force(now)


async def test_a_rule_for_all_holds_on_each_account_also_on_one_opened_later(desk: Desk) -> None:
    await rule(desk, "trades_per_day", "1", everywhere=True)
    later = Desk(desk.b, desk.broker, desk.caller, await make_account(desk.b.db, desk.caller), desk.clock)
    for one in (desk, later):
        await taken(one, "buy 1 AAPL")
        await refused(one, "buy 1 AAPL")
    other = await desk.person("trader")
    await taken(other, "buy 1 AAPL")
    assert await desk.b.db.value(GUARDED, (other.account_id,)) is False


async def test_rules_are_the_owners_alone_and_written_down(desk: Desk) -> None:
    other = await desk.person("trader")
    await share_account(desk.b, desk.caller, desk.account_id, other.caller.email, "trade")
    with pytest.raises(NotFound):
        await set_rule(desk.b, other.caller, "trades_per_day", Decimal(5), desk.account_id)
    with pytest.raises(InvalidInput):
        await rule(desk, "trades_per_day", "2.5")
    await rule(desk, "trades_per_day", "5")
    await rule(desk, "trades_per_day", "9")
    await withdraw_loosening(desk.b, desk.caller, "trades_per_day", desk.account_id)
    rows = await desk.b.db.tuples(
        "SELECT action, after->>'value', after->>'loosens_to' FROM audit_event ORDER BY sequence"
    )
    assert [row for row in rows if row[0].startswith("rule.")] == [
        ("rule.set", "5", None),
        ("rule.set", "5", "9"),
        ("rule.loosening_withdrawn", "5", None),
    ]
    assert await list_rules(desk.b, other.caller) == []
    for ask in (set_rule(desk.b, desk.caller, "x", None), withdraw_loosening(desk.b, desk.caller, "x")):  # type: ignore[arg-type]
        with pytest.raises(NotFound, match="no such rule"):
            await ask
    told = await set_rule(desk.b, desk.caller, "trades_per_day", Decimal(4), desk.account_id)
    [listed] = await list_rules(desk.b, desk.caller)
    assert replace(told, now=listed.now) == listed
