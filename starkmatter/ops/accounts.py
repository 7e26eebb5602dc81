"""Which system account PostgreSQL runs under, and which folders that account cannot pass; changes no permission."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from starkmatter.errors import ConfigError

UNPRIVILEGED_NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A system account that a child process is switched to."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Whether this process may do everything, which PostgreSQL refuses to run with."""
    return os.geteuid() == 0


def postgres_account(data: Path) -> Account | None:
    """None as an ordinary user; as root the owner of existing data, else `postgres` or `nobody`."""
    if not is_root():
        return None
    owner = data.stat().st_uid if data.exists() else 0
    if owner:
        return _account_of(owner)
    for name in UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigError("PostgreSQL does not run as root and this system has no account 'postgres' or 'nobody': add one.")


def _account_of(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(f"uid {uid}", uid, uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def blocked_folder(path: Path, account: Account) -> Path | None:
    """The first folder on the way to `path` that `account` cannot pass, judged by the permission bits."""
    resolved = path.resolve()
    for folder in [*reversed(resolved.parents), resolved]:
        if folder.is_dir() and not _may_pass(folder.stat(), account):
            return folder
    return None


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
