"""The local brief of a symbol: what its stored days say, in sentences with figures. No AI, no look into the future.

Only sessions that have ended at the venue's now are read, so that a brief stays true for the whole session.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from starkmatter.assistant.toolbox import Fact, as_json
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.instruments import Instrument, price_decimals, tick_of
from starkmatter.domain.market_hours import SHARES, DayRule, clock_of, rule_of
from starkmatter.domain.pairs import coin_of
from starkmatter.domain.price_statistics import (
    PERIODS,
    SESSIONS_PER_YEAR,
    Comovement,
    annual_volatility,
    below_peak,
    comovement,
    max_drawdown,
    moving_average,
    period_return,
)
from starkmatter.domain.quotes import Bar, Venue, VenueClock
from starkmatter.domain.sessions import exchange_day
from starkmatter.market.clocks import venue_clock
from starkmatter.market.service import get_instrument, load_bars

INDEX = "^GSPC"
AVERAGES = (50, 200)
VOLUME_SESSIONS = 20
RATIO = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class SymbolStatistics:
    """A symbol after its last finished session. Ratios; None where the stored days do not reach."""

    symbol: str
    name: str
    session_on: date
    close: Decimal
    returns: dict[str, Decimal | None]
    volatility: Decimal | None
    high: Decimal
    low: Decimal
    sessions: int
    below_peak: Decimal | None
    max_drawdown: Decimal | None
    averages: dict[int, Decimal | None]
    volume: Decimal | None
    volume_mean: Decimal | None
    with_index: Comovement | None
    synthesized: bool

    def as_fact(self) -> Fact:
        """For a tool's answer: ratios at four decimals."""
        ratios = {
            "volatility_annual_ratio": self.volatility,
            "below_52_week_peak_close_ratio": self.below_peak,
            "max_drawdown_52_weeks_ratio": self.max_drawdown,
            **{f"return_{name.replace(' ', '_')}_ratio": value for name, value in self.returns.items()},
        }
        fact: Fact = {
            "symbol": self.symbol,
            "statistics_to_close_of": as_json(self.session_on),
            "close": as_json(self.close),
            "high_52_weeks": as_json(self.high),
            "low_52_weeks": as_json(self.low),
            "sessions": self.sessions,
        }
        fact |= {name: as_json(value.quantize(RATIO)) for name, value in ratios.items() if value is not None}
        fact |= {
            f"average_{count}_sessions": as_json(value.quantize(min(RATIO, tick_of(self.symbol, value))))
            for count, value in self.averages.items()
            if value is not None
        }
        if self.with_index:
            fact["beta"] = as_json(self.with_index.beta.quantize(RATIO))
            fact["correlation"] = as_json(self.with_index.correlation.quantize(RATIO))
            fact["index"] = INDEX
        return fact


async def last_session_on(b: Backends, venue: Venue, symbol: str) -> date | None:
    """The last session of the symbol that has ended at the venue's now. NotFound for an unknown symbol."""
    await get_instrument(b.db, symbol, venue=venue)
    clock = await venue_clock(b.db, b.cache, venue, utc_now())
    days = await _finished_days(b, venue, symbol, clock, 2)
    return rule_of(symbol).day_of(days[-1].starts_at) if days else None


async def statistics_of(b: Backends, venue: Venue, symbol: str) -> SymbolStatistics | None:
    """The symbol's figures at the venue's now; None without two finished days. NotFound for an unknown symbol."""
    instrument = await get_instrument(b.db, symbol, venue=venue)
    clock = await venue_clock(b.db, b.cache, venue, utc_now())
    rule = rule_of(symbol)
    count = rule.sessions_a_year + 2
    days = await _finished_days(b, venue, symbol, clock, count)
    if len(days) < 2:
        return None
    index = await _finished_days(b, venue, INDEX, clock, count) if symbol != INDEX and rule is SHARES else []
    # Logarithms in decimals take milliseconds: not on the loop that serves everybody.
    return await asyncio.to_thread(_measure, instrument, days, index)


