"""Figures and instants as a person reads them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from starkmatter.ui import format as show


def d(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("98998.5", "98,998.50"),
        ("0", "0.00"),
        ("-3.2", "−3.20"),
        ("-0.004", "0.00"),
        ("1234567.005", "1,234,567.00"),
        ("1E+3", "1,000.00"),
        (None, "–"),
    ],
)
def test_money_is_grouped_and_rounded_to_cents(value: str | None, text: str) -> None:
    assert show.money(d(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("1234.5", "+1,234.50"), ("-3.2", "−3.20"), ("0", "0.00"), ("0.004", "0.00"), ("-0.004", "0.00"), (None, "–")],
)
def test_a_change_always_shows_its_sign_unless_it_rounds_to_nothing(value: str | None, text: str) -> None:
    assert show.change(d(value)) == text


def test_a_percentage_has_sign_and_unit() -> None:
    assert show.percent(Decimal("1.2345")) == "+1.23 %"
    assert show.percent(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [("10.000000", "10"), ("0.5", "0.5"), ("1000", "1,000"), ("-40", "−40"), ("1E+2", "100")]
)
def test_a_quantity_shows_no_zeros_that_say_nothing(value: str, text: str) -> None:
    assert show.quantity(d(value)) == text


@pytest.mark.parametrize(("value", "name"), [("0.01", "up"), ("-0.01", "down"), ("0", ""), (None, "")])
def test_direction_names_the_color(value: str | None, name: str) -> None:
    assert show.direction(d(value)) == name


def test_exchange_time_is_the_wall_clock_in_new_york_summer_and_winter() -> None:
    assert show.exchange_time(datetime(2021, 3, 1, 15, 4, 22, tzinfo=UTC)) == "Mar 1, 2021 10:04:22"
    assert show.exchange_time(datetime(2021, 7, 1, 15, 4, 22, tzinfo=UTC)) == "Jul 1, 2021 11:04:22"


def test_a_figure_for_the_live_script_is_exact_and_plain() -> None:
    assert show.plain_number(Decimal("1E+3")) == "1000"
    assert show.plain_number(Decimal("1234567.890000")) == "1234567.890000"
