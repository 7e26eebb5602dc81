"""Lots tied to the ledger: shares, cost and gains are those of the holdings, whatever happened."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.holdings import HoldingState, after_fill
from starkmatter.domain.lots import LotPick
from starkmatter.domain.money import to_cents
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.lots import book as kept
from starkmatter.portfolio.lots.book import fold, folded_lots
from starkmatter.portfolio.lots.events import Choices, Move
from starkmatter.portfolio.lots.records import MethodChoice
from starkmatter.portfolio.lots.service import choose_method, open_lots, realized_gains
from starkmatter.portfolio.opening import open_account
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, OPENS_AT, RUN_ID, Desk, make_account, make_desk, open_clock, order, quote
from tests.portfolio.days import tomorrow

FIRST = datetime(2024, 1, 2, 16, tzinfo=UTC)
ACCOUNTS = (UUID(int=1), UUID(int=2))
METHODS = ("fifo", "lifo", "hifo", "average")
ZERO = Decimal(0)


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Move], list[MethodChoice]]:
    """Fills of two accounts over months as the ledger has them, never more sold than held, and changes of method."""
    moves: list[Move] = []
    held: dict[tuple[UUID, str], Decimal] = {}
    choices: list[MethodChoice] = []
    at = FIRST
    for number in range(1, draw(st.integers(1, 25)) + 1):
        at += timedelta(hours=draw(st.integers(0, 600)))
        account, symbol = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(["AAPL", "MSFT"]))
        if draw(st.integers(0, 5)) == 0:
            method = draw(st.sampled_from(METHODS))
            choices.append(MethodChoice(number, account, method, number - 1, at, at))
        have = held.get((account, symbol), ZERO)
        qty = Decimal(draw(st.integers(1, 9_000))) / draw(st.sampled_from([1, 7, 1_000]))
        qty = qty.quantize(Decimal("1e-9"))
        if have and draw(st.booleans()):
            qty = -min(qty, have)
        price = Decimal(draw(st.integers(100, 40_000))) / 100
        cash = to_cents(-qty * price) - Decimal(draw(st.integers(0, 300))) / 100
        moves.append(Move(number, account, "fill", at, symbol, qty, cash, ZERO, None))
        held[account, symbol] = have + qty
    return moves, choices


def positions_of(moves: list[Move]) -> dict[tuple[UUID, str], HoldingState]:
    found: dict[tuple[UUID, str], HoldingState] = {}
    for move in moves:
        key = move.account_id, move.symbol
        side = "buy" if move.signed_qty > 0 else "sell"
        found[key] = after_fill(found.get(key, HoldingState()), side, abs(move.signed_qty), move.cash)
    return found


@settings(max_examples=150)
@given(told=books())
def test_the_lots_of_every_account_are_its_shares_and_no_cost_is_made_or_lost(told) -> None:
    moves, choices = told
    _, folded = fold(moves, Choices(choices, {}))
    for (account, symbol), position in positions_of(moves).items():
        lots = [lot for lot in folded.lots if (lot.account, lot.symbol) == (str(account), symbol)]
        assert sum((lot.signed_qty for lot in lots), ZERO) == position.qty
    cash = sum((move.cash for move in moves), ZERO)
    basis = sum((lot.basis for lot in folded.lots), ZERO)
    assert cash == sum((one.taxable_gain for one in folded.realized), ZERO) - basis
    assert folded.notes == []


@settings(max_examples=150)
@given(told=books())
def test_by_average_cost_and_without_wash_sales_lots_say_what_the_ledger_says(told) -> None:
    moves, _ = told
    always = [MethodChoice(1, account, "average", 0, FIRST, FIRST) for account in ACCOUNTS]
    _, folded = fold(moves, Choices(always, {}), wash_sales=False)
    for (account, symbol), position in positions_of(moves).items():
        lots = [lot for lot in folded.lots if (lot.account, lot.symbol) == (str(account), symbol)]
        gains = [one.gain for one in folded.realized if (one.lot.account, one.lot.symbol) == (str(account), symbol)]
        assert sum((lot.basis for lot in lots), ZERO) == position.cost_basis
        assert sum(gains, ZERO) == position.realized_pl


def test_a_method_counts_for_what_is_booked_after_it() -> None:
    account = ACCOUNTS[0]
    buys = [
        Move(1, account, "fill", FIRST, "AAPL", Decimal(10), Decimal(-1000), ZERO, None),
        Move(2, account, "fill", FIRST + timedelta(days=40), "AAPL", Decimal(10), Decimal(-1500), ZERO, None),
    ]
    sales = [
        Move(
            number, account, "fill", FIRST + timedelta(days=80 + number), "AAPL", Decimal(-5), Decimal(700), ZERO, None
        )
        for number in (3, 4)
    ]
    chosen = MethodChoice(1, account, "lifo", 3, FIRST + timedelta(days=83), FIRST)
    _, folded = fold([*buys, *sales], Choices([chosen], {}))
    assert [(one.trade_id, one.lot.trade_id, one.gain) for one in folded.realized] == [("3", "1", 200), ("4", "2", -50)]


def test_a_fill_that_a_broker_tells_of_late_counts_on_its_own_day() -> None:
    account = ACCOUNTS[0]
    late = Move(3, account, "fill", FIRST, "AAPL", Decimal(10), Decimal(-900), ZERO, None)
    moves = [
        Move(1, account, "fill", FIRST + timedelta(days=1), "AAPL", Decimal(10), Decimal(-1000), ZERO, None),
        Move(2, account, "fill", FIRST + timedelta(days=2), "AAPL", Decimal(-10), Decimal(1100), ZERO, None),
        late,
    ]
    _, folded = fold(moves, Choices([], {}))
    assert [(one.lot.trade_id, one.gain) for one in folded.realized] == [("3", 200)]


def test_what_came_with_an_account_costs_what_the_broker_said_and_its_day_is_not_known() -> None:
    """The holding says it: 10 brought in at 800.00 (worth 1,000.00 then), 10 bought at 1,200.00, 5 sold at 650.00."""
    account = ACCOUNTS[0]
    residue = Decimal(1500) - Decimal(150)  # 15 left of the 2,000.00 that 20 cost, 150.00 made of the 5
    moves = [
        Move(1, account, "deposit", FIRST, "AAPL", Decimal(10), ZERO, Decimal(1000), residue),
        Move(2, account, "fill", FIRST + timedelta(days=1), "AAPL", Decimal(10), Decimal(-1200), ZERO, None),
        Move(3, account, "fill", FIRST + timedelta(days=2), "AAPL", Decimal(-5), Decimal(650), ZERO, None),
    ]
    _, folded = fold(moves, Choices([], {}))
    assert [(one.lot.basis, one.gain, one.lot.arrived) for one in folded.realized] == [(400, 250, True)]
    assert [(lot.signed_qty, lot.basis) for lot in folded.lots] == [(5, 400), (10, 1200)]
    assert "when they were bought is not known" in folded.notes[0]


def test_one_entry_may_bring_several_symbols_each_at_its_own_cost() -> None:
    account = ACCOUNTS[0]
    moves = [
        Move(1, account, "adjustment", FIRST, symbol, Decimal(qty), ZERO, ZERO, Decimal(cost))
        for symbol, qty, cost in (("AAPL", 10, 1000), ("MSFT", -4, -800))
    ]
    _, folded = fold(moves, Choices([], {}))
    assert [(lot.symbol, lot.signed_qty, lot.basis) for lot in folded.lots] == [("AAPL", 10, 1000), ("MSFT", -4, -800)]
    assert len({lot.id for lot in folded.lots}) == 2


def test_what_leaves_without_a_trade_brings_no_gain() -> None:
    account = ACCOUNTS[0]
    moves = [
        Move(1, account, "fill", FIRST, "AAPL", Decimal(10), Decimal(-1000), ZERO, None),
        Move(2, account, "adjustment", FIRST + timedelta(days=1), "AAPL", Decimal(-12), ZERO, ZERO, Decimal(0)),
    ]
    _, folded = fold(moves, Choices([], {}))
    assert folded.realized == []
    assert [(lot.signed_qty, lot.basis) for lot in folded.lots if lot.account == str(account)] == [(-2, 0)]
    assert "left without a trade" in folded.notes[0]


def test_picks_that_do_not_fit_any_more_give_way_to_the_method_and_say_so() -> None:
    account = ACCOUNTS[0]
    moves = [
        Move(1, account, "fill", FIRST, "AAPL", Decimal(10), Decimal(-1000), ZERO, None),
        Move(2, account, "fill", FIRST + timedelta(days=1), "AAPL", Decimal(-4), Decimal(500), ZERO, None),
    ]
    _, folded = fold(moves, Choices([], {2: (LotPick("7", Decimal(4)),)}))
    assert [(one.lot.trade_id, one.gain) for one in folded.realized] == [("1", 100)]
    assert "do not fit any more: There is no open lot 7." in folded.notes[0]


# --- on the books of the paper market -----------------------------------------------------------------------------


async def trade(desk: Desk, text: str, key: str) -> None:
    await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)
    await desk.broker.drain()


async def test_the_lots_of_a_played_account_are_its_holdings_by_every_method(desk: Desk) -> None:
    """Forty orders at moving prices on two days, the method changed in between; then the same in one go."""
    chance = random.Random(7)
    held = {"AAPL": 0, "MSFT": 0}
    for number in range(40):
        prices = {symbol: Decimal(chance.randrange(9_000, 11_000)) / 100 for symbol in held}
        clock = open_clock(10 + number) if number < 20 else tomorrow(number)
        size = {"size": "5000"}
        await desk.tell(*(quote(f"{one} {at}/{at}", **size) for one, at in prices.items()), clock=clock)
        symbol = chance.choice(["AAPL", "MSFT"])
        sells = held[symbol] > 0 and chance.random() < 0.5
        qty = chance.randrange(1, held[symbol] + 1) if sells else chance.randrange(1, 40)
        held[symbol] += -qty if sells else qty
        await trade(desk, f"{'sell' if sells else 'buy'} {qty} {symbol}", f"key-{number:08}")
        if number in {10, 25}:
            await choose_method(desk.b, desk.caller, desk.account_id, "hifo" if number == 10 else "average")
        if number % 7 == 0:  # the kept book goes on from here
            await open_lots(desk.b, desk.caller, desk.account_id)
    found = await open_lots(desk.b, desk.caller, desk.account_id)
    positions = {one.symbol: one for one in await list_positions(desk.b, desk.caller, desk.account_id)}
    for symbol, position in positions.items():
        lots = [lot for lot in found.lots if lot.symbol == symbol]
        assert sum(lot.qty for lot in lots) == position.qty == held[symbol]
        assert sum(lot.market_value for lot in lots) == (position.market_value if position.qty else 0)
    assert (found.method, [one.method for one in found.changes]) == ("average", ["hifo", "average"])
    was = await folded_lots(desk.b, desk.caller, desk.account_id)
    kept._books.clear()
    assert await folded_lots(desk.b, desk.caller, desk.account_id) == was
    gains = await realized_gains(desk.b, desk.caller, desk.account_id)
    assert gains.year == 2021
    assert sum(one.gain for one in gains.lines) == gains.short.gain
    assert {one.method for one in gains.sales} == {"fifo", "hifo", "average"}


async def test_by_average_cost_the_gains_are_those_of_the_ledger(desk: Desk) -> None:
    await choose_method(desk.b, desk.caller, desk.account_id, "average")
    for number, text in enumerate(["buy 7 AAPL", "buy 3 AAPL", "sell 4 AAPL", "buy 9 AAPL", "sell 13 AAPL"]):
        await desk.tell(quote(f"AAPL {100 + number * 3}.13/{100 + number * 3}.18"), clock=open_clock(10 + number))
        await trade(desk, text, f"key-{number:08}")
    folded = await folded_lots(desk.b, desk.caller, desk.account_id, wash_sales=False)
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert sum(lot.basis for lot in folded.lots) == position.cost_basis
    assert sum(one.gain for one in folded.realized) == position.realized_pl
    told = await desk.b.db.tuples("SELECT e.id, f.realized_pl FROM fill f JOIN ledger_entry e ON e.fill_id = f.id")
    by_entry = {entry: realized for entry, realized in told if realized}
    ours: dict[int, Decimal] = {}
    for one in folded.realized:
        ours[int(one.trade_id)] = ours.get(int(one.trade_id), ZERO) + one.gain
    assert ours == by_entry


async def test_a_loss_waits_in_the_shares_that_another_account_of_the_same_person_buys(desk: Desk) -> None:
    await trade(desk, "buy 10 AAPL", "key-00000001")
    await desk.tell(quote("AAPL 90.00/90.05"), clock=open_clock(20))
    await trade(desk, "sell 10 AAPL", "key-00000002")
    before = await realized_gains(desk.b, desk.caller, desk.account_id)
    assert before.disallowed == 0
    assert before.short.gain < -100
    other = replace(desk, account_id=await make_account(desk.b.db, desk.caller))
    await trade(other, "buy 4 AAPL", "key-00000003")
    after = await realized_gains(desk.b, desk.caller, desk.account_id)
    assert after.disallowed == to_cents(-before.short.gain * 4 / 10)
    assert after.short.gain == before.short.gain + after.disallowed
    assert [(line.code, line.adjustment) for line in after.lines] == [("W", after.disallowed)]
    [lot] = (await open_lots(other.b, other.caller, other.account_id)).lots
    assert to_cents(lot.washed) == after.disallowed
    position = next(one for one in await list_positions(other.b, other.caller, other.account_id))
    assert lot.cost - lot.washed == position.cost_basis


async def test_other_people_markets_and_runs_replace_nothing(desk: Desk) -> None:
    await trade(desk, "buy 10 AAPL", "key-00000001")
    await desk.tell(quote("AAPL 90.00/90.05"), clock=open_clock(20))
    await trade(desk, "sell 10 AAPL", "key-00000002")
    stranger = await desk.person()
    await trade(stranger, "buy 10 AAPL", "key-00000003")
    on_market = await open_account(desk.b, desk.caller, name="Market", venue="market")
    assert (await realized_gains(desk.b, desk.caller, desk.account_id)).disallowed == 0
    together = await folded_lots(desk.b, desk.caller, desk.account_id)
    assert {one.account_id for one in together.moves} == {desk.account_id}
    assert (await folded_lots(desk.b, desk.caller, on_market.id)).moves == []


async def test_who_was_let_in_sees_the_lots_and_is_told_what_cannot_be_seen(desk: Desk) -> None:
    friend = await desk.person()
    await trade(desk, "buy 10 AAPL", "key-00000001")
    with pytest.raises(NotFound):
        await open_lots(desk.b, friend.caller, desk.account_id)
    with pytest.raises(NotFound):
        await realized_gains(desk.b, friend.caller, desk.account_id)
    await share_account(desk.b, desk.caller, desk.account_id, friend.caller.email, "trade")
    seen = await open_lots(desk.b, friend.caller, desk.account_id)
    mine = await open_lots(desk.b, desk.caller, desk.account_id)
    assert seen.lots == mine.lots
    assert "somebody else's" in seen.notes[0]
    assert (seen.may_choose, mine.may_choose, mine.notes) == (False, True, [])
    with pytest.raises(NotAllowed):
        await choose_method(desk.b, friend.caller, desk.account_id, "lifo")


async def test_a_method_is_chosen_by_the_owner_of_an_open_account_and_written_down(desk: Desk) -> None:
    b, caller = desk.b, desk.caller
    with pytest.raises(InvalidInput, match="fifo, lifo, hifo, average"):
        await choose_method(b, caller, desk.account_id, "specific")
    with pytest.raises(NotFound):
        await choose_method(b, caller, uuid4(), "lifo")
    assert await choose_method(b, caller, desk.account_id, "lifo") == "lifo"
    assert await choose_method(b, caller, desk.account_id, "lifo") == "lifo"  # the same again is no change
    [change] = (await open_lots(b, caller, desk.account_id)).changes
    assert change.venue_at == desk.clock.venue_now
    looker = await desk.person("viewer")
    with pytest.raises(NotAllowed):
        await choose_method(b, looker.caller, looker.account_id, "lifo")
    await close_former_runs(b.db, RUN_ID + 1, OPENS_AT)
    with pytest.raises((NotAllowed, Conflict)):
        await choose_method(b, caller, desk.account_id, "fifo")


async def test_what_was_said_of_lots_can_only_be_added_to(desk: Desk, database_url: str) -> None:
    await choose_method(desk.b, desk.caller, desk.account_id, "lifo")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in ("UPDATE lot_method SET method = 'fifo'", "DELETE FROM lot_method"):
            assert connection.execute(statement).rowcount == 0
    assert [one.method for one in (await open_lots(desk.b, desk.caller, desk.account_id)).changes] == ["lifo"]


async def test_a_year_without_sales_and_a_year_that_cannot_be(desk: Desk) -> None:
    found = await realized_gains(desk.b, desk.caller, desk.account_id, 2019)
    assert (found.lines, found.years, found.short.gain) == ([], [], 0)
    for year in (0, 10_000):
        with pytest.raises(InvalidInput, match="four figures"):
            await realized_gains(desk.b, desk.caller, desk.account_id, year)


async def test_terms_turn_long_the_day_after_a_year(desk: Desk) -> None:
    await trade(desk, "buy 10 AAPL", "key-00000001")
    [lot] = (await open_lots(desk.b, desk.caller, desk.account_id)).lots
    assert (lot.term, lot.acquired_on, lot.long_term_on) == ("short", date(2021, 3, 1), date(2022, 3, 2))
    for on, term in ((date(2022, 3, 1), "short"), (date(2022, 3, 2), "long")):
        at = datetime(on.year, on.month, on.day, 16, tzinfo=UTC)
        await desk.tell(clock=open_clock(venue_now=at, session_on=on))
        assert (await open_lots(desk.b, desk.caller, desk.account_id)).lots[0].term == term
