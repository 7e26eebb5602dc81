"""Where tests keep databases for a moment: in memory when there is enough, else where temporary files go.

A database of its own for each test is some 300 small files; on a disk they cost ten times what the test does.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2_000_000_000


def fast_folder() -> str | None:
    """For the `dir` of tempfile's functions."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return str(MEMORY) if free > ENOUGH_BYTES and os.access(MEMORY, os.W_OK | os.X_OK) else None


@contextmanager
def home_folder() -> Iterator[Path]:
    """A short path, as people use: pytest's own temporary folders are long and closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="sm-", dir=fast_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
