"""Tells an order that certainly never left from one that may have: the second is looked for, the first just waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import StarkMatterError
from starkmatter.trading.ports import OrderRefused, OrderUnsent


@dataclass(slots=True)
class Leaving:
    """One order on its way out. An adapter sets `may_have_left` before it does what may put a byte on the wire."""

    may_have_left: bool = False


@contextmanager
def leaving() -> Iterator[Leaving]:
    """Around sending one order: what fails before it may have left, or is `unsent` itself, raises OrderUnsent.

    Only a failure of the very request that places the order may be `unsent` once it may have left.
    """
    way = Leaving()
    try:
        yield way
    except OrderRefused:
        raise
    except StarkMatterError as cause:
        if way.may_have_left and not (isinstance(cause, VendorFailure) and cause.unsent):
            raise
        raise OrderUnsent(cause) from None
