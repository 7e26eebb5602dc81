"""How hard the paper market is: four presets, each a complete record with a version that every fill is stamped with.

A record is never changed once a fill may name it; other rules are a new version. Where a figure is an assumption and
not a published one, it says so.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from starkmatter.domain.fees import ALPACA as ALPACA_FEES
from starkmatter.domain.fees import IB_FIXED, NO_FEES, US_EQUITIES, US_EQUITIES_2024, FeeSchedule
from starkmatter.domain.financing import BorrowTerms, Financing
from starkmatter.domain.money import ZERO

FREE = Financing(BorrowTerms(ZERO), ZERO)


@dataclass(frozen=True, slots=True)
class Preset:
    """How hard the paper market is.

    Quantity: `participation_ratio` of the traded volume, or `shown_ratio` of what the touch shows, whichever is more,
    can be had per quote; None: everything. With the chance `partial_ratio` an execution is cut to a random part.
    Price: orders that trade at once pay the `crosses` price and beyond what is shown an impact of up to
    `max_impact_half_spreads`, or by the square root of their size where `daily_volatility_ratio` is given, counted for
    the fill or for all that is still wanted (`impact_of`). A resting limit fills once the other side lies
    `through_ticks` beyond it; in a bar, once the bar went `bar_through_ticks` beyond. Bars have no spread:
    `bar_half_spread_ratio` of the price stands in.
    """

    name: str
    version: int
    participation_ratio: Decimal | None
    max_impact_half_spreads: Decimal
    max_quote_age: timedelta
    fees: FeeSchedule
    financing: Financing = FREE
    crosses: Literal["touch", "mid"] = "touch"
    shown_ratio: Decimal = Decimal(1)
    partial_ratio: Decimal = ZERO
    impact_of: Literal["fill", "wanted"] = "fill"
    daily_volatility_ratio: Decimal = ZERO
    impact_coefficient: Decimal = Decimal(1)
    through_ticks: int = 0
    bar_through_ticks: int = 1
    bar_half_spread_ratio: Decimal = Decimal("0.0005")
    summary: str = ""

    @property
    def stamp(self) -> str:
        """Name and version, as every fill keeps it."""
        return f"{self.name}/{self.version}"


FRICTIONLESS = Preset(
    "frictionless",
    1,
    None,
    ZERO,
    timedelta(seconds=60),
    NO_FEES,
    crosses="mid",
    bar_through_ticks=0,
    bar_half_spread_ratio=ZERO,
    summary="Everything at once in the middle of the spread, no fees: an upper bound that no market gives.",
)

# Alpaca, Paper Trading: orders are matched with the best bid and offer once they can trade, their quantity is not
# compared with what is shown, 10 % of the times they get a random part, and there is no impact, no price improvement
# and no fee for borrowing. Its paper account charges no regulatory fees either; here those of its live accounts are
# charged, so that a result can be compared. Interest on margin: Alpaca, Margin account (3.75 % a year).
ALPACA = Preset(
    "alpaca",
    1,
    None,
    ZERO,
    timedelta(seconds=15),
    ALPACA_FEES,
    Financing(BorrowTerms(ZERO), Decimal("0.0375")),
    partial_ratio=Decimal("0.10"),
    bar_through_ticks=0,
    bar_half_spread_ratio=Decimal("0.0002"),
    summary="As Alpaca's paper trading: the best bid and offer for any quantity, one time in ten only a part.",
)

REALISTIC_1 = Preset("realistic", 1, Decimal("0.10"), Decimal(1), timedelta(seconds=5), US_EQUITIES_2024)
# Assumptions: 0.30 % a year for shares that are easy to borrow, 6 % a year on margin.
REALISTIC = Preset(
    "realistic",
    2,
    Decimal("0.10"),
    Decimal(1),
    timedelta(seconds=5),
    US_EQUITIES,
    Financing(BorrowTerms(Decimal("0.003")), Decimal("0.06")),
    summary="The other side of the spread, a tenth of the volume, a little more beyond what is shown, regulatory fees.",
)

# Assumptions: half of what is shown is there, a daily volatility of 2 %, 3 % a year for borrowed shares, 9.5 % a year
# on margin (the highest tier of a US discount broker's table).
HARSH = Preset(
    "harsh",
    1,
    Decimal("0.05"),
    Decimal(2),
    timedelta(seconds=5),
    IB_FIXED,
    Financing(BorrowTerms(Decimal("0.03")), Decimal("0.095")),
    shown_ratio=Decimal("0.5"),
    impact_of="wanted",
    daily_volatility_ratio=Decimal("0.02"),
    through_ticks=1,
    bar_half_spread_ratio=Decimal("0.0010"),
    summary="Half of what is shown, a twentieth of the volume, impact by the square root of the size, commissions.",
)

PresetName = Literal["frictionless", "alpaca", "realistic", "harsh"]
PRESETS: dict[str, Preset] = {one.name: one for one in (FRICTIONLESS, ALPACA, REALISTIC, HARSH)}
BY_STAMP: dict[str, Preset] = {one.stamp: one for one in (*PRESETS.values(), REALISTIC_1)}


def preset_of(text: str) -> Preset:
    """The preset of a name (its newest version) or of a stamp such as `realistic/1`; KeyError when there is none."""
    return BY_STAMP[text] if "/" in text else PRESETS[text]
