"""Whatever the books hold, what a report shows adds up to the cent: any entries, any worth, any fraction of a cent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.ledger import CASH, DEPOSITS, DIVIDENDS, FEES, HOLDING, INTEREST, TRADING
from starkmatter.domain.money import to_cents
from starkmatter.domain.periods import parse_period
from starkmatter.domain.symbol_gains import Worth
from starkmatter.domain.tax_report import TaxLine, tax_totals
from starkmatter.domain.waterfall import explain, in_cents
from starkmatter.portfolio.explaining import Booked
from starkmatter.portfolio.records import Performance
from starkmatter.portfolio.reporting.activity import activity_of, costs_of
from starkmatter.portfolio.reporting.html import html_of
from starkmatter.portfolio.reporting.layout import layout
from starkmatter.portfolio.reporting.parts import _slice, _slices
from starkmatter.portfolio.reporting.records import SECTIONS, Chapter, IncomeLine, Parts, PeriodGains, Report
from tests.portfolio.report_figures import check_sums, figure, tables

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACCOUNT = UUID(int=7)
SYMBOLS = ("AAPL", "MSFT", "X")
MICROS = st.decimals(Decimal("-100000"), Decimal("100000"), places=6)
CENTS = st.decimals(Decimal("-100000"), Decimal("100000"), places=2)


@st.composite
def entries(draw: st.DrawFn) -> list[Booked]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(("fill", "deposit", "dividend", "interest", "fee")))
        cash = draw(MICROS)
        legs = [(CASH, "USD", cash)]
        if kind == "fill":
            symbol, qty, fee = draw(st.sampled_from(SYMBOLS)), draw(MICROS), abs(draw(MICROS)) / 1000
            legs += [(HOLDING, symbol, qty), (TRADING, symbol, -qty), (FEES, "USD", fee), (TRADING, "USD", -cash - fee)]
        else:
            other = {"deposit": DEPOSITS, "dividend": DIVIDENDS, "interest": INTEREST, "fee": "expenses:other"}[kind]
            legs.append((other, "USD", -cash))
        accounts, units, amounts = (list(column) for column in zip(*legs, strict=True))
        found.append(Booked(number + 1, NOW + timedelta(minutes=number), kind, "", accounts, units, amounts))
    return found


@st.composite
def tax_line(draw: st.DrawFn) -> TaxLine:
    day = NOW.date()
    loss = draw(st.sampled_from((Decimal(0), abs(draw(CENTS)))))
    return TaxLine(
        str(ACCOUNT), "1", f"{draw(st.integers(1, 99))} AAPL", day, day, draw(CENTS), draw(CENTS),
        "W" if loss else "", loss, draw(st.sampled_from(("short", "long"))),
    )  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """A report over random books; what it ends with is whatever they leave, and shares worth whatever they like."""
    booked = draw(entries())
    start = to_cents(draw(CENTS))
    held = {symbol: Worth(Decimal(1), draw(MICROS)) for symbol in draw(st.sets(st.sampled_from(SYMBOLS)))}
    cash = start + sum(amount for one in booked for account, _, amount in one.legs if account == CASH)
    end = to_cents(cash + sum(one.value for one in held.values()))
    told = explain(start, end, {}, held, booked, "USD")
    step = {one.key: one.value for one in told.steps}
    symbols = dict(zip(sorted(held), in_cents([held[symbol].value for symbol in sorted(held)]), strict=True))
    lines = draw(st.lists(tax_line(), max_size=8))
    legs = [(one, account, amount) for one in booked for account, _, amount in one.legs if account.startswith("income")]
    chapter = Chapter(
        account_id=ACCOUNT, name="Any", venue="replay", mode="paper", currency="USD", start_at=NOW, end_at=NOW,
        since_opening=True, ends_now=False, start_value=start, end_value=end, steps=list(told.steps),
        symbol_gains=list(told.symbols), performance=_nothing_measured(start, end),
        parts=_parts(symbols, end),
        activity=activity_of(booked, "USD"),
        income=[IncomeLine(one.venue_at, account, "", -amount, "") for one, account, amount in legs],
        costs=costs_of(booked, "USD", -step["fees"] - step["taxes"] - step["other_costs"]),
        gains=PeriodGains(lines, tax_totals(lines, "short"), tax_totals(lines, "long")), risk=None, missing=[],
    )  # fmt: skip
    return Report("Any", parse_period("2026-11"), NOW, "Ada", frozenset(SECTIONS), True, [chapter], [], [])


def _parts(symbols: dict[str, Decimal], end: Decimal) -> Parts:
    together = sum(symbols.values(), Decimal(0))
    sectors = {"Technology": together} if symbols else {}
    return Parts(end, _slice("Cash", end - together, end), _slices(symbols, end), _slices(sectors, end))


def _nothing_measured(start: Decimal, end: Decimal) -> Performance:
    zero = Decimal(0)
    return Performance(
        account_id=ACCOUNT, currency="USD", since_opening=True, start_at=NOW, end_at=NOW, start_value=start,
        end_value=end, twr=None, mwr=None, simple=None, twr_annual=None, mwr_annual=None, pl=zero, flows=zero,
        deposits=zero, withdrawals=zero, fees=zero, dividends=zero, benchmark=None, drawdown=None, days=[], months=[],
        flow_list=[], missing=[],
    )  # fmt: skip


@given(reports())
@settings(max_examples=300, deadline=None)
def test_every_table_of_any_report_adds_up_as_it_is_shown(report: Report) -> None:
    document = layout(report)
    check_sums(document)
    change = next(table for table in tables(document) if table.label == "How the value changed")
    shown = [figure(row[1].text) or Decimal(0) for row in change.rows]
    assert sum(shown, Decimal(0)) == figure(change.foot[1].text) == report.chapters[0].end_value
    assert "NaN" not in html_of(document)
