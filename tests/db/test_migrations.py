"""The schema: one head, up and down and up again, equal to the models, exact figures, aware instants."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from starkmatter.db.migrate import alembic_config, migrate, sqlalchemy_url
from starkmatter.errors import ConfigError

LEDGER_TABLES = ("account", "trade_order", "fill", "holding", "ledger_entry", "equity_snapshot")


def run(url: str, verb, *arguments: str) -> None:
    config: Config = alembic_config()
    with create_engine(sqlalchemy_url(url), poolclass=pool.NullPool).connect() as connection:
        config.attributes["connection"] = connection
        verb(config, *arguments)
        connection.commit()


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_the_migrated_schema_is_the_one_the_models_describe(database_url: str) -> None:
    run(database_url, command.check)


def test_every_migration_goes_down_and_up_again(database_url: str) -> None:
    before = tables(database_url)
    run(database_url, command.downgrade, "base")
    assert tables(database_url) == {"alembic_version"}
    run(database_url, command.upgrade, "head")
    assert tables(database_url) == before
    run(database_url, command.check)


def test_two_processes_that_migrate_at_once_do_it_once(database_url: str) -> None:
    run(database_url, command.downgrade, "base")
    with ThreadPoolExecutor(2) as both:
        heads = list(both.map(migrate, [database_url] * 2))
    assert heads[0] == heads[1]
    run(database_url, command.check)


def test_a_schema_newer_than_the_code_is_refused_with_its_own_exit_code(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_future'")
    with pytest.raises(ConfigError, match="newer than this StarkMatter") as refused:
        migrate(database_url)
    assert refused.value.exit_code == 3


def test_an_unreachable_database_is_one_clear_sentence() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL: cannot connect"):
        migrate("postgresql://nobody:secret-word@127.0.0.1:9/none")


def test_no_money_column_is_a_float_and_no_instant_is_naive(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).fetchall()
    floats = [(table, name) for table, name, kind in columns if kind in {"double precision", "real", "money"}]
    assert [pair for pair in floats if pair[0] in LEDGER_TABLES] == []
    assert [(table, name) for table, name, kind in columns if kind == "timestamp without time zone"] == []
    assert {kind for table, name, kind in columns if (table, name) == ("account", "cash")} == {"numeric"}


@pytest.mark.parametrize("table", ["ledger_entry", "fill", "order_event"])
def test_what_was_booked_can_be_neither_changed_nor_removed(database_url: str, table: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        triggers = connection.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", (table,)
        ).fetchall()
        assert {row[0] for row in triggers} >= {f"{table}_append_only", f"{table}_no_truncate"}
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"TRUNCATE {table} CASCADE")


def test_an_account_that_is_signed_out_is_away_for_a_version_that_knows_no_such_state(database_url: str) -> None:
    script = ScriptDirectory.from_config(alembic_config()).get_revision("0033_signed_out")
    assert script is not None
    row = "INSERT INTO broker_account (account_id, broker, state) VALUES (gen_random_uuid(), 'schwab', 'signed_out')"
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE broker_account DROP CONSTRAINT broker_account_account_id_fkey")
        connection.execute(row)
    run(database_url, command.downgrade, str(script.down_revision))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT state FROM broker_account").fetchall() == [("away",)]
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(row)
    run(database_url, command.upgrade, "head")
    with psycopg.connect(database_url) as connection:
        connection.execute(row)
