"""From `starkmatter run` to the first page, in a fresh home and in a used one, against a bare uvicorn in this Python.

The front end is built beforehand. A fresh home needs initdb, migrations and the price history; the first page waits for
the migrations only, the market for all of it.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.table import Row
from starkmatter.ops.frontend import build_frontend
from starkmatter.settings import Settings
from tests.ops.instance import free_port, running_instance

WARM_SECS = 5.0
WARM_STARTS = 3
FLOOR_STARTS = 3
GIVE_UP_SECS = 60.0
HELLO = """
import sys, uvicorn
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", lifespan="off")
"""


def run() -> list[Row]:
    """Cold once, warm as the median of three."""
    folder = Path(tempfile.mkdtemp(prefix="sm-bench-"))
    try:
        build_frontend(Settings(STARKMATTER_HOME=str(folder / "home"), _env_file=None))
        floor_secs = _median([_hello_secs() for _ in range(FLOOR_STARTS)])
        cold_page_secs, cold_market_secs = _start_secs(folder / "home", folder / "cold.log")
        warm = [_start_secs(folder / "home", folder / f"warm{number}.log") for number in range(WARM_STARTS)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    warm_page_secs = _median([page for page, _ in warm])
    warm_market_secs = _median([market for _, market in warm])
    floor = f"{floor_secs:.2f} s bare uvicorn"
    return [
        Row("warm start to the first page", f"{warm_page_secs:.2f} s", "5 s", warm_page_secs / WARM_SECS, 1.0),
        Row("warm start to the first page, vs floor", f"{warm_page_secs:.2f} s", floor, warm_page_secs / floor_secs),
        Row("warm start to a trading market", f"{warm_market_secs:.2f} s", floor, warm_market_secs / floor_secs),
        Row("cold start to the first page", f"{cold_page_secs:.2f} s", floor, cold_page_secs / floor_secs),
        Row("cold start to a trading market", f"{cold_market_secs:.2f} s", floor, cold_market_secs / floor_secs),
    ]


def _median(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def _start_secs(home: Path, log: Path) -> tuple[float, float]:
    """Seconds to the first page, and to /readyz, which wants a worker and fresh quotes."""
    started = time.perf_counter()
    with running_instance(home, log) as instance:
        instance.wait_for_page()
        page_secs = time.perf_counter() - started
        instance.wait(lambda: instance.get("/readyz") == 200, "readiness", GIVE_UP_SECS)
        market_secs = time.perf_counter() - started
        instance.stop()
    return page_secs, market_secs


def _hello_secs() -> float:
    port = free_port()
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", HELLO, str(port)]) as process:  # noqa: S603 - our own argv
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - started > GIVE_UP_SECS:
                    raise RuntimeError("the bare server did not start")
                time.sleep(0.01)
            return time.perf_counter() - started
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
