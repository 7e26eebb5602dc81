"""What the database says of one order: the first reason against it, in figures, and nothing twice of one key."""

from collections.abc import Awaitable, Callable

import pytest

from starkmatter.db.database import Database
from tests.builders import make_market
from tests.trading.batch_desk import Desk, Item, as_it_is, item, make_seat, now_is

HELD = """
INSERT INTO holding (account_id, symbol, signed_qty, cost_basis, realized_pl, reserved_qty, opened_at, updated_at)
VALUES (%s, 'AAPL', 10, 1000, 0, 4, now(), now())
"""


async def _holds(desk: Desk) -> None:
    """Ten shares, of which another order waits to sell four."""
    await desk.db.run(HELD, (desk.accounts[0],))


REFUSALS: list[tuple[Item, Callable[[Desk], Awaitable[None]], str | None]] = [
    ({"reserve": "100000.01"}, as_it_is, "Buying power is 100,000.00 USD and this order needs 100,000.01 USD."),
    (
        {"reserve": "60000"},
        now_is("reserved = 50000"),
        "Buying power is 50,000.00 USD and this order needs 60,000.00 USD.",
    ),
    ({"side": "sell", "qty": "6"}, _holds, None),
    (
        {"side": "sell", "qty": "7"},
        _holds,
        "You can sell 6 AAPL at most: short selling is not offered on this account.",
    ),
    (
        {"side": "sell", "qty": "7", "symbol": "MSFT"},
        _holds,
        "You can sell 0 MSFT at most: short selling is not offered on this account.",
    ),
    ({"refusal": "No."}, now_is("closed_at = now()"), "No."),
    ({}, now_is("closed_at = now(), frozen_reason = 'x'"), "This account is closed and can only be read."),
    ({"venue": "market"}, now_is("frozen_reason = 'Books differ.'"), "This account is frozen: Books differ."),
    ({"venue": "market", "reserve": "100001"}, as_it_is, "This account belongs to another market."),
]


async def test_a_refusal_says_the_first_reason_with_its_figures_and_sets_nothing_aside(
    database: Database,
) -> None:
    await make_market(database)
    for changes, prepare, words in REFUSALS:
        await _is_refused(await make_seat(database), changes, prepare, words)


async def _is_refused(desk: Desk, changes: Item, prepare: Callable[[Desk], Awaitable[None]], words: str | None) -> None:
    await prepare(desk)
    one = item(desk, 0, **({"qty": "5"} | changes))
    aside = "SELECT reserved, (SELECT reserved_qty FROM holding WHERE account_id = a.id) FROM account a WHERE id = %s"
    before = await desk.db.tuples(aside, (desk.accounts[0],))
    assert await desk.send([item(desk, 1, "1", reserve="1")]) == [("taken", None)]  # it is not the only order there is
    assert await desk.send([one]) == [("refused", words) if words else ("taken", None)]
    after = await desk.db.tuples(aside, (desk.accounts[0],))
    assert after == (before if words else [(0, 10)])
    begins = "SELECT status, reject_reason, filled_qty, filled_value, sequence FROM trade_order WHERE id = %s"
    status = "risk_rejected" if words else "pending_submit"
    assert await desk.db.tuples(begins, (one["id"],)) == [(status, words, 0, 0, 1)]
    assert await desk.db.value("SELECT count(*) FROM outbox WHERE order_id = %s", (one["id"],)) == (not words)
    events = await desk.db.tuples("SELECT status, reason FROM order_event WHERE order_id = %s", (one["id"],))
    assert events == [(status, words)]


RULE = """
INSERT INTO trading_rule (id, user_id, account_id, kind, value, updated_at)
SELECT gen_random_uuid(), user_id, id, 'position_pct', 500, now() FROM account WHERE id = %s
"""


async def _ruled(desk: Desk) -> None:
    """A rule that asks what the account is worth."""
    await desk.db.run(RULE, (desk.accounts[0],))
    await now_is("guarded = true")(desk)


async def _lends(desk: Desk) -> None:
    await _holds(desk)
    await now_is("kind = 'margin'")(desk)


MARKED = {"price": "100", "marks": {"AAPL": "100"}}


SET_ASIDE: list[tuple[Item, Callable[[Desk], Awaitable[None]], tuple[float, int | None]]] = [
    ({"reserve": "60000"}, as_it_is, (60000, None)),
    ({"side": "sell", "qty": "6"}, _holds, (0, 10)),
    ({"reserve": "0.50"}, as_it_is, (0.5, None)),
    ({"reserve": "1000"} | MARKED, _ruled, (1000, None)),
    ({"reserve": "60000"} | MARKED, _lends, (60000, 4)),
    ({"side": "sell", "qty": "6", "reserve": "600"} | MARKED, _lends, (0, 10)),  # it closes, and takes no money
    ({"side": "sell", "qty": "16", "reserve": "60000", "allow_short": True} | MARKED, _lends, (60000, 20)),
    ({"reserve": "1000", "cautions": True}, as_it_is, (1000, None)),
]


