"""An order's states as FIX tells them: each line an event, and after it the state, what is filled and what is left.

The scenarios follow FIX 5.0 SP2, Order State Changes (appendix D of FIX 4.4), in our own words and with our states: an
order that is filled is filled, even while a cancel is on its way (FIX would go on telling the pending cancel).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starkmatter.domain.order_fold import Anomaly, FoldedOrder, OrderEvent, fold, fold_all, new_order
from starkmatter.domain.orders import TERMINAL, OrderStatus, may_move, steps_to

BEGAN = datetime(2021, 3, 1, 14, 30, tzinfo=UTC)
KINDS = {"cancel?": "cancel_requested", "cancel!": "cancel_refused", "replace?": "replace_requested"} | {
    "replace!": "replace_refused"
}

# event | state filled left | ! when the event is an anomaly. `fill A 2000`, `bust C of A`, `correct D of A 900 @ 51`,
# `cancel? X` asks, `cancel! X` is the refusal, `canceled X` the answer, `canceled` comes unasked. `at=3` is the third
# second, for a message that was under way for longer; `cum=` what the broker counts; `again 2` the second line anew.
SCENARIOS = {
    "filled in three parts": """
        accepted | accepted 0 10000
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        fill B 3000 | partial 5000 5000
        fill C 5000 | filled 10000 0
    """,
    "filled at once, the acknowledgment behind it": """
        fill A 10000 at=2 | filled 10000 0
        working at=1 cum=0 | filled 10000 0
    """,
    "done for the day and expired at its end": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        done_for_day | done_for_day 2000 8000
        expired | expired 2000 0
    """,
    "reached its stop, told after the first part": """
        accepted | accepted 0 10000
        fill A 2000 | partial 2000 8000
        triggered | partial 2000 8000
    """,
    "reached its stop before it was said to be in the book": """
        triggered cum=0 at=2 | working 0 10000
        fill A 2000 at=1 | partial 2000 8000
    """,
    "refused by the broker": """
        rejected | rejected 0 0
    """,
    "refused late, after it was in the book": """
        working | working 0 10000
        rejected | rejected 0 0
    """,
    "refused after a fill: cannot be": """
        working | working 0 10000
        fill A 10 | partial 10 9990
        rejected | partial 10 9990 | !
    """,
    "a fill of a refused order: cannot be": """
        rejected | rejected 0 0
        fill A 10 | rejected 0 0 | !
    """,
    "expired at once": """
        expired | expired 0 0
    """,
    "halted at once": """
        suspended | suspended 0 10000
    """,
    "a bust of what is no execution": """
        working | working 0 10000
        bust B of #1 cum=0 | working 0 10000 | !
    """,
    "expired without a fill": """
        working | working 0 10000
        expired | expired 0 0
    """,
    "canceled before any fill": """
        working | working 0 10000
        cancel? X | pending_cancel 0 10000
        canceled X | canceled 0 0
    """,
    "canceled before it was in the book": """
        accepted | accepted 0 10000
        cancel? X | pending_cancel 0 10000
        canceled X | canceled 0 0
    """,
    "asked to cancel while it is on its way out": """
        cancel? X | submitting 0 10000
        working | pending_cancel 0 10000
        canceled X | canceled 0 0
    """,
    "filled in part, then canceled": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        cancel? X | pending_cancel 2000 8000
        fill B 3000 | pending_cancel 5000 5000
        canceled X | canceled 5000 0
    """,
    "filled while the cancel is pending": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        cancel? X | pending_cancel 2000 8000
        fill B 8000 | filled 10000 0
        cancel! X | filled 10000 0
    """,
    "cancel refused": """
        working | working 0 10000
        cancel? X | pending_cancel 0 10000
        cancel! X | working 0 10000
    """,
    "cancel refused, the second one granted": """
        working | working 0 10000
        fill A 1000 | partial 1000 9000
        cancel? X | pending_cancel 1000 9000
        cancel! X | partial 1000 9000
        cancel? Y | pending_cancel 1000 9000
        canceled Y | canceled 1000 0
    """,
    "two cancels, one refused": """
        working | working 0 10000
        cancel? X | pending_cancel 0 10000
        cancel? Y | pending_cancel 0 10000
        cancel! Y | pending_cancel 0 10000
        canceled X | canceled 0 0
    """,
    "the refusal overtakes the request": """
        working | working 0 10000
        cancel! X at=4 | working 0 10000
        cancel? X at=3 | working 0 10000
    """,
    "cancel of a filled order": """
        fill A 10000 | filled 10000 0
        cancel? X | filled 10000 0
        cancel! X | filled 10000 0
    """,
    "a filled order that is said to be canceled": """
        fill A 10000 | filled 10000 0
        canceled | filled 10000 0 | !
    """,
    "canceled without being asked": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        canceled | canceled 2000 0
    """,
    "canceled twice": """
        working | working 0 10000
        canceled | canceled 0 0
        canceled | canceled 0 0
    """,
    "expired after it was canceled": """
        working | working 0 10000
        canceled | canceled 0 0
        expired | canceled 0 0 | !
    """,
    "a fill crosses the cancel and comes after it": """
        working | working 0 10000
        cancel? X | pending_cancel 0 10000
        canceled X cum=1000 | canceled 0 0
        fill A 1000 at=2 cum=1000 | canceled 1000 0
    """,
    "the last fill comes after the cancel": """
        working | working 0 10000
        fill A 4000 | partial 4000 6000
        canceled | canceled 4000 0
        fill B 6000 | filled 10000 0
    """,
    "a fill after it expired": """
        working | working 0 10000
        expired | expired 0 0
        fill A 500 | expired 500 0
    """,
    "replaced by more": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        replaced Y 11000 | working 0 11000
        fill A 1000 | partial 1000 10000
        fill B 10000 | filled 11000 0
    """,
    "replacement refused": """
        working | working 0 10000
        fill A 1000 | partial 1000 9000
        replace? Y | pending_replace 1000 9000
        replace! Y | partial 1000 9000
    """,
    "fills while the replacement is pending": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        fill A 1000 | pending_replace 1000 9000
        fill B 500 | pending_replace 1500 8500
        replaced Y 12000 | partial 1500 10500
    """,
    "filled before the replacement was seen": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        fill A 10000 | filled 10000 0
        replace! Y | filled 10000 0
    """,
    "a filled order cannot grow": """
        fill A 10000 | filled 10000 0
        replaced Y 12000 | filled 10000 0 | !
    """,
    "replaced by what is filled": """
        working | working 0 10000
        fill A 6000 | partial 6000 4000
        replaced Y 6000 | filled 6000 0
    """,
    "replaced by less than is filled": """
        working | working 0 10000
        fill A 6000 | partial 6000 4000
        replace? Y | pending_replace 6000 4000
        replaced Y 5000 | filled 6000 0
    """,
    "replaced by less than is filled, the fill still under way": """
        working | working 0 10000
        replaced Y 5000 at=5 cum=6000 | working 0 6000
        fill A 6000 at=4 cum=6000 | filled 6000 0
    """,
    "one replacement after the other": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        replace? Z | pending_replace 0 10000
        replaced Y 8000 | pending_replace 0 8000
        replaced Z 7000 | working 0 7000
    """,
    "one replacement after the other, the first refused": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        replace? Z | pending_replace 0 10000
        replace! Y | pending_replace 0 10000
        replaced Z 7000 | working 0 7000
    """,
    "the answers to two replacements overtake each other": """
        working | working 0 10000
        replaced Z 7000 at=5 | working 0 7000
        replaced Y 8000 at=4 | working 0 7000
    """,
    "a cancel behind a replacement": """
        working | working 0 10000
        replace? Y | pending_replace 0 10000
        cancel? X | pending_cancel 0 10000
        replaced Y 9000 | pending_cancel 0 9000
        canceled X | canceled 0 0
    """,
    "another order took its place": """
        working | working 0 10000
        fill A 100 | partial 100 9900
        replace? Y | pending_replace 100 9900
        superseded | replaced 100 0
        fill B 50 | replaced 150 0
    """,
    "replaced without being asked": """
        working | working 0 10000
        replaced - 9000 | working 0 9000
        replace? Y | pending_replace 0 9000
        replaced - 8000 | working 0 8000
        replaced Y 7000 | working 0 7000
    """,
    "the broker makes it smaller": """
        working | working 0 10000
        fill A 1000 | partial 1000 9000
        restated 4000 | partial 1000 3000
    """,
    "the broker makes it smaller than it ever was": """
        working | working 0 10000
        restated 0 | filled 0 0
    """,
    "done for the day, on again the next": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        done_for_day | done_for_day 2000 8000
        working | partial 2000 8000
        fill B 8000 | filled 10000 0
    """,
    "done for the day without a fill, canceled overnight": """
        working | working 0 10000
        done_for_day | done_for_day 0 10000
        canceled | canceled 0 0
    """,
    "a fill that is told after the day was done": """
        working | working 0 10000
        done_for_day | done_for_day 0 10000
        fill A 100 | done_for_day 100 9900
        fill B 9900 | filled 10000 0
    """,
    "trading halts and goes on": """
        working | working 0 10000
        suspended | suspended 0 10000
        resumed | working 0 10000
        fill A 10000 | filled 10000 0
    """,
    "trading halts after a part": """
        working | working 0 10000
        fill A 1 | partial 1 9999
        suspended | suspended 1 9999
        resumed | partial 1 9999
    """,
    "canceled in a halt": """
        accepted | accepted 0 10000
        suspended | suspended 0 10000
        cancel? X | suspended 0 10000
        canceled X | canceled 0 0
    """,
    "immediate or cancel: a part, the rest canceled": """
        fill A 1000 | partial 1000 9000
        canceled | canceled 1000 0
    """,
    "immediate or cancel: nothing": """
        working | working 0 10000
        canceled | canceled 0 0
    """,
    "fill or kill: killed": """
        canceled | canceled 0 0
    """,
    "fill or kill: filled": """
        working | working 0 10000
        fill A 10000 | filled 10000 0
    """,
    "a stop that triggers": """
        accepted | accepted 0 10000
        triggered | working 0 10000
        fill A 10000 | filled 10000 0
    """,
    "the same execution twice": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        again 2 | partial 2000 8000
    """,
    "everything sent again": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        canceled | canceled 2000 0
        again 1 | canceled 2000 0
        again 2 | canceled 2000 0
        again 3 | canceled 2000 0
    """,
    "an execution sent again with another time": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        fill A 2000 cum=2000 at=9 | partial 2000 8000
    """,
    "an execution's number used twice": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        fill A 3000 cum=5000 | partial 2000 8000 | !
    """,
    "more than there is": """
        working | working 0 10000
        fill A 9000 | partial 9000 1000
        fill B 1001 | partial 9000 1000 | !
    """,
    "executions in the wrong order": """
        working | working 0 10000
        fill B 3000 at=3 cum=5000 | partial 3000 7000
        fill A 2000 at=2 cum=2000 | partial 5000 5000
    """,
    "a busted part": """
        working | working 0 10000
        fill A 2000 | partial 2000 8000
        bust B of A cum=0 | working 0 10000
    """,
    "a busted part of a filled order: it works again": """
        fill A 4000 | partial 4000 6000
        fill B 6000 | filled 10000 0
        bust C of B cum=4000 | partial 4000 6000
        fill D 6000 cum=10000 | filled 10000 0
    """,
    "a busted part of a canceled order": """
        working | working 0 10000
        fill A 5000 | partial 5000 5000
        canceled | canceled 5000 0
        bust B of A cum=0 | canceled 0 0
        fill C 4000 cum=4000 | canceled 4000 0
    """,
    "busted before it is known": """
        working | working 0 10000
        bust B of A cum=0 | working 0 10000 | !
        fill A 5000 at=1 cum=5000 | working 0 10000
    """,
    "corrected": """
        fill A 4000 @ 50 | partial 4000 6000
        correct B of A 4000 @ 51 cum=4000 | partial 4000 6000
        correct C of B 3000 @ 51 cum=3000 | partial 3000 7000
        bust D of C cum=0 | submitting 0 10000
    """,
    "corrected beyond its quantity": """
        fill A 4000 | partial 4000 6000
        correct B of A 10001 @ 50 | partial 4000 6000 | !
    """,
}


def event_of(words: list[str], number: int, cum: Decimal) -> OrderEvent:
    """One line's event; `number` is its second unless the line says otherwise."""
    options = dict(word.split("=") for word in words if "=" in word)
    words = [word for word in words if "=" not in word]
    kind, *rest = words
    at = BEGAN + timedelta(seconds=int(options.get("at", number)))
    price = Decimal(rest[rest.index("@") + 1]) if "@" in rest else None
    name, qty, ref = f"#{number}", None, None
    match kind:
        case "fill":
            name, qty, price = rest[0], Decimal(rest[1]), price or Decimal(50)
            cum += qty
        case "bust" | "correct":
            name, ref = rest[0], rest[2]
            qty = Decimal(rest[3]) if kind == "correct" else None
        case "cancel?" | "replace?":
            name = rest[0]
        case "restated":
            qty = Decimal(rest[0])
        case _:
            ref = rest[0] if rest and rest[0] != "-" else None
            qty = Decimal(rest[1]) if len(rest) > 1 else None
    cum = Decimal(options["cum"]) if "cum" in options else cum
    return OrderEvent(name, KINDS.get(kind, kind), at, cum, qty, price, ref)  # type: ignore[arg-type]


