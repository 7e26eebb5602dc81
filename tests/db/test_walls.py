"""The second wall: what connections of the web process see and change when a query forgets to name its caller."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, UndefinedTable
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sharing.service import share_account
from starkmatter.accounts.vault import keep_secret
from starkmatter.alerts.service import choose_summary, make_alert
from starkmatter.assistant.service import create_chat
from starkmatter.charts.drawings import add_drawing
from starkmatter.charts.records import Point
from starkmatter.charts.templates import keep_template
from starkmatter.db.actor import act_for
from starkmatter.db.database import Database
from starkmatter.market.screener.service import save_screen
from starkmatter.market.watchlists.service import list_watchlists, make_watchlist
from starkmatter.portfolio.allocating.breakdown import put_tags
from starkmatter.portfolio.allocating.targets import put_targets
from starkmatter.portfolio.lots.service import choose_method
from starkmatter.portfolio.optimizing.records import OptimizingWish
from starkmatter.portfolio.optimizing.service import ask_optimization
from starkmatter.portfolio.reporting.schedules import make_schedule
from starkmatter.portfolio.snapshots import record_values
from starkmatter.trading.baskets.service import make_basket
from starkmatter.trading.guarding.rules import set_rule
from starkmatter.trading.guarding.stops import turn_on
from starkmatter.trading.submit import submit_order
from tests.builders import OPENS_AT, Desk, make_desk, order, quote

# Read and written before anybody is known, or about the person as such: their queries alone name the caller.
OF_SIGN_IN = {
    "user_session",
    "user_totp",
    "recovery_code",
    "known_device",
    "passphrase_reset",
    "api_token",
    "passkey",
    "passkey_challenge",
    "confirmation",
    "oidc_flow",
    "oidc_identity",
    "report_link",
}
# What says whose a row is.
NAMES_SOMEBODY = {"from_account_id", "user_id", "owner_id", "account_id", "order_id", "chat_id", "import_id"}
FILLED = (
    "account",
    "account_close",
    "account_share",
    "action_mark",
    "action_order",
    "action_posting",
    "action_waived",
    "alert",
    "allocation_target",
    "basket",
    "basket_line",
    "chart_drawing",
    "chart_template",
    "chat",
    "equity_snapshot",
    "fill",
    "fill_change",
    "holding",
    "import_booking",
    "import_file",
    "import_line",
    "import_mapping",
    "ledger_entry",
    "live_approval",
    "live_permit",
    "live_trading",
    "lot_method",
    "lot_pick",
    "lot_transfer",
    "mail_choice",
    "margin_call",
    "order_event",
    "order_lots",
    "outbox",
    "portfolio_import",
    "portfolio_optimization",
    "report_schedule",
    "saved_screen",
    "symbol_tag",
    "tracked_account",
    "trade_order",
    "trading_rule",
    "trading_stop",
    "vault_secret",
    "watchlist",
)


PICK = """
INSERT INTO lot_pick (account_id, entry_id, lots, qtys, venue_at, chosen_at)
SELECT account_id, id, '{}', '{}', venue_at, now() FROM ledger_entry WHERE account_id = %s LIMIT 1
"""
ACTIONS = (
    "INSERT INTO fill_change (account_id, execution_id, order_id, qty_change, value_change, realized_change, words,"
    " entry_id, happened_at, booked_at) SELECT f.account_id, 'e1', f.order_id, 0, 0, 0, '', e.id, now(), now()"
    " FROM fill f JOIN ledger_entry e ON e.fill_id = f.id WHERE f.account_id = %(account)s LIMIT 1",
    "INSERT INTO action_mark (account_id, told_id, acted_on) VALUES (%(account)s, 1, '2021-03-01')",
    "INSERT INTO action_waived (account_id, action_id, revision, waived_by, waived_at)"
    " VALUES (%(account)s, 'a1', 1, %(account)s, now())",
    "INSERT INTO action_posting (account_id, action_id, revision, turn, undoing, symbol, ex_on, kind, words, figures,"
    " entry_ids, venue_at, booked_at) VALUES (%(account)s, 'a1', 1, 1, false, 'AAPL', '2021-03-01', 'split', 'Split.',"
    " '[]', '{}', now(), now())",
    "INSERT INTO action_order (order_id, action_id, revision, account_id, verb, why, before, after, filled_more_qty,"
    " venue_at, booked_at) SELECT id, 'a1', 1, account_id, 'keep', '', '{}', '{}', 0, now(), now() FROM trade_order"
    " WHERE account_id = %(account)s LIMIT 1",
)
MOVED = """
INSERT INTO lot_transfer (id, from_account_id, to_account_id, symbol, qty, worth, cost, lots, lot_qtys, origin,
                          out_entry_id, in_entry_id, venue_at, booked_at)
