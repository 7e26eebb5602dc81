"""What the database's own moves of an order leave behind: its history, what it held, and what is left for the worker.

Every case is a transaction that is taken back, on rows that no other function wrote.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from itertools import product, repeat
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from starkmatter.clock import utc_now
from starkmatter.domain.orders import TERMINAL, OrderStatus
from tests.builders import OPENS_AT
from tests.trading.stored_orders import Row, Seat, order_row

NOW, AT = utc_now(), OPENS_AT + timedelta(minutes=7)
OTHERS = """
SELECT (SELECT sum(reserved) FROM account WHERE id <> %(account)s),
       (SELECT sum(reserved_qty) FROM holding WHERE account_id <> %(account)s)
"""
MORE_HELD = """
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%s, %s, 900, 9000, 0, 0, now(), now()), (%s, %s, 900, 9000, 0, 0, now(), now())
"""
ORDER = "SELECT status, sequence, reserved, reject_reason, updated_at FROM trade_order WHERE id = %s"
EVENTS = "SELECT sequence, status, reason, venue_at, booked_at FROM order_event WHERE order_id = %s ORDER BY sequence"
OUTBOX = "SELECT kind, order_id, venue FROM outbox ORDER BY id"
ENDS = {str(status) for status in TERMINAL}


PART = {"qty": 10, "filled_qty": 4, "filled_value": 400, "sequence": 3}
BOUGHT = PART | {"side": "buy", "reserved": 600, "group_id": None, "role": None}
SOLD = PART | {"side": "sell", "reserved": 0, "group_id": None, "role": None}
# An order, those that are with it, and what the first sets free when it ends: money, shares.
KINDS: dict[str, tuple[Row, list[Row], float, int]] = {
    "purchase": (BOUGHT, [], 600, 0),
    "purchase that is nearly through": (BOUGHT | {"reserved": 0.5}, [], 0.5, 0),
    "sale": (SOLD, [], 0, 6),
    "sale of another symbol": (SOLD | {"symbol": "MSFT"}, [], 0, 6),
    "sale that borrows": (SOLD | {"reserved": 70}, [], 70, 6),
    "way in": (BOUGHT | {"role": "entry"}, [SOLD | {"role": "target"}], 600, 0),
    "way out": (
        SOLD | {"role": "target"},
        [BOUGHT | {"role": "entry", "filled_qty": 9}, SOLD | {"role": "stop", "filled_qty": 2}],
        0,
        0,
    ),
    "last way out": (
        SOLD | {"role": "target"},
        [
            BOUGHT | {"role": "entry", "filled_qty": 9, "status": "canceled"},
            SOLD | {"role": "stop", "filled_qty": 2, "status": "canceled"},
        ],
        0,
        3,
    ),
}


def test_a_move_is_told_step_by_step_and_an_end_sets_free_what_was_held_once(seat: Seat) -> None:
    for kind, current, last in product(KINDS, ("working", "canceled"), OrderStatus):
        if last not in ({"filled", "expired"} if current in ENDS else {*ENDS, "accepted"}):
            continue
        changes, others, money, shares = KINDS[kind]
        group = uuid4() if changes["role"] else None
        one, *more = [
            order_row(seat.accounts[0], **({"status": "working", "symbol": "AAPL"} | row | {"group_id": group}))
            for row in (changes | {"status": current}, *others)
        ]
        seat.write(one, *more)
        seat.look.execute(MORE_HELD, (seat.accounts[1], "AAPL", seat.accounts[2], "MSFT"))
        before = seat.aside()
        move = "SELECT move_order(%s, %s, %s, 'Why.', %s, %s)"
        assert seat.rows(move, one["id"], ["partial", str(last)], [current, "unknown"], AT, NOW) == [(True,)]
        assert seat.look.execute(OTHERS, {"account": seat.accounts[0]}).fetchall() == [(10_000, 0)]
        assert seat.rows("SELECT id FROM trade_order WHERE updated_at = %s", NOW) == [(one["id"],)]
        ends = last in ENDS and current not in ENDS and not ("way out" in kind and last == "filled")
        freed = [money, *((0, shares) if one["symbol"] == "MSFT" else (shares, 0))] if ends else [0, 0, 0]
        assert [was - now for was, now in zip(before, seat.aside(), strict=True)] == freed, (kind, current, last)
        reason = "Why." if last in {"rejected", "not_sent"} else None
        if last != "risk_rejected":  # Nothing leads there: such an order was never taken.
            left = 0 if last in ENDS else one["reserved"]
            assert seat.rows(ORDER, one["id"]) == [(last, 5, left, reason, NOW)]
        assert seat.rows(EVENTS, one["id"]) == [(4, "partial", "Why.", AT, NOW), (5, last, "Why.", AT, NOW)]
        seat.look.rollback()


def test_an_order_that_is_elsewhere_or_unknown_is_not_moved(seat: Seat) -> None:
    one = order_row(seat.accounts[0], **BOUGHT, status="working")
    seat.write(one)
    before = (seat.rows(ORDER, one["id"]), seat.aside())
    for order_id, known in ((one["id"], ["accepted", "partial"]), (uuid4(), ["working"])):
        assert seat.rows("SELECT move_order(%s, '{canceled}', %s, '', now(), now())", order_id, known) == [(False,)]
    assert (seat.rows(ORDER, one["id"]), seat.aside()) == before
    assert seat.rows(EVENTS, one["id"]) == []


ASK = "SELECT r.outcome, (r.stored).status, (r.stored).cancel_requested_at FROM request_cancel(%s, %s, %s, %s) r"
IN_BOOK, WAITING = ("accepted", "working", "partial"), ("submitting", "unknown", "suspended", "done_for_day")
PUT = "INSERT INTO outbox (kind, order_id, venue, created_at) VALUES (%s, %s, 'replay', now())"


def test_asking_back_ends_what_was_not_sent_asks_for_what_rests_and_waits_for_the_rest(seat: Seat) -> None:
    for grouped, status, asked_before in product((False, True), OrderStatus, (None, "cancel", "submit")):
        if status != "pending_submit" and (grouped or (asked_before and status in ENDS)):
            continue
        kind = {"group_id": uuid4(), "role": "entry"} if grouped else {"group_id": None, "role": None}
        former = NOW - timedelta(hours=1) if asked_before == "cancel" else None
        one, other = (
            order_row(seat.accounts[0], **(BOUGHT | kind), status=status, cancel_requested_at=former),
            order_row(seat.accounts[0], **BOUGHT, status="working", cancel_requested_at=None),
        )
        seat.write(one, other)
        seat.look.execute(PUT, ("cancel", other["id"]))
        if asked_before:
            seat.look.execute(PUT, (asked_before, one["id"]))
        before, known = seat.aside()[0], seat.rows(OUTBOX)
        [(outcome, stored, asked_at)] = seat.rows(ASK, one["id"], seat.people[0].user_id, AT, NOW)
        [(now, sequence, *_)], told = seat.rows(ORDER, one["id"]), seat.rows(OUTBOX)
        case = (grouped, status, asked_before)
        assert seat.rows("SELECT cancel_requested_at FROM trade_order WHERE id = %s", other["id"]) == [(None,)], case
        assert (stored, outcome) == (now, "too_late" if status in ENDS else "asked"), case
        events = [(event[0], event[1], event[2], *event[3:]) for event in seat.rows(EVENTS, one["id"])]
        if status == "pending_submit":
            assert (now, before - seat.aside()[0], asked_at) == ("not_sent", 600, former), case
            assert events == [(4, "not_sent", "Canceled before it was sent.", AT, NOW)], case
            gone = [row for row in known if row[1] != one["id"]]
            assert told == gone + [("group", one["id"], "replay")] * grouped, case
        elif status in IN_BOOK:
            assert (now, asked_at, sequence) == ("pending_cancel", NOW, 4), case
            assert events == [(4, "pending_cancel", None, AT, NOW)], case
            assert told == [*known, ("cancel", one["id"], "replay")], case
        elif status in {*WAITING, "pending_replace"}:
            assert (now, asked_at, events) == (status, former or NOW, []), case
            assert told == [*known, *([] if former else [("cancel", one["id"], "replay")])], case
        else:
            assert (now, asked_at, events, told) == (status, former, [], known), case
        seat.look.rollback()


def test_an_order_is_asked_back_by_whoever_may_trade_on_its_account(seat: Seat) -> None:
    one = order_row(seat.accounts[0], **BOUGHT, status="working")
    seat.write(one)
    found = [seat.rows(ASK, one["id"], person.user_id, AT, NOW) for person in seat.people]
    asked = ("asked", "pending_cancel", NOW)
    assert found == [[asked], [asked], [], []]
    assert seat.rows(ASK, uuid4(), seat.people[0].user_id, AT, NOW) == []


def test_everything_open_of_the_accounts_is_asked_back_once_as_many_as_are_wanted(seat: Seat) -> None:
    ask = "SELECT order_id, owner_id, account_id, venue, symbol, status FROM cancel_open_orders(%s, %s, %s, %s)"
    open_ones = ("pending_submit", *IN_BOOK, *WAITING, "pending_replace")
    mine = [
        order_row(seat.accounts[0], **BOUGHT, status=status, cancel_requested_at=NOW if status in WAITING else None)
        for status in OrderStatus
    ]
    others = [order_row(seat.accounts[1], **BOUGHT, status="working", cancel_requested_at=None)]
    seat.write(*mine, *others)
    for one in mine:
        if one["status"] == "unknown":
            seat.look.execute(PUT, ("cancel", one["id"]))  # This wish is under way.
        else:
            seat.look.execute(PUT, ("submit", one["id"]))
    left = sorted(one["id"] for one in mine if one["status"] in open_ones and one["status"] != "unknown")
    clocks = f'{{"replay": "{AT.isoformat()}"}}'
    became = {"pending_submit": "not_sent", **dict.fromkeys(IN_BOOK, "pending_cancel")}
    statuses = {one["id"]: became.get(one["status"], str(one["status"])) for one in mine}
    first = seat.rows(ask, [seat.accounts[0], seat.accounts[2]], clocks, 3, NOW)
    rest = seat.rows(ask, [seat.accounts[0]], "{}", 200, NOW)
    owner = seat.people[0].user_id
    asked = [(one, owner, seat.accounts[0], "replay", "AAPL", statuses[one]) for one in left]
    assert (sorted(first), sorted(rest)) == (asked[:3], asked[3:])
    assert seat.rows(ask, [seat.accounts[0]], "{}", 200, NOW) == []
    at = "SELECT DISTINCT venue_at FROM order_event WHERE order_id = ANY (%s)"
    moved = [[one[0] for one in found if one[5] in {"not_sent", "pending_cancel"}] for found in (first, rest)]
    assert [seat.rows(at, ids) for ids in moved if ids] == [
        [(when,)] for ids, when in zip(moved, (AT, NOW), strict=True) if ids
    ]


WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_all_that_is_asked_back_is_locked_in_its_order_before_one_of_it_moves(seat: Seat, database_url: str) -> None:
    their_id, *ids = sorted(uuid4() for _ in range(4))
    mine = [order_row(seat.accounts[0], **BOUGHT, status="pending_submit", id=one) for one in reversed(ids)]
    seat.write(*mine, order_row(seat.accounts[1], **BOUGHT, status="pending_submit", id=their_id))
    seat.look.commit()
    ask = "SELECT order_id FROM cancel_open_orders(%s, '{}', 200, %s)"
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as pool:
        for held in (0, 2):
            holder.execute("SELECT FROM trade_order WHERE id = %s FOR UPDATE", (ids[held],))
            asked = pool.submit(seat.rows, ask, [seat.accounts[0]], NOW)
            while other.execute(WAITS).fetchone() != (1,):
                assert not asked.done()
                other.rollback()  # Its view of who waits is of its transaction's beginning.
            free = other.execute("SELECT id FROM trade_order FOR UPDATE SKIP LOCKED").fetchall()
            accounts = other.execute("SELECT id FROM account FOR NO KEY UPDATE SKIP LOCKED").fetchall()
            other.rollback()
            holder.rollback()
            assert sorted(asked.result(10)) == [(one,) for one in ids]
            assert {one for (one,) in free} == {*ids[held + 1 :], their_id}
            assert {one for (one,) in accounts} == set(seat.accounts)
            seat.look.rollback()
        # What came to its end meanwhile is not asked back.
        holder.execute("UPDATE trade_order SET status = 'rejected', reserved = 0 WHERE id = %s", (ids[1],))
        asked = pool.submit(seat.rows, ask, [seat.accounts[0]], NOW)
        while other.execute(WAITS).fetchone() != (1,):
            assert not asked.done()
            other.rollback()
        holder.commit()
        assert sorted(asked.result(10)) == [(ids[0],), (ids[2],)]


REPLACE = "SELECT outcome, reason FROM replace_order(%s, %s, %s, %s, %s)"
FIXED = {"type": "limit", "limit_price": 100, "revision": 1, "reserve_per_share": 100, "group_id": None, "role": None}
BUY = FIXED | {"side": "buy", "reserved": 1000, "status": "working", "filled_qty": 0, "opens": False}
SELL = BUY | {"side": "sell", "reserved": 0}
STOP = "INSERT INTO trading_stop (id, user_id, account_id, allows_reducing, reason, set_by, set_at) SELECT"
STOP += " gen_random_uuid(), NULL, a.id, false, '', a.user_id, now() FROM account a WHERE a.id = %(account)s"
RULE = "INSERT INTO trading_rule (id, user_id, account_id, kind, value, updated_at) SELECT"
RULE += " gen_random_uuid(), a.user_id, NULL, 'cooldown_mins', 5, now() FROM account a WHERE a.id = %(account)s"
GUARDED = "UPDATE account SET guarded = true WHERE id = %(account)s"
SHORT = "UPDATE holding SET account_id = %(account)s, signed_qty = -20, cost_basis = -2000 WHERE symbol = 'AAPL'"
MARKS = {"marks": {"AAPL": "100", "MSFT": "0"}}
STOPPED = "The kill switch of this account is on: no new orders are taken."
RULED = "With rules of your own an order cannot grow in its place: cancel it and send a new one."
FROZEN, CLOSED = "This account is frozen: Books differ.", "This account is closed and can only be read."
SOLD_OUT = "You can sell {} at most: short selling is not offered on this account."
POOR = "Buying power is {} USD and the change needs {} USD more."


def account_is(columns: str) -> str:
    return f"UPDATE account SET {columns} WHERE id = %(account)s"


# The order, its new terms, what was before; the refusal, or: status, quantity, and what is set aside of money and of
# shares more than before.
CHANGES: list[tuple[Row, Row, list[str], str | tuple[str, int, float, float]]] = [
    (BUY, {"qty": 12, "reserve": 1200}, [], ("working", 12, 200, 0)),
    (BUY, {"qty": 5, "reserve": 500}, [], ("working", 5, -500, 0)),
    (BUY | {"status": "accepted"}, {"qty": 12, "reserve": 1200}, [], ("working", 12, 200, 0)),
    (BUY | {"filled_qty": 4, "status": "partial"}, {"qty": 8, "reserve": 400.02}, [], ("partial", 8, -599.98, 0)),
    (BUY | {"filled_qty": 4, "status": "partial"}, {"qty": 4, "reserve": 1}, [], ("filled", 4, -1000, 0)),
    (BUY | {"filled_qty": 0.5, "status": "partial"}, {"qty": 8, "reserve": 750}, [], ("partial", 8, -250, 0)),
    (BUY | {"filled_qty": 4, "status": "partial"}, {"qty": 3, "reserve": 1}, [], ("filled", 4, -1000, 0)),
    (BUY, {"reserve": 96_000}, [], ("working", 10, 95_000, 0)),
    (BUY, {"reserve": 96_000.01}, [], POOR.format("95,000.00", "95,000.01")),
    (BUY, {"reserve": 1000}, [account_is("reserved = 100001")], ("working", 10, 0, 0)),
    (BUY, {"reserve": 1001}, [account_is("reserved = 100001")], POOR.format("-1.00", "1.00")),
    (BUY, {"revision": 2}, [], "changed"),
    (BUY, {}, [account_is("frozen_reason = 'Books differ.'")], FROZEN),
    (BUY, {}, [account_is("closed_at = now()")], CLOSED),
    (SELL, {"qty": 60}, [], ("working", 60, 0, 50)),
    (SELL, {"qty": 61}, [], SOLD_OUT.format("60 AAPL")),
    (SELL | {"filled_qty": 4, "status": "partial"}, {"qty": 61}, [], SOLD_OUT.format("56 AAPL")),
    (SELL, {"qty": 7}, ["UPDATE holding SET signed_qty = 1"], ("working", 7, 0, -3)),
    (SELL, {}, ["UPDATE holding SET signed_qty = 1"], ("working", 10, 0, 0)),
    (SELL, {"qty": 11}, ["DELETE FROM holding WHERE symbol = 'AAPL'"], SOLD_OUT.format("10 AAPL")),
    (SELL | {"filled_qty": 4, "status": "partial"}, {"qty": 4}, [], ("filled", 4, 0, -6)),
    # Switches and rules of one's own: what grows is a new order for them, and the account says that there may be some.
    (BUY, {"qty": 11, "reserve": 1100}, [STOP], ("working", 11, 100, 0)),
    (BUY, {"qty": 11, "reserve": 1100}, [GUARDED], ("working", 11, 100, 0)),
    (BUY, {"qty": 11, "reserve": 1100}, [STOP, GUARDED], STOPPED),
    (BUY, {"qty": 11, "reserve": 1100}, [RULE, GUARDED], RULED),
    (BUY, {"qty": 11, "reserve": 1100}, [RULE, STOP, GUARDED], STOPPED),
    (BUY, {"qty": 9, "reserve": 900}, [RULE, STOP, GUARDED], ("working", 9, -100, 0)),
    (BUY, {"per_share": 100.01}, [STOP, GUARDED], STOPPED),
    (BUY, {"per_share": 100}, [STOP, GUARDED], ("working", 10, 0, 0)),
    (SELL, {"per_share": 100.01}, [STOP, GUARDED], ("working", 10, 0, 0)),
    (SELL, {"qty": 11}, [STOP, GUARDED], STOPPED),
]
ON_MARGIN: list[tuple[Row, Row, list[str], str | tuple[str, int, float, float]]] = [
    (BUY | {"opens": True}, {"qty": 11, "reserve": 1100} | MARKS, [SHORT], ("working", 11, 100, 0)),
    (BUY | {"opens": True}, {"qty": 11, "reserve": 1100}, [SHORT], "needs_marks"),
    (BUY | {"opens": True}, {"reserve": 1000.5}, [SHORT], "needs_marks"),
    (BUY | {"opens": True}, {"qty": 9, "reserve": 900}, [SHORT], ("working", 9, -100, 0)),
    (BUY | {"opens": True}, {"qty": 11, "reserve": 1000}, [SHORT], ("working", 11, 0, 0)),
    # (100,000 - 2,000 - half of 2,000) / 0.50, of which 5,000 are set aside
    (BUY | {"opens": True}, {"reserve": 190_000} | MARKS, [SHORT], ("working", 10, 189_000, 0)),
    (BUY | {"opens": True}, {"reserve": 190_000.01} | MARKS, [SHORT], POOR.format("189,000.00", "189,000.01")),
    # closes a short of twenty, of which it has ten itself
    (BUY | {"reserved": 0}, {"qty": 20}, [SHORT], ("working", 20, 0, 0)),
    (
        BUY | {"reserved": 0},
        {"qty": 21},
        [SHORT],
        "It would do more than close your short position in AAPL: send another order for that.",
    ),
    (BUY | {"reserved": 0}, {"qty": 9}, [SHORT, "UPDATE holding SET signed_qty = -1"], ("working", 9, 0, 0)),
    (BUY | {"reserved": 0}, {}, [SHORT, "UPDATE holding SET signed_qty = -1"], ("working", 10, 0, 0)),
    (SELL | {"opens": True, "reserved": 70}, {"qty": 500, "reserve": 99} | MARKS, [SHORT], ("working", 500, 29, 490)),
    (SELL | {"opens": True, "reserved": 70}, {"qty": 4, "reserve": 9}, [SHORT], ("working", 4, -61, -6)),
]


def test_other_terms_take_what_is_free_and_say_what_is_not(seat: Seat) -> None:
    aside = "SELECT reserved, (SELECT sum(reserved_qty) FROM holding) FROM account WHERE id = %s"
    others = "SELECT sum(reserved) FROM account WHERE id <> %s"
    shown = "SELECT status, qty, reserved, limit_price, reserve_per_share, revision, sequence, updated_at"
    for account, (changes, terms, before, expected) in (*zip(repeat(0), CHANGES), *zip(repeat(2), ON_MARGIN)):
        one = order_row(seat.accounts[account], **changes)
        for _ in range(2):
            seat.write(order_row(seat.accounts[account], **(BUY | {"status": "canceled", "symbol": "MSFT"})))
        seat.write(one)
        for statement in before:
            seat.look.execute(statement, {"account": seat.accounts[account]})  # type: ignore[arg-type]
        seat.look.execute(MORE_HELD, (seat.accounts[1], "AAPL", seat.accounts[2], "MSFT"))
        [was] = seat.rows(aside, seat.accounts[account])
        figures = {"revision": 1, "qty": 10, "limit_price": 99, "per_share": 100, "reserve": 1000, "words": "Less."}
        told = Jsonb({name: value if name == "marks" else str(value) for name, value in (figures | terms).items()})
        [answer] = seat.rows(REPLACE, one["id"], seat.people[0].user_id, told, AT, NOW)
        [is_now] = seat.rows(aside, seat.accounts[account])
        assert seat.rows("SELECT count(*) FROM trade_order WHERE revision > 1 AND status = 'canceled'") == [(0,)]
        assert seat.rows(others, seat.accounts[account]) == [(10_000,)]
        [order] = seat.rows(f"{shown} FROM trade_order WHERE id = %s", one["id"])
        case = (changes, terms, before)
        if isinstance(expected, str):
            known = expected in {"changed", "needs_marks"}
            assert answer == ((expected, None) if known else ("refused", expected)), case
            assert (is_now, order[:6], seat.rows(OUTBOX)) == (
                was,
                (one["status"], 10, one["reserved"], 100, 100, 1),
                [],
            ), case
        else:
            status, qty, money, shares = expected
            assert answer == ("replaced", None), case
            assert [float(b - a) for a, b in zip(was, is_now, strict=True)] == [money, shares], case
            left, per_share = float(one["reserved"]) + money, Decimal(str(terms.get("per_share", 100)))
            assert (float(order[2]), *order[:2], *order[3:]) == (left, status, qty, 99, per_share, 2, 3, NOW), case
            steps = [(2, "pending_replace", "Less.", AT, NOW), (3, status, "Changed.", AT, NOW)]
            assert seat.rows(EVENTS, one["id"]) == steps, case
            assert seat.rows(OUTBOX) == [("replace", one["id"], "replay")], case
        seat.look.rollback()


def test_only_what_rests_is_changed_and_only_by_whoever_may_trade_on_it(seat: Seat) -> None:
    terms = Jsonb({"revision": "1", "qty": "9", "limit_price": "99", "per_share": "100", "reserve": "900", "words": ""})
    early = {"pending_submit", "submitting", "unknown", "pending_cancel"}
    for status in OrderStatus:
        one = order_row(seat.accounts[0], **(BUY | {"status": status}))
        seat.write(one)
        found = [seat.rows(REPLACE, one["id"], person.user_id, terms, AT, NOW) for person in seat.people[1:]]
        expected = ("replaced", None) if status in IN_BOOK else ("early" if status in early else "ended", status)
        assert found == [[expected], [], []], status
        seat.look.rollback()


def test_whoever_judges_an_order_holds_it_and_its_account_meanwhile(seat: Seat, database_url: str) -> None:
    one = order_row(seat.accounts[0], **(BUY | {"status": "working"}))
    seat.write(one)
    seat.look.execute(account_is("frozen_reason = 'Books differ.'"), {"account": seat.accounts[0]})  # type: ignore[arg-type]
    seat.look.commit()
    owner, terms = seat.people[0].user_id, Jsonb({"revision": "2"})
    asked: list[tuple[str, tuple[Any, ...], bool]] = [
        ("SELECT move_order(%s, '{canceled}', '{partial}', '', now(), now())", (one["id"],), False),
        (REPLACE, (one["id"], owner, terms, AT, NOW), False),
        (REPLACE, (one["id"], owner, Jsonb({"revision": "1"}), AT, NOW), True),
        ("UPDATE trade_order SET status = 'filled' WHERE id = %s", (one["id"],), False),
        (ASK, (one["id"], owner, AT, NOW), False),
    ]
    with psycopg.connect(database_url) as other:
        for statement, params, account_too in asked:
            if statement.startswith("UPDATE"):
                seat.look.execute(statement, params)  # type: ignore[arg-type]
                seat.look.commit()
                continue
            seat.rows(statement, *params)
            free = [
                other.execute("SELECT id FROM trade_order FOR UPDATE SKIP LOCKED").fetchall(),
                other.execute(
                    "SELECT id FROM account WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", (seat.accounts[0],)
                ).fetchall(),
            ]
            assert free == [[], [] if account_too else [(seat.accounts[0],)]], statement
            other.rollback()
            seat.look.rollback()
