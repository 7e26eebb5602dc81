"""The home folder: private folders inside it, short socket folders, and the lock that admits one instance."""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starkmatter.errors import ConfigError
from starkmatter.ops.accounts import Account

SOCKET_PATH_MAX_BYTES = 103  # macOS has 104 with the final zero, Linux 108
LOCK_NAME = "instance.lock"


def prepare_home(home: Path) -> None:
    """Create the home (mode 700) when absent; ConfigError when it cannot be written."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ConfigError(f"STARKMATTER_HOME: cannot create {home}: {_reason(error)}.") from None
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(f"STARKMATTER_HOME: {home} is not writable by this user: choose or own another folder.")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def private_folder(path: Path, owner: Account | None = None) -> Path:
    """`path` as a folder of mode 700, owned by `owner` (as root) or by us; ConfigError when it is somebody else's."""
    uid = os.geteuid() if owner is None else owner.uid
    try:
        path.mkdir(mode=0o700)
        if owner is not None:
            os.chown(path, owner.uid, owner.gid)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"Cannot create {path}: {_reason(error)}.") from None
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
        raise ConfigError(f"{path} belongs to somebody else: remove it, or start as the user who owns it.")
    if stat.S_IMODE(status.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def socket_folder(folder: Path, longest_name: str, owner: Account | None = None) -> Path:
    """`folder`, or a private one under the runtime temp folder when a socket in `folder` would have too long a path."""
    if len(os.fsencode(folder / longest_name)) > SOCKET_PATH_MAX_BYTES:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"starkmatter-{digest}"
    return private_folder(folder, owner)


@contextmanager
def only_instance(home: Path) -> Iterator[None]:
    """Hold the home's lock; ConfigError when another instance holds it."""
    prepare_home(home)
    path = home / LOCK_NAME
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"STARKMATTER_HOME: cannot write {path}: {_reason(error)}.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise ConfigError(
                f"STARKMATTER_HOME: {home} is already used by a running StarkMatter (process {holder}): "
                "stop it first, or choose another home."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def running_instance(home: Path) -> int | None:
    """The process id of the instance that holds the home's lock, or None when none does."""
    try:
        handle = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return int(os.pread(handle, 32, 0).decode("ascii", "replace").strip() or 0)
    finally:
        os.close(handle)
    return None
