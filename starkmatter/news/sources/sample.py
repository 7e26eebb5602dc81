"""Invented items for the replay market, made of nothing but its own finished days; each says that it is a sample.

They are there to practice with. The figures are real history; nothing else is said of any company.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from starkmatter.domain.sessions import exchange_day
from starkmatter.egress.capability import Capability
from starkmatter.news.link import company_name
from starkmatter.news.ports import RawItem

CAPABILITY = Capability(
    port="news",
    adapter="sample",
    vendor="Sample newsroom",
    client="none",
    connection=None,
    gives=("big moves", "unusual volume", "months in review"),
    limits="at most six items a session, on the replay market only",
    notes="Invented for practice and labeled SAMPLE; only the price and volume figures are real history.",
)

SOURCE = "Sample newsroom"
BIG_MOVE_PCT = Decimal(2)
MOVERS_A_DAY = 4
UNUSUAL_TIMES = Decimal(2)
NOTE = "An invented item for practice: only the figures are real history."


@dataclass(frozen=True, slots=True)
class FinishedDay:
    """One symbol's finished session: its close at `closed_at`, the close before, its volume and the usual one.

    `usual_volume` is the mean of the twenty sessions before; None where the history has no volume.
    """

    symbol: str
    name: str
    tradable: bool
    closed_at: datetime
    close: Decimal
    close_before: Decimal | None
    volume: Decimal | None
    usual_volume: Decimal | None

    @property
    def move_pct(self) -> Decimal:
        """Percent since the close before; 0 when there is none."""
        return (self.close / self.close_before - 1) * 100 if self.close_before else Decimal(0)

    @property
    def title(self) -> str:
        return f"{company_name(self.name)} ({self.symbol})"


class SampleSource:
    """Items about the sessions that closed after `after`, from days that are over. The same days, the same items."""

    capability = CAPABILITY

    def __init__(self, days: Sequence[FinishedDay], after: datetime) -> None:
        self._days = days
        self._after = after

    async def fetch(self, names: Sequence[str] = ()) -> list[RawItem]:
        """See the port. Empty while no session has closed; never a failure."""
        by_close: dict[datetime, list[FinishedDay]] = defaultdict(list)
        for day in self._days:
            by_close[day.closed_at].append(day)
        found: list[RawItem] = []
        for closed_at in sorted(one for one in by_close if one > self._after):
            found += _moves(by_close[closed_at]) + _volume(by_close[closed_at])
        return found + [one for one in _months(self._days) if one.published_at and one.published_at > self._after]


def _moves(days: Sequence[FinishedDay]) -> list[RawItem]:
    big = sorted(
        (day for day in days if abs(day.move_pct) >= BIG_MOVE_PCT), key=lambda day: (-abs(day.move_pct), day.symbol)
    )
    return [
        _item(
            day,
            f"{day.title} closed {_plain(abs(day.move_pct))} % {'higher' if day.move_pct > 0 else 'lower'}",
            f"{NOTE} {day.symbol} closed at {_money(day.close)} after {_money(day.close_before or day.close)}"
            " the session before.",
        )
        for day in big[:MOVERS_A_DAY]
    ]


def _volume(days: Sequence[FinishedDay]) -> list[RawItem]:
    times = [
        (day.volume / day.usual_volume, day.symbol, day) for day in days if day.volume is not None and day.usual_volume
    ]
    if not times or max(times)[0] < UNUSUAL_TIMES:
        return []
    most, _, day = max(times)
    text = f"{NOTE} {day.volume:,.0f} shares of {day.symbol} changed hands."
    return [_item(day, f"{day.title} traded {_plain(most)} times its usual volume", text)]


def _months(days: Sequence[FinishedDay]) -> list[RawItem]:
    """For each month that is over, at the close of the first session after it: who rose, who fell, in figures."""
    ends: dict[str, list[FinishedDay]] = defaultdict(list)
    for day in sorted(days, key=lambda one: one.closed_at):
        kept = ends[day.symbol]
        if kept and _month(kept[-1]) == _month(day):
            kept[-1] = day
        else:
            kept.append(day)
    first_of: dict[tuple[int, int], datetime] = {}
    for day in days:
        month = _month(day)
        first_of[month] = min(first_of.get(month, day.closed_at), day.closed_at)
    moves: dict[tuple[int, int], list[tuple[Decimal, str, FinishedDay]]] = defaultdict(list)
    for kept in ends.values():
        for before, last, following in zip(kept, kept[1:], kept[2:], strict=False):
            if last.tradable:
                moves[_month(following)].append(((last.close / before.close - 1) * 100, last.symbol, last))
    return [_review(found, first_of[month]) for month, found in sorted(moves.items())]


def _review(found: Sequence[tuple[Decimal, str, FinishedDay]], at: datetime) -> RawItem:
    best, worst = max(found), min(found)
    rose = sum(move > 0 for move, _, _ in found)
    month = exchange_day(best[2].closed_at)
    return RawItem(
        title=f"Sample: {month:%B %Y} in review, {rose} of {len(found)} stocks up",
        summary=f"{NOTE} {best[2].title} moved most upward, {_signed(best[0])} %; {worst[2].title} stood last,"
        f" {_signed(worst[0])} %.",
        url="",
        source=SOURCE,
        published_at=at,
    )


def _month(day: FinishedDay) -> tuple[int, int]:
    on = exchange_day(day.closed_at)
    return on.year, on.month


def _item(day: FinishedDay, words: str, summary: str) -> RawItem:
    on = exchange_day(day.closed_at)
    return RawItem(f"Sample: {words} on {on:%b} {on.day}, {on.year}", summary, "", SOURCE, day.closed_at)


def _plain(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.1"), ROUND_HALF_EVEN), "f")


def _signed(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.1"), ROUND_HALF_EVEN), "+f").replace("-", "−")


def _money(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,f}"
