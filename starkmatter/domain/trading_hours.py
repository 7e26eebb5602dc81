"""The phases of a trading day and when an order's time is over. Half days come with the session that is passed in.

Early trading begins five and a half hours before the open and late trading ends four hours after the close: 4:00 to
20:00 in New York, 17:00 on days that close at 13:00 (NYSE Arca, Holidays and trading hours).
"""

from datetime import datetime, timedelta
from typing import Literal

from starkmatter.domain.orders import WorkingOrder
from starkmatter.domain.sessions import Session

Phase = Literal["pre", "open", "post", "closed"]

EARLY = timedelta(hours=5, minutes=30)
LATE = timedelta(hours=4)


def phase_at(session: Session | None, at: datetime) -> Phase:
    """The phase of `at` on the day of `session`; closed outside of it and without one."""
    if session is None or not session.opens_at - EARLY <= at < session.closes_at + LATE:
        return "closed"
    if at < session.opens_at:
        return "pre"
    return "open" if at < session.closes_at else "post"


def may_trade(order: WorkingOrder, phase: Phase) -> bool:
    """Whether the order takes part in this phase: outside regular hours only limit orders that asked for it."""
    return phase == "open" or (phase in {"pre", "post"} and order.extended_hours and order.type == "limit")


def over_because(order: WorkingOrder, session: Session, at: datetime) -> str | None:
    """Why the order's time is over at `at`, in words; None while it may still fill.

    `session` is the order's own for a day order and one for an auction, and the day's for any other. Ask after the
    auction of that instant was matched.
    """
    ends_at = session.closes_at + (LATE if order.extended_hours else timedelta(0))
    match order.time_in_force:
        case "day" if at >= ends_at:
            return "The session closed."
        case "gtd" if order.expires_on is not None and session.session_on >= order.expires_on and at >= ends_at:
            return "Its last day is over."
        case "gtd" if order.expires_on is not None and session.session_on > order.expires_on:
            return "Its last day is over."
        case "opg" if at >= session.opens_at:
            return "The opening auction is over."
        case "cls" if at >= session.closes_at:
            return "The closing auction is over."
    return None
