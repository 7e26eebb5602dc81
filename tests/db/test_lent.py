"""The databases that tests hand on: nothing of one test is in the next one's."""

import psycopg
import pytest

from tests.engines import TestEngines
from tests.lent import FREE, Lent

ROWS = (
    "INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)"
    " SELECT gen_random_uuid(), n || '@example.org', 'n', 'trader', '', now() FROM generate_series(1, 3) n",
    "INSERT INTO outbox (kind, order_id, venue, created_at) VALUES ('submit', gen_random_uuid(), 'replay', now())",
)
MORE_THAN_ROWS = (
    "CREATE TABLE left_over (id int)",
    "ALTER TABLE ledger_entry DISABLE TRIGGER USER",
    "ALTER TABLE app_user ALTER email DROP NOT NULL",
    "ALTER TABLE account NO FORCE ROW LEVEL SECURITY",
    "GRANT SELECT ON account TO PUBLIC",
    "UPDATE news_feed SET enabled = NOT enabled",
    "DROP INDEX order_event_booked",
    "CREATE OR REPLACE FUNCTION sees_account(p_account uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
)


@pytest.fixture
def lent(engines: TestEngines) -> Lent:
    return Lent.make(engines)


def test_rows_and_numbers_are_as_in_the_beginning(engines: TestEngines, lent: Lent) -> None:
    for _ in range(2):
        with psycopg.connect(engines.database_url(lent.name), autocommit=True) as db:
            for one in ROWS:
                db.execute(one)
            assert db.execute("SELECT id FROM outbox").fetchall() == [(1,)]
        assert lent.is_as_new()
    with psycopg.connect(engines.database_url(lent.name)) as db:
        assert db.execute("SELECT count(*) FROM app_user").fetchone() == (0,)
    lent.end()


@pytest.mark.parametrize("change", MORE_THAN_ROWS)
def test_more_than_rows_ends_it(engines: TestEngines, lent: Lent, change: str) -> None:
    with psycopg.connect(engines.database_url(lent.name), autocommit=True) as db:
        db.execute(change)
    assert not lent.is_as_new()
    lent.end()


def test_who_is_still_there_is_sent_away(engines: TestEngines, lent: Lent) -> None:
    left = psycopg.connect(engines.database_url(lent.name), autocommit=True)
    left.execute("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
    assert lent.is_as_new()
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    assert lent not in FREE
    lent.end()
