"""Executions of orders, and what each leaves behind."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.builders import OPENS_AT
from tests.trading.stored_orders import Row

AT = OPENS_AT + timedelta(minutes=7)
# Twenty of AAPL are short on the margin account.
SHORT = "UPDATE holding SET account_id = %(account)s, signed_qty = -20, cost_basis = -2000 WHERE symbol = 'AAPL'"
NONE_HELD = "DELETE FROM holding WHERE symbol = 'AAPL'"

BASE = {"status": "working", "group_id": None, "role": None, "revision": 1, "opens": False, "notional": None}
BUY = BASE | {"side": "buy", "reserved": 1000}
SELL = BASE | {"side": "sell", "reserved": 0}
PART = {"filled_qty": 4, "filled_value": 400, "status": "partial"}
WAY_IN = BUY | {"role": "entry", "filled_qty": 10, "status": "filled"}
TARGET, ENDED = SELL | {"role": "target"}, {"status": "canceled"}
STOP = TARGET | {"role": "stop"}


def item(order: Row, qty: object, price: object, **more: Any) -> Row:
    """An execution of the order as a market tells it; without a quantity a move alone."""
    if qty is None:
        return {"order": str(order["id"]), "venue_at": AT.isoformat(), **more}
    traded, cash = Decimal(str(qty)), Decimal(str(qty)) * Decimal(str(price))
    if order["side"] == "buy":
        cash = -cash
    else:
        traded = -traded
    return {
        "order": str(order["id"]),
        "steps": ["partial"],
        "from": ["working"],
        "reason": "In the book.",
        "venue_at": AT.isoformat(),
        "execution": 2,
        "qty": str(qty),
        "price": str(price),
        "fees": "0",
        "fill": str(uuid4()),
        "cash": str(cash),
        "accounts": ["assets:cash", "equity:trading", "assets:holding", "equity:trading"],
        "commodities": ["USD", "USD", "AAPL", "AAPL"],
        "amounts": [str(one) for one in (cash, -cash, traded, -traded)],
        "description": "A trade",
        "preset": "realistic",
        "receipt": {"rule": "test"},
        "revision": 1,
        **more,
    }


# The order, who else is in its group, what is told (quantity, price and more), what was before. Then: the order's
# status, quantity, filled and still reserved; what its account's cash and reserved money grew by; what its shares,
# their cost, what was realized and what is set aside of them grew by; whether the holding was opened by it; the steps.
Case = tuple[Row, list[Row], tuple[object, object, Row], list[str], tuple[Any, ...] | str | None]
FILLS: list[Case] = [
    # --- purchases: what is no longer needed is set free, as the order said what it needs to keep
    (BUY, [], (4, 100, {"keep": 590}), [], ("partial", 10, 4, 590, -400, -410, 4, 400, 0, 0, False, "partial")),
    (BUY, [], (4, 100, {"keep": 700}), [], ("partial", 10, 4, 600, -400, -400, 4, 400, 0, 0, False, "partial")),
    (BUY, [], (4, 100, {"keep": -5}), [], ("partial", 10, 4, 0, -400, -1000, 4, 400, 0, 0, False, "partial")),
    (BUY, [], (10, 90, {}), [], ("filled", 10, 10, 0, -900, -1000, 10, 900, 0, 0, False, "filled")),
    (BUY, [], (10, 100, {}), [NONE_HELD], ("filled", 10, 10, 0, -1000, -1000, 10, 1000, 0, 0, True, "filled")),
    (BUY | PART, [], (6, 90, {}), [], ("filled", 10, 10, 0, -540, -1000, 6, 540, 0, 0, False, "filled")),
    (
        BUY | {"status": "pending_submit"},
        [],
        (10, 90, {"steps": ["working", "filled"]}),
        [],
        ("filled", 10, 10, 0, -900, -1000, 10, 900, 0, 0, False, "working In the book., filled"),
    ),
    (
        BUY,
        [],
        (4, 100, {"keep": 600, "end_as": "canceled", "end_why": "Why."}),
        [],
        ("canceled", 10, 4, 0, -400, -1000, 4, 400, 0, 0, False, "partial, canceled Why."),
    ),
    (
        BUY,
        [],
        (10, 90, {"end_as": "canceled", "end_why": "Why."}),
        [],
        ("filled", 10, 10, 0, -900, -1000, 10, 900, 0, 0, False, "filled"),
    ),
    (
        BUY | {"status": "pending_cancel"},
        [],
        (4, 100, {"keep": 600}),
        [],
        ("pending_cancel", 10, 4, 600, -400, -400, 4, 400, 0, 0, False, "pending_cancel"),
    ),
    # --- for an amount of money: the quantity is what the price makes of it
    (
        BUY | {"notional": 1000},
        [],
        (2, 100, {"whole": 8, "keep": 0}),
        [],
        ("partial", 8, 2, 800, -200, -200, 2, 200, 0, 0, False, "partial"),
    ),
    (
        BUY | {"notional": 1000, "reserved": 150},
        [],
        (1, 100, {"whole": 8}),
        [],
        ("partial", 8, 1, 50, -100, -100, 1, 100, 0, 0, False, "partial"),
    ),
    (
        BUY | {"notional": 1000},
        [],
        (12, 80, {"whole": 12}),
        [],
        ("filled", 12, 12, 0, -960, -1000, 12, 960, 0, 0, False, "filled"),
    ),
    # --- what cannot be: no more than is set aside, no leg that says otherwise
    (BUY, [], (10, 100.01, {}), [], "would spend 1000.1"),
    (BUY, [], (4, 100, {"keep": 601, "cash": "-399"}), [], "but the legs say otherwise"),
    (BUY, [], (4, 100, {"accounts": ["x", "x", "x", "x"]}), [], "but the legs say otherwise"),
    # --- what the order cannot take any more is passed over
    (BUY, [], (4, 100, {"revision": 2}), [], None),
    (BUY, [], (11, 1, {}), [], None),
    (BUY | PART, [], (7, 1, {}), [], None),
    (BUY, [], (9, 1, {"whole": 8}), [], None),
    (BUY | {"status": "canceled", "reserved": 0}, [], (4, 0, {}), [], None),
    (BUY | {"status": "canceled"}, [], (10, 90, {}), [], None),
    (BUY | {"status": "submitting"}, [], (4, 100, {}), [], None),
    # --- sales: what is sold is no longer set aside; an end sets the rest free
    (SELL, [], (4, 110, {}), [], ("partial", 10, 4, 0, 440, 0, -4, -400, 40, -4, False, "partial")),
    (SELL, [], (10, 110, {}), [], ("filled", 10, 10, 0, 1100, 0, -10, -1000, 100, -10, False, "filled")),
    (SELL | PART, [], (6, 90, {}), [], ("filled", 10, 10, 0, 540, 0, -6, -600, -60, -6, False, "filled")),
    (
        SELL,
        [],
        (4, 110, {"end_as": "expired", "end_why": "Late."}),
        [],
        ("expired", 10, 4, 0, 440, 0, -4, -400, 40, -10, False, "partial, expired Late."),
    ),
    (
        SELL | {"notional": 900},
        [],
        (4, 110, {"whole": 9}),
        [],
        ("partial", 9, 4, 0, 440, 0, -4, -400, 40, -5, False, "partial"),
    ),
    (
        SELL | {"notional": 900},
        [],
        (9, 100, {"whole": 9}),
        [],
        ("filled", 9, 9, 0, 900, 0, -9, -900, 0, -10, False, "filled"),
    ),
    (SELL, [], (11, 100, {"whole": 11}), [], None),
    (SELL, [], (4, 100, {}), ["UPDATE holding SET signed_qty = 3"], "would sell 4 of 3"),
    (
        SELL,
        [],
        (4, 100, {}),
        ["UPDATE holding SET signed_qty = 4, cost_basis = 400"],
        ("partial", 10, 4, 0, 400, 0, -4, -400, 0, -4, False, "partial"),
    ),
    # --- groups: what the way in buys is for the ways out, which hold it together
    (
        WAY_IN | {"filled_qty": 0, "status": "working"},
        [TARGET],
        (4, 100, {"keep": 600}),
        [],
        ("partial", 10, 4, 600, -400, -400, 4, 400, 0, 4, False, "partial"),
    ),
    (
        WAY_IN | {"filled_qty": 0, "status": "working"},
        [TARGET | ENDED],
        (4, 100, {"keep": 600}),
        [],
        ("partial", 10, 4, 600, -400, -400, 4, 400, 0, 0, False, "partial"),
    ),
    (TARGET, [WAY_IN, STOP], (4, 110, {}), [], ("partial", 10, 4, 0, 440, 0, -4, -400, 40, -4, False, "partial")),
    (TARGET, [WAY_IN, STOP], (10, 110, {}), [], ("filled", 10, 10, 0, 1100, 0, -10, -1000, 100, -10, False, "filled")),
    (
        STOP,
        [WAY_IN | {"filled_qty": 8}, TARGET | ENDED],
        (4, 110, {"end_as": "canceled"}),
        [],
        ("canceled", 10, 4, 0, 440, 0, -4, -400, 40, -8, False, "partial, canceled"),
    ),
    (
        STOP,
        [WAY_IN | {"filled_qty": 8}, TARGET],
        (4, 110, {"end_as": "canceled"}),
        [],
        ("canceled", 10, 4, 0, 440, 0, -4, -400, 40, -4, False, "partial, canceled"),
    ),
    (TARGET, [WAY_IN | {"filled_qty": 3}, STOP], (4, 110, {}), [], None),
    (
        TARGET,
        [WAY_IN | {"filled_qty": 4}, STOP],
        (4, 110, {}),
        [],
        ("partial", 10, 4, 0, 440, 0, -4, -400, 40, -4, False, "partial"),
    ),
]
ON_MARGIN: list[Case] = [
    # closes: nothing is set aside; opens: what it needs to keep is
    (
        BUY | {"reserved": 0},
        [],
        (4, 90, {}),
        [SHORT],
        ("partial", 10, 4, 0, -360, 0, 4, 400, 40, 0, False, "partial"),
    ),
    (
        BUY | {"opens": True},
        [],
        (4, 100, {"keep": 550}),
        [NONE_HELD],
        ("partial", 10, 4, 550, -400, -450, 4, 400, 0, 0, True, "partial"),
    ),
    (
        BUY | {"opens": True},
        [],
        (4, 100, {"keep": 5500}),
        [NONE_HELD],
        ("partial", 10, 4, 1000, -400, 0, 4, 400, 0, 0, True, "partial"),
    ),
    (
        BUY | {"opens": True},
        [],
        (10, 150, {}),
        [NONE_HELD],
        ("filled", 10, 10, 0, -1500, -1000, 10, 1500, 0, 0, True, "filled"),
    ),
    (
        BUY | {"opens": True},
        [],
        (10, 90, {}),
        [SHORT],
        ("filled", 10, 10, 0, -900, -1000, 10, 1000, 100, 0, False, "filled"),
    ),
    (
        SELL | {"opens": True, "reserved": 200},
        [],
        (4, 110, {"keep": 120}),
        [SHORT],
        ("partial", 10, 4, 120, 440, -80, -4, -440, 0, -4, False, "partial"),
    ),
    (
        BUY | {"qty": 30, "reserved": 0},
        [],
        (30, 100, {}),
        [SHORT],
        ("filled", 30, 30, 0, -3000, 0, 30, 3000, 0, 0, True, "filled"),
    ),
    (
        BUY | {"qty": 20, "reserved": 0},
        [],
        (20, 100, {}),
        [SHORT],
        ("filled", 20, 20, 0, -2000, 0, 20, 2000, 0, 0, False, "filled"),
    ),
]
