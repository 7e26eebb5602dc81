"""A paper order as a person waits for it: from the click to its fill on screen; and a hundred orders in one second."""

import asyncio
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from playwright.sync_api import expect

from bench.table import Row
from tests.browser.walk import SECS, Walk, chromium
from tests.ops.instance import Instance, running_instance

SETUP_LINK = re.compile(r"http://\S+/setup\?token=[\w-]+")
SYMBOL = "KO"
TRIES = 9
CLICK_MS = 1_000.0
BURST, BURST_SECS, DECIDED_SECS = 100, 1.0, 10.0
UNDECIDED = {"pending_submit", "submitting", "unknown"}
# Both ends are taken in the page itself: the driver's own way there and back is nobody's wait.
WATCH = """
() => {
    window.filledAfter = null;
    const send = document.querySelector('#send');
    send.addEventListener('click', () => { window.clickedAt = performance.now(); }, { capture: true });
    new MutationObserver((_, seen) => {
        const receipt = [...document.querySelectorAll('a')].find((one) => one.textContent === 'Read its receipt');
        if (receipt && window.clickedAt) {
            seen.disconnect();
            requestAnimationFrame(() => { window.filledAfter = performance.now() - window.clickedAt; });
        }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}
"""


def run() -> list[Row]:
    """Click to fill, and a burst over REST."""
    folder = Path(tempfile.mkdtemp(prefix="sm-bench-"))
    more = {"STARKMATTER_WRITES_PER_MIN": "10000", "STARKMATTER_REQUESTS_PER_MIN": "100000"}
    try:
        with running_instance(folder / "home", folder / "run.log", more=more) as instance, chromium() as browser:
            instance.wait_until_ready()
            instance.wait(lambda: SETUP_LINK.search(instance.text), "the set-up link")
            instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes", 60)
            found = SETUP_LINK.search(instance.text)
            assert found is not None
            owner = Walk.begin(browser, f"http://localhost:{instance.port}")
            owner.set_up(found[0])
            times = sorted(_click(owner, number) for number in range(TRIES))
            state = owner.context.storage_state()
            owner.context.close()
            rows = [_row("order filled on screen after the click", times, CLICK_MS)]
        with running_instance(folder / "home", folder / "again.log", more=more) as instance:
            instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes", 60)
            rows.append(asyncio.run(_burst(instance, state)))
            instance.stop()
        return rows
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(name: str, times: list[float], limit: float) -> Row:
    """The worst of all tries: each click is somebody's."""
    told = f"{times[-1]:.0f} ms worst of {len(times)} (median {statistics.median(times):.0f})"
    return Row(name, told, f"{limit:.0f} ms", times[-1] / limit, 1.0)


def _click(owner: Walk, number: int) -> float:
    owner.open(f"/trade/{SYMBOL}")
    owner.write_ticket("Buy", str(1 + number), SYMBOL)
    if (read := owner.page.locator("#cautions-read")).count():
        read.check()
    owner.page.evaluate(WATCH)
    owner.page.locator("#send").click()
    link = owner.page.get_by_label("Order ticket").get_by_role("link", name="Read its receipt")
    expect(link).to_be_visible(timeout=60 * SECS)
    owner.page.wait_for_function("window.filledAfter !== null")  # told in the frame after
    return float(owner.page.evaluate("window.filledAfter"))


async def _burst(instance: Instance, state: Any) -> Row:
    """A hundred purchases, evenly over one second; until none of them is undecided, and how many there are then."""
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in state["cookies"])
    url = f"http://localhost:{instance.port}"
    headers = {"cookie": cookie, "origin": url}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=30) as rest:
        [account] = (await rest.get("/accounts")).json()["items"]
        known = await _orders(rest)

        async def send(number: int) -> None:
            await asyncio.sleep(BURST_SECS * number / BURST)
            body = {
                "account_id": account["id"],
                "symbol": SYMBOL,
                "side": "buy",
                "type": "market",
                "qty": f"1.{number + 1:03}",
                "time_in_force": "day",
            }
            answer = await rest.post("/orders", json=body, headers={"Idempotency-Key": f"burst-{uuid4()}"})
            assert answer.status_code in {200, 201}, answer.text

        started = time.perf_counter()
        await asyncio.gather(*(send(number) for number in range(BURST)))
        found = await _decided(rest)
        secs = time.perf_counter() - started
        assert len(found) - len(known) == BURST, "an order is missing or there twice"
    told = f"{secs:.1f} s, {BURST} orders and no other"
    return Row(f"{BURST} orders in a second, all decided", told, f"{DECIDED_SECS:.0f} s", secs / DECIDED_SECS, 1.0)


async def _decided(rest: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every order, once the market has said what becomes of each."""
    for _ in range(1_000):
        found = await _orders(rest)
        if not any(one["status"] in UNDECIDED for one in found):
            return found
        await asyncio.sleep(0.05)
    raise RuntimeError("Some orders were never decided.")


async def _orders(rest: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await rest.get("/orders", params={"limit": 500})).json()["items"])
