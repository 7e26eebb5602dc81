"""The trade page as a person waits for it: its weight, its first candle, and frames while 20,000 bars are moved."""

import re
import shutil
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from playwright.sync_api import Browser, Route

from bench.table import Row
from tests.browser.walk import Walk, chromium
from tests.ops.instance import running_instance

SETUP_LINK = re.compile(r"http://\S+/setup\?token=[\w-]+")
PAGE_KB = 300.0
FIRST_CANDLE_MS = 700.0
FRAME_MS = 50.0
BARS = 20_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = '{"indicators":["sma:20","rsi:14"]}'
TRIES = 5
CANDLE = "performance.getEntriesByName('chart-first-candle')[0]?.startTime ?? null"
VIEW = "document.querySelector('.chart .canvas').chartView"
MOVE = """
async () => {
    const view = document.querySelector('.chart .canvas').chartView;
    const scale = view.chart.timeScale();
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    view.done = true; // all bars are there: nothing is loaded meanwhile
    const count = view.bars.length;
    scale.setVisibleLogicalRange({ from: 0, to: count });
    await frame(); await frame();
    console.timeStamp('begin');
    const show = async (from, to) => { scale.setVisibleLogicalRange({ from, to }); await frame(); };
    for (let i = 0; i < 60; i++) await show(i * 100, count - 6000 + i * 100);
    for (let i = 0; i < 60; i++) await show((count / 2) * (i / 61), count - (count / 2) * (i / 61));
    for (let i = 0; i < 60; i++) await show(count / 2 + i * 40, count / 2 + i * 40 + 400);
    console.timeStamp('end');
    return count;
}
"""


def run() -> list[Row]:
    """Weight, first candle, and the longest frame."""
    folder = Path(tempfile.mkdtemp(prefix="sm-bench-"))
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
            owner.open("/trade/AAPL")  # its bars are built and its market is remembered
            state = owner.context.storage_state()
            owner.context.close()
            rows = [_weight(browser, url, state), _first_candle(browser, url, state), _frames(browser, url, state)]
            instance.stop()
        return rows
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _weight(browser: Browser, url: str, state: Any) -> Row:
    """Bytes on the wire with an empty cache, bars included."""
    walk = Walk.begin(browser, url, state=state)
    session = walk.context.new_cdp_session(walk.page)
    sizes: list[int] = []
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    walk.open("/trade/AAPL")
    walk.page.wait_for_timeout(1_000)
    walk.context.close()
    kilobytes = sum(sizes) / 1e3
    return Row("weight of the chart page", f"{kilobytes:.0f} kB", f"{PAGE_KB:.0f} kB", kilobytes / PAGE_KB, 1.0)


def _first_candle(browser: Browser, url: str, state: Any) -> Row:
    """From the start of a navigation to the first bars on the canvas; the code comes from the browser's cache."""
    walk = Walk.begin(browser, url, state=state)
    walk.open("/trade/AAPL")
    times: list[float] = []
    for _ in range(TRIES):
        walk.page.goto(f"{url}/trade/MSFT", wait_until="load")
        times.append(_candle_ms(walk))
    walk.context.close()
    middle = statistics.median(times)
    text = f"{middle:.0f} ms (median of {TRIES})"
    return Row("first candle after navigation", text, f"{FIRST_CANDLE_MS:.0f} ms", middle / FIRST_CANDLE_MS, 1.0)


def _candle_ms(walk: Walk) -> float:
    """When the first bars were on the canvas. Asked again and again: the page's policy lets nothing wait inside it."""
    for _ in range(300):
        found = walk.page.evaluate(CANDLE)
        if found is not None:
            return float(found)
        walk.page.wait_for_timeout(100)
    raise RuntimeError("No candle was drawn within 30 s.")


def _frames(browser: Browser, url: str, state: Any) -> Row:
    """The longest task of the page's main thread while 20,000 bars with two indicators are panned and zoomed."""
    walk = Walk.begin(browser, url, state=state)
    walk.page.route("**/api/v1/bars*", _many_bars)
    walk.page.route("**/api/v1/indicators?*", _many_values)
    walk.page.add_init_script(f"localStorage.setItem('starkmatter.chart.look', '{LOOK}')")
    walk.open("/trade/AAPL")
    for _ in range(40):
        walk.page.evaluate(f"{VIEW}.back({{ from: 0, to: 10 }})")
        if walk.page.evaluate(f"{VIEW}.bars.length") >= BARS:
            break
        walk.page.wait_for_timeout(200)
    walk.page.wait_for_timeout(1_000)
    browser.start_tracing(page=walk.page, categories=["devtools.timeline", "disabled-by-default-devtools.timeline"])
    count = walk.page.evaluate(MOVE)
    events = orjson.loads(browser.stop_tracing())["traceEvents"]
    walk.context.close()
    longest, cpu = _longest_ms(events)
    text = f"{longest:.1f} ms ({cpu:.1f} ms of CPU) over {count} bars"
    return Row("longest frame of pan and zoom", text, f"{FRAME_MS:.0f} ms", longest / FRAME_MS, 1.0)


def _longest_ms(events: list[dict[str, Any]]) -> tuple[float, float]:
    """The longest task, and the most CPU of one, of the thread that said when it began and ended, between the two."""
    marks = [one for one in events if one.get("name") == "TimeStamp"]
    begin, end = (next(one for one in marks if one["args"]["data"]["message"] == word) for word in ("begin", "end"))
    thread = (begin["pid"], begin["tid"])
    tasks = [
        (one.get("dur", 0) / 1_000, one.get("tdur", 0) / 1_000)
        for one in events
        if one.get("name") in {"RunTask", "ThreadControllerImpl::RunTask"}
        and (one["pid"], one["tid"]) == thread
        and begin["ts"] <= one["ts"] <= end["ts"]
    ]
    if len(tasks) < 100:
        raise RuntimeError(f"The trace has {len(tasks)} tasks only: it was not taken.")
    return max(wall for wall, _ in tasks), max(cpu for _, cpu in tasks)


def _many_bars(route: Route) -> None:
    """Minutes without an end, whatever is asked for: what is measured is the drawing."""
    items = []
    for at in _minutes(route):
        base = _price(at)
        figures = {"open": base, "high": base + 0.6, "low": base - 0.5, "close": base + 0.2, "volume": 1_000 + base}
        items.append({"starts_at": _text(at), **{name: str(one) for name, one in figures.items()}})
    route.fulfill(body=orjson.dumps({"items": items}).decode(), content_type="application/json")


def _many_values(route: Route) -> None:
    """Two lines, one on the price and one in its own pane, for the same minutes."""
    minutes = _minutes(route)
    items = []
    for name, pane in (("sma:20", "price"), ("rsi:14", "own")):
        line = {"id": name, "title": name, "drawn": "line", "values": [_price(at) for at in minutes]}
        head = {"name": name, "title": name, "pane": pane, "unit": "price", "parameters": {}, "levels": []}
        items.append(head | {"lines": [line]})
    body = {"items": items, "starts_at": [_text(at) for at in minutes]}
    route.fulfill(body=orjson.dumps(body).decode(), content_type="application/json")


def _minutes(route: Route) -> list[datetime]:
    asked = parse_qs(urlsplit(route.request.url).query)
    end = datetime.fromisoformat(asked["end"][0]) if "end" in asked else NOW
    return [end - timedelta(minutes=number) for number in range(int(asked["limit"][0]), 0, -1)]


def _price(at: datetime) -> float:
    return 100 + (int(at.timestamp()) // 60 % 997) / 20


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
