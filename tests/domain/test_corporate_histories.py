"""Any trades and actions: books balance, cost is kept, lots are what is held, telling again changes nothing."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from starkmatter.domain.corporate import story as stories
from starkmatter.domain.corporate.positions import DIVIDENDS_OWED, WITHHELD, Holder
from starkmatter.domain.corporate.story import Moment, Posting, Story, balances_of, settle
from starkmatter.domain.corporate.terms import CashDividend, Told, newest
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.ledger import CASH, DIVIDENDS, HOLDING, imbalance
from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.lots import LotTrade
from tests.domain.corporate_text import day, held, tell, terms, told, trade
from tests.domain.lot_oracle import ShareBook
from tests.domain.test_lots import CENTS_STEP, _open, _realized, _shares, _sold

D = Decimal
ZERO = D(0)
HOLDERS = (
    Holder("main", "USD", may_short=True),
    Holder("other", "USD", keeps_parts=True, may_short=True, withheld_pct=D(15)),
    Holder("third", "USD"),
)
NAMES = tuple(one.account for one in HOLDERS)
SYMBOLS = ("AAPL", "MSFT", "NEW", "KID")
ACTIONS = (
    "split 2:1", "split 3:2 lieu 40.01", "split 1:6 lieu 12.505", "split 1:7", "split 7:3 lieu 99",
    "stock 0.05 lieu 10", "stock 0.1", "dividend 0.24", "dividend 0.333333", "symbol NEW", "delisted", "delisted 3.105",
    "spin KID 1:3 18.5", "spin KID 2:1 7.77 lieu 5.55", "spin KID 1:4 ?",
)  # fmt: skip
MANY = [60, pytest.param(5_000, marks=pytest.mark.nightly)]
NO_CHANGE_OF_COST = ("split", "stock", "symbol")


@st.composite
def trades(draw: st.DrawFn, symbols: tuple[str, ...] = SYMBOLS) -> list[LotTrade]:
    found = []
    for number in range(draw(st.integers(0, 9))):
        qty = D(draw(st.integers(1, 900))) / draw(st.sampled_from([1, 1, 1, 7, 1000]))
        qty = qty.quantize(D("1E-9"))
        signed = qty if draw(st.sampled_from([True, True, False])) else -qty
        cash = (-signed * D(draw(st.integers(1, 40000))) / 100).quantize(D("0.01")) - D(draw(st.integers(0, 300))) / 100
        symbol = draw(st.sampled_from((*symbols[:2], *symbols)))
        found.append(
            LotTrade(f"t{number}", draw(st.sampled_from(NAMES)), symbol, day(draw(st.integers(0, 30))), signed, cash)
        )
    return found


@st.composite
def actions(draw: st.DrawFn, *, revisions: int = 1) -> list[Told]:
    """Up to four actions with so many revisions at most, some of which are withdrawn."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        symbol = draw(st.sampled_from(SYMBOLS[:2]))
        for revision in range(1, 1 + draw(st.integers(1, revisions))):
            text = draw(st.sampled_from(ACTIONS if revision == 1 else (*ACTIONS, "withdrawn", "withdrawn")))
            on = draw(st.integers(0, 30))
            found.append(told(f"{symbol} {text}", on, id_=f"a{number}", revision=revision))
    return found


def story_of(moments: list[Moment], begin: dict[tuple[str, str], HoldingState] | None = None) -> Story:
    return tell(HOLDERS, begin or {}, moments)


