"""What has to be read before an order: found in what was asked for and what was filled lately, by literal cases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from starkmatter.domain.cautions import PastFill, concentration, duplicate, good_faith, wash_sale
from starkmatter.domain.sessions import Session, SessionCalendar
from starkmatter.domain.settlement import CashMove
from tests.builders import order

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)
WEEK = SessionCalendar(
    [
        Session((MONDAY + timedelta(days=n)).date(), MONDAY + timedelta(days=n), MONDAY + timedelta(days=n, hours=6))
        for n in range(5)
    ]
)


def fill(text: str, cash: str, pl: str = "0", *, days: int = 0) -> PastFill:
    side, qty, symbol = text.split()
    which = "buy" if side == "buy" else "sell"
    return PastFill(symbol, which, Decimal(qty), Decimal(cash), Decimal(pl), MONDAY + timedelta(days=days))


def test_a_duplicate_is_one_for_ten_seconds() -> None:
    request = order("buy 10 AAPL")
    assert duplicate(request, MONDAY, MONDAY + timedelta(seconds=10)) is not None
    assert duplicate(request, MONDAY, MONDAY + timedelta(seconds=11)) is None
    assert duplicate(request, None, MONDAY) is None
    said = {secs: duplicate(request, MONDAY, MONDAY + timedelta(seconds=secs)) for secs in (-1, 0, 1, 7.4)}
    assert [one.text.split(" was sent ")[1].split(".")[0] for one in said.values() if one] == [
        "0 seconds ago",
        "0 seconds ago",
        "1 seconds ago",
        "7 seconds ago",
    ]


@pytest.mark.parametrize(("days", "warned"), [(0, True), (29, True), (30, False)])
def test_a_loss_is_washed_by_a_purchase_within_thirty_days(days: int, warned: bool) -> None:
    sold = [fill("sell 5 AAPL", "500", "-20"), fill("sell 5 AAPL", "500", "-10.50")]
    found = wash_sale(order("buy 5 AAPL"), sold, MONDAY + timedelta(days=days))
    assert (found is not None) is warned
    assert found is None or "up to 30.50 " in found.text
    gains = [fill("sell 5 AAPL", "500", "20"), fill("sell 5 AAPL", "500", "0")]
    assert wash_sale(order("buy 5 AAPL"), gains, MONDAY) is None
    sold = [
        *gains,
        fill("sell 5 AAPL", "500", "-0.20"),
        fill("sell 5 AAPL", "500", "-0.20"),
        fill("sell 5 AAPL", "500", "-1", days=1),
    ]
    seen = wash_sale(order("buy 5 AAPL"), [*sold, fill("sell 1 AAPL", "9", "9", days=2)], MONDAY + timedelta(days=3))
    assert seen is not None
    assert "at a loss on 2026-11-24:" in seen.text
    assert "up to 1.40 " in seen.text
    assert wash_sale(order("buy 5 MSFT"), sold, MONDAY) is None
    assert wash_sale(order("sell 5 AAPL"), sold, MONDAY) is None


@pytest.mark.parametrize(("qty", "days", "warned"), [(5, 0, False), (6, 0, True), (15, 0, True), (15, 1, False)])
def test_the_oldest_shares_go_first_and_proceeds_settle_a_day_later(qty: int, days: int, warned: bool) -> None:
    """5 shares were there; 10 more were bought today, half of it with the proceeds of today's sale of MSFT."""
    fills = [fill("sell 1 MSFT", "500"), fill("buy 10 AAPL", "-1000")]
    found = good_faith(
        order(f"sell {qty} AAPL"),
        fills,
        WEEK,
        qty=Decimal(qty),
        cash=Decimal(0),
        held_qty=Decimal(15),
        venue_now=MONDAY + timedelta(days=days),
    )
    assert (found is not None) is warned


@pytest.mark.parametrize(("paid", "warned"), [("0", True), ("499.99", True), ("500", False)])
def test_what_is_paid_in_pays_for_what_unsettled_money_bought(paid: str, warned: bool) -> None:
    fills = [fill("sell 1 MSFT", "500"), fill("buy 10 AAPL", "-1000")]
    found = good_faith(
        order("sell 10 AAPL"),
        fills,
        WEEK,
        qty=Decimal(10),
        cash=Decimal(paid),
        held_qty=Decimal(10),
        venue_now=MONDAY,
        paid_in=[CashMove(Decimal(paid), MONDAY.date())],
    )
    assert (found is not None) is warned


def test_a_purchase_is_concentrated_only_when_large_and_in_one_symbol() -> None:
    def judged(cost: int, after: int) -> bool:
        request, figures = order("buy 1 AAPL"), {"cash": Decimal(100), "equity": Decimal(200)}
        return concentration(request, cost=Decimal(cost), position_after=Decimal(after), **figures) is not None

    assert [judged(26, 101), judged(25, 101), judged(26, 100)] == [True, False, False]
    figures = {"cost": Decimal(26), "cash": Decimal(100), "position_after": Decimal(101)}
    assert concentration(order("sell 1 AAPL"), equity=Decimal(200), **figures) is None
    for equity, said in ((Decimal(0), False), (Decimal(-1), False), (Decimal(1), True)):
        assert (concentration(order("buy 1 AAPL"), equity=equity, **figures) is not None) is said
    text = concentration(order("buy 1 AAPL"), equity=Decimal(200), **figures)
    assert text is not None
    assert "50 % of the account would be in AAPL" in text