SELECT gen_random_uuid(), %(account)s, %(other)s, 'AAPL', 1, 100, 100, '{}', '{}', 'moved', min(id), max(id), now(),
       now() FROM ledger_entry WHERE account_id = %(account)s
"""
ORDER_LOTS = """
INSERT INTO order_lots (account_id, order_id, method, venue_at, chosen_at)
SELECT account_id, id, 'hifo', now(), now() FROM trade_order WHERE account_id = %(of)s LIMIT 1
"""
METHOD = """
INSERT INTO lot_method (account_id, method, after_entry_id, venue_at, chosen_at) VALUES (%s, 'hifo', 0, now(), now())
"""


IMPORT = """
WITH imported AS (
    INSERT INTO portfolio_import (id, account_id, user_id, origin, file_name, file_bytes, state, created_at, changed_at)
    VALUES (gen_random_uuid(), %(account)s, %(user)s, 'file', 'x.csv', 1, 'read', now(), now()) RETURNING id
), file AS (
    INSERT INTO import_file (import_id, content_nonce, content, nonce, ciphertext, key_version)
    SELECT id, '', '', '', '', 2 FROM imported
), line AS (
    INSERT INTO import_line (import_id, outcome, place, line_no, words) SELECT id, 'note', 0, 1, '' FROM imported
), booking AS (
    INSERT INTO import_booking (import_id, place, part, account_id, turn, fingerprint, kind, description, venue_at,
                                accounts, commodities, amounts)
    SELECT id, 0, 0, %(account)s, 0, '', 'fee', '', now(), '{}', '{}', '{}' FROM imported
), mapping AS (
    INSERT INTO import_mapping (id, user_id, name, mapping, updated_at)
    VALUES (gen_random_uuid(), %(user)s, 'Mine', '{}', now())
)
INSERT INTO tracked_account (account_id) VALUES (%(account)s)
"""


# Another account of Alice's, of real money, and what was asked and allowed on the one that she shares.
LIVE = """
WITH other AS (
    INSERT INTO account
    SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'mode', 'live'))).*
      FROM account a WHERE a.id = %(account)s
    RETURNING id
), asked AS (
    INSERT INTO live_approval (order_id, account_id, user_id, session_id, terms, ticket_hash, asked_at)
    VALUES (gen_random_uuid(), %(account)s, %(user)s, gen_random_uuid(), '{}', '', now())
), allowed AS (
    INSERT INTO live_permit (order_id, account_id, terms, most, with_factor, allowed_at)
    SELECT id, account_id, '{}', 0, true, now() FROM trade_order WHERE account_id = %(account)s LIMIT 1
)
SELECT id FROM other
"""
LIVE_ON = "INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since) VALUES (%s, %s, now(), now())"


@dataclass
class House:
    """Alice owns everything there is; Bob may look at her account, Carol may trade on it, Dan is nobody to her."""

    walled: Database
    alice: Desk
    bob: Caller
    carol: Caller
    dan: Caller


@pytest.fixture
async def house(database: Database, cache: Redis, database_url: str) -> AsyncIterator[House]:
    alice = await make_desk(database, cache)
    b, caller = alice.b, alice.caller
    people = [(await alice.person("trader")).caller for _ in range(3)]
    await database.run("DELETE FROM equity_snapshot WHERE account_id <> %s", (alice.account_id,))
    for person, level in zip(people, ("view", "trade"), strict=False):
        await share_account(b, caller, alice.account_id, person.email, level)
    await submit_order(b, caller, alice.account_id, order("buy 10 AAPL"), "wall-order-1")
    await alice.broker.drain()
    await alice.tell(quote("AAPL 100.00/100.05", volume="100000"))
    await submit_order(b, caller, alice.account_id, order("buy 10 MSFT @ 1.00"), "wall-order-2")
    await make_alert(b, caller, venue="replay", symbol="AAPL", kind="price_above", threshold=Decimal(900))
    here = Point(OPENS_AT, Decimal(100))
    await add_drawing(b, caller, venue="replay", symbol="AAPL", kind="horizontal", points=[here])
    await keep_template(b, caller, "Mine", {})
    await create_chat(b, caller, "Mine")
    await choose_summary(b, caller, True)
    await keep_secret(b, "alpaca", caller.user_id, {"key": "k" * 20}, {"key"})
    await list_watchlists(database, caller.user_id, "replay")
    await save_screen(database, caller.user_id, "Mine", {})
    await record_values(b.db, "replay", OPENS_AT, "[]", with_positions=True)
    await choose_method(b, caller, alice.account_id, "lifo")
    await b.db.run(PICK, (alice.account_id,))
    await b.db.run(ORDER_LOTS, {"of": alice.account_id})
    await b.db.run(IMPORT, {"account": alice.account_id, "user": caller.user_id})
    await put_targets(b, caller, alice.account_id, "symbol", {"AAPL": Decimal(100)})
    await put_tags(b, caller, "AAPL", ["Core"])
    listed = await make_watchlist(database, cache, caller.user_id, "replay", "Both", ["AAPL", "MSFT"])
    await ask_optimization(b, caller, alice.account_id, OptimizingWish("least_risk", watchlist_id=listed.id))
    await make_basket(b, caller, alice.account_id, "Mine", [order("buy 1 AAPL")])
    await make_schedule(b, caller, [alice.account_id], "month")
    await set_rule(b, caller, "trades_per_day", Decimal(100), alice.account_id)
    await turn_on(b, caller, "account", account_id=alice.account_id, broker="paper")
    await database.run(
        "INSERT INTO margin_call (id, account_id, called_at, due_at, equity, maintenance, state, created_at)"
        " VALUES (gen_random_uuid(), %s, now(), now(), 1, 2, 'open', now())",
        (alice.account_id,),
    )
    for statement in ACTIONS:
        await database.run(statement, {"account": alice.account_id})
    of_real_money = await database.value(LIVE, {"account": alice.account_id, "user": caller.user_id})
    await database.run(LIVE_ON, (of_real_money, caller.user_id))
    await database.run(MOVED, {"account": alice.account_id, "other": of_real_money})
    walled = Database(database_url, name="walled", max_size=2, walled=True)
    await walled.open()
    yield House(walled, alice, *people)
    await walled.close()
    act_for(None)


async def seen(house: House, table: str) -> int:
    """How many of Alice's rows the one at work gets when a query names nobody."""
    owner = str(house.alice.caller.user_id)
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(sql.Identifier(table)).as_string()
    rows = [row[0] for row in await house.walled.tuples(query)]
    ours = [owner, str(house.alice.account_id)]
    ours += [str(row[0]) for row in await house.alice.b.db.tuples("SELECT id FROM trade_order")]
    ours += [str(row[0]) for row in await house.alice.b.db.tuples("SELECT id FROM portfolio_import")]
    return sum(any(one in row for one in ours) for row in rows)


