"""Draw every screen of a running instance, dark and light, on a desk and on a phone: `python -m tests.browser.screens`.

Give `--setup LINK` (the printed set-up link) for a fresh instance; otherwise it signs in as the tests' owner.
"""

import argparse
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.browser.walk import DESKTOP, EMAIL, PASSPHRASE, PHONE, Walk, chromium

SCREENS = (
    ("dashboard", "/"),
    ("watchlists", "/markets"),
    ("heat-map", "/markets/map"),
    ("screener", "/markets/screener"),
    ("symbol", "/markets/AAPL"),
    ("correlation", "/markets/correlation"),
    ("sessions", "/markets/sessions"),
    ("trade", "/trade/AAPL"),
    ("orders", "/orders"),
    ("approvals", "/approvals"),
    ("news", "/news"),
    ("portfolio", "/portfolio"),
    ("performance", "/portfolio/performance"),
    ("lots", "/portfolio/lots"),
    ("gains", "/portfolio/gains"),
    ("income", "/portfolio/income"),
    ("reports", "/portfolio/reports"),
    ("actions", "/portfolio/actions"),
    ("import", "/portfolio/import"),
    ("assistant", "/assistant"),
    ("alerts", "/alerts"),
    ("settings", "/settings"),
    ("limits", "/settings/limits"),
    ("security", "/settings/security"),
    ("programs", "/settings/programs"),
    ("accounts", "/settings/accounts"),
    ("connections", "/settings/connections"),
    ("feeds", "/settings/news"),
    ("jobs", "/admin"),
    ("people", "/admin/people"),
    ("audit", "/admin/audit"),
)
DOORS = (
    ("login", "/login"),
    ("setup", "/setup?token=shown-once"),
    ("second-step", "/login/code"),
    ("forgot", "/forgot"),
    ("reset", "/reset?token=shown-once"),
    ("welcome", "/welcome"),
    ("not-found", "/nowhere"),
)
SIZES = (("desktop", DESKTOP), ("phone", PHONE))
THEMES = ("dark", "light")
PICTURE_MAX_BYTES = 200_000


def main() -> None:
    """Sign in, trade a little when nothing was traded, draw."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--url", default="http://localhost:3000")
    asked.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    asked.add_argument("--setup", help="the one-time link of a fresh instance")
    asked.add_argument("--email", default=EMAIL)
    asked.add_argument("--passphrase", default=PASSPHRASE)
    asked.add_argument("--only", help="a screen's name")
    asked.add_argument("--themes", nargs="*", default=THEMES)
    given = asked.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        walk = Walk.begin(browser, given.url)
        if given.setup:
            walk.set_up(given.setup)
        else:
            walk.sign_in(given.email, given.passphrase)
        trade_a_little(walk)
        state = walk.context.storage_state()
        for theme in given.themes:
            for size_name, size in SIZES:
                for complaint in draw(browser, given, state, theme, size_name, size):
                    print(complaint)


def trade_a_little(walk: Walk) -> None:
    """So that no screen is empty; nothing when there are orders already."""
    walk.open("/orders")
    if walk.page.locator("table.data tbody tr").count():
        return
    walk.trade("buy", "40", "AAPL")
    walk.trade("buy", "25", "MSFT")
    walk.trade("buy", "60", "KO")
    walk.trade("sell", "15", "AAPL")
    walk.trade("buy", "20", "AAPL", limit="110.00", tif="Until canceled")
    walk.open("/orders")


def draw(browser: Browser, given: argparse.Namespace, state, theme: str, size_name: str, size: dict) -> list[str]:
    """One theme at one size; the complaints of its console."""
    walk = Walk.begin(browser, given.url, size=size, theme=theme, state=state)
    context = walk.context
    context.add_init_script(f"localStorage.setItem('sm-theme', '{theme}')")
    for name, path in (*SCREENS, *DOORS):
        if given.only and given.only != name:
            continue
        walk.open(path)
        walk.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        walk.page.wait_for_timeout(1500 if name == "trade" else 400)
        shoot(walk, given.out / f"{name}-{theme}-{size_name}.png")
        if name == "trade" and size_name == "phone":
            walk.page.get_by_role("button", name="Buy", exact=True).last.click()
            walk.page.wait_for_timeout(500)
            shoot(walk, given.out / f"ticket-{theme}-{size_name}.png")
        if name == "trade" and size_name == "desktop":
            walk.write_ticket("buy", "10", "AAPL")
            shoot(walk, given.out / f"review-{theme}-{size_name}.png")
            walk.page.get_by_role("button", name="Back", exact=True).click()
        if name == "orders":
            walk.page.locator("table.data tbody tr", has_text="Filled").or_(
                walk.page.locator("table.data tbody tr", has_text="filled")
            ).first.locator("button").first.click()
            walk.page.wait_for_timeout(700)
            shoot(walk, given.out / f"receipt-{theme}-{size_name}.png")
    context.close()
    return [f"{theme} {size_name}: {complaint}" for complaint in walk.complaints]


def shoot(walk: Walk, path: Path) -> None:
    """One picture with at most 256 colors, which is enough for flat surfaces and keeps it small."""
    picture = Image.open(BytesIO(walk.page.screenshot()))
    picture.convert("RGB").quantize(colors=256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    assert path.stat().st_size < PICTURE_MAX_BYTES, f"{path} has {path.stat().st_size} bytes"


if __name__ == "__main__":
    main()
