"""How often the sources of the wall-clock market are asked, and what accounts have in play there."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from starkmatter.domain.quotes import SessionState
from starkmatter.market.streaming import StreamPace

MOST_FAILURES = 6  # more make nobody more patient


@dataclass(frozen=True, slots=True)
class InPlay:
    """What accounts of the venue hold or have ordered, and whether there are any.

    `tracked` is held elsewhere and only valued here: it comes after what somebody looks at.
    """

    symbols: list[str]
    accounts: bool
    tracked: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is asked, by the state of the session; `streamed_secs` for what a stream tells of anyway.

    While the session is open, a first source that dies is left within `quotes_secs` + `due_secs` + `HEDGE_SECS` of
    `market.failover`: less than five seconds, and the second one's answer.
    """

    quotes_secs: Mapping[SessionState, float] = field(
        default_factory=lambda: {"open": 3.0, "pre": 15.0, "closed": 60.0, "ended": 600.0}
    )
    streamed_secs: float = 60.0
    longest_secs: float = 120.0
    look_secs: float = 1.0
    due_secs: float = 0.25
    health_secs: float = 2.0
    play_secs: float = 5.0
    store_secs: float = 2.0
    stream: StreamPace = field(default_factory=StreamPace)
    actions_secs: float = 6.0
    books_secs: float = 2.0

    def turn_secs(self, state: SessionState, allowed_secs: float, failures: int) -> float:
        """How often a symbol is asked for in this state of its market; ever less often while nobody answers.

        `allowed_secs` is how often the source's plan lets us ask.
        """
        turn = max(self.quotes_secs[state], min(allowed_secs, self.longest_secs))
        patient: float = turn * 2**failures
        return min(patient, max(turn, self.longest_secs))


class Turns:
    """When each symbol was asked for, and whose turn it is; instants are seconds of the loop's clock."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._asked_at: dict[str, float] = {}
        self._in_vain: Counter[str] = Counter()
        self._failures = 0

    def asked(self, symbols: Sequence[str], now: float, *, priced: Collection[str]) -> None:
        """These are asked for now; `priced` are those that have a price already, of these or others."""
        self._asked_at |= dict.fromkeys(symbols, now)
        for symbol in symbols:
            if symbol not in priced:
                self._in_vain[symbol] = min(self._in_vain[symbol] + 1, MOST_FAILURES)

    def answered(self) -> None:
        """Some source did."""
        self._failures = 0

    def failed(self) -> None:
        """No source did."""
        self._failures = min(self._failures + 1, MOST_FAILURES)

    def due(
        self,
        states: Mapping[str, SessionState],
        now: float,
        allowed_secs: float,
        *,
        streamed: Collection[str],
        priced: Collection[str],
    ) -> list[str]:
        """What is to be asked now of `states`, which are those of the symbols' markets, in that order.

        Everything once anything has waited for its turn, so that it stays one question. For a first price somebody
        waits, so a question for it that failed is repeated as if the market were open, ever less often, until the
        market's own turn comes sooner.
        """

        def waited(symbol: str, state: SessionState) -> float:
            turn = self._pace.turn_secs(state, allowed_secs, self._failures)
            if symbol in streamed:
                turn = self._pace.streamed_secs
            if symbol not in priced:
                failures = max(self._failures, self._in_vain[symbol])
                turn = min(turn, self._pace.turn_secs("open", allowed_secs, failures))
            return (now - self._asked_at.get(symbol, float("-inf"))) / turn

        turns = {symbol: waited(symbol, state) for symbol, state in states.items()}
        if not any(ratio >= 1 for ratio in turns.values()):
            return []
        return [symbol for symbol, ratio in turns.items() if ratio >= 0.5]