async def test_every_table_that_says_whose_a_row_is_has_the_wall(database: Database) -> None:
    named = {
        row[0]
        for row in await database.tuples(
            "SELECT DISTINCT c.table_name FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name)"
            " WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name = ANY (%s)",
            (sorted(NAMES_SOMEBODY),),
        )
    }
    walled = {
        row[0]
        for row in await database.tuples(
            "SELECT relname FROM pg_class k WHERE relrowsecurity AND relforcerowsecurity"
            " AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = k.oid)"
        )
    }
    assert named - OF_SIGN_IN == walled


@pytest.mark.parametrize("who", ["nobody", "dan"])
async def test_nobody_else_sees_or_changes_a_row(house: House, who: str) -> None:
    for table in FILLED:
        act_for(house.alice.caller.user_id)
        assert await seen(house, table) > 0, table
        act_for(house.dan.user_id if who == "dan" else None)
        assert await seen(house, table) == 0, table
    before = await house.alice.b.db.tuples("SELECT * FROM account ORDER BY id")
    mine = {"alice": house.alice.account_id}
    for statement in (
        "UPDATE account SET cash = 0 WHERE id = %(alice)s",
        "UPDATE holding SET reserved_qty = 0 WHERE account_id = %(alice)s",
        "DELETE FROM trade_order WHERE account_id = %(alice)s",
        "DELETE FROM account_share WHERE account_id = %(alice)s",
    ):
        assert await house.walled.run(statement, mine) == 0
    assert await house.alice.b.db.tuples("SELECT * FROM account ORDER BY id") == before
    with pytest.raises(InsufficientPrivilege):
        await house.walled.run(
            "INSERT INTO account_share (account_id, user_id, level, shared_by, created_at)"
            " VALUES (%(alice)s, %(dan)s, 'trade', %(shared_by)s, now())",
            mine | {"dan": house.dan.user_id, "shared_by": house.alice.caller.user_id},
        )


