"""Moves of shares between two accounts against random histories: shares and cost are never made nor lost.

Histories have purchases, sales, moves both ways and splits before and after them; they are told to the lot book as the
ledger has them, and to the fold that positions are cached by. Entries may come late: in any order of booking.
"""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.actions import Split
from starkmatter.domain.corporate.positions import Holder
from starkmatter.domain.corporate.story import Carried
from starkmatter.domain.corporate.story import tell as tell_story
from starkmatter.domain.holdings import HoldingState, after_coming, after_leaving
from starkmatter.domain.ledger import CASH, DEPOSITS, HOLDING, Booking, book_moved
from starkmatter.domain.lots import LotAction, LotTrade
from starkmatter.domain.money import to_cents, to_micros
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.waterfall import Entry, Part, explain_book
from starkmatter.portfolio.importing.folding import Standing, holdings_and_costs
from starkmatter.portfolio.lots.book import fold
from starkmatter.portfolio.lots.events import ActionOn, Choices, Move
from tests.domain.corporate_text import day as told_day
from tests.domain.corporate_text import told

FIRST = datetime(2024, 1, 2, 17, tzinfo=UTC)
ACCOUNTS = (UUID(int=1), UUID(int=2))
ZERO = Decimal(0)
MANY = [200, pytest.param(5_000, marks=pytest.mark.nightly)]

