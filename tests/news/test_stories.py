"""Which reports are one story, and which symbols a text is about: tables of cases."""

import pytest

from starkmatter.news.deduplicate import title_key, url_key
from starkmatter.news.link import MAX_SYMBOLS, Linker, company_name

INSTRUMENTS = [
    ("A", "Agilent Technologies, Inc."),
    ("AAPL", "Apple Inc."),
    ("ALL", "The Allstate Corporation"),
    ("AMZN", "Amazon.com, Inc."),
    ("BBY", "Best Buy Co., Inc."),
    ("BRK.B", "Berkshire Hathaway Inc."),
    ("GE", "General Electric Company"),
    ("GOOG", "Alphabet Inc. (Class C)"),
    ("IT", "Gartner, Inc."),
    ("JPM", "JPMorgan Chase & Co."),
    ("KO", "The Coca-Cola Company"),
    ("META", "Meta Platforms, Inc. (Class A)"),
    ("MSFT", "Microsoft Corporation"),
    ("NVDA", "NVIDIA Corporation"),
    ("UNH", "UnitedHealth Group Incorporated"),
    ("^GSPC", "S&P 500"),
]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://example.org/a", "http://www.example.org/a/", True),
        ("https://example.org/a?b=2&a=1", "https://example.org/a?a=1&b=2", True),
        ("https://m.example.org/a/amp/", "https://example.org/a", True),
        ("https://example.org/a/index.html", "https://example.org/a", True),
        ("https://example.org/a", "https://example.org/b", False),
        ("https://example.org/a?id=1", "https://example.org/a?id=2", False),
        ("https://example.org/a", "https://example.net/a", False),
    ],
)
def test_an_address_is_known_in_other_clothes(one: str, other: str, same: bool) -> None:
    assert (url_key(one) == url_key(other)) is same


def test_no_address_is_like_no_other() -> None:
    assert url_key("") == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Apple beats estimates again", "A"), ("APPLE BEATS ESTIMATES, AGAIN!", "B"), True),
        (("Apple’s profit beats all estimates", "A"), ("Apple's profit beats all estimates", "B"), True),
        (("Apple beats estimates again - The Wire", "A"), ("Apple beats estimates again", "B"), True),
        (("Apple beats estimates again | Example Times", "Example Times"), ("Apple beats estimates again", "B"), True),
        (("Café chain opens more shops", "A"), ("Cafe chain opens more shops", "B"), True),
        (("Apple beats estimates again", "A"), ("Apple misses estimates again", "B"), False),
        (("Oil: up today - or down for the whole year", "A"), ("Oil: up today", "B"), False),
        (("Press release", "A"), ("Press release", "B"), False),
        (("Press release", "A"), ("PRESS RELEASE", "A"), True),
    ],
)
def test_a_headline_is_known_in_other_clothes(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert (title_key(*one) == title_key(*other)) is same


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Apple beats estimates", "AAPL"),
        ("Apple's profit and Apple’s margin", "AAPL"),
        ("$MSFT and $aapl rise", "MSFT AAPL"),
        ("$A rises", "A"),
        ("A rises", ""),
        ("ALL of it", ""),
        ("$ALL rises", "ALL"),
        ("Allstate pays a dividend", "ALL"),
        ("IT spending grows", ""),
        ("Agilent Technologies (NYSE: A) reports", "A"),
        ("(NASDAQ: MSFT)", "MSFT"),
        ("NVDA leads chip stocks", "NVDA"),
        ("Nvidia leads chip stocks", "NVDA"),
        ("EVERYTHING ABOUT NVDA TODAY", ""),
        ("GE and KO", ""),
        ("$GE and Coca-Cola", "GE KO"),
        ("BRK.B rises, says BRK-B holder", "BRK.B"),
        ("Berkshire Hathaway buys", "BRK.B"),
        ("an apple a day", ""),
        ("Apple pie for all", ""),
        ("Big Apple marathon", ""),
        ("Pineapple harvest, Applebee's opens", ""),
        ("Amazon opens a warehouse", "AMZN"),
        ("Amazon rainforest shrinks", ""),
        ("Best Buy cuts its outlook", "BBY"),
        ("the best buy of the year", ""),
        ("Google sued", "GOOG"),
        ("Alphabet sued", "GOOG"),
        ("Meta-analysis of statins", ""),
        ("Metal prices", ""),
        ("JPMorgan Chase & Co. raises its dividend", "JPM"),
        ("UnitedHealth names a chief", "UNH"),
        ("S&P 500 ends higher", "^GSPC"),
        ("US$100 million, A$5, $5", ""),
        ("see https://example.org/AAPL.html", ""),
        ("", ""),
    ],
)
def test_a_text_names_its_symbols(text: str, symbols: str) -> None:
    assert " ".join(Linker(INSTRUMENTS).symbols_in(text)) == symbols


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Apple Inc.", "Apple"),
        ("The Home Depot, Inc.", "Home Depot"),
        ("Eli Lilly and Company", "Eli Lilly"),
        ("Merck & Co., Inc.", "Merck"),
        ("Alphabet Inc. (Class C)", "Alphabet"),
        ("Bank of America Corporation", "Bank of America"),
        ("S&P 500", "S&P 500"),
    ],
)
def test_a_company_is_known_without_its_legal_form(name: str, plain: str) -> None:
    assert company_name(name) == plain


def test_a_list_of_everything_is_about_a_few() -> None:
    many = [(f"SYM{chr(65 + n)}", f"Company {n}") for n in range(20)]
    text = "Today: " + ", ".join(symbol for symbol, _ in many)
    assert len(Linker(many).symbols_in(text)) == MAX_SYMBOLS


def test_without_instruments_nothing_is_named() -> None:
    assert Linker([]).symbols_in("Apple and $AAPL") == ()
