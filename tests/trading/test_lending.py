"""What borrowing costs by the night, calls for more equity, and the orders that answer them."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.errors import Conflict
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.guarding.stops import turn_on
from starkmatter.trading.lending.calls import Told
from starkmatter.trading.lending.desk import LendingDesk
from starkmatter.trading.lending.financing import charge_nights
from starkmatter.trading.lending.state import margin_of
from starkmatter.trading.orders import list_orders, order_events
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, closed_clock, make_desk, open_clock, order, quote

SESSION = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
CLOSE = """
INSERT INTO bar (venue, symbol, interval, seed, starts_at, ends_at, open, high, low, close, provider)
VALUES ('replay', %s, '1d', 0, %s, %s, 1, 1000, 1, %s, 'test')
"""
A_DAY = timedelta(days=1)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await (await make_desk(database, cache)).person(cash="10000", kind="margin")
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str):
    return await submit_order(
        desk.b, desk.caller, desk.account_id, order(text), f"key-{uuid4()}", acknowledged=ALL_READ
    )


async def filled(desk: Desk, text: str) -> None:
    assert (await send(desk, text)).status == "pending_submit"
    await desk.broker.drain()


async def account(desk: Desk):
    return await get_account(desk.b, desk.caller, desk.account_id)


async def held(desk: Desk) -> dict[str, Decimal]:
    return {one.symbol: one.qty for one in await list_positions(desk.b, desk.caller, desk.account_id) if one.qty}


async def looked(desk: Desk, lender: LendingDesk, *quotes, clock=None) -> list[Told]:
    """The market moves and the lender looks, as in the worker: the lender first."""
    desk.clock = clock or desk.clock
    told = await lender.on_quotes(desk.clock, {one.symbol: one for one in quotes})
    lender._looked_at = float("-inf")
    await desk.tell(*quotes)
    return told


# --- nights -----------------------------------------------------------------------------------------------------------


async def test_borrowed_shares_and_money_are_charged_once_for_each_session(desk: Desk, database: Database) -> None:
    await filled(desk, "sell 20 AAPL short")
    await filled(desk, "buy 65 MSFT @ 200.10")
    before = await account(desk)
    await database.run(CLOSE, ("AAPL", OPENS_AT, CLOSES_AT, Decimal("120")))
    assert await charge_nights(database, "replay", CLOSES_AT - timedelta(seconds=1)) == 0
    assert [await charge_nights(database, "replay", CLOSES_AT) for _ in range(3)] == [1, 0, 0]
    entries = await list_entries(desk.b, desk.caller, desk.account_id)
    owed = -before.cash
    interest = (owed * Decimal("0.06") / 360).quantize(Decimal("0.01"), "ROUND_CEILING")
    # a round lot at 120 by 102 % and 0.30 % a year
    assert [(one.kind, one.description, one.venue_at) for one in entries[:2]] == [
        ("margin_interest", f"Owed {owed:.2f} USD for a night", CLOSES_AT),
        ("borrow_fee", "Borrowed 20 AAPL for a night", CLOSES_AT),
    ]
    assert [one.amount for one in entries[1].postings] == [Decimal("-0.11"), Decimal("0.11")]
    assert (await account(desk)).cash == before.cash - Decimal("0.11") - interest
    assert (await margin_of(desk.b, desk.caller, desk.account_id)).charged_through == OPENS_AT.date()


async def test_a_weekend_counts_three_nights_and_missed_sessions_are_charged_one_by_one(
    desk: Desk, database: Database
) -> None:
    await filled(desk, "buy 150 AAPL")
    for days in (2, 3, 4, 7):  # Wednesday to Friday, and Monday
        await database.run(
            SESSION, ((OPENS_AT + days * A_DAY).date(), OPENS_AT + days * A_DAY, CLOSES_AT + days * A_DAY)
        )
    assert await charge_nights(database, "replay", CLOSES_AT + 4 * A_DAY) == 5
    entries = await list_entries(desk.b, desk.caller, desk.account_id)
    nights = [one.description.rsplit(" for ")[1] for one in entries if one.kind == "margin_interest"]
    assert nights == ["3 nights", "a night", "a night", "a night", "a night"]
    assert await check_books(database) == []


async def test_cash_accounts_and_those_that_owe_nothing_pay_nothing(desk: Desk, database: Database) -> None:
    await filled(desk, "buy 10 AAPL")
    assert await charge_nights(database, "replay", CLOSES_AT) == 1
    assert {one.kind for one in await list_entries(desk.b, desk.caller, desk.account_id)} == {"fill", "deposit"}


async def test_the_lender_charges_at_the_close_and_again_finds_nothing_after_a_restart(
    desk: Desk, database: Database
) -> None:
    await filled(desk, "buy 150 AAPL")
    lender = LendingDesk(desk.b, "replay")
    await looked(desk, lender, quote("AAPL 100.00/100.05"))
    await looked(desk, lender, quote("AAPL 100.00/100.05"), clock=closed_clock())
    cash = (await account(desk)).cash
    await looked(desk, LendingDesk(desk.b, "replay"), quote("AAPL 100.00/100.05"))
    assert (await account(desk)).cash == cash == Decimal("-5007.50") - Decimal("0.84")


# --- calls ------------------------------------------------------------------------------------------------------------


async def test_a_call_comes_is_told_once_and_is_met_by_the_market(desk: Desk) -> None:
    await filled(desk, "buy 180 AAPL @ 100.05")
    lender = LendingDesk(desk.b, "replay")
    assert await looked(desk, lender, quote("AAPL 60.00/60.05")) == []
    [told] = await looked(desk, lender, quote("AAPL 59.00/59.05"))
    # 180 x 59 - 8,009 = 2,611 of 2,655 that have to be kept
    assert told.subject == "[REPLAY] Margin call: Practice"
    assert "44.00 USD of equity are missing" in told.words
    assert await looked(desk, lender, quote("AAPL 58.90/58.95")) == []
    shown = await account(desk)
    assert (shown.call_state, shown.call_due_at) == ("open", OPENS_AT + A_DAY)
    [met] = await looked(desk, lender, quote("AAPL 62.00/62.05"))
    assert met.key.startswith("margin-met:")
    assert (await account(desk)).call_state is None
    assert await held(desk) == {"AAPL": 180}
    view = await margin_of(desk.b, desk.caller, desk.account_id)
    assert [(one.state, one.missing) for one in view.calls] == [("met", 44)]


async def test_a_call_is_met_by_cash(desk: Desk) -> None:
    await filled(desk, "buy 180 AAPL @ 100.05")
    lender = LendingDesk(desk.b, "replay")
    await looked(desk, lender, quote("AAPL 59.00/59.05"))
    assert (await send(desk, "buy 1 MSFT")).status == "risk_rejected"
    await deposit(desk.b, desk.caller, desk.account_id, Decimal(44))
    [met] = await looked(desk, lender, quote("AAPL 59.00/59.05"))
    assert met.key.startswith("margin-met:")


async def test_a_call_that_nobody_meets_is_answered_by_closing_after_open_orders_were_taken_back(
    desk: Desk, database: Database
) -> None:
    await filled(desk, "buy 180 AAPL @ 100.05")
    waiting = await send(desk, "sell 100 AAPL @ 130.00 gtc")
    await desk.broker.drain()
    lender = LendingDesk(desk.b, "replay")
    await looked(desk, lender, quote("AAPL 59.00/59.05"))
    tomorrow = open_clock(
        venue_now=OPENS_AT + A_DAY + timedelta(minutes=1),
        session_on=(OPENS_AT + A_DAY).date(),
        next_open=OPENS_AT + 2 * A_DAY,
        next_close=CLOSES_AT + A_DAY,
    )
    [closing] = await looked(desk, lender, quote("AAPL 59.00/59.05"), clock=tomorrow)
    assert "was not met in time" in closing.words
    told = []
    for _ in range(6):
        await desk.broker.drain()
        told += await looked(desk, lender, quote("AAPL 59.00/59.05"))
    assert [one.key.split(":")[0] for one in told] == ["margin-closed"]
    orders = await list_orders(desk.b, desk.caller, desk.account_id)
    assert next(one for one in orders if one.id == waiting.id).status == "canceled"
    sent = [one for one in orders if one.type == "market"]
    assert {one.status for one in sent} == {"filled"}
    [first, *_] = await order_events(desk.b, desk.caller, sent[-1].id)
    assert first.reason == "Sent to meet a margin call."
    view = await margin_of(desk.b, desk.caller, desk.account_id)
    # 44.84 missing at first, with the night's interest and the fees of the sales: a few shares at 14.75 each
    assert view.state.call == 0
    assert 176 - 3 <= (await held(desk))["AAPL"] <= 176
    assert view.calls[0].state == "closed"
    actions = [row[0] for row in await database.tuples("SELECT action FROM audit_event WHERE action LIKE 'margin%%'")]
    assert actions == ["margin.called", "margin.closing", "margin.call_closed"]


async def test_a_short_that_ran_away_is_bought_back_at_once(desk: Desk) -> None:
    await filled(desk, "sell 90 AAPL short")
    lender = LendingDesk(desk.b, "replay")
    told = await looked(desk, lender, quote("AAPL 185.00/185.05"))
    assert [one.key.split(":")[0] for one in told] == ["margin-call"]
    told = []
    for _ in range(8):
        told += await looked(desk, lender, quote("AAPL 185.00/185.05"))
        await desk.broker.drain()
    assert [one.key.split(":")[0] for one in told] == ["margin-closing", "margin-closed"]
    assert "could not wait: less than half is left" in told[0].words
    view = await margin_of(desk.b, desk.caller, desk.account_id)
    assert (view.state.call, -90 < (await held(desk))["AAPL"] < 0) == (0, True)


async def test_a_kill_switch_that_takes_nothing_keeps_the_lender_back(desk: Desk) -> None:
    await filled(desk, "sell 90 AAPL short")
    await turn_on(desk.b, desk.caller, "account", account_id=desk.account_id, reason="holiday")
    lender = LendingDesk(desk.b, "replay")
    for _ in range(4):
        await looked(desk, lender, quote("AAPL 185.00/185.05"))
        await desk.broker.drain()
    assert await held(desk) == {"AAPL": -90}


async def test_no_call_for_accounts_that_keep_enough_or_hold_nothing(desk: Desk) -> None:
    lender = LendingDesk(desk.b, "replay")
    assert await looked(desk, lender, quote("AAPL 100.00/100.05")) == []
    await filled(desk, "buy 50 AAPL")
    assert await looked(desk, lender, quote("AAPL 1.00/1.05")) == []


# --- random days ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_random_days_of_borrowing_keep_the_books_and_the_power(
    seed: int, database: Database, cache: Redis
) -> None:
    """After every step the books add up, holdings are the fold of fills, and no order was taken over the power."""
    rng = random.Random(seed)
    desk = await (await make_desk(database, cache)).person(
        cash="25000", kind="margin", preset=rng.choice(["frictionless", "alpaca", "realistic", "harsh"])
    )
    lender = LendingDesk(desk.b, "replay")
    prices = {"AAPL": Decimal(100), "MSFT": Decimal(200)}
    outcomes: Counter[str] = Counter()
    for _ in range(45):
        match rng.randrange(9):
            case 0 | 1 | 2 | 3:
                outcomes[await _order(desk, rng, prices)] += 1
            case 4 | 5:
                for symbol in prices:
                    move = Decimal(rng.randint(-60, 60)) / 1000
                    prices[symbol] = max(Decimal(2), (prices[symbol] * (1 + move)).quantize(Decimal("0.01")))
                size = str(rng.choice([5, 60, 900]))
                now = [quote(f"{one} {at}/{at + Decimal('0.02')}", size=size) for one, at in prices.items()]
                await looked(desk, lender, *now)
            case 6 | 7:
                await desk.broker.drain()
            case _:
                alive = await list_orders(
                    desk.b, desk.caller, desk.account_id, ["working", "partial", "pending_submit"]
                )
                if alive:
                    with suppress(Conflict):
                        await cancel_order(desk.b, desk.caller, rng.choice(alive).id)
        assert await check_books(database) == []
        await _is_the_fold(desk)
        assert not (await account(desk)).read_only
    assert outcomes["pending_submit"] > 5


async def _order(desk: Desk, rng: random.Random, prices: dict[str, Decimal]) -> str:
    symbol = rng.choice(list(prices))
    qty = rng.choice([1, 7, 40, 90, 150])
    text = f"{rng.choice(['buy', 'sell'])} {qty} {symbol}"
    if rng.random() < 0.6:
        text += f" @ {(prices[symbol] * rng.randint(95, 105) / 100).quantize(Decimal('0.01'))} gtc"
    if text.startswith("sell") and rng.random() < 0.7:
        text += " short"
    placed = await send(desk, text)
    if placed.status == "pending_submit" and placed.reserved:
        now = await account(desk)
        assert now.margin is not None
        assert now.margin.buying_power - now.reserved >= 0, text
    return str(placed.status)


async def _is_the_fold(desk: Desk) -> None:
    states: dict[str, HoldingState] = defaultdict(HoldingState)
    cash = Decimal(25_000)
    fills = await desk.b.db.tuples(
        "SELECT f.symbol, f.side, f.qty, (SELECT sum(leg.amount)"
        " FROM unnest(e.accounts, e.amounts) AS leg (account, amount) WHERE leg.account = 'assets:cash')"
        " FROM fill f JOIN ledger_entry e ON e.fill_id = f.id WHERE f.account_id = %s ORDER BY e.id",
        (desk.account_id,),
    )
    for symbol, side, qty, moved in fills:
        states[symbol] = after_fill(states[symbol], side, qty, moved, may_short=True)
        cash += moved
    stored: list[tuple[str, Decimal, Decimal, Decimal]] = await desk.b.db.tuples(
        "SELECT symbol, signed_qty, cost_basis, realized_pl FROM holding WHERE account_id = %s", (desk.account_id,)
    )
    assert {one[0]: one[1:] for one in stored if one[0] in states} == {
        symbol: (one.qty, one.cost_basis, one.realized_pl) for symbol, one in states.items()
    }
    assert (await account(desk)).cash == cash