def events_of(text: str) -> list[tuple[OrderEvent, str, bool]]:
    """The events of a scenario, each with the state it leads to and whether it is an anomaly."""
    found: list[tuple[OrderEvent, str, bool]] = []
    cum = Decimal(0)
    for number, line in enumerate(text.strip().splitlines(), start=1):
        said, state, *mark = (part.strip() for part in line.split("|"))
        words = said.split()
        event = found[int(words[1]) - 1][0] if words[0] == "again" else event_of(words, number, cum)
        if event.kind not in {"cancel_requested", "replace_requested"}:
            cum = event.cum_qty
        found.append((event, state, bool(mark)))
    return found


def told(order: FoldedOrder) -> str:
    return f"{order.status} {order.filled_qty} {order.leaves_qty}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_line_has_its_state_what_is_filled_and_what_is_left(name: str) -> None:
    order = new_order(Decimal(10000))
    for number, (event, state, strange) in enumerate(events_of(SCENARIOS[name]), start=1):
        before, order = order, fold(order, event)
        assert told(order) == state, f"line {number}"
        found = [anomaly for anomaly in order.anomalies if anomaly.event == event]
        assert bool(found) is strange, f"line {number}: {found}"
        busted = event.kind in {"bust", "correct"} or order.anomalies
        assert before.status is order.status or busted or _leads(before.status, order.status), f"line {number}"
    assert order.filled_qty <= order.qty


