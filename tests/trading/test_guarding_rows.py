"""Whose rows the statements about switches, rules and warnings read and write: those that are named, and no others."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from starkmatter.accounts.sharing.service import share_account
from starkmatter.portfolio.opening import deposit
from starkmatter.trading.guarding import queries
from starkmatter.trading.guarding.checking import marks_of
from starkmatter.trading.guarding.emergency import read_emergency
from starkmatter.trading.guarding.rules import list_rules, set_rule
from starkmatter.trading.guarding.stops import list_stops, turn_on
from starkmatter.trading.guarding.sweeping import cancel_all
from starkmatter.trading.ticket import open_ticket
from tests.builders import Desk, make_account, order
from tests.trading.test_guarding import send

INSTANT = timedelta(microseconds=1)
AT_BROKER = """
INSERT INTO broker_account (account_id, broker, number, state, words, closed_at)
VALUES (%s, 'alpaca', %s, 'away', %s, %s) RETURNING account_id
"""


async def rows(desk: Desk, sql: Any, params: Any) -> list[tuple[Any, ...]]:
    """As the installation itself: each statement names whom it is for."""
    async with desk.b.db.own_connection() as own:
        return await own.tuples(sql, params)


async def test_the_switch_of_an_account_is_shown_to_those_it_is_shared_with_alone(desk: Desk) -> None:
    second = await make_account(desk.b.db, desk.caller)
    friend, stranger = await desk.person(), await desk.person()
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "view")
    await turn_on(desk.b, desk.caller, "account", account_id=second)
    for other in (friend, stranger):
        assert await list_stops(desk.b, other.caller) == []
        assert await rows(desk, queries.STOPS, {"user": other.caller.user_id}) == []
    shown = await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id)
    assert [one.id for one in await list_stops(desk.b, friend.caller)] == [shown.stop.id]
    assert await rows(desk, queries.STOPS, {"user": stranger.caller.user_id}) == []
    assert len(await list_stops(desk.b, desk.caller)) == 2


async def test_a_switch_is_finished_by_the_worker_from_that_instant_on(desk: Desk) -> None:
    done = await turn_on(desk.b, desk.caller, "mine")
    set_at = done.stop.set_at
    assert await rows(desk, queries.UNSWEPT, (set_at,)) == []
    await rows(desk, "UPDATE trading_stop SET swept_at = NULL RETURNING id", ())
    assert [row[0] for row in await rows(desk, queries.UNSWEPT, (set_at,))] == [done.stop.id]
    assert await rows(desk, queries.UNSWEPT, (set_at - INSTANT,)) == []


async def test_what_a_switch_covers_is_what_it_names(desk: Desk) -> None:
    stranger = await desk.person()
    second, closed = [await make_account(desk.b.db, desk.caller) for _ in range(2)]
    await desk.b.db.run("UPDATE account SET closed_at = now() WHERE id = %s", (closed,))
    mine, all_of = {desk.account_id, second}, {desk.account_id, second, stranger.account_id}
    for account, user, broker, covered in (
        (None, None, None, all_of),
        (None, desk.caller.user_id, None, mine),
        (None, desk.caller.user_id, "paper", mine),
        (None, None, "alpaca", set()),
        (second, None, None, {second}),
        (second, stranger.caller.user_id, None, set()),
    ):
        found = await rows(desk, queries.COVERED, {"account": account, "user": user, "broker": broker})
        assert {row[0] for row in found} == covered


async def test_marks_are_of_what_is_held_also_of_a_single_share_and_not_of_what_was_sold(desk: Desk) -> None:
    for text in ("buy 1 MSFT", "buy 2 AAPL", "sell 2 AAPL"):
        await send(desk, text)
    found = await marks_of(desk.b, await open_ticket(desk.b, desk.caller, desk.account_id, order("buy 1 AAPL")))
    assert list(found["marks"]) == ["MSFT"]


async def test_rules_are_those_of_the_person_of_all_accounts_or_of_that_one(desk: Desk) -> None:
    second, stranger = await make_account(desk.b.db, desk.caller), await desk.person()
    await set_rule(desk.b, desk.caller, "loss_per_day", Decimal(500))
    await set_rule(desk.b, desk.caller, "position_value", Decimal(100), desk.account_id)
    await set_rule(desk.b, desk.caller, "position_value", Decimal(200), second)
    await set_rule(stranger.b, stranger.caller, "position_value", Decimal(50), stranger.account_id)

    async def bind(account_id: UUID | None) -> list[tuple[str, Decimal | None, UUID | None]]:
        return [(one.kind, one.value, one.account_id) for one in await list_rules(desk.b, desk.caller, account_id)]

    of_all = ("loss_per_day", Decimal(500), None)
    assert await bind(desk.account_id) == [of_all, ("position_value", Decimal(100), desk.account_id)]
    assert await bind(second) == [of_all, ("position_value", Decimal(200), second)]
    assert len(await bind(None)) == 3


async def test_a_first_rule_of_its_kind_counts_at_once_whatever_other_rules_there_are(desk: Desk) -> None:
    second, stranger = await make_account(desk.b.db, desk.caller), await desk.person()
    await set_rule(desk.b, desk.caller, "position_value", Decimal(10))
    await set_rule(desk.b, desk.caller, "loss_per_day", Decimal(10), second)
    await set_rule(stranger.b, stranger.caller, "loss_per_day", Decimal(10))
    key = {"user": desk.caller.user_id, "account": None, "kind": "loss_per_day"}
    assert await rows(desk, queries.RULE, key) == []
    made = await set_rule(desk.b, desk.caller, "loss_per_day", Decimal(500))
    assert (made.value, made.loosens_at) == (500, None)
    assert await rows(desk, queries.RULE, key) == [(Decimal(500), None, None)]


async def test_ending_a_rule_that_there_is_not_ends_no_other(desk: Desk) -> None:
    second, stranger = await make_account(desk.b.db, desk.caller), await desk.person()
    await set_rule(desk.b, desk.caller, "position_value", Decimal(10))
    await set_rule(desk.b, desk.caller, "loss_per_day", Decimal(10), second)
    await set_rule(stranger.b, stranger.caller, "loss_per_day", Decimal(10))
    await set_rule(desk.b, desk.caller, "loss_per_day", None)
    assert len(await list_rules(desk.b, desk.caller)) == 2
    assert len(await list_rules(stranger.b, stranger.caller)) == 1


async def test_of_orders_that_are_the_same_the_newest_counts(desk: Desk) -> None:
    sent = [await send(desk, "buy 1 AAPL @ 90.00 gtc") for _ in range(3)]
    aged = "UPDATE trade_order SET created_at = created_at - %s * interval '1 second' WHERE id = %s"
    for secs, order_id in zip((3, 0, 6), sent, strict=True):
        await desk.b.db.run(aged, (secs, order_id))
    newest: datetime = await desk.b.db.value("SELECT max(created_at) FROM trade_order")
    asked = {"account": desk.account_id, "symbol": "AAPL", "side": "buy", "qty": Decimal(1), "notional": None}
    assert await rows(desk, queries.SENT_LATELY, asked | {"since": newest - timedelta(hours=1)}) == [(newest,)]
    assert await rows(desk, queries.SENT_LATELY, asked | {"since": newest - INSTANT}) == [(newest,)]
    assert await rows(desk, queries.SENT_LATELY, asked | {"since": newest}) == []
    await cancel_all(desk.b, desk.caller)


async def test_fills_and_payments_are_the_accounts_own_after_that_instant(desk: Desk) -> None:
    second = await make_account(desk.b.db, desk.caller)
    for account_id in (desk.account_id, second):
        await send(desk, "buy 1 AAPL", account_id)
    await deposit(desk.b, desk.caller, desk.account_id, Decimal(25))
    await deposit(desk.b, desk.caller, second, Decimal(70))
    at = await desk.b.db.value("SELECT executed_at FROM fill WHERE account_id = %s", (desk.account_id,))
    assert [row[0] for row in await rows(desk, queries.FILLS_SINCE, (desk.account_id, at - INSTANT))] == ["AAPL"]
    assert await rows(desk, queries.FILLS_SINCE, (desk.account_id, at)) == []
    paid_at = await desk.b.db.value("SELECT max(venue_at) FROM ledger_entry WHERE account_id = %s", (desk.account_id,))
    assert await rows(desk, queries.PAID_SINCE, (desk.account_id, paid_at - INSTANT)) == [(paid_at, Decimal(25))]
    assert await rows(desk, queries.PAID_SINCE, (desk.account_id, paid_at)) == []


async def test_an_emergency_shows_ones_own_accounts_first_each_with_its_own_state_at_its_broker(desk: Desk) -> None:
    friend = await desk.person()
    gone = await make_account(desk.b.db, desk.caller)
    await share_account(desk.b, friend.caller, friend.account_id, desk.caller.email, "trade")
    newest = await make_account(desk.b.db, friend.caller)
    await share_account(desk.b, friend.caller, newest, desk.caller.email, "trade")
    for account_id, words, closed_at in (
        (desk.account_id, "Mine is away.", None),
        (gone, "Mine was let go of.", "2024-01-02T00:00Z"),
        (friend.account_id, "A friend's is away.", None),
    ):
        await rows(desk, AT_BROKER, (account_id, str(account_id)[:8], words, closed_at))
    seen = await read_emergency(desk.b, desk.caller, 1)
    assert [(one.id, one.mine, one.state, one.words) for one in seen.accounts] == [
        (gone, True, "", ""),
        (desk.account_id, True, "away", "Mine is away."),
        (newest, False, "", ""),
        (friend.account_id, False, "away", "A friend's is away."),
    ]


async def test_an_emergency_counts_over_all_accounts(desk: Desk) -> None:
    second = await make_account(desk.b.db, desk.caller)
    for text, account_id in (("buy 2 MSFT", desk.account_id), ("buy 1 AAPL", second), ("buy 3 AAPL", desk.account_id)):
        await send(desk, text, account_id)
    for account_id in (desk.account_id, second):
        await send(desk, "buy 1 AAPL @ 90.00 gtc", account_id)
    await cancel_all(desk.b, desk.caller)
    seen = await read_emergency(desk.b, desk.caller, 1)
    assert {(one.account_id, one.symbol, one.signed_qty) for one in seen.positions} == {
        (desk.account_id, "AAPL", 3), (second, "AAPL", 1), (desk.account_id, "MSFT", 2)
    }  # fmt: skip
    assert [one.symbol for one in seen.positions] == ["AAPL", "AAPL", "MSFT"]
    assert seen.queued == 2
