"""What one symbol's days say: its range, volume, volatility, beta and returns, as of the venue's now; and how several
move together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.comovement import correlation_table
from starkmatter.domain.market_hours import SHARES, rule_of
from starkmatter.domain.price_statistics import annual_volatility, comovement, period_return
from starkmatter.domain.quotes import Bar, Venue
from starkmatter.errors import InvalidInput
from starkmatter.market.service import load_bars

VOLUME_DAYS, VOLATILITY_DAYS = 20, 63
# How many sessions a period has, by the sessions of a year.
PERIODS = {
    252: {"1 week": 5, "1 month": 21, "3 months": 63, "1 year": 252, "5 years": 1260},
    260: {"1 week": 5, "1 month": 22, "3 months": 65, "1 year": 260, "5 years": 1300},
    365: {"1 week": 7, "1 month": 30, "3 months": 91, "1 year": 365, "5 years": 1825},
}
MORE_BARS = 40
INDICES = ("SPY", "^GSPC")
WINDOWS = (20, 60, 120, 252)
MIN_SYMBOLS, MAX_SYMBOLS = 2, 12


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Ratios: 0.0123 is 1.23 %. None where the stored days do not reach. `day`: the newest bar, perhaps still growing.

    `high`, `low`: of 52 weeks. `average_volume`: of the 20 sessions before. `volatility`: of 63 sessions, for a year.
    `beta` against `beta_of` over a year, of shares alone. `returns` by period. A coin's year has 365 sessions.
    """

    day: Bar | None
    before: Decimal | None
    high: Decimal | None
    low: Decimal | None
    average_volume: Decimal | None
    volatility: Decimal | None
    beta: Decimal | None
    correlation: Decimal | None
    beta_of: str
    returns: dict[str, Decimal | None]
    sessions: int


async def key_figures(db: Database, venue: Venue, symbol: str, until: datetime) -> KeyFigures:
    """The figures of a symbol as known at venue time `until`; all None without stored days."""
    rule = rule_of(symbol)
    a_year = rule.sessions_a_year
    limit = PERIODS[a_year]["5 years"] + MORE_BARS
    bars = await load_bars(db, venue, symbol, "1d", limit=limit, until=until)
    closes = [bar.close for bar in bars]
    year = bars[-a_year:]
    volumes = [bar.volume for bar in bars[-VOLUME_DAYS - 1 : -1] if bar.volume is not None]
    beta = correlation = None
    beta_of = ""
    for index in INDICES if rule is SHARES else ():
        if index == symbol:
            break
        others = {one.starts_at: one.close for one in await load_bars(db, venue, index, "1d", limit=limit, until=until)}
        common = [bar for bar in bars if bar.starts_at in others][-a_year - 1 :]
        found = comovement([bar.close for bar in common], [others[bar.starts_at] for bar in common])
        if found is not None:
            beta, correlation, beta_of = found.beta, found.correlation, index
            break
    return KeyFigures(
        day=bars[-1] if bars else None,
        before=closes[-2] if len(closes) > 1 else None,
        high=max((bar.high for bar in year), default=None),
        low=min((bar.low for bar in year), default=None),
        average_volume=sum(volumes, Decimal(0)) / len(volumes) if len(volumes) == VOLUME_DAYS else None,
        volatility=annual_volatility(closes[-VOLATILITY_DAYS - 1 :], a_year),
        beta=beta,
        correlation=correlation,
        beta_of=beta_of,
        returns={name: period_return(closes, sessions) for name, sessions in PERIODS[a_year].items()},
        sessions=len(bars),
    )


@dataclass(frozen=True, slots=True)
class Correlations:
    """`table[i][j]` of `symbols`; None where too few sessions are common. `sessions` is the window of returns."""

    symbols: list[str]
    sessions: int
    table: list[list[float | None]]


async def correlations(
    db: Database, venue: Venue, symbols: Sequence[str], sessions: int, until: datetime
) -> Correlations:
    """How the closes of 2 to 12 symbols moved together over the newest `sessions` returns before `until`.

    A pair's or coin's day is compared with the exchange's of the same date, though it ends at another hour.
    """
    wanted = list(dict.fromkeys(symbols))
    if not MIN_SYMBOLS <= len(wanted) <= MAX_SYMBOLS:
        raise InvalidInput(f"symbols: {MIN_SYMBOLS} to {MAX_SYMBOLS} different ones.")
    if sessions not in WINDOWS:
        raise InvalidInput(f"sessions: one of {', '.join(str(one) for one in WINDOWS)}.")
    closes = {}
    for symbol in wanted:
        bars = await load_bars(db, venue, symbol, "1d", limit=sessions + 1, until=until)
        closes[symbol] = [(rule_of(symbol).day_of(bar.starts_at), bar.close) for bar in bars]
    return Correlations(wanted, sessions, correlation_table(closes))
