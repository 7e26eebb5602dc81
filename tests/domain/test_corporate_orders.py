"""Open orders through actions: the same wish on the new grid or an end with its reason, groups as one."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.corporate.orders import Change, Grid, OpenOrder, orders_after, orders_corrected
from starkmatter.domain.order_groups import Member, follow
from starkmatter.domain.orders import Condition, OrderStatus
from tests.domain.corporate_text import day, told

D = Decimal
ZERO = D(0)
TODAY = day(3)
GRIDS = {symbol: Grid(D("0.01")) for symbol in ("AAPL", "MSFT")}
MANY = [100, pytest.param(5_000, marks=pytest.mark.nightly)]
WORDS = {
    "limit": "limit_price",
    "stop": "stop_price",
    "trail": "trail_amount",
    "pct": "trail_percent",
    "water": "water",
}


def order(text: str, **more) -> OpenOrder:
    """`buy 100 AAPL stop_limit limit 10.01 stop 10.00`; `40/100` for one that has filled 40 of its 100."""
    side, size, symbol, kind, *prices = text.split()
    filled, _, qty = size.rpartition("/")
    pairs = dict(zip(prices[::2], map(D, prices[1::2]), strict=True))
    found = {WORDS[name]: price for name, price in pairs.items()}
    more.setdefault("id", more.get("role", "one"))
    return OpenOrder(symbol=symbol, side=side, type=kind, qty=D(qty), filled_qty=D(filled or 0), **found, **more)


def only(action: str, one: OpenOrder) -> Change:
    [change] = orders_after(told(action), [one], GRIDS)
    return change


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("AAPL split 4:1", "buy 10 AAPL limit limit 50.03", "buy 40 AAPL limit limit 12.50"),
        ("AAPL split 4:1", "sell 10 AAPL limit limit 50.03", "sell 40 AAPL limit limit 12.51"),
        ("AAPL split 4:1", "sell 10 AAPL stop stop 50.03", "sell 40 AAPL stop stop 12.50"),
        ("AAPL split 4:1", "buy 10 AAPL stop stop 50.03", "buy 40 AAPL stop stop 12.51"),
        ("AAPL split 2:1", "sell 10 AAPL stop_limit limit 10.01 stop 10.01", "sell 20 AAPL stop_limit limit 5 stop 5"),
        (
            "AAPL split 2:1",
            "buy 10 AAPL stop_limit limit 10.01 stop 10.01",
            "buy 20 AAPL stop_limit limit 5.01 stop 5.01",
        ),
        (
            "AAPL split 3:1",
            "sell 10 AAPL trailing_stop trail 1 water 40",
            "sell 30 AAPL trailing_stop trail 0.34 water 13.333333",
        ),
        ("AAPL split 3:1", "sell 10 AAPL trailing_stop pct 5 water 30", "sell 30 AAPL trailing_stop pct 5 water 10"),
        ("AAPL split 1:6", "sell 100 AAPL stop stop 5.00", "sell 16 AAPL stop stop 30.00"),
        ("AAPL split 1:6", "buy 60/100 AAPL limit limit 5.00", "buy 10/16 AAPL limit limit 30.00"),
        ("AAPL split 3:2", "buy 1/4 AAPL limit limit 5.00", "buy 1.5/5.5 AAPL limit limit 3.33"),
        ("AAPL split 1:4", "sell 2.5 AAPL market", "sell 0.625 AAPL market"),
        ("AAPL stock 0.05", "sell 110 AAPL limit limit 10.50", "sell 115 AAPL limit limit 10"),
        ("AAPL dividend 0.245", "buy 10 AAPL limit limit 50.00", "buy 10 AAPL limit limit 49.75"),
        ("AAPL dividend 0.24", "sell 10 AAPL stop stop 40.00", "sell 10 AAPL stop stop 39.76"),
        ("AAPL dividend 0.5", "sell 9 AAPL stop_limit limit 39 stop 40", "sell 9 AAPL stop_limit limit 38.5 stop 39.5"),
        ("AAPL dividend 0.5", "sell 9 AAPL trailing_stop pct 1 water 40", "sell 9 AAPL trailing_stop pct 1 water 39.5"),
        ("AAPL dividend 0.24", "sell 10 AAPL limit limit 50.00", ""),
        ("AAPL dividend 0.24", "buy 10 AAPL stop stop 50.00", ""),
        ("AAPL dividend 0.0099", "buy 10 AAPL limit limit 50.00", ""),
        ("AAPL dividend 0.24", "buy 10 AAPL market", ""),
        ("MSFT split 4:1", "buy 10 AAPL limit limit 50.00", ""),
        ("AAPL withdrawn", "buy 10 AAPL limit limit 50.00", ""),
        ("AAPL symbol APPL", "buy 3/10 AAPL limit limit 50.00", "buy 3/10 APPL limit limit 50.00"),
    ],
)  # fmt: skip
def test_an_order_goes_on_with_the_same_wish(action, before, after) -> None:
    change = only(action, order(before))
    assert (change.verb, change.after) == ("change" if after else "keep", order(after or before))
    assert change.before == order(before)
    assert change.why.endswith(".")


@pytest.mark.parametrize(
    ("action", "before", "reason"),
    [
        ("AAPL split 1:10", "sell 9 AAPL limit limit 5.00", "what 9 of it became cannot be traded as a whole lot"),
        ("AAPL split 1000:1", "buy 9 AAPL limit limit 5.00", "its price would lie at nothing"),
        ("AAPL dividend 6", "buy 9 AAPL limit limit 5.00", "its price would lie at nothing"),
        ("AAPL delisted", "buy 9 AAPL limit limit 5.00", "it does not trade any more"),
        ("AAPL spin MSFT 1:3 20", "sell 9 AAPL stop stop 5.00", "prices are others from that day on"),
    ],
)
def test_an_order_that_cannot_go_on_ends_with_its_reason(action, before, reason) -> None:
    change = only(action, order(before))
    assert (change.verb, change.after.ended, change.after.qty) == ("cancel", True, 0)
    assert reason in change.why


def test_what_was_filled_before_is_told_in_new_shares_also_when_the_rest_ends() -> None:
    change = only("AAPL split 1:10", order("buy 35/40 AAPL limit limit 5.00"))
    assert (change.verb, change.after.qty, change.after.filled_qty) == ("cancel", D("3.5"), D("3.5"))


def test_an_amount_of_money_stays_the_amount() -> None:
    one = order("buy 0 AAPL market", notional=D(500))
    assert only("AAPL split 4:1", one).verb == "keep"


@pytest.mark.parametrize(
    ("action", "relation", "price", "after"),
    [
        ("MSFT split 3:1", "at_or_above", "100", "MSFT 33.34"),
        ("MSFT split 3:1", "at_or_below", "100", "MSFT 33.33"),
        ("MSFT symbol MSFX", "at_or_above", "100", "MSFX 100"),
        ("MSFT dividend 1", "at_or_above", "100", "MSFT 100"),
        ("MSFT split 1000:1", "at_or_below", "1", "its condition would lie at nothing"),
        ("MSFT delisted", "at_or_above", "100", "what it waits for does not trade any more"),
        ("MSFT spin AAPL 1:3 20", "at_or_above", "100", "prices are others from that day on"),
    ],
)
def test_a_condition_on_another_symbol_goes_along(action, relation, price, after) -> None:
    one = order("buy 10 AAPL limit limit 50.03", condition=Condition("MSFT", relation, D(price)))
    change = only(action, one)
    if change.verb == "cancel":
        assert after in change.why
        return
    found = change.after.condition
    assert found is not None
    assert f"{found.symbol} {found.price.normalize():f}" == after
    assert replace(change.after, condition=one.condition) == one


def bracket(entry: str, target: str, stop: str) -> list[OpenOrder]:
    texts = {"entry": entry, "target": target, "stop": stop}
    return [
        order(text.removesuffix(" held"), role=role, group_id="g", held=text.endswith(" held"))
        for role, text in texts.items()
    ]


def test_a_bracket_is_scaled_as_one() -> None:
    group = bracket(
        "buy 40/100 AAPL limit limit 50.00", "sell 10/40 AAPL limit limit 60.01", "sell 30 AAPL stop stop 45.01"
    )
    after = [one.after for one in orders_after(told("AAPL split 3:1"), group, GRIDS)]
    assert [(one.filled_qty, one.qty, one.limit_price or one.stop_price) for one in after] == [
        (120, 300, D("16.66")),
        (30, 120, D("20.01")),
        (0, 90, D("15.00")),
    ]


def test_exits_sleep_while_less_than_a_share_is_left_to_them_and_more_may_come() -> None:
    group = bracket("buy 5/100 AAPL limit limit 5", "sell 5 AAPL limit limit 6", "sell 5 AAPL stop stop 4")
    changes = orders_after(told("AAPL split 1:10"), group, GRIDS)
    assert [(one.verb, one.after.held, one.after.filled_qty, one.after.qty) for one in changes] == [
        ("change", False, 0, 9),
        ("change", True, 0, 0),
        ("change", True, 0, 0),
    ]


def test_an_entry_never_goes_on_without_its_exits_and_exits_go_on_without_an_entry() -> None:
    group = bracket("buy 40/100 AAPL limit limit 9", "sell 40 AAPL limit limit 10", "sell 40 AAPL stop stop 1")
    changes = orders_after(told("AAPL dividend 2"), group, GRIDS)
    assert [one.verb for one in changes] == ["cancel", "keep", "cancel"]
    group = bracket("buy 95/100 AAPL limit limit 9", "sell 95 AAPL limit limit 10", "sell 95 AAPL stop stop 1")
    changes = orders_after(told("AAPL split 1:10"), group, GRIDS)
    assert [(one.verb, one.after.filled_qty, one.after.qty) for one in changes] == [
        ("cancel", 9, 9),
        ("change", 0, 9),
        ("change", 0, 9),
    ]


def test_a_group_whose_prices_would_fall_on_one_tick_ends_as_a_whole() -> None:
    group = bracket(
        "buy 10 AAPL limit limit 1.03", "sell 0 AAPL limit limit 1.04 held", "sell 0 AAPL stop stop 1.01 held"
    )
    changes = orders_after(told("AAPL split 4:1"), group, GRIDS)
    assert {one.verb for one in changes} == {"cancel"}
    assert "would not lie apart any more" in changes[2].why


def test_an_oco_shares_its_quantity_in_new_shares() -> None:
    pair = [
        order("sell 25/100 AAPL limit limit 60", role="target", group_id="g", shared_qty=D(100)),
        order("sell 75 AAPL stop stop 40", role="stop", group_id="g", shared_qty=D(100)),
    ]
    after = [one.after for one in orders_after(told("AAPL split 1:10"), pair, GRIDS)]
    assert [(one.filled_qty, one.qty, one.shared_qty) for one in after] == [
        (D("2.5"), D("9.5"), D("9.5")),
        (0, 7, D("9.5")),
    ]
    with pytest.raises(ValueError, match="the quantity that its orders share"):
        orders_after(told("AAPL split 1:10"), [replace(one, shared_qty=None) for one in pair], GRIDS)


def members(group: list[OpenOrder]) -> list[Member]:
    def status(one: OpenOrder) -> OrderStatus:
        return OrderStatus.CANCELED if one.ended else OrderStatus.WORKING

    return [Member(one.id, one.role, one.qty, one.filled_qty, status(one), one.held) for one in group]


def settled(group: list[OpenOrder], shared: Decimal | None) -> list[OpenOrder]:
    """The group after everything that `follow` asks for."""
    while todo := follow(members(group), shared):
        by_id = {one.order_id: one for one in todo}
        group = [
            replace(one, qty=by_id[one.id].qty, held=by_id[one.id].verb == "hold", ended=by_id[one.id].verb == "cancel")
            if one.id in by_id
            else one
            for one in group
        ]
    return group


@st.composite
def groups(draw: st.DrawFn) -> list[OpenOrder]:
    """Brackets, OTOs and OCOs of a long or short position, anywhere on their way."""
    qty = D(draw(st.integers(1, 300)))
    entry, target, stop = (D(draw(st.integers(*ends))) / 100 for ends in ((300, 500), (600, 900), (100, 250)))
    way_in, way_out = "buy", "sell"
    if draw(st.booleans()):
        way_in, way_out, target, stop = way_out, way_in, stop, target
    if draw(st.booleans()):
        filled = D(draw(st.integers(0, int(qty))))
        group = bracket(
            f"{way_in} {filled}/{qty} AAPL limit limit {entry}",
            f"{way_out} 0 AAPL limit limit {target} held",
            f"{way_out} 0 AAPL stop stop {stop} held",
        )
        group[0] = replace(group[0], ended=filled == qty)
        group = group[: draw(st.sampled_from([2, 3, 3]))]
        shared = None
    else:
        shared = qty
        group = [
            order(f"{way_out} {qty} AAPL limit limit {target}", role="target", group_id="g", shared_qty=shared),
            order(f"{way_out} {qty} AAPL stop stop {stop}", role="stop", group_id="g", shared_qty=shared),
        ]
    group = settled(group, shared)
    for number, one in enumerate(group):
        if one.role != "entry" and not one.ended and not one.held and draw(st.booleans()):
            out = sum((other.filled_qty for other in group if other.role != "entry"), ZERO)
            total = shared if shared is not None else group[0].filled_qty
            got = D(draw(st.integers(0, int(total - out))))
            group[number] = replace(one, filled_qty=got, ended=got == one.qty)
    return settled(group, shared)


@pytest.mark.parametrize("count", MANY)
def test_a_group_at_rest_is_at_rest_afterwards_and_sells_no_more_than_is_held(count: int) -> None:
    ratios = st.sampled_from(["split 2:1", "split 3:2", "split 1:6", "split 7:3", "stock 0.05", "dividend 0.24"])

    @settings(max_examples=count, deadline=None)
    @given(group=groups(), action=ratios)
    def at_rest(group: list[OpenOrder], action: str) -> None:
        changes = orders_after(told(f"AAPL {action}"), group, GRIDS)
        after = [one.after for one in changes]
        shared = after[0].shared_qty if after[0].role != "entry" else None
        assert follow(members(after), shared) == []
        up, down = {"stock 0.05": (D("1.05"), 1), "dividend 0.24": (1, 1)}.get(action) or tuple(
            map(D, action.removeprefix("split ").split(":"))
        )
        for change in changes:
            assert change.after.leaves_qty <= change.before.leaves_qty * up / down
            assert 0 <= change.after.filled_qty <= change.after.qty
            assert change.verb != "keep" or change.before == change.after
            assert not change.before.ended or change.verb != "cancel"

    at_rest()


@pytest.mark.parametrize("count", MANY)
def test_orders_that_did_not_move_go_back_and_through_the_right_action(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(group=groups(), right=st.sampled_from(["split 2:1", "withdrawn", "split 3:2"]))
    def again(group: list[OpenOrder], right: str) -> None:
        wrong = orders_after(told("AAPL split 4:1"), group, GRIDS)
        now = [one.after for one in wrong if not one.after.ended]
        action = told(f"AAPL {right}", revision=2)
        found = orders_corrected(wrong, now, action, GRIDS, TODAY)
        assert [one.before for one in found] == [one.after for one in wrong]
        after = [one.after for one in found]
        assert follow(members(after), after[0].shared_qty if after[0].role != "entry" else None) == []
        if all(one.verb != "cancel" for one in wrong):
            assert after == [one.after for one in orders_after(action, group, GRIDS)]

    again()


def test_an_order_that_traded_since_a_wrong_action_is_canceled_with_its_group() -> None:
    group = bracket("buy 40/100 AAPL limit limit 5", "sell 40 AAPL limit limit 6", "sell 40 AAPL stop stop 4")
    lone = order("sell 7 AAPL limit limit 9", id="lone")
    wrong = orders_after(told("AAPL split 4:1"), [*group, lone], GRIDS)
    entry, target, stop, other = (one.after for one in wrong)
    now = [replace(entry, filled_qty=entry.filled_qty + 1), target, stop, other, order("buy 1 MSFT market", id="new")]
    found = orders_corrected(wrong, now, told("AAPL split 2:1", revision=2), GRIDS, TODAY)
    assert [(one.before.id, one.verb) for one in found] == [
        ("entry", "cancel"), ("target", "cancel"), ("stop", "cancel"), ("lone", "change"),
    ]  # fmt: skip
    assert found[0].after.qty == 161
    assert "give it again" in found[0].why
    assert found[3].after == order("sell 14 AAPL limit limit 4.5", id="lone")
    filled_since = orders_corrected(wrong, [entry, stop], told("AAPL split 2:1", revision=2), GRIDS, TODAY)
    assert [(one.before.id, one.verb) for one in filled_since] == [("entry", "cancel"), ("stop", "cancel")]


def test_what_a_wrong_action_canceled_stays_canceled() -> None:
    group = bracket("buy 95/100 AAPL limit limit 9", "sell 95 AAPL limit limit 10", "sell 95 AAPL stop stop 1")
    wrong = orders_after(told("AAPL split 1:10"), group, GRIDS)
    now = [one.after for one in wrong if not one.after.ended]
    found = orders_corrected(wrong, now, told("AAPL withdrawn", revision=2), GRIDS, TODAY)
    assert [(one.before.id, one.verb, one.after.ended, one.after.qty) for one in found] == [
        ("entry", "change", True, 95),
        ("target", "change", False, 95),
        ("stop", "change", False, 95),
    ]
    assert found[1].why == (
        "AAPL: what was told of 2024-03-01 has been withdrawn: it is what it was. What was canceled stays canceled."
    )
    lone = order("sell 9 AAPL limit limit 10")
    wrong = orders_after(told("AAPL split 1:10"), [lone], GRIDS)
    [change] = orders_corrected(wrong, [], told("AAPL split 1:2", revision=2), GRIDS, TODAY)
    assert (change.verb, change.after.ended) == ("keep", True)


def test_an_order_waits_unchanged_for_an_action_that_moved_to_a_later_day() -> None:
    one = order("sell 7 AAPL limit limit 9")
    wrong = orders_after(told("AAPL split 4:1"), [one], GRIDS)
    [change] = orders_corrected(wrong, [wrong[0].after], told("AAPL split 4:1", 4, revision=2), GRIDS, TODAY)
    assert (change.verb, change.after) == ("change", one)
    [change] = orders_corrected(wrong, [wrong[0].after], told("AAPL split 4:1", 3, revision=2), GRIDS, TODAY)
    assert change.verb == "keep"


def test_exits_go_on_beside_an_entry_whose_price_would_lie_at_nothing() -> None:
    group = bracket("buy 5/100 AAPL limit limit 0.001", "sell 5 AAPL limit limit 6", "sell 5 AAPL stop stop 4")
    grids = {"AAPL": Grid(D("0.001"))}
    changes = orders_after(told("AAPL split 3:2"), group, grids)
    assert [(one.verb, one.after.qty) for one in changes] == [("cancel", 7), ("change", 7), ("change", 7)]
