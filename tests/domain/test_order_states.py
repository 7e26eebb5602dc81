"""The states of an order and every move between them, as the design has them; everything else changes nothing."""

from itertools import pairwise, product

import pytest

from starkmatter.domain.orders import (
    AUCTION_TIMES,
    BUST_LEADS_TO,
    IMMEDIATE_TIMES,
    OPEN,
    TERMINAL,
    OrderStatus,
    may_move,
    steps_to,
)

# Table A.4 of the design, with what FIX has of orders that are halted or done for the day; a state with nothing behind
# it is left by nothing.
MOVES = """
pending_submit   submitting not_sent
submitting       accepted working partial filled rejected canceled unknown pending_submit not_sent
unknown          accepted working partial filled rejected canceled expired not_sent submitting
accepted         working partial filled rejected canceled expired pending_cancel pending_replace suspended
working          partial filled canceled expired replaced pending_cancel pending_replace done_for_day suspended rejected
partial          partial filled canceled expired replaced pending_cancel pending_replace done_for_day suspended
pending_cancel   accepted working partial filled canceled replaced expired rejected done_for_day suspended
pending_cancel   pending_cancel
pending_replace  accepted working partial filled canceled replaced expired rejected done_for_day suspended
pending_replace  pending_cancel pending_replace
done_for_day     working partial filled canceled expired replaced pending_cancel pending_replace suspended
suspended        working partial filled canceled expired replaced pending_cancel pending_replace done_for_day rejected
canceled         filled
expired          filled
replaced         filled
filled
rejected
risk_rejected
not_sent
"""
TABLE: dict[str, set[str]] = {}
for _one, *_following in map(str.split, MOVES.strip().splitlines()):
    TABLE.setdefault(_one, set()).update(_following)


def test_an_order_moves_as_the_table_has_it_and_no_other_way() -> None:
    assert set(TABLE) == set(OrderStatus)
    moves = product(OrderStatus, repeat=2)
    assert {(one, two) for one, two in moves if may_move(one, two)} == {
        (one, two) for one, following in TABLE.items() for two in following
    }


def test_an_order_is_over_when_nothing_but_a_late_fill_can_follow() -> None:
    assert {one for one, following in TABLE.items() if following <= {"filled"}} == TERMINAL
    assert set(OrderStatus) - TERMINAL == OPEN


@pytest.mark.parametrize(
    ("current", "target", "steps"),
    [
        ("working", "working", ""),
        ("working", "partial", "partial"),
        ("working", "accepted", ""),
        ("partial", "partial", ""),
        ("partial", "working", ""),
        ("pending_cancel", "accepted", ""),
        ("pending_cancel", "working", ""),
        ("pending_cancel", "partial", ""),
        ("pending_cancel", "pending_cancel", ""),
        ("pending_cancel", "filled", "filled"),
        ("pending_cancel", "canceled", "canceled"),
        ("pending_cancel", "done_for_day", ""),
        ("pending_cancel", "suspended", ""),
        ("pending_cancel", "pending_replace", ""),
        ("pending_replace", "working", "working"),
        ("pending_replace", "suspended", "suspended"),
        ("pending_replace", "pending_cancel", "pending_cancel"),
        ("submitting", "accepted", "accepted"),
        ("submitting", "expired", "working expired"),
        ("submitting", "suspended", "working suspended"),
        ("submitting", "not_sent", ""),
        ("submitting", "pending_submit", ""),
        ("unknown", "not_sent", ""),
        ("unknown", "done_for_day", "working done_for_day"),
        ("unknown", "submitting", "submitting"),
        ("accepted", "done_for_day", "working done_for_day"),
        ("accepted", "replaced", "working replaced"),
        ("accepted", "expired", "expired"),
        ("accepted", "unknown", ""),
        ("suspended", "accepted", ""),
        ("suspended", "replaced", "replaced"),
        ("suspended", "rejected", "rejected"),
        ("suspended", "done_for_day", "done_for_day"),
        ("done_for_day", "replaced", "replaced"),
        ("done_for_day", "pending_replace", "pending_replace"),
        ("done_for_day", "rejected", ""),
        ("accepted", "suspended", "suspended"),
        ("canceled", "filled", "filled"),
        ("canceled", "working", ""),
        ("filled", "working", ""),
        ("filled", "canceled", ""),
        ("pending_submit", "filled", ""),
        ("pending_submit", "expired", ""),
    ],
)
def test_a_report_leads_there_by_the_moves_of_the_table(current: str, target: str, steps: str) -> None:
    assert " ".join(steps_to(OrderStatus(current), OrderStatus(target))) == steps


def test_a_report_takes_no_order_where_the_table_does_not_lead() -> None:
    for current, target in product(OrderStatus, repeat=2):
        way = [current, *steps_to(current, target)]
        assert all(may_move(one, two) for one, two in pairwise(way))
        assert way[-1] in {current, target}


def test_a_bust_leads_back_into_the_book_or_to_an_end_without_a_trade() -> None:
    assert {"partial", "working", "canceled", "expired"} == BUST_LEADS_TO
    assert not any(may_move(OrderStatus.FILLED, status) for status in OrderStatus), "it is no report like others"


def test_times_in_force_that_need_no_second_moment_and_those_of_auctions() -> None:
    assert ({"ioc", "fok"}, {"opg", "cls"}) == (IMMEDIATE_TIMES, AUCTION_TIMES)