@pytest.mark.parametrize("count", MANY)
def test_the_ledger_holds_what_the_accounts_hold_and_cost_is_never_made_nor_lost(count: int) -> None:
    """I3 and I12: what cash moved is in what shares cost, in what was realized or in income less tax."""

    @settings(max_examples=count, deadline=None)
    @given(trades=trades(), actions=actions())
    def conserved(trades: list[LotTrade], actions: list[Told]) -> None:
        story = story_of([*actions, *trades])
        qtys: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        money: dict[str, Decimal] = defaultdict(Decimal)
        for one in trades:
            qtys[one.account, one.symbol] += one.signed_qty
            money[one.account] += one.cash
        for effect in story.effects:
            for booking in effect.bookings:
                assert imbalance(booking.legs) == {}
                for leg in booking.legs:
                    if leg.account == HOLDING:
                        qtys[effect.key.account, leg.commodity] += leg.amount
                    if leg.account in (CASH, DIVIDENDS, DIVIDENDS_OWED, WITHHELD):
                        money[effect.key.account] += leg.amount
        for account in set(NAMES) - set(story.problems):
            states = {symbol: story.holdings.get((account, symbol), HoldingState()) for symbol in SYMBOLS}
            assert {symbol: state.qty for symbol, state in states.items()} == {
                symbol: qtys[account, symbol] for symbol in SYMBOLS
            }
            assert sum((one.realized_pl - one.cost_basis for one in states.values()), ZERO) == money[account]

    conserved()


@pytest.mark.parametrize("count", MANY)
def test_splits_and_names_leave_the_cost_of_all_shares_to_a_cent(count: int) -> None:
    texts = [text for text in ACTIONS if text.startswith(NO_CHANGE_OF_COST)]

    @settings(max_examples=count, deadline=None)
    @given(
        qty=st.integers(1, 10**9), places=st.integers(0, 9), cents=st.integers(0, 10**10), text=st.sampled_from(texts)
    )
    def unchanged(qty: int, places: int, cents: int, text: str) -> None:
        begin = {("main", "AAPL"): HoldingState(D(qty).scaleb(-places), D(cents) / 100)}
        story = tell(HOLDERS, begin, [told(f"AAPL {text}")])
        assume(not story.problems)
        states = story.holdings.values()
        [effect] = [one for one in story.effects if one.key.account == "main"]
        left = (
            sum((one.cost_basis for one in states), ZERO) + effect.cash - sum((one.realized_pl for one in states), ZERO)
        )
        assert abs(left - D(cents) / 100) <= D("0.01")
        if not effect.trades:
            assert sum((one.cost_basis for one in states), ZERO) == D(cents) / 100

    unchanged()


@pytest.mark.parametrize("count", MANY)
def test_lots_are_what_is_held_and_by_average_cost_what_it_cost(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(trades=trades(), actions=actions(), method=st.sampled_from(["fifo", "lifo", "hifo", "average"]))
    def agree(trades: list[LotTrade], actions: list[Told], method) -> None:
        story = story_of([*actions, *trades])
        assume(not story.problems)
        book = LotBook(dict.fromkeys(NAMES, method), wash_sales=method == "fifo")
        for event in story.lot_events:
            book.apply(event)
        for account in NAMES:
            for symbol in SYMBOLS:
                state = story.holdings.get((account, symbol), HoldingState())
                lots = book.open_lots(account, symbol)
                assert sum((lot.signed_qty for lot in lots), ZERO) == state.qty
                if method == "average":
                    assert sum((lot.basis for lot in lots), ZERO) == state.cost_basis

    agree()


@st.composite
def whole_histories(draw: st.DrawFn) -> list[Moment]:
    """Whole shares and money that divides, as the book of single shares needs it."""
    moments: list[Moment] = []
    splits = spins = 0
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["trade"] * 7 + ["split", "symbol", "delisted", "dividend", "spin"]))
        symbol, on = draw(st.sampled_from(("AAPL", "MSFT"))), draw(st.integers(0, 120))
        price = D(draw(st.integers(1, 40)) * CENTS_STEP) / 100
        if kind == "trade":
            qty = draw(st.integers(1, 9))
            verb = draw(st.sampled_from(["buy", "buy", "sell"]))
            account = draw(st.sampled_from(NAMES[:2]))
            symbol = draw(st.sampled_from((symbol, symbol, "KID")))
            moments.append(trade(f"{verb} {qty} {symbol} for {qty * price}", on, id_=f"t{number}", account=account))
        elif kind == "split" and splits < 2:
            splits += 1
            moments.append(told(f"{symbol} split {draw(st.sampled_from(['2:1', '3:1']))}", on, id_=f"a{number}"))
        elif kind == "spin" and not spins:
            spins += 1
            moments.append(told(f"{symbol} spin KID 2:1 25", on, id_=f"a{number}"))
        elif kind not in ("split", "spin"):
            more = {"symbol": f" {symbol}X", "delisted": f" {price}", "dividend": " 0.24"}[kind]
            moments.append(told(f"{symbol} {kind}{more}", on, id_=f"a{number}"))
    return moments