# What was filled (`+1` a day later), cash and shares now, how many are sold on which day: how many of these come too
# early. A purchase is paid by settled money first, then by what settles next.
@pytest.mark.parametrize(
    ("filled", "cash", "held", "sold", "days", "early"),
    [
        # of one's own money
        (["sell 1 MSFT 500", "buy 10 AAPL -1000"], 500, 10, 10, 0, 0),
        # bought with the proceeds of the same day; of another symbol, which is not sold
        (["sell 1 MSFT 500", "buy 10 AAPL -500"], 0, 10, 4, 0, 4),
        (["sell 1 MSFT 500", "buy 10 IBM -500"], 0, 10, 4, 0, 0),
        (["sell 1 MSFT 500", "buy 3 IBM -500"], 0, 2, 2, 0, 0),
        # what was bought the day before with settled money is paid for
        (["sell 1 MSFT 500", "buy 10 AAPL -1000", "+1 sell 1 MSFT 500"], 1000, 10, 10, 1, 0),
        (["sell 1 MSFT 500", "+1 buy 10 AAPL -500"], 0, 10, 10, 1, 0),
        (["sell 1 MSFT 500", "+1 sell 1 MSFT 100", "+1 buy 10 AAPL -600"], 0, 10, 10, 1, 10),
        # more than all money there will be: paid when the purchase itself settles
        (["buy 10 AAPL -500", "sell 1 MSFT 10"], -490, 10, 10, 0, 10),
        (["buy 10 AAPL -500", "sell 1 MSFT 10"], -490, 10, 10, 1, 0),
        # five were there before; sales take the oldest first, paid or not
        (["sell 1 MSFT 500", "buy 10 AAPL -500", "sell 3 AAPL 150"], 150, 12, 2, 0, 0),
        (["sell 1 MSFT 500", "buy 10 AAPL -500", "sell 3 AAPL 150"], 150, 12, 3, 0, 1),
        (["sell 1 MSFT 500", "buy 10 AAPL -500", "sell 8 AAPL 400"], 400, 7, 7, 0, 7),
        (["sell 1 MSFT 500", "buy 4 AAPL -200", "buy 6 AAPL -300", "sell 7 AAPL 350"], 350, 8, 8, 0, 8),
        (["sell 5 AAPL 500", "buy 5 AAPL -500", "sell 1 MSFT 9"], 9, 5, 5, 0, 5),
        (["sell 5 AAPL 500", "buy 5 AAPL -500", "sell 5 AAPL 500"], 500, 1, 1, 0, 1),
        (["sell 5 AAPL 500", "buy 5 AAPL -500", "sell 5 AAPL 500"], 500, 6, 1, 0, 0),
        (["buy 5 IBM -1", "buy 2 AAPL -1", "sell 1 MSFT 500", "buy 5 AAPL -500", "sell 2 AAPL 9"], 9, 5, 1, 0, 1),
        (["sell 1 MSFT 500", "buy 10 AAPL -500"], 0, 10.5, 10.5, 0, 10),
        (["sell 1 MSFT 500", "buy 10 AAPL -500"], 0, 10.5, 0.5, 0, 0),
        # another symbol's trades say nothing of what was there before
        (["sell 7 MSFT 500", "buy 4 IBM -1", "buy 1 AAPL -499"], 0, 3, 2, 0, 0),
        (["sell 7 MSFT 500", "buy 4 IBM -1", "buy 1 AAPL -499"], 0, 3, 3, 0, 1),
    ],
)
def test_how_many_shares_are_sold_before_their_money_settles(
    filled: list[str], cash: int, held: float, sold: float, days: int, early: int
) -> None:
    fills = []
    for text in filled:
        later, words = (1, text[3:]) if text.startswith("+1") else (0, text)
        trade, _, moved = words.rpartition(" ")
        fills.append(fill(trade, moved, days=later))
    found = good_faith(
        order(f"sell {sold} AAPL"),
        fills,
        WEEK,
        qty=Decimal(sold),
        cash=Decimal(cash),
        held_qty=Decimal(held),
        venue_now=MONDAY + timedelta(days=days),
    )
    assert (found.text.split()[0] if found else "0") == str(early)


def test_nothing_is_said_of_a_purchase_of_an_account_without_trades_and_past_the_calendar() -> None:
    unpaid = [fill("sell 1 MSFT", "500"), fill("buy 10 AAPL", "-500")]
    late = [fill("sell 1 MSFT", "500", days=4), fill("buy 10 AAPL", "-500", days=4)]
    figures = {"qty": Decimal(4), "cash": Decimal(0), "held_qty": Decimal(10)}
    assert good_faith(order("sell 4 AAPL"), unpaid, WEEK, venue_now=MONDAY, **figures) is not None
    assert good_faith(order("buy 4 AAPL"), unpaid, WEEK, venue_now=MONDAY, **figures) is None
    assert good_faith(order("sell 4 AAPL"), [], WEEK, venue_now=MONDAY, **figures) is None
    assert good_faith(order("sell 4 AAPL"), late, WEEK, venue_now=MONDAY + timedelta(days=4), **figures) is None


def test_an_amount_of_money_sent_twice_is_named_as_an_amount() -> None:
    seen = duplicate(order("buy 0 AAPL usd=250"), MONDAY, MONDAY)
    assert seen is not None
    assert "buy 250.00 of AAPL" in seen.text
