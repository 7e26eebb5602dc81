"""Finds the system's Chromium for the browser tests; run as a module, installs it where that is allowed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The shell without windows draws the same pages for less than half of the processor's time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MAC_APPS = ("Chromium.app/Contents/MacOS/Chromium", "Google Chrome.app/Contents/MacOS/Google Chrome")
LIGHT = NAMES[0]
INSTALLERS = {
    "apt-get": ("apt-get install -y --no-install-recommends {}", (LIGHT, "chromium")),
    "dnf": ("dnf install -y {}", ("chromium",)),
    "apk": ("apk add {}", ("chromium",)),
    "brew": ("brew install --cask {}", ("chromium",)),
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
    installer = next((name for name in INSTALLERS if shutil.which(name)), "")
    command, packages = INSTALLERS.get(installer, ("", ()))
    allowed = os.geteuid() == 0 or installer == "brew"
    lighter = allowed and LIGHT in packages and not shutil.which(LIGHT) and "STARKMATTER_CHROMIUM" not in os.environ
    if find() and not lighter:
        return 0
    if allowed:
        if installer == "apt-get":
            subprocess.run(["apt-get", "update"])
        for package in packages:
            subprocess.run(command.format(package).split())
            if find():
                return 0
    if not packages:
        print("The browser tests need Chromium: install it, or name it in STARKMATTER_CHROMIUM.", file=sys.stderr)
    else:
        prefix = "" if installer == "brew" else "sudo "
        print(f"The browser tests need Chromium. Run: {prefix}{command.format(packages[-1])}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
