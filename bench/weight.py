"""What a browser really loads per page, compressed, with an empty cache: Chromium's own count of transferred bytes."""

# ruff: noqa: T201 - a bench prints
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from playwright.sync_api import Browser

from bench.table import Row
from tests.browser.walk import Walk, chromium
from tests.ops.instance import Instance, running_instance
from tests.portfolio.history import give_past, market_past

SETUP_LINK = re.compile(r"http://\S+/setup\?token=[\w-]+")
BASE_KB = 230.0
TRADE_KB = 300.0
PERFORMANCE_KB = 580.0  # the page with Plotly's basic bundle, 339 kB of it
PAST_SESSIONS = 250
PAGES: tuple[tuple[str, str, float | None], ...] = (
    ("login", "/login", BASE_KB),
    ("dashboard", "/", BASE_KB),
    ("trade", "/trade/AAPL", TRADE_KB),
    ("portfolio", "/portfolio", None),
    ("performance", "/portfolio/performance", PERFORMANCE_KB),
    ("orders", "/orders", None),
    ("news", "/news", BASE_KB),
    ("assistant", "/assistant", BASE_KB),
    ("alerts", "/alerts", BASE_KB),
    ("settings", "/settings", None),
)
SHOWN_FILES = 8


def run() -> list[Row]:
    """One row per page; STARKMATTER_BENCH_FILES=1 also prints each page's largest files."""
    folder = Path(tempfile.mkdtemp(prefix="sm-bench-"))
    rows = []
    try:
        with running_instance(folder / "home", folder / "run.log") as instance, chromium() as browser:
            instance.wait_until_ready()
            instance.wait(lambda: SETUP_LINK.search(instance.text), "the set-up link")
            instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes", 60)
            found = SETUP_LINK.search(instance.text)
            assert found is not None
            url = f"http://localhost:{instance.port}"
            owner = Walk.begin(browser, url)
            owner.set_up(found[0])
            state = owner.context.storage_state()
            owner.context.close()
            _give_a_past(instance)
            for name, path, target_kb in PAGES:
                files = _load(browser, url, path, None if name == "login" else state)
                rows.append(_row(name, files, target_kb))
                if os.environ.get("STARKMATTER_BENCH_FILES"):
                    _print_files(name, files)
            instance.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def _give_a_past(instance: Instance) -> None:
    """Without closes the performance page draws no chart and would look lighter than it is."""
    web = instance.child("web")
    assert web is not None
    with psycopg.connect(web.environ()["DATABASE_URL"], autocommit=True) as stored:
        first = "SELECT account_id, min(venue_at) FROM equity_snapshot GROUP BY account_id"
        instance.wait(lambda: stored.execute(first).fetchone() is not None, "the account's first value", 60)
        row = stored.execute(first).fetchone()
        assert row is not None
        days = market_past(stored, PAST_SESSIONS, row[1])
        give_past(stored, row[0], days, opened_at=days[0].closes_at - timedelta(hours=5))


def _row(name: str, files: Counter[str], target_kb: float | None) -> Row:
    kilobytes = sum(files.values()) / 1e3
    script_kb = sum(size for path, size in files.items() if path.endswith(".js")) / 1e3
    value = f"{kilobytes:.0f} kB ({script_kb:.0f} kB script, {len(files)} files)"
    if target_kb is None:
        return Row(f"weight of {name}", value, "")
    return Row(f"weight of {name}", value, f"{target_kb:.0f} kB", kilobytes / target_kb, 1.0)


def _load(browser: Browser, url: str, path: str, state: Any) -> Counter[str]:
    """Bytes on the wire, headers included, by path, of one load with an empty cache."""
    walk = Walk.begin(browser, url, state=state)
    asked: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    session = walk.context.new_cdp_session(walk.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def begin(event: dict[str, Any]) -> None:
        asked[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def finish(event: dict[str, Any]) -> None:
        sizes[asked.get(event["requestId"], "?")] += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", begin)
    session.on("Network.loadingFinished", finish)
    walk.open(path)
    walk.page.wait_for_timeout(1_000)
    walk.context.close()
    return sizes


def _print_files(name: str, files: Counter[str]) -> None:
    for path, size in files.most_common(SHOWN_FILES):
        print(f"{name:10} {size / 1e3:7.1f} kB  {path}", file=sys.stderr)
