"""How long a start takes and how much memory the idle product needs, printed for docs/performance.md."""

import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.ops.instance import running_instance

pytestmark = [pytest.mark.nightly, pytest.mark.process]

SECOND_START_SECS = 5.0
IDLE_MB = 500


def test_second_start_and_idle_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Path(tempfile.mkdtemp(prefix="sm-", dir=tmp_path)) / "home"
    took_secs = []
    memory: dict[int, tuple[float, str]] = {}
    for attempt in range(3):
        started_at = time.monotonic()
        with running_instance(home, tmp_path / f"{attempt}.log") as instance:
            instance.wait_for_page()
            took_secs.append(time.monotonic() - started_at)
            instance.wait_until_ready()
            time.sleep(5)
            memory = {
                process.pid: (_megabytes(process), " ".join(process.cmdline())[-40:])
                for process in instance.processes()
            }
    total_mb = sum(megabytes for megabytes, _ in memory.values())
    with capsys.disabled():
        print("\nfirst page, s:", " ".join(f"{secs:.2f}" for secs in took_secs))
        for megabytes, name in sorted(memory.values(), reverse=True):
            print(f"{megabytes:8.1f} MB  {name}")
        print(f"{total_mb:8.1f} MB  together")
    assert took_secs[-1] < SECOND_START_SECS
    assert total_mb < IDLE_MB


def _megabytes(process: psutil.Process) -> float:
    """Memory of this process with shared pages counted in shares (Linux), else what it alone uses."""
    full = process.memory_full_info()
    return float(getattr(full, "pss", full.uss)) / 1e6
