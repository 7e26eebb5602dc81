"""What the screener shows: columns with their order, values as a person reads them, and screens to begin with."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from starkmatter.domain.screening import FIELDS, FieldRef, Figure, Screen, figure_title
from starkmatter.market.screener.indicators import OF_DAYS
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row

SMALL = Decimal(10)

PRESETS: dict[str, dict[str, Any]] = {
    "Oversold": {
        "conditions": [{"left": "rsi(14)", "op": "below", "right": "30"}],
        "columns": ["price", "change_pct", "rsi(14)", "momentum_1m_pct", "from_high_pct"],
        "sort": "rsi(14)",
        "descending": False,
    },
    "Uptrend": {
        "conditions": [
            {"left": "price", "op": "above", "right": "sma(200)"},
            {"left": "sma(50)", "op": "above", "right": "sma(200)"},
        ],
        "columns": ["price", "change_pct", "sma(50)", "sma(200)", "momentum_6m_pct"],
        "sort": "momentum_6m_pct",
    },
    "MACD turns up": {
        "conditions": [{"left": "macd(12,26,9)", "op": "crosses_above", "right": "macd(12,26,9).signal"}],
        "columns": ["price", "change_pct", "macd(12,26,9)", "macd(12,26,9).signal", "rsi(14)"],
    },
    "Near 52-week high": {
        "conditions": [{"left": "from_high_pct", "op": "above", "right": "-5"}],
        "columns": ["price", "change_pct", "from_high_pct", "momentum_3m_pct", "volatility_pct"],
        "sort": "from_high_pct",
    },
    "Unusual volume": {
        "conditions": [{"left": "relative_volume", "op": "above", "right": "1.5"}],
        "columns": ["price", "change_pct", "volume", "relative_volume", "traded_value"],
        "sort": "relative_volume",
    },
    "Calm": {
        "conditions": [{"left": "volatility_pct", "op": "below", "right": "20"}],
        "columns": ["price", "change_pct", "volatility_pct", "momentum_1y_pct", "natr(14)"],
        "sort": "volatility_pct",
        "descending": False,
    },
}


def columns_of(screen: Screen) -> list[Row]:
    """A column for each figure, with `order` for the one that is sorted by."""
    way = "descending" if screen.descending else "ascending"
    return [
        {
            "text": one.text,
            "title": figure_title(one),
            "order": way if one == screen.sort else "none",
            "about": FIELDS[one.name].about if isinstance(one, FieldRef) else "of daily bars",
        }
        for one in screen.columns
    ]


def result_rows(found: dict[str, Any]) -> list[Row]:
    """Who fits."""
    return [
        {
            "symbol": row["symbol"],
            "name": row["name"],
            "sector": row["sector"],
            "old": show.day(date.fromisoformat(row["day"])) if row["stale"] and row["day"] else "",
        }
        for row in found["rows"]
    ]


def result_values(screen: Screen, found: dict[str, Any]) -> list[list[Row]]:
    """The values of each row, one for each column."""
    return [
        [_cell(figure, text) for figure, text in zip(screen.columns, row["values"], strict=True)]
        for row in found["rows"]
    ]


def as_of_words(found: dict[str, Any], shown: int) -> str:
    """`4 of 26 symbols · as of Mar 1, 10:04 ET`, and when not all are shown."""
    count, symbols = found["count"], found["symbols"]
    at = f" · as of {show.exchange_minute(datetime.fromisoformat(found['as_of']))} ET" if found["as_of"] else ""
    first = f", the first {shown} shown" if count > shown else ""
    return f"{count} of {symbols} symbols{first}{at}"


def _cell(figure: Figure, text: str | None) -> Row:
    if text is None:
        return {"text": show.NOTHING, "dir": ""}
    value = Decimal(text)
    if not isinstance(figure, FieldRef):
        return {"text": show.money(value, 4 if abs(value) < SMALL else 2), "dir": ""}
    match FIELDS[figure.name].unit:
        case "pct":
            signed = figure.name not in {"range_pct", "volatility_pct"}
            words = show.percent(value) if signed else f"{show.money(value)} %"
            return {"text": words, "dir": show.direction(value) if signed else ""}
        case "times":
            return {"text": f"{show.money(value)}×", "dir": ""}
        case "money":
            return {"text": show.short_money(value), "dir": ""}
        case "shares" | "count":
            return {"text": show.money(value, 0), "dir": ""}
        case _:
            return {"text": show.money(value), "dir": ""}


def default_parameters(name: str) -> tuple[str, list[str]]:
    """The default parameters of an indicator, and its lines when there are several."""
    indicator = OF_DAYS.get(name)
    if indicator is None:
        return "", []
    parameters = ", ".join(f"{one.default:g}" for one in indicator.parameters)
    return parameters, [line.id for line in indicator.lines] if len(indicator.lines) > 1 else []


def figure_text(form: dict[str, str], side: str) -> str:
    """`macd(12, 26, 9).signal` from the parts of a form."""
    name, inside = form.get(side, ""), form.get(f"{side}_parameters", "")
    if name not in OF_DAYS:
        return name
    line = form.get(f"{side}_line", "")
    return f"{name}({inside})" + (f".{line}" if line else "")
