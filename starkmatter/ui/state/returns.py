"""An account's returns as the rows and words the performance page draws."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from urllib.parse import urlencode

from starkmatter.domain.performance import Drawdown, MonthReturn, link
from starkmatter.portfolio.records import Allocation, BenchmarkView, Performance, RateUsed, Slice
from starkmatter.ui import format as show
from starkmatter.ui.state.rows import Row

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TINT_FROM = (Decimal("0.005"), Decimal("0.015"), Decimal("0.03"), Decimal("0.06"))
SHOWN_DAYS = 60
SHOWN_RATIO = Decimal("0.0001")
SHOWN_RATE = Context(prec=6)
CSV_ADDRESS = "/api/v1/portfolio/performance.csv"

NO_RETURNS: Row = dict.fromkeys(
    ("twr", "mwr", "simple", "pl", "start_value", "end_value", "deposits", "withdrawals", "fees", "taxes",
     "dividends", "interest", "benchmark", "depth", "price_only", "gross", "fx"),
    show.NOTHING,
) | dict.fromkeys(
    ("twr_dir", "mwr_dir", "simple_dir", "pl_dir", "benchmark_dir", "twr_year", "mwr_year", "benchmark_name",
     "depth_when", "start", "end", "from", "first_close", "value_label", "return_label", "windows_label", "csv",
     "same_flows", "currency", "name", "foreign", "fx_dir", "rates"),
    "",
)  # fmt: skip


def _name_of(against: BenchmarkView | None) -> str:
    if against is None:
        return ""
    return against.name if "," in against.symbol else f"{against.name} ({against.symbol})"


def _same_flows(found: Performance) -> str:
    against = found.benchmark
    if against is None or against.same_flows is None:
        return ""
    return (
        f"With the same money on the same days it would be worth {show.money(against.same_flows)} {found.currency}, "
        f"yours is {show.money(found.end_value)}."
    )


def returns_row(found: Performance, first_close: datetime | None) -> Row:
    """Every figure of the page's head; `first_close` is when the account's first day closes, None once one has."""
    against = found.benchmark
    return NO_RETURNS | {
        "twr": _percent(found.twr),
        "twr_dir": _direction(found.twr),
        "twr_year": _yearly(found.twr_annual),
        "mwr": _percent(found.mwr),
        "mwr_dir": _direction(found.mwr),
        "mwr_year": _yearly(found.mwr_annual),
        "simple": _percent(found.simple),
        "simple_dir": _direction(found.simple),
        "pl": show.change(found.pl),
        "pl_dir": show.direction(found.pl),
        "start_value": show.money(found.start_value),
        "end_value": show.money(found.end_value),
        "deposits": show.change(found.deposits),
        "withdrawals": show.change(-found.withdrawals),
        "fees": show.money(found.fees),
        "taxes": show.money(found.taxes),
        "dividends": show.money(found.dividends),
        "interest": show.money(found.interest),
        "price_only": _percent(found.price_only),
        "gross": _percent(found.gross),
        "currency": found.currency,
        "name": found.name,
        "foreign": "yes" if found.rates or found.fx != 0 else "",
        "fx": show.change(found.fx),
        "fx_dir": show.direction(found.fx),
        "rates": "; ".join(_rate_words(one, found.currency) for one in found.rates),
        "benchmark": _percent(against.twr) if against else show.NOTHING,
        "benchmark_dir": _direction(against.twr) if against else "",
        "benchmark_name": _name_of(against),
        "same_flows": _same_flows(found),
        "depth": _percent(found.drawdown.depth) if found.drawdown else show.percent(Decimal(0)),
        "depth_when": _drawdown_words(found.drawdown),
        "start": _minute(found.start_at),
        "end": _minute(found.end_at),
        "from": "Since the opening on" if found.since_opening else "From the close of",
        "first_close": f"{_minute(first_close)} ET" if first_close else "",
        "value_label": _value_label(found),
        "return_label": _return_label(found),
        "windows_label": "Volatility, Sharpe ratio and beta of the days before each day.",
    }


def month_rows(months: Sequence[MonthReturn]) -> list[Row]:
    """One row per year, the newest first; months without a return are empty, part months carry a dot."""
    rows = []
    for year in sorted({one.year for one in months}, reverse=True):
        of_year = {one.month: one for one in months if one.year == year}
        row: Row = {"year": str(year)}
        for number in range(1, 13):
            one = of_year.get(number)
            row[f"m{number}"] = show.change(one.ratio * 100) + ("" if one.whole else " ·") if one else ""
            row[f"t{number}"] = _tint(one.ratio) if one else ""
        whole_year = link(one.ratio for one in of_year.values())
        row["total"], row["total_dir"] = _percent(whole_year), _direction(whole_year)
        rows.append(row)
    return rows


def day_rows(found: Performance) -> list[Row]:
    """The newest days first; the first row of the period is what it starts from."""
    rows = [
        {
            "on": show.day(day.on),
            "value": show.money(day.value),
            "flow": show.change(day.flow) if day.flow and number else "",
            "ratio": _percent(day.ratio) if number else "start",
            "ratio_dir": _direction(day.ratio) if number else "",
            "growth": _percent(day.growth - 1),
            "below": _percent(day.below_peak),
            "benchmark": _percent(None if day.benchmark_growth is None else day.benchmark_growth - 1),
        }
        for number, day in enumerate(found.days)
    ]
    return rows[: -SHOWN_DAYS - 1 : -1]


def part_rows(slices: Sequence[Slice], names: Mapping[str, str]) -> list[Row]:
    """Each part with its share; bars are as wide as their share of the largest."""
    largest = max((one.weight or Decimal(0) for one in slices), default=Decimal(0))
    return [
        {
            "name": one.name,
            "title": names.get(one.name, ""),
            "value": show.money(one.value),
            "weight": show.NOTHING if one.weight is None else f"{show.money(one.weight * 100, 1)} %",
            "width": f"{_share_of(one.weight, largest)}%",
            "cash": "yes" if one.name == "Cash" else "",
        }
        for one in slices
    ]


def _share_of(weight: Decimal | None, largest: Decimal) -> str:
    if not weight or weight < 0 or not largest:
        return "0"
    return show.plain_number((weight / largest * 100).quantize(Decimal("0.1")))


def parts_of(whole: Allocation, names: Mapping[str, str]) -> tuple[list[Row], list[Row]]:
    """By symbol and by sector, cash last in both."""
    return part_rows([*whole.symbols, whole.cash], names), part_rows([*whole.sectors, whole.cash], {})


def csv_address(query: Mapping[str, object]) -> str:
    """Where the same period can be downloaded."""
    return f"{CSV_ADDRESS}?{urlencode({name: str(value) for name, value in query.items() if value is not None})}"


def _rate_words(one: RateUsed, currency: str) -> str:
    first, last = (
        show.plain_number(SHOWN_RATE.plus(rate)) if rate is not None else "unknown"
        for rate in (one.start_rate, one.end_rate)
    )
    return f"1 {one.currency} was {first} {currency} at the start and {last} at the end"


def _percent(ratio: Decimal | None) -> str:
    return show.percent(None if ratio is None else ratio * 100)


def _direction(ratio: Decimal | None) -> str:
    """Of what is shown: what reads 0.00 % has none."""
    return show.direction(None if ratio is None else ratio.quantize(SHOWN_RATIO))


def _minute(at: datetime) -> str:
    return show.exchange_time(at)[: -len(":00")]


def _yearly(ratio: Decimal | None) -> str:
    return "" if ratio is None else f"{_percent(ratio)} a year"


def _tint(ratio: Decimal) -> str:
    level = sum(abs(ratio) >= edge for edge in TINT_FROM)
    return f"{'up' if ratio > 0 else 'down'}{level}" if level else ""


def _drawdown_words(found: Drawdown | None) -> str:
    if found is None:
        return "never below its peak"
    back = f"recovered {show.day(found.recovered_on)}" if found.recovered_on else "not recovered yet"
    return f"{show.day(found.peak_on)} to {show.day(found.trough_on)}, {back}"


def _whose(found: Performance) -> str:
    return "all accounts" if found.account_id is None else "the account"


def _value_label(found: Performance) -> str:
    return (
        f"Value of {_whose(found)} from {show.money(found.start_value)} to {show.money(found.end_value)} "
        f"{found.currency}; {show.money(found.deposits)} paid in, {show.money(found.withdrawals)} taken out."
    )


def _return_label(found: Performance) -> str:
    against = found.benchmark
    other = f", {against.symbol} {_percent(against.twr)}" if against else ""
    deepest = _percent(found.drawdown.depth) if found.drawdown else "none"
    return f"Time-weighted return of {_whose(found)} {_percent(found.twr)}{other}; deepest drawdown {deepest}."