def _measure(instrument: Instrument, days: Sequence[Bar], index: Sequence[Bar]) -> SymbolStatistics:
    rule = rule_of(instrument.symbol)
    closes, year = [day.close for day in days], days[-rule.sessions_a_year :]
    year_closes = [day.close for day in year]
    traded = [day.volume for day in days[-VOLUME_SESSIONS - 1 : -1] if day.volume is not None]
    return SymbolStatistics(
        symbol=instrument.symbol,
        name=instrument.name,
        session_on=rule.day_of(days[-1].starts_at),
        close=closes[-1],
        returns={name: period_return(closes, _sessions(sessions, rule)) for name, sessions in PERIODS.items()},
        volatility=annual_volatility(year_closes, rule.sessions_a_year),
        high=max(day.high for day in year),
        low=min(day.low for day in year),
        sessions=len(year),
        below_peak=below_peak(year_closes),
        max_drawdown=max_drawdown(year_closes),
        averages={count: moving_average(closes, count) for count in AVERAGES},
        volume=days[-1].volume,
        volume_mean=sum(traded, Decimal(0)) / len(traded) if len(traded) == VOLUME_SESSIONS else None,
        with_index=_together(year, index),
        synthesized=any(day.note for day in year),
    )


async def _finished_days(b: Backends, venue: Venue, symbol: str, clock: VenueClock, count: int) -> list[Bar]:
    days = await load_bars(b.db, venue, symbol, "1d", limit=count, until=clock.venue_now)
    own = clock_of(symbol, clock)
    if days and own.state == "open" and rule_of(symbol).day_of(days[-1].starts_at) == own.session_on:
        days.pop()  # today's bar still grows
    return days


def _sessions(of_shares: int, rule: DayRule) -> int:
    """How many sessions a period has that has so many of the exchange's."""
    return round(Decimal(of_shares) * rule.sessions_a_year / SESSIONS_PER_YEAR)


def _together(days: Sequence[Bar], index: Sequence[Bar]) -> Comovement | None:
    closes = {exchange_day(one.starts_at): one.close for one in index}
    pairs = [(day.close, closes[on]) for day in days if (on := exchange_day(day.starts_at)) in closes]
    return comovement([one for one, _ in pairs], [other for _, other in pairs])


def write_brief(one: SymbolStatistics) -> str:
    """The figures as sentences, in markdown."""
    known = {name: value for name, value in one.returns.items() if value is not None}
    day = f"{one.session_on:%B} {one.session_on.day}, {one.session_on.year}"
    lines = [f"**{one.name}** closed at **{_price(one.symbol, one.close)}** on {day}."]
    if known:
        lines.append(f"Price change: {', '.join(f'{_percent(value)} over {name}' for name, value in known.items())}.")
    span = "52 weeks" if one.sessions >= rule_of(one.symbol).sessions_a_year else f"{one.sessions} sessions"
    high, low = _price(one.symbol, one.high), _price(one.symbol, one.low)
    lines.append(
        f"It stands {_percent(one.close / one.high - 1)} from the highest price of {span}, {high}, and "
        f"{_percent(one.close / one.low - 1)} from the lowest, {low}."
    )
    if one.max_drawdown is not None:
        lines.append(f"The deepest fall between closes in that time was {_percent(one.max_drawdown)}.")
    if one.volatility is not None:
        lines.append(f"Its daily moves amount to {one.volatility * 100:.1f} % a year (volatility).")
    averages = [
        f"{'above' if one.close >= value else 'below'} its {count}-session average of {_price(one.symbol, value)}"
        for count, value in one.averages.items()
        if value is not None
    ]
    if averages:
        lines.append(f"The close is {' and '.join(averages)}.")
    if one.with_index:
        moves = one.with_index
        lines.append(
            f"Against {INDEX} its beta is {moves.beta:.2f} and its correlation {moves.correlation:.2f} "
            f"over {moves.sessions} sessions."
        )
    if one.volume is not None and one.volume_mean:
        of_what = "coins" if coin_of(one.symbol) else "shares"
        lines.append(
            f"{one.volume:,.0f} {of_what} traded, {one.volume / one.volume_mean:.2f} times the mean of the "
            f"{VOLUME_SESSIONS} sessions before."
        )
    if one.synthesized:
        lines.append("Some of these days' highs and lows are synthesized; closes are the source's.")
    return "\n".join(f"* {line}" for line in lines)


def _price(symbol: str, value: Decimal) -> str:
    return f"{value:,.{price_decimals(symbol, value)}f}"


def _percent(ratio: Decimal) -> str:
    return f"{ratio * 100:+.1f} %".replace("-", "−")
