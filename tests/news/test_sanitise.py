"""What sources send becomes plain text, plain addresses and believable dates, whatever they try."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest

from starkmatter.news.sanitise import SUMMARY_CHARS, TITLE_CHARS, clean_instant, clean_text, clean_url

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

# Payload, and what a person reads of it (None: only that nothing dangerous is left).
TEXTS: list[tuple[str, str | None]] = [
    ("Plain headline", "Plain headline"),
    ("<b>Bold</b> claim", "Bold claim"),
    ("<script>alert(1)</script>Left", "Left"),
    ("<SCRIPT SRC=https://evil.example/x.js></SCRIPT>Left", "Left"),
    ("<scr<script>ipt>alert(1)</scr</script>ipt>", None),
    ("<img src=x onerror=alert(1)>Left", "Left"),
    ("<img/src=x/onerror=alert(1)>Left", "Left"),
    ("<svg onload=alert(1)>Left", "Left"),
    ("<svg><script>alert(1)</script></svg>Left", "Left"),
    ("<body onload=alert(1)>Left", "Left"),
    ("<iframe src='javascript:alert(1)'></iframe>Left", "Left"),
    ("<iframe srcdoc='<script>alert(1)</script>'></iframe>Left", "Left"),
    ("<object data='data:text/html,<script>alert(1)</script>'></object>Left", None),
    ("<a href='javascript:alert(1)'>click</a>", "click"),
    ("<a href='data:text/html;base64,PHNjcmlwdD4='>click</a>", "click"),
    ("<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>Left", None),
    ("<style>body{background:url(https://evil.example/a)}</style>Left", "Left"),
    ("<link rel=stylesheet href=https://evil.example/a.css>Left", "Left"),
    ("<meta http-equiv=refresh content='0;url=https://evil.example'>Left", "Left"),
    ("<form action=https://evil.example><input name=p></form>Left", "Left"),
    ("<details open ontoggle=alert(1)>Left", "Left"),
    ("<!--<img src=x onerror=alert(1)>-->Left", "Left"),
    ("<![CDATA[<script>alert(1)</script>]]>Left", None),
    ("<?php echo 1 ?>Left", "Left"),
    ("&lt;script&gt;alert(1)&lt;/script&gt;Left", "Left"),
    ("&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;Left", "Left"),
    ("&amp;amp;lt;img src=x onerror=alert(1)&amp;amp;gt;Left", "Left"),
    ("&#60;script&#62;alert(1)&#60;/script&#62;Left", "Left"),
    ("&#x3c;svg onload=alert(1)&#x3e;Left", "Left"),
    ("&#x000003c;img src=x onerror=alert(1)&#x3e;Left", "Left"),
    ("\x3cscript\x3ealert(1)\x3c/script\x3eLeft", "Left"),
    ("AT&amp;T rises", "AT&T rises"),
    ("AT&T rises", "AT&T rises"),
    ("Profit &gt; 3 % &amp; growing", "Profit > 3 % & growing"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ("<p>One.</p><p>Two.</p>", "One. Two."),
    ("One<br>two<br/>three", "One two three"),
    ("<ul><li>a</li><li>b</li></ul>", "a b"),
    ("line\none\r\n\ttwo", "line one two"),
    ("nul\x00byte", "nulbyte"),
    ("bell\x07 esc\x1b[31mred", "bell esc[31mred"),
    ("zero\u200bwidth", "zerowidth"),
    ("join\u200der\ufeff", "joiner"),
    ("soft\u00adhyphen", "softhyphen"),
    ("left\u202eto right", "leftto right"),
    ("\u2066isolate\u2069", "isolate"),
    ("\u200fmark\u200e", "mark"),
    ("tag\U000e0041\U000e0042s", "tags"),
    ("private\ue000use", "privateuse"),
    ("hangul\u3164filler", "hangulfiller"),
    ("braille\u2800blank", "brailleblank"),
    ("para\u2029graph\u2028line", "para graph line"),
    ("nb\u00a0space\u3000wide", "nb space wide"),
    ("z\u0301\u0302\u0303\u0304\u0305\u0306\u0307algo", None),
    ("lone\ud800surrogate", "lonesurrogate"),
    ("{{7*7}} ${7*7} <%= 7*7 %>", None),
    ("[click](javascript:alert(1))", "[click](javascript:alert(1))"),
    ("'; DROP TABLE news_item; --", "'; DROP TABLE news_item; --"),
    ('" onmouseover="alert(1)', '" onmouseover="alert(1)'),
    ("<" * 5_000, None),
    ("<a " * 5_000, None),
    ("&" * 5_000, None),
    ("&amp;" * 4_000, None),
    ("x" * 1_000_000, None),
    ("<b>" * 300_000, None),
    ("\u202e" * 100_000 + "end", None),
    ("", ""),
    ("   ", ""),
]


@pytest.mark.parametrize(("raw", "read"), TEXTS, ids=range(len(TEXTS)))
def test_a_text_is_plain_whatever_was_sent(raw: str, read: str | None) -> None:
    text = clean_text(raw, TITLE_CHARS)
    if read is not None:
        assert text == read
    assert len(text) <= TITLE_CHARS
    lowered = text.lower()
    assert not any(tag in lowered for tag in ("<script", "<img", "<svg", "<iframe", "<a ", "<style", "<object"))
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in text)
    assert clean_text(text, TITLE_CHARS) == text
    text.encode("utf-8")


def test_there_are_sixty_payloads_and_more() -> None:
    assert len(TEXTS) >= 60


def test_a_long_text_ends_at_a_word_with_a_sign() -> None:
    text = clean_text("word " * 500, SUMMARY_CHARS)
    assert text.endswith("word…")
    assert len(text) <= SUMMARY_CHARS


def test_marks_do_not_pile_up() -> None:
    assert len(clean_text("z" + "\u0301" * 50 + "algo", 100)) <= 7


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("https://example.org/a", "https://example.org/a"),
        ("HTTPS://Example.ORG/A", "https://example.org/A"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a?id=7&utm_source=x&utm_campaign=y&fbclid=z", "https://example.org/a?id=7"),
        ("https://example.org/a?gclid=1#top", "https://example.org/a"),
        ("https://example.org/a?x=1&amp;y=2", "https://example.org/a?x=1&y=2"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("https://example.org./a", "https://example.org/a"),
        ("  https://example.org/a  ", "https://example.org/a"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a"),
        ("https://example.org/a%20b(c)", "https://example.org/a%20b(c)"),
    ],
)
def test_an_address_is_kept_without_what_follows_people(raw: str, kept: str) -> None:
    assert clean_url(raw) == kept
    assert clean_url(kept) == kept


@pytest.mark.parametrize(
    "raw",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "ftp://example.org/a",
        "//example.org/a",
        "/a",
        "example.org",
        "https://",
        "https:///a",
        "https://user:pass@example.org/",
        "https://example.org@evil.example/",
        "https://example.org\\@evil.example/",
        "https://example.org/a b",
        "https://example.org/\x00",
        "https://example.org/<script>",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://[::1",
        "http://[::1]/",
        "http://192.168.1.1/admin?reboot=1",
        "http://127.0.0.1:9/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://localhost/x",
        "http://router/",
        "http://nas.local/",
        "&#106;avascript:alert(1)",
        "https://example.org/" + "a" * 2_000,
        "",
    ],
)
def test_an_address_that_is_none_of_the_web_is_dropped(raw: str) -> None:
    assert clean_url(raw) == ""


@pytest.mark.parametrize(
    ("offset", "kept"),
    [
        (timedelta(hours=-3), timedelta(hours=-3)),
        (timedelta(days=-89), timedelta(days=-89)),
        (timedelta(days=-91), None),
        (timedelta(days=-20_000), None),
        (timedelta(hours=5), timedelta(0)),
        (timedelta(days=3), None),
        (timedelta(days=365_000), None),
    ],
)
def test_a_date_is_believed_within_reason_and_never_in_the_future(offset: timedelta, kept: timedelta | None) -> None:
    assert clean_instant(NOW + offset, NOW) == (None if kept is None else NOW + kept)


def test_a_report_without_a_date_is_of_now() -> None:
    assert clean_instant(None, NOW) == NOW
