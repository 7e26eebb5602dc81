"""Reads our Dockerfile and carries out its steps in a folder, for machines that have no container engine."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from starkmatter.version import ROOT_DIR

INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$", re.DOTALL)
MAPPED = ("/app", "/data")
BUILD_SECS = 600


def instructions(path: Path) -> list[tuple[str, str]]:
    """(INSTRUCTION, rest) pairs, with continued lines joined and comments dropped."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [match.groups() for line in text.splitlines() if (match := INSTRUCTION.match(line))]


def let_in(ignore_file: Path, path: str) -> bool:
    """Whether .dockerignore lets `path` into the build; enough for a file that begins with * and lists exceptions."""
    allowed = [line[1:].rstrip("/") for line in ignore_file.read_text().splitlines() if line.startswith("!")]
    return any(path == name or path.startswith(name + "/") for name in allowed)


@dataclass
class Built:
    """What the last stage of the Dockerfile leaves: its folder in place of /, and how to start it."""

    root: Path
    workdir: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)

    def real(self, text: str) -> str:
        """`text` with the image's folders replaced by ours."""
        for folder in MAPPED:
            text = re.sub(rf"(?<![\w.-]){folder}(?=[/\s:;&]|$)", f"{self.root}{folder}", text)
        return text

    def path(self, name: str) -> Path:
        return self.root / (Path(self.workdir) / name).relative_to("/")

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "HOME", "LANG", "SSL_"))}
        base = {"PATH": f"{self.root / 'shims'}:{Path(sys._base_executable).parent}:/usr/bin:/bin"}
        expanded = {name: self.real(value.replace("$PATH", base["PATH"])) for name, value in self.env.items()}
        return {**kept, **base, **expanded, **(more or {})}


def carry_out(dockerfile: Path, root: Path) -> Built:
    """Run every step of every stage; the state of the last stage."""
    (root / "shims").mkdir(parents=True)
    for name in ("useradd", "chown"):
        (root / "shims" / name).write_text("#!/bin/sh\n")
        (root / "shims" / name).chmod(0o755)
    (root / "shims" / "python").symlink_to(sys._base_executable)
    stage = Built(root)
    for name, rest in instructions(dockerfile):
        if name == "FROM":
            stage = Built(root)
        elif name == "WORKDIR":
            stage.workdir = rest
            stage.path("").mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            _copy(stage, rest)
        elif name == "RUN":
            _run(stage, rest)
        elif name == "ENV":
            stage.env |= dict(part.split("=", 1) for part in shlex.split(rest))
        elif name == "USER":
            stage.user = rest
        elif name == "VOLUME":
            stage.volumes.append(rest)
        elif name == "EXPOSE":
            stage.ports.append(rest)
        elif name == "HEALTHCHECK":
            stage.health = json.loads(rest.split("CMD", 1)[1])
        elif name == "CMD":
            stage.command = json.loads(rest)
        else:
            assert name in {"LABEL", "STOPSIGNAL"}, f"the test does not know {name}"
    return stage


def _copy(stage: Built, rest: str) -> None:
    *sources, target = rest.split()
    if sources[0].startswith("--from="):
        return  # the earlier stage worked in the same folder
    for source in sources:
        assert let_in(ROOT_DIR / ".dockerignore", source), f".dockerignore keeps {source} out"
        into = stage.path(target) / source if target.endswith("/") else stage.path(target)
        into.parent.mkdir(parents=True, exist_ok=True)
        stage.copied.append(source)
        if (ROOT_DIR / source).is_dir():
            shutil.copytree(ROOT_DIR / source, into, ignore=shutil.ignore_patterns("__pycache__", "external"))
        else:
            shutil.copy(ROOT_DIR / source, into)


def _run(stage: Built, rest: str) -> None:
    command = stage.real(re.sub(r"--mount=\S+\s*", "", rest))
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=stage.path(""),
        env=stage.environment(),
        capture_output=True,
        text=True,
        timeout=BUILD_SECS,
    )
    assert done.returncode == 0, f"RUN {rest}\n{done.stdout}{done.stderr}"
