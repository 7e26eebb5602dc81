"""The worker leaves when it does not lead any more, whatever a part of it does."""

import subprocess
import sys
from pathlib import Path

import psycopg

from starkmatter.jobs.worker import LOST_EXIT_CODE
from starkmatter.version import ROOT_DIR
from tests.ops.instance import environment
from tests.process.worker import LEADER_PID

STUBBORN = """
import asyncio
from starkmatter.jobs import worker
from starkmatter.settings import load_settings

async def stays(*_):
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            print("asked to end", flush=True)

worker._run_all = stays
raise SystemExit(worker.main(load_settings()))
"""


def test_who_lost_the_lead_leaves_though_a_part_will_not_end(database_url: str, redis_url: str, tmp_path: Path) -> None:
    variables = environment(tmp_path, 3999, {"DATABASE_URL": database_url, "REDIS_URL": redis_url})
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], env=variables, cwd=ROOT_DIR, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        try:
            assert any("leading" in line for line in worker.stdout)
            with psycopg.connect(database_url, autocommit=True) as connection:
                [(pid,)] = connection.execute(LEADER_PID).fetchall()
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
            assert any("asked to end" in line for line in worker.stdout)
            assert worker.wait(60) == LOST_EXIT_CODE
        finally:
            worker.kill()
