"""The chain: written by the database, checked outside of it; whatever is done to a row is found and the row named."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from starkmatter.accounts.audit import queries
from starkmatter.accounts.audit.chain import ChainCheck, hash_of
from starkmatter.accounts.audit.reading import check_log
from starkmatter.accounts.audit.records import SYSTEM, Actor, Anchor, ChainRow, Verdict
from starkmatter.accounts.audit.trail import append, event, note
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from tests.engines import TestEngines

ROWS = 1_000
TRIALS = 100
AT = datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)
ODD = {"b": 1, "a": 'ä\n"quoted" ,5:x', "much": Decimal("10.50"), "none": None, "many": [True, {"z": 0, "y": 10**15}]}


def a_chain(count: int = ROWS) -> list[ChainRow]:
    """Sound rows, made in memory."""
    rows: list[ChainRow] = []
    for number in range(1, count + 1):
        before = rows[-1].hash if rows else bytes(32)
        at = AT + timedelta(seconds=number)
        row = ChainRow(
            number, at, None, "Ada", "session", "::1", "job.asked", "job", str(number), None, "{}", None, before, b""
        )
        rows.append(replace(row, hash=hash_of(row)))
    return rows


CHAIN = a_chain()


def check(rows: list[ChainRow], *anchors: Anchor) -> Verdict:
    found = ChainCheck(anchors)
    found.take(rows)
    return found.end()


def anchor_of(row: ChainRow) -> Anchor:
    return Anchor(row.sequence, row.hash.hex(), row.at)


def rechained(rows: list[ChainRow], after: int) -> list[ChainRow]:
    """What somebody makes who computes every later hash anew: sound in itself."""
    made = rows[:after]
    for row in rows[after:]:
        row = replace(row, previous_hash=made[-1].hash if made else bytes(32))
        made.append(replace(row, hash=hash_of(row)))
    return made


def altered(row: ChainRow, dice: random.Random) -> ChainRow:
    """The row with one field changed."""
    changes = {
        "at": row.at + timedelta(microseconds=1),
        "actor_id": uuid4(),
        "actor_name": "Eve",
        "via": "system",
        "ip": "10.0.0.1",
        "action": "job.forgotten",
        "subject_type": "person",
        "subject_id": row.subject_id + "0",
        "before": "{}",
        "after": '{"a": 1}',
        "source": "x/1",
        "previous_hash": bytes(32) if row.sequence > 1 else bytes([1] * 32),
        "hash": bytes([1] * 32),
    }
    name = dice.choice(sorted(changes))
    return replace(row, **{name: changes[name]})


def test_a_chain_nobody_touched_is_whole() -> None:
    verdict = check(CHAIN, anchor_of(CHAIN[499]), anchor_of(CHAIN[-1]))
    assert (verdict.whole, verdict.count, verdict.words) == (True, ROWS, "")
    assert verdict.head == anchor_of(CHAIN[-1])
    assert check([]).whole


def test_an_altered_row_is_named() -> None:
    for seed in range(TRIALS):
        dice = random.Random(seed)
        at = dice.randrange(ROWS)
        assert check([*CHAIN[:at], altered(CHAIN[at], dice), *CHAIN[at + 1 :]]).bad_sequence == at + 1


def test_an_altered_row_with_a_fitting_hash_of_its_own_is_named() -> None:
    for seed in range(TRIALS):
        at = random.Random(seed).randrange(ROWS)
        forged = replace(CHAIN[at], actor_name="Eve")
        forged = replace(forged, hash=hash_of(forged))
        verdict = check([*CHAIN[:at], forged, *CHAIN[at + 1 :]], anchor_of(CHAIN[-1]))
        assert verdict.bad_sequence == at + 1


def test_a_row_that_is_gone_is_named() -> None:
    for seed in range(TRIALS):
        at = random.Random(seed).randrange(ROWS - 1)
        verdict = check([*CHAIN[:at], *CHAIN[at + 1 :]])
        assert (verdict.bad_sequence, verdict.words) == (at + 1, f"Row {at + 1:,} is missing.")


def test_rows_that_change_places_are_named_by_the_first() -> None:
    for seed in range(TRIALS):
        first, second = sorted(random.Random(seed).sample(range(ROWS), 2))
        rows = list(CHAIN)
        rows[first], rows[second] = rows[second], rows[first]
        assert check(rows).bad_sequence == first + 1
        relabeled = list(CHAIN)
        relabeled[first] = replace(CHAIN[second], sequence=first + 1)
        relabeled[second] = replace(CHAIN[first], sequence=second + 1)
        assert check(relabeled).bad_sequence == first + 1


def test_an_end_that_was_cut_off_is_found_by_the_anchor() -> None:
    for seed in range(TRIALS):
        kept = random.Random(seed).randrange(ROWS)
        verdict = check(CHAIN[:kept], anchor_of(CHAIN[kept // 2]), anchor_of(CHAIN[-1]))
        assert verdict.bad_sequence == kept + 1
        assert "Rows were removed" in verdict.words


def test_a_chain_computed_anew_from_a_changed_row_on_is_not_the_one_that_was_anchored() -> None:
    for seed in range(TRIALS):
        at = random.Random(seed).randrange(ROWS)
        rows = rechained([*CHAIN[:at], replace(CHAIN[at], actor_name="Eve"), *CHAIN[at + 1 :]], at)
        assert check(rows).whole, "in itself it is sound"
        anchored = random.Random(seed + 1).randrange(at, ROWS)
        assert check(rows, anchor_of(CHAIN[anchored])).bad_sequence == anchored + 1


# --- the same in the database -----------------------------------------------------------------------------------------


async def test_what_the_database_hashes_is_what_the_check_hashes(b: Backends) -> None:
    """Keys in any order, exact figures, every kind of text, instants to the microsecond."""
    who = Actor("visitor", "2001:db8::1", uuid4(), 'Zoë "Z" O\\Neil\n,3:abc')
    await note(b, who, "person.role_changed", ("person", uuid4()), before=ODD, after={})
    await note(b, SYSTEM, "job.asked")
    await append(b, [event(SYSTEM, "job.asked", at=AT, after={"nul": "a\0b"})])
    rows = await b.db.all(ChainRow, queries.CHAIN_AFTER, (0, 10))
    assert [row.hash for row in rows] == [hash_of(row) for row in rows]
    assert rows[2].at == AT
    assert (rows[1].before, rows[1].actor_id) == (None, None)
    assert (await check_log(b.db, [])).whole


async def test_eight_writers_make_one_chain_without_a_gap(database_url: str, b: Backends) -> None:
    async def write(number: int) -> None:
        for turn in range(20):
            async with db.transaction() as connection:
                await append(connection, [event(SYSTEM, "job.asked", ("job", f"{number}/{turn}")) for _ in range(50)])

    db = Database(database_url, name="writers", max_size=8)
    await db.open()
    await asyncio.gather(*(write(number) for number in range(8)))
    await db.close()
    verdict = await check_log(b.db, [])
    assert (verdict.count, verdict.words) == (8_000, "")
    rows = await b.db.tuples("SELECT count(DISTINCT previous_hash), count(DISTINCT subject_id) FROM audit_event")
    assert rows == [(8_000, 160)]


async def test_what_is_rolled_back_leaves_no_gap(b: Backends) -> None:
    await note(b, SYSTEM, "job.asked")

    async def half() -> None:
        async with b.db.transaction() as connection:
            await note(connection, SYSTEM, "job.asked")
            raise KeyError

    with pytest.raises(KeyError):
        await half()
    await note(b, SYSTEM, "job.asked")
    assert (await check_log(b.db, [])).count == 2


async def test_what_has_a_source_is_written_once(b: Backends) -> None:
    same = [event(SYSTEM, "job.asked", source="x/1") for _ in range(3)]
    assert await append(b, same) == 1
    assert await append(b, [*same, event(SYSTEM, "job.asked", source="x/2")]) == 1


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET ip = 'x'", "DELETE FROM audit_event"])
async def test_no_row_is_changed_or_removed(b: Backends, statement: str) -> None:
    await note(b, SYSTEM, "job.asked")
    with pytest.raises(psycopg.errors.RestrictViolation):
        await b.db.run(statement)
    with pytest.raises(psycopg.errors.RestrictViolation):
        await b.db.run("TRUNCATE audit_event")


TAMPERING: dict[str, tuple[str, int]] = {
    "a changed field": ("UPDATE audit_event SET ip = '10.9.9.9' WHERE sequence = 17", 17),
    "a changed figure in it": ("UPDATE audit_event SET after = '{\"n\": 1}' WHERE sequence = 30", 30),
    "a moved instant": ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE sequence = 40", 40),
    "a row that is gone": ("DELETE FROM audit_event WHERE sequence = 21", 21),
    "a new number": ("UPDATE audit_event SET sequence = 99 WHERE sequence = 50", 50),
    "an end cut off": ("DELETE FROM audit_event WHERE sequence > 12", 13),
    "nothing left": ("DELETE FROM audit_event", 1),
    "a forged row": (
        "UPDATE audit_event e SET actor_name = 'Eve', hash = sha256(previous_hash || audit_canonical("
        "(e.sequence, e.at, e.actor_id, 'Eve', e.via, e.ip, e.action, e.subject_type, e.subject_id, e.before, e.after,"
        " e.source, e.previous_hash, e.hash)::audit_event)) WHERE sequence = 33",
        33,
    ),
}


@pytest.mark.parametrize("case", TAMPERING)
async def test_a_superuser_who_goes_around_the_trigger_is_found(
    engines: TestEngines, database_url: str, b: Backends, case: str
) -> None:
    await append(b, [event(SYSTEM, "job.asked", ("job", number), after={"n": number}) for number in range(50)])
    head = (await check_log(b.db, [])).head
    assert head is not None
    statement, bad_sequence = TAMPERING[case]
    with superuser(engines, database_url) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger fires
        assert connection.execute(sql.SQL(statement)).rowcount  # type: ignore[arg-type]
    assert (await check_log(b.db, [head])).bad_sequence == bad_sequence


def superuser(engines: TestEngines, database_url: str) -> psycopg.Connection:
    name = database_url.rpartition("/")[2].partition("?")[0]
    return psycopg.connect(engines.superuser_url, dbname=name, autocommit=True)


@pytest.mark.parametrize("name", ["passphrase", "new_password", "token", "api_key", "totp_seed", "client_secret"])
def test_a_field_that_is_named_like_a_secret_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="takes no field"):
        event(SYSTEM, "job.asked", after={name: "x"})
    with pytest.raises(ValueError, match="takes no field"):
        event(SYSTEM, "job.asked", before={"deep": {name: "x"}})


@pytest.mark.parametrize("value", [b"bytes", object(), 1.5])
def test_only_plain_values_are_taken(value: object) -> None:
    with pytest.raises(ValueError, match="takes no"):
        event(SYSTEM, "job.asked", after={"x": value})


@pytest.mark.parametrize("make", [lambda: event(SYSTEM, "Role changed"), lambda: event(SYSTEM, "role")])
def test_an_action_is_dotted_words(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="not an action"):
        make()
