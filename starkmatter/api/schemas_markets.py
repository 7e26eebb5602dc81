"""What goes over the wire about watchlists, screens, the map of the market and the figures of symbols."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Money, Qty, Ratio, Request
from starkmatter.domain.quotes import Venue
from starkmatter.market.watchlists.records import MAX_SYMBOLS
from starkmatter.market.watchlists.text import MAX_CHARS


class NewWatchlist(Request):
    venue: Venue
    name: str = Field(max_length=80)
    symbols: list[str] = Field(default_factory=list, max_length=MAX_SYMBOLS)


class WatchlistChange(Request):
    """`symbols` are all of them in their new order; `place` is the list's among the others, 0 the first."""

    name: str | None = Field(None, max_length=80)
    symbols: list[str] | None = Field(None, max_length=MAX_SYMBOLS)
    place: int | None = Field(None, ge=0, le=100)


class WatchlistOut(Answer):
    id: UUID
    venue: Venue
    name: str
    symbols: list[str]
    created_at: Instant
    updated_at: Instant


class ImportText(Request):
    """A CSV with a column `symbol`, or symbols between commas, semicolons, blanks and lines."""

    text: str = Field(max_length=MAX_CHARS)


class RefusedLineOut(Answer):
    line: int
    said: str
    why: str


class ImportedOut(Answer):
    watchlist: WatchlistOut
    added: list[str]
    refused: list[RefusedLineOut]


class ConditionIn(Request):
    """`right` is a figure like `left`, or a number."""

    left: str = Field(max_length=80, examples=["rsi(14)"])
    op: str = Field(max_length=20, examples=["below"])
    right: str = Field(max_length=80, examples=["30"])


class ScreenIn(Request):
    """All conditions have to hold. Figures: a field, or an indicator such as `macd(12, 26, 9).signal`."""

    conditions: list[ConditionIn] = Field(default_factory=list)
    columns: list[str] = Field(default_factory=list)
    sort: str = "change_pct"
    descending: bool = True
    kinds: list[str] = Field(default_factory=list)
    sectors: list[str] = Field(default_factory=list)


class AskScreen(Request):
    venue: Venue
    screen: ScreenIn
    limit: int = Field(100, ge=1, le=500)


class ScreenRowOut(Answer):
    """`values` are one for each column of the screen; `stale`: other symbols have a newer session than `day`."""

    symbol: str
    name: str
    kind: str
    sector: str
    exchange: str
    currency: str
    day: date | None
    stale: bool
    values: list[str | None]


class ScreenOut(Answer):
    as_of: str | None
    symbols: int
    count: int
    columns: list[str]
    items: list[ScreenRowOut]


class NewScreen(Request):
    name: str = Field(max_length=80)
    screen: ScreenIn


class ScreenChange(Request):
    name: str | None = Field(None, max_length=80)
    screen: ScreenIn | None = None


class SavedScreenOut(Answer):
    id: UUID
    name: str
    screen: dict[str, Any]
    created_at: Instant
    updated_at: Instant


class FigureOut(Answer):
    """A field, or an indicator with its parameters and lines, for columns and conditions."""

    name: str
    title: str
    about: str
    unit: str
    parameters: list[str] = Field(default_factory=list)
    lines: list[str] = Field(default_factory=list)


class TileOut(Answer):
    symbol: str
    name: str
    kind: str
    sector: str
    day: date | None
    last: str | None
    change_pct: str | None
    volume: str | None
    traded_value: str | None


class OverviewOut(Answer):
    """The map's tiles and the movers; `current` of `symbols` have the newest session."""

    as_of: str | None
    symbols: int
    current: int
    tiles: list[TileOut]
    gainers: list[TileOut]
    losers: list[TileOut]
    active: list[TileOut]


class KeyFiguresOut(Answer):
    """Ratios: 0.0123 is 1.23 %; null where the stored days do not reach."""

    symbol: str
    venue: Venue
    last: Money | None
    before: Money | None
    day_low: Money | None
    day_high: Money | None
    low: Money | None
    high: Money | None
    volume: Qty | None
    average_volume: Qty | None
    volatility: Ratio | None
    beta: Ratio | None
    beta_of: str
    returns: dict[str, Ratio | None]
    sessions: int


class CorrelationsOut(Answer):
    symbols: list[str]
    sessions: int
    table: list[list[float | None]]


class MarketSessionOut(Answer):
    session_on: date
    opens_at: Instant
    closes_at: Instant


class ExceptionalDayOut(Answer):
    """A weekday without a session, or one that ends early."""

    on: date
    name: str
    session: MarketSessionOut | None


class SessionsOut(Answer):
    coming: list[MarketSessionOut]
    exceptions: list[ExceptionalDayOut]
    known_until: date | None
