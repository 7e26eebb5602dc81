"""What the database refuses, whoever writes it: rows that no function of ours writes, alone and among sound ones."""

import itertools
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from starkmatter.db.database import Database
from tests.builders import make_account, make_caller, make_market
from tests.trading.stored_orders import NOTHING, order_row, store_orders

SOUND = ("assets:cash:USD:2", "equity:trading:USD:-2")
UNSOUND: list[tuple[dict[str, Any], str]] = [
    ({"qty": 0}, "trade_order_qty_positive"),
    ({"filled_qty": -1}, "trade_order_filled_within_qty"),
    ({"filled_qty": 11}, "trade_order_filled_within_qty"),
    ({"limit_price": 5}, "trade_order_limit_price_fits_type"),
    ({"type": "limit"}, "trade_order_limit_price_fits_type"),
    ({"type": "stop_limit", "stop_price": 5}, "trade_order_limit_price_fits_type"),
    ({"stop_price": 5}, "trade_order_stop_price_fits_type"),
    ({"type": "stop"}, "trade_order_stop_price_fits_type"),
    ({"type": "trailing_stop"}, "trade_order_trail_fits_type"),
    ({"type": "trailing_stop", "trail_amount": 1, "trail_percent": 1}, "trade_order_trail_fits_type"),
    ({"trail_amount": 1}, "trade_order_trail_fits_type"),
    ({"group_id": UUID(int=1)}, "trade_order_group_has_roles"),
    ({"role": "entry"}, "trade_order_group_has_roles"),
    ({"group_id": UUID(int=1), "role": "third"}, "trade_order_group_has_roles"),
    ({"cond_symbol": "MSFT"}, "trade_order_condition_is_whole"),
    ({"cond_symbol": "MSFT", "cond_price": 1}, "trade_order_condition_is_whole"),
]


@pytest.fixture
async def account(database: Database) -> UUID:
    """An account with money."""
    await make_market(database)
    return await make_account(database, await make_caller(database, "trader"), "100000")


async def _book(db: Database, account_id: UUID, *entries: tuple[str, ...]) -> None:
    """One statement; a leg is `account:commodity:amount`, the account with its own colon."""
    values, params = [], []
    for entry in entries:
        legs = [leg.rsplit(":", 2) for leg in entry]
        values.append("(%s, 'x', 'x', now(), now(), %s, %s, %s::numeric[])")
        params += [account_id, *(list(part) for part in zip(*legs, strict=True))]
    statement = sql.SQL(
        "INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities, amounts)"
        " VALUES "
    ) + sql.SQL(", ").join(map(sql.SQL, values))
    async with db.connection() as connection:
        await connection.execute(statement, params)


async def test_entries_that_only_balance_together_are_refused(account: UUID, database: Database) -> None:
    await _book(database, account, SOUND, SOUND)
    more = ("assets:cash:USD:3", "equity:trading:USD:-2")
    less = ("assets:cash:USD:1", "equity:trading:USD:-2")
    with pytest.raises(psycopg.errors.CheckViolation, match="USD is off by"):
        await _book(database, account, more, less)
    with pytest.raises(psycopg.errors.CheckViolation, match="USD is off by 1"):
        await _book(database, account, SOUND, more, SOUND)
    with pytest.raises(psycopg.errors.CheckViolation, match="is off by"):
        await _book(database, account, SOUND, ("assets:cash:USD:2", "equity:trading:EUR:-2"))
    assert await database.value("SELECT count(*) FROM ledger_entry WHERE kind = 'x'") == 2


async def test_an_entry_with_one_leg_among_whole_ones_is_refused(account: UUID, database: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="two complete legs"):
        await _book(database, account, SOUND, ("assets:cash:USD:0",))


async def test_legs_of_unequal_number_are_refused(account: UUID, database: Database) -> None:
    for accounts, commodities, amounts in (
        ("{a,b,c}", "{USD,USD}", "{2,-2}"),
        ("{a,b}", "{USD,USD,USD}", "{2,-2}"),
        ("{a,b}", "{USD,USD}", "{2,-2,0}"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="two complete legs"):
            await database.run(
                "INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities,"
                " amounts) VALUES (%s, 'x', 'x', now(), now(), %s, %s, %s)",
                (account, accounts, commodities, amounts),
            )


async def test_an_order_that_is_not_sound_is_refused_by_name(account: UUID, database: Database) -> None:
    await store_orders(database, order_row(account))
    for changes, rule in UNSOUND:
        with pytest.raises(psycopg.errors.CheckViolation, match=rule) as refused:
            await store_orders(database, order_row(account), order_row(account, **changes))
        assert refused.value.diag.constraint_name == rule
        changed = sql.SQL("UPDATE trade_order SET {}").format(
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(changes[key])) for key in changes
            )
        )
        with pytest.raises(psycopg.errors.CheckViolation, match=rule):
            async with database.connection() as connection:
                await connection.execute(changed)


