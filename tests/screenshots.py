"""Starts a throw-away instance and draws its screens into docs/screenshots: `make screenshots`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.ops.instance import running_instance

SETUP_LINK = re.compile(r"http://\S+/setup\?token=[\w-]+")


def main() -> int:
    """The exit code of the drawing; further arguments go to tests.browser.screens."""
    with (
        tempfile.TemporaryDirectory(prefix="sm-") as folder,
        running_instance(Path(folder) / "home", Path(folder) / "run.log") as instance,
    ):
        instance.wait_until_ready()
        instance.wait(lambda: SETUP_LINK.search(instance.text), "the set-up link")
        link = SETUP_LINK.search(instance.text)
        assert link is not None
        arguments = ["--url", f"http://localhost:{instance.port}", "--setup", link.group()]
        drawing = [sys.executable, "-m", "tests.browser.screens", *arguments, *sys.argv[1:]]
        return subprocess.run(drawing).returncode


if __name__ == "__main__":
    sys.exit(main())
