"""An account's figures of risk as the rows and the chart the performance page draws."""

from decimal import Decimal, InvalidOperation

from starkmatter.portfolio.risk import RISK_FREE, FallView, Risk, RiskFigure
from starkmatter.ui import format as show
from starkmatter.ui.risk_words import PERCENTS, RISK_WORDS
from starkmatter.ui.state.rows import Row

RATE_CHARS = 8
BAD_RATE = "Give the risk-free rate as a yearly percentage from -5 to 50, such as 4.25."


def risk_rows(found: Risk) -> list[Row]:
    """Every figure with what it means; one that cannot be told has its reason."""
    return [_row(one) for one in found.figures]


def fall_rows(found: Risk) -> list[Row]:
    """The deepest falls below a former high."""
    return [_fall_row(one) for one in found.falls]


def risk_head(found: Risk) -> str:
    """Over which days."""
    return f"Over {found.days:,} days that have closed, {show.day(found.start_on)} to {show.day(found.end_on)}."


def rate_of(text: str) -> Decimal | None:
    """A yearly rate as a ratio from what was typed in percent; None for what is none."""
    try:
        rate = Decimal(text.strip()[:RATE_CHARS] or "0") / 100
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and RISK_FREE[0] <= rate <= RISK_FREE[1] else None


def _row(one: RiskFigure) -> Row:
    title, meaning, source = RISK_WORDS[one.name]
    if one.value is None:
        shown = show.NOTHING
    else:
        shown = show.percent(one.value * 100) if one.name in PERCENTS else show.money(one.value)
    if one.name in {"volatility", "downside_deviation", "tracking_error"}:
        shown = shown.removeprefix("+")
    return {"title": title, "value": shown, "meaning": one.reason or meaning, "source": source}


def _fall_row(one: FallView) -> Row:
    back = "not yet" if one.days_back is None else f"{one.days_back} days"
    return {
        "depth": show.percent(one.depth * 100),
        "peak": show.day(one.peak_on),
        "trough": show.day(one.trough_on),
        "down": f"{one.days} day{'' if one.days == 1 else 's'}",
        "back": back if one.days_back != 1 else "1 day",
        "recovered": show.day(one.recovered_on) if one.recovered_on else "not yet",
    }
