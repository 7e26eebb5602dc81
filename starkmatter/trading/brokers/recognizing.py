"""Finds an order we sent at a broker that keeps no id of ours: by everything it asks for and by when it was entered.

Only an order that is ours by no other name, entered around our attempt and alike in every term, is taken for it; of
several nobody is chosen. So the worst that can happen is that an order which its owner entered by hand at that moment,
the same to the last term, counts as the one of ours that never arrived. Nothing is ever sent on the strength of this.
"""

from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starkmatter.trading.ports import Attempt, BrokerOrder, SeveralAlike

# The broker's clock may be off ours, and a request may have waited on its way.
EARLY, LATE = timedelta(seconds=60), timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Entered:
    """An order as the broker lists it; `terms` is all it asks for, to be compared as a whole."""

    order: BrokerOrder
    terms: Hashable
    entered_at: datetime


def recognized(
    vendor: str, attempt: Attempt, terms: Hashable, listed: Iterable[Entered], ours: Container[str]
) -> BrokerOrder | None:
    """The one listed order that this attempt became; None when there is none, SeveralAlike when it may be several.

    `ours`: the broker's ids of orders that are known to be others of ours.
    """
    alike = [
        one
        for one in listed
        if one.terms == terms
        and one.order.broker_order_id not in ours
        and attempt.claimed_at - EARLY <= one.entered_at <= attempt.claimed_at + LATE
    ]
    alike.sort(key=lambda one: (abs(one.entered_at - attempt.claimed_at), one.order.broker_order_id))
    if len(alike) > 1:
        raise SeveralAlike(
            f"{vendor} has {len(alike)} orders that could be this one. Look there; to accept the broker's book takes "
            "the nearest for it.",
            tuple(one.order for one in alike),
        )
    return replace(alike[0].order, client_order_id=attempt.client_order_id) if alike else None