async def test_an_order_that_is_there_is_not_judged_again(
    database: Database,
) -> None:
    """Neither its prices nor what there is to spend counts any more, and nothing is set aside twice."""
    await make_market(database)
    for changes, prepare, set_aside in SET_ASIDE:
        await _is_repeated(await make_seat(database), changes, prepare, set_aside)


async def _is_repeated(
    desk: Desk, changes: Item, prepare: Callable[[Desk], Awaitable[None]], set_aside: tuple[float, int | None]
) -> None:
    await prepare(desk)
    one = item(desk, 0, **({"qty": "5"} | changes))
    aside = "SELECT reserved, (SELECT reserved_qty FROM holding WHERE account_id = a.id) FROM account a WHERE id = %s"
    assert await desk.send([one]) == [("taken", None)]
    for again in (one, {key: value for key, value in one.items() if key != "marks"}):
        assert await desk.send([again]) == [("repeated", None)]
        assert await desk.send([again | {"request_hash": "11" * 32}]) == [("other_body", None)]
    assert await desk.db.tuples(aside, (desk.accounts[0],)) == [set_aside]
    assert await desk.db.value("SELECT count(*) FROM order_event WHERE order_id = %s", (one["id"],)) == 1


async def test_an_order_that_was_refused_is_answered_with_the_reason_of_then(database: Database) -> None:
    await make_market(database)
    desk = await make_seat(database)
    one = item(desk, 0, "5", reserve="100001")
    [(outcome, words)] = await desk.send([one])
    await now_is("cash = 200000")(desk)
    assert outcome == "refused"
    assert await desk.send([one]) == [("repeated", words)]
    assert await desk.db.value("SELECT reserved FROM account WHERE id = %s", (desk.accounts[0],)) == 0


@pytest.mark.parametrize(("prepare", "changes"), [(_ruled, {"price": "100"}), (_lends, {"price": "100"})])
async def test_what_needs_prices_is_neither_taken_nor_refused_without_them(
    database: Database, prepare: Callable[[Desk], Awaitable[None]], changes: Item
) -> None:
    await make_market(database)
    desk = await make_seat(database)
    await prepare(desk)
    one = item(desk, 0, "5", **changes)
    assert await desk.send([one]) == [("needs_marks", None)]
    assert await desk.db.value("SELECT count(*) FROM trade_order") == 0
    assert await desk.send([one | MARKED]) == [("taken", None)]


async def test_a_short_sale_sets_shares_and_money_aside_when_it_is_taken_and_nothing_else(database: Database) -> None:
    await make_market(database)
    desk = await make_seat(database)
    await now_is("kind = 'margin'")(desk)
    short = {"side": "sell", "allow_short": True, "symbol": "MSFT"} | MARKED
    holding = "SELECT signed_qty, cost_basis, realized_pl, reserved_qty FROM holding WHERE account_id = %s"
    reserved = "SELECT reserved FROM account WHERE id = %s"
    [(outcome, _)] = await desk.send([item(desk, 0, "5", reserve="200001", **short)])
    assert outcome == "refused"
    assert await desk.db.tuples(holding, (desk.accounts[0],)) == []
    assert await desk.db.value(reserved, (desk.accounts[0],)) == 0
    assert await desk.send([item(desk, 0, "5", reserve="2000", **short)]) == [("taken", None)]
    [(outcome, _)] = await desk.send([item(desk, 0, "6", reserve="200001", **short)])
    assert outcome == "refused"
    assert await desk.db.tuples(holding, (desk.accounts[0],)) == [(0, 0, 0, 5)]
    assert await desk.db.value(reserved, (desk.accounts[0],)) == 2000


async def test_an_order_that_waits_is_kept_here_and_one_that_is_refused_waits_for_nothing(database: Database) -> None:
    await make_market(database)
    desk = await make_seat(database)
    waits = {"held": True, "cond_symbol": "MSFT", "cond_relation": "at_or_above", "cond_price": "1", "reserve": "1"}
    for qty, more in (("1", waits), ("2", waits | {"refusal": "No."}), ("3", waits | {"held": False})):
        await desk.send([item(desk, 0, qty, **more)])
    kept = "SELECT o.held, (SELECT b.kind FROM outbox b WHERE b.order_id = o.id) FROM trade_order o ORDER BY o.qty"
    assert await database.tuples(kept) == [(True, "wait"), (False, None), (False, "submit")]
