"""A home as its first start leaves it, made once in a run and copied for every product and every process of tests.

A first start costs a dozen seconds of a processor: roles and tables, ten years of days, bars inside the days before.
"""

import asyncio
import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.db.migrate import migrate
from starkmatter.ops.engines import engines_of, running
from starkmatter.settings import Settings
from tests.ram import fast_folder

FOLDER = "TESTS_SHARED_FOLDER"  # in the environment of every process of a run


def share_folder() -> None:
    """Called by the first process of a run, before there are others: a folder for all of them until it ends."""
    folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="sm-run-", dir=fast_folder())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def lay_out(home: Path, *, with_market: bool) -> None:
    """Make `home` a copy of the prepared one, with tables alone or with the market's past, too.

    The first process that asks makes it while others wait.
    """
    if FOLDER not in os.environ:  # nobody else could use it
        _prepare(home, with_market=with_market)
        return
    shared, kind = Path(os.environ[FOLDER]), "market" if with_market else "tables"
    with (shared / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / kind).exists():
            new = shared / f"new-{kind}"
            if with_market:
                lay_out(new, with_market=False)
            _prepare(new, with_market=with_market)
            new.rename(shared / kind)
    # Files that belong to the user of PostgreSQL stay theirs.
    subprocess.run(["cp", "-a", shared / kind, home], check=True)


def _prepare(home: Path, *, with_market: bool) -> None:
    settings = Settings(STARKMATTER_HOME=str(home), DATABASE_URL=None, REDIS_URL=None, _env_file=None)
    with running(engines_of(settings)) as engines:
        migrate(engines.database_url)
        if with_market:  # in a thread of its own: Playwright may have left a loop running in this one
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _fill(engines.database_url, settings)).result()


async def _fill(database_url: str, settings: Settings) -> None:
    from starkmatter.market.history import bars  # they load numpy, which few tests need
    from starkmatter.market.providers.replay import load_history
    from starkmatter.market.replay_feed import BACKFILL_SESSIONS
    from starkmatter.market.replay_runs import prepare_market

    db = Database(database_url, name="prepare", max_size=2)
    await db.open()
    history = load_history()
    calendar = await prepare_market(db, history, utc_now())
    before = [one for one in calendar.sessions if one.session_on < settings.replay_start_on]
    for age, session in enumerate(reversed(before[-max(BACKFILL_SESSIONS.values()) :])):
        wanted = [name for name, kept in BACKFILL_SESSIONS.items() if age < kept]
        await bars.merge_bars(db, bars.session_rows(history, settings.replay_seed, session, wanted))
    await db.close()
