"""The fork server with real processes: what it starts looks and ends like a program of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from starkmatter.errors import ConfigError
from starkmatter.ops.children import Command
from starkmatter.ops.forks import Forked, Forks, _Server, can_fork
from starkmatter.version import ROOT_DIR, VERSION
from tests.ops.instance import environment

pytestmark = [pytest.mark.process, pytest.mark.skipif(not can_fork(), reason="each process loads its own code here")]

# What it serves is not the question here: nothing is loaded beforehand.
UNLOADED = "from starkmatter.ops import forkserver; forkserver.load = lambda: None; forkserver.main()"
SLEEPY = """
import sys, time, types
from starkmatter.ops import forkserver
forkserver.load = lambda: None
sys.modules["starkmatter.cli"] = types.SimpleNamespace(main=lambda: (print("up", flush=True), time.sleep(60)))
forkserver.main()
"""
BROKEN = "raise SystemExit('no such module')"


def running(program: str, home: Path) -> Callable[[], Command]:
    """How to start a fork server that is this program."""
    return lambda: Command(
        name="forkserver", argv=(sys.executable, "-c", program), env=environment(home, 3999), cwd=ROOT_DIR
    )


@asynccontextmanager
async def forks_of(program: str, home: Path) -> AsyncIterator[Forks]:
    forks = Forks(running(program, home), "json")
    try:
        yield forks
    finally:
        await forks.close()


async def up(forks: Forks) -> Forked:
    """A child that has said a first word."""
    child = await forks.start(("sleep",))
    assert await child.stdout.readline() == b"up\n"
    return child


async def test_a_command_has_its_own_output_errors_and_exit_code(tmp_path: Path) -> None:
    async with forks_of(UNLOADED, tmp_path) as forks:
        version = await forks.start(("--version",), errors_apart=True)
        assert await version.communicate() == (f"{VERSION}\n".encode(), b"")
        assert version.returncode == 0
        unknown = await forks.start(("no-such-verb",), errors_apart=True)
        out, err = await unknown.communicate()
        assert (unknown.returncode, out) == (2, b"")
        assert b"No such command 'no-such-verb'" in err
        together = await forks.start(("no-such-verb",))
        assert b"No such command" in (await together.communicate())[0]


async def test_it_loads_what_web_and_worker_need_and_no_thread_is_there_when_it_forks(tmp_path: Path) -> None:
    from starkmatter.ops import forkserver

    loaded = f"""
import os, sys, types
from starkmatter.ops import forkserver
load = forkserver.load
def loaded():
    load()
    modules = [name for name in ("pandas", "numba", "scipy", "yfinance", "alpaca") if name in sys.modules]
    missing = [name for name in {forkserver.LOADED!r} if name not in sys.modules]
    sys.modules["starkmatter.cli"] = types.SimpleNamespace(
        main=lambda: print(modules, missing, len(os.listdir("/proc/self/task")), end="")
    )
forkserver.load = loaded
forkserver.main()
"""
    async with forks_of(loaded, tmp_path) as forks:
        child = await forks.start(("look",))
        out, _ = await child.communicate()
        assert out == b"[] [] 1"
        assert child.returncode == 0


async def test_a_child_leads_a_session_of_its_own_and_holds_nothing_of_the_others(tmp_path: Path) -> None:
    async with forks_of(SLEEPY, tmp_path) as forks:
        first, second = await up(forks), await up(forks)
        for child in (first, second):
            process = psutil.Process(child.pid)
            assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
            assert process.cmdline()[0] == "starkmatter sleep"
            assert process.environ()["STARKMATTER_PORT"] == "3999"
            held = {str(link.readlink()) for link in Path(f"/proc/{child.pid}/fd").iterdir() if link.exists()}
            assert len([name for name in held if name.startswith("pipe:")]) == 1, held
            assert not [name for name in held if name.startswith(("socket:", "anon_inode:"))], held
        first.send_signal(signal.SIGKILL)
        assert await first.wait() == -signal.SIGKILL
        first.send_signal(signal.SIGKILL)
        assert second.returncode is None
    assert await second.wait() == -signal.SIGTERM
    with suppress(psutil.NoSuchProcess):  # or nobody has asked after it yet
        assert psutil.Process(second.pid).status() == psutil.STATUS_ZOMBIE


async def test_children_end_with_a_fork_server_that_dies_and_the_next_one_is_another(tmp_path: Path) -> None:
    async with forks_of(SLEEPY, tmp_path) as forks:
        child = await up(forks)
        server = psutil.Process(child.pid).parent()
        assert server is not None
        server.kill()
        assert await child.wait() == -signal.SIGTERM
        children = await asyncio.gather(*[up(forks) for _ in range(3)])
        assert {psutil.Process(child.pid).ppid() for child in children} != {server.pid}
        assert len({psutil.Process(child.pid).ppid() for child in children}) == 1


async def test_a_fork_server_that_dies_between_two_requests_is_replaced_within_the_next(tmp_path: Path) -> None:
    async with forks_of(SLEEPY, tmp_path) as forks:
        server = psutil.Process((await up(forks)).pid).parent()
        assert server is not None
        server.kill()
        with suppress(psutil.NoSuchProcess):
            while server.status() != psutil.STATUS_ZOMBIE:
                pass  # our loop must not hear of it before it asks
        assert psutil.pid_exists((await up(forks)).pid)


async def test_a_child_whose_fork_server_is_lost_with_its_answer_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = _Server._hear

    def hear_the_last(self: _Server) -> None:
        hear(self)
        self.lost()

    monkeypatch.setattr(_Server, "_hear", hear_the_last)
    async with forks_of(SLEEPY, tmp_path) as forks:
        child = await forks.start(("sleep",))
        server = psutil.Process(child.pid).parent()
        assert server is not None
        server.kill()
        assert await asyncio.wait_for(child.wait(), 20) == -signal.SIGTERM


async def test_code_that_cannot_be_loaded_is_said_and_not_tried_for_ever(tmp_path: Path) -> None:
    async with forks_of(BROKEN, tmp_path) as forks:
        with pytest.raises(ConfigError, match="could not be loaded"):
            await forks.start(("web",))
