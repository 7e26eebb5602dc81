"""From the fields of a line to a record: what does not fit together is refused in words, never repaired in silence."""

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from stdnum import isin as isin_numbers

from starkmatter.domain.money import MICRO, ZERO, plain
from starkmatter.portfolio.importers.amounts import shown
from starkmatter.portfolio.importers.bounds import MAX_TEXT_CHARS
from starkmatter.portfolio.importers.records import TRADES, BadLineError, Kind, Record

SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9.\-/=:]{0,23}")
CURRENCY = re.compile(r"[A-Z]{3}")
# `=1+1`, `@SUM(A1)` and what spreadsheets take for the same behind a sign. A plain negative number is none.
FORMULA = re.compile(r"[=@]|[+\-].*[(!|]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
CENT = Decimal("0.01")
# What the books keep has at most this much before the point.
MOST = Decimal(10) ** 12
# A fee that a file hides in its amount is at most this part of the trade, or this much.
MOST_HIDDEN_RATIO, MOST_HIDDEN = Decimal("0.05"), Decimal(25)
INCOMING: frozenset[Kind] = frozenset({"deposit"})
OUTGOING: frozenset[Kind] = frozenset({"withdrawal"})


def make_record(
    kind: Kind,
    at: datetime,
    currency: str,
    line_no: int,
    *,
    symbol: str = "",
    isin: str = "",
    qty: Decimal | None = None,
    price: Decimal | None = None,
    amount: Decimal | None = None,
    fees: Decimal | None = None,
    tax: Decimal | None = None,
    text: str = "",
    source_id: str = "",
    hidden_fees: bool = False,
) -> Record:
    """The record, checked; BadLineError says which field does not fit.

    A trade needs shares and two of price, amount and (for a purchase that was paid in full) fees: what is missing is
    told from the rest, and what is there has to agree to the rounding its own decimals leave. With `hidden_fees` a
    difference within reason is the fee, for files that have no column of it. Anything else needs its amount.
    """
    name, number = clean_symbol(symbol), clean_isin(isin)
    cost, withheld = fees or ZERO, tax or ZERO
    if cost < 0 or withheld < 0:
        raise BadLineError(f"its costs ({plain(min(cost, withheld))}) are below zero")
    if not CURRENCY.fullmatch(currency):
        raise BadLineError(f"{shown(currency)} is not a currency")
    if kind in TRADES or kind == "split":
        if not name and not number:
            raise BadLineError("it does not say of which symbol")
        if qty is None or qty == 0:
            raise BadLineError("it does not say how many shares")
    if price is not None and price < 0:
        raise BadLineError(f"its price ({plain(price)}) is below zero")
    if (qty and price and abs(qty) * price >= MOST) or (amount and abs(amount) >= MOST):
        raise BadLineError("it is worth more than the books keep")
    if kind in TRADES:
        assert qty is not None
        if qty < 0:
            raise BadLineError(f"its shares ({plain(qty)}) are below zero")
        price, amount, cost = _agreed(kind, qty, price, amount, cost, withheld, hidden_fees)
    elif kind not in {"split", "transfer_in", "transfer_out"} and amount is None:
        raise BadLineError("it does not say its amount")
    elif kind in {"transfer_in", "transfer_out"}:
        if not qty and not amount:
            raise BadLineError("it says neither shares nor an amount")
        if qty and not name and not number:
            raise BadLineError("it does not say of which symbol")
        qty = abs(qty) if qty else None
    cash = amount if amount is not None else ZERO
    if (kind in INCOMING and cash < 0) or (kind in OUTGOING and cash > 0):
        raise BadLineError(f"a {kind} of {plain(cash)} has the wrong sign")
    return Record(
        kind, at, name, number, qty, price, cash, cost, withheld, currency,
        clean_text(text), clean_id(source_id), line_no,
    )  # fmt: skip


def _agreed(
    kind: Kind,
    qty: Decimal,
    price: Decimal | None,
    amount: Decimal | None,
    cost: Decimal,
    withheld: Decimal,
    hidden_fees: bool,
) -> tuple[Decimal, Decimal, Decimal]:
    """Price, amount and fees of a trade that fit each other."""
    sign = -1 if kind == "buy" else 1
    if price is None:
        if amount is None:
            raise BadLineError("it says neither a price nor an amount")
        worth = sign * (amount + cost + withheld)
        if worth < 0:
            raise BadLineError(f"a {kind} that moves {plain(amount)} has the wrong sign")
        if worth / qty >= MOST:
            raise BadLineError("its price is more than the books keep")
        return (worth / qty).quantize(MICRO), amount, cost
    worth = qty * price
    expected = sign * worth - cost - withheld
    if amount is None:
        return price, expected, cost
    if worth and amount and (amount > 0) != (expected > 0) and abs(amount) > CENT:
        raise BadLineError(f"a {kind} that moves {plain(amount)} has the wrong sign")
    off = expected - amount
    if abs(off) <= leeway(qty, price):
        return price, amount, cost
    if hidden_fees and cost == 0 and 0 < off <= max(worth * MOST_HIDDEN_RATIO, MOST_HIDDEN):
        return price, amount, off
    raise BadLineError(
        f"{plain(qty)} at {plain(price)} with costs of {plain(cost + withheld)} come to {plain(expected)}, "
        f"but it says {plain(amount)}"
    )


def leeway(qty: Decimal, price: Decimal) -> Decimal:
    """How far an amount may lie from shares times price: two cents, and half of the last decimal of either factor.

    A price is never taken for rounder than cents, and whole shares are exact.
    """
    of_price = Decimal((0, (5,), min(_exponent(price), -2) - 1)) * qty
    of_qty = Decimal((0, (5,), _exponent(qty) - 1)) * price if _exponent(qty) < 0 else ZERO
    return 2 * CENT + min(of_price, qty * price / 100) + min(of_qty, qty * price / 100)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def clean_symbol(text: str) -> str:
    """A symbol in capitals, "" for none; BadLineError for what is none, such as the code of an option."""
    name = text.strip().upper()
    if not name or name in {"-", "--", "N/A"}:
        return ""
    if not SYMBOL.fullmatch(name):
        raise BadLineError(f"{shown(text)} is not the symbol of a share or fund")
    return name


@lru_cache(maxsize=4096)
def clean_isin(text: str) -> str | None:
    """An ISIN whose check digit is right, None for none; BadLineError for a wrong one."""
    number = text.strip().upper()
    if not number or number in {"-", "--", "N/A"}:
        return None
    if not isin_numbers.is_valid(number):
        raise BadLineError(f"{shown(text)} is not an ISIN")
    return number


def clean_text(text: str) -> str:
    """Words of a line on one line; BadLineError when a spreadsheet would run them as a formula."""
    flat = " ".join(CONTROL.sub(" ", text).split())
    if FORMULA.match(flat):
        raise BadLineError(f"{shown(flat)} is a formula")
    return flat[:MAX_TEXT_CHARS]


def clean_id(text: str) -> str:
    """The other program's number of a record; BadLineError when it is longer than any."""
    flat = clean_text(text)
    if len(text.strip()) > MAX_TEXT_CHARS:
        raise BadLineError("its number is too long")
    return flat
