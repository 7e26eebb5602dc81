"""One entry of a Flex query as records: a trade, a movement of cash, a split, a transfer, or the report's totals."""

from collections.abc import Iterable, Mapping

from starkmatter.domain.money import ZERO
from starkmatter.portfolio.importers.amounts import number, shown
from starkmatter.portfolio.importers.checking import make_record
from starkmatter.portfolio.importers.moments import NEW_YORK, moment
from starkmatter.portfolio.importers.presets import OPTIONS, cash_kind, kind_of
from starkmatter.portfolio.importers.records import BadLineError, Item, Kind, Remark, Total, TotalName

ENTRIES = frozenset({"Trade", "CashTransaction", "CorporateAction", "Transfer", "CashReportCurrency"})
SUMS = frozenset({"ORDER", "SYMBOL_SUMMARY", "ASSET_SUMMARY", "CLOSED_LOT", "WASH_SALE", "SUMMARY"})
CASH_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("dividends", "payment in lieu of dividends"), "dividend"),
    "withholding tax": "tax",
    **dict.fromkeys(
        ("broker interest paid", "broker interest received", "bond interest paid", "bond interest received"), "interest"
    ),
    **dict.fromkeys(("other fees", "commission adjustments", "advisor fees", "broker fees"), "fee"),
    **dict.fromkeys(("deposits/withdrawals", "deposits & withdrawals", "deposits and withdrawals"), "deposit"),
    "other income": "other",
}
Fields = Mapping[str, str]


def read_entry(name: str, fields: Fields, line_no: int) -> Iterable[Item]:
    """The records, remarks or totals of one entry; BadLineError says why it has none."""
    level = fields.get("levelOfDetail", "").upper()
    if level in SUMS:
        yield Remark(line_no, f"A sum ({level.lower().replace('_', ' ')}) of entries that stand by themselves.", "note")
    elif name == "Trade":
        yield _trade(fields, line_no)
    elif name == "CashTransaction":
        yield _cash(fields, line_no)
    elif name == "CorporateAction":
        yield _corporate_action(fields, line_no)
    elif name == "Transfer":
        yield _transfer(fields, line_no)
    else:
        yield from _cash_report(fields, line_no)


def _share(fields: Fields) -> str:
    """The symbol of a share or fund; a class stands behind a space at IBKR and behind a point elsewhere."""
    category = fields.get("assetCategory", "STK").upper()
    if category in {"OPT", "FOP", "WAR", "IOPT"}:
        raise BadLineError(OPTIONS)
    if category not in {"STK", "FUND", ""}:
        raise BadLineError(f"{shown(category)} (IBKR's asset class) is not read yet, shares and funds are")
    return fields.get("symbol", "").strip().replace(" ", ".")


def _at(fields: Fields, *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


def _trade(fields: Fields, line_no: int) -> Item:
    symbol = _share(fields)
    side = fields.get("buySell", "").upper()
    if side not in {"BUY", "SELL"}:
        raise BadLineError(f"{shown(side)} is not a side: canceled trades are not read")
    currency = fields.get("currency", "").upper()
    qty, commission, taxes = (number(fields.get(name, "")) for name in ("quantity", "ibCommission", "taxes"))
    unit = fields.get("ibCommissionCurrency", "").upper()
    if commission and unit and unit != currency:
        raise BadLineError(f"its commission is in {unit}, the trade in {currency}")
    return make_record(
        "buy" if side == "BUY" else "sell",
        moment(_at(fields, "dateTime", "tradeDate"), "ymd", NEW_YORK),
        currency,
        line_no,
        symbol=symbol,
        isin=fields.get("isin", ""),
        qty=abs(qty) if qty is not None else None,
        price=number(_at(fields, "tradePrice", "price")),
        amount=number(fields.get("netCash", "")),
        # Money that goes is negative here, a rebate positive.
        fees=-(commission or ZERO),
        tax=-(taxes or ZERO),
        text=fields.get("description", ""),
        source_id=_at(fields, "transactionID", "ibExecID", "tradeID"),
    )


def _cash(fields: Fields, line_no: int) -> Item:
    kind = kind_of(fields.get("type", ""), CASH_KINDS, "type of cash transaction")
    amount = number(fields.get("amount", ""))
    symbol = fields.get("symbol", "").strip().replace(" ", ".")
    return make_record(
        cash_kind(amount) if kind == "deposit" else kind,
        moment(_at(fields, "dateTime", "reportDate", "date"), "ymd", NEW_YORK),
        fields.get("currency", "").upper(),
        line_no,
        symbol=symbol,
        isin=fields.get("isin", ""),
        amount=amount,
        text=fields.get("description", "") or fields.get("type", ""),
        source_id=fields.get("transactionID", ""),
    )


def _corporate_action(fields: Fields, line_no: int) -> Item:
    symbol, kind = _share(fields), fields.get("type", "").upper()
    if kind not in {"FS", "RS"}:
        what = shown(fields.get("description", ""))
        raise BadLineError(f"the corporate action {shown(kind)} ({what}) is not read yet")
    return make_record(
        "split",
        moment(_at(fields, "dateTime", "reportDate"), "ymd", NEW_YORK),
        fields.get("currency", "").upper() or "USD",
        line_no,
        symbol=symbol,
        isin=fields.get("isin", ""),
        qty=number(fields.get("quantity", "")),
        amount=number(fields.get("proceeds", "")),
        text=fields.get("description", ""),
        source_id=fields.get("transactionID", ""),
    )


def _transfer(fields: Fields, line_no: int) -> Item:
    symbol = _share({**fields, "assetCategory": fields.get("assetCategory") or "STK"})
    way = fields.get("direction", "").upper()
    if way not in {"IN", "OUT"}:
        raise BadLineError(f"{shown(way)} is not a direction")
    cash, qty, worth = (number(fields.get(name, "")) for name in ("cashTransfer", "quantity", "positionAmount"))
    symbol = "" if symbol == "--" else symbol
    return make_record(
        "transfer_in" if way == "IN" else "transfer_out",
        moment(_at(fields, "dateTime", "date", "reportDate"), "ymd", NEW_YORK),
        fields.get("currency", "").upper(),
        line_no,
        symbol=symbol,
        isin=fields.get("isin", ""),
        qty=qty,
        price=abs(worth / qty) if worth and qty else None,
        amount=cash,
        text=fields.get("description", ""),
        source_id=fields.get("transactionID", ""),
    )


def _cash_report(fields: Fields, line_no: int) -> Iterable[Item]:
    currency = fields.get("currency", "").upper()
    if currency in {"BASE_SUMMARY", ""} or fields.get("levelOfDetail", "").lower() == "basecurrency":
        yield Remark(line_no, "The cash report in the base currency is left out, each currency's is checked.", "note")
        return
    start, end = number(fields.get("startingCash", "")), number(fields.get("endingCash", ""))
    if start is not None and end is not None:
        yield Total("cash_start", start, currency, line_no)
        yield Total("cash_end", end, currency, line_no)
    sums: tuple[tuple[TotalName, tuple[str, ...]], ...] = (
        ("dividends", ("dividends", "paymentInLieu")),
        ("interest", ("brokerInterest", "bondInterest")),
        ("taxes", ("withholdingTax",)),
    )
    for name, parts in sums:
        values = [value for part in parts if (value := number(fields.get(part, ""))) is not None]
        if values:
            yield Total(name, sum(values, ZERO), currency, line_no)