@pytest.mark.parametrize("count", MANY)
def test_lots_through_actions_are_those_of_a_book_of_single_shares(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(
        moments=whole_histories(),
        methods=st.fixed_dictionaries({name: st.sampled_from(["fifo", "lifo", "hifo"]) for name in NAMES[:2]}),
    )
    def agree(moments: list[Moment], methods) -> None:
        story = tell(HOLDERS[:2], {}, moments)
        assume(not story.problems)
        book, oracle = LotBook(methods), ShareBook(methods)
        for event in story.lot_events:
            book.apply(event)
            oracle.apply(event)
        assert _open(book) == _shares(oracle)
        assert _realized(book) == _sold(oracle)

    agree()


BEGIN = {
    ("main", "AAPL"): held("-50 for -5000.00"),
    ("other", "AAPL"): held("33.5 for 3350.01"),
    ("third", "AAPL"): held("2000 for 19999.99"),
    ("third", "MSFT"): held("1000 for 12345.67"),
}


def _arrived(trades: list[LotTrade], heard: list[Told], journal: list[Posting]) -> Story:
    """Write what is missing after so much was heard; a second time nothing is."""
    story = story_of([*heard, *trades], BEGIN)
    missing = settle(journal, story)
    journal += missing
    assert settle(journal, story) == ()
    names = [(one.key, one.turn, one.undoing) for one in journal]
    assert len(set(names)) == len(names)
    return story


@pytest.mark.parametrize("count", MANY)
def test_whatever_was_told_before_the_books_end_as_if_only_the_right_actions_had_been(count: int) -> None:
    """Revisions arrive in any order between trades; twice the same changes nothing."""

    @settings(max_examples=count, deadline=None)
    @given(trades=trades(), actions=actions(revisions=3), data=st.data())
    def agree(trades: list[LotTrade], actions: list[Told], data: st.DataObject) -> None:
        arriving = data.draw(st.permutations(actions))
        known = sorted(data.draw(st.integers(0, len(trades))) for _ in arriving)
        journal: list[Posting] = []
        for number, until in enumerate(known, start=1):
            _arrived(trades[:until], [*arriving[:number], arriving[0]], journal)
        story = _arrived(trades, arriving, journal)
        right = story_of([*newest(arriving), *trades], BEGIN)
        fine = set(NAMES) - set(story.problems)
        assert fine <= set(NAMES) - set(right.problems)
        for account in fine:
            mine = [one for one in journal if one.key.account == account]
            alone = [one for one in settle((), right) if one.key.account == account]
            assert balances_of(mine) == balances_of(alone)
            for symbol in SYMBOLS:
                assert story.holdings.get((account, symbol)) == right.holdings.get((account, symbol))

    agree()


@pytest.mark.parametrize("count", MANY)
def test_applying_and_withdrawing_restores_everything(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(trades=trades(SYMBOLS[:2]), actions=actions())
    def restored(trades: list[LotTrade], actions: list[Told]) -> None:
        before = story_of(list(trades), BEGIN)
        journal: list[Posting] = []
        _arrived(trades, actions, journal)
        gone = [Told(one.action_id, 2, one.symbol, one.ex_on, one.currency, None, "test") for one in actions]
        after = _arrived(trades, [*actions, *gone], journal)
        assert after.problems == before.problems
        # Who sold more than there was without the action is for a person: nothing is booked there, nor taken back.
        assert {place for place in balances_of(journal) if place[0] not in before.problems} == set()
        assert after.lot_events == before.lot_events
        assert {place: one for place, one in after.holdings.items() if one != HoldingState()} == {
            place: one for place, one in before.holdings.items() if one != HoldingState()
        }

    restored()


def test_a_later_dividend_is_booked_anew_when_the_split_before_it_is_corrected() -> None:
    begin = {("main", "AAPL"): held("10 for 1000.00")}
    dividend = told("AAPL dividend 1.00", 5, id_="d")
    first = settle((), tell(HOLDERS[:1], begin, [told("AAPL split 4:1"), dividend]))
    corrected = [told("AAPL split 4:1"), dividend, told("AAPL split 2:1", revision=2)]
    late = settle(first, tell(HOLDERS[:1], begin, corrected))
    said = [(one.key.action_id, one.key.revision, one.turn, one.undoing, one.bookings[0].cash) for one in late]
    assert said == [("d", 1, 1, True, -40), ("a1", 1, 1, True, 0), ("a1", 2, 1, False, 0), ("d", 1, 2, False, 20)]
    assert late[0].why == "Something before it was corrected."
    assert isinstance(dividend.terms, CashDividend)


def test_shares_sold_that_were_never_there_are_for_a_person_and_nothing_is_booked() -> None:
    begin = {("third", "AAPL"): held("10 for 1000.00"), ("main", "AAPL"): held("10 for 1000.00")}
    sale = trade("sell 30 AAPL for 900.00", 2, account="third")
    first = settle((), tell(HOLDERS, begin, [told("AAPL split 4:1")]))
    story = tell(HOLDERS, begin, [told("AAPL split 4:1"), sale, told("AAPL split 2:1", revision=2)])
    assert story.problems == {
        "third": "30 AAPL were sold on 2024-03-03 and only 20 were there, as its actions are told now: a person has to "
        "look."
    }
    assert {one.key.account for one in settle(first, story)} == {"main"}
    assert story.lot_events == ()


def test_an_action_that_moved_to_a_later_day_is_taken_back_until_that_day_comes() -> None:
    begin = {("main", "AAPL"): held("10 for 1000.00")}
    early, late = told("AAPL split 4:1"), told("AAPL split 4:1", 7, revision=2)
    first = settle((), stories.tell(HOLDERS[:1], begin, [early], day(0)))
    before = stories.tell(HOLDERS[:1], begin, [early, late], day(6))
    back = settle(first, before)
    assert [(one.undoing, one.why) for one in back] == [
        (True, "Revision 2: AAPL split 4:1 on 2024-03-08: that day has not come yet.")
    ]
    assert before.holdings == begin
    assert before.lot_events == ()
    again = settle([*first, *back], stories.tell(HOLDERS[:1], begin, [early, late], day(7)))
    assert [(one.key.revision, one.undoing) for one in again] == [(2, False)]


def test_what_the_story_does_not_tell_of_is_left_as_it_is() -> None:
    begin = {("main", "AAPL"): held("10 for 1000.00"), ("third", "AAPL"): held("10 for 1000.00")}
    first = settle((), tell(HOLDERS, begin, [told("AAPL split 4:1")]))
    assert {one.key.account for one in first} == {"main", "third"}
    assert settle(first, tell(HOLDERS, begin, [])) == ()
    late = settle(first, tell(HOLDERS[:1], begin, [told("AAPL withdrawn", revision=2)]))
    assert [(one.key.account, one.undoing, one.why) for one in late] == [
        ("main", True, "Revision 2: AAPL: what was told of 2024-03-01 has been withdrawn.")
    ]


def test_trades_under_a_name_that_was_told_wrongly_are_for_a_person() -> None:
    begin = {("main", "FB"): held("10 for 1000.00")}
    wrong, sale = told("FB symbol MVRS"), trade("buy 1 MVRS for 100.00", 1)
    for right in (told("FB symbol META", revision=2), told("FB withdrawn", revision=2)):
        story = tell(HOLDERS[:1], begin, [wrong, sale, right])
        assert story.problems == {
            "main": "MVRS was traded on 2024-03-02 under a name that it never had: FB is MVRS now on 2024-03-01."
        }
        assert settle((), story) == ()
        assert tell(HOLDERS[:1], begin, [wrong, sale, right], {sale.id}).problems == {}
    assert tell(HOLDERS[:1], begin, [wrong, sale, told("FB symbol MVRS", 1, revision=2)]).problems == {}
    assert terms("withdrawn") is None
