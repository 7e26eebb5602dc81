"""Yahoo's splits, dividends and dates of earnings out of its answers. It tells dividends in shares of today.

The amount as it was declared is that times the splits since, which the same answer has; it is good to six digits.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, ReportHour, Split
from starkmatter.domain.adjusting import split_factor
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.market.providers.figures import NAN, NEVER, NO_DAY, code, instant, number, price

NAME = "yahoo"
CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/{symbol}"
SINCE = datetime(1970, 1, 2, tzinfo=UTC)
DIGITS = 6
OPEN, CLOSE = time(9, 30), time(16)

Garbage = Callable[[object], Exception]


def asked_actions(now: datetime) -> dict[str, str]:
    """The query: all events; the bars beside them are as few as can be."""
    since, until = int(SINCE.timestamp()), int(now.timestamp())
    return {"period1": str(since), "period2": str(until), "interval": "3mo", "events": "div,splits"}


def actions_of(raw: Any, symbol: str, today: date, garbage: Garbage) -> list[CorporateAction]:
    """Every split and dividend of a chart's answer, readable or not; raises what `garbage` makes of another answer."""
    chart = raw.get("chart") if isinstance(raw, dict) else None
    results = chart.get("result") if isinstance(chart, dict) else None
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise garbage(raw)
    meta, events = results[0].get("meta"), results[0].get("events", {})
    if not isinstance(meta, dict) or not isinstance(events, dict):
        raise garbage(raw)
    splits = [_split(symbol, row) for row in _rows(events, "splits", garbage)]
    sound = [one for one in splits if _is_sound(one)]
    shares = split_factor(sound, today)
    currency = code(meta.get("currency"))
    dividends = []
    for row in _rows(events, "dividends", garbage):
        ex_on = _day(row)
        amount = price(number(row.get("amount")))
        # Without all splits nobody knows what was declared.
        known = amount.is_finite() and len(sound) == len(splits)
        amount = _declared(amount, shares(ex_on)) if known else NAN
        dividends.append(Dividend(symbol, ex_on, amount, currency, None, NAME))
    return [*splits, *dividends]


def _rows(events: Mapping[str, Any], name: str, garbage: Garbage) -> list[Mapping[str, Any]]:
    rows = events.get(name, {})
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise garbage(rows)
    # Each stands under its own instant; one that does not has none.
    return [row if key == str(row.get("date")) else {**row, "date": None} for key, row in rows.items()]


def _split(symbol: str, row: Mapping[str, Any]) -> Split:
    numerator, denominator = price(number(row.get("numerator"))), price(number(row.get("denominator")))
    return Split(symbol, _day(row), numerator, denominator, NAME)


def _is_sound(one: Split) -> bool:
    return all(figure.is_finite() and figure > 0 for figure in (one.numerator, one.denominator)) and one.ex_on != NO_DAY


def _day(row: Mapping[str, Any]) -> date:
    at = instant(row.get("date"))
    return NO_DAY if at == NEVER else exchange_day(at)


def _declared(amount: Decimal, shares: Fraction) -> Decimal:
    found = amount * shares.numerator / shares.denominator
    return Decimal(f"{found:.{DIGITS}g}") if shares != 1 else amount


def earnings_of(fields: Mapping[str, Any], symbol: str) -> list[EarningsDate]:
    """The next date, or the last one, out of a quote; several days between which it lies are the first of them."""
    value = fields.get("earningsTimestampStart", fields.get("earningsTimestamp"))
    if value is None:
        return []
    at = instant(value)
    if at == NEVER:
        return [EarningsDate(symbol, NO_DAY, "unknown", True, NAME)]
    hour = _hour(at.astimezone(EXCHANGE_ZONE).time())
    estimated = fields.get("isEarningsDateEstimate") is not False
    return [EarningsDate(symbol, exchange_day(at), hour, estimated, NAME)]


def _hour(at: time) -> ReportHour:
    if at == time(0):
        return "unknown"
    return "before_open" if at < OPEN else "after_close" if at >= CLOSE else "unknown"
