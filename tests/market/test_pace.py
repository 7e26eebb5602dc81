"""Whose turn it is to be asked for a price: by the state of the market, by what failed, and by whether one is there."""

from starkmatter.domain.quotes import SessionState
from starkmatter.market.pace import Pace, Turns

SHUT: dict[str, SessionState] = {"USD-JPY": "closed"}


def questions(
    turns: Turns, states: dict[str, SessionState], until_secs: int, since_secs: int = 0, **more: frozenset[str]
) -> list[int]:
    """The seconds at which anything is asked for; who has no price never gets one."""
    known = {"streamed": frozenset[str](), "priced": frozenset[str]()} | more
    found = []
    for now in range(since_secs, until_secs):
        if due := turns.due(states, now, 0.0, **known):
            turns.asked(due, now, priced=known["priced"])
            found.append(now)
    return found


def test_what_has_a_price_waits_for_the_turn_of_its_market() -> None:
    priced = frozenset({"USD-JPY"})
    assert questions(Turns(Pace()), SHUT, 200, priced=priced) == [0, 60, 120, 180]
    assert questions(Turns(Pace()), {"USD-JPY": "open"}, 10, priced=priced) == [0, 3, 6, 9]
    assert questions(Turns(Pace()), {"USD-JPY": "open"}, 130, priced=priced, streamed=priced) == [0, 60, 120]


def test_a_first_price_that_nobody_gave_is_asked_for_ever_less_often_down_to_the_turn_of_its_market() -> None:
    assert questions(Turns(Pace()), SHUT, 220) == [0, 6, 18, 42, 90, 150, 210]
    assert questions(Turns(Pace()), {"USD-JPY": "open"}, 10) == [0, 3, 6, 9]
    assert questions(Turns(Pace()), SHUT, 130, streamed=frozenset(SHUT)) == [0, 6, 18, 42, 90]


def test_with_no_source_answering_a_first_price_is_not_asked_for_more_often_than_patience_allows() -> None:
    turns = Turns(Pace())
    for _ in range(4):
        turns.failed()
    assert questions(turns, SHUT, 200) == [0, 48, 96, 144, 192]
    turns.answered()
    assert questions(turns, SHUT, 1_150, since_secs=1_000, priced=frozenset(SHUT)) == [1_000, 1_060, 1_120]


def test_no_number_of_failures_is_too_many() -> None:
    turns = Turns(Pace())
    for _ in range(2_000):
        turns.failed()
        turns.asked(list(SHUT), 0.0, priced=frozenset())
    assert turns.due(SHUT, 119.0, 0.0, streamed=frozenset(), priced=frozenset()) == []
    assert turns.due(SHUT, 120.0, 0.0, streamed=frozenset(), priced=frozenset()) == ["USD-JPY"]


def test_what_has_waited_half_its_turn_comes_along_in_the_order_that_was_asked_for() -> None:
    turns = Turns(Pace())
    states: dict[str, SessionState] = {"BTC-USD": "open", "EUR-USD": "closed", "AAPL": "closed"}
    priced = frozenset(states)
    turns.asked(["EUR-USD"], 0.0, priced=priced)
    turns.asked(["AAPL"], 2.0, priced=priced)
    turns.asked(["BTC-USD"], 27.0, priced=priced)
    assert turns.due(states, 29.0, 0.0, streamed=frozenset(), priced=priced) == []
    assert turns.due(states, 30.0, 0.0, streamed=frozenset(), priced=priced) == ["BTC-USD", "EUR-USD"]
    turns.asked(["BTC-USD", "EUR-USD"], 30.0, priced=priced)
    assert turns.due(states, 31.0, 0.0, streamed=frozenset(), priced=priced) == []
