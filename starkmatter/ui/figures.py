"""Plotly figures of an account's days as plain data: colors are CSS tokens that the browser resolves in its theme."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.portfolio.records import DayValue
from starkmatter.portfolio.risk import Risk
from starkmatter.ui import format as show

FigureData = dict[str, Any]
MONEY_PLACES, PERCENT_PLACES = 2, 4
# Plotly puts a tilde before a format that begins with its sign, which makes it none; a fill that is never used helps.
SIGNED = "0>+.2f"

_FONT = {"family": "Inter, system-ui, sans-serif", "size": 11, "color": "var(--text-3)"}
_AXIS = {
    "gridcolor": "var(--chart-grid)",
    "zeroline": False,
    "fixedrange": True,
    "automargin": True,
    "ticklabelstandoff": 6,
}
_X_AXIS = {
    **_AXIS,
    "type": "date",
    "showgrid": False,
    "nticks": 7,
    "hoverformat": "%a, %b %-d, %Y",
    "automargin": False,
}


def value_figure(days: Sequence[DayValue]) -> FigureData:
    """The account's value, what was put in, and a mark on each day money came or went."""
    at = _instants(days)
    put_in, total = [], days[0].value
    for number, day in enumerate(days):
        total += day.flow if number else 0
        put_in.append(total)
    moved = [number for number, day in enumerate(days) if number and day.flow]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": "In or out",
        "x": [at[number] for number in moved],
        "y": [_figure(days[number].value) for number in moved],
        "text": [show.change(days[number].flow) for number in moved],
        "hoverinfo": "name+text",
        "marker": {
            "symbol": ["triangle-up" if days[number].flow > 0 else "triangle-down" for number in moved],
            "size": 11,
            "color": "var(--amber)",
            "line": {"color": "var(--bg-1)", "width": 1.5},
        },
    }
    return {
        "data": [
            _line("Value", at, [_figure(day.value) for day in days], "var(--accent)"),
            {
                **_line("Put in", at, [_figure(value) for value in put_in], "var(--text-3)"),
                "line": {"color": "var(--text-3)", "width": 1.5, "dash": "4px,4px", "shape": "hv"},
            },
            *([marks] if moved else []),
        ],
        "layout": _layout(yaxis={**_AXIS, "tickformat": ",.0f", "hoverformat": ",.2f", "nticks": 6}),
    }


def return_figure(days: Sequence[DayValue], benchmark: str | None) -> FigureData:
    """Growth since the start above, distance below the peak underneath; with the benchmark where it has a price."""
    at = _instants(days)
    traces = [
        _line("Account", at, [_percents(day.growth - 1) for day in days], "var(--accent)"),
        {
            **_line("Account drawdown", at, [_percents(day.below_peak) for day in days], "var(--accent)"),
            "yaxis": "y2",
            "fill": "tozeroy",
            "fillcolor": "var(--accent-soft)",
            "showlegend": False,
        },
    ]
    if benchmark and any(day.benchmark_growth is not None for day in days):
        growth = [day.benchmark_growth for day in days]
        dashed = {"color": "var(--amber)", "width": 1.5, "dash": "6px,3px"}
        traces += [
            {**_line(benchmark, at, [_percents(one and one - 1) for one in growth], ""), "line": dashed},
            {
                **_line(f"{benchmark} drawdown", at, [_percents(one) for one in _below(growth)], ""),
                "line": dashed,
                "yaxis": "y2",
                "showlegend": False,
            },
        ]
    return {
        "data": traces,
        "layout": _layout(
            yaxis={
                **_AXIS,
                "domain": [0.4, 1],
                "ticksuffix": " %",
                "hoverformat": SIGNED,
                "nticks": 5,
                "zeroline": True,
                "zerolinecolor": "var(--line-strong)",
            },
            yaxis2={
                **_AXIS,
                "domain": [0, 0.32],
                "ticksuffix": " %",
                "hoverformat": SIGNED,
                "nticks": 4,
                "rangemode": "tozero",
            },
            xaxis={**_X_AXIS, "anchor": "y2"},
        ),
    }


def windows_figure(risk: Risk) -> FigureData:
    """Volatility of each window of days above, Sharpe ratio and beta of the same windows underneath."""
    at = [_noon(one.on) for one in risk.windows]
    plain = [
        (name, [None if value is None else round(float(value), 3) for value in values], color)
        for name, values, color in (
            ("Sharpe ratio", [one.sharpe for one in risk.windows], "var(--teal)"),
            ("Beta", [one.beta for one in risk.windows], "var(--amber)"),
        )
    ]
    traces = [
        _line("Volatility", at, [_percents(one.volatility) for one in risk.windows], "var(--accent)"),
        *[
            {**_line(name, at, values, color), "yaxis": "y2"}
            for name, values, color in plain
            if any(value is not None for value in values)
        ],
    ]
    return {
        "data": traces,
        "layout": _layout(
            yaxis={
                **_AXIS,
                "domain": [0.54, 1],
                "ticksuffix": " %",
                "hoverformat": ".2f",
                "nticks": 4,
                "rangemode": "tozero",
            },
            yaxis2={
                **_AXIS,
                "domain": [0, 0.46],
                "hoverformat": ".2f",
                "nticks": 4,
                "zeroline": True,
                "zerolinecolor": "var(--line-strong)",
            },
            xaxis={**_X_AXIS, "anchor": "y2"},
        ),
    }


def _below(growth: Sequence[Decimal | None]) -> list[Decimal | None]:
    peak, depths = Decimal(0), []
    for value in growth:
        peak = max(peak, value or peak)
        depths.append(None if value is None else value / peak - 1)
    return depths


def _instants(days: Sequence[DayValue]) -> list[str]:
    """The exchange's date of each day; the opening, which may share its first day's date, keeps its time."""
    first = days[0].at.astimezone(EXCHANGE_ZONE)
    return [f"{first:%Y-%m-%d %H:%M}", *(_noon(day.on) for day in days[1:])]


def _noon(on: date) -> str:
    return f"{on:%Y-%m-%d} 16:00"


def _line(name: str, x: list[str], y: list[float | None], color: str) -> FigureData:
    mode = "lines" if len(x) > 2 else "lines+markers"
    return {"type": "scatter", "mode": mode, "name": name, "x": x, "y": y, "line": {"color": color, "width": 2}}


def _layout(**more: Any) -> FigureData:
    return {
        "font": _FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 12, "t": 34, "b": 28},
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": "var(--bg-3)",
            "bordercolor": "var(--line-strong)",
            "font": {"color": "var(--text-1)"},
        },
        "dragmode": False,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"color": "var(--text-2)", "size": 12},
        },
        "separators": ".,",
        "xaxis": _X_AXIS,
        **more,
    }


def _figure(value: Decimal) -> float:
    return round(float(value), MONEY_PLACES)


def _percents(ratio: Decimal | None) -> float | None:
    return None if ratio is None else round(float(ratio) * 100, PERCENT_PLACES)
