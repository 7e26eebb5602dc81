"""A program is let in on the screen, does its work, and is shut out again."""

import re

import httpx
import pytest
from playwright.sync_api import WebSocket, expect

from tests.browser.walk import SECS, Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]


def test_a_person_lets_a_program_in_sees_its_token_once_and_shuts_it_out(walk: Walk) -> None:
    frames: list[str] = []

    def listen(socket: WebSocket) -> None:
        for event in ("framesent", "framereceived"):
            socket.on(event, lambda payload: frames.append(str(payload)))

    page = walk.page
    page.on("websocket", listen)
    walk.open("/settings/programs")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_label("What is it for?").fill("Rebalancing script")
    page.get_by_label("Trade:").check()
    page.get_by_label("Only from these addresses").fill("127.0.0.0/8, ::1")
    page.get_by_role("button", name="Make it").click()
    shown = page.locator("code.given")
    expect(shown).to_have_text(re.compile(r"smk_\w{49}"), timeout=10 * SECS)
    token = shown.inner_text()
    row = page.get_by_role("region", name="Access for programs").locator("tbody tr").filter(has_text="Rebalancing")
    expect(row).to_contain_text("may read, trade", timeout=10 * SECS)
    expect(row).to_contain_text("never")

    with httpx.Client(base_url=walk.url, headers={"authorization": f"Bearer {token}"}) as program:
        assert program.get("/api/v1/accounts").json()["items"]
        assert program.get("/api/v1/jobs").json()["code"] == "insufficient_scope"
        page.get_by_role("button", name="I have kept it").click()
        walk.open("/settings/programs")
        expect(row).not_to_contain_text("never", timeout=10 * SECS)
        assert token not in page.content()
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0, timeout=10 * SECS)
        assert program.get("/api/v1/accounts").status_code == 401
    assert frames
    assert token not in "".join(frames)
