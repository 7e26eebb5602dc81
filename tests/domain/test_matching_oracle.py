"""Matching against a naive oracle in whole cents, and what holds for whatever can be drawn.

The oracle knows purchases only: a sale is a purchase in the market that is mirrored at zero.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.bar_matching import match_bar
from starkmatter.domain.fees import total
from starkmatter.domain.matching import Outcome, match_quote
from starkmatter.domain.presets import ALPACA, FRICTIONLESS, HARSH, PRESETS, REALISTIC, REALISTIC_1
from tests.domain.market_text import bar, order, view
from tests.examples import examples

CENT = Decimal("0.01")
# participation, part of what is shown, half-spreads, ticks beyond a resting limit, in the middle, by all that is wanted
RULES = {
    "frictionless/1": (None, Fraction(1), 0, 0, True, False),
    "realistic/1": (Fraction(1, 10), Fraction(1), 1, 0, False, False),
    "realistic/2": (Fraction(1, 10), Fraction(1), 1, 0, False, False),
    "harsh/1": (Fraction(1, 20), Fraction(1, 2), 2, 1, False, True),
}

CASES = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell"]),
        "qty": st.integers(1, 20_000),
        "bid": st.integers(50, 60_000),
        "spread": st.integers(1, 60),
        "size": st.integers(0, 3_000),
        "traded": st.one_of(st.none(), st.integers(0, 60_000)),
        "taken": st.one_of(st.just(0), st.integers(0, 3_000)),
        "volume": st.one_of(st.none(), st.integers(0, 5_000_000)),
        "off": st.one_of(st.none(), st.integers(-80, 300)),
        "resting": st.booleans(),
        "time": st.sampled_from(["day", "gtc", "ioc", "fok"]),
    }
)


def cents(value: int) -> Decimal:
    return Decimal(value) * CENT


def limit_of(case) -> int | None:
    """The limit, `off` cents from the touch: positive is generous."""
    if case["off"] is None:
        return None
    touch = case["bid"] + case["spread"] if case["side"] == "buy" else case["bid"]
    return max(1, touch + case["off"] * (1 if case["side"] == "buy" else -1))


def given_by(case, preset, **changes) -> Outcome:
    case = case | changes
    limit = limit_of(case)
    text = f"{case['side']} {case['qty']} {case['time']}" + ("" if limit is None else f" limit lmt={cents(limit)}")
    ask = case["bid"] + case["spread"]
    at = view(
        f"{cents(case['bid'])}/{cents(ask)}",
        size=str(case["size"]),
        volume=None if case["volume"] is None else str(case["volume"]),
        traded_qty=None if case["traded"] is None else Decimal(case["traded"]),
        taken_qty=Decimal(case["taken"]),
    )
    return match_quote(order(text), at, preset, resting=case["resting"])


def oracle(case, stamp: str) -> tuple[int, int] | None:
    """Quantity and price in cents; None when nothing fills."""
    part, shown_part, halves, through, in_middle, by_wanted = RULES[stamp]
    buying = case["side"] == "buy"
    # Mirrored: the touch of a sale is minus its bid, the far side minus its ask.
    touch = case["bid"] + case["spread"] if buying else -case["bid"]
    far = case["bid"] if buying else -(case["bid"] + case["spread"])
    limit = limit_of(case)
    if limit is not None and not buying:
        limit = -limit
    reach = -((-(touch + far)) // 2) if in_middle else touch
    if limit is not None and reach + (through if case["resting"] else 0) > limit:
        return None
    if part is None:
        room = free = Fraction(case["qty"])
    else:
        shown = case["size"] * shown_part
        room = max(Fraction(0), max(shown, (case["traded"] or 0) * part) - case["taken"])
        free = max(Fraction(0), shown - case["taken"])
    qty = min(case["qty"], int(room))
    if limit is not None and case["resting"]:
        price = limit
    else:
        size = case["qty"] if by_wanted else qty
        price = reach
        if size > free:
            ticks = (size - free) / size * halves * Fraction(case["spread"], 2)
            step = -int(-ticks // 1)
            if by_wanted and case["volume"]:
                while step * step * case["volume"] < (Fraction(2, 100) * abs(reach)) ** 2 * (size - free):
                    step += 1
            price = reach + step
        if limit is not None and price > limit:
            qty, price = min(qty, int(free)), limit if by_wanted else reach
    if qty <= 0 or (case["time"] == "fok" and qty < case["qty"]):
        return None
    if not buying and price >= 0:
        return None
    return qty, abs(price)


def found_by(case, preset) -> tuple[int, int] | None:
    one = given_by(case, preset).execution
    return None if one is None else (int(one.qty), int(one.price / CENT))


@settings(max_examples=examples(1_000), deadline=None)
@given(case=CASES, preset=st.sampled_from([FRICTIONLESS, REALISTIC_1, REALISTIC, HARSH]))
def test_the_oracle_finds_the_same_quantity_and_price(case, preset) -> None:
    assert found_by(case, preset) == oracle(case, preset.stamp)


@settings(max_examples=examples(500), deadline=None)
@given(case=CASES, preset=st.sampled_from(list(PRESETS.values())))
def test_a_fill_keeps_its_bounds_and_its_receipt_adds_up(case, preset) -> None:
    got = given_by(case, preset)
    one = got.execution
    if one is None:
        assert got.why
        assert (got.ends is not None) == (case["time"] in {"ioc", "fok"})
        return
    limit, buying = limit_of(case), case["side"] == "buy"
    assert 0 < one.qty <= case["qty"]
    assert one.price % CENT == 0 < one.price
    if limit is not None:
        assert one.price <= cents(limit) if buying else one.price >= cents(limit)
    if preset.participation_ratio is not None:
        cap = max(case["size"] * preset.shown_ratio, (case["traded"] or 0) * preset.participation_ratio)
        assert one.qty <= cap - case["taken"]
    assert case["time"] != "fok" or one.qty == case["qty"]
    assert (got.ends is not None) == (case["time"] == "ioc" and one.qty < case["qty"])
    receipt = one.receipt
    built = {name: Decimal(text) for name, text in receipt["build_up"].items()}
    assert built["start"] + built["moved"] == built["price"] == one.price
    assert built["qty"] == one.qty
    assert abs(built["moved"]) == Decimal(receipt["impact"])
    charged = [Decimal(line["charged"]) for line in receipt["fees"]]
    assert sum(charged) == Decimal(receipt["fees_total"]) == one.fees == total(one.fee_lines)
    assert one.qty <= Decimal(receipt["cap"]["available_qty"])
    assert given_by(case, preset) == got
    assert set(receipt["alternatives"]) == set(PRESETS) - {preset.name}
    for name, other in receipt["alternatives"].items():
        there = given_by(case, PRESETS[name]).execution
        if there is None:
            assert other["why"]
        else:
            assert (Decimal(other["qty"]), Decimal(other["price"])) == (there.qty, there.price)
            assert Decimal(other["fees"]) == there.fees


@settings(max_examples=examples(500), deadline=None)
@given(case=CASES, more=st.integers(1, 100), preset=st.sampled_from(list(PRESETS.values())))
def test_a_more_generous_limit_never_gets_less(case, more: int, preset) -> None:
    if case["off"] is None:
        return
    strict, generous = given_by(case, preset).execution, given_by(case, preset, off=case["off"] + more).execution
    assert strict is None or (generous is not None and generous.qty >= strict.qty)


@settings(max_examples=examples(1_000), deadline=None)
@given(case=CASES)
def test_an_easier_market_is_never_worse(case) -> None:
    easy, usual, hard = (given_by(case, preset).execution for preset in (FRICTIONLESS, REALISTIC, HARSH))
    sign = 1 if case["side"] == "buy" else -1
    for better, worse in ((easy, usual), (usual, hard)):
        if worse is None:
            continue
        assert better is not None
        assert better.qty >= worse.qty
        assert better.price * sign <= worse.price * sign
        if better.qty == worse.qty:
            assert better.price * better.qty * sign + better.fees <= worse.price * worse.qty * sign + worse.fees


@settings(max_examples=examples(300), deadline=None)
@given(case=CASES, sizes=st.lists(st.integers(1, 2_000), min_size=1, max_size=6))
def test_orders_share_one_quote_and_never_get_more_than_it_gives(case, sizes) -> None:
    taken = case["taken"]
    for qty in sizes:
        one = given_by(case, REALISTIC, qty=qty, taken=taken).execution
        taken += 0 if one is None else int(one.qty)
    cap = max(Decimal(case["size"]), Decimal(case["traded"] or 0) / 10)
    assert taken <= max(cap, case["taken"])


@settings(max_examples=examples(300), deadline=None)
@given(case=CASES, preset=st.sampled_from(list(PRESETS.values())), quotes=st.integers(1, 8))
def test_an_order_fills_over_many_quotes_no_more_than_it_asked_for(case, preset, quotes: int) -> None:
    left, value, fees = case["qty"], Decimal(0), Decimal(0)
    for number in range(quotes):
        limit = limit_of(case)
        text = f"{case['side']} {left}" + ("" if limit is None else f" limit lmt={cents(limit)}")
        done = case["qty"] - left
        one = order(text)._replace(filled_qty=Decimal(done), filled_value=value)
        at = view(f"{cents(case['bid'])}/{cents(case['bid'] + case['spread'])}", size=str(case["size"]))
        got = match_quote(one, at, preset, resting=number > 0).execution
        if got is None:
            break
        left -= int(got.qty)
        value += got.qty * got.price
        fees += got.fees
        if left == 0:
            break
    assert 0 <= left <= case["qty"]
    commission = preset.fees.commission
    if commission is not None and left < case["qty"]:
        assert fees >= commission.owed(Decimal(case["qty"] - left), value)


BARS = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell"]),
        "qty": st.integers(1, 5_000),
        "kind": st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]),
        "prices": st.lists(st.integers(500, 1_500), min_size=4, max_size=4),
        "volume": st.one_of(st.none(), st.integers(0, 60_000)),
        "limit": st.integers(500, 1_500),
        "stop": st.integers(500, 1_500),
        "trail": st.integers(1, 200),
        "resting": st.booleans(),
        "time": st.sampled_from(["day", "gtc", "ioc", "fok"]),
    }
)


def bar_given(case, preset) -> tuple[Outcome, dict[str, Decimal]]:
    low, one, other, high = sorted(case["prices"])
    opened, closed = (one, other) if case["prices"][0] < case["prices"][1] else (other, one)
    figures = {"open": cents(opened), "high": cents(high), "low": cents(low), "close": cents(closed)}
    fields = {
        "market": "",
        "limit": f"lmt={cents(case['limit'])}",
        "stop": f"stp={cents(case['stop'])}",
        "stop_limit": f"stp={cents(case['stop'])} lmt={cents(case['limit'])}",
        "trailing_stop": f"trl={cents(case['trail'])}",
    }
    text = f"{case['side']} {case['qty']} {case['kind']} {case['time']} {fields[case['kind']]}"
    volume = "-" if case["volume"] is None else case["volume"]
    at = bar(f"{figures['open']} {figures['high']} {figures['low']} {figures['close']} {volume}")
    return match_bar(order(text), at, preset, resting=case["resting"]), figures


@settings(max_examples=examples(1_000), deadline=None)
@given(case=BARS, preset=st.sampled_from(list(PRESETS.values())))
def test_a_bar_gives_no_more_than_it_has_and_no_better_price(case, preset) -> None:
    got, figures = bar_given(case, preset)
    one = got.execution
    assert bar_given(case, preset)[0] == got
    if one is None:
        return
    buying = case["side"] == "buy"
    assert 0 < one.qty <= case["qty"]
    if preset.participation_ratio is not None and case["volume"] is not None:
        assert one.qty <= case["volume"] * preset.participation_ratio
    if "limit" in case["kind"]:
        assert one.price <= cents(case["limit"]) if buying else one.price >= cents(case["limit"])
    assert one.price >= figures["low"] if buying else one.price <= figures["high"]
    if case["kind"] == "market":
        assert one.price >= figures["open"] if buying else one.price <= figures["open"]
    if case["kind"] in {"stop", "stop_limit"}:
        assert one.price >= cents(case["stop"]) if buying else one.price <= cents(case["stop"])
    built = {name: Decimal(text) for name, text in one.receipt["build_up"].items()}
    assert built["start"] + built["moved"] == one.price
    assert figures["low"] <= built["start"] <= figures["high"] or one.receipt["rule"].endswith("at_limit")
    assert one.fees == Decimal(one.receipt["fees_total"])


@settings(max_examples=examples(500), deadline=None)
@given(case=BARS)
def test_an_easier_market_is_never_worse_in_a_bar(case) -> None:
    easy, usual, hard = (bar_given(case, preset)[0].execution for preset in (FRICTIONLESS, REALISTIC, HARSH))
    sign = 1 if case["side"] == "buy" else -1
    for better, worse in ((easy, usual), (usual, hard)):
        if worse is not None:
            assert better is not None
            assert better.qty >= worse.qty
            assert better.price * sign <= worse.price * sign


def test_alpaca_is_the_touch_for_whatever_quantity() -> None:
    got = match_quote(order("buy 123456"), view(), replace(ALPACA, partial_ratio=Decimal(0)), resting=False)
    assert (got.execution.qty, got.execution.price) == (123456, Decimal("100.05"))
