"""The supervisor with real processes: a crash comes back alone, a stop leaves nothing, what is wrong is said."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest
from websockets.sync.client import connect

from starkmatter.ops.forks import can_fork
from starkmatter.ops.frontend import STAGED, built_frontend
from starkmatter.ops.leftovers import LeftBehind
from starkmatter.settings import load_settings
from starkmatter.version import ROOT_DIR
from tests.ops.instance import Instance, running_instance, starkmatter
from tests.ram import home_folder

pytestmark = pytest.mark.process

CHILDREN = ("postgres", "valkey", "worker", "web")
FORKED = {"forkserver": ("forkserver", "worker", "web")} if can_fork() else {}


@contextmanager
def ready_instance(home: Path, log: Path) -> Iterator[Instance]:
    with running_instance(home, log) as started:
        started.wait_for_page()
        started.wait_until_ready()
        yield started


@pytest.fixture
def home() -> Iterator[Path]:
    with home_folder() as folder:
        yield folder / "home"


@pytest.fixture(scope="module")
def watched() -> Iterator[Instance]:
    """The first start of a home. Tests look at it, then one kills its children, then one ends it: in this order."""
    with home_folder() as folder, ready_instance(folder / "home", folder / "run.log") as started:
        started.wait(lambda: started.get("/readyz") == 200, "a market with quotes")
        yield started


@pytest.fixture
def lived_in(watched: Instance) -> Path:
    """A home that was started and is stopped: making one takes longer than most tests here."""
    watched.stop()
    return watched.home


@pytest.fixture
def instance(home: Path, tmp_path: Path, lived_in: Path) -> Iterator[Instance]:
    """An instance of this test alone, which may break it."""
    subprocess.run(["cp", "-a", lived_in, home], check=True)
    with ready_instance(home, tmp_path / "run.log") as started:
        yield started


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Path:
    """The checkout as it is, without a front end. Its compiled modules come along: else each process compiles them."""
    for name in (*STAGED, "requirements.txt", "alembic", "alembic.ini"):
        source, target = ROOT_DIR / name, tmp_path / "checkout" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("external"))
        elif source.exists():
            shutil.copy(source, target)
    return tmp_path / "checkout"


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.nightly)])
def test_a_signal_while_the_front_end_is_built_leaves_no_process(
    home: Path, tmp_path: Path, fresh_checkout: Path, number: signal.Signals
) -> None:
    with running_instance(home, tmp_path / "run.log", root=fresh_checkout) as instance:

        def building() -> bool:
            with suppress(psutil.NoSuchProcess):  # one that was just there
                return any(process.name().startswith(("bun", "node")) for process in instance.processes())
            return False

        instance.wait(building, "the build", within_secs=120)
        processes = instance.processes()
        instance.process.send_signal(number)
        instance.process.wait(10)
        _, alive = psutil.wait_procs(processes, timeout=10)
        assert alive == []


def test_web_and_worker_that_outlived_their_supervisor_are_ended_at_the_next_start(tmp_path: Path) -> None:
    stranger, orphan = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    LeftBehind(tmp_path / "run" / "children").remember("web", orphan.pid)
    LeftBehind(tmp_path / "run" / "children").end_all()
    assert not psutil.pid_exists(orphan.pid)
    orphan.wait()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.nightly
def test_idle_processes_together_stay_under_500_megabytes(watched: Instance) -> None:
    def private_bytes(process: psutil.Process) -> int:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.uss))

    assert sum(private_bytes(process) for process in watched.processes()) < 500e6


def test_a_second_instance_in_the_same_home_is_refused_in_one_line(watched: Instance) -> None:
    refused = starkmatter("run", home=watched.home)
    assert_refused(refused, "STARKMATTER_HOME", "already used by a running StarkMatter")
    assert watched.get("/") == 200


def test_first_start_prints_the_address_and_the_setup_link(watched: Instance) -> None:
    watched.wait(lambda: "one-time link" in watched.text, "the set-up link")
    assert f"http://localhost:{watched.port}/setup?token=" in watched.text
    assert "***" not in watched.text.split("one-time link", 1)[1].splitlines()[0]


def test_doctor_sees_the_running_instance(watched: Instance) -> None:
    done = starkmatter("doctor", "--json", home=watched.home, port=watched.port)
    parts = {part["name"]: part["ok"] for part in json.loads(done.stdout)["parts"]}
    assert parts["web"]
    assert parts["database"]
    assert parts["cache"]


def test_no_secret_is_in_an_argument_or_in_the_log(watched: Instance) -> None:
    secrets = [path.read_text().strip() for path in (watched.home / "secrets").iterdir()]
    assert len(secrets) >= 3
    arguments = [" ".join(process.cmdline()) for process in watched.processes()]
    for secret in secrets:
        assert not any(secret in line for line in arguments)
        assert secret not in watched.text


def test_taken_port_is_refused_in_one_line(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = starkmatter("run", home=home, port=taken.getsockname()[1])
    assert_refused(refused, "STARKMATTER_PORT", "already in use")


def test_home_that_is_a_file_is_refused_in_one_line(home: Path) -> None:
    home.write_text("not a folder")
    assert_refused(starkmatter("run", home=home), "STARKMATTER_HOME", str(home))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none"),
        ("REDIS_URL", "redis://127.0.0.1:1/0"),
    ],
)
def test_unreachable_external_engine_is_refused_in_one_line(home: Path, variable: str, value: str) -> None:
    assert_refused(starkmatter("run", home=home, more={variable: value}), variable)


def test_unsafe_setting_is_refused_before_anything_starts(home: Path) -> None:
    refused = starkmatter("run", home=home, more={"STARKMATTER_HOST": "0.0.0.0"})
    assert_refused(refused, "STARKMATTER_PUBLIC_URL")
    assert not home.exists()


@pytest.mark.nightly
def test_external_engines_need_nothing_but_their_addresses(home: Path, tmp_path: Path) -> None:
    from tests.engines import engines_for_tests, fresh_database

    with engines_for_tests() as engines, fresh_database(engines) as database_url:
        more = {"DATABASE_URL": database_url, "REDIS_URL": engines.redis_url}
        with running_instance(home, tmp_path / "run.log", more=more) as instance:
            instance.wait_for_page()
            instance.wait_until_ready()
            assert instance.child("postgres") is None
            assert instance.child("valkey") is None
            assert instance.stop() == 0


@pytest.mark.nightly
def test_nothing_outside_the_home_changes_its_permissions_and_its_path_may_be_long(home: Path, tmp_path: Path) -> None:
    home.parent.chmod(0o700)
    long = home.parent / ("a" * 60) / ("b" * 60)
    watched = [home.parent, *home.parent.parents, ROOT_DIR, Path(sys.prefix)]
    before = {path: path.stat().st_mode for path in watched}
    with running_instance(long, tmp_path / "run.log") as instance:
        instance.wait_for_page()
        assert instance.stop() == 0
    assert {path: path.stat().st_mode for path in watched} == before
    assert stat.S_IMODE(long.stat().st_mode) == 0o700
    open_to_others = [path for path in long.iterdir() if path.is_dir() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert [path.name for path in open_to_others] in ([], ["frontend"])


def test_an_event_nobody_handles_leaves_one_short_line_in_the_log(watched: Instance) -> None:
    origin = f"http://localhost:{watched.port}"
    url = f"ws://127.0.0.1:{watched.port}/_event/?token={uuid4()}&EIO=4&transport=websocket"
    event = {
        "name": "state.nobody_handles_this",
        "payload": {"x": "hunter22" * 3_000},
        "router_data": {"pathname": "/"},
    }
    before = len(watched.text)
    with connect(url, origin=origin, additional_headers={"Cookie": "session=hunter22"}) as socket:
        socket.send("40/_event,")
        socket.recv(timeout=10)
        socket.recv(timeout=10)
        for _ in range(20):
            socket.send("42/_event," + json.dumps(["event", event]))
        watched.wait(lambda: "Refused an event" in watched.text, "the line about the event")
    assert "hunter22" not in watched.text
    assert len(watched.text) - before < 4_000


def test_sockets_are_in_private_folders_of_the_home_and_no_engine_has_a_port(watched: Instance) -> None:
    for folder, name in (("postgres/run", ".s.PGSQL.5432"), ("run", "valkey.sock")):
        assert (watched.home / folder / name).is_socket()
        assert stat.S_IMODE((watched.home / folder).stat().st_mode) == 0o700
    for engine in ("postgres", "valkey"):
        assert [link for link in watched.child(engine).net_connections("inet") if link.status == "LISTEN"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_as_root_only_postgres_is_somebody_else(watched: Instance) -> None:
    owners = {name: watched.child(name).uids().real for name in CHILDREN}
    assert owners.pop("postgres") != 0
    assert set(owners.values()) == {0}


def test_each_killed_child_comes_back_and_the_others_keep_their_process(watched: Instance) -> None:
    ended = []
    watched.wait(lambda: watched.get("/readyz") == 200, "a market with quotes")
    url = watched.child("web").environ()["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    for name in (*CHILDREN, *FORKED):
        before = {other: watched.child(other) for other in (*CHILDREN, *FORKED)}
        assert all(before.values())
        # With its database connection the worker has lost the lead: it leaves, and begins anew from what is stored.
        gone = {"postgres": ("postgres", "worker"), **FORKED}.get(name, (name,))
        before[name].kill()
        for one in gone:
            watched.wait(lambda one=one, old=before[one]: watched.child(one) not in (None, old), f"a new {one}")
        watched.wait(lambda: watched.get("/readyz") == 200, f"being ready after the death of {name}")
        for other in before.keys() - set(gone):
            assert watched.child(other) == before[other], f"{other} was replaced when {name} died"
        with psycopg.connect(url) as connection:  # what was committed is there, whoever died
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        ended += [f"{one} ended and is started again" for one in gone if one != "forkserver"]
    said = [event["message"] for event in watched.events if "is started again" in event.get("message", "")]
    assert sorted(said) == sorted(ended)
    assert "Traceback" not in watched.text
    # No worker opens its connections so soon: it would be the beat of the one that ended.
    assert all(event["after_secs"] > 0.02 for event in watched.events if event.get("message") == "worker is ready")


def ends_by(instance: Instance, number: signal.Signals) -> None:
    """The signal stops everything within ten seconds and leaves no process."""
    processes = instance.processes()
    assert len(processes) > len(CHILDREN)
    assert instance.stop(number) == 0
    assert [process for process in processes if process.is_running()] == []


def test_a_home_through_a_backup_its_starts_and_its_ends(watched: Instance, tmp_path: Path) -> None:
    """How soon a start answers is measured by `make bench`."""
    home, memo, saved_at = watched.home, watched.home / "run" / "schema", tmp_path / "b.tar"
    saved = starkmatter("backup", str(saved_at), home=home)
    assert saved.returncode == 0, saved.stderr
    assert_refused(starkmatter("restore", str(saved_at), "--replace", home=home), "stop it before restoring")
    kept = memo.read_text()
    ends_by(watched, signal.SIGINT)
    restored = starkmatter("restore", str(saved_at), "--replace", home=home)
    assert restored.returncode == 0, restored.stderr

    with running_instance(home, tmp_path / "second.log") as second:
        second.wait_for_page()
        second.wait_until_ready()
        assert "Building" not in second.text
        assert not any(event.get("process") == "migrate" for event in second.events)
        assert memo.read_text() == kept
        memo.write_text("0" * 64 + " 0001_foundation")
        ends_by(second, signal.SIGTERM)

    # A schema that is not what the last start left is migrated all the same.
    with running_instance(home, tmp_path / "third.log") as third:
        third.wait_until_ready()
        assert "0001_foundation" not in memo.read_text()
        if sys.platform != "linux":
            return  # only Linux ends children with a killed parent at once
        processes = third.processes()
        third.process.kill()
        third.process.wait()
        _, alive = psutil.wait_procs(processes, timeout=10)
        assert alive == []

    with running_instance(home, tmp_path / "fourth.log") as fourth:
        fourth.wait_for_page()


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["worker", "web"])
def test_child_that_hangs_is_replaced(instance: Instance, name: str) -> None:
    hung = instance.child(name)
    time.sleep(6)
    hung.suspend()
    instance.wait(lambda: instance.child(name) not in (None, hung), f"a new {name}", within_secs=150)
    instance.wait(lambda: instance.get("/") == 200, "the page", within_secs=120)


def test_settings_in_an_env_file_reach_every_process(
    home: Path, tmp_path: Path, fresh_checkout: Path, lived_in: Path
) -> None:
    subprocess.run(["cp", "-a", lived_in, home], check=True)
    built = built_frontend(load_settings({"STARKMATTER_HOME": str(home)}))
    if built is not None:  # Of these very sources: once is enough.
        shutil.copytree(built.parent, fresh_checkout / "build" / "frontend" / built.parent.name, symlinks=True)
    (fresh_checkout / ".env").write_text("STARKMATTER_METRICS_TOKEN=0123456789abcdef-from-the-file\n")
    with running_instance(home, tmp_path / "run.log", root=fresh_checkout) as instance:
        instance.wait_for_page()
        for name in ("worker", "web"):
            assert instance.child(name).environ()["STARKMATTER_METRICS_TOKEN"] == "0123456789abcdef-from-the-file"


def ordinary_user() -> tuple[pwd.struct_passwd, str, dict[str, str]]:
    """An unprivileged account, a Python it may run and the environment that finds our packages; skips without one."""
    if os.geteuid() != 0:
        pytest.skip("this run is an ordinary user already; every other test covers it")
    account = pwd.getpwnam("nobody")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    more = {"PYTHONPATH": f"{ROOT_DIR}{os.pathsep}{packages}", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        if _can_run(python, account, more):
            return account, python, more
    pytest.skip("no Python that the account 'nobody' may run with these packages")


def _can_run(python: str, account: pwd.struct_passwd, more: dict[str, str]) -> bool:
    try:
        probe = subprocess.run(
            [python, "-c", "import starkmatter.cli, redis.asyncio, psycopg"],
            env={**os.environ, **more},
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
        )
    except OSError:
        return False
    return probe.returncode == 0


def test_an_ordinary_user_can_run_everything(home: Path, tmp_path: Path) -> None:
    account, python, more = ordinary_user()
    os.chown(home.parent, account.pw_uid, account.pw_gid)
    options = {"python": python, "more": more, "uid": account.pw_uid, "gid": account.pw_gid}
    with running_instance(home, tmp_path / "run.log", **options) as instance:
        instance.wait_for_page()
        instance.wait_until_ready()
        assert {process.uids().real for process in instance.processes()} == {account.pw_uid}
        assert instance.stop() == 0


def test_home_that_is_not_writable_is_refused_in_one_line(home: Path, tmp_path: Path) -> None:
    account, python, more = ordinary_user()
    home.mkdir(mode=0o755)
    home.parent.chmod(0o755)
    options = {"python": python, "more": more, "uid": account.pw_uid, "gid": account.pw_gid}
    with running_instance(home, tmp_path / "run.log", **options) as instance:
        assert instance.process.wait(30) != 0
        assert "STARKMATTER_HOME" in instance.text
        assert "Traceback" not in instance.text


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on standard error with these words, and an exit code that says so."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    line = done.stderr.strip().splitlines()
    assert len(line) == 1, done.stderr
    for word in words:
        assert word in line[0]
