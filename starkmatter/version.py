"""The version, read once from CHANGELOG.md so that it is written in one place only."""

import re
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent
ROOT_DIR = PACKAGE_DIR.parent


def read_version(changelog: Path = ROOT_DIR / "CHANGELOG.md") -> str:
    """The newest released or pending version: the first `## x.y.z` heading."""
    match = re.search(r"^## (\d+\.\d+\.\d+)", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"{changelog} has no '## x.y.z' heading")
    return match.group(1)


VERSION = read_version()