def _broken(one: dict[str, Any]) -> str | None:
    """The first rule that an order breaks, as it is said in words."""
    has = {name: one[name] is not None for name in NOTHING}
    kind, trails = one["type"], has["trail_amount"] + has["trail_percent"]
    rules = {
        "filled_within_qty": not 0 <= one["filled_qty"] <= one["qty"],
        "group_has_roles": has["group_id"] != has["role"] or one["role"] not in {None, "entry", "target", "stop"},
        "condition_is_whole": has["cond_symbol"] + has["cond_relation"] + has["cond_price"] in {1, 2},
    }
    if one["status"] != "risk_rejected":
        rules |= {
            "qty_positive": one["qty"] <= 0,
            "limit_price_fits_type": has["limit_price"] != (kind in {"limit", "stop_limit"}),
            "stop_price_fits_type": kind != "trailing_stop" and has["stop_price"] != (kind in {"stop", "stop_limit"}),
            "trail_fits_type": (trails == 1) != (kind == "trailing_stop"),
        }
    return next((f"trade_order_{name}" for name, broken in rules.items() if broken), None)


async def test_which_orders_are_sound_is_as_in_words_for_all_that_can_be_stored(database: Database) -> None:
    nothing = dict.fromkeys(NOTHING) | {"status": "working", "qty": 10, "filled_qty": 0, "type": "market"}
    varied: list[dict[str, tuple[Any, ...]]] = [
        {
            "type": ("market", "limit", "stop", "stop_limit", "trailing_stop"),
            **dict.fromkeys(("limit_price", "stop_price", "trail_amount", "trail_percent"), (None, 1)),
            "status": ("working", "risk_rejected"),
        },
        {"qty": (10, 1, 0, -1), "filled_qty": (-1, 0, 1, 10, 11), "status": ("working", "risk_rejected")},
        {"group_id": (None, UUID(int=1)), "role": (None, "entry", "target", "stop", "third")},
        {"cond_symbol": (None, "MSFT"), "cond_relation": (None, "at_or_above"), "cond_price": (None, 1)},
    ]
    orders = [
        nothing | dict(zip(one, values, strict=True)) for one in varied for values in itertools.product(*one.values())
    ]
    names = ("status", "qty", "filled_qty", "type", *NOTHING)
    ask = f"SELECT order_is_sound({', '.join(f'%({name})s' for name in names)})"
    async with database.connection() as connection:
        await connection.set_autocommit(True)
        for one in orders:
            try:
                found = await (await connection.execute(ask, one)).fetchone()
            except psycopg.errors.CheckViolation as refused:
                found = (refused.diag.constraint_name, refused.diag.table_name)
            broken = _broken(one)
            assert found == ((broken, "trade_order") if broken else (True,)), one
        await connection.set_autocommit(False)


async def test_a_refused_order_may_be_as_wrong_as_it_was_asked_for(account: UUID, database: Database) -> None:
    refused = {"status": "risk_rejected", "qty": 0, "type": "limit", "stop_price": 5, "trail_amount": 1}
    await store_orders(database, order_row(account, **refused))
    with pytest.raises(psycopg.errors.CheckViolation, match="trade_order_qty_positive"):
        await database.run("UPDATE trade_order SET status = 'pending_submit'")


async def test_one_order_of_several_for_an_account_held_elsewhere_is_refused(account: UUID, database: Database) -> None:
    elsewhere = await make_account(database, await make_caller(database, "trader"), "1000")
    await database.run("UPDATE account SET broker = 'tracked' WHERE id = %s", (elsewhere,))
    with pytest.raises(psycopg.errors.RestrictViolation, match="held elsewhere"):
        await store_orders(database, order_row(account), order_row(elsewhere), order_row(account))
    assert await database.value("SELECT count(*) FROM trade_order") == 0
    await store_orders(database, order_row(elsewhere, status="risk_rejected"))


async def test_one_order_of_several_for_real_money_is_refused(account: UUID, database: Database) -> None:
    live = await make_account(database, await make_caller(database, "trader"), "1000")
    async with database.transaction() as connection:
        await connection.execute("ALTER TABLE account DISABLE TRIGGER account_mode_is_fixed")
        await connection.execute("UPDATE account SET mode = 'live' WHERE id = %s", (live,))
        await connection.execute("ALTER TABLE account ENABLE TRIGGER account_mode_is_fixed")
    with pytest.raises(psycopg.Error, match="Live trading is off") as refused:
        await store_orders(database, order_row(account), order_row(live), order_row(account))
    assert refused.value.sqlstate == "SM001"
    assert await database.value("SELECT count(*) FROM trade_order") == 0
