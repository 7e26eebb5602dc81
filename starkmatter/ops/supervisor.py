"""Starts the engines, the worker and the web process in order, restarts what crashes, and stops everything."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from starkmatter.clock import monotonic_secs
from starkmatter.errors import ConfigError
from starkmatter.ops import relay
from starkmatter.ops.children import Command
from starkmatter.ops.engines import Engines, engines_of
from starkmatter.ops.forks import Forks, can_fork
from starkmatter.ops.frontend import built_frontend
from starkmatter.ops.health import forget_beat, has_beaten
from starkmatter.ops.home import only_instance
from starkmatter.ops.leftovers import LeftBehind
from starkmatter.ops.logging import log_format
from starkmatter.ops.probe import check_cache_reachable, check_database_reachable, check_port_free, http_ok
from starkmatter.ops.schema import SchemaMemo
from starkmatter.ops.supervised import Child, Phase, Process, in_thread, is_ready, ready_within, send_signal
from starkmatter.settings import Settings
from starkmatter.version import ROOT_DIR, VERSION

READY_POLL_SECS = 0.05
ENGINE_START_SECS = 60.0
WEB_START_SECS = 120.0
BACKOFF_SECS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECS = 60.0
WATCH_EVERY_SECS = 5.0
SILENT_SECS = {"worker": 30.0, "web": 60.0}
STOP_SECS = {"web": 3.0, "worker": 3.0, "valkey": 1.5, "postgres": 2.0}
FATAL_EXIT_CODES = (2, 3)
SOURCE_RUN_ENV = {"REFLEX_TELEMETRY_ENABLED": "false", "REFLEX_CHECK_LATEST_VERSION": "false"}

log = structlog.get_logger("starkmatter.supervisor")


class Supervisor:
    """One run of the product in one home. `run()` returns the exit code after everything has stopped."""

    def __init__(self, settings: Settings, *, reload: bool = False) -> None:
        self.settings = settings
        self._reload = reload
        self.engines: Engines = engines_of(settings)
        self._children: list[Child] = []
        self._tasks: set[asyncio.Future[None]] = set()
        self._left_behind = LeftBehind(settings.home / "run" / "children")
        self._schema = SchemaMemo(settings.home / "run" / "schema")
        self._forks = Forks(self._fork_server, log_format(settings)) if can_fork() and not reload else None
        self._stopping = asyncio.Event()
        self._failure: ConfigError | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        try:
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
            else:
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConfigError):
                    await starting
        finally:
            await self._stop()
        if self._failure is not None:
            raise self._failure
        return 0

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            for child in self._children:
                send_signal(child.process, signal.SIGKILL)
        self._stopping.set()

    async def _start(self) -> None:
        self._left_behind.end_all()
        check_port_free(self.settings.host, self.settings.port)
        building = asyncio.create_task(self._build_frontend())
        web = Child("web", self._web, self._web_answers)
        try:
            self.engines.prepare()
            if self._forks is not None:
                await self._forks.prepare()
            await self._start_engines()
            await self._migrate()
            if built_frontend(self.settings) is not None:
                self._supervise(web)
            self._supervise(Child("worker", lambda: self._ours("worker"), self._worker_beats))
            await building
        except BaseException:
            building.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConfigError):
                await building
            raise
        if web not in self._children:
            self._supervise(web)
        await ready_within(web, WEB_START_SECS)
        say(self.settings, f"StarkMatter {VERSION} is ready at {self.settings.browser_url}")
        await self._print_setup_link()
        self._spawn(self._watch())

    async def _start_engines(self) -> None:
        started = []
        postgres, valkey = self.engines.postgres, self.engines.valkey
        if postgres is not None:
            ready = in_thread(postgres.answers)
            started.append(self._supervise(Child("postgres", postgres.command, ready, postgres.prepare)))
        else:
            await check_database_reachable(self.engines.database_url)
        if valkey is not None:
            started.append(self._supervise(Child("valkey", valkey.command, in_thread(valkey.answers), valkey.prepare)))
        else:
            await check_cache_reachable(self.engines.redis_url)
        for child in started:
            await ready_within(child, ENGINE_START_SECS)
        if postgres is not None:
            postgres.bootstrap()

    async def _migrate(self) -> None:
        url = self.engines.database_url
        if not await asyncio.to_thread(self._schema.is_current, url):
            await self._run_once("migrate")
            await asyncio.to_thread(self._schema.remember, url)

    async def _build_frontend(self) -> None:
        if not self._reload and built_frontend(self.settings) is None:
            say(self.settings, "Building the front end, once for this version …")
            await self._run_once("frontend")

    async def _run_once(self, verb: str) -> None:
        """Run `starkmatter VERB` to its end; its failure is ours, in its own words."""
        code, out, err = await self._finish(self._ours(verb))
        relay.lines(verb, out, log_format(self.settings))
        if code != 0:
            words = err.decode("utf-8", "replace").strip().splitlines() or [f"starkmatter {verb} failed."]
            raise ConfigError(words[-1].removeprefix("starkmatter: "), exit_code=code if code > 0 else 1)

    async def _print_setup_link(self) -> None:
        code, out, err = await self._finish(self._ours("user", "setup-link", "--if-needed"))
        if code == 0 and out.strip():
            say(self.settings, f"Create the owner's account with this one-time link: {out.decode().strip()}")
        elif code != 0:
            log.warning("no set-up link", reason=err.decode("utf-8", "replace").strip()[-200:])

    async def _finish(self, command: Command) -> tuple[int, bytes, bytes]:
        """The exit code, standard output and standard error of a child that ends by itself, or with us."""
        process = await self._begin(command, errors_apart=True)
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            send_signal(process, signal.SIGKILL)
            await process.wait()
            raise
        return process.returncode or 0, out, err

    def _ours(self, *verb: str) -> Command:
        """`starkmatter VERB` with the addresses of the engines in its environment, never in its arguments."""
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL_FILE", "REDIS_URL_FILE")}
        env |= {
            "DATABASE_URL": self.engines.database_url,
            "REDIS_URL": self.engines.redis_url,
            "STARKMATTER_HOME": str(self.settings.home),
            "STARKMATTER_LOG_FORMAT": log_format(self.settings),
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",
        }
        return Command(
            name=verb[0], argv=(sys.executable, "-m", "starkmatter", *verb), env=env, cwd=ROOT_DIR, verb=verb
        )

    def _fork_server(self) -> Command:
        """What loads our code once for all of our processes, in the environment of each of them."""
        return replace(self._ours("forkserver"), argv=(sys.executable, "-m", "starkmatter.ops.forkserver"))

    async def _begin(self, command: Command, *, errors_apart: bool = False) -> Process:
        """A process of `command`, its output ours to read; our own are forked from code that is loaded already."""
        # Building takes many processes and a while, and at the first start nobody has loaded anything yet.
        if self._forks is not None and command.verb and command.name != "frontend":
            return await self._forks.start(command.verb, errors_apart=errors_apart)
        return await asyncio.create_subprocess_exec(
            *command.argv,
            **command.options(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if errors_apart else asyncio.subprocess.STDOUT,
        )

    def _web(self) -> Command:
        """The web process; with reload, Reflex's own runner, which compiles again after each change."""
        command = self._ours("web")
        if not self._reload:
            return command
        port = str(self.settings.port)
        argv = ("reflex", "run", "--env", "preview", "--frontend-port", port, "--backend-port", port)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        env = {**command.env, **SOURCE_RUN_ENV, "PATH": path}
        return replace(command, argv=(sys.executable, "-m", *argv), env=env, verb=())

    def _supervise(self, child: Child) -> Child:
        self._children.append(child)
        self._spawn(self._keep_running(child))
        return child

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error if isinstance(error, ConfigError) else ConfigError(f"Supervisor: {error!r}", exit_code=1))

    def _fail(self, failure: ConfigError) -> None:
        self._failure = self._failure or failure
        self._stopping.set()

    async def _keep_running(self, child: Child) -> None:
        crashes = 0
        while not self._stopping.is_set():
            started_at = monotonic_secs()
            code = await self._run_child(child)
            if self._stopping.is_set():
                return
            if not child.became_ready.is_set() and code in FATAL_EXIT_CODES:
                raise ConfigError(f"{child.name} refused to start: see the lines above.", exit_code=code)
            crashes = 0 if monotonic_secs() - started_at > STEADY_SECS else crashes
            pause_secs = BACKOFF_SECS[min(crashes, len(BACKOFF_SECS) - 1)]
            crashes += 1
            log.error(f"{child.name} ended and is started again", exit_code=code, pause_secs=pause_secs)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_secs)
                return
            if child.before_restart is not None:
                await asyncio.to_thread(child.before_restart)

    async def _run_child(self, child: Child) -> int:
        child.phase = Phase.STARTING
        child.process = process = await self._begin(child.command())
        self._left_behind.remember(child.name, process.pid)
        log.info(f"{child.name} starts", pid=process.pid)
        relaying = asyncio.create_task(relay.stream(child.name, process.stdout, log_format(self.settings)))
        readying = asyncio.create_task(self._await_ready(child))
        code = await process.wait()
        child.phase = Phase.STOPPED
        readying.cancel()
        if child.name == "worker":
            await self._forget_beat()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(relaying, 1.0)
        return code

    async def _await_ready(self, child: Child) -> None:
        started_at = monotonic_secs()
        while not await is_ready(child):  # noqa: ASYNC110 - another process cannot set our event
            await asyncio.sleep(READY_POLL_SECS)
        child.phase = Phase.READY
        child.became_ready.set()
        log.info(f"{child.name} is ready", after_secs=round(monotonic_secs() - started_at, 2))

    async def _web_answers(self) -> bool:
        return await http_ok(self.settings.host, self.settings.port, "/healthz")

    async def _watch(self) -> None:
        """End a worker whose heartbeat stopped, or a web process that no longer answers; the keeper starts it anew."""
        silent_since: dict[str, float] = {}
        while not self._stopping.is_set():
            await asyncio.sleep(WATCH_EVERY_SECS)
            for child in self._children:
                if child.name not in SILENT_SECS or child.phase is not Phase.READY:
                    silent_since.pop(child.name, None)
                    continue
                if await self._is_alive(child):
                    silent_since.pop(child.name, None)
                    continue
                since = silent_since.setdefault(child.name, monotonic_secs())
                if monotonic_secs() - since > SILENT_SECS[child.name]:
                    log.error(f"{child.name} is silent and is ended", silent_secs=round(monotonic_secs() - since))
                    silent_since.pop(child.name)
                    send_signal(child.process, signal.SIGKILL)

    async def _is_alive(self, child: Child) -> bool:
        if child.name == "web":
            return await self._web_answers()
        try:
            return await self._worker_beats()
        except (RedisError, OSError, TimeoutError):
            return True  # Without the cache nobody can say; the worker works on without it.

    async def _worker_beats(self) -> bool:
        async with asyncio.timeout(WATCH_EVERY_SECS), Redis.from_url(self.engines.redis_url) as cache:
            return await has_beaten(cache)

    async def _forget_beat(self) -> None:
        """The one of a worker that ended says nothing of the next one."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(WATCH_EVERY_SECS), Redis.from_url(self.engines.redis_url) as cache:
                await forget_beat(cache)

    async def _stop(self) -> None:
        """Web and worker first, so that they can still finish their work, then the engines."""
        self._stopping.set()
        for names in (("web", "worker"), ("valkey", "postgres")):
            await asyncio.gather(*(self._stop_child(child) for child in self._children if child.name in names))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._forks is not None:
            await self._forks.close()
        if self.engines.postgres is not None:
            self.engines.postgres.close()
        self._left_behind.forget()
        log.info("stopped")

    async def _stop_child(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        send_signal(process, child.command().stop_signal)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECS[child.name])
        except TimeoutError:
            log.warning(f"{child.name} did not stop in time and is ended")
            send_signal(process, signal.SIGKILL)
            await process.wait()


def say(settings: Settings, text: str) -> None:
    """A line for the person who started us; unlike a log line it may carry the set-up link."""
    form = log_format(settings)
    line = json.dumps({"message": text, "level": "info", "process": "run"}) if form == "json" else f"\n  {text}\n"
    print(line, flush=True)  # noqa: T201


def supervise(settings: Settings, *, reload: bool = False) -> int:
    """Run the product until a signal; the exit code. ConfigError when it cannot start."""

    async def supervised() -> int:
        return await Supervisor(settings, reload=reload).run()

    with only_instance(settings.home):
        return asyncio.run(supervised())
