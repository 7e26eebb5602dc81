"""Any figure at all: what is shown can be read back, keeps its sign, and what is typed is a figure or refused."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starkmatter.domain.margin import Position, margin_state
from starkmatter.errors import InvalidInput
from starkmatter.portfolio.records import AccountView, PositionView
from starkmatter.trading.records import OrderView
from starkmatter.ui import format as show
from starkmatter.ui.lines import line_points
from starkmatter.ui.state.rows import account_row, order_row, position_row
from starkmatter.ui.state.terms import figure_of

AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6)
SHARES = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=9)
CENT = Decimal("0.01")


def read_back(text: str) -> Decimal:
    """The figure a person reads."""
    return Decimal(text.replace(",", "").replace(show.MINUS, "-").removeprefix("+").removesuffix(" %"))


@given(AMOUNTS)
def test_money_read_back_is_the_amount_to_the_cent(value: Decimal) -> None:
    assert read_back(show.money(value)) == value.quantize(CENT, ROUND_HALF_EVEN)


@given(AMOUNTS)
def test_a_change_shows_the_sign_of_what_it_shows(value: Decimal) -> None:
    text = show.change(value)
    shown = read_back(text)
    assert text[0] == ("+" if shown > 0 else show.MINUS if shown < 0 else "0")
    assert show.percent(value) == f"{text} %"


@given(SHARES)
def test_a_quantity_read_back_is_exact(value: Decimal) -> None:
    text = show.quantity(value)
    assert read_back(text) == value
    assert "E" not in text
    assert not re.search(r"\.\d*0$", text)


@given(AMOUNTS)
def test_a_figure_for_the_live_script_is_a_number_to_javascript(value: Decimal) -> None:
    assert re.fullmatch(r"-?\d+(\.\d+)?", show.plain_number(value))
    assert Decimal(show.plain_number(value)) == value


@given(st.lists(AMOUNTS, min_size=2, max_size=60))
def test_a_line_stays_in_its_box_and_goes_from_edge_to_edge(values: list[Decimal]) -> None:
    points = [tuple(map(float, point.split(","))) for point in line_points(values, 200, 50).split(" ")]
    assert len(points) == len(values)
    assert (points[0][0], points[-1][0]) == (0.0, 200.0)
    assert all(0 <= height <= 50 for _, height in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    highest, lowest = values.index(max(values)), values.index(min(values))
    assert points[highest][1] <= points[lowest][1]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("10", "10"), (" 10 ", "10"), ("1,000", "1000"), ("0.5", "0.5"), ("10.50", "10.50"), ("007", "7")],
)
def test_a_figure_is_read_as_people_write_it(typed: str, value: str) -> None:
    assert figure_of(typed, "quantity") == Decimal(value)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "-1",
        "+1",
        "0",
        "0.0",
        "1e3",
        "NaN",
        "Infinity",
        "0x10",
        "1.",
        ".5",
        "1.2.3",
        "1 000",
        "٣",
        "１０",
        "½",
        "1_0",
    ],
)
def test_what_is_no_figure_is_refused_in_words(typed: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        figure_of(typed, "quantity")
    assert "quantity" in refusal.value.text


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_positive_figure_or_refused(typed: str) -> None:
    try:
        value = figure_of(typed, "quantity")
    except InvalidInput:
        return
    assert 0 < value < 10**9
    assert value.as_tuple().exponent >= -6


def position(qty: str, cost: str, value: str, *, day: str = "0") -> PositionView:
    """A position in AAPL as the portfolio gives it."""
    shares = Decimal(qty)
    return PositionView(
        account_id=uuid4(),
        symbol="AAPL",
        qty=shares,
        avg_price=Decimal(cost) / shares if shares else Decimal(0),
        cost_basis=Decimal(cost),
        last=None,
        market_value=Decimal(value),
        unrealized_pl=Decimal(value) - Decimal(cost),
        realized_pl=Decimal(0),
        day_pl=Decimal(day),
    )


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (position("10", "1000", "1100", day="-5"), {"pl": "+100.00", "pl_pct": "+10.00 %", "day_pl": "−5.00"}),
        (position("10", "1000", "900"), {"pl": "−100.00", "pl_dir": "down", "raw_base": "900"}),
        (position("0", "0", "0"), {"open": "", "pl_pct": "–", "qty": "0", "pl": "0.00"}),
        (position("0.5", "50", "50"), {"qty": "0.5", "open": "yes", "last": "–", "pl_dir": ""}),
    ],
)
def test_a_position_is_shown_in_figures_that_add_up(made: PositionView, shown: dict[str, str]) -> None:
    row = position_row(made)
    assert {name: row[name] for name in shown} == shown
    assert Decimal(row["raw_value"]) - Decimal(row["raw_base"]) == made.day_pl


def an_order(status: str) -> OrderView:
    """Ten shares of AAPL at 100, nothing filled yet."""
    at = datetime(2021, 3, 1, 15, 4, tzinfo=UTC)
    return OrderView(
        id=uuid4(),
        client_order_id="c",
        account_id=uuid4(),
        symbol="AAPL",
        side="buy",
        type="limit",
        qty=Decimal(10),
        filled_qty=Decimal(0),
        avg_price=None,
        limit_price=Decimal(100),
        time_in_force="gtc",
        status=status,
        reject_reason=None,
        reserved=Decimal(0),
        created_at=at,
        updated_at=at,
    )


@pytest.mark.parametrize(
    ("status", "is_open"),
    [
        ("pending_submit", True),
        ("submitting", True),
        ("accepted", True),
        ("working", True),
        ("partial", True),
        ("filled", False),
        ("canceled", False),
        ("rejected", False),
        ("risk_rejected", False),
        ("expired", False),
        ("not_sent", False),
        ("unknown", False),
    ],
)
def test_only_an_order_that_may_still_fill_can_be_canceled(status: str, is_open: bool) -> None:
    row = order_row(an_order(status))
    assert bool(row["open"]) is is_open
    assert (row["limit"], row["avg"], row["tif"]) == ("100.00", "–", "GTC")


NOTHING = Decimal(0)
ACCOUNT = AccountView(
    id=uuid4(),
    name="Practice",
    venue="replay",
    broker="paper",
    mode="paper",
    currency="USD",
    cash=NOTHING,
    reserved=NOTHING,
    buying_power=NOTHING,
    market_value=NOTHING,
    equity=NOTHING,
    day_pl=NOTHING,
    unrealized_pl=NOTHING,
    realized_pl=NOTHING,
    read_only=True,
    stale=False,
    created_at=datetime(2021, 3, 1, tzinfo=UTC),
    access="own",
    owner_name="Ada",
    preset="realistic/2",
)


def test_an_account_without_value_has_no_percentage() -> None:
    account = ACCOUNT
    row = account_row(account)
    assert (row["day_pct"], row["read_only"], row["mode"]) == ("–", "yes", "PAPER")
    assert account_row(replace(account, kind="margin"))["mode"] == "PAPER · MARGIN"
    assert account_row(replace(account, broker="alpaca"))["mode"] == "PAPER · ALPACA"
    grown = account_row(replace(account, equity=Decimal(110), day_pl=Decimal(10)))
    assert grown["day_pct"] == "+10.00 %"


def test_a_margin_call_is_said_with_what_is_missing_and_until_when() -> None:
    state = margin_state(Decimal(-8000), [Position("AAPL", Decimal(160), Decimal("62.50"))])
    due_at = datetime(2021, 3, 2, 14, 30, tzinfo=UTC)
    account = replace(ACCOUNT, kind="margin", margin=state, call_due_at=due_at, call_state="open")
    assert account_row(account)["call"] == (
        "Margin call: 500.00 USD are missing. Add cash or close positions before Mar 2, 2021 09:30:00; else positions "
        "are closed for you."
    )
    assert account_row(account)["debit"] == "8,000.00"
    closing = account_row(replace(account, call_state="closing"))["call"]
    assert closing == "Its margin call was not met: positions are being closed at the market until it keeps enough."
    assert account_row(ACCOUNT)["call"] == ""


def test_a_short_position_gains_in_percent_when_it_falls() -> None:
    nothing = Decimal(0)
    short = PositionView(
        uuid4(),
        "AAPL",
        Decimal(-10),
        Decimal(100),
        Decimal(-1000),
        Decimal(90),
        Decimal(-900),
        Decimal(100),
        nothing,
        nothing,
    )
    row = position_row(short)
    assert (row["qty"], row["short"], row["pl"], row["pl_pct"]) == ("−10", "yes", "+100.00", "+10.00 %")
