"""Twelve cases of SAFETY C18 by hand, and what cannot be carried out: bookings, holdings, lots, words."""

from decimal import Decimal

import pytest

from starkmatter.domain.corporate.positions import Effect, Holder, effect_of
from starkmatter.domain.corporate.story import balances_of, settle
from starkmatter.domain.corporate.terms import CorporateError, newest
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.ledger import imbalance
from starkmatter.domain.lot_book import LotBook
from starkmatter.domain.money import plain
from tests.domain.corporate_text import MAIN, held, tell, told, trade

D = Decimal
# What the account held, the action, the legs of each booking in words, what is held after (qty, cost, realized).
GOLDEN = {
    "a split keeps what the shares cost": (
        "AAPL 10 for 1000.00", "AAPL split 4:1",
        "split: holding AAPL 30, trading AAPL -30",
        "AAPL 40 1000.00 0",
    ),
    "a reverse split of one to six pays the parts in cash": (
        "AAPL 100 for 660.00", "AAPL split 1:6 lieu 45.00",
        "split: holding AAPL -83.333333333, trading AAPL 83.333333333 | "
        "cash_in_lieu: cash USD 30, trading USD -30, holding AAPL -0.666666667, trading AAPL 0.666666667",
        "AAPL 16 633.600000 3.600000",
    ),
    "a short position owes more shares after a split, and pays for parts after one in reverse": (
        "AAPL -9 for -900.00", "AAPL split 1:2 lieu 190.01",
        "split: holding AAPL 4.5, trading AAPL -4.5 | "
        "cash_in_lieu: cash USD -95, trading USD 95.005, rounding USD -0.005, holding AAPL 0.5, "
        "trading AAPL -0.5",
        "AAPL -4 -800.000000 5.000000",
    ),
    "parts wait while nobody says what is paid for them": (
        "AAPL 10 for 100.00", "AAPL split 1:4",
        "split: holding AAPL -7.5, trading AAPL 7.5",
        "AAPL 2.5 100.00 0",
    ),
    "a dividend is income, a part of it withheld": (
        "AAPL 33.5 for 3350.00", "AAPL dividend 0.24",
        "dividend: cash USD 6.83, dividends USD -8.04, withheld USD 1.21",
        "",
    ),
    "whoever borrowed the shares pays their dividend": (
        "AAPL -100 for -12000.00", "AAPL dividend 0.24",
        "dividend: cash USD -24, owed USD 24",
        "",
    ),
    "a stock dividend of five percent": (
        "AAPL 110 for 1100.00", "AAPL stock 0.05 lieu 10.00",
        "stock_dividend: holding AAPL 5.5, trading AAPL -5.5 | "
        "cash_in_lieu: cash USD 5, trading USD -5, holding AAPL -0.5, trading AAPL 0.5",
        "AAPL 115 1095.238095 0.238095",
    ),
    "another symbol takes all along": (
        "FB 10 for 2000.00", "FB symbol META",
        "symbol_change: holding FB -10, trading FB 10, holding META 10, trading META -10",
        "FB 0 0 0; META 10 2000.00 0",
    ),
    "shares that are worthless lose all they cost": (
        "AAPL 10 for 1000.00", "AAPL delisted",
        "delisting: holding AAPL -10, trading AAPL 10",
        "AAPL 0 0.00 -1000.00",
    ),
    "a short position is closed at the last price": (
        "AAPL -10 for -1000.00", "AAPL delisted 3.105",
        "delisting: cash USD -31.05, trading USD 31.05, holding AAPL 10, trading AAPL -10",
        "AAPL 0 0.00 968.95",
    ),
    "a spin-off divides the cost": (
        "GE 101 for 10100.00", "GE spin GEHC 1:3 18.5 lieu 60.00",
        "spin_off: holding GEHC 33.666666667, trading GEHC -33.666666667 | "
        "cash_in_lieu: cash USD 40, trading USD -40, holding GEHC -0.666666667, trading GEHC 0.666666667",
        "GE 101 8231.500000 0; GEHC 33 1831.500000 3.000000",
    ),
}  # fmt: skip
SHORT_NAMES = {
    "assets:cash": "cash",
    "assets:holding": "holding",
    "equity:trading": "trading",
    "equity:rounding": "rounding",
    "income:dividends": "dividends",
    "expenses:tax withheld": "withheld",
    "expenses:dividends on borrowed shares": "owed",
}
WITHHOLDING = Holder("main", "USD", withheld_pct=D(15))


