"""The double entry: what each booking moves. Per commodity the legs of an entry sum to zero, always.

Cash and shares are commodities alike. `equity:trading` takes the other side of a trade in both, so that the ledger
says what was paid and what was received without calling either a profit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from starkmatter.domain.money import ZERO, money_text, plain, to_cents, to_micros
from starkmatter.domain.orders import Side

CASH = "assets:cash"
HOLDING = "assets:holding"
TRADING = "equity:trading"
DEPOSITS = "equity:deposits"
FEES = "expenses:fees"
ROUNDING = "equity:rounding"
DIVIDENDS = "income:dividends"
INTEREST = "income:interest"
WITHHELD = "expenses:tax withheld"
BORROWED_SHARES = "expenses:borrowed shares"
BORROWED_MONEY = "expenses:borrowed money"
# What shares that an account began with have cost before: written down, moving nothing.
OPENING_COST = "memo:opening cost"
OPENING_COST_OFFSET = "memo:opening cost offset"
ADJUSTMENTS = "equity:adjustments"
# Shares that left for, or came from, another account: no trade, and what they were worth then is a flow.
MOVED_OUT, MOVED_IN = "transfer_out", "transfer_in"
MOVES_OF_SHARES = frozenset({MOVED_OUT, MOVED_IN})


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an entry: `amount` of `commodity` onto (positive) or off (negative) `account`."""

    account: str
    commodity: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry before it is written. `cash` is the sum of its cash legs."""

    kind: str
    description: str
    legs: tuple[Leg, ...]

    def __post_init__(self) -> None:
        off = imbalance(self.legs)
        if off:
            raise ValueError(f"{self.kind} does not balance: {off}")

    @property
    def cash(self) -> Decimal:
        return sum((leg.amount for leg in self.legs if leg.account == CASH), ZERO)


def imbalance(legs: Iterable[Leg]) -> dict[str, Decimal]:
    """The commodities whose legs do not sum to zero, with by how much; empty when balanced."""
    sums: dict[str, Decimal] = {}
    for leg in legs:
        sums[leg.commodity] = sums.get(leg.commodity, ZERO) + leg.amount
    return {commodity: amount for commodity, amount in sums.items() if amount != 0}


def book_fill(
    side: Side,
    symbol: str,
    qty: Decimal,
    price: Decimal,
    fees: Decimal,
    currency: str,
    *,
    before_value: Decimal = ZERO,
) -> Booking:
    """A trade of `qty` shares at `price` with `fees`, all positive, in `currency`.

    `before_value` is what the same order had traded before (shares times price): its cash is rounded to the cent as a
    whole, so that an order in many parts costs what it costs in one.
    """
    sign = 1 if side == "buy" else -1
    exact = to_micros(qty * price)
    paid = _paid(exact, before_value)
    legs = [
        Leg(CASH, currency, -sign * paid - fees),
        Leg(TRADING, currency, sign * exact),
        Leg(HOLDING, symbol, sign * qty),
        Leg(TRADING, symbol, -sign * qty),
    ]
    if fees:
        legs.append(Leg(FEES, currency, fees))
    if paid != exact:
        legs.append(Leg(ROUNDING, currency, sign * (paid - exact)))
    verb = "Bought" if side == "buy" else "Sold"
    return Booking("fill", f"{verb} {plain(qty)} {symbol} at {money_text(price)} {currency}", tuple(legs))


def spent_on(qty: Decimal, price: Decimal, fees: Decimal, *, before_value: Decimal = ZERO) -> Decimal:
    """What a purchase takes of the cash, positive: the cash leg that `book_fill` would write."""
    return _paid(to_micros(qty * price), before_value) + fees


def _paid(exact: Decimal, before_value: Decimal) -> Decimal:
    """What a trade of this value moves in whole cents, after what the same order had traded before."""
    return to_cents(before_value + exact) - to_cents(before_value)


def book_taken_back(
    symbol: str, signed_qty: Decimal, value: Decimal, cash: Decimal, currency: str, text: str
) -> Booking:
    """What a broker took back of fills, or corrected: `signed_qty` shares, what they were `value`d at (the sign of the
    shares) and the `cash` that moves in whole cents. What cents cannot say goes to rounding.
    """
    legs = [
        Leg(CASH, currency, cash),
        Leg(TRADING, currency, value),
        Leg(ROUNDING, currency, -cash - value),
        Leg(HOLDING, symbol, signed_qty),
        Leg(TRADING, symbol, -signed_qty),
    ]
    return Booking("bust" if signed_qty else "correction", text, tuple(leg for leg in legs if leg.amount))


def book_deposit(amount: Decimal, currency: str) -> Booking:
    """Cash paid in (positive) or taken out (negative)."""
    cents = to_cents(amount)
    verb = "Deposited" if cents > 0 else "Withdrew"
    return Booking(
        "deposit" if cents > 0 else "withdrawal",
        f"{verb} {money_text(abs(cents))} {currency}",
        (Leg(CASH, currency, cents), Leg(DEPOSITS, currency, -cents)),
    )


def book_brought_in(symbol: str, qty: Decimal, worth: Decimal, currency: str) -> Booking:
    """`qty` shares that come with an account: paid in at what they are worth now, in `currency`."""
    cents = to_cents(worth)
    return Booking(
        "deposit",
        f"Brought in {plain(qty)} {symbol} worth {money_text(cents)} {currency}",
        (
            Leg(TRADING, currency, cents),
            Leg(DEPOSITS, currency, -cents),
            Leg(HOLDING, symbol, qty),
            Leg(TRADING, symbol, -qty),
        ),
    )


def book_moved(symbol: str, signed_qty: Decimal, worth: Decimal, currency: str) -> Booking:
    """Shares that came (positive) or left (negative) without a trade: a flow of what they were `worth` (positive) then.

    What they had cost is no leg: it is a fold of the account that they came from, like every cost.
    """
    cents = to_cents(worth)
    sign = 1 if signed_qty > 0 else -1
    legs = [Leg(HOLDING, symbol, signed_qty), Leg(TRADING, symbol, -signed_qty)]
    if cents:
        legs = [Leg(TRADING, currency, sign * cents), Leg(DEPOSITS, currency, -sign * cents), *legs]
    way = "from another account" if sign > 0 else "to another account"
    text = f"Moved {plain(abs(signed_qty))} {symbol} worth {money_text(cents)} {currency} {way}"
    return Booking(MOVED_IN if sign > 0 else MOVED_OUT, text, tuple(legs))


def book_opening(symbol: str, signed_qty: Decimal, worth: Decimal, cost: Decimal, currency: str) -> Booking:
    """Shares that a branch of an account begins with (below zero: owed), paid in at what they are worth now.

    `worth` and `cost`, what they have cost before, have the sign of the shares; the cost is written down, no more.
    """
    cents = to_cents(worth)
    verb = "Began with" if signed_qty > 0 else "Began short"
    return Booking(
        "deposit",
        f"{verb} {plain(abs(signed_qty))} {symbol} worth {money_text(abs(cents))} {currency}",
        (
            Leg(TRADING, currency, cents),
            Leg(DEPOSITS, currency, -cents),
            Leg(HOLDING, symbol, signed_qty),
            Leg(TRADING, symbol, -signed_qty),
            Leg(OPENING_COST, currency, cost),
            Leg(OPENING_COST_OFFSET, currency, -cost),
        ),
    )


def book_activity(kind: str, text: str, cash: Decimal, currency: str) -> Booking:
    """Cash that moved at a broker without a trade: fee, tax, dividend, interest, deposit or withdrawal."""
    against = {"fee": FEES, "tax": WITHHELD, "dividend": DIVIDENDS, "interest": INTEREST}.get(kind, DEPOSITS)
    cents = to_cents(cash)
    return Booking(kind, text, (Leg(CASH, currency, cents), Leg(against, currency, -cents)))


def book_borrowed_shares(symbol: str, qty: Decimal, nights: int, fee: Decimal, currency: str) -> Booking:
    """What `qty` (positive) borrowed shares cost over so many nights; `fee` in whole cents."""
    text = f"Borrowed {plain(qty)} {symbol} for {_nights(nights)}"
    return Booking("borrow_fee", text, (Leg(CASH, currency, -fee), Leg(BORROWED_SHARES, currency, fee)))


def book_borrowed_money(debit: Decimal, nights: int, interest: Decimal, currency: str) -> Booking:
    """Interest on `debit` (positive) owed over so many nights, in whole cents."""
    text = f"Owed {money_text(debit)} {currency} for {_nights(nights)}"
    return Booking("margin_interest", text, (Leg(CASH, currency, -interest), Leg(BORROWED_MONEY, currency, interest)))


def _nights(nights: int) -> str:
    return "a night" if nights == 1 else f"{nights} nights"


def book_adjustment(text: str, commodity: str, change: Decimal, *, is_cash: bool) -> Booking:
    """A difference that a person accepted: our figure follows the broker's."""
    account = CASH if is_cash else HOLDING
    return Booking("adjustment", text, (Leg(account, commodity, change), Leg(ADJUSTMENTS, commodity, -change)))
