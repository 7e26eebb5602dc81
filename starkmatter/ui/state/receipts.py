"""A fill's receipt as rows of words and figures, whoever made the fill."""

from decimal import Decimal
from typing import Any

from starkmatter.trading.records import FillView
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row


def receipt_row(fill: FillView) -> Row:
    """The head of a receipt: what filled and why."""
    receipt = fill.receipt
    return {
        "id": str(fill.id),
        "title": f"{fill.side.capitalize()} {show.quantity(fill.qty)} {fill.symbol} at {show.money(fill.price)}",
        "explanation": receipt["explanation"],
        "preset": receipt.get("preset", "the broker's"),
        "fees": show.money(fill.fees),
    }


def receipt_lines(fill: FillView) -> list[Row]:
    """What the fill was made from, a name and a value each."""
    receipt = fill.receipt
    lines = _broker_lines(receipt) if receipt["rule"] == "broker" else _paper_lines(receipt)
    lines.append(("Value", show.money(fill.qty * fill.price)))
    lines += [("Since then", words) for words in receipt.get("taken_back", ())]
    return [{"name": name, "value": value} for name, value in lines]


def fee_rows(fill: FillView) -> list[Row]:
    """Each fee line of a receipt."""
    return [
        {"name": line["name"], "charged": show.money(Decimal(line["charged"])), "basis": line["basis"]}
        for line in fill.receipt["fees"]
    ]


def alternative_rows(fill: FillView) -> list[Row]:
    """What the other rules of the paper market would have given for the same order and quote; none elsewhere."""
    return [_alternative(name, told) for name, told in fill.receipt.get("alternatives", {}).items()]


def _alternative(name: str, told: Row) -> Row:
    if "why" in told:
        return {"name": name.capitalize(), "qty": "0", "price": show.NOTHING, "fees": show.NOTHING, "why": told["why"]}
    return {
        "name": name.capitalize(),
        "qty": show.quantity(Decimal(told["qty"])),
        "price": show.money(Decimal(told["price"])),
        "fees": show.money(Decimal(told["fees"])),
        "why": "",
    }


def _paper_lines(receipt: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        *(_auction_lines(receipt["auction"]) if "auction" in receipt else _quote_lines(receipt["quote"])),
        *(_trigger_lines(receipt["trigger"]) if "trigger" in receipt else ()),
        ("Rule", receipt["rule"].replace("_", " ")),
        ("Participation cap", _cap_words(receipt["cap"])),
        ("Spread", show.money(Decimal(receipt["spread"]))),
        ("Price impact", show.money(Decimal(receipt["impact"]))),
    ]


def _quote_lines(quote: dict[str, Any]) -> list[tuple[str, str]]:
    bid, ask = _touch(quote["bid"], quote["bid_size"]), _touch(quote["ask"], quote["ask_size"])
    return [
        ("Quote used, bid / ask", f"{bid}  /  {ask}"),
        ("Quote's age", f"{quote['age_ms']} ms old, from {quote['provider']}"),
    ]


def _auction_lines(auction: dict[str, Any]) -> list[tuple[str, str]]:
    traded = _share(auction["qty"])
    seen = "not known" if traded is None else f"{show.quantity(traded)} shares"
    return [
        (f"Price of the {auction['kind']} auction", show.money(_share(auction["price"]))),
        ("Traded in it", f"{seen}, from {auction['provider']}"),
    ]


def _trigger_lines(trigger: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("Stop", show.money(_share(trigger["stop_price"]))),
        ("Last trade", show.money(_share(trigger["last"]))),
    ]
    if trigger["water"] is not None:
        lines.insert(0, ("Best trade followed", show.money(_share(trigger["water"]))))
    return lines


def _broker_lines(receipt: Row) -> list[tuple[str, str]]:
    return [
        ("Order at the broker", receipt["broker_order_id"]),
        ("State at the broker", receipt["broker_status"].replace("_", " ")),
        ("Filled in all", show.quantity(_share(receipt["cumulative_qty"]))),
        ("Average price", show.money(_share(receipt["average_price"]))),
        ("Fees", receipt["fee_schedule"]),
    ]


def _touch(price: str | None, size: str | None) -> str:
    return f"{show.money(_share(price))} × {show.quantity(_share(size))}"


def _cap_words(cap: dict[str, str | None]) -> str:
    available, wanted = show.quantity(_share(cap["available_qty"])), show.quantity(_share(cap["wanted_qty"]))
    traded = _share(cap["traded_qty"])
    seen = "the source has no volume" if traded is None else f"{show.quantity(traded)} traded since the quote before"
    return f"{wanted} wanted, {available} allowed ({seen})"


def _share(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