OF_THE_ACCOUNT = (
    "account",
    "account_close",
    "action_mark",
    "action_order",
    "action_posting",
    "action_waived",
    "allocation_target",
    "basket",
    "basket_line",
    "equity_snapshot",
    "fill",
    "fill_change",
    "holding",
    "ledger_entry",
    "live_permit",
    "margin_call",
    "lot_method",
    "lot_pick",
    "lot_transfer",
    "order_event",
    "order_lots",
    "tracked_account",
    "trade_order",
    "trading_rule",
    "trading_stop",
)


async def test_those_let_in_see_the_account_and_nothing_else(house: House) -> None:
    for person in (house.bob, house.carol):
        act_for(person.user_id)
        visible = {table for table in FILLED if await seen(house, table)}
        assert visible == {*OF_THE_ACCOUNT, "outbox", "account_share"}


async def test_who_may_look_changes_nothing_and_who_may_trade_does(house: House) -> None:
    change = "UPDATE account SET reserved = reserved WHERE id = %s"
    for person, changed in ((house.bob, 0), (house.carol, 1), (house.dan, 0)):
        act_for(person.user_id)
        assert await house.walled.run(change, (house.alice.account_id,)) == changed


async def test_only_the_owner_says_how_lots_are_found(house: House) -> None:
    for person in (house.bob, house.carol, house.dan):
        act_for(person.user_id)
        with pytest.raises(InsufficientPrivilege):
            await house.walled.run(METHOD, (house.alice.account_id,))
    act_for(house.alice.caller.user_id)
    assert await house.walled.run(METHOD, (house.alice.account_id,)) == 1
    for table in ("lot_method", "lot_pick"):
        for verb in ("DELETE FROM {}", "UPDATE {} SET chosen_at = now()"):
            assert await house.walled.run(sql.SQL(verb).format(sql.Identifier(table)).as_string()) == 0


async def test_only_who_owns_both_accounts_says_that_shares_moved(house: House) -> None:
    [(mine,)] = await house.alice.b.db.tuples("SELECT to_account_id FROM lot_transfer")
    for person in (house.bob, house.carol, house.dan):
        act_for(person.user_id)
        [(theirs,)] = await house.alice.b.db.tuples("SELECT id FROM account WHERE user_id = %s", (person.user_id,))
        for other in (mine, theirs):
            with pytest.raises(InsufficientPrivilege):
                await house.walled.run(MOVED, {"account": house.alice.account_id, "other": other})
        assert await house.walled.run("UPDATE lot_transfer SET cost = 0") == 0
    act_for(house.alice.caller.user_id)
    assert await house.walled.run("UPDATE lot_transfer SET cost = 99") == 1
    assert await house.walled.run("DELETE FROM lot_transfer") == 0


async def test_nobody_but_the_worker_books_actions_and_only_the_owner_waives_one(house: House) -> None:
    mark = "UPDATE action_mark SET told_id = 9 WHERE account_id = %(account)s"
    waive = (
        "INSERT INTO action_waived (account_id, action_id, revision, waived_by, waived_at)"
        " VALUES (%(account)s, 'a1', 2, %(account)s, now())"
    )
    mine = {"account": house.alice.account_id}
    for person in (house.alice.caller, house.bob, house.carol, house.dan):
        act_for(person.user_id)
        assert await house.walled.run(mark, mine) == 0
        if person is not house.alice.caller:
            with pytest.raises(InsufficientPrivilege):
                await house.walled.run(waive, mine)
    act_for(house.alice.caller.user_id)
    assert await house.walled.run(waive, mine) == 1


async def test_one_connection_serves_one_person_after_another_without_a_trace(house: House) -> None:
    people = [house.alice.caller.user_id, None, house.dan.user_id, house.bob.user_id] * 25
    expected = {people[0]: 2, None: 0, house.dan.user_id: 0, house.bob.user_id: 1}

    async def look(user_id: UUID | None) -> None:
        act_for(user_id)
        for _ in range(3):
            assert await seen(house, "account") == expected[user_id]
            await asyncio.sleep(0)

    await asyncio.gather(*(look(user_id) for user_id in people))


async def test_after_a_failed_transaction_the_next_person_still_has_their_own_rows(house: House) -> None:
    act_for(house.alice.caller.user_id)
    with pytest.raises(UndefinedTable):
        async with house.walled.transaction() as connection:
            await connection.execute("SELECT * FROM no_such_table")
    assert await seen(house, "account") == 2
    act_for(house.dan.user_id)
    assert await seen(house, "account") == 0
