"""When an alert fires: once per crossing of its level, however often the price comes back to it.

An alert is armed while its condition is false and fires on the first price for which it is true. It is armed again only
when the price has moved back past the level by a little, so that a price that trembles at the level fires once.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from starkmatter.domain.money import plain
from starkmatter.domain.quotes import Quote

AlertKind = Literal["price_above", "price_below", "day_up_pct", "day_down_pct"]
KINDS: dict[AlertKind, str] = {
    "price_above": "rises to or above",
    "price_below": "falls to or below",
    "day_up_pct": "is up today by at least",
    "day_down_pct": "is down today by at least",
}
REARM_RATIO = Decimal("0.001")
REARM_PCT = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """`threshold` is a price in the instrument's currency, or a positive percentage of the close before."""

    kind: AlertKind
    threshold: Decimal


Verdict = Literal["fire", "rearm", "nothing"]


def judge(rule: AlertRule, quote: Quote, *, armed: bool) -> Verdict:
    """What this quote does to an alert. A quote that is not to be trusted, or has no close before, does nothing."""
    value = measured(rule, quote)
    if value is None or quote.condition != "normal":
        return "nothing"
    if armed:
        return "fire" if _holds(rule, value) else "nothing"
    return "rearm" if _is_over(rule, value) else "nothing"


def starts_armed(rule: AlertRule, quote: Quote | None) -> bool:
    """Whether a new alert waits for its first crossing: not when its condition holds already."""
    value = None if quote is None else measured(rule, quote)
    return value is None or not _holds(rule, value)


def measured(rule: AlertRule, quote: Quote) -> Decimal | None:
    """What the rule looks at: the last price, or the day's change in percent; None when it cannot be known."""
    if rule.kind in {"price_above", "price_below"}:
        return quote.last
    if not quote.prev_close:
        return None
    return (quote.last - quote.prev_close) / quote.prev_close * 100


def rule_words(symbol: str, rule: AlertRule) -> str:
    """`AAPL rises to or above 150`."""
    unit = " %" if rule.kind.endswith("_pct") else ""
    return f"{symbol} {KINDS[rule.kind]} {plain(rule.threshold)}{unit}"


def _holds(rule: AlertRule, value: Decimal) -> bool:
    if rule.kind == "price_above":
        return value >= rule.threshold
    if rule.kind == "price_below":
        return value <= rule.threshold
    return value >= rule.threshold if rule.kind == "day_up_pct" else value <= -rule.threshold


def _is_over(rule: AlertRule, value: Decimal) -> bool:
    """Whether the value is back on the other side, clear of the level."""
    if rule.kind == "price_above":
        return value < rule.threshold * (1 - REARM_RATIO)
    if rule.kind == "price_below":
        return value > rule.threshold * (1 + REARM_RATIO)
    back = rule.threshold - REARM_PCT
    return value < back if rule.kind == "day_up_pct" else value > -back
