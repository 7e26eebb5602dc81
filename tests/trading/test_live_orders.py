"""Orders of real money: path by path, that none is sent which its account's owner did not mean to send."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from psycopg import Error as DatabaseError
from redis.asyncio import Redis

from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.step_up import FactorNeeded, step_up
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.trading.approvals.service import confirm as confirm_proposal
from starkmatter.trading.approvals.service import order_confirmed, propose
from starkmatter.trading.brokers import catalog, etrade, schwab
from starkmatter.trading.brokers.catalog import REFUSALS as catalog_refusals
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.guarding.rules import set_rule
from starkmatter.trading.guarding.stops import turn_off, turn_on
from starkmatter.trading.live.standing import LIVE_OFF, live_standing
from starkmatter.trading.live.switch import read_live, set_live_limit, turn_off_live, turn_on_live
from starkmatter.trading.orders import list_orders
from starkmatter.trading.preview import preview_order
from starkmatter.trading.records import OrderView
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import item_of, order_id_for, submit_order
from starkmatter.trading.ticket import open_ticket, reservation_of
from tests.builders import make_caller, order, quote
from tests.standins import etrade as etrade_standin
from tests.standins import ib as ib_standin
from tests.standins import schwab as schwab_standin
from tests.standins.alpaca_trading import LIVE_KEY_ID, SECRET, alpaca_trading
from tests.trading.broker_desk import ALL_READ, BrokerSeat, eventually, make_seat
from tests.trading.live_seat import NAME, PASSPHRASE, Owner, make_owner

AT_REST = "buy 2 AAPL @ 90.00 gtc"
HIDDEN = frozenset({"key", "secret", "refresh_token"})


@pytest.fixture
async def seat(
    database: Database, cache: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BrokerSeat]:
    """An account of real money at Schwab, its book read, and nobody sending: what is taken waits to be sent."""
    monkeypatch.setattr(schwab, "POLL_SECS", 0.1)
    monkeypatch.setattr(schwab, "PER_MIN", 6000.0)
    with schwab_standin.schwab() as there:
        there.positions["AAPL"] = (Decimal(10), Decimal(1000))
        made = await make_seat(
            database, cache, tmp_path, there, broker="schwab", keys=schwab_standin.SIGNED_IN, hide=HIDDEN
        )
        async with made.house():
            await made.until_state("ready")
        yield made


@pytest.fixture
async def owner(seat: BrokerSeat, monkeypatch: pytest.MonkeyPatch) -> Owner:
    return await make_owner(seat, monkeypatch)


async def stored(seat: BrokerSeat, status: str = "pending_submit") -> int:
    return int(
        await seat.b.db.value(
            "SELECT count(*) FROM trade_order WHERE account_id = %s AND status = %s", (seat.account_id, status)
        )
    )


async def confirmed(owner: Owner, text: str = AT_REST, key: str = "") -> OrderView:
    """As a person does it: send, be asked, give a code, send the same again."""
    key = key or f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await owner.seat.order(text, key)
    await owner.prove()
    return await owner.seat.order(text, key)


async def older(seat: BrokerSeat, table: str, secs: int, *columns: str) -> None:
    """As if that had been so long ago."""
    moved = ", ".join(f"{column} = {column} - interval '{secs} seconds'" for column in columns)
    await seat.b.db.run(f"UPDATE {table} SET {moved}", ())  # type: ignore[arg-type]


async def raw_order(seat: BrokerSeat, **changes: Any) -> None:
    """An order row written past everything but the database."""
    request = order(AT_REST)
    ticket = await open_ticket(seat.b, seat.caller, seat.account_id, request)
    item = item_of(ticket, request, uuid4(), [], reservation_of(request, ticket))
    item["risk"] |= {"via": "session"}
    item |= {"user_id": seat.caller.user_id, "status": "pending_submit"} | changes
    await seat.b.db.run(
        """
        INSERT INTO trade_order (id, account_id, venue, symbol, side, type, qty, limit_price, time_in_force, session_on,
                                 status, sequence, filled_qty, filled_value, reserved, reserve_per_share, request_hash,
                                 risk, submitted_venue_at, created_at, updated_at, placed_by, held)
        VALUES (%(id)s, %(account_id)s, %(venue)s, %(symbol)s, %(side)s, %(type)s, %(qty)s, %(limit_price)s,
                %(time_in_force)s, %(session_on)s, %(status)s, 1, 0, 0, 0, 0, decode(%(request_hash)s, 'hex'),
                %(risk)s::jsonb, now(), now(), now(), %(user_id)s, %(held)s)
        """,
        item | {"risk": orjson.dumps(item["risk"]).decode(), "held": item.get("held", False)},
    )


# --- off by default -------------------------------------------------------------------------------------------------


async def test_it_is_off_until_turned_on_and_the_ticket_says_so(seat: BrokerSeat, owner: Owner) -> None:
    refused = await seat.order(AT_REST)
    assert (refused.status, refused.reject_reason) == ("risk_rejected", LIVE_OFF)
    seen = await preview_order(seat.b, seat.caller, seat.account_id, order(AT_REST))
    assert seen.refusals == [LIVE_OFF]
    with pytest.raises(DatabaseError, match="Live trading is off"):
        await raw_order(seat)
    assert await stored(seat) == 0


async def test_turning_it_on_takes_the_owner_the_name_and_a_second_factor_just_given(
    seat: BrokerSeat, owner: Owner
) -> None:
    b, caller = seat.b, seat.caller
    await owner.prove()
    for words in ("", "real", "REAL MONEY"):
        with pytest.raises(InvalidInput, match=NAME):
            await turn_on_live(b, caller, seat.account_id, confirm=words)
    for program in (replace(caller, scopes=frozenset({"read", "trade", "admin"}), via="token"),):
        with pytest.raises(NotAllowed):
            await turn_on_live(b, program, seat.account_id, confirm=NAME)
    other = await make_caller(b.db, "owner")
    with pytest.raises(NotFound):
        await turn_on_live(b, other, seat.account_id, confirm=NAME)
    await older(seat, "user_session", 121, "factor_at")
    with pytest.raises(FactorNeeded):
        await turn_on_live(b, caller, seat.account_id, confirm=NAME)
    assert await live_standing(b.db, seat.account_id) is None
    await owner.turn_on()
    on = await read_live(b, caller, seat.account_id)
    assert on is not None
    assert on.most == 0
    # The factor that turned it on is used up: no order goes by it.
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST)
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST)
    trail = await b.db.tuples("SELECT action FROM audit_event WHERE action LIKE 'live.%%' ORDER BY sequence", ())
    assert trail == [("live.turned_on",)]


async def test_a_passphrase_alone_is_no_second_factor(seat: BrokerSeat, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await make_owner(seat, monkeypatch, with_factor=False)
    await step_up(seat.b, seat.caller, PASSPHRASE, None)
    with pytest.raises(NotAllowed, match="second factor first"):
        await turn_on_live(seat.b, seat.caller, seat.account_id, confirm=NAME)
    assert not owner.secret
    assert await live_standing(seat.b.db, seat.account_id) is None


async def test_the_database_takes_no_row_that_says_it_is_on_for_another_or_without_proof(
    seat: BrokerSeat, owner: Owner
) -> None:
    other = await make_caller(seat.b.db, "owner")
    sql = """
    INSERT INTO live_trading (account_id, turned_on_by, factor_at, on_since)
    VALUES (%s, %s, now() - %s::interval, now())
    """
    for user_id, ago in ((other.user_id, "0 s"), (seat.caller.user_id, "3 min"), (seat.caller.user_id, "-1 min")):
        with pytest.raises(DatabaseError):
            await seat.b.db.run(sql, (seat.account_id, user_id, ago))
    with pytest.raises(DatabaseError, match="fixed when it is opened"):
        await seat.b.db.run("UPDATE account SET mode = 'paper' WHERE id = %s", (seat.account_id,))


# --- each order -----------------------------------------------------------------------------------------------------


async def test_an_order_goes_out_once_its_very_ticket_was_confirmed(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    seen = await preview_order(seat.b, seat.caller, seat.account_id, order(AT_REST))
    assert seen.refusals == []
    assert seen.needs_factor
    assert seen.live is not None
    assert [word for word in ("LIVE", "Schwab", "real money", "200.10") if word not in seen.live] == []
    placed = await confirmed(owner)
    assert placed.status == "pending_submit"
    async with seat.house():
        await seat.until(placed, "accepted", "working")
        assert len(seat.there.posts) == 1
        [there] = seat.there.orders.values()
        seat.there.fill(there.number, "2", "89.90")
        await seat.until(placed, "filled")
    await seat.books_add_up()


async def test_the_same_key_again_tells_what_became_of_it_and_a_double_click_sends_once(
    seat: BrokerSeat, owner: Owner
) -> None:
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    await owner.prove()
    both = await asyncio.gather(*(seat.order(AT_REST, key) for _ in range(5)), return_exceptions=True)
    taken = [one for one in both if isinstance(one, OrderView)]
    assert taken
    assert {one.id for one in taken} == {order_id_for(seat.account_id, key)}
    assert (await seat.order(AT_REST, key)).id == taken[0].id
    assert await stored(seat) == 1


async def test_a_factor_given_before_the_ticket_was_shown_counts_for_nothing(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    await owner.prove()
    key = f"key-{uuid4()}"
    for _ in range(3):
        with pytest.raises(FactorNeeded):
            await seat.order(AT_REST, key)
    assert await stored(seat) == 0


async def test_one_code_confirms_one_order_in_whichever_tab(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    keys = [f"key-{uuid4()}" for _ in range(2)]
    for key in keys:
        with pytest.raises(FactorNeeded):
            await seat.order(AT_REST, key)
    code = await owner.prove()
    taken = await seat.order(AT_REST, keys[0])
    assert taken.status == "pending_submit"
    for _ in range(2):
        with pytest.raises(FactorNeeded):
            await seat.order(AT_REST, keys[1])
    with pytest.raises(NotAllowed, match="used before"):
        await owner.prove(code)
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, keys[1])
    assert await stored(seat) == 1


@pytest.mark.parametrize(
    "other",
    [
        "buy 3 AAPL @ 90.00 gtc",
        "buy 2 AAPL @ 91.00 gtc",
        "sell 2 AAPL @ 90.00 gtc",
        "buy 2 MSFT @ 90.00 gtc",
        "buy 2 AAPL",
    ],
)
async def test_another_ticket_under_the_same_code_is_asked_for_again(
    seat: BrokerSeat, owner: Owner, other: str
) -> None:
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    await owner.prove()
    with pytest.raises(FactorNeeded):
        await seat.order(other, key)
    with pytest.raises(FactorNeeded):
        await seat.order(other, key)
    assert await stored(seat) == 0


async def test_another_session_of_the_same_person_does_not_confirm(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    first, key = seat.caller, f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    elsewhere, _ = await open_session(
        seat.b, first.user_id, "trader", first.email, "x", ip="test", user_agent="elsewhere"
    )
    seat.caller = elsewhere
    await owner.prove()
    seat.caller = first
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    assert await stored(seat) == 0


async def test_what_was_asked_or_confirmed_two_minutes_ago_is_over(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    await owner.prove()
    await older(seat, "live_approval", 121, "asked_at")
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    # Confirmed, and the order itself comes too late: the database says no.
    await owner.prove()
    assert await seat.b.db.value(
        "SELECT approve_live(%s, %s, %s)",
        (order_id_for(seat.account_id, key), seat.caller.user_id, seat.caller.session_id),
    )
    await older(seat, "live_approval", 121, "asked_at", "approved_at", "valid_until")
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    assert await stored(seat) == 0


async def test_a_price_that_moved_since_the_ticket_was_shown_is_looked_at_again(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order("buy 2 AAPL", key)
    await seat.quote(quote("AAPL 101.50/101.60"))
    await owner.prove()
    with pytest.raises(Refused, match="review the order again"):
        await seat.order("buy 2 AAPL", key)
    with pytest.raises(FactorNeeded):
        await seat.order("buy 2 AAPL", key)
    assert await stored(seat) == 0


# --- the limit ------------------------------------------------------------------------------------------------------


async def test_a_lower_limit_counts_at_once_and_a_higher_one_after_a_day_and_a_factor(
    seat: BrokerSeat, owner: Owner
) -> None:
    await owner.turn_on()
    b, caller, account_id = seat.b, seat.caller, seat.account_id
    for wrong in ("-1", "0.001", "1000001", "NaN", "Infinity"):
        with pytest.raises(InvalidInput):
            await set_live_limit(b, caller, account_id, Decimal(wrong))
    with pytest.raises(FactorNeeded):
        await set_live_limit(b, caller, account_id, Decimal(500))
    await owner.prove()
    waits = await set_live_limit(b, caller, account_id, Decimal(500))
    assert (waits.most, waits.raises_to) == (0, 500)
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST)
    await older(seat, "live_trading", 86_401, "raises_at")
    now = await read_live(b, caller, account_id)
    assert now is not None
    assert (now.most, now.raises_to) == (500, None)
    assert (await seat.order(AT_REST)).status == "pending_submit"  # 2 x 100.05: the market's price counts
    with pytest.raises(FactorNeeded):
        await seat.order("buy 5 AAPL @ 90.00 gtc")  # 5 x 100.05
    lower = await set_live_limit(b, caller, account_id, Decimal(100))
    assert (lower.most, lower.raises_to) == (100, None)
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST)
    await turn_off_live(b, caller, account_id)
    await owner.turn_on()
    again = await read_live(b, caller, account_id)
    assert again is not None
    assert again.most == 0


# --- who ------------------------------------------------------------------------------------------------------------


async def test_programs_and_others_send_no_live_order_whatever_the_limit(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    await seat.b.db.run("UPDATE live_trading SET most = 100000", ())
    program = replace(seat.caller, scopes=frozenset({"read", "trade", "admin"}), via="token")
    trader = await make_caller(seat.b.db, "trader")
    await seat.b.db.run(
        "INSERT INTO account_share (account_id, user_id, level, shared_by, created_at)"
        " VALUES (%s, %s, 'trade', %s, now())",
        (seat.account_id, trader.user_id, seat.caller.user_id),
    )
    for caller in (program, trader):
        with pytest.raises(NotAllowed, match="real money"):
            await submit_order(seat.b, caller, seat.account_id, order(AT_REST), f"key-{uuid4()}", acknowledged=ALL_READ)
        assert (await preview_order(seat.b, caller, seat.account_id, order(AT_REST))).refusals
    with pytest.raises(NotAllowed):
        await set_live_limit(seat.b, program, seat.account_id, Decimal(1))
    assert await stored(seat) == 0
    await turn_off_live(seat.b, program, seat.account_id)  # stopping is everybody's who may
    assert await live_standing(seat.b.db, seat.account_id) is None


async def test_a_proposal_is_confirmed_with_a_factor_for_its_own_ticket(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    b, caller = seat.b, seat.caller
    program = replace(caller, scopes=frozenset({"read", "trade"}), via="token")
    found = await propose(b, program, seat.account_id, order(AT_REST), thesis="why", invalidation="why not")
    with pytest.raises(FactorNeeded):
        await confirm_proposal(b, caller, found.id, found.ticket_hash, acknowledged=ALL_READ)
    assert await stored(seat) == 0
    await owner.prove()
    placed = await confirm_proposal(b, caller, found.id, found.ticket_hash, acknowledged=ALL_READ)
    assert placed.status == "pending_submit"
    with pytest.raises(Refused, match="counts once"):
        await order_confirmed(b, caller, found.id, found.ticket_hash, acknowledged=ALL_READ)
    assert await stored(seat) == 1


# --- what stands in the way -----------------------------------------------------------------------------------------


async def test_it_is_turned_off_at_once_also_for_what_waits(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner)
    await turn_off_live(seat.b, seat.caller, seat.account_id)
    async with seat.house():
        ended = await seat.until(placed, "not_sent")
    assert "turned off" in (ended.reject_reason or "")
    assert (await seat.order(AT_REST)).reject_reason == LIVE_OFF
    assert seat.there.posts == []
    await seat.books_add_up()


async def test_the_kill_switch_stops_what_was_confirmed_before_it_is_sent(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner)
    stop = await turn_on(seat.b, seat.caller, "account", account_id=seat.account_id)
    async with seat.house():
        await seat.until(placed, "not_sent", "canceled")
    assert seat.there.posts == []
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(AT_REST, key)
    await owner.prove()
    assert (await seat.order(AT_REST, key)).status == "risk_rejected"
    await turn_off(seat.b, seat.caller, stop.stop.id)
    assert await stored(seat) == 0


async def test_an_order_whose_answer_was_lost_over_a_restart_is_not_sent_twice(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner)
    seat.there.fault("submit", "accept-drop")
    async with seat.house():
        await seat.until(placed, "unknown", "accepted", "working")
    async with seat.house():
        await seat.until(placed, "accepted", "working")
    assert len(seat.there.orders) == 1


async def test_a_resting_order_of_real_money_is_not_changed_in_its_place(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner)
    with pytest.raises(Refused, match="canceling it and sending another"):
        await replace_order(seat.b, seat.caller, placed.id, Terms(qty=Decimal(200)))
    for change in ("qty = 200", "limit_price = 900", "side = 'sell'", "symbol = 'MSFT'", "time_in_force = 'day'"):
        with pytest.raises(DatabaseError, match="canceling it and sending another"):
            await seat.b.db.run(f"UPDATE trade_order SET {change} WHERE id = %s", (placed.id,))  # type: ignore[arg-type]
    await cancel_order(seat.b, seat.caller, placed.id)
    await turn_off_live(seat.b, seat.caller, seat.account_id)
    async with seat.house():
        await seat.until(placed, "canceled", "not_sent")
    assert seat.there.posts == []


async def test_the_database_stores_no_order_that_was_not_allowed(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    with pytest.raises(DatabaseError, match="not confirmed with a second factor"):
        await raw_order(seat)
    await seat.b.db.run("UPDATE live_trading SET most = 100000", ())
    other = await make_caller(seat.b.db, "owner")
    for wrong, words in (
        ({"user_id": None}, "owner, signed in"),
        ({"user_id": other.user_id}, "owner, signed in"),
        ({"risk": {"reference_price": "100.05", "via": "token"}}, "owner, signed in"),
        ({"risk": {"reference_price": "100.05"}}, "owner, signed in"),
        ({"risk": {"via": "session"}}, "second factor"),
        ({"held": True}, "waits for a price"),
        ({"status": "submitting"}, "begins before"),
        ({"status": "unknown"}, "begins before"),
    ):
        with pytest.raises(DatabaseError, match=words):
            await raw_order(seat, **wrong)
    refused = await seat.order("sell 20 AAPL @ 90.00 gtc")
    assert refused.status == "risk_rejected"
    for status in ("pending_submit", "submitting", "unknown"):
        with pytest.raises(DatabaseError, match="stays refused"):
            await seat.b.db.run("UPDATE trade_order SET status = %s WHERE id = %s", (status, refused.id))
    assert await stored(seat) == 0


async def test_an_order_that_lost_its_permit_is_not_claimed(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner)
    await seat.b.db.run("DELETE FROM live_permit WHERE order_id = %s", (placed.id,))
    with pytest.raises(DatabaseError, match="never allowed"):
        await seat.b.db.run("UPDATE trade_order SET status = 'submitting' WHERE id = %s", (placed.id,))
    async with seat.house():
        ended = await seat.until(placed, "not_sent")
    assert "never allowed" in (ended.reject_reason or "")
    assert seat.there.posts == []


# --- groups and conditions -------------------------------------------------------------------------------------------

BRACKET = "buy 2 AAPL @ 90.00 gtc tp=110.00 sl=80.00"


async def test_one_factor_is_for_the_whole_group_that_was_shown_and_for_no_other(
    seat: BrokerSeat, owner: Owner
) -> None:
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(BRACKET, key)
    await owner.prove()
    with pytest.raises(FactorNeeded):
        await seat.order(BRACKET.replace("sl=80", "sl=60"), key)
    assert await stored(seat) == 0
    await confirmed(owner, BRACKET)
    assert await stored(seat) == 3
    assert await seat.b.db.value("SELECT count(*) FROM live_permit WHERE with_factor", ()) == 3
    async with seat.house():
        await until_at(seat, 3)
    [post] = seat.there.posts
    assert post["orderStrategyType"] == "TRIGGER"
    await seat.books_add_up()


async def until_at(seat: BrokerSeat, count: int) -> None:
    """So many orders are at the broker, and known there."""

    async def there_yet() -> bool:
        known = "SELECT count(*) FROM trade_order WHERE account_id = %s AND status IN ('accepted', 'working')"
        return len(seat.there.orders) == count == await seat.b.db.value(known, (seat.account_id,))

    await eventually(there_yet, f"{count} orders there")


@pytest.mark.parametrize(
    "change",
    [
        "qty = 5",
        "side = 'buy'",
        "role = 'target', type = 'limit', limit_price = 100, stop_price = NULL",
        "stop_price = 79",
        "symbol = 'MSFT'",
        "status = 'submitting'",
        "request_hash = decode('00', 'hex')",
    ],
)
async def test_the_database_stores_no_order_of_a_group_that_was_not_shown_in_it(
    seat: BrokerSeat, owner: Owner, change: str
) -> None:
    """As if the function that adds the orders of a group added another than was shown."""
    await owner.turn_on()
    body = f"BEGIN IF NEW.role = 'stop' THEN {_assigned(change)} END IF; RETURN NEW; END"
    made = f"CREATE FUNCTION another_leg() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
    await seat.b.db.run(made, ())  # type: ignore[arg-type]
    await seat.b.db.run(
        "CREATE TRIGGER another BEFORE INSERT ON trade_order FOR EACH ROW EXECUTE FUNCTION another_leg()", ()
    )
    with pytest.raises(Refused, match=r"group it was shown in|confirmed with a second factor"):
        await confirmed(owner, BRACKET)
    assert await stored(seat) == 0


def _assigned(change: str) -> str:
    """`qty = 5` as it is said of the new row in a trigger."""
    return " ".join(f"NEW.{one.strip().replace(' = ', ' := ', 1)};" for one in re.split(r", (?=[a-z_]+ = )", change))


async def test_a_leg_cannot_be_added_to_a_group_later(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    placed = await confirmed(owner, "buy 2 AAPL @ 90.00 gtc tp=110.00")
    more = orjson.dumps(
        [
            {
                "id": str(uuid4()),
                "role": "stop",
                "side": "sell",
                "type": "stop",
                "qty": "2",
                "stop_price": "80",
                "time_in_force": "gtc",
                "held": True,
            }
        ]
    ).decode()
    with pytest.raises(DatabaseError, match="group it was shown in"):
        await seat.b.db.run("SELECT add_legs(%s, %s::jsonb, now())", (placed.id, more))
    with pytest.raises(DatabaseError, match="canceling it and sending another"):
        await seat.b.db.run("UPDATE trade_order SET role = 'stop' WHERE group_id = %s AND id <> %s", (placed.id,) * 2)


async def test_a_condition_is_a_part_of_what_was_confirmed(seat: BrokerSeat, owner: Owner, monkeypatch: Any) -> None:
    monkeypatch.setitem(catalog_refusals, "schwab", lambda _: [])
    await owner.turn_on()
    key = f"key-{uuid4()}"
    with pytest.raises(FactorNeeded):
        await seat.order(f"{AT_REST} above=MSFT:250", key)
    await owner.prove()
    with pytest.raises(FactorNeeded):
        await seat.order(f"{AT_REST} above=MSFT:150", key)
    placed = await confirmed(owner, f"{AT_REST} above=MSFT:250")
    assert (placed.held, placed.cond_price) == (True, Decimal(250))
    with pytest.raises(DatabaseError, match="canceling it and sending another"):
        await seat.b.db.run("UPDATE trade_order SET cond_price = 1 WHERE id = %s", (placed.id,))


# --- a day's real money ----------------------------------------------------------------------------------------------


async def rule_of_a_day(seat: BrokerSeat, most: str | None) -> None:
    await set_rule(seat.b, seat.caller, "live_per_day", None if most is None else Decimal(most), seat.account_id)


async def test_a_day_takes_no_more_real_money_than_its_owner_allows(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    await rule_of_a_day(seat, "500")
    await confirmed(owner)  # 2 at 100.05 at most
    seen = await preview_order(seat.b, seat.caller, seat.account_id, order(AT_REST))
    assert "Today 200.10 of 500.00 USD are ordered." in (seen.live or "")
    assert seen.refusals == []
    words = r"allow 500.00 USD of real money a day: 200.10 USD are ordered, and this order may move 300.15 USD"
    with pytest.raises(Refused, match=words):
        await seat.order("buy 3 AAPL @ 90.00 gtc")
    seen = await preview_order(seat.b, seat.caller, seat.account_id, order("buy 3 AAPL @ 90.00 gtc"))
    assert len(seen.refusals) == 1
    # The way out is always taken, and counts.
    await confirmed(owner, "sell 3 AAPL @ 101.00 gtc")
    assert (await read_live(seat.b, seat.caller, seat.account_id)).day_ordered == Decimal("503.10")  # type: ignore[union-attr]
    with pytest.raises(DatabaseError, match="of real money a day"):
        await raw_order(seat)
    # What ended without a fill moved nothing.
    open_ones = await list_orders(seat.b, seat.caller, seat.account_id)
    for one in open_ones:
        await cancel_order(seat.b, seat.caller, one.id)
    assert (await read_live(seat.b, seat.caller, seat.account_id)).day_ordered == 0  # type: ignore[union-attr]
    await confirmed(owner, "buy 4 AAPL @ 90.00 gtc")
    await older(seat, "live_permit", 86_400, "allowed_at")
    await confirmed(owner, "buy 4 AAPL @ 90.00 gtc")


async def test_a_group_counts_once_a_day_with_its_first_order(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    await rule_of_a_day(seat, "250")
    await confirmed(owner, BRACKET)
    assert (await read_live(seat.b, seat.caller, seat.account_id)).day_ordered == Decimal("200.10")  # type: ignore[union-attr]


async def test_the_rule_is_tightened_at_once_and_loosened_a_day_later_whatever_is_turned_off(
    seat: BrokerSeat, owner: Owner
) -> None:
    await owner.turn_on()
    await rule_of_a_day(seat, "500")
    await rule_of_a_day(seat, "100")
    for looser in ("900", None):
        await rule_of_a_day(seat, looser)
        await turn_off_live(seat.b, seat.caller, seat.account_id)
        await owner.turn_on()
        with pytest.raises(Refused, match=r"allow 100\.00 USD"):
            await seat.order(AT_REST)
    await older(seat, "trading_rule", 86_401, "loosens_at")
    await confirmed(owner)


async def test_orders_that_race_never_order_more_than_the_day_allows(seat: BrokerSeat, owner: Owner) -> None:
    await owner.turn_on()
    await seat.b.db.run("UPDATE live_trading SET most = 100000", ())
    await rule_of_a_day(seat, "1000")
    async with asyncio.TaskGroup() as both:
        ways = [both.create_task(_outcome(seat.order(f"buy 1 AAPL @ 90.{cents:02} gtc"))) for cents in range(20)]
        raw = [both.create_task(_outcome(raw_order(seat, qty="1"))) for _ in range(20)]
    taken = sum(one.result() for one in (*ways, *raw))
    assert taken == 9, taken  # 100.05 each: the tenth would be 1,000.50
    assert await stored(seat) == 9
    ordered = await seat.b.db.value("SELECT live_ordered_today(%s)", (seat.account_id,))
    assert ordered == Decimal("900.45")


async def _outcome(order_: Any) -> bool:
    """Whether it was taken; only the day's limit is a reason that it was not."""
    try:
        await order_
    except (Refused, DatabaseError) as error:
        if "of real money a day" not in str(error):
            raise
        return False
    return True


