"""What an execution costs besides its price, line by line, from published fee schedules kept as data with their dates.

Every line is rounded up to the cent by itself: regulatory ones for each execution, commissions and charges per share
for the whole order, so that many parts cost no more than one. A sale is never charged more than it brings in. Rates
hold from their day on; a day before the first one is charged at the oldest rate kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from starkmatter.domain.money import ZERO, money_text, plain, to_cents, up_to_cents
from starkmatter.domain.orders import Side

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One charge in the account's currency, never negative; `basis` says in words how it was computed."""

    name: str
    charged: Decimal
    basis: str


@dataclass(frozen=True, slots=True)
class SecRate:
    """The fee of section 31 of the Securities Exchange Act, in USD per million of proceeds, from a day on."""

    from_on: date
    per_million: Decimal


@dataclass(frozen=True, slots=True)
class TafRate:
    """FINRA's Trading Activity Fee, in USD per share sold and at most `max_per_trade` a trade, from a day on."""

    from_on: date
    per_share: Decimal
    max_per_trade: Decimal


Rate = TypeVar("Rate", SecRate, TafRate)


@dataclass(frozen=True, slots=True)
class ShareFee:
    """A charge per share of purchases and sales alike, in USD; the order as a whole is rounded up to the cent."""

    name: str
    per_share: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """The commission per share of those who traded at most `up_to_qty` shares in the month; None: any number."""

    up_to_qty: Decimal | None
    per_share: Decimal