History = list[tuple[str, int, int, Decimal, Decimal]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """(what, day, account, shares, cash or ratio) in the order of days, never more sold or moved than held."""
    found: History = []
    held = {0: ZERO, 1: ZERO}
    for number in range(draw(st.integers(2, 22))):
        what = draw(st.sampled_from(["buy", "buy", "sell", "move", "move", "split"]))
        who = draw(st.sampled_from([0, 1]))
        if what == "split":
            ratio = Decimal(draw(st.sampled_from([2, 3, 10])))
            if any(held.values()):
                found.append((what, number, who, ZERO, ratio))
                held = {one: qty * ratio for one, qty in held.items()}
            continue
        qty = (Decimal(draw(st.integers(1, 9_000))) / draw(st.sampled_from([1, 8, 1_000]))).quantize(Decimal("1e-6"))
        if what != "buy":
            if not held[who]:
                continue
            qty = draw(st.sampled_from([held[who], min(qty, held[who])]))
        cash = to_cents(qty * Decimal(draw(st.integers(100, 40_000))) / 100)
        found.append((what, number, who, qty, cash))
        held[who] += qty if what == "buy" else -qty
        if what == "move":
            held[1 - who] += qty
    return found


def ids_of(history: History, late: random.Random | None) -> list[int]:
    """The numbers under which the ledger knows each, as they were booked."""
    numbers = [10 * place for place in range(1, len(history) + 1)]
    if late is not None:
        late.shuffle(numbers)
    return numbers


def moves_of(history: History, numbers: list[int]) -> tuple[list[Move], list[ActionOn]]:
    """As the lot fold reads them."""
    moves: list[Move] = []
    actions: list[ActionOn] = []
    for (what, on, who, qty, cash), number in zip(history, numbers, strict=True):
        at = FIRST + timedelta(days=on)
        me, other = ACCOUNTS[who], ACCOUNTS[1 - who]
        if what == "split":
            split = Split("KO", at.date(), cash, Decimal(1), "test")
            actions.append(ActionOn(at.date(), LotAction(split, frozenset(map(str, ACCOUNTS))), "A split"))
        elif what == "move":
            moves.append(Move(number, me, "transfer_out", at, "KO", -qty, ZERO, ZERO, ZERO, None, number + 1, other))
            moves.append(Move(number + 1, other, "transfer_in", at, "KO", qty, ZERO, ZERO, ZERO, None, number, other))
        else:
            sign = 1 if what == "buy" else -1
            moves.append(Move(number, me, "fill", at, "KO", sign * qty, -sign * cash, ZERO, None))
    return sorted(moves, key=lambda one: one.id), actions


def standing_of(history: History, numbers: list[int], costs: dict[int, Decimal]) -> dict[int, list[Standing]]:
    """As the fold of positions reads them; a move in has the cost that is known so far."""
    found: dict[int, list[Standing]] = defaultdict(list)
    held = {0: ZERO, 1: ZERO}
    for (what, on, who, qty, cash), number in zip(history, numbers, strict=True):
        at = FIRST + timedelta(days=on)
        if what == "split":
            for one, qty_held in held.items():
                more = qty_held * (cash - 1)
                if more:
                    found[one].append(Standing(number + one, "split", at, ZERO, ZERO, ZERO, ["KO"], [more]))
                held[one] += more
        elif what == "move":
            found[who].append(Standing(number, "transfer_out", at, ZERO, -cash, -cash, ["KO"], [-qty]))
            known = costs.get(number, ZERO)
            found[1 - who].append(Standing(number + 1, "transfer_in", at, ZERO, cash, known, ["KO"], [qty]))
            held[who], held[1 - who] = held[who] - qty, held[1 - who] + qty
        else:
            sign = 1 if what == "buy" else -1
            found[who].append(Standing(number, "fill", at, -sign * cash, ZERO, ZERO, ["KO"], [sign * qty]))
            held[who] += sign * qty
    return found


def folded(history: History, numbers: list[int]) -> tuple[dict[int, HoldingState], dict[int, Decimal]]:
    """Both accounts told until what went along says the same as the account it came from."""
    costs: dict[int, Decimal] = {}
    for _ in range(len(history) + 2):
        entries = standing_of(history, numbers, costs)
        told_now = {who: holdings_and_costs(entries[who]) for who in (0, 1)}
        left = told_now[0][1] | told_now[1][1]
        if left == costs:
            break
        costs = left
    else:
        raise AssertionError("what moved has no settled cost")
    states = {who: found["KO"].state if "KO" in found else HoldingState() for who, (found, _) in told_now.items()}
    return states, costs


@pytest.mark.parametrize("examples", MANY)
def test_shares_and_cost_are_conserved_over_both_accounts_however_late_entries_come(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(histories(), st.integers(0, 1_000))
    def run(history: History, seed: int) -> None:
        paid = sum((cash if what == "buy" else -cash for what, *_, cash in history if what in ("buy", "sell")), ZERO)
        in_time = ids_of(history, None)
        late = ids_of(history, random.Random(seed))
        states, costs = folded(history, in_time)
        assert folded(history, late)[0] == states
        assert sorted(folded(history, late)[1].values()) == sorted(costs.values())
        # What both hold cost what was paid, but for what was realized: nothing comes or goes by a move.
        assert sum(one.cost_basis - one.realized_pl for one in states.values()) == paid
        for numbers in (in_time, late):
            moves, actions = moves_of(history, numbers)
            book, told_of = fold(moves, Choices([], {}), wash_sales=False, actions=actions)
            assert told_of.notes == []
            basis = sum((one.basis for one in told_of.lots), ZERO)
            assert basis - sum((one.gain for one in told_of.realized), ZERO) == paid
            for who, account in enumerate(ACCOUNTS):
                assert sum((one.signed_qty for one in book.open_lots(str(account))), ZERO) == states[who].qty

    run()


@pytest.mark.parametrize("examples", MANY)
def test_days_of_purchase_go_along_and_a_loss_waits_whichever_account_holds_what_replaces_it(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(histories())
    def run(history: History) -> None:
        moves, actions = moves_of(history, ids_of(history, None))
        bought_on = {
            str(10 * (place + 1)): (FIRST + timedelta(days=on)).date()
            for place, (what, on, *_) in enumerate(history)
            if what == "buy"
        }
        _, told_of = fold(moves, Choices([], {}), actions=actions)
        assert all(one.opened_on == bought_on[one.trade_id] for one in told_of.lots)
        assert all(one.held_since <= one.opened_on for one in told_of.lots)
        waiting = sum((one.washed for one in told_of.lots), ZERO)
        disallowed = sum((one.disallowed for one in told_of.realized), ZERO)
        # Losses that do not count are in the cost of what is open, or were when that was sold in turn.
        assert waiting <= disallowed

    run()


@given(
    st.decimals("0.000001", "100000", places=6), st.decimals("-90000", "90000", places=6),
    st.decimals("0.000001", "100000", places=6),
)  # fmt: skip
def test_what_leaves_and_what_stays_cost_the_whole(qty: Decimal, cost: Decimal, leaving: Decimal) -> None:
    state = HoldingState(qty, cost, Decimal("3.5"))
    left, gone = after_leaving(state, leaving)
    assert left.cost_basis + gone == cost
    assert (left.qty, left.realized_pl) == (qty - leaving, Decimal("3.5"))
    if leaving >= qty:
        assert left.cost_basis == 0
    back = after_coming(left, leaving, gone)
    assert back == state


@given(st.sampled_from([1, -1]), st.decimals("0.000001", "100000", places=6), st.decimals("0", "1000000", places=6))
def test_an_entry_balances_and_its_flow_is_the_worth(sign: int, qty: Decimal, worth: Decimal) -> None:
    booking: Booking = book_moved("KO", sign * qty, worth, "USD")
    legs = {(leg.account, leg.commodity): leg.amount for leg in booking.legs}
    assert legs[HOLDING, "KO"] == sign * qty
    assert legs.get((DEPOSITS, "USD"), ZERO) == -sign * to_cents(worth)
    assert booking.cash == 0
    assert not any(account == CASH for account, _ in legs)


@given(st.integers(1, 5_000), st.integers(1, 5_000), st.integers(1, 9), st.integers(1, 9))
def test_a_book_of_both_explains_its_change_without_a_flow(first: int, then: int, qty: int, more: int) -> None:
    """Nine and nine shares at the start; `qty` move at `then`; at the end each is worth `first` + `more`."""
    price, at, last = Decimal(first), Decimal(then), Decimal(first + more)
    worth = to_cents(qty * at)
    entries = [book_moved("KO", Decimal(-qty), worth, "USD"), book_moved("KO", Decimal(qty), worth, "USD")]
    parts = [
        Part(
            {"KO": Worth(Decimal(9), 9 * price)},
            {"KO": Worth(Decimal(9 - sign * qty), (9 - sign * qty) * last)},
            [Entry(number, FIRST, one.kind, tuple((leg.account, leg.commodity, leg.amount) for leg in one.legs))],
            moved=frozenset({1, 2}),
        )
        for number, (one, sign) in enumerate(zip(entries, (1, -1), strict=True), 1)
    ]
    told_of = explain_book(18 * price, 18 * last, parts, "USD")
    assert {
        one.key: one.value for one in told_of.steps if one.value and one.key not in ("realized", "unrealized")
    } == {}
    assert told_of.step("realized") + told_of.step("unrealized") == 18 * (last - price)


def test_a_story_carries_shares_with_splits_before_and_after() -> None:
    bought = LotTrade("1", "1", "AAPL", told_day(1), Decimal(10), Decimal(-1000))
    out = Carried("2", "1", "AAPL", told_day(5), Decimal(-5))
    splits = [told("AAPL split 2:1", 3), told("AAPL split 3:1", 7, id_="a2")]
    story = tell_story([Holder("1", "USD")], {}, [bought, out, *splits], date(2030, 1, 1))
    assert story.problems == {}
    assert story.left == {"2": to_micros(Decimal(250))}
    assert story.holdings["1", "AAPL"] == HoldingState(Decimal(45), Decimal(750))
    come = Carried("3", "2", "AAPL", told_day(5), Decimal(5), Decimal(250))
    there = tell_story([Holder("2", "USD")], {}, [come, *splits], date(2030, 1, 1))
    assert there.holdings["2", "AAPL"] == HoldingState(Decimal(15), Decimal(250))
    too_many = tell_story([Holder("1", "USD")], {}, [bought, Carried("2", "1", "AAPL", told_day(5), Decimal(-11))],
                          date(2030, 1, 1))  # fmt: skip
    assert "11 AAPL were moved away" in too_many.problems["1"]