# --- each broker ----------------------------------------------------------------------------------------------------


@contextmanager
def at_ib() -> Iterator[Any]:
    with ib_standin.tws(number="U8400123") as there:
        there.urls = {}  # type: ignore[attr-defined]
        yield there


BROKERS: dict[str, tuple[Any, Any, dict[str, str] | None, frozenset[str]]] = {
    "alpaca": (
        None,
        partial(alpaca_trading, live=True),
        {"environment": "live", "key_id": LIVE_KEY_ID, "secret": SECRET},
        frozenset({"key_id", "secret"}),
    ),
    "schwab": (schwab.SchwabBroker, schwab_standin.schwab, schwab_standin.SIGNED_IN, HIDDEN),
    "etrade": (
        etrade.ETradeBroker,
        etrade_standin.etrade,
        etrade_standin.SIGNED_IN,
        frozenset({"key", "secret", "token", "token_secret"}),
    ),
    "ib": (None, at_ib, None, frozenset()),
}


@pytest.mark.parametrize("broker", BROKERS)
async def test_at_each_broker_an_order_of_real_money_goes_out_once_it_was_confirmed(
    database: Database, cache: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str
) -> None:
    adapter, opened, keys, hide = BROKERS[broker]
    if adapter is not None:
        monkeypatch.setattr(adapter, "live", True)
        monkeypatch.setitem(catalog.MODES, broker, lambda _: "live")
    for module in (schwab, etrade):
        monkeypatch.setattr(module, "POLL_SECS", 0.1)
        monkeypatch.setattr(module, "PER_MIN", 6000.0)
    with opened() as there:
        keys = there.keys | {"mode": "live"} if keys is None else keys
        seat = await make_seat(database, cache, tmp_path, there, broker=broker, keys=keys, hide=hide)
        owner = await make_owner(seat, monkeypatch)
        async with seat.house():
            await seat.until_state("ready")
            assert (await seat.order(AT_REST)).reject_reason == LIVE_OFF
            await owner.turn_on()
            with pytest.raises(FactorNeeded, match=catalog.TITLES[broker].replace("*", r"\*")):
                await seat.order(AT_REST)
            assert len(there.orders) == 0
            placed = await confirmed(owner)
            await seat.until(placed, "accepted", "working")
            [number] = there.orders
            there.fill(number, "2", "89.90")
            done = await seat.until(placed, "filled")
            assert (done.filled_qty, done.avg_price) == (Decimal(2), Decimal("89.90"))
            await turn_off_live(seat.b, seat.caller, seat.account_id)
            assert (await seat.order(AT_REST)).reject_reason == LIVE_OFF
            assert len(there.orders) == 1
        await seat.books_add_up()
