"""The ways in: make's verbs, the example settings and the container file agree with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from starkmatter.settings import UNPREFIXED, Settings
from starkmatter.version import ROOT_DIR

VERBS = {
    *("run", "test", "test-nightly", "dev", "check", "audit", "bench"),
    *("migrate", "backup", "docs", "image", "lock", "screenshots", "help"),
}


def make(*arguments: str, cwd: Path = ROOT_DIR, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **({"PATH": path} if path else {})}
    program = shutil.which("make") or "make"
    return subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def test_help_lists_every_verb() -> None:
    lines = make("help").stdout.splitlines()
    listed = [line.split()[0] for line in lines if not line.startswith("make[")]
    assert len(listed) == len(VERBS)
    assert set(listed) == VERBS


@pytest.fixture
def poor_path(tmp_path: Path) -> str:
    """A PATH with the usual tools and no Python but those a test adds."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cp", "cmp", "echo", "grep", "sed"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return str(tools)


def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT_DIR / "Makefile", folder)
    shutil.copy(ROOT_DIR / "deploy" / "starkmatter", folder / "deploy")
    return folder


def python_that(poor_path: str, name: str, script: str) -> None:
    program = Path(poor_path) / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_run_without_python_says_which_one_is_needed(tmp_path: Path, poor_path: str) -> None:
    done = make("run", cwd=checkout(tmp_path), path=poor_path)
    assert done.returncode != 0
    assert "StarkMatter needs Python 3.11 or newer" in done.stderr


def test_run_with_an_old_python_only_says_which_one_is_needed(tmp_path: Path, poor_path: str) -> None:
    python_that(poor_path, "python3", "exit 1")
    done = make("run", cwd=checkout(tmp_path), path=poor_path)
    assert "StarkMatter needs Python 3.11 or newer" in done.stderr


def test_run_with_a_python_without_venv_names_the_package(tmp_path: Path, poor_path: str) -> None:
    python_that(poor_path, "python3.12", 'case "$2" in *venv*) exit 1;; esac')
    done = make("run", cwd=checkout(tmp_path), path=poor_path)
    assert "apt-get install python3-venv" in done.stderr


def test_example_settings_name_every_setting_and_no_other() -> None:
    example = (ROOT_DIR / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    known = {UNPREFIXED.get(name, f"STARKMATTER_{name.upper()}") for name in Settings.model_fields}
    assert named == known - {"STARKMATTER_DEBUG"}


def test_container_file_starts_one_container_with_one_volume_on_loopback() -> None:
    compose = (ROOT_DIR / "compose.yaml").read_text(encoding="utf-8")
    assert compose.count("image:") == 1
    assert "data:/data" in compose
    assert "127.0.0.1}:3000:3000" in compose


def test_image_and_checkout_install_with_the_same_pinned_tool() -> None:
    pins = [
        re.findall(r"\buv==[\d.]+", (ROOT_DIR / name).read_text(encoding="utf-8"))
        for name in ("Makefile", "Dockerfile")
    ]
    assert pins[0] == pins[1]
    assert len(pins[0]) == 1
