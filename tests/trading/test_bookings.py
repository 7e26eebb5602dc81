"""What booking an execution leaves behind, case by case: order, money, shares, history, journal and fill.

Each is booked alone, beside another purchase, and beside a sale, which makes the database take another way: what the
first leaves behind is the same. Every case is a transaction that is taken back, on rows that no other function wrote.
"""

from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from starkmatter.clock import utc_now
from tests.trading.booking_cases import AT, BUY, FILLS, ON_MARGIN, SELL, item
from tests.trading.stored_orders import Seat, order_row

NOW = utc_now()
BOOK = "SELECT order_id, booked, status FROM book_executions(%s, %s)"
ORDER = "SELECT status, qty, filled_qty, filled_value, reserved, updated_at, sequence FROM trade_order WHERE id = %s"
EVENTS = "SELECT sequence, status, reason FROM order_event WHERE order_id = %s AND venue_at = %s AND booked_at = %s"
MONEY = "SELECT cash, reserved FROM account WHERE id = %s"
HELD = """
SELECT signed_qty, cost_basis, realized_pl, reserved_qty, opened_at = %s FROM holding
 WHERE account_id = %s AND symbol = 'AAPL'
"""
JOURNAL = """
SELECT account_id, kind, description, fill_id, venue_at, booked_at, accounts, commodities, amounts FROM ledger_entry
 WHERE order_id = %s
"""
FILL = """
SELECT id, execution, account_id, symbol, side, qty, price, fees, realized_pl, executed_at, booked_at, preset, receipt
  FROM fill WHERE order_id = %s
"""


def _stands(seat: Seat, account: UUID) -> list[Any]:
    [money] = seat.rows(MONEY, account)
    held = seat.rows(HELD, AT, account)
    return [*money, *(held[0] if held else (0, 0, 0, 0, False))]


def test_an_execution_is_booked_to_order_money_shares_journal_and_history(seat: Seat) -> None:
    every = [*((0, one) for one in FILLS), *((2, one) for one in ON_MARGIN)]
    for (account, told_of), beside in product(every, ("nothing", "a purchase", "a sale")):
        changes, others, (qty, price, more), before, expected = told_of
        group = uuid4() if changes["role"] else None
        mine = seat.accounts[account]
        one, *rest = [order_row(mine, **({"type": "market"} | row | {"group_id": group})) for row in (changes, *others)]
        neighbor = order_row(seat.accounts[1], **(SELL if beside == "a sale" else BUY))
        seat.write(one | {"filled_value": one["filled_qty"] * 100}, *rest, neighbor)
        for statement in before:
            seat.look.execute(statement, {"account": mine})  # type: ignore[arg-type]
        if beside == "a sale":
            seat.look.execute(
                "INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at,"
                " updated_at) VALUES (%s, 'AAPL', 10, 1000, 0, 10, now(), now())",
                (seat.accounts[1],),
            )
        told = item(one, qty, price, **more)
        batch = [told, *([] if beside == "nothing" else [item(neighbor, 1, 100, keep=900)])]
        was, case = _stands(seat, mine), (told_of, beside)
        if isinstance(expected, str):
            with pytest.raises(psycopg.errors.RaiseException, match=expected):
                seat.rows(BOOK, Jsonb(batch), NOW)
            seat.look.rollback()
            continue
        answer, *_ = seat.rows(BOOK, Jsonb(batch), NOW)
        now, [order] = _stands(seat, mine), seat.rows(ORDER, one["id"])
        if expected is None:
            assert answer == (one["id"], False, one["status"]), case
            assert (now, order[0], seat.rows(JOURNAL, one["id"]), seat.rows(FILL, one["id"])) == (
                was,
                one["status"],
                [],
                [],
            ), case
            seat.look.rollback()
            continue
        status, whole, filled, reserved, cash, aside, shares, cost, realized, shares_aside, opened, steps = expected
        assert answer == (one["id"], True, status), case
        value = one["filled_qty"] * 100 + Decimal(str(qty)) * Decimal(str(price))
        numbered = steps.split(", ")
        assert order == (status, whole, filled, value, reserved, NOW, 1 + len(numbered)), case
        grown = [after - before for after, before in zip(now[:6], was[:6], strict=True)]
        assert grown == [cash, aside, shares, cost, realized, shares_aside], case
        assert now[6] is opened, case
        words = [(step.partition(" ")[0], step.partition(" ")[2] or None) for step in numbered]
        assert seat.rows(EVENTS, one["id"], AT, NOW) == [(at, *step) for at, step in enumerate(words, start=2)], case
        legs = (told["accounts"], told["commodities"], [Decimal(amount) for amount in told["amounts"]])
        fill_id = UUID(told["fill"])
        assert seat.rows(JOURNAL, one["id"]) == [(mine, "fill", "A trade", fill_id, AT, NOW, *legs)], case
        figures = (Decimal(str(qty)), Decimal(str(price)), 0, realized)
        kept = (fill_id, 2, mine, "AAPL", one["side"], *figures, AT, NOW, "realistic", {"rule": "test"})
        assert seat.rows(FILL, one["id"]) == [kept], case
        assert seat.rows(BOOK, Jsonb([told]), NOW) == [(one["id"], False, status)], case
        seat.look.rollback()


