"""Corporate actions on paper accounts: booked on their day, corrected, taken back; what every page makes of them."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.market.actions.telling import newest_telling
from starkmatter.portfolio.branching import fork_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.lots.service import open_lots
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import equity_series, list_positions
from starkmatter.trading.corporate.applying import settle_account
from starkmatter.trading.corporate.queries import DUE
from starkmatter.trading.corporate.records import Acting
from starkmatter.trading.corporate.rule import ALL_KINDS, kinds_booked_for
from tests.builders import CLOSES_AT, OPENS_AT, Desk, make_desk, open_clock, quote
from tests.trading.acting import (
    A_DAY,
    EX_ON,
    D,
    balances,
    cash,
    due_accounts,
    filled,
    frozen,
    held,
    kinds,
    look,
    on_day,
    record,
    say,
    told,
)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await (await make_desk(database, cache)).person(cash="10000")
    yield made
    assert await check_books(database) == []


async def test_a_split_keeps_cash_and_cost_and_is_booked_once(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL split 4:1"))
    before = await cash(desk)
    assert (await look(desk, 0)).heard == ()
    looked = await look(desk, 1, "AAPL 25.00/25.01")
    assert [one.words for one in looked.heard] == [
        "AAPL split 4:1 on 2021-03-02: 10 AAPL became 40. Together they cost 1000.50 USD as before, a share 25.0125 "
        "instead of 100.05."
    ]
    assert await held(desk) == {"AAPL": "40 1000.5 0"}
    assert await cash(desk) == before
    assert await kinds(desk) == ["deposit", "fill", "split"]
    assert (await look(desk, 1, "AAPL 25.00/25.01")).heard == ()
    assert await kinds(desk) == ["deposit", "fill", "split"]


async def test_dividends_come_to_holders_and_are_paid_by_who_borrowed(desk: Desk, database: Database) -> None:
    short = await desk.person(cash="10000", kind="margin")
    await filled(desk, "buy 10 AAPL")
    await filled(short, "sell 7 AAPL short")
    await say(desk, told("AAPL dividend 0.205"))
    had = await cash(desk), await cash(short)
    looked = await look(desk, 1, "AAPL 99.80/99.85")
    assert await cash(desk) == had[0] + D("2.05")
    assert await cash(short) == had[1] - D("1.44")  # 1.435, half to even
    assert {one.words for one in looked.heard} == {
        "AAPL dividend of 0.205 USD a share on 2021-03-02: 2.05 USD came for 10 AAPL.",
        "AAPL dividend of 0.205 USD a share on 2021-03-02: 7 AAPL were borrowed: 1.44 USD were paid to whoever lent "
        "them.",
    }
    assert await kinds(short) == ["deposit", "fill", "dividend"]


async def test_a_split_while_short_owes_more_shares(desk: Desk) -> None:
    short = await desk.person(cash="10000", kind="margin")
    await filled(short, "sell 7 AAPL short")
    before = await held(short)
    await say(desk, told("AAPL split 3:1"))
    await look(desk, 1, "AAPL 33.00/33.05")
    assert before == {"AAPL": "-7 " + before["AAPL"].split(" ", 1)[1]}
    assert await held(short) == {"AAPL": "-21 " + before["AAPL"].split(" ", 1)[1]}


async def test_a_reverse_split_pays_parts_at_the_first_trade_of_the_day(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL split 1:4"))
    before = await cash(desk)
    looked = await look(desk, 1, "AAPL 400.00/400.10")
    assert await held(desk) == {"AAPL": "2.5 1000.5 0"}
    assert "stay until somebody says what is paid" in looked.heard[0].words
    [again] = (await look(desk, 1, "AAPL 401.00/401.10")).heard
    assert "200.50 USD came in lieu of 0.5 AAPL, which realized 0.40." in again.words
    assert await held(desk) == {"AAPL": "2 800.4 0.4"}
    assert await cash(desk) == before + D("200.50")
    assert await kinds(desk) == ["deposit", "fill", "split", "split", "split", "cash_in_lieu"]


async def test_another_symbol_a_spin_off_and_an_end(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await filled(desk, "buy 4 MSFT")
    await say(
        desk,
        told("AAPL symbol PEAR", id_="a1"),
        told("PEAR spin CORE 1:2 20", EX_ON + A_DAY, id_="a2"),
        told("MSFT delisted 3.10", id_="a3"),
    )
    before = await cash(desk)
    await look(desk, 1)
    assert (await held(desk))["PEAR"] == "10 1000.5 0"
    await look(desk, 2)
    now = await held(desk)
    assert now["PEAR"] == "10 800.4 0"
    assert now["CORE"] == "5 200.1 0"
    assert now["MSFT"].startswith("0 0 -")
    assert await cash(desk) == before + D("12.40")


async def test_what_is_heard_late_counts_from_its_day_and_a_correction_is_as_if_told_rightly(
    desk: Desk, database: Database
) -> None:
    right = await desk.person(cash="10000")
    for one in (desk, right):
        await filled(one, "buy 10 AAPL")
    await say(desk, told("AAPL split 2:1"))
    await look(desk, 1, "AAPL 25.00/25.01")
    assert await held(desk) == {"AAPL": "20 1000.5 0"}
    await filled(desk, "sell 5 AAPL")
    await filled(right, "sell 5 AAPL")
    await say(desk, told("AAPL split 4:1", revision=2))
    await look(desk, 2, "AAPL 25.00/25.01")
    cost, sold = D("1000.50"), D("125")
    state = await held(desk)
    qty, basis, realized = (D(part) for part in state["AAPL"].split())
    assert (qty, basis) == (35, cost * 35 / 40)
    assert abs(realized - (sold - cost * 5 / 40)) < D("0.10")  # its fees
    assert await held(desk) == await held(right)
    assert await kinds(desk) == ["deposit", "fill", "split", "fill", "split", "split"]


async def test_a_withdrawal_takes_back_and_who_spent_the_money_is_asked(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL dividend 1.00"))
    await look(desk, 1, "AAPL 99.00/99.05")
    free = await cash(desk)
    await say(desk, told("AAPL withdrawn", revision=2))
    await look(desk, 1, "AAPL 99.00/99.05")
    assert await cash(desk) == free - 10
    assert await kinds(desk) == ["deposit", "fill", "dividend", "dividend"]


async def test_money_that_was_spent_freezes_until_it_is_there(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 90 AAPL")
    await say(desk, told("AAPL dividend 10.00"))
    await look(desk, 1, "AAPL 90.00/90.05")
    await filled(desk, "buy 19 AAPL")
    await say(desk, told("AAPL withdrawn", revision=2))
    [heard] = (await look(desk, 1, "AAPL 90.00/90.05")).heard
    assert "900.00 USD are to be taken back" in heard.words
    assert (await frozen(desk)).startswith("A corporate action waits")
    assert (await look(desk, 1, "AAPL 90.00/90.05")).heard == ()
    await deposit(desk.b, desk.caller, desk.account_id, D("900"))
    await look(desk, 1, "AAPL 90.00/90.05")
    assert await frozen(desk) == ""
    assert (await kinds(desk))[-1] == "dividend"


async def test_an_account_at_a_broker_takes_the_brokers_word(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    await database.run("UPDATE account SET broker = 'alpaca' WHERE id = %s", (desk.account_id,))
    await say(desk, told("AAPL split 4:1"), told("AAPL dividend 0.5", id_="a2"))
    assert (await look(desk, 1, "AAPL 25.00/25.01")).heard == ()
    assert await kinds(desk) == ["deposit", "fill"]
    assert [kinds_booked_for(one) for one in ("alpaca", "ib", "schwab", "etrade")] == [frozenset()] * 4
    assert kinds_booked_for("tracked") == ALL_KINDS - {"dividend"}


async def test_two_workers_at_once_and_one_that_was_asleep_write_it_once(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    await say(desk, told("AAPL split 4:1"), told("AAPL dividend 0.5", id_="a2"))
    clock, asked = on_day(1), {"venue": "replay", "brokers": ["paper"], "zone": EXCHANGE_ZONE.key, "today": EX_ON}
    [account] = [one for one in await database.all(Acting, DUE, asked) if one.id == desk.account_id]
    told_id = await newest_telling(database)
    work = (database, account, told_id, EX_ON, clock.venue_now, utc_now())
    done = await asyncio.gather(*(settle_account(*work) for _ in range(4)))
    assert sorted(one.booked for one in done) == [0, 0, 0, 2]
    late = await settle_account(*work)
    assert (late.booked, late.heard, late.orders) == (0, (), ())
    assert await kinds(desk) == ["deposit", "fill", "dividend", "split"]


async def test_former_values_lots_explanation_and_branch_know_of_a_split_told_late(
    desk: Desk, database: Database
) -> None:
    await filled(desk, "buy 10 AAPL")
    await record(database, CLOSES_AT, "100.00")
    await look(desk, 1, "AAPL 25.00/25.01")
    await record(database, CLOSES_AT + A_DAY - timedelta(hours=2), "24.50", close=False)
    await record(database, CLOSES_AT + A_DAY, "26.00")
    free = await cash(desk)
    points = await equity_series(desk.b, desk.caller, desk.account_id)
    assert points[-1].equity == free + 260
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 2, "AAPL 26.00/26.01")
    points = {one.at: one.equity for one in await equity_series(desk.b, desk.caller, desk.account_id)}
    assert points[CLOSES_AT] == free + 1000
    assert points[CLOSES_AT + A_DAY] == free + 1040
    lots = await open_lots(desk.b, desk.caller, desk.account_id)
    assert [(one.qty, one.cost, one.acquired_on) for one in lots.lots] == [(40, D("1000.5"), OPENS_AT.date())]
    assert lots.notes == []
    [kept] = await database.tuples(
        "SELECT qtys, worths, cardinality(later_ids) FROM account_close WHERE account_id = %s AND venue_at = %s",
        (desk.account_id, CLOSES_AT + A_DAY),
    )
    assert kept == ([D(40)], [D(1040)], 1)
    branch = await fork_account(desk.b, desk.caller, desk.account_id, name="Then", on=OPENS_AT.date())
    [position] = await list_positions(desk.b, desk.caller, branch.id)
    assert (position.qty, position.cost_basis) == (40, D("1000.5"))
    assert branch.cash == free


async def test_a_loss_that_waits_is_replaced_in_new_shares(desk: Desk) -> None:
    await filled(desk, "buy 10 AAPL")
    await desk.tell(quote("AAPL 90.00/90.05"))
    await filled(desk, "sell 10 AAPL")
    await say(desk, told("AAPL split 4:1"))
    await look(desk, 1, "AAPL 22.00/22.01")
    await filled(desk, "buy 40 AAPL")
    [lot] = (await open_lots(desk.b, desk.caller, desk.account_id)).lots
    loss = D("100.50") + D("0.10")
    assert lot.qty == 40
    assert abs(lot.washed - loss) < D("0.20")


async def test_history_of_any_arrival_ends_the_same(database: Database, cache: Redis) -> None:
    desk = await make_desk(database, cache)
    actions = [
        told("AAPL split 2:1", id_="a1"),
        told("AAPL dividend 0.37", id_="a2"),
        told("AAPL split 3:1", id_="a1", revision=2),
        told("AAPL split 1:4", EX_ON + A_DAY, id_="a3"),
        told("AAPL withdrawn", EX_ON + A_DAY, id_="a3", revision=2),
        told("MSFT symbol SOFT", id_="a4"),
        told("SOFT dividend 1.13", EX_ON + A_DAY, id_="a5"),
    ]
    seen = set()
    for seed in range(6):
        person = await desk.person(cash="10000")
        await desk.tell(quote("AAPL 100.00/100.05"), quote("MSFT 200.00/200.10"), clock=open_clock())
        await filled(person, "buy 7 AAPL")
        await filled(person, "buy 5 MSFT")
        order_of = actions[:]
        random.Random(seed).shuffle(order_of)
        mine = {one.action_id: f"{one.action_id}-{seed}" for one in actions}
        for one in order_of:
            await say(person, replace(one, action_id=mine[one.action_id]))
            others = [kept for kept in await due_accounts(database) if kept.id == person.account_id]
            for account in others:
                await settle_account(
                    database, account, await newest_telling(database), EX_ON + A_DAY, OPENS_AT + A_DAY, utc_now()
                )
        for name in mine.values():  # for the next one they have not happened
            last = await database.value("SELECT max(revision) FROM action_told WHERE action_id = %s", (name,))
            seen_now = await held(person), await cash(person), await balances(person)
            gone = Told(name, last + 1, "AAPL", EX_ON, "USD", None, "test")
            if name == mine["a1"]:
                seen.add(str(seen_now))
            await say(person, gone)
    assert len(seen) == 1, seen
    assert await check_books(database) == []
