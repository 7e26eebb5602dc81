"""The border: garbage is refused with a reason and never crashes; jumps without a second source are suspect."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.quotes import Bar, Quote
from starkmatter.errors import InvalidInput
from starkmatter.market.border import Corridor, bar_refusal_of, marked, refusal_of
from starkmatter.market.wire import parse_clock, parse_quote, quote_json

NOW = datetime(2021, 3, 1, 15, 0, tzinfo=UTC)


def quote(last: str = "100.00", **changes) -> Quote:
    base = Quote(
        symbol="AAPL",
        bid=Decimal("99.99"),
        ask=Decimal("100.01"),
        last=Decimal(last),
        bid_size=Decimal(100),
        ask_size=Decimal(200),
        volume=Decimal(12_345),
        observed_at=NOW,
        received_at=NOW + timedelta(milliseconds=3),
        provider="replay",
        prev_close=Decimal("98.50"),
    )
    return replace(base, **changes)


def test_a_sound_quote_comes_in_and_survives_the_wire_unchanged():
    assert refusal_of(quote(), venue_now=NOW, asked="AAPL") is None
    assert parse_quote(quote_json(quote())) == quote()
    index = quote(bid=None, ask=None, bid_size=None, ask_size=None, volume=None)
    assert parse_quote(quote_json(index)) == index


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last": Decimal("NaN")}, "not a price"),
        ({"last": Decimal("Infinity")}, "not a price"),
        ({"last": Decimal(0)}, "not a price"),
        ({"last": Decimal(-1)}, "not a price"),
        ({"last": Decimal("1e9")}, "not a price"),
        ({"bid": Decimal("sNaN")}, "not a price"),
        ({"ask": Decimal("-0.01")}, "not a price"),
        ({"bid": Decimal("101"), "ask": Decimal("100")}, "above ask"),
        ({"volume": Decimal(-5)}, "not a size"),
        ({"bid_size": Decimal("NaN")}, "not a size"),
        ({"symbol": "MSFT"}, "asked for AAPL"),
        ({"observed_at": NOW + timedelta(minutes=1)}, "not happened yet"),
        ({"observed_at": NOW.replace(tzinfo=None)}, "without a zone"),
    ],
)
def test_figures_that_cannot_be_are_refused_with_a_reason(changes, reason):
    assert reason in refusal_of(quote(**changes), venue_now=NOW, asked="AAPL")


def test_a_jump_is_suspect_unless_a_second_source_bears_it_out():
    before = quote()
    assert marked(quote("119.99"), before, None).condition == "normal"
    assert marked(quote("120.01"), before, None).condition == "suspect"
    assert marked(quote("79.99"), before, Corridor(Decimal(90), Decimal(130))).condition == "suspect"
    assert marked(quote("120.01"), before, Corridor(Decimal(90), Decimal(130))).condition == "normal"
    assert marked(quote("120.01"), None, None).condition == "normal"


good = json.loads(quote_json(quote()))
junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=50), st.lists(st.integers(), max_size=3)
)


@settings(max_examples=500, deadline=None)
@given(field=st.sampled_from(sorted(good)), value=junk)
def test_any_field_of_junk_is_refused_or_harmless(field, value):
    raw = json.dumps({**good, field: value}).encode()
    try:
        found = parse_quote(raw)
    except InvalidInput:
        return
    reason = refusal_of(found, venue_now=NOW)
    assert reason is None or isinstance(reason, str)
    if reason is None:
        assert found.last.is_finite()
        assert found.last > 0


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_refused_without_a_crash(raw):
    for parse in (parse_quote, parse_clock):
        with pytest.raises(InvalidInput):
            parse(raw)


@pytest.mark.parametrize(
    "raw",
    [b"<html>", b"", b"null", b"[]", b'{"symbol":', b'{"last": NaN}', b'{"symbol":"A"}', b"x" * 5_000, b"[" * 4_000],
)
def test_the_usual_garbage_is_refused(raw):
    with pytest.raises(InvalidInput):
        parse_quote(raw)


def bar(text: str = "100 101 99 100", **changes) -> Bar:
    opened, high, low, close = (Decimal(one) for one in text.split())
    return Bar("AAPL", "1d", NOW, opened, high, low, close, Decimal(5), "replay")._replace(**changes)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (bar(), None),
        (bar(volume=None), None),
        (bar(starts_at=NOW + timedelta(hours=5)), None),
        (bar("100 101 NaN 100"), "low NaN is not a price"),
        (bar("100 101 99 0"), "close 0 is not a price"),
        (bar("1e9 1e9 1e9 1e9"), "open 1E+9 is not a price"),
        (bar("100 99 98 100"), "outside low and high"),
        (bar("100 101 1 100"), "too far apart"),
        (bar(volume=Decimal(-1)), "not a size"),
        (bar(volume=Decimal("Infinity")), "not a size"),
        (bar(starts_at=NOW.replace(tzinfo=None)), "without a zone"),
        (bar(starts_at=NOW + timedelta(days=2)), "not happened yet"),
        (bar(interval="5m", starts_at=NOW + timedelta(minutes=5)), "not happened yet"),
    ],
)
def test_a_bar_that_no_market_has_is_refused_in_words(given: Bar, reason: str | None):
    said = bar_refusal_of(given, NOW)
    assert said is None if reason is None else reason in (said or "")
