"""Databases that go from test to test, emptied of what the last one wrote: half the price of a new one.

Whatever a test did beside writing rows (a table, a trigger, a function, a row that every database begins with) ends its
database; so do many rows, and a while of use, since what was deleted still takes room.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.engines import TestEngines, create_database, drop_database

USES = 100
ROWS = 5_000
WAIT_MS = 2_000
FREE: list["Lent"] = []

# All that is no row of a table: how many there are, the newest, and what can change in its place.
FORM = """
SELECT (SELECT (count(*), max(oid), sum(relrowsecurity::int + 2 * relforcerowsecurity::int),
                sum(hashtext(relacl::text))) FROM pg_class)::text,
       (SELECT (count(*), max(oid), sum(hashtext(prosrc))) FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace)::text,
       (SELECT (count(*), max(oid), sum(ascii(tgenabled))) FROM pg_trigger)::text,
       (SELECT (count(*), max(oid)) FROM pg_constraint)::text,
       (SELECT (count(*), max(oid)) FROM pg_policy)::text,
       (SELECT (count(*), max(oid)) FROM pg_attrdef)::text,
       (SELECT (count(*), sum(attnotnull::int), sum(attisdropped::int)) FROM pg_attribute)::text
"""
TABLES = """
SELECT oid::regclass::text FROM pg_class
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
"""
SEQUENCES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), last_value, start_value FROM pg_sequences
"""
LEAVE = """
SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, %s)) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass
class Lent:
    """One of them, with a superuser's connection to it for whom no trigger and no foreign key speaks up."""

    engines: TestEngines
    name: str
    own: psycopg.Connection[tuple[Any, ...]]
    uses: int = 0
    began: tuple[Any, ...] = ()
    sequences: frozenset[tuple[str, int | None, int]] = frozenset()

    @classmethod
    def make(cls, engines: TestEngines) -> "Lent":
        """A new copy of the template."""
        name = create_database(engines)
        own = psycopg.connect(make_conninfo(engines.superuser_url, dbname=name), autocommit=True)
        own.prepare_threshold = 0
        own.execute("SET session_replication_role = replica")
        lent = cls(engines, name, own)
        tables = [table for (table,) in own.execute(TABLES)]
        filled = [one for one in tables if own.execute(f"SELECT EXISTS (SELECT FROM {one})").fetchone() == (True,)]
        lines = [
            f"DELETE FROM {one}; GET DIAGNOSTICS n = ROW_COUNT; gone := gone + n;"
            for one in tables
            if one not in filled
        ]
        own.execute(
            "CREATE FUNCTION pg_temp.empty_all() RETURNS bigint LANGUAGE plpgsql AS $$"
            f" DECLARE n bigint; gone bigint := 0; BEGIN {' '.join(lines)} RETURN gone; END $$"
        )
        rows = [f"SELECT md5(string_agg(one::text, ',' ORDER BY one::text)) AS digest FROM {one} one" for one in filled]
        own.execute(
            "CREATE FUNCTION pg_temp.begins() RETURNS text LANGUAGE plpgsql AS $$"
            " BEGIN RETURN (SELECT string_agg(digest, ',' ORDER BY digest)"
            f" FROM ({' UNION ALL '.join(rows)}) AS told); END $$"
        )
        lent.began = lent._state()
        lent.sequences = frozenset(own.execute(SEQUENCES))
        return lent

    def _state(self) -> tuple[Any, ...]:
        """What has to be as in the beginning: the form of everything, and the rows that were there."""
        return self.own.execute(FORM).fetchone(), self.own.execute("SELECT pg_temp.begins()").fetchone()

    def is_as_new(self) -> bool:
        """Empty it of what was written; False where that cannot be done or is not worth it."""
        self.uses += 1
        try:
            if self.uses >= USES or self.own.execute(LEAVE, (WAIT_MS,)).fetchone() != (0,):
                return False
            gone = self.own.execute("SELECT pg_temp.empty_all()").fetchone()
            if gone is None or gone[0] > ROWS or self._state() != self.began:
                return False
            for name, at, start in self.sequences - frozenset(self.own.execute(SEQUENCES)):
                self.own.execute("SELECT setval(%s, %s, %s)", (name, start if at is None else at, at is not None))
        except psycopg.Error:
            return False
        return True

    def end(self) -> None:
        """Drop it."""
        self.own.close()
        drop_database(self.engines, self.name)


@contextmanager
def lent_database(engines: TestEngines) -> Iterator[str]:
    """The address of a database as migrations leave it, whose connections are ended at the end."""
    lent = FREE.pop() if FREE else Lent.make(engines)
    try:
        yield engines.database_url(lent.name)
    finally:
        if lent.is_as_new():
            FREE.append(lent)
        else:
            lent.end()


def leave_all() -> None:
    """No connection stays open when the server ends."""
    while FREE:
        FREE.pop().own.close()
