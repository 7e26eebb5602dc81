"""Work in a process of its own: what it gets, what comes back, and that nothing of it is left."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from starkmatter.ops.outside import finds_our_code, run_python


def alive(mark: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if mark in " ".join(one.info["cmdline"] or [])]


async def test_it_gets_what_it_is_given_and_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret-canary-5521@/x")
    program = "import os, sys; print(sorted(os.environ)); sys.stdout.write(sys.stdin.read()); sys.stderr.write('said')"
    done = await run_python(["-I", "-c", program], b"given", within_secs=30)
    assert done is not None
    names, text = done.out.decode().split("\n")
    assert "DATABASE_URL" not in names
    assert "HOME" not in names
    assert (text, done.err, done.exit_code) == ("given", b"said", 0)


async def test_our_code_is_found_by_name() -> None:
    done = await run_python(
        ["-c", "import starkmatter; print(starkmatter.__file__)"], within_secs=30, env=finds_our_code()
    )
    assert done is not None
    assert Path(done.out.decode().strip()).name == "__init__.py"
    assert done.exit_code == 0


async def test_how_it_ended_is_told() -> None:
    done = await run_python(["-c", "import sys; sys.exit(7)"], within_secs=30)
    assert done is not None
    assert done.exit_code == 7


async def test_one_that_takes_too_long_is_ended() -> None:
    mark = f"mark-{os.getpid()}-late"
    assert await run_python(["-c", f"import time; time.sleep(60)  # {mark}"], within_secs=0.5) is None
    assert alive(mark) == []


async def test_one_nobody_waits_for_any_more_is_ended() -> None:
    mark = f"mark-{os.getpid()}-left"
    waiting = asyncio.create_task(run_python(["-c", f"import time; time.sleep(60)  # {mark}"], within_secs=60))
    async with asyncio.timeout(20):
        while not alive(mark):
            await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert alive(mark) == []