def test_a_move_without_a_trade_is_told_and_an_end_sets_free_what_was_held(seat: Seat) -> None:
    for changes, steps, known, booked, freed in (
        (BUY | {"status": "pending_submit"}, ["accepted", "working"], ["pending_submit", "working"], True, 0),
        (BUY | {"status": "partial"}, ["working"], ["pending_submit", "accepted"], False, 0),
        (BUY, ["canceled"], ["working"], True, 1000),
        (BUY, ["canceled"], ["partial"], False, 0),
        (BUY, ["accepted", "expired"], ["working"], True, 1000),
        (BUY | {"role": "entry"}, ["accepted"], ["working"], True, 0),
        (BUY | {"role": "entry"}, ["accepted"], ["partial"], False, 0),
    ):
        one = order_row(seat.accounts[0], **(changes | {"group_id": uuid4() if changes["role"] else None}))
        seat.write(one)
        [before], case = seat.rows(MONEY, seat.accounts[0]), (changes, steps, known)
        told = item(one, None, None, steps=steps, reason="Why.", **{"from": known})
        stands = steps[-1] if booked else one["status"]
        assert seat.rows(BOOK, Jsonb([told]), NOW) == [(one["id"], booked, stands)], case
        [after] = seat.rows(MONEY, seat.accounts[0])
        assert before[1] - after[1] == freed, case
        left = 1000 - freed
        sequence = 1 + len(steps) * booked
        [order] = seat.rows(ORDER, one["id"])
        assert (order[0], *order[1:3], order[4], order[6]) == (stands, 10, 0, left, sequence), case
        events = [(at, step, "Why.") for at, step in enumerate(steps, start=2)] if booked else []
        assert seat.rows(EVENTS, one["id"], AT, NOW) == events, case
        seat.look.rollback()
    assert seat.rows(BOOK, Jsonb([item({"id": uuid4()}, None, None, steps=["working"], **{"from": ["x"]})]), NOW)[0][
        1:
    ] == (
        False,
        None,
    )


def test_a_batch_of_many_books_each_in_its_turn_and_takes_its_work_from_the_outbox(seat: Seat) -> None:
    first, second = (order_row(seat.accounts[0], **BUY) for _ in range(2))
    sale = order_row(seat.accounts[0], **SELL)
    seat.write(first, second, sale)
    put = "INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('submit', %s, 'replay', now()) RETURNING id"
    [(done,)], [(kept,)] = seat.rows(put, first["id"]), seat.rows(put, second["id"])
    batch = [
        item(second, 3, 100, keep=700, execution=1),
        item(sale, 10, 110),
        item(first, 4, 100, keep=600, execution=1, outbox=done),
        item(first, 6, 90, execution=2),
    ]
    booked = [(second["id"], "partial"), (sale["id"], "filled"), (first["id"], "partial"), (first["id"], "filled")]
    assert seat.rows(BOOK, Jsonb(batch), NOW) == [(order_id, True, status) for order_id, status in booked]
    assert seat.rows("SELECT id FROM outbox") == [(kept,)]
    assert seat.rows("SELECT order_id FROM ledger_entry WHERE order_id IS NOT NULL ORDER BY id") == [
        (order_id,) for order_id, _ in booked
    ]
    assert seat.rows(MONEY, seat.accounts[0]) == [(100_000 - 300 + 1100 - 940, 5000 - 300 - 1000)]
    assert seat.rows(ORDER, first["id"])[0][:5] == ("filled", 10, 10, 940, 0)
    assert seat.rows(EVENTS, first["id"], AT, NOW) == [(2, "partial", None), (3, "filled", None)]
    assert _stands(seat, seat.accounts[0])[2:6] == [103, 10_000 - 1000 + 1240, 100, 40]


def test_an_execution_that_is_booked_is_no_other_orders(seat: Seat) -> None:
    first, second = (order_row(seat.accounts[0], **BUY) for _ in range(2))
    seat.write(first, second)
    told = item(first, 10, 90)
    assert seat.rows(BOOK, Jsonb([told]), NOW) == [(first["id"], True, "filled")]
    for qty in (10, 4):
        again = item(second, qty, 90, keep=640, fill=told["fill"])
        assert seat.rows(BOOK, Jsonb([again]), NOW) == [(second["id"], False, "working")]


def test_whoever_books_holds_the_orders_and_with_a_sale_their_accounts_from_the_start(
    seat: Seat, database_url: str
) -> None:
    bought, sold = order_row(seat.accounts[0], **BUY), order_row(seat.accounts[1], **SELL)
    seat.write(bought, sold)
    seat.look.commit()
    late = [item(one, 4, 100, revision=2) for one in (bought, sold)]  # Neither is booked.
    with psycopg.connect(database_url) as other:
        for batch, orders, accounts in ((late[:1], [bought], []), (late, [bought, sold], seat.accounts[:2])):
            assert [booked for _, booked, _ in seat.rows(BOOK, Jsonb(batch), NOW)] == [False] * len(batch)
            free = other.execute("SELECT id FROM trade_order FOR UPDATE SKIP LOCKED").fetchall()
            free_accounts = other.execute("SELECT id FROM account FOR NO KEY UPDATE SKIP LOCKED").fetchall()
            assert {one for (one,) in free} == {bought["id"], sold["id"]} - {one["id"] for one in orders}
            assert {one for (one,) in free_accounts} == set(seat.accounts) - set(accounts)
            other.rollback()
            seat.look.rollback()
