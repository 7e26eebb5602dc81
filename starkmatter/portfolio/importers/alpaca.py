"""Alpaca: account activities, as the API's JSON (GET /v2/account/activities) or a CSV with its fields as columns.

Fields after docs.alpaca.markets, "Account Activities": trades (activity_type FILL) have id, transaction_time, type,
price, qty, side, symbol, leaves_qty, cum_qty, order_id; everything else has id, activity_type, date, net_amount,
symbol, qty, per_share_amount, description, status. Times are UTC, days New York's. Fees of trades are activities of
their own. What was canceled or corrected is left out with a note. It states no total. In JSON the line number is the
place in the list.
"""

from collections.abc import Iterator
from typing import Any

from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.bounds import MAX_ROWS, too_large, unreadable
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.json_text import loads, word
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.ports import Source
from starkmatter.portfolio.importers.presets import OPTIONS, cash_kind, positive, read_table
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind, Remark
from starkmatter.portfolio.importers.tables import heading_in, refused

REQUIRED = frozenset({"activity_type", "id", "symbol", "qty"})
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("DIV", "CDIV", "DIVCGL", "DIVCGS", "DIVROC", "DIVTXEX", "CGD"), "dividend"),
    **dict.fromkeys(("DIVNRA", "DIVFT", "DIVTW", "DIVWH", "INTNRA", "INTTW", "WH"), "tax"),
    **dict.fromkeys(("FEE", "CFEE", "DIVFEE", "PTC", "PTR"), "fee"),
    **dict.fromkeys(("INT", "SWP"), "interest"),
    **dict.fromkeys(("CSD", "CSW", "CSR", "TRANS", "JNL", "JNLC", "JNLS", "ACATC", "ACATS", "FIMAT"), "deposit"),
    **dict.fromkeys(("SPLIT", "SSP"), "split"),
    **dict.fromkeys(("MISC", "REORG", "MA", "SPIN", "SSO", "NC", "SC", "CORR"), "other"),
}
OPTION_TYPES = frozenset({"OPASN", "OPEXP", "OPXRC", "OPEXC", "OPTRD", "OPCSH"})
LEFT_OUT = frozenset({"canceled", "correct", "rejected", "deleted"})
SIDES: dict[str, Kind] = {"buy": "buy", "sell": "sell", "sell_short": "sell"}


class AlpacaImporter:
    """Its activities, whichever way they were saved."""

    name, title = "alpaca", "Alpaca"

    def recognizes(self, source: Source) -> bool:
        if source.beginning.startswith("["):
            return '"activity_type"' in source.beginning
        return heading_in(source.head, REQUIRED) is not None

    def read(self, source: Source) -> Iterator[Item]:
        if source.is_table:
            yield from read_table(
                source,
                REQUIRED,
                lambda row: [_activity({name: row.get(name) for name in row.places}, row.line_no)],
            )
            return
        whole = loads(source.text)
        if not isinstance(whole, list):
            raise unreadable("The file is not a list of activities.")
        if len(whole) > MAX_ROWS:
            raise too_large(f"The file has more than {MAX_ROWS:,} activities. Export a shorter period.")
        for place, entry in enumerate(whole, start=1):
            try:
                if not isinstance(entry, dict):
                    raise BadLineError("it is not an activity")
                item = _activity(entry, place)
            except BadLineError as error:
                item = refused(place, error)
            yield item


def _activity(entry: dict[str, Any], place: int) -> Item:
    said = word(entry, "activity_type").upper()
    status = word(entry, "status").lower()
    if status in LEFT_OUT:
        return Remark(place, f"{said} was {status} at Alpaca and is left out.", "note")
    if said in OPTION_TYPES:
        raise BadLineError(OPTIONS)
    qty = number(word(entry, "qty"))
    if said == "FILL":
        side = word(entry, "side").lower()
        if side not in SIDES:
            raise BadLineError(f"{shown(side)} is not a side")
        return make_record(
            SIDES[side],
            moment(word(entry, "transaction_time"), "ymd", NEW_YORK),
            "USD",
            place,
            symbol=word(entry, "symbol"),
            qty=positive(qty),
            price=number(word(entry, "price")),
            text=f"Order {word(entry, 'order_id')}",
            source_id=word(entry, "id"),
        )
    if said not in KINDS:
        raise BadLineError(f"{shown(said)} is not a type of activity that is read")
    kind, amount = KINDS[said], number(word(entry, "net_amount"))
    if kind == "deposit":
        kind = ("transfer_out" if qty < 0 else "transfer_in") if qty and not amount else cash_kind(amount)
    return make_record(
        kind,
        moment(word(entry, "date", "transaction_time"), "ymd", NEW_YORK),
        word(entry, "currency").upper() or "USD",
        place,
        symbol=word(entry, "symbol"),
        qty=qty if kind == "split" or kind.startswith("transfer") else None,
        price=number(word(entry, "price")) if kind.startswith("transfer") else None,
        amount=amount,
        text=word(entry, "description") or said,
        source_id=word(entry, "id"),
    )
