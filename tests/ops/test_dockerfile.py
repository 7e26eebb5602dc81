"""The image: its own steps build a working instance that needs no builder, no root and one volume."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from starkmatter.ops.frontend import build_frontend
from starkmatter.settings import load_settings
from starkmatter.version import ROOT_DIR
from tests.ops.dockerfile import Built, carry_out, instructions, let_in
from tests.ops.instance import free_port
from tests.ram import fast_folder

DOCKERFILE = ROOT_DIR / "Dockerfile"


@pytest.fixture(scope="module", params=["kept", "anew"])
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    """The first image finds the front end that this run has built: it takes it only for the very same sources."""
    folder = Path(tempfile.mkdtemp(prefix="sm-image-", dir=fast_folder()))
    folder.chmod(0o755)
    if request.param == "kept":
        kept = build_frontend(load_settings({})).parent
        shutil.copytree(kept, folder / "app" / "build" / "frontend" / kept.name, symlinks=True)
    yield carry_out(DOCKERFILE, folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_image_runs_as_nobody_special_with_one_volume_and_one_port() -> None:
    steps = dict(instructions(DOCKERFILE))
    assert steps["USER"] == "10001"
    assert steps["VOLUME"] == "/data"
    assert steps["EXPOSE"] == "3000"
    assert steps["CMD"] == '["starkmatter", "run"]'


@pytest.mark.parametrize("path", [".git", ".env", "data", "tests", ".venv", "docs"])
def test_secrets_data_and_sources_of_no_use_stay_out_of_the_image(path: str) -> None:
    assert not let_in(ROOT_DIR / ".dockerignore", path)


@pytest.mark.nightly
@pytest.mark.process
@pytest.mark.timeout(600)  # it installs every package anew
def test_image_serves_pages_without_building_and_reports_its_health(built: Built) -> None:
    port = str(free_port())
    more = {"STARKMATTER_PORT": port, "STARKMATTER_LOG_FORMAT": "json", "HOME": "/nonexistent"}
    environment = built.environment(more)
    log = built.root / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            built.command, cwd=built.path(""), env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(built.health, cwd=built.path(""), env=environment).returncode != 0:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert "Building" not in log.read_text()
        assert not (built.root / "app" / "build" / "frontend" / "work").exists()
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert {"postgres", "run", "secrets"} <= {path.name for path in (built.root / "data").iterdir()}
    assert subprocess.run(built.health, cwd=built.path(""), env=environment).returncode == 1
