"""How headlines sound: the lexicon of our own on top of VADER."""

from decimal import Decimal

import pytest

from starkmatter.news.sentiment import read_lexicon, score

UP = """
Chipmaker beats estimates and raises guidance
Retailer beats earnings estimates for the fifth quarter
Cloud revenue growth tops forecasts
Airline raises outlook as bookings surge
Bank raises its dividend and announces a share buyback
Analysts turn bullish on the drugmaker
Shares soar after FDA approval
Stock jumps to record high
Carmaker swings to profit
Grocer's profit doubles
Software firm upgraded to buy
Oil producer wins contract worth two billion
Miner reports record revenue
Quarterly sales better than expected
Markets rally as inflation cools
Sample: AAPL closed 3.1 % higher on Mar 5, 2021
Price target raised at three brokers
Shares rebound from a two-year trough
Company emerges from bankruptcy
Strong demand lifts forecast at the chip foundry
Insurer exceeds expectations with lower claims
Brewer returns to profit
""".strip().splitlines()
DOWN = """
Retailer files for bankruptcy
Chipmaker misses estimates and cuts guidance
Carmaker slashes forecast on weak demand
Shares plunge after profit warning
Bank fined over client records
SEC charges trader with securities fraud
Prosecutors open investigation into accounting fraud
Utility suspends dividend
Stock tumbles to a 52-week low
Software firm downgraded to sell
Airline swings to loss
Toy maker recalls two million units
FDA rejects the new treatment
Hospital chain hit by data breach
Steelmaker halts production
Lender defaults on its bonds
Regulator sues over misleading fees
Sample: MSFT closed 4.0 % lower on Mar 8, 2021
Revenue falls for a third quarter
Merger partner walks away as deal collapses
Publisher warns of slowdown and job cuts
Exchange starts delisting of the shell company
""".strip().splitlines()
PLAIN = """
Federal Reserve Board publishes minutes of its meeting
Company to present at an industry conference
Best Buy opens a store in Austin
Interest in shares outstanding: a glossary
Sample: KO traded 2.4 times its usual volume on Mar 5, 2021
Credit Trust holds its annual meeting
Quarterly report on crude and gross margins
""".strip().splitlines()


@pytest.mark.parametrize(("mood", "titles"), [("bullish", UP), ("bearish", DOWN), ("neutral", PLAIN)])
def test_clear_headlines_are_heard_as_meant(mood: str, titles: list[str]) -> None:
    heard = {title: score(title) for title in titles}
    assert {title: found for title, found in heard.items() if found[1] != mood} == {}


def test_there_are_enough_headlines_to_mean_something() -> None:
    assert len(UP) + len(DOWN) >= 40


def test_what_vader_alone_does_not_hear_is_heard() -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    title = "Maker beats earnings estimates and raises guidance"
    assert SentimentIntensityAnalyzer().polarity_scores(title)["compound"] == 0
    assert score(title)[0] > Decimal("0.5")


def test_the_score_is_an_exact_figure_between_minus_one_and_one() -> None:
    for title in (*UP, *DOWN, *PLAIN, "", "!" * 500, "surges " * 200, "😀" * 50):
        found, _ = score(title)
        assert isinstance(found, Decimal)
        assert Decimal(-1) <= found <= Decimal(1)
        assert found == found.quantize(Decimal("0.001"))


def test_the_summary_is_heard_only_where_the_headline_says_nothing() -> None:
    assert score("Quarterly report", "The maker files for bankruptcy.")[1] == "bearish"
    assert score("Maker beats estimates", "It files for bankruptcy.")[1] == "bullish"


def test_negation_turns_a_phrase_around() -> None:
    assert score("Maker does not raise doubts: it beats estimates")[0] > 0
    assert score("Maker is not bankrupt")[0] > score("Maker is bankrupt")[0]


def test_every_term_is_one_line_within_the_scale() -> None:
    terms = read_lexicon()
    assert len(terms) >= 200
    assert all(-4 <= value <= 4 and term == term.lower().strip() for term, value in terms.items())
    assert sum(" " in term for term in terms) >= 60
