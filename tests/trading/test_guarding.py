"""The edges of what guards an account: what its figures are made of, whom a switch is for, and who may ask what."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from starkmatter.accounts.sharing.service import share_account
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from starkmatter.trading.guarding import queries, stops
from starkmatter.trading.guarding.cautions import check_codes, crowding
from starkmatter.trading.guarding.checking import marks_of, own_refusals, stopped
from starkmatter.trading.guarding.emergency import read_emergency
from starkmatter.trading.guarding.rules import set_rule
from starkmatter.trading.guarding.stops import MAX_REASON_CHARS, find_stop, list_stops, turn_off, turn_on
from starkmatter.trading.guarding.sweeping import cancel_all, sweep
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from starkmatter.trading.ticket import Ticket, open_ticket
from tests.builders import ALL_READ, OPENS_AT, Desk, make_account, order, quote
from tests.trading.test_kill_switch import signed_in

LEADER_KEY = 0x1234_5678_9ABC_DEF0


async def send(desk: Desk, text: str, account_id: UUID | None = None) -> UUID:
    account_id = account_id or desk.account_id
    placed = await submit_order(desk.b, desk.caller, account_id, order(text), uuid4().hex, acknowledged=ALL_READ)
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05"), quote("MSFT 200.00/200.10"))
    return placed.id


async def ticket_for(desk: Desk, text: str, account_id: UUID | None = None) -> Ticket:
    return await open_ticket(desk.b, desk.caller, account_id or desk.account_id, order(text))


# --- what an account is worth and how much of it is in one symbol ----------------------------------------------------


async def test_marks_are_the_newest_trades_of_what_is_held_and_say_where_there_is_none(desk: Desk) -> None:
    ticket = await ticket_for(desk, "buy 1 AAPL")
    assert await marks_of(desk.b, ticket) == {"marks": {}, "day_start": OPENS_AT}
    await send(desk, "buy 10 AAPL")
    await send(desk, "buy 10 MSFT")
    last = {name: (await ticket_for(desk, f"buy 1 {name}")).quote.last for name in ("AAPL", "MSFT")}  # type: ignore[union-attr]
    found = await marks_of(desk.b, ticket)
    assert {name: Decimal(price) for name, price in found["marks"].items()} == last
    await desk.b.cache.flushall()
    assert await marks_of(desk.b, ticket) == {"marks": {"AAPL": None, "MSFT": None}, "day_start": OPENS_AT}
    assert ticket.clock is not None
    assert (await marks_of(desk.b, replace(ticket, clock=None)))["day_start"] is None
    between = replace(ticket.clock, session_on=None)
    assert (await marks_of(desk.b, replace(ticket, clock=between)))["day_start"] is None


@pytest.mark.parametrize(
    ("held", "text", "told"),
    [
        ((), "buy 510 AAPL", "51 %"),
        ((), "buy 490 AAPL", None),
        ((), "sell 510 AAPL short", None),
        ((), "buy 0 AAPL usd=51000.00", "51 %"),
        # What is held already counts with it; a purchase of a quarter of the cash at most is no large one.
        (("buy 300 AAPL",), "buy 220 AAPL", "52 %"),
        (("buy 300 AAPL",), "buy 0 AAPL usd=22000.00", "52 %"),
        (("buy 300 AAPL",), "buy 160 AAPL", None),
        (("buy 450 AAPL",), "buy 130 AAPL", None),
        # Other shares are part of what the account is worth, and no part of the symbol.
        (("buy 200 MSFT",), "buy 490 AAPL", None),
        (("buy 200 MSFT",), "buy 520 AAPL", "52 %"),
    ],
)
async def test_much_in_one_symbol_counts_all_that_is_there(
    desk: Desk, held: tuple[str, ...], text: str, told: str | None
) -> None:
    await desk.tell(quote("AAPL 100.00/100.05", size="100000"), quote("MSFT 200.00/200.10", size="100000"))
    for one in held:
        await send(desk, one)
    words = await crowding(desk.b, await ticket_for(desk, text), order(text))
    assert words is None if told is None else words is not None and f"With this order {told} of" in words, words


async def test_what_has_no_price_counts_at_cost_and_what_cannot_be_judged_says_nothing(desk: Desk) -> None:
    await desk.tell(quote("AAPL 100.00/100.05", size="100000"), quote("MSFT 200.00/200.10", size="100000"))
    await send(desk, "buy 300 MSFT")
    ticket = await ticket_for(desk, "buy 300 AAPL")
    await desk.b.db.run("UPDATE holding SET cost_basis = 10000")
    assert await crowding(desk.b, ticket, order("buy 300 AAPL")) is None  # 30,000 of 100,000
    await desk.b.cache.flushall()
    words = await crowding(desk.b, ticket, order("buy 300 AAPL"))  # 30,000 of the cash of 39,970 and a cost of 10,000
    assert words is not None
    assert "60 %" in words
    assert await crowding(desk.b, replace(ticket, quote=None), order("buy 300 AAPL")) is None
    assert await crowding(desk.b, replace(ticket, instrument=None), order("buy 300 AAPL")) is None
    await desk.b.db.run("UPDATE holding SET cost_basis = 60030.00")


def test_codes_are_those_that_there_are() -> None:
    assert check_codes(["duplicate", "duplicate"]) == {"duplicate"}
    long = "x" * 60
    with pytest.raises(InvalidInput) as refused:
        check_codes(["duplicate", long])
    assert str(refused.value).count("x") == 40


# --- what a switch says of one order ---------------------------------------------------------------------------------


async def test_what_a_switch_says_of_a_stored_order(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL")

    async def said(side: str, qty: int, account_id: UUID | None = None) -> str | None:
        async with desk.b.db.connection() as connection:
            return await stopped(connection, account_id or desk.account_id, "AAPL", side, Decimal(qty), uuid4())

    assert await said("buy", 1) is None
    assert await said("buy", 1, uuid4()) is None
    done = await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id, allows_reducing=True)
    assert "only orders that reduce a position" in str(await said("buy", 1))
    assert await said("sell", 10) is None
    assert await said("sell", 11) is not None
    assert await own_refusals(desk.b, await ticket_for(desk, "sell 10 AAPL"), order("sell 10 AAPL")) == []
    assert len(await own_refusals(desk.b, await ticket_for(desk, "sell 11 AAPL"), order("sell 11 AAPL"))) == 1
    await turn_off(desk.b, await signed_in(desk), done.stop.id)
    assert await said("buy", 1) is None


async def test_ones_own_rules_are_asked_with_the_price_and_where_needed_with_what_all_is_worth(desk: Desk) -> None:
    await set_rule(desk.b, desk.caller, "position_value", Decimal(3000), account_id=desk.account_id)
    await set_rule(desk.b, desk.caller, "loss_per_day", Decimal(500), account_id=desk.account_id)

    async def words(text: str) -> list[str]:
        return await own_refusals(desk.b, await ticket_for(desk, text), order(text))

    await send(desk, "buy 28 AAPL")
    assert await words("buy 1 AAPL") == []
    [too_much] = await words("buy 2 AAPL")
    assert too_much == "With this order AAPL is worth 3,001.50 USD, and your rules allow 3,000.00 USD of one symbol."
    await desk.tell(quote("AAPL 80.00/80.05"))
    [too_late] = await words("buy 1 MSFT")
    assert too_late.startswith("Today has lost 56")


async def test_whom_a_switch_is_for_has_to_be_said(desk: Desk) -> None:
    account_id = desk.account_id
    for scope, of in (("account", None), ("mine", account_id), ("everybody", account_id)):
        with pytest.raises(InvalidInput, match="account_id: needed for the switch of one account"):
            await turn_on(desk.b, desk.caller, scope, account_id=of)  # type: ignore[arg-type]
    longest = "x" * MAX_REASON_CHARS
    with pytest.raises(InvalidInput, match="200 characters at most"):
        await turn_on(desk.b, desk.caller, "mine", reason=longest + "x")
    reading = replace(desk.caller, scopes=frozenset({"read"}))
    assert not reading.may_stop
    with pytest.raises(NotAllowed, match="may look but stop nothing"):
        await turn_on(desk.b, reading, "mine")
    with pytest.raises(NotAllowed, match="may look but take nothing back"):
        await cancel_all(desk.b, reading)
    assert await list_stops(desk.b, desk.caller) == []
    done = await turn_on(desk.b, desk.caller, "mine", reason=f"  {longest}\n"[: MAX_REASON_CHARS - 1])
    assert done.stop.reason == longest[: MAX_REASON_CHARS - 3]
    assert (await turn_on(desk.b, desk.caller, "everybody", reason=longest)).stop.reason == longest


async def test_a_pause_is_for_a_broker_that_somebody_has_and_leaves_its_orders(desk: Desk) -> None:
    waits = await send(desk, "buy 1 AAPL @ 90.00 gtc")
    with pytest.raises(NotFound, match="No account is at a broker of that name"):
        await turn_on(desk.b, desk.caller, "mine", broker="alpaca")
    other = await desk.person()
    with pytest.raises(NotFound, match="No account is at a broker"):
        await turn_on(other.b, replace(other.caller, user_id=uuid4()), "mine", broker="paper")
    paused = await turn_on(desk.b, desk.caller, "mine", broker="paper", reason="Not today.")
    assert (paused.canceled, paused.stop.broker) == (0, "paper")
    assert [one.id for one in await list_orders(desk.b, desk.caller) if one.status == "working"] == [waits]
    actions = await desk.b.db.tuples("SELECT action, subject_type, after FROM audit_event")
    assert [(action, kind, after["broker"]) for action, kind, after in actions if action.startswith("broker")] == [
        ("broker.paused", "person", "paper")
    ]
    with pytest.raises(NotFound, match="off"):
        await find_stop(desk.b, desk.caller, "mine")
    assert (await find_stop(desk.b, desk.caller, "mine", broker="paper")).id == paused.stop.id
    await turn_off(desk.b, await signed_in(desk), paused.stop.id)
    assert await desk.b.db.value("SELECT count(*) FROM audit_event WHERE action = 'broker.resumed'") == 1


async def test_a_switch_is_found_by_all_that_names_it(desk: Desk) -> None:
    second = await make_account(desk.b.db, desk.caller)
    of_one = await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id)
    mine = await turn_on(desk.b, desk.caller, "mine")
    everybody = await turn_on(desk.b, desk.caller, "everybody")
    assert [one.scope for one in await list_stops(desk.b, desk.caller)] == ["everybody", "mine", "account"]
    assert (await find_stop(desk.b, desk.caller, "account", desk.account_id)).id == of_one.stop.id
    assert (await find_stop(desk.b, desk.caller, "mine")).id == mine.stop.id
    assert (await find_stop(desk.b, desk.caller, "everybody")).id == everybody.stop.id
    with pytest.raises(NotFound):
        await find_stop(desk.b, desk.caller, "account", second)
    stranger = await desk.person()
    await share_account(desk.b, desk.caller, desk.account_id, stranger.caller.email, "view")
    assert {one.scope for one in await list_stops(desk.b, stranger.caller)} == {"everybody", "mine", "account"}
    with pytest.raises(NotFound):  # somebody else's switch of all their accounts is not one's own
        await find_stop(desk.b, stranger.caller, "mine")
    with pytest.raises(NotFound, match="no such switch of yours"):
        await turn_off(desk.b, stranger.caller, mine.stop.id)
    with pytest.raises(NotFound, match="no such switch of yours"):
        await turn_off(desk.b, await signed_in(desk), uuid4())
    trader = await desk.person(role="trader")
    with pytest.raises(NotAllowed, match="Only an admin turns this off"):
        await turn_off(desk.b, trader.caller, everybody.stop.id)
    with pytest.raises(NotAllowed, match="Only an admin stops everybody"):
        await turn_on(desk.b, trader.caller, "everybody")


async def test_an_account_that_is_busy_is_waited_for_three_times(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, real, busy = [], stops._all, 2

    async def slow(b: object, sql: str, params: object) -> object:
        if sql == queries.TURN_ON:
            tried.append(sql)
            if len(tried) <= busy:
                raise Unavailable("The database does not answer.")
        return await real(b, sql, params)  # type: ignore[arg-type]

    monkeypatch.setattr(stops, "_all", slow)
    assert (await turn_on(desk.b, desk.caller, "mine")).stop.scope == "mine"
    assert len(tried) == 3
    busy, tried[:] = 3, []
    with pytest.raises(Unavailable):
        await turn_on(desk.b, desk.caller, "mine")
    assert len(tried) == 3


# --- asking back -----------------------------------------------------------------------------------------------------


async def test_asking_back_is_for_ones_own_accounts_and_is_written_down_once(desk: Desk) -> None:
    second = await make_account(desk.b.db, desk.caller)
    first = [await send(desk, "buy 1 AAPL @ 90.00 gtc"), await send(desk, "buy 2 AAPL @ 90.00 gtc")]
    other = await send(desk, "buy 3 AAPL @ 90.00 gtc", second)
    stranger = await desk.person()
    with pytest.raises(NotFound, match="no such account"):
        await cancel_all(desk.b, stranger.caller, desk.account_id)
    assert await cancel_all(desk.b, stranger.caller) == 0
    assert await cancel_all(desk.b, desk.caller, second) == 1
    await desk.broker.drain()
    states = {one.id: one.status for one in await list_orders(desk.b, desk.caller)}
    assert (states[other], [states[one] for one in first]) == ("canceled", ["working", "working"])
    assert await cancel_all(desk.b, desk.caller) == 2
    noted = "SELECT after FROM audit_event WHERE action = 'order.all_cancels_asked' ORDER BY sequence"
    found = [row[0] for row in await desk.b.db.tuples(noted)]
    assert [(one["orders"], len(one["accounts"])) for one in found] == [(1, 1), (2, 2)]
    # A request stays a request: asking again finds those that are still open.
    assert await cancel_all(desk.b, desk.caller) in {0, 2}
    await desk.broker.drain()
    assert await cancel_all(desk.b, desk.caller) == 0
    assert len(await desk.b.db.tuples(noted)) <= 3


async def test_a_switch_sweeps_what_it_covers_and_says_so_once(desk: Desk) -> None:
    stranger = await desk.person()
    theirs = await submit_order(
        stranger.b, stranger.caller, stranger.account_id, order("buy 1 AAPL @ 90.00 gtc"), "theirs-000001"
    )
    mine = await send(desk, "buy 1 AAPL @ 90.00 gtc")
    done = await turn_on(desk.b, desk.caller, "mine")
    await desk.broker.drain()
    assert done.canceled == 1
    assert done.stop.swept_at is not None
    assert [one.status for one in await list_orders(desk.b, desk.caller) if one.id == mine] == ["canceled"]
    assert [one.status for one in await list_orders(stranger.b, stranger.caller)] == ["working"], theirs
    assert await sweep(desk.b, done.stop) == 0
    assert (await find_stop(desk.b, desk.caller, "mine")).swept_at == done.stop.swept_at


# --- the page of an emergency ----------------------------------------------------------------------------------------


async def test_an_emergency_shows_what_one_may_take_back_and_whether_a_worker_leads(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL")
    resting = await send(desk, "buy 1 AAPL @ 90.00 gtc")
    seen = await read_emergency(desk.b, desk.caller, LEADER_KEY)
    assert [(one.id, one.broker, one.mine, one.words) for one in seen.accounts] == [
        (desk.account_id, "paper", True, "")
    ]
    assert [one.id for one in seen.orders] == [resting]
    assert [(one.symbol, one.signed_qty) for one in seen.positions] == [("AAPL", 10)]
    assert (seen.worker_leads, seen.queued, seen.stops) == (False, 0, [])
    async with desk.b.db.connection() as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (LEADER_KEY,))
        assert (await read_emergency(desk.b, desk.caller, LEADER_KEY)).worker_leads
        assert not (await read_emergency(desk.b, desk.caller, LEADER_KEY + 1)).worker_leads
        assert not (await read_emergency(desk.b, desk.caller, LEADER_KEY + (1 << 32))).worker_leads
        await connection.execute("SELECT pg_advisory_unlock(%s)", (LEADER_KEY,))
    await cancel_all(desk.b, desk.caller)
    assert (await read_emergency(desk.b, desk.caller, LEADER_KEY)).queued == 1
    looker, trader = await desk.person(), await desk.person()
    await share_account(desk.b, desk.caller, desk.account_id, looker.caller.email, "view")
    await share_account(desk.b, desk.caller, desk.account_id, trader.caller.email, "trade")
    assert desk.account_id not in {one.id for one in (await read_emergency(desk.b, looker.caller, LEADER_KEY)).accounts}
    seen = await read_emergency(desk.b, trader.caller, LEADER_KEY)
    shared = {one.id: one for one in seen.accounts}[desk.account_id]
    assert (shared.mine, shared.owner_name) == (False, desk.caller.display_name)
    assert [one.id for one in seen.orders] == [resting]
