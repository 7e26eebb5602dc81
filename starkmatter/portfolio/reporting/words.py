"""Figures, days and names as a report shows them: grouped, signs on changes, percentages with two decimals."""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.portfolio.reporting.document import Tone
from starkmatter.portfolio.reporting.records import Section

MINUS, NOTHING = "−", "–"
SECTION_NAMES: dict[Section, str] = {
    "summary": "Summary",
    "performance": "Performance",
    "allocation": "Allocation",
    "activity": "Activity",
    "income": "Income",
    "gains": "Realized gains",
    "fees": "Fees and costs",
    "risk": "Risk",
}
RISK_NAMES = {
    "volatility": "Volatility, a year",
    "downside_deviation": "Downside deviation, a year",
    "max_drawdown": "Deepest drawdown",
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "value_at_risk": "Value at risk, a day",
    "expected_shortfall": "Expected shortfall, a day",
    "parametric_value_at_risk": "Value at risk, if normal",
    "parametric_shortfall": "Shortfall, if normal",
    "beta": "Beta",
    "alpha": "Alpha, a year",
    "correlation": "Correlation",
    "tracking_error": "Tracking error",
}
PLAIN_RATIOS = frozenset({"sharpe", "sortino", "calmar", "beta", "correlation"})


def money(value: Decimal | None) -> str:
    """`98,998.50`, `−3.20`; a dash when there is no figure."""
    if value is None:
        return NOTHING
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    return (MINUS if rounded < 0 else "") + f"{abs(rounded):,.2f}"


def change(value: Decimal | None) -> str:
    """The same with a plus sign where it grew."""
    text = money(value)
    return f"+{text}" if value is not None and value.quantize(Decimal("0.01"), ROUND_HALF_EVEN) > 0 else text


def percent(ratio: Decimal | None, *, signed: bool = True) -> str:
    """A ratio as a percentage: 0.015 is `+1.50 %`."""
    if ratio is None:
        return NOTHING
    return f"{change(ratio * 100) if signed else money(ratio * 100)} %"


def quantity(value: Decimal | None) -> str:
    """Shares: grouped, without zeros that say nothing."""
    if value is None:
        return ""
    return (MINUS if value < 0 else "") + f"{abs(value.normalize()):,f}"


def tone_of(value: Decimal | None) -> Tone:
    """Of what is shown: a figure that rounds to nothing has none."""
    if value is None:
        return ""
    rounded = value.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return "up" if rounded > 0 else "down" if rounded < 0 else ""


def day(at: date | datetime) -> str:
    """`Mar 1, 2021`: a date, or an instant's date at the exchange."""
    on = exchange_day(at) if isinstance(at, datetime) else at
    return f"{on:%b} {on.day}, {on.year}"


def minute(at: datetime) -> str:
    """`Mar 1, 2021 16:00` on the exchange's wall clock."""
    local = at.astimezone(EXCHANGE_ZONE)
    return f"{local:%b} {local.day}, {local:%Y %H:%M}"


def plain_ratio(value: Decimal | None) -> str:
    """A figure of risk that is no percentage."""
    return money(value)


def kind_words(kind: str) -> str:
    """`Fill` for fill, `Opening position` for opening_position."""
    return kind.replace("_", " ").capitalize()
