"""How a request says of which accounts a figure is to be told, and in which currency."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from fastapi import Depends, Query

from starkmatter.domain.quotes import Venue


class InCurrency(TypedDict):
    """As the services take it."""

    currency: str | None
    venue: Venue | None


@dataclass(frozen=True, slots=True)
class BookAsked:
    """`account_id` is None for all of the caller's own accounts together."""

    account_id: UUID | None
    currency: str | None
    venue: Venue | None

    @property
    def how(self) -> InCurrency:
        return {"currency": self.currency, "venue": self.venue}


def _asked(
    account_id: Annotated[
        UUID | Literal["all"] | None,
        Query(description="An account; `all` or nothing: all of the caller's own open accounts of a market together"),
    ] = None,
    currency: Annotated[
        str | None,
        Query(
            max_length=3,
            description="Show it in this currency, each day at its exchange rate; unless given the account's own, and "
            "the base currency for all accounts",
        ),
    ] = None,
    venue: Annotated[
        Venue | None,
        Query(description="Which market's accounts are summed; needed by whoever has accounts on both"),
    ] = None,
) -> BookAsked:
    return BookAsked(None if account_id == "all" else account_id, currency, venue)


Asked = Annotated[BookAsked, Depends(_asked)]
