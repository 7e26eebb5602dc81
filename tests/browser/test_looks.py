"""What everybody can read: contrast of the colors, no flash of the other theme, letters that stay letters."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.walk import Walk

pytestmark = [pytest.mark.browser, pytest.mark.process]

TEXTS = ("--text-1", "--text-2", "--text-3", "--up", "--down", "--accent-text", "--amber", "--danger")
GROUNDS = ("--bg-0", "--bg-1", "--bg-2")
AA = 4.5
COLORS = """([theme, swap, names]) => {
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.swap = String(swap);
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(${name})`;
    found[name] = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  }
  probe.remove();
  return found;
}"""


def luminance(color: list[float]) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [part / 255 for part in color]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast([255, 255, 255], [0, 0, 0]) == pytest.approx(21)
    assert contrast([118, 118, 118], [255, 255, 255]) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("swap", [False, True], ids=["up is teal", "up is orange"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_color_stands_out_from_every_ground(owner: Walk, browser: Browser, theme: str, swap: bool) -> None:
    window = Walk.begin(browser, owner.url)
    window.page.goto(owner.url + "/login")
    colors = window.page.evaluate(COLORS, [theme, swap, [*TEXTS, *GROUNDS, "--bg-3", "--accent", "--on-accent"]])
    window.context.close()
    assert len({tuple(color) for color in colors.values()}) > 8
    faint = {
        (text, ground): round(contrast(colors[text], colors[ground]), 2)
        for text in TEXTS
        for ground in GROUNDS
        if contrast(colors[text], colors[ground]) < AA
    }
    assert faint == {}
    assert contrast(colors["--on-accent"], colors["--accent"]) >= AA
    # A pressed button's ground is another; colors of up and down stand there too.
    assert min(contrast(colors[one], colors["--bg-3"]) for one in ("--up", "--down")) >= AA


def test_letters_typed_into_a_field_are_no_shortcuts(walk: Walk) -> None:
    walk.open("/trade/AAPL")
    buy = walk.page.get_by_role("group", name="Side").get_by_role("button", name="Buy")
    walk.page.keyboard.press("b")
    expect(buy).to_have_attribute("aria-pressed", "true")
    walk.page.locator("#qty").focus()
    walk.page.keyboard.type("s?/g")
    walk.page.wait_for_timeout(400)
    expect(walk.page.get_by_role("dialog")).to_have_count(0)
    expect(buy).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_reload_paints_no_frame_in_the_other_theme(owner: Walk, browser: Browser, theme: str) -> None:
    other = "light" if theme == "dark" else "dark"
    window = Walk.begin(browser, owner.url, theme=other)
    window.page.add_init_script(
        f"if (localStorage.getItem('sm-theme') === null) localStorage.setItem('sm-theme', '{theme}');"
        "window.grounds = [];"
        "const note = () => { if (document.body) window.grounds.push(document.documentElement.dataset.theme + ' '"
        " + getComputedStyle(document.body).colorScheme); requestAnimationFrame(note); }; requestAnimationFrame(note);"
    )
    for _ in range(3):
        window.page.goto(owner.url + "/login")
        window.page.wait_for_timeout(400)
        assert set(window.page.evaluate("window.grounds")) == {f"{theme} {theme}"}
    window.context.close()