def booked(effect: Effect) -> str:
    return " | ".join(
        f"{one.kind}: "
        + ", ".join(f"{SHORT_NAMES[leg.account]} {leg.commodity} {plain(leg.amount)}" for leg in one.legs)
        for one in effect.bookings
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    before, action, bookings, after = GOLDEN[name]
    symbol, _, state = before.partition(" ")
    effect = effect_of(told(action), WITHHOLDING, {symbol: held(state)})
    assert booked(effect) == bookings
    found = [f"{one.symbol} {one.after.qty} {one.after.cost_basis} {one.after.realized_pl}" for one in effect.figures]
    expected = [tuple(one.split()) for one in after.split("; ") if one]
    assert [(one[0], *map(D, one[1:])) for one in expected] == [
        (one[0], *map(D, one[1:])) for one in map(str.split, found)
    ]
    assert all(not imbalance(one.legs) for one in effect.bookings)
    cost = sum((one.before.cost_basis - one.after.cost_basis for one in effect.figures), D(0))
    realized = sum((one.after.realized_pl - one.before.realized_pl for one in effect.figures), D(0))
    in_shares = [one for one in effect.bookings if one.kind != "dividend"]
    assert cost + realized == sum((one.cash for one in in_shares), D(0))


def test_golden_a_reverse_split_told_wrongly_and_corrected_three_days_later() -> None:
    """One to six instead of one to eight, with a sale in between: the books end as if it had been told rightly."""
    begin = {("main", "AAPL"): held("100 for 660.00")}
    wrong = told("AAPL split 1:6 lieu 45.00")
    right = told("AAPL split 1:8 lieu 60.00", revision=2)
    sale = trade("sell 5 AAPL for 250.00", 2)
    first = settle((), tell([MAIN], begin, [wrong]))
    late = settle(first, tell([MAIN], begin, [wrong, sale, right]))
    told_rightly = tell([MAIN], begin, [sale, right])
    assert balances_of([*first, *late]) == balances_of(settle((), told_rightly))
    assert [(one.key.revision, one.turn, one.undoing) for one in late] == [(1, 1, True), (2, 1, False)]
    assert [one.description.partition(":")[0] for one in late[0].bookings] == ["Taken back", "Taken back"]
    assert late[0].why.startswith("Revision 2 says otherwise: AAPL split 1:8 on 2024-03-01: 100 AAPL became 12.5.")
    story = tell([MAIN], begin, [wrong, sale, right])
    # 12.5 shares of 660.00: half a share cost 26.40 and brought 30.00; 5 of the 12 cost 264.00 and brought 250.00.
    assert story.holdings["main", "AAPL"] == HoldingState(D(7), D("369.60"), D("-10.40"))
    assert settle([*first, *late], story) == ()


def test_the_record_says_what_happened_in_words_and_figures() -> None:
    effect = effect_of(told("AAPL split 1:6 lieu 45.00"), MAIN, {"AAPL": held("100 for 660.00")})
    assert effect.words == (
        "AAPL split 1:6 on 2024-03-01: 100 AAPL became 16.666666667. Together they cost 660.00 USD as before, a share "
        "39.60 instead of 6.60. 30.00 USD came in lieu of 0.666666667 AAPL, which realized 3.60."
    )
    [figures] = effect.figures
    assert (figures.before.avg_price, figures.after.avg_price) == (D("6.6"), D("39.6"))
    assert effect.cash == 30


@pytest.mark.parametrize(
    ("action", "before", "words"),
    [
        ("AAPL dividend 0.24", "10 for 100.00", "2.40 USD came for 10 AAPL."),
        ("AAPL dividend 0.24", "-10 for -100.00", "10 AAPL were borrowed: 2.40 USD were paid"),
        ("AAPL dividend 0.0001", "10 for 100.00", "less than half a cent, so nothing is paid"),
        ("AAPL split 1:4", "10 for 100.00", "0.5 AAPL stay until somebody says what is paid for them in cash."),
        ("AAPL symbol APPL", "-5 for -100.00", "5 borrowed AAPL go on as APPL. Together they cost -100.00 USD"),
        ("AAPL delisted", "10 for 100.00", "10 AAPL ended. 0.00 USD came, -100.00 were realized."),
        ("AAPL spin NEW 1:4 ?", "8 for 100.00", "Nobody has told yet how much of the cost goes along."),
        ("AAPL spin NEW 1:10000000000000 5", "8 for 100.00", "8 AAPL are too few for any NEW."),
        ("AAPL dividend 0.24", "0 for 0", "none were held before that day, so nothing changes."),
        ("AAPL withdrawn", "10 for 100.00", "AAPL: what was told of 2024-03-01 has been withdrawn."),
    ],
)
def test_words_say_what_was_paid_what_waits_and_what_does_not_change(action, before, words) -> None:
    assert words in effect_of(told(action), MAIN, {"AAPL": held(before)}).words


@pytest.mark.parametrize("action", ["AAPL split 4:1", "AAPL delisted", "AAPL spin NEW 1:4 20", "AAPL symbol NEW"])
def test_a_closed_position_keeps_what_it_realized_and_nothing_is_booked(action) -> None:
    effect = effect_of(told(action), MAIN, {"AAPL": HoldingState(realized_pl=D("12.34"))})
    assert (effect.bookings, dict(effect.after), effect.trades, effect.figures) == ((), {}, (), ())


def test_an_account_that_keeps_parts_of_shares_is_paid_none_in_cash() -> None:
    effect = effect_of(
        told("AAPL split 1:6 lieu 45.00"), Holder("main", "USD", keeps_parts=True), {"AAPL": held("10 for 60.00")}
    )
    assert (effect.cash, effect.after["AAPL"].qty) == (0, D("1.666666667"))


@pytest.mark.parametrize(
    ("action", "others", "words"),
    [
        ("AAPL split 1:1000000000000", {}, "Nothing is left of 10 AAPL after AAPL split 1:1000000000000"),
        ("AAPL split 100000000000000:1", {}, "10 would become more shares than can be kept"),
        ("AAPL spin NEW 1E+30:1 20", {}, "its figures are larger than can be kept"),
        ("AAPL dividend 1E+30", {}, "its figures are larger than can be kept"),
        ("AAPL symbol NEW", {"NEW": "-5 for -50"}, "10 AAPL and 5 borrowed NEW are long and short in one account"),
        ("AAPL spin NEW 1:1 20", {"NEW": "-5 for -50"}, "are long and short in one account"),
    ],
)
def test_what_cannot_be_carried_out_says_why_a_person_has_to_look(action, others, words) -> None:
    states = {"AAPL": held("10 for 100"), **{symbol: held(text) for symbol, text in others.items()}}
    with pytest.raises(CorporateError, match=words):
        effect_of(told(action), MAIN, states)


@pytest.mark.parametrize("action", ["AAPL dividend 1", "AAPL split 1:4 lieu 9", "AAPL delisted 3"])
def test_money_of_another_currency_is_for_a_person_to_book(action) -> None:
    with pytest.raises(CorporateError, match=r"pays in EUR and the account is kept in USD"):
        effect_of(told(action, currency="EUR"), MAIN, {"AAPL": held("10 for 100")})


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("AAPL split 0:1", "a ratio must be more than zero, not 0"),
        ("AAPL split 1:-2", "a ratio must be more than zero, not -2"),
        ("AAPL split NaN:1", "a ratio must be more than zero, not NaN"),
        ("AAPL split 1:2 lieu 0", "the price of a part must be more than zero"),
        ("AAPL stock 0", "a ratio must be more than zero"),
        ("AAPL dividend -0.24", "a dividend must be more than zero"),
        ("AAPL delisted 0", "a last price must be more than zero"),
        ("AAPL symbol AAPL", "needs another symbol"),
        ("AAPL spin NEW 1:4 100.01", "the part of the cost must be 0 to 100 percent"),
        ("AAPL spin AAPL 1:4 20", "needs another symbol"),
    ],
)
def test_figures_that_can_be_none_are_refused(action, words) -> None:
    with pytest.raises(CorporateError, match=words):
        told(action)
    with pytest.raises(CorporateError, match="revisions are counted from 1"):
        told("AAPL delisted", revision=0)


