"""Groups: children work for what their parent filled, siblings share it, and nothing is ever sold twice."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.order_groups import Action, Member, follow, is_met, legs_of
from starkmatter.domain.orders import TERMINAL, Condition, OrderRequest, OrderStatus, StopLoss, TakeProfit
from starkmatter.domain.quotes import Quote

S = OrderStatus
NOW = datetime(2021, 3, 1, 15, 0, tzinfo=UTC)


def member(text: str) -> Member:
    """`"target 60/100 working"`: filled of quantity; `held` for one that no market knows yet."""
    role, done, state = text.split()
    filled, qty = (Decimal(part) for part in done.split("/"))
    held = state == "held"
    return Member(role, role, qty, filled, S.WORKING if held else S(state), held)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "shared", "actions"),
    [
        # a bracket: asleep, awake with the first fill, growing, ended together
        ("entry 0/100 working, target 0/0 held, stop 0/0 held", None, ""),
        ("entry 40/100 partial, target 0/0 held, stop 0/0 held", None, "activate target 40, activate stop 40"),
        ("entry 1/100 partial, target 0/0 held, stop 0/0 held", None, "activate target 1, activate stop 1"),
        ("entry 70/100 partial, target 0/40 working, stop 0/40 working", None, "resize target 70, resize stop 70"),
        ("entry 100/100 filled, target 0/100 working, stop 0/100 working", None, ""),
        ("entry 100/100 filled, target 30/100 partial, stop 0/100 working", None, "resize stop 70"),
        ("entry 100/100 filled, target 30/100 partial, stop 0/70 working", None, ""),
        ("entry 100/100 filled, target 100/100 filled, stop 0/70 working", None, "cancel stop 0"),
        ("entry 100/100 filled, target 30/100 partial, stop 70/70 filled", None, "cancel target 30"),
        ("entry 100/100 filled, target 30/100 pending_cancel, stop 70/70 filled", None, ""),
        # the way out ends the way in
        ("entry 40/100 partial, target 10/40 partial, stop 0/40 working", None, "cancel entry 40, resize stop 30"),
        ("entry 40/100 pending_cancel, target 40/40 filled, stop 0/40 working", None, "hold stop 0"),
        ("entry 40/100 pending_cancel, target 40/40 filled, stop 0/40 held", None, ""),
        ("entry 45/100 canceled, target 40/40 filled, stop 0/40 held", None, "activate stop 5"),
        ("entry 40/100 canceled, target 40/40 filled, stop 0/40 held", None, "cancel stop 0"),
        # an entry that ends without a fill, or with some
        ("entry 0/100 canceled, target 0/0 held, stop 0/0 held", None, "cancel target 0, cancel stop 0"),
        ("entry 0/100 rejected, stop 0/0 held", None, "cancel stop 0"),
        ("entry 40/100 expired, target 0/40 working, stop 0/40 working", None, ""),
        # a leg that ends without a fill leaves the other alone
        ("entry 100/100 filled, target 0/100 canceled, stop 0/100 working", None, ""),
        ("entry 100/100 filled, target 0/100 rejected, stop 0/100 working", None, ""),
        ("entry 100/100 filled, target 30/100 canceled, stop 0/100 working", None, "resize stop 70"),
        # OTO: one child
        ("entry 25/100 partial, stop 0/0 held", None, "activate stop 25"),
        # OCO: they share what was asked for
        ("target 0/100 working, stop 0/100 working", "100", ""),
        ("target 40/100 partial, stop 0/100 working", "100", "resize stop 60"),
        ("target 40/100 partial, stop 30/100 partial", "100", "resize target 70, resize stop 60"),
        ("target 40/70 partial, stop 30/60 partial", "100", ""),
        ("target 100/100 filled, stop 0/60 working", "100", "cancel stop 0"),
        ("target 0/100 expired, stop 0/100 working", "100", ""),
    ],
)
def test_a_group_says_what_has_to_be_done(members: str, shared: str | None, actions: str) -> None:
    found = follow([member(text) for text in members.split(", ")], None if shared is None else Decimal(shared))
    assert ", ".join(f"{one.verb} {one.order_id} {one.qty}" for one in found) == actions
    assert all(one.why.endswith(".") for one in found)


def test_the_reason_names_what_happened() -> None:
    def why(*texts: str) -> list[str]:
        return [one.why for one in follow([member(text) for text in texts])]

    assert why("entry 0/10 canceled", "stop 0/0 held") == ["The order it belonged to ended without a fill."]
    assert why("entry 10/10 filled", "target 10/10 filled", "stop 0/10 working") == [
        "The other order of the pair filled."
    ]
    assert why("entry 9/10 partial", "stop 0/5 working") == ["The order before it filled more."]
    assert why("entry 9/9 filled", "target 1/9 partial", "stop 0/9 working") == [
        "The other order of the pair filled in part."
    ]


def test_an_oco_without_its_quantity_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="share"):
        follow([member("target 0/1 working"), member("stop 0/1 working")])


@settings(max_examples=500, deadline=None)
@given(data=st.data(), bracket=st.booleans())
def test_no_history_of_fills_and_cancels_sells_more_than_was_bought(data, bracket: bool) -> None:
    whole = Decimal(20)
    group = {"target": member("target 0/0 held"), "stop": member("stop 0/0 held")}
    if bracket:
        group["entry"] = member(f"entry 0/{whole} working")
    else:
        group = {name: replace(one, qty=whole, held=False) for name, one in group.items()}
    for _ in range(data.draw(st.integers(1, 25))):
        name = data.draw(st.sampled_from(sorted(group)))
        one = group[name]
        if one.open and not one.held:
            if data.draw(st.integers(0, 9)) == 0:
                group[name] = replace(one, status=data.draw(st.sampled_from([S.CANCELED, S.EXPIRED])))
            elif one.qty > one.filled_qty:
                filled = one.filled_qty + data.draw(st.integers(1, int(one.qty - one.filled_qty)))
                group[name] = replace(one, filled_qty=filled, status=S.FILLED if filled == one.qty else S.PARTIAL)
        group = _done(_done(group, whole), whole)  # a cancel that is through may have others follow
        entry = group.get("entry")
        budget = entry.filled_qty if entry else whole
        exits = [group["target"], group["stop"]]
        gone = sum(one.filled_qty for one in exits)
        assert gone <= budget
        for one in exits:
            if one.open and not one.held:
                assert one.qty - one.filled_qty == budget - gone
        assert follow(list(group.values()), whole) == []
    if (entry := group.get("entry")) is not None and any(one.filled_qty for one in exits):
        assert entry.status in TERMINAL


def _after(one: Member, action: Action) -> Member:
    assert one.open
    match action.verb:
        case "cancel":
            return replace(one, status=S.CANCELED)
        case "hold":
            return replace(one, held=True)
        case _:
            return replace(one, qty=action.qty, held=False)


def _done(group: dict[str, Member], whole: Decimal) -> dict[str, Member]:
    changed = dict(group)
    for action in follow(list(group.values()), whole):
        changed[action.order_id] = _after(changed[action.order_id], action)
    return changed


def test_the_legs_of_a_request_are_simple_orders_on_the_other_side() -> None:
    request = OrderRequest(
        "AAPL",
        "sell",
        "limit",
        Decimal(10),
        "gtc",
        Decimal(100),
        allow_short=True,
        order_class="bracket",
        take_profit=TakeProfit(Decimal(90)),
        stop_loss=StopLoss(Decimal(105), Decimal(106)),
        condition=Condition("SPY", "at_or_above", Decimal(400)),
    )
    (_, entry), (_, target), (_, stop) = legs_of(request)
    assert (entry.side, entry.type, entry.limit_price, entry.allow_short) == ("sell", "limit", 100, True)
    assert entry.condition is not None
    assert (target.side, target.type, target.limit_price, target.time_in_force) == ("buy", "limit", 90, "gtc")
    assert (stop.side, stop.type, stop.stop_price, stop.limit_price) == ("buy", "stop_limit", 105, 106)
    for leg in (entry, target, stop):
        assert (leg.order_class, leg.take_profit, leg.stop_loss) == ("simple", None, None)
    assert (target.allow_short, stop.allow_short, target.condition, stop.condition) == (False, False, None, None)
    assert [role for role, _ in legs_of(request)] == ["entry", "target", "stop"]


def test_the_legs_of_an_oco_lie_on_one_side() -> None:
    request = OrderRequest(
        "AAPL", "sell", "limit", Decimal(10), "day", Decimal(110), order_class="oco", stop_loss=StopLoss(Decimal(95))
    )
    (first, target), (second, stop) = legs_of(request)
    assert (first, target.side, target.limit_price) == ("target", "sell", 110)
    assert (second, stop.side, stop.type, stop.stop_price, stop.limit_price) == ("stop", "sell", "stop", 95, None)


def test_an_oto_has_the_one_leg_it_asked_for() -> None:
    bare = OrderRequest("AAPL", "buy", "stop", Decimal(10), "gtc", stop_price=Decimal(100), order_class="oto")
    (_, entry), (role, target) = legs_of(replace(bare, take_profit=TakeProfit(Decimal(110))))
    assert (entry.type, entry.side, entry.stop_price, entry.order_class) == ("stop", "buy", 100, "simple")
    assert (role, target.side, target.type, target.limit_price, target.stop_price) == (
        "target",
        "sell",
        "limit",
        110,
        None,
    )
    (_, _), (role, stop) = legs_of(replace(bare, stop_loss=StopLoss(Decimal(95))))
    assert (role, stop.side, stop.type, stop.stop_price, stop.limit_price) == ("stop", "sell", "stop", 95, None)


def test_a_simple_request_is_its_own_only_leg() -> None:
    request = OrderRequest("AAPL", "buy", "market", Decimal(1))
    assert legs_of(request) == (("entry", request),)


@pytest.mark.parametrize(
    ("relation", "last", "state", "met"),
    [
        ("at_or_above", "400", "normal", True),
        ("at_or_above", "400.01", "normal", True),
        ("at_or_above", "399.99", "normal", False),
        ("at_or_below", "400", "normal", True),
        ("at_or_below", "399.99", "normal", True),
        ("at_or_below", "400.01", "normal", False),
        ("at_or_above", "500", "suspect", False),
        ("at_or_below", "300", "halted", False),
    ],
)
def test_a_condition_hears_trades_of_a_normal_market(relation, last, state, met) -> None:
    quote = Quote("SPY", None, None, Decimal(last), None, None, None, NOW, NOW, "test", condition=state)
    condition = Condition("SPY", relation, Decimal(400))
    assert is_met(condition, quote) is met
    assert not is_met(replace(condition, symbol="QQQ"), quote)
    assert not is_met(condition, None)
