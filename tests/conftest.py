"""The fixtures every room's tests share: real engines, one fresh database and one empty cache per test."""

import asyncio
import atexit
import gc
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings
from redis.asyncio import Redis
from xdist.scheduler import LoadScopeScheduling

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from tests.engines import TestEngines, engines_for_tests, fresh_database
from tests.lent import leave_all, lent_database
from tests.prepared import share_folder
from tests.security.product import end_product

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

HERE = Path(__file__).parent
# Files of the browser's room that look at another product than the run's: one of the market of today, or one alone.
MARKET = {"test_market_venue.py", "test_pairs.py"}
ALONE = {"test_whole_product.py", "test_brokers.py"}
# The files of the browser's room with the other half of its time: a process of their own looks at a product of its own.
OTHER_HALF = {f"test_{name}.py" for name in ("chart", "importing", "lots", "order_kinds", "pages", "reports")}
# The rooms and files whose tests keep a processor busy; all others mostly wait.
BUSY = ("browser", "security", "process")
# Rooms whose tests mostly wait for stand-ins.
WAITING = ("trading", "market")
BUSY_FILES = (
    "test_trading_machine.py",
    "test_named_kills.py",
    "test_supervisor.py",
    "test_dockerfile.py",
    "test_golden_days.py",
    "test_openapi_fuzz.py",
)


def _product(path: Path) -> str | None:
    """Which running product the tests of that file share, if any; each process has its own of either kind."""
    room = path.relative_to(HERE).parts[0]
    if room not in {"browser", "security"} or path.name in ALONE:
        return None
    return "market" if path.name in MARKET else "replay"


def pytest_configure(config: pytest.Config) -> None:
    """What the processes of a run share is made by the first of them."""
    if not hasattr(config, "workerinput"):
        share_folder()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests that share a product follow each other."""
    parts: dict[str, list[pytest.Item]] = {}
    for item in sorted(items, key=_turn):
        parts.setdefault(part_of(item.nodeid), []).append(item)
    if hasattr(config, "workerinput"):
        busy = sorted(filter(_is_busy, parts), key=_begins)
        others = sorted((part for part in parts if part not in busy), key=_computes)
        parts = {part: parts[part] for part in mixed(busy, others)}
    items[:] = [item for part in parts.values() for item in part]


def _turn(item: pytest.Item) -> tuple[int, int]:
    room = item.path.relative_to(HERE).parts[0]
    shared = {"replay": 0, "market": 1, None: 2}[_product(item.path)]
    return shared, BUSY.index(room) if room in BUSY else len(BUSY)


def part_of(nodeid: str) -> str:
    """What one process has as a whole: a file, or those of a room that look at one product."""
    file = nodeid.split("::", 1)[0]
    path = HERE.parent / file
    product = _product(path)
    if product is None:
        return file
    return f"{path.relative_to(HERE.parent).parent} with {product}{' (other half)' if path.name in OTHER_HALF else ''}"


def _is_busy(part: str) -> bool:
    path = Path(part.split(" with ")[0]).relative_to(HERE.name)
    return path.parts[0] in BUSY or path.name in BUSY_FILES


def _computes(part: str) -> bool:
    """Who waits comes first: at the end nobody else would use the processors meanwhile."""
    return Path(part).parts[1] not in WAITING


def _begins(part: str) -> int:
    """Long parts begin early, so that all processes end at about the same time."""
    name = part.split(" with ")[0].rsplit("/", 1)[-1]
    return BUSY_FILES.index(name) + 1 if name in BUSY_FILES else 0 if " with " in part else len(BUSY_FILES) + 1


def mixed(busy: list[str], waiting: list[str]) -> list[str]:
    """For several processes, dealt out in this order: two long parts, then what keeps busy evenly among what waits.

    All that keeps busy at once would leave the processors idle later, when everybody waits.
    """
    first, later = busy[:2], busy[2:]
    each = -(-len(waiting) // max(len(later), 1))
    dealt = [one for number, part in enumerate(later) for one in (part, *waiting[number * each : (number + 1) * each])]
    return [*first, *(dealt if later else waiting)]


def _load_share(config: pytest.Config) -> None:
    """A process begins with its own part of the files: what pytest compiles of them the others find done."""
    process = getattr(config, "workerinput", None)
    if process is None or [Path(one).resolve() for one in config.args] != [HERE]:
        return
    number = int(process["workerid"].removeprefix("gw"))
    for path in sorted(HERE.rglob("test_*.py"))[number :: process["workercount"]]:
        with suppress(Exception):  # pytest meets it again and says where
            import_module(".".join(path.relative_to(HERE.parent).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Loading all tests leaves a million objects that stay: no look for garbage need go through them, now or later."""
    gc.disable()
    try:
        _load_share(session.config)
        return (yield)
    finally:
        gc.freeze()
        # Little of what tests leave hangs in circles: looking for it every 700 objects took a thirtieth of their time.
        gc.set_threshold(20_000, 20, 20)
        gc.enable()
        # It is cleared away in its order, before the modules that it needs for that, but after pytest's last looks.
        atexit.register(gc.unfreeze)


class Parts(LoadScopeScheduling):
    """For several processes: each has a part as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parts:
    """Have the tests dealt out as above."""
    return Parts(config, log)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A product ends with the last test that looks at it: it would go on trading beside all others."""
    shared = _product(item.path)
    if shared is not None and (nextitem is None or _product(nextitem.path) != shared):
        if shared == "replay":
            end_product(item.config)
        else:
            from tests.browser.market import end_market  # with Playwright, which few processes need

            end_market(item.config)


@pytest.fixture(scope="session")
def engines() -> Iterator[TestEngines]:
    """The PostgreSQL and the Valkey of this run, started when a test first needs one."""
    with engines_for_tests() as started:
        yield started
        leave_all()


@pytest.fixture(scope="session")
def replay_template(engines: TestEngines) -> Iterator[str]:
    """The name of a database that a worker has nothing to prepare in: sessions, instruments, ten years of days."""
    from starkmatter.market.providers.replay import load_history  # they load numpy, which few tests need
    from starkmatter.market.replay_runs import prepare_market

    with fresh_database(engines) as url:

        async def prepare() -> None:
            opened = Database(url, name="prepare", max_size=2)
            await opened.open()
            await prepare_market(opened, load_history(), utc_now())
            await opened.close()

        asyncio.run(prepare())
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def database_url(engines: TestEngines) -> Iterator[str]:
    """A migrated database without anything in it, as the product's role (no superuser)."""
    with lent_database(engines) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open Database on a fresh, migrated database."""
    opened = Database(database_url, name="test", max_size=4)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def redis_url(engines: TestEngines) -> str:
    """The address of the run's Valkey; `cache` empties it."""
    return engines.redis_url


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Valkey, answering bytes."""
    client = Redis.from_url(redis_url)
    await client.flushall()
    yield client
    await client.aclose()
