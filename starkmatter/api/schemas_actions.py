"""What goes over the wire about corporate actions and exchange rates."""

from datetime import date

from starkmatter.api.schemas import Answer, Instant, Money, Qty


class SplitOut(Answer):
    """From `ex_on` a holder of `denominator` shares has `numerator`."""

    symbol: str
    ex_on: date
    numerator: Qty
    denominator: Qty
    provider: str


class DividendOut(Answer):
    """`amount` for each share of that day; `pay_on` is null where the source does not tell it."""

    symbol: str
    ex_on: date
    amount: Money
    currency: str
    pay_on: date | None
    provider: str


class EarningsOut(Answer):
    """`hour` is before_open, after_close or unknown; `estimated` while the company has not said it."""

    symbol: str
    reports_on: date
    hour: str
    estimated: bool
    provider: str


class ActionsOut(Answer):
    """Each list in order of time; what lies ahead is announced."""

    splits: list[SplitOut]
    dividends: list[DividendOut]
    earnings: list[EarningsOut]
    asked_at: Instant | None


class FxRateOut(Answer):
    """One unit of `base` is `rate` of `quote`; `day` is the one the rate is of, `on` the one that was asked for."""

    base: str
    quote: str
    on: date
    rate: Qty
    day: date
    source: str
