"""The commands that look at an instance or fail before it: plain answers, useful exit codes, no traceback."""

import json
from pathlib import Path

import pytest

from starkmatter.version import VERSION
from tests.ops.instance import starkmatter

pytestmark = pytest.mark.process


def test_version_is_the_one_of_the_changelog(tmp_path: Path) -> None:
    assert starkmatter("--version", home=tmp_path / "home").stdout.strip() == VERSION


def test_doctor_reports_as_json_what_is_missing_and_creates_nothing(tmp_path: Path) -> None:
    done = starkmatter("doctor", "--json", home=tmp_path / "home")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["ok"] is False
    assert report["configured"]["database"] == "embedded"
    assert {part["name"]: part["ok"] for part in report["parts"]}["instance"] is False
    assert not (tmp_path / "home").exists()


def test_doctor_sees_external_engines_and_hides_their_passwords(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    more = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    done = starkmatter("doctor", "--json", home=tmp_path / "home", more=more)
    parts = {part["name"]: part["ok"] for part in json.loads(done.stdout)["parts"]}
    assert parts["database"]
    assert parts["cache"]
    assert not parts["web"]
    for url in more.values():
        assert url.split("@")[0].rsplit(":", 1)[1] not in done.stdout


@pytest.mark.parametrize("verb", ["web", "worker"])
def test_single_process_without_engines_says_what_is_missing(tmp_path: Path, verb: str) -> None:
    done = starkmatter(verb, home=tmp_path / "home")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "starkmatter: DATABASE_URL and REDIS_URL not set: `starkmatter run` starts the embedded engines."
    )


def test_schema_newer_than_the_code_ends_with_code_3(tmp_path: Path, database_url: str) -> None:
    import psycopg

    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = starkmatter("migrate", home=tmp_path / "home", more={"DATABASE_URL": database_url})
    assert done.returncode == 3
    assert "newer than this StarkMatter" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