@dataclass(frozen=True, slots=True)
class Commission:
    """What the broker takes for one order, in USD: per share, per order and as a ratio of the value, added up.

    Not less than `minimum`, not more than `maximum` and `max_ratio` of the value (which win over the minimum). It is
    owed for the whole order: an order that fills in parts pays the minimum once. `pass_through` are ratios of the
    commission that the broker hands on.
    """

    per_share: Decimal = ZERO
    per_order: Decimal = ZERO
    ratio: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum: Decimal | None = None
    max_ratio: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    pass_through_ratio: Decimal = ZERO

    def owed(self, qty: Decimal, value: Decimal, month_qty: Decimal = ZERO) -> Decimal:
        """The commission of an order that has filled `qty` shares worth `value`, not rounded."""
        if qty <= 0:
            return ZERO
        found = max(self.rate(month_qty) * qty + self.per_order + self.ratio * value, self.minimum)
        if self.maximum is not None:
            found = min(found, self.maximum)
        return found if self.max_ratio is None else min(found, self.max_ratio * value)

    def rate(self, month_qty: Decimal) -> Decimal:
        """The commission per share of somebody who has traded `month_qty` shares in this month."""
        for tier in self.tiers:
            if tier.up_to_qty is None or month_qty <= tier.up_to_qty:
                return tier.per_share
        return self.per_share


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Everything one broker charges on an execution of US shares; `sec` and `taf` are oldest first, for sales only."""

    name: str
    sec: tuple[SecRate, ...] = ()
    taf: tuple[TafRate, ...] = ()
    per_share: tuple[ShareFee, ...] = ()
    commission: Commission | None = None

    def lines(
        self,
        side: Side,
        qty: Decimal,
        price: Decimal,
        *,
        on: date | None = None,
        before_qty: Decimal = ZERO,
        before_value: Decimal = ZERO,
        month_qty: Decimal = ZERO,
    ) -> tuple[FeeLine, ...]:
        """The charges of buying or selling `qty` shares at `price` on the exchange's day `on` (None: the newest rates).

        `before_qty` and `before_value` are what the same order had filled already, `month_qty` what the account traded
        in this month before the order. Lines of nothing are left out.
        """
        if side == "buy" and self.commission is None and not self.per_share:
            return ()
        value = qty * price
        found = self._commission(qty, value, before_qty, before_value, month_qty)
        for fee in self.per_share:
            so_far = up_to_cents(before_qty * fee.per_share)
            charged = up_to_cents((before_qty + qty) * fee.per_share) - so_far
            found.append(FeeLine(fee.name, charged, _share_words(fee)))
        if side == "sell":
            found += self._regulatory(qty, value, on)
            found = _within(found, to_cents(before_value + value) - to_cents(before_value))
        return tuple(line for line in found if line.charged > 0)

    def _commission(
        self, qty: Decimal, value: Decimal, before_qty: Decimal, before_value: Decimal, month_qty: Decimal
    ) -> list[FeeLine]:
        terms = self.commission
        if terms is None:
            return []
        so_far = up_to_cents(terms.owed(before_qty, before_value, month_qty))
        charged = up_to_cents(terms.owed(before_qty + qty, before_value + value, month_qty)) - so_far
        already = f", {money_text(so_far)} USD of it before" if so_far else ""
        line = FeeLine("Commission", charged, f"{_commission_words(terms, month_qty)}, rounded up to the cent{already}")
        if not terms.pass_through_ratio:
            return [line]
        ratio = terms.pass_through_ratio
        passed = up_to_cents((so_far + charged) * ratio) - up_to_cents(so_far * ratio)
        return [line, FeeLine("Pass-through fees", passed, f"{plain(terms.pass_through_ratio)} of the commission")]

    def _regulatory(self, qty: Decimal, value: Decimal, on: date | None) -> list[FeeLine]:
        found = []
        if self.sec:
            rate = _rate_on(self.sec, on)
            found.append(FeeLine("SEC fee", up_to_cents(value * rate.per_million / MILLION), _sec_words(rate)))
        if self.taf:
            taf = _rate_on(self.taf, on)
            charged = min(up_to_cents(qty * taf.per_share), taf.max_per_trade)
            found.append(FeeLine("Trading Activity Fee", charged, _taf_words(taf)))
        return found


def _within(lines: list[FeeLine], proceeds: Decimal) -> list[FeeLine]:
    """The lines as far as the proceeds of the sale reach, the first ones first."""
    left, found = proceeds, []
    for line in lines:
        charged = min(line.charged, left)
        left -= charged
        if charged < line.charged:
            line = replace(line, charged=charged, basis=f"{line.basis}, at most what the sale brings in")
        found.append(line)
    return found


def _rate_on(rates: Sequence[Rate], on: date | None) -> Rate:
    if on is None:
        return rates[-1]
    return next((rate for rate in reversed(rates) if rate.from_on <= on), rates[0])


# Words are the same for every execution; making them anew took longer than the arithmetic.
@lru_cache(maxsize=64)
def _share_words(fee: ShareFee) -> str:
    return f"{plain(fee.per_share)} USD per share, rounded up to the cent"


@lru_cache(maxsize=64)
def _sec_words(rate: SecRate) -> str:
    return f"{rate.per_million} USD per million of proceeds, rounded up to the cent"


@lru_cache(maxsize=64)
def _taf_words(rate: TafRate) -> str:
    return f"{rate.per_share} USD per share sold, at most {rate.max_per_trade} USD, rounded up to the cent"


@lru_cache(maxsize=64)
def _commission_words(terms: Commission, month_qty: Decimal) -> str:
    parts = [
        f"{plain(amount)} {unit}"
        for amount, unit in (
            (terms.rate(month_qty), "USD per share"),
            (terms.per_order, "USD per order"),
            (terms.ratio * 100, "% of the value"),
        )
        if amount
    ]
    words = " and ".join(parts) or "nothing"
    if terms.minimum:
        words += f", at least {money_text(terms.minimum)} USD"
    if terms.maximum is not None:
        words += f", at most {money_text(terms.maximum)} USD"
    if terms.max_ratio is not None:
        words += f", at most {plain(terms.max_ratio * 100)} % of the value"
    return words


def total(lines: Sequence[FeeLine]) -> Decimal:
    """The sum of the lines."""
    return ZERO if not lines else sum((line.charged for line in lines), ZERO)


# SEC, Fee Rate Advisories and orders on section 31: 27.80 USD per million from 2024-05-22 (89 FR 29402), nothing from
# 2025-05-14, 20.60 from 2026-04-04 (91 FR 10643).
SEC_RATES = (
    SecRate(date(2024, 5, 22), Decimal("27.80")),
    SecRate(date(2025, 5, 14), Decimal("0.00")),
    SecRate(date(2026, 4, 4), Decimal("20.60")),
)
# FINRA By-Laws, Schedule A, section 1: 0.000166 USD, at most 8.30, from 2024-01-01; SR-FINRA-2024-019 (89 FR 93709):
# 0.000195 USD, at most 9.79, from 2026-01-01.
TAF_RATES = (
    TafRate(date(2024, 1, 1), Decimal("0.000166"), Decimal("8.30")),
    TafRate(date(2026, 1, 1), Decimal("0.000195"), Decimal("9.79")),
)
# Consolidated Audit Trail, as Alpaca passes it on (its page Regulatory fees: 0.0000265 USD per share of listed shares,
# fees 2025-2); published without days of change, so one rate is kept.
CAT = ShareFee("Consolidated Audit Trail fee", Decimal("0.0000265"))

NO_FEES = FeeSchedule("none")
# What `realistic/1` charged whatever the day: its stored fills name it.
US_EQUITIES_2024 = FeeSchedule("us_equities_2024", SEC_RATES[:1], TAF_RATES[:1])
US_EQUITIES = FeeSchedule("us_equities", SEC_RATES, TAF_RATES)
# Alpaca: no commission on listed shares; SEC, TAF and CAT are passed on (docs.alpaca.markets, Regulatory Fees).
ALPACA = FeeSchedule("alpaca", SEC_RATES, TAF_RATES, (CAT,))
# Interactive Brokers, Commissions: Stocks, United States (interactivebrokers.com, IBKR Pro). Fixed: exchange and
# clearing fees are in it, regulatory ones are not.
IB_FIXED = FeeSchedule(
    "ib_fixed",
    SEC_RATES,
    TAF_RATES,
    (CAT,),
    Commission(per_share=Decimal("0.005"), minimum=Decimal("1.00"), max_ratio=Decimal("0.01")),
)
# Tiered: NSCC and DTC fees of 0.00020 USD a share, the NYSE's 0.000175 and FINRA's 0.000563 of the commission. The
# exchange's fee depends on where the order goes: the highest allowed for taking shown shares stands in (Regulation
# NMS, rule 610(c): 0.0030 USD a share); rebates are not paid.
IB_TIERED = FeeSchedule(
    "ib_tiered",
    SEC_RATES,
    TAF_RATES,
    (ShareFee("Clearing fee", Decimal("0.00020")), ShareFee("Exchange fee", Decimal("0.0030")), CAT),
    Commission(
        minimum=Decimal("0.35"),
        max_ratio=Decimal("0.01"),
        tiers=(
            Tier(Decimal(300_000), Decimal("0.0035")),
            Tier(Decimal(3_000_000), Decimal("0.0020")),
            Tier(Decimal(20_000_000), Decimal("0.0015")),
            Tier(Decimal(100_000_000), Decimal("0.0010")),
            Tier(None, Decimal("0.0005")),
        ),
        pass_through_ratio=Decimal("0.000738"),
    ),
)
SCHEDULES = {one.name: one for one in (NO_FEES, US_EQUITIES_2024, US_EQUITIES, ALPACA, IB_FIXED, IB_TIERED)}


def custom(commission: Commission, *, regulatory: bool = True) -> FeeSchedule:
    """A schedule of one's own: any commission, with or without what the authorities charge."""
    return FeeSchedule("custom", SEC_RATES if regulatory else (), TAF_RATES if regulatory else (), (), commission)