def _leads(before: OrderStatus, after: OrderStatus) -> bool:
    """Whether the table leads there, at once or by way of the book: a replacement is through, a cancel behind it."""
    direct = may_move(before, after) or bool(steps_to(before, after))
    book = (OrderStatus.WORKING, OrderStatus.PARTIAL)
    return direct or any(may_move(before, one) and may_move(one, after) for one in book)


def test_events_of_one_instant_have_the_precedence_of_fix() -> None:
    numbers = {
        "accepted": 1,
        "working triggered resumed rejected cancel_refused replace_refused": 2,
        "replaced restated": 3,
        "fill bust correct": 4,
        "canceled expired superseded": 5,
        "suspended": 6,
        "done_for_day": 10,
        "replace_requested": 11,
        "cancel_requested": 12,
    }
    for kinds, number in numbers.items():
        for kind in kinds.split():
            event = OrderEvent("X", kind, BEGAN, Decimal(7))  # type: ignore[arg-type]
            assert event.place == (Decimal(7), BEGAN, number, "X")


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 60


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_told_backwards_ends_where_it_ends(name: str) -> None:
    events = [event for event, _, _ in events_of(SCENARIOS[name])]
    forth, back = fold_all(new_order(Decimal(10000)), events), fold_all(new_order(Decimal(10000)), events[::-1])
    assert forth == back