def test_the_newest_revision_counts_whenever_it_arrives() -> None:
    one, two = told("AAPL split 2:1"), told("AAPL split 3:1", revision=2)
    other = told("MSFT dividend 1", id_="b")
    assert newest([two, other, one, two]) == [two, other]
    with pytest.raises(CorporateError, match="a1 says two things as its revision 2"):
        newest([one, two, told("AAPL split 4:1", revision=2)])


def test_lots_keep_their_days_through_a_spin_off_and_cost_moves_as_positions_move_it() -> None:
    moments = [
        trade("buy 10 GE for 1000.00"),
        trade("buy 7 GE for 700.01", 40),
        told("GE spin GEHC 1:3 18.5 lieu 60.00", 50),
    ]
    story = tell([Holder("main", "USD")], {}, moments)
    book = LotBook({"main": "average"})
    for event in story.lot_events:
        book.apply(event)
    assert [(lot.symbol, plain(lot.signed_qty), lot.opened_on, lot.trade_id) for lot in book.open_lots()] == [
        ("GE", "10", moments[0].traded_on, moments[0].id),
        ("GE", "7", moments[1].traded_on, moments[1].id),
        ("GEHC", "2.666666666", moments[0].traded_on, moments[0].id),
        ("GEHC", "2.333333334", moments[1].traded_on, moments[1].id),
    ]
    for symbol in ("GE", "GEHC"):
        state = story.holdings["main", symbol]
        assert sum(lot.basis for lot in book.open_lots("main", symbol)) == state.cost_basis
    assert len({lot.id for lot in book.open_lots()}) == 4
