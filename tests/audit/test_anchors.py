"""The head of the log outside of the database: hourly, in a file and by webhook; and what `audit verify` says of it."""

import hashlib
import hmac
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from redis.asyncio import Redis

from starkmatter.accounts.audit.anchors import FILE_NAME, read_anchors, set_aside_anchors
from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import append, event, note
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, Conflict
from starkmatter.jobs.audit import anchor_log
from starkmatter.settings import load_settings
from tests.audit.test_chain import superuser
from tests.engines import TestEngines
from tests.ops.instance import starkmatter


class Hook:
    """What a receiver heard: bodies and signatures. `status` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.status = 204
        self.port = 0


@contextmanager
def receiver() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.heard.append((body, self.headers["x-starkmatter-signature"]))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def fill(b: Backends, count: int = 20) -> None:
    await append(b, [event(SYSTEM, "job.asked", ("job", number)) for number in range(count)])


def superuser_runs(engines: TestEngines, database_url: str, statement: str) -> None:
    with superuser(engines, database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)  # type: ignore[arg-type]


async def test_the_head_is_written_down_for_us_alone_and_only_when_it_moved(b: Backends) -> None:
    assert await anchor_log(b) == "0 events, whole"
    assert read_anchors(b.settings.home) == []
    await fill(b)
    for _ in range(2):
        assert await anchor_log(b) == "20 events, whole"
    await note(b, SYSTEM, "job.asked")
    await anchor_log(b)
    assert [one.sequence for one in read_anchors(b.settings.home)] == [20, 21]
    assert stat.S_IMODE((b.settings.home / FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        # Two new rows took the place of those cut off.
        ("DELETE FROM audit_event WHERE sequence > 15", "Row 18 is missing.*Rows after 0 may be others"),
        ("DELETE FROM audit_event WHERE sequence > 18", "Row 20 is not the one that was anchored.*Rows after 0 may"),
        ("UPDATE audit_event SET ip = 'x' WHERE sequence = 3", "Row 3 was changed"),
    ],
)
async def test_a_log_that_is_not_whole_fails_the_job_by_name_and_is_not_anchored(
    engines: TestEngines, database_url: str, b: Backends, statement: str, words: str
) -> None:
    await fill(b)
    await anchor_log(b)
    superuser_runs(engines, database_url, statement)
    await fill(b, 2)
    with pytest.raises(Conflict, match=words):
        await anchor_log(b)
    assert len(read_anchors(b.settings.home)) == 1


async def test_the_webhook_gets_each_head_signed(database: Database, cache: Redis, tmp_path: Path) -> None:
    with receiver() as hook:
        b = with_hook(database, cache, tmp_path, hook, allow=True)
        await fill(b)
        assert await anchor_log(b) == "20 events, whole"
        ((body, signed),) = hook.heard
        secret = (tmp_path / "secrets" / "audit_webhook").read_text().strip()
        assert signed == "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert json.loads(body)["sequence"] == 20
        hook.status = 500
        assert "the webhook did not take its head" in await anchor_log(b)
    assert len(read_anchors(tmp_path)) == 1


async def test_the_webhook_is_no_way_into_the_inside(database: Database, cache: Redis, tmp_path: Path) -> None:
    with receiver() as hook:
        b = with_hook(database, cache, tmp_path, hook, allow=False)
        await fill(b)
        assert "the webhook did not take its head" in await anchor_log(b)
        assert hook.heard == []


def with_hook(database: Database, cache: Redis, home: Path, hook: Hook, *, allow: bool) -> Backends:
    changes = {
        "STARKMATTER_HOME": str(home),
        "STARKMATTER_AUDIT_WEBHOOK": f"http://127.0.0.1:{hook.port}/anchors",
        "STARKMATTER_EGRESS_ALLOW": f"127.0.0.1:{hook.port}" if allow else "",
    }
    return Backends(load_settings(changes), database, cache)


@pytest.mark.parametrize("url", ["http://example.org/hook", "ftp://example.org", "example.org", "file:///etc/passwd"])
def test_an_unsafe_webhook_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="STARKMATTER_AUDIT_WEBHOOK"):
        load_settings({"STARKMATTER_AUDIT_WEBHOOK": url})


def test_a_line_of_the_file_that_is_no_anchor_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"sequence": 1, "hash": "00", "at": "2026-11-26T00:00:00+00:00"}\nnothing\n')
    with pytest.raises(ConfigError, match="line 2"):
        read_anchors(tmp_path)


def test_anchors_that_were_set_aside_are_kept(tmp_path: Path) -> None:
    assert set_aside_anchors(tmp_path, utc_now()) is None
    (tmp_path / FILE_NAME).write_text("x")
    aside = set_aside_anchors(tmp_path, utc_now())
    assert aside is not None
    assert aside.read_text() == "x"
    assert read_anchors(tmp_path) == []


@pytest.mark.process
async def test_verify_says_whole_or_names_the_first_bad_row(
    engines: TestEngines, database_url: str, b: Backends
) -> None:
    more = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url}
    await fill(b)
    await anchor_log(b)
    done = starkmatter("audit", "verify", home=b.settings.home, more=more)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The audit log is whole: 20 events, held against 1 anchors")
    superuser_runs(engines, database_url, "DELETE FROM audit_event WHERE sequence > 18")
    done = starkmatter("audit", "verify", "--json", home=b.settings.home, more=more)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["whole"], said["bad_sequence"], said["count"]) == (False, 19, 18)


def test_the_role_of_the_product_is_not_one_that_goes_around_triggers(database_url: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SET session_replication_role = replica")
