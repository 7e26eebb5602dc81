"""Work in a process of its own that is given nothing of our environment, and is ended when it takes too long."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process wrote, and how it ended: 0 when it was done."""

    out: bytes
    err: bytes
    exit_code: int


def finds_our_code() -> dict[str, str]:
    """The environment in which `python -m starkmatter...` runs: no secret and no address, only where our code is."""
    return {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}


async def run_python(
    arguments: Sequence[str], given: bytes = b"", *, within_secs: float, env: Mapping[str, str] = NOTHING
) -> Outcome | None:
    """Run Python with `arguments`, `given` on standard input; None when it took longer than `within_secs`.

    It is killed then, and when whoever waits for it is canceled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within_secs):
            out, err = await process.communicate(given)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Outcome(out, err, process.returncode or 0)
