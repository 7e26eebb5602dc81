"""Ghostfolio: the JSON of Portfolio > Activities > Export.

Fields after Ghostfolio's own export and the import section of its README: meta, accounts, and activities with
accountId, comment, currency, dataSource, date, fee, quantity, symbol, type (BUY, SELL, DIVIDEND, INTEREST, FEE, ITEM,
LIABILITY), unitPrice. Dates are ISO 8601 in UTC. Its cash balances are entered by hand, so that it states no total,
and it knows no deposits. What it calls a line number here is the place among its activities.
"""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importers.amounts import number
from starkmatter.portfolio.importers.bounds import MAX_ROWS, too_large, unreadable
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.json_text import loads, word
from starkmatter.portfolio.importers.moments import moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import kind_of
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind
from starkmatter.portfolio.importers.tables import refused

KINDS: dict[str, Kind] = {
    "buy": "buy", "sell": "sell", "dividend": "dividend", "interest": "interest", "fee": "fee",
}  # fmt: skip


class GhostfolioImporter:
    """Its activities, of all accounts in the file."""

    name, title = "ghostfolio", "Ghostfolio"

    def recognizes(self, source: Source) -> bool:
        return source.beginning.startswith("{") and '"activities"' in source.text and '"unitPrice"' in source.text

    def read(self, source: Source) -> Iterator[Item]:
        whole = loads(source.text)
        activities = whole.get("activities") if isinstance(whole, dict) else None
        if not isinstance(activities, list):
            raise unreadable("The file has no list of activities.")
        if len(activities) > MAX_ROWS:
            raise too_large(f"The file has more than {MAX_ROWS:,} activities. Export a shorter period.")
        for place, entry in enumerate(activities, start=1):
            try:
                if not isinstance(entry, dict):
                    raise BadLineError("it is not an activity")
                item = _activity(entry, place)
            except BadLineError as error:
                item = refused(place, error)
            yield item


def _activity(entry: dict[str, Any], place: int) -> Item:
    kind = kind_of(word(entry, "type"), KINDS, "type of activity")
    qty, price, fee = (number(word(entry, name)) for name in ("quantity", "unitPrice", "fee"))
    worth = (qty or ZERO) * (price or ZERO)
    trade = kind in {"buy", "sell"}
    amount = None if trade else worth - (fee or ZERO)
    if kind == "fee":
        amount = -(fee or worth)
    return make_record(
        kind,
        moment(word(entry, "date"), "ymd", UTC),
        word(entry, "currency").upper(),
        place,
        symbol=word(entry, "symbol") if kind in {"buy", "sell", "dividend"} else "",
        qty=qty if trade else None,
        price=price if trade else None,
        amount=amount,
        fees=fee if kind != "fee" else None,
        text=word(entry, "comment") or f"{kind} {word(entry, 'symbol')}",
        source_id=word(entry, "id"),
    )
