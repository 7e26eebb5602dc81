"""How a headline sounds to somebody who holds the stock: VADER with a finance lexicon of our own, phrases included.

It reads words, not companies: it neither knows who is meant nor whether it is true.
"""

import csv
import re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from starkmatter.news.records import Mood

LEXICON = Path(__file__).resolve().parents[1] / "data" / "finance_lexicon.csv"
CLEAR = Decimal("0.15")
DECIMALS = Decimal("0.001")
ZERO = Decimal(0)


def read_lexicon(path: Path = LEXICON) -> dict[str, float]:
    """Terms in lower case with their score, -4 to 4 as in VADER's own lexicon; 0 for what means nothing here."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["term"]: float(row["score"]) for row in csv.DictReader(file)}


def score(title: str, summary: str = "") -> tuple[Decimal, Mood]:
    """From -1 to 1, and the word for it. The summary is heard only where the headline says nothing."""
    found = _compound(title)
    if not found and summary:
        found = _compound(summary)
    return found, "bullish" if found >= CLEAR else "bearish" if found <= -CLEAR else "neutral"


def _compound(text: str) -> Decimal:
    analyzer, phrases = _analyzer()
    joined = phrases.sub(lambda hit: _one_word(hit[0]), text.replace("’", "'"))
    return Decimal(str(analyzer.polarity_scores(joined)["compound"])).quantize(DECIMALS) + ZERO


@lru_cache(maxsize=1)
def _analyzer() -> tuple[Any, re.Pattern[str]]:
    """VADER with our terms; a phrase becomes one word before it is scored."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    terms = read_lexicon()
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update({_one_word(term): value for term, value in terms.items()})
    phrases = sorted((term for term in terms if " " in term), key=len, reverse=True)
    pattern = "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in phrases)
    return analyzer, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


def _one_word(phrase: str) -> str:
    return "_".join(phrase.lower().split())
