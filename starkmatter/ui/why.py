"""Why the three returns of a period differ, in sentences made from the flows that really happened."""

from decimal import Decimal

from starkmatter.portfolio.records import Performance
from starkmatter.ui import format as show

AGREE_WITHIN = Decimal("0.00005")


def why_they_differ(found: Performance) -> list[str]:
    """Two to four sentences; none while there is no return to explain."""
    if found.twr is None or found.mwr is None or found.simple is None:
        return []
    if not found.flow_list:
        return [
            "No money came in or went out in this period, so the three agree. They differ once money moves: then it "
            "matters when it came, and each return answers that differently."
        ]
    sentences = (
        _what_moved(found),
        _what_time_says(found),
        _what_money_says(found.mwr - found.twr),
        _what_simple_says(found),
    )
    return [sentence.replace(" %", "\u00a0%") for sentence in sentences]


def _what_moved(found: Performance) -> str:
    parts = []
    if found.deposits:
        parts.append(f"{show.money(found.deposits)} {found.currency} came in")
    if found.withdrawals:
        parts.append(f"{show.money(found.withdrawals)} {found.currency} went out")
    largest = max(found.flow_list, key=lambda one: abs(one.paid_in))
    which = "it" if len(found.flow_list) == 1 else "the largest of these"
    kind = "deposit" if largest.paid_in > 0 else "withdrawal"
    return (
        f"{' and '.join(parts)}. Before {which} ({kind} of {show.money(abs(largest.paid_in))} on "
        f"{show.day(largest.at)}) the investments had made {show.percent(largest.growth_before * 100)}, after it "
        f"{show.percent(largest.growth_after * 100)}."
    )


def _what_time_says(found: Performance) -> str:
    assert found.twr is not None
    return (
        f"Time-weighted links the parts of the period as if the same sum had been there all along: "
        f"{show.percent(found.twr * 100)}. Your deposits and withdrawals leave no trace in it."
    )


def _what_money_says(apart: Decimal) -> str:
    if abs(apart) < AGREE_WITHIN:
        return "Money-weighted counts each day by the money that was there; here the timing made no difference."
    side, part = ("lower", "weaker") if apart < 0 else ("higher", "stronger")
    return (
        f"Money-weighted counts each day by the money that was there. It is "
        f"{show.money(abs(apart) * 100)} percentage points {side}, so more of your money was there in the {part} part."
    )


def _what_simple_says(found: Performance) -> str:
    assert found.simple is not None
    put_in = found.start_value + found.deposits
    return (
        f"Simple divides the result of {show.change(found.pl)} by everything put in, {show.money(put_in)} "
        f"(start value and deposits), however short it was there: {show.percent(found.simple * 100)}."
    )
