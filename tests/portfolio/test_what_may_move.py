"""Which shares may go from one account to another, and what is said of those that may not; by literal cases."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from starkmatter.clock import utc_now
from starkmatter.domain.holdings import HoldingState
from starkmatter.domain.lots import LotPick
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, StarkMatterError
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.transfers.on_paper import _is_free, _may_go
from starkmatter.portfolio.transfers.service import _fits, _method_of, _qty_of, may_move

D = Decimal
GIVER = AccountView(
    id=UUID(int=1),
    name="Giver",
    venue="replay",
    broker="paper",
    mode="paper",
    currency="USD",
    **dict.fromkeys(
        ("cash", "reserved", "buying_power", "market_value", "equity", "day_pl", "unrealized_pl", "realized_pl"), D(0)
    ),
    read_only=False,
    stale=False,
    created_at=utc_now(),
    access="own",
    owner_name="",
    preset="realistic",
    kind="margin",
)
TAKER = replace(GIVER, id=UUID(int=2), name="Taker")


def _words(refused: pytest.ExceptionInfo[StarkMatterError]) -> tuple[type[StarkMatterError], str]:
    return refused.type, str(refused.value)


@pytest.mark.parametrize(
    ("held", "aside", "qty", "refusal"),
    [
        (10, 0, 10, None),
        (10, 4, 6, None),
        (10, 4, 7, (Conflict, "Open orders hold 4 of the 10 AAPL in Giver: cancel them, or move at most 6.")),
        (10, 0, 11, (InvalidInput, "Only 10 AAPL are in Giver.")),
        (0, 0, 1, (InvalidInput, "Only 0 AAPL are in Giver.")),
        (-1, 0, 1, (Conflict, "Giver owes AAPL: a short position is closed, not moved.")),
    ],
)
def test_what_is_there_and_waits_for_no_order_is_free(
    held: int, aside: int, qty: int, refusal: tuple[type[StarkMatterError], str] | None
) -> None:
    asked = (GIVER, "AAPL", D(qty), HoldingState(D(held), D(0), D(0)), D(aside))
    if refusal is None:
        _is_free(*asked)
    else:
        with pytest.raises(refusal[0]) as refused:
            _is_free(*asked)
        assert _words(refused) == refusal


# What is left of A, cash and what orders set aside of it, other shares, and the equity that is said to be missing.
@pytest.mark.parametrize(
    ("left", "cash", "aside", "others", "short_of"),
    [
        ("160 @ 62.50", "-7500", "0", {}, None),
        ("160 @ 62.50", "-7500.01", "0", {}, ("2499.99", "2500.00")),
        ("160 @ 62.50", "-8000", "0", {}, ("2000.00", "2500.00")),
        # below 2,000 nothing is lent, neither money nor shares
        ("21 @ 100", "-100", "0", {}, None),
        ("20 @ 100", "-100", "0", {}, ("1900.00", "500.00")),
        ("20 @ 100", "0", "0", {}, None),
        ("15 @ 100", "100", "0", {}, None),
        ("0 @ 100", "2500", "0", {"B": "-10 @ 100"}, ("1500.00", "300.00")),
        ("0 @ 100", "3000", "0", {"B": "-10 @ 100"}, None),
        # half a dollar is lent as well
        ("15 @ 100", "-0.50", "0", {}, ("1499.50", "375.00")),
        ("15 @ 100", "0.50", "0", {"B": "-0.5 @ 1"}, ("1500.00", "376.25")),
        # what open orders count on
        ("0 @ 100", "3000", "6000", {}, None),
        ("0 @ 100", "3000", "6000.01", {}, ("3000.00", "0.00")),
        # at the price of the market, or at cost where it has none
        ("0 @ 100", "-8000", "0", {"B": "160 @ 75 cost 62.50"}, None),
        ("0 @ 100", "-8000", "0", {"B": "160 @ none cost 62.50"}, ("2000.00", "2500.00")),
    ],
)
def test_nothing_goes_that_a_loan_a_short_position_or_an_order_rests_on(
    left: str, cash: str, aside: str, others: dict[str, str], short_of: tuple[str, str] | None
) -> None:
    held: dict[tuple[UUID, str], tuple[HoldingState, Decimal]] = {}
    prices: dict[str, Decimal] = {}
    for name, text in {"A": left, **others}.items():
        qty, _, price, *cost = text.split()
        held[GIVER.id, name] = HoldingState(D(qty), D(qty) * D(cost[1] if cost else price), D(0)), D(0)
        if price != "none":
            prices[name] = D(price)
    rest = held[GIVER.id, "A"][0]
    held[GIVER.id, "A"] = HoldingState(D(1_000_000), D(1_000_000), D(0)), D(0)  # before it goes
    held[TAKER.id, "C"] = HoldingState(D(1_000_000), D(1_000_000), D(0)), D(0)
    asked: tuple[Any, ...] = (GIVER, (D(cash), D(aside)), held, "A", rest, prices)
    if short_of is None:
        _may_go(*asked)
    else:
        with pytest.raises(Conflict) as refused:
            _may_go(*asked)
        assert _words(refused)[1] == (
            "Giver borrows against these shares, or open orders count on them: without them it would have "
            f"{short_of[0]} USD of equity and needs {short_of[1]}."
        )


@pytest.mark.parametrize(
    ("giver", "taker", "kind", "words"),
    [
        ({}, {}, None, ""),
        ({"broker": "tracked", "venue": "market"}, {"broker": "tracked", "venue": "market"}, None, ""),
        ({}, {"id": GIVER.id}, InvalidInput, "choose two"),
        ({"access": "trade"}, {}, NotAllowed, "somebody else's"),
        ({}, {"access": "view"}, NotAllowed, "somebody else's"),
        ({"broker": "alpaca"}, {}, Conflict, "What Giver has is at its broker"),
        ({}, {"broker": "alpaca"}, Conflict, "What Taker has is at its broker"),
        ({}, {"mode": "live"}, Conflict, "never mixed"),
        ({}, {"venue": "market"}, Conflict, "two markets"),
        ({}, {"currency": "EUR"}, Conflict, "Giver is kept in USD and Taker in EUR"),
        ({"read_only": True}, {}, Conflict, "Giver is closed or frozen"),
        ({}, {"read_only": True}, Conflict, "Taker is closed or frozen"),
    ],
)
def test_two_accounts_of_a_kind_fit(
    giver: dict[str, Any], taker: dict[str, Any], kind: type[StarkMatterError] | None, words: str
) -> None:
    both = replace(GIVER, **giver), replace(TAKER, **taker)
    if kind is None:
        _fits(*both)
    else:
        with pytest.raises(kind, match=words):
            _fits(*both)


def test_shares_move_from_ones_own_open_accounts_that_no_broker_keeps() -> None:
    tracked = {"broker": "tracked", "venue": "market"}
    assert [may_move(replace(GIVER, **one)) for one in ({}, tracked)] == [True, True]
    for one in ({"access": "trade"}, {"read_only": True}, {"broker": "alpaca"}):
        assert not may_move(replace(GIVER, **one))


def pick(qty: str) -> LotPick:
    return LotPick("lot", D(qty))


@pytest.mark.parametrize(
    ("qty", "picks", "words"),
    [
        ("10", [], None),
        ("0.000000001", [], None),
        ("0.5", ["0.25", "0.25"], None),
        ("0", [], "more than zero"),
        ("-1", [], "more than zero"),
        ("NaN", [], "more than zero"),
        ("0.0000000001", [], "nine decimals"),
        ("1e15", [], "more than zero"),
        ("200", ["1"] * 200, None),
        ("201", ["1"] * 201, "At most 200 lots"),
        ("3", ["1", "1"], "add up to 2, but 3 are"),
    ],
)
def test_the_quantity_is_one_that_shares_come_in_and_that_of_the_lots(
    qty: str, picks: list[str], words: str | None
) -> None:
    lots = [pick(one) for one in picks]
    if words is None:
        assert _qty_of(D(qty), lots) == D(qty)
    else:
        with pytest.raises(InvalidInput, match=words):
            _qty_of(D(qty), lots)


def test_lots_are_picked_or_found_by_a_rule() -> None:
    assert _method_of(None, []) is None
    assert _method_of("specific", [pick("1")]) is None
    assert _method_of("hifo", []) == "hifo"
    for method, picks, words in (
        ("specific", [], "found by one of"),
        ("average", [], "found by one of"),
        ("fifo", [pick("1")], "either which lots"),
    ):
        with pytest.raises(InvalidInput, match=words):
            _method_of(method, picks)  # type: ignore[arg-type]
