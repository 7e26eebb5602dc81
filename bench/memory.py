"""Memory of the idle product: `web` against a blank Reflex app served the same way, and all processes together.

Shared pages count in shares (PSS), or as what a process alone uses where the system does not tell. The blank app has
one page and one state, the same uvicorn settings and the same built files to serve; both have answered pages. The
modules are compiled beforehand, as from the second start on: a process that compiles them keeps 3 MB of holes.
"""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.table import Row
from starkmatter.ops.frontend import build_frontend, serving_env
from starkmatter.settings import Settings
from starkmatter.version import PACKAGE_DIR
from tests.ops.instance import environment, free_port, running_instance

WEB_TARGET = 1.5
TOGETHER_MB = 500.0
SETTLE_SECS = 6.0
PAGES = ("/", "/login", "/trade/AAPL", "/healthz")
UNWANTED = ("pandas", "numba", "scipy", "matplotlib", "pyarrow")
BLANK_CONFIG = """
import reflex as rx
config = rx.Config(app_name="blank", telemetry_enabled=False, plugins=[rx.plugins.TailwindV4Plugin()],
                   disable_plugins=[rx.plugins.SitemapPlugin])
"""
BLANK_APP = """
import reflex as rx

class State(rx.State):
    count: int = 0

    @rx.event
    def add(self):
        self.count += 1

def index():
    return rx.el.button(State.count, on_click=State.add)

app = rx.App()
app.add_page(index, route="/")
"""
SERVE_BLANK = """
import sys, uvicorn
uvicorn.run("blank.blank:app", factory=True, port=int(sys.argv[1]), loop="asyncio", ws="websockets-sansio",
            log_level="warning", lifespan="on")
"""


def run() -> list[Row]:
    """Web against blank, everything against 500 MB, and each process."""
    folder = Path(tempfile.mkdtemp(prefix="sm-bench-"))
    try:
        compileall.compile_dir(PACKAGE_DIR, quiet=1)
        web = build_frontend(Settings(STARKMATTER_HOME=str(folder / "home"), _env_file=None))
        with _blank(folder / "blank", web) as blank:
            time.sleep(SETTLE_SECS)
            blank_mb = _megabytes(blank)
        with running_instance(folder / "home", folder / "run.log") as instance:
            instance.wait_until_ready()
            for path in PAGES:
                instance.get(path)
            time.sleep(SETTLE_SECS)
            web_process = instance.child("web")
            assert web_process is not None
            web_mb, loaded = _megabytes(web_process), _unwanted(web_process)
            parts = {process.pid: (_name(process), _megabytes(process)) for process in instance.processes()}
            instance.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    together_mb = sum(megabytes for _, megabytes in parts.values())
    rows = [
        Row("memory of web", f"{web_mb:.0f} MB", f"{blank_mb:.0f} MB blank Reflex", web_mb / blank_mb, WEB_TARGET),
        Row("memory of all processes", f"{together_mb:.0f} MB", "500 MB", together_mb / TOGETHER_MB, 1.0),
    ]
    for name in sorted({name for name, _ in parts.values()}):
        figures = [megabytes for other, megabytes in parts.values() if other == name]
        rows.append(Row(f"memory of {name} ({len(figures)})", f"{sum(figures):.0f} MB", ""))
    rows.append(Row("heavy packages in web", ", ".join(loaded) or "none", "none", float(len(loaded)), 0.0))
    return rows


@contextmanager
def _blank(folder: Path, web: Path) -> Iterator[psutil.Process]:
    """A blank Reflex app that serves the built files of `web`."""
    (folder / "blank").mkdir(parents=True)
    (folder / "rxconfig.py").write_text(BLANK_CONFIG)
    (folder / "blank" / "__init__.py").touch()
    (folder / "blank" / "blank.py").write_text(BLANK_APP)
    own = folder / "web"
    own.mkdir()
    (own / "build").symlink_to(web / "build")
    for file in web.glob("*.json"):
        shutil.copyfile(file, own / file.name)
    port = free_port()
    more = {**serving_env(own), "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
    with subprocess.Popen(  # noqa: S603 - our own argv
        [sys.executable, "-c", SERVE_BLANK, str(port)], env=environment(folder / "none", port) | more, cwd=folder
    ) as process:
        try:
            _ask(process, port)
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def _ask(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Until every page has been served once."""
    ends_at = time.monotonic() + 60
    for path in PAGES[:3]:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    answer.read()
                break
            except OSError as error:
                if getattr(error, "code", 0) in {404, 500}:
                    break
                if process.poll() is not None or time.monotonic() > ends_at:
                    raise RuntimeError("the blank app did not start") from None
                time.sleep(0.05)


def _megabytes(process: psutil.Process) -> float:
    full = process.memory_full_info()
    return float(getattr(full, "pss", full.uss)) / 1e6


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline()[:4]).split()
    for name in ("postgres", "valkey", "forkserver", "worker", "web", "run"):
        if any(word == name or name in Path(word).name for word in words) or process.name().startswith(name):
            return {"run": "supervisor"}.get(name, name)
    return process.name()


def _unwanted(process: psutil.Process) -> list[str]:
    """Heavy packages whose compiled parts the process has loaded."""
    maps = {Path(region.path) for region in process.memory_maps()}
    return sorted({name for name in UNWANTED for path in maps if name in path.parts})
