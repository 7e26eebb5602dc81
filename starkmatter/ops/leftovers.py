"""Remembers which children run, so that a start after a kill -9 ends those that outlived their supervisor."""

import json
from pathlib import Path

import psutil

from starkmatter.ops.home import private_folder

END_SECS = 5.0


class LeftBehind:
    """The children of this home by name, kept in `path`; used only while the home's lock is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._children: dict[str, tuple[int, float]] = {}

    def remember(self, name: str, pid: int) -> None:
        """Note a child; its start time tells it from a later process with the same number."""
        try:
            self._children[name] = (pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return
        private_folder(self._path.parent)
        self._path.write_text(json.dumps(self._children), encoding="ascii")

    def forget(self) -> None:
        """All children ended in order."""
        self._path.unlink(missing_ok=True)

    def end_all(self) -> None:
        """End the web and worker processes of a former supervisor; the engines see to theirs themselves."""
        left = []
        for name, (pid, created_at) in self._read().items():
            try:
                process = psutil.Process(pid)
                if name in ("web", "worker") and abs(process.create_time() - created_at) < 1:
                    process.kill()
                    left.append(process)
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=END_SECS)
        self.forget()

    def _read(self) -> dict[str, tuple[int, float]]:
        try:
            return {name: (int(pid), float(at)) for name, (pid, at) in json.loads(self._path.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