def test_the_average_price_follows_corrections() -> None:
    order = new_order(Decimal(100))
    assert order.avg_price is None
    for line, average in (
        ("fill A 40 @ 50", "50"),
        ("fill B 60 @ 51", "50.6"),
        ("correct C of A 40 @ 49", "50.2"),
        ("bust D of B", "49"),
    ):
        order = fold(order, event_of(line.split(), 1, order.filled_qty))
        assert order.avg_price == Decimal(average)


def test_an_anomaly_names_what_contradicts_what() -> None:
    order = new_order(Decimal(100))
    for number, line in enumerate(("fill A 90", "fill B 20", "bust C of Z", "rejected", "fill A 50 cum=140")):
        order = fold(order, event_of(line.split(), number, order.filled_qty))
    assert sorted(anomaly.why for anomaly in order.anomalies) == [
        "A was reported before with other figures.",
        "An order that is partial cannot be rejected.",
        "It fills 20 of an order with 10 left.",
        "It is about Z, an execution that is not known.",
    ]
    ended = fold_all(new_order(Decimal(5), OrderStatus.RISK_REJECTED), [event_of(["fill", "A", "5"], 1, Decimal(0))])
    assert [anomaly.why for anomaly in ended.anomalies] == ["The order was risk rejected: it cannot fill."]
    done = fold_all(order, [event_of(["canceled"], 5, Decimal(90)), event_of(["replaced", "Y", "200"], 6, Decimal(90))])
    assert "The order has ended (canceled): its quantity stays." in {anomaly.why for anomaly in done.anomalies}


