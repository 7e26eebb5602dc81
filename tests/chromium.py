"""Finds the system's Chromium for the browser tests; run as a module, installs it where that is allowed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC_APPS = ("Chromium.app/Contents/MacOS/Chromium", "Google Chrome.app/Contents/MacOS/Google Chrome")
INSTALLERS = {
    "apt-get": ("apt-get update", "apt-get install -y --no-install-recommends chromium"),
    "dnf": ("dnf install -y chromium",),
    "apk": ("apk add chromium",),
    "brew": ("brew install --cask chromium",),
}


def find() -> str | None:
    """The path of a Chromium, or None. STARKMATTER_CHROMIUM names another one."""
    if given := os.environ.get("STARKMATTER_CHROMIUM"):
        return given
    for name in NAMES:
        if path := shutil.which(name):
            return path
    apps = (Path("/Applications") / app for app in MAC_APPS)
    return next((str(app) for app in apps if app.exists()), None)


def main() -> int:
    """Exit code 0 when a Chromium is there now; otherwise say which command brings it."""
    if find():
        return 0
    installer = next((name for name in INSTALLERS if shutil.which(name)), None)
    if installer is None:
        print("The browser tests need Chromium: install it, or name it in STARKMATTER_CHROMIUM.", file=sys.stderr)
        return 1
    commands = INSTALLERS[installer]
    allowed = os.geteuid() == 0 or installer == "brew"
    if not allowed:
        commands = tuple(f"sudo {command}" for command in commands)
    if allowed and all(subprocess.run(command.split()).returncode == 0 for command in commands) and find():
        return 0
    print(f"The browser tests need Chromium. Run: {' && '.join(commands)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
