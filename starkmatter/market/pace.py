"""How often the sources of the wall-clock market are asked, and what accounts have in play there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starkmatter.domain.quotes import SessionState
from starkmatter.market.streaming import StreamPace


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