def test_what_the_broker_counts_and_nobody_told_is_missing() -> None:
    order = fold(new_order(Decimal(100)), event_of(["fill", "B", "30"], 3, Decimal(40)))
    assert (order.filled_qty, order.missing_qty) == (30, 40)
    order = fold(order, event_of(["cancel?", "X"], 4, Decimal(0)))
    assert order.missing_qty == 40
    order = fold(order, event_of(["fill", "A", "40", "at=2"], 2, Decimal(0)))
    assert (order.filled_qty, order.missing_qty) == (70, 0)
    assert new_order(Decimal(1)).missing_qty == 0


def test_one_number_for_two_executions_of_one_instant_is_decided_without_regard_to_who_came_first() -> None:
    one, other = (event_of(["fill", "A", qty, "cum=9"], 1, Decimal(0)) for qty in ("3", "4"))
    forth, back = fold_all(new_order(Decimal(9)), [one, other]), fold_all(new_order(Decimal(9)), [other, one])
    assert forth == back
    assert (forth.filled_qty, [found.event for found in forth.anomalies]) == (3, [other])


def test_what_is_pending_is_told_while_the_order_lives() -> None:
    fresh = new_order(Decimal(5))
    assert (fresh.cancel_pending, fresh.replace_pending, fresh.anomalies, fresh.history) == (False, False, (), ())
    heard = fold(fresh, event_of(["working"], 1, Decimal(0)))
    assert (heard.cancel_pending, heard.replace_pending) == (False, False)
    order = fold_all(new_order(Decimal(5)), [event_of(["cancel?", "X"], 1, Decimal(0))])
    assert (order.cancel_pending, order.replace_pending, order.status) == (True, False, OrderStatus.SUBMITTING)
    order = fold(order, event_of(["replace?", "Y"], 2, Decimal(0)))
    assert (order.cancel_pending, order.replace_pending) == (True, True)
    order = fold(order, event_of(["canceled", "X"], 3, Decimal(0)))
    assert (order.cancel_pending, order.replace_pending) == (False, False)
    unasked = fold_all(
        new_order(Decimal(5)), [event_of(["replace?", "Y"], 1, Decimal(0)), event_of(["replace!"], 2, Decimal(0))]
    )
    assert not unasked.replace_pending


SAID = (
    "accepted,working,canceled,canceled X,expired,rejected,suspended,resumed,done_for_day,superseded,triggered,"
    "cancel? X,cancel! X,replace? Y,replace! Y,replaced Y 60,replaced Y 120,restated 40,"
    "fill A 30,fill B 30,fill C 40,fill D 1,fill A 20,"
    "bust E of A,correct F of B 25 @ 51,correct G of F 20 @ 49,bust H of Z"
)
LINES = st.sampled_from(SAID.split(","))


@st.composite
def histories(draw) -> tuple[list[OrderEvent], list[OrderEvent]]:
    """What a broker said, and how it was heard: shuffled, in parts twice, with gaps that were filled later."""
    said, cum = [], Decimal(0)
    for number, line in enumerate(draw(st.lists(LINES, max_size=12)), start=1):
        words = [*line.split(), f"at={draw(st.integers(max(1, number - 2), number))}"]
        event = event_of(words, number, cum)
        cum = event.cum_qty
        said.append(event)
    heard = draw(st.permutations(said))
    dropped = draw(st.integers(0, len(heard)))
    again = draw(st.lists(st.sampled_from(said), max_size=5)) if said else []
    return said, [*heard[dropped:], *again, *heard[:dropped], *again]


def check_history(history: tuple[list[OrderEvent], list[OrderEvent]]) -> None:
    said, heard = history
    straight = fold_all(new_order(Decimal(100)), said)
    order = new_order(Decimal(100))
    for event in heard:
        order = fold(order, event)
        assert 0 <= order.filled_qty <= order.qty
        assert order.leaves_qty == (0 if order.status in TERMINAL else order.qty - order.filled_qty)
        assert (order.status is OrderStatus.FILLED) <= (order.filled_qty == order.qty)
    assert order == straight
    for anomaly in order.anomalies:
        assert isinstance(anomaly, Anomaly)
        if len({one for one in said if one.id == anomaly.event.id}) == 1:  # else another report stands for it
            assert without(said, anomaly.event) == state_of(order)


def state_of(order: FoldedOrder) -> tuple:
    return order.status, order.qty, order.filled_qty, order.filled_value


def without(said: list[OrderEvent], event: OrderEvent) -> tuple:
    return state_of(fold_all(new_order(Decimal(100)), [one for one in said if one != event]))


@settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_the_order_in_which_things_are_heard_does_not_matter(history) -> None:
    check_history(history)


@pytest.mark.nightly
@settings(max_examples=50_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_the_order_in_which_things_are_heard_never_matters(history) -> None:
    check_history(history)
