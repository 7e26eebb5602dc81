"""Alpaca's splits and cash dividends, through its SDK. Stock dividends and unit splits change more than a price."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starkmatter.domain.actions import CorporateAction, Dividend, Split
from starkmatter.market.border import ANNOUNCED_AHEAD
from starkmatter.market.providers.alpaca_rest import garbage, object_of
from starkmatter.market.providers.figures import may_day, must_day, number, price

if TYPE_CHECKING:
    from alpaca.data.historical.corporate_actions import CorporateActionsClient

NAME = "alpaca"
# Its records begin in 2020; asking for less than there is would forget corrections.
SINCE = date(2016, 1, 1)


def ask_actions(client: "CorporateActionsClient", symbol: str, today: date) -> Any:
    """What the SDK has of a symbol, as it came. Blocks."""
    from alpaca.data.enums import CorporateActionsType
    from alpaca.data.requests import CorporateActionsRequest

    wanted = [CorporateActionsType(one) for one in ("forward_split", "reverse_split", "cash_dividend")]
    asked = CorporateActionsRequest(symbols=[symbol], types=wanted, start=SINCE, end=today + ANNOUNCED_AHEAD)
    return client.get_corporate_actions(asked)


def actions_of(raw: Any) -> list[CorporateAction]:
    """Every row, readable or not; VendorFailure when these are no rows."""
    found: list[CorporateAction] = []
    kinds = object_of(raw)
    for kind in ("forward_splits", "reverse_splits"):
        for row in _rows(kinds, kind):
            new, old = price(number(row.get("new_rate"))), price(number(row.get("old_rate")))
            found.append(Split(_symbol(row), must_day(row.get("ex_date")), new, old, NAME))
    for row in _rows(kinds, "cash_dividends"):
        amount: Decimal = price(number(row.get("rate")))
        ex_on, pay_on = must_day(row.get("ex_date")), may_day(row.get("payable_date"))
        found.append(Dividend(_symbol(row), ex_on, amount, "USD", pay_on, NAME))
    return found


def _rows(kinds: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = kinds.get(name, [])
    if not isinstance(rows, list):
        raise garbage("corporate actions", rows)
    return [object_of(row) for row in rows]


def _symbol(row: Mapping[str, Any]) -> str:
    return str(row.get("symbol"))[:20]
